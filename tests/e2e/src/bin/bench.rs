//! What a lecture costs: processor time of the server and of its transcoder for a minute of a real publication.
//! `make bench` runs it on the release build.

#![allow(clippy::disallowed_methods, reason = "real time is what is measured")]
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{
    clip::{Clip, PLAIN},
    follow::{Rendition, renditions},
    machine::eventually,
    publisher::Publisher,
    server::{Server, cpu_s},
};

const CLIP: Clip = Clip { seconds: 100, size: (1280, 720), ..PLAIN };
const MEASURED: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let clip = CLIP.file()?;
    let server = Server::start()?;
    let teacher = server.log_in("instructor")?;
    let lecture = teacher.go_live("Bench")?;
    let _publisher = Publisher::start(&clip, &server.rtmp_url(), &lecture.key)?;
    let playlist = eventually("the lecture is playable", Duration::from_secs(20), || {
        teacher.playback(&lecture.session)
    })?;
    let http = server.http();
    let paths = renditions(&http, &playlist)?;
    println!("720p30 for {MEASURED:?}, renditions {:?}", paths.keys().collect::<Vec<_>>());

    // One viewer of the source, so that what was made is also fetched.
    let mut source = Rendition::open(&http, paths.get("source").context("the source is there")?)?;
    let transcoders = server.transcoders()?;
    ensure!(transcoders.len() == 1, "one transcoder: {transcoders:?}");
    let before = (Instant::now(), cpu_s(server.pid())?, cpu_s(transcoders[0])?);
    source.follow(MEASURED * 2, |_| before.0.elapsed() >= MEASURED)?;
    let wall_s = before.0.elapsed().as_secs_f64();
    let served_s = cpu_s(server.pid())? - before.1;
    let transcoded_s = cpu_s(transcoders[0])? - before.2;
    println!("server: {:.2} s of CPU a stream-minute", served_s / wall_s * 60.0);
    println!("transcoder: {:.3} s of CPU a media-second", transcoded_s / wall_s);
    ensure!(source.broken.is_empty(), "broke rules:\n{}", source.broken.join("\n"));

    // Two hundred more who wait at the live edge as players do.
    let viewers = 200;
    let path = &source.path;
    let (msn, part) = source.list.next();
    let query = format!("{path}?_HLS_msn={msn}&_HLS_part={part}");
    let arrivals: Vec<Instant> = thread::scope(|scope| {
        let all: Vec<_> =
            (0..viewers).map(|_| scope.spawn(|| http.get(&query).map(|_| Instant::now()))).collect();
        all.into_iter().map(|one| one.join().expect("a request does not panic")).collect::<Result<_>>()
    })?;
    let first = arrivals.iter().min().context("there are viewers")?;
    let last = arrivals.iter().max().context("there are viewers")?;
    println!("{viewers} held reloads were released within {:?}", *last - *first);
    Ok(())
}
