//! The ladder's price: 1080p30 to 720, 480 and 240 lines, live in the transcoder, beside the ffmpeg command line with
//! the same rungs and x264 settings on the same file in the same run.

use std::{process::Command, thread, time::Duration};

use anyhow::{Result, ensure};
use e2e::{
    machine::eventually,
    publisher::Publisher,
    server::{Options, Server},
};

use crate::{
    clips,
    meter::{Meter, resident_mib},
    report::{Spread, ratio},
};

const WARM_UP: Duration = Duration::from_secs(6);
const MEASURED: Duration = Duration::from_secs(20);
const ROUNDS: usize = 2;
const CLIP_S: f64 = 20.0;

/// Runs and prints it.
pub(crate) fn run() -> Result<()> {
    println!("## ladder of 1080p30, busy pictures, to 720, 480 and 240 lines (CPU-seconds a media-second)");
    let clip = clips::busy_1080p30()?;
    let (mut ours, mut theirs) = (Spread::default(), Spread::default());
    for _ in 0..ROUNDS {
        theirs.add(command_line(&clip)? / CLIP_S);
        let options = Options {
            // On two shared cores it must not get away with less.
            environment: vec![("LECTERN_LADDER_DROP".to_owned(), "false".to_owned())],
            ..Options::default()
        };
        let server = Server::start_with(options)?;
        let teacher = server.log_in("admin")?;
        let lecture = teacher.go_live("Bench")?;
        let _publisher = Publisher::for_ever(&clip, &server.rtmp_url(), &lecture.key)?;
        let worker = eventually("the transcoder runs", Duration::from_secs(20), || {
            let workers = server.transcoders()?;
            ensure!(workers.len() == 1, "transcoders: {workers:?}");
            Ok(workers[0])
        })?;
        thread::sleep(WARM_UP);
        let meter = Meter::of(worker)?;
        thread::sleep(MEASURED);
        let used = meter.used()?;
        ours.add(used.cpu_s() / used.wall_s);
        println!("   transcoder's memory: {:.0} MiB", resident_mib(worker)?);
    }
    println!("   ffmpeg, split and scale  {theirs}");
    println!("   lectern-transcoder       {ours}   {}", ratio(&ours, &theirs));
    Ok(())
}

/// CPU-seconds of ffmpeg for the whole clip.
fn command_line(clip: &std::path::Path) -> Result<f64> {
    let rungs = [(720, 2500, 2, "high"), (480, 1200, 1, "main"), (240, 400, 1, "main")];
    let mut filter = format!("[0:v]split={}", rungs.len());
    for (height, ..) in rungs {
        filter.push_str(&format!("[i{height}]"));
    }
    for (height, ..) in rungs {
        filter.push_str(&format!(";[i{height}]scale=-2:{height}[o{height}]"));
    }
    // GNU time's own line is the only word of standard error with ffmpeg at -v error.
    let mut command = Command::new("bash");
    let mut line = format!(
        "TIMEFORMAT='%U %S'; time ffmpeg -y -nostdin -v error -i '{}' -filter_complex '{filter}'",
        clip.display()
    );
    for (height, kbps, threads, profile) in rungs {
        line.push_str(&format!(
            " -map '[o{height}]' -c:v libx264 -preset veryfast -tune zerolatency -profile:v {profile} \
             -b:v {kbps}k -maxrate {kbps}k -bufsize {kbps}k -force_key_frames 'expr:gte(t,n_forced*2)' \
             -x264-params keyint=infinite:scenecut=0:bframes=0:threads={threads}:sliced-threads={} -an -f null -",
            u8::from(threads > 1)
        ));
    }
    let output = command.arg("-c").arg(&line).output()?;
    let said = String::from_utf8(output.stderr)?;
    let numbers: Vec<f64> =
        said.lines().last().unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [user, system] = numbers[..] else { anyhow::bail!("ffmpeg said {said}") };
    ensure!(output.status.success(), "ffmpeg failed: {said}");
    Ok(user + system)
}
