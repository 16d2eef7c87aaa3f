//! The transcoder may die or hang; the lecture does not notice.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{
    clip::{Clip, PLAIN},
    decode,
    machine::eventually,
    server::{is_running, signal},
};

use crate::stage::Stage;

const CLIP: Clip = Clip { seconds: 60, ..PLAIN };
const A_WHILE: Duration = Duration::from_secs(30);
/// Found out, ended, started and fed again.
const BACK_MAX: Duration = Duration::from_secs(2);

#[test]
fn a_killed_transcoder_is_back_within_two_seconds() -> Result<()> {
    survives("KILL")
}

#[test]
fn a_hung_transcoder_is_replaced_within_two_seconds() -> Result<()> {
    survives("STOP")
}

fn survives(with: &str) -> Result<()> {
    let stage = Stage::open("Transcoder")?;
    let _publisher = stage.publish(CLIP)?;
    let playlist = stage.playable()?;
    let mut source = stage.rendition(&playlist, "source")?;
    let mut rung = stage.rendition(&playlist, "240p")?;
    rung.follow(A_WHILE, |seen| seen.segments.len() >= 2)?;
    source.reload()?;

    let before = stage.server.transcoders()?;
    ensure!(before.len() == 1, "one transcoder for one programme: {before:?}");
    let hit = Instant::now();
    signal(before[0], with)?;
    eventually("another transcoder runs", BACK_MAX, || {
        let now = stage.server.transcoders()?;
        now.iter().find(|pid| !before.contains(pid)).copied().context("none yet")
    })?;
    println!("another transcoder ran {:?} after {with}", hit.elapsed());

    let at = rung.list.newest().map_or(0, |(msn, _)| msn);
    rung.follow(A_WHILE, |seen| seen.segments.keys().last().is_some_and(|msn| *msn >= at + 3))?;
    source.follow(A_WHILE, |seen| seen.segments.keys().last().is_some_and(|msn| *msn >= at + 3))?;
    ensure!(!is_running(before[0]), "the first transcoder is gone");
    ensure!(source.broken.is_empty(), "the source broke rules:\n{}", source.broken.join("\n"));
    ensure!(rung.broken.is_empty(), "the rung broke rules:\n{}", rung.broken.join("\n"));
    ensure!(source.gaps.is_empty(), "the source has gaps {:?}", source.gaps);
    println!("gaps in the rung: {:?}", rung.gaps);
    let numbers: Vec<_> = decode::frames(&source.runs()?)?.iter().filter_map(|frame| frame.number).collect();
    ensure!(
        numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "the source has every picture: {numbers:?}"
    );
    for (msn, bytes) in rung.files()? {
        decode::strictly(&bytes).with_context(|| format!("segment {msn} of the rung"))?;
    }
    Ok(())
}
