//! What an answer costs: a signed playlist and a signed segment of a megabyte, beside nginx with secure_link serving
//! the same bytes, under the same load (wrk) in the same run.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use e2e::{
    follow::{renditions, resolve},
    machine::eventually,
    playlist::Media,
    publisher::Publisher,
    server::Server,
};

use crate::{
    clips,
    meter::Meter,
    peer::Nginx,
    report::{Spread, ratio},
    viewers::for_many,
};

const SECRET: &str = "bench";
const SECONDS: u32 = 6;
const ROUNDS: usize = 3;
const CONNECTIONS: u32 = 100;

/// Runs and prints it.
pub(crate) fn run() -> Result<()> {
    ensure!(Path::new("/usr/bin/wrk").is_file(), "wrk is missing: run `setup/install bench`");
    let server = Server::start_with(for_many())?;
    let teacher = server.log_in("admin")?;
    let lecture = teacher.go_live("Bench")?;
    let publisher = Publisher::for_ever(&clips::segments_of_a_megabyte()?, &server.rtmp_url(), &lecture.key)?;
    let path = eventually("the lecture is playable", Duration::from_secs(20), || {
        teacher.playback(&lecture.session)
    })?;
    let http = server.http();
    let playlist =
        renditions(&http, &path.replace("/dvr/", "/"))?.remove("source").context("there is the source")?;
    // A full window, so that the playlist is as long as ever.
    let (list, text) = eventually("the window is full", Duration::from_secs(90), || {
        let text = http.get(&playlist)?.expect(200)?.body;
        let list = Media::parse(std::str::from_utf8(&text)?)?;
        ensure!(list.media_sequence > 1, "{} segments", list.segments.len());
        Ok((list, text))
    })?;
    drop(publisher);
    let newest = list.segments.iter().rev().find(|segment| !segment.gap).context("a segment")?;
    let segment = resolve(&playlist, &newest.uri);
    let bytes = http.get(&segment)?.expect(200)?.body;

    let nginx = Nginx::start(SECRET)?;
    println!("## a signed playlist of {} bytes (µs of CPU a request)", text.len());
    let theirs = nginx.signed("index.m3u8", &text, SECRET)?;
    beside(&server.url(&playlist), server.pid(), &theirs, nginx.pid(), |cpu_s, requests, _| {
        cpu_s / requests * 1e6
    })?;
    println!("## a signed segment of {} bytes (CPU-seconds a GB)", bytes.len());
    let theirs = nginx.signed("segment.m4s", &bytes, SECRET)?;
    beside(&server.url(&segment), server.pid(), &theirs, nginx.pid(), |cpu_s, _, bytes| cpu_s / bytes * 1e9)
}

fn beside(
    ours: &str,
    our_pid: u32,
    theirs: &str,
    their_pid: u32,
    figure: impl Fn(f64, f64, f64) -> f64,
) -> Result<()> {
    let (mut our_spread, mut their_spread) = (Spread::default(), Spread::default());
    for _ in 0..ROUNDS {
        for (url, pid, spread) in [(theirs, their_pid, &mut their_spread), (ours, our_pid, &mut our_spread)] {
            let meter = Meter::of(pid)?;
            let (requests, bytes) = wrk(url)?;
            spread.add(figure(meter.used()?.cpu_s(), requests, bytes));
        }
    }
    println!("   nginx    {their_spread}");
    println!("   Lectern  {our_spread}   {}", ratio(&our_spread, &their_spread));
    Ok(())
}

/// Requests answered and bytes read, all of them with success.
fn wrk(url: &str) -> Result<(f64, f64)> {
    let script = tempfile::Builder::new().suffix(".lua").tempfile()?;
    std::fs::write(
        script.path(),
        "done = function(s, l, r) io.write(string.format('%d %d %d\\n', s.requests, s.bytes, \
         s.errors.status + s.errors.connect + s.errors.read + s.errors.timeout)) end",
    )?;
    let output = Command::new("wrk")
        .args(["-t2", &format!("-c{CONNECTIONS}"), &format!("-d{SECONDS}s"), "-s"])
        .arg(script.path())
        .arg(url)
        .output()
        .context("start wrk")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said.lines().last().unwrap_or_default();
    let numbers: Vec<f64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [requests, bytes, errors] = numbers[..] else { anyhow::bail!("wrk said {said}") };
    ensure!(errors == 0.0 && requests > 0.0, "wrk had errors: {said}");
    Ok((requests, bytes))
}
