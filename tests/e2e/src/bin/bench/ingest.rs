//! Thirty publishers of 720p30 at 2 Mb/s, remuxed to live HLS without rungs: processor time for a minute of a stream,
//! beside nginx-rtmp in the same run; and what a stream costs in memory.

use std::{thread, time::Duration};

use anyhow::Result;
use e2e::{
    machine::eventually,
    publisher::Publisher,
    server::{Options, Server},
};

use crate::{
    clips,
    meter::{Meter, resident_mib},
    peer::Nginx,
    report::{Spread, ratio},
};

const PUBLISHERS: usize = 30;
const WARM_UP: Duration = Duration::from_secs(12);
const MEASURED: Duration = Duration::from_secs(30);
const ROUNDS: usize = 2;

/// Runs and prints it.
pub(crate) fn run() -> Result<()> {
    println!("## {PUBLISHERS} publishers of 720p30, 2 Mb/s, no rungs (CPU-seconds a stream-minute)");
    let clip = clips::lecture_720p30()?;
    let (mut ours, mut theirs) = (Spread::default(), Spread::default());
    for _ in 0..ROUNDS {
        let nginx = Nginx::start("bench")?;
        let publishers = (0..PUBLISHERS)
            .map(|n| Publisher::for_ever(&clip, &nginx.rtmp_url(), &format!("s{n}")))
            .collect::<Result<Vec<_>>>()?;
        theirs.add(a_stream_minute(nginx.pid())?);
        drop(publishers);
        drop(nginx);

        let server = Server::start_with(without_rungs())?;
        let teacher = server.log_in("admin")?;
        let empty_mib = resident_mib(server.pid())?;
        let lectures =
            (0..PUBLISHERS).map(|n| teacher.go_live(&format!("Bench {n}"))).collect::<Result<Vec<_>>>()?;
        let publishers = lectures
            .iter()
            .map(|lecture| Publisher::for_ever(&clip, &server.rtmp_url(), &lecture.key))
            .collect::<Result<Vec<_>>>()?;
        ours.add(a_stream_minute(server.pid())?);
        for lecture in &lectures {
            eventually("each is playable", Duration::from_secs(10), || teacher.playback(&lecture.session))?;
        }
        #[expect(clippy::cast_precision_loss, reason = "thirty")]
        let a_stream_mib = (resident_mib(server.pid())? - empty_mib) / PUBLISHERS as f64;
        println!("   memory of a stream after {:?}: {a_stream_mib:.1} MiB", WARM_UP + MEASURED);
        drop(publishers);
    }
    println!("   nginx-rtmp, HLS of 2 s  {theirs}");
    println!("   Lectern, LL-HLS         {ours}   {}", ratio(&ours, &theirs));
    Ok(())
}

/// Publications alone: what is measured is the server.
pub(crate) fn without_rungs() -> Options {
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Options {
        environment: vec![
            set("LECTERN_LADDER", "off"),
            set("LECTERN_RTMP_CONNECTIONS_MAX", "200"),
            set("LECTERN_RTMP_CONNECTIONS_PER_IP_MAX", "200"),
        ],
        ..Options::default()
    }
}

fn a_stream_minute(pid: u32) -> Result<f64> {
    thread::sleep(WARM_UP);
    let meter = Meter::of(pid)?;
    thread::sleep(MEASURED);
    let used = meter.used()?;
    #[expect(clippy::cast_precision_loss, reason = "thirty")]
    let minutes = used.wall_s / 60.0 * PUBLISHERS as f64;
    println!(
        "   pid {pid}: {:.3} (user : system {:.2} : {:.2} s)",
        used.cpu_s() / minutes,
        used.user_s,
        used.system_s
    );
    Ok(used.cpu_s() / minutes)
}
