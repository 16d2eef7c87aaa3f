//! How old the newest frame is that can be had at the edge: PROGRAM-DATE-TIME of the newest part's end against the wall
//! clock, twenty times a second, by a client that holds reloads.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use e2e::{follow::renditions, machine::eventually, playlist::Media, publisher::Publisher, server::Server};

use crate::{clips, ingest, report::percentile};

const MEASURED: Duration = Duration::from_secs(30);
const SAMPLE_EVERY: Duration = Duration::from_millis(25);
/// The picture before the part's end is that much older than the end.
const FRAME_S: f64 = 1.0 / 30.0;

/// Runs and prints it.
pub(crate) fn run() -> Result<()> {
    println!("## age of the newest frame at the edge, source rendition, parts of 0.5 s");
    let server = Server::start_with(ingest::without_rungs())?;
    let teacher = server.log_in("admin")?;
    let lecture = teacher.go_live("Bench")?;
    let _publisher = Publisher::for_ever(&clips::lecture_720p30()?, &server.rtmp_url(), &lecture.key)?;
    let path = eventually("the lecture is playable", Duration::from_secs(20), || {
        teacher.playback(&lecture.session)
    })?;
    let http = server.http();
    let path = renditions(&http, &path)?.remove("source").context("there is the source")?;
    let newest_end = Mutex::new(None::<f64>);
    let over = AtomicBool::new(false);
    let mut ages = thread::scope(|scope| -> Result<Vec<f64>> {
        let reader = scope.spawn(|| -> Result<()> {
            let mut query = path.clone();
            while !over.load(Ordering::Relaxed) {
                let list = Media::parse(http.get(&query)?.expect(200)?.text()?)?;
                *newest_end.lock().expect("nobody panics with it") = Some(end_of(&list)?);
                let (msn, part) = list.next();
                query = format!("{path}?_HLS_msn={msn}&_HLS_part={part}");
            }
            Ok(())
        });
        let mut ages = Vec::new();
        let began = std::time::Instant::now();
        while began.elapsed() < MEASURED {
            thread::sleep(SAMPLE_EVERY);
            let end = *newest_end.lock().expect("nobody panics with it");
            if let Some(end) = end {
                let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
                ages.push(now - end + FRAME_S);
            }
        }
        over.store(true, Ordering::Relaxed);
        reader.join().expect("the reader does not panic")?;
        Ok(ages)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "some thousand samples")]
    let mean = ages.iter().sum::<f64>() / ages.len() as f64;
    println!(
        "   mean {mean:.3} s, p50 {:.3} s, p99 {:.3} s, most {:.3} s",
        percentile(&mut ages, 0.5),
        percentile(&mut ages, 0.99),
        percentile(&mut ages, 1.0)
    );
    Ok(())
}

/// When the newest part ends, in seconds since 1970.
fn end_of(list: &Media) -> Result<f64> {
    let segment = list.open.as_ref().filter(|open| !open.parts.is_empty()).or(list.segments.last());
    let segment = segment.context("there is a segment")?;
    let date = segment.program_date_time.as_deref().context("each has its PROGRAM-DATE-TIME")?;
    let parts: f64 = segment.parts.iter().map(|part| part.duration_s).sum();
    ensure!(parts > 0.0, "the newest segment has parts");
    Ok(unix_s(date)? + parts)
}

/// Of RFC 3339 in UTC.
fn unix_s(date: &str) -> Result<f64> {
    let output = std::process::Command::new("date").args(["-u", "-d", date, "+%s.%N"]).output()?;
    String::from_utf8(output.stdout)?.trim().parse().with_context(|| format!("{date} is a date"))
}
