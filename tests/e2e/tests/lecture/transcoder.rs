//! The transcoder may die or hang; the lecture does not notice.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{
    clip::{Clip, PLAIN},
    decode,
    machine::eventually,
    publisher::Publisher,
    server::{is_running, signal},
};

use crate::stage::{Stage, gap_seconds};

const CLIP: Clip = Clip { seconds: 60, ..PLAIN };
const A_WHILE: Duration = Duration::from_secs(30);
/// Found out, ended, started and fed again.
const BACK_MAX: Duration = Duration::from_secs(2);
/// What the rungs may lose: the segment that was being made, and the one in which the next process begins.
const GOPS_LOST_MAX: usize = 2;

#[test]
fn a_killed_transcoder_is_back_within_two_seconds() -> Result<()> {
    survives("KILL")
}

#[test]
fn a_hung_transcoder_is_replaced_within_two_seconds() -> Result<()> {
    survives("STOP")
}

/// A lecture beside it does not even lose a picture.
#[test]
fn damaged_pictures_cost_their_own_lecture_alone() -> Result<()> {
    let stage = Stage::open("Whole")?;
    let damaged = stage.teacher.go_live("Damaged")?;
    let mut publisher = Publisher::start(&CLIP.damaged()?, &stage.server.rtmp_url(), &damaged.key)?;
    let _healthy = stage.publish(CLIP)?;
    let playlist = stage.playable()?;
    let mut source = stage.rendition(&playlist, "source")?;
    let mut rung = stage.rendition(&playlist, "240p")?;
    for rendition in [&mut source, &mut rung] {
        rendition.follow(A_WHILE, |seen| seen.segments.len() >= 6)?;
        ensure!(rendition.broken.is_empty(), "rules are broken:\n{}", rendition.broken.join("\n"));
        ensure!(rendition.gaps.is_empty(), "there are gaps {:?}", rendition.gaps);
    }
    let numbers: Vec<_> = decode::frames(&source.runs()?)?.iter().filter_map(|frame| frame.number).collect();
    ensure!(
        numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "the whole lecture has every picture: {numbers:?}"
    );
    // The damaged one is on air too, as well as it can be.
    let seen =
        eventually("the damaged lecture is playable", A_WHILE, || stage.teacher.playback(&damaged.session))?;
    stage.server.http().get(&seen)?.expect(200)?;
    ensure!(publisher.is_running()?, "the damaged publication goes on");
    stage.server.http().get("/readyz")?.expect(200)?;
    Ok(())
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
    let lost_s = gap_seconds(&rung.list);
    println!("gaps in the rung: {:?}, {lost_s} s", rung.gaps);
    ensure!(rung.gaps.len() <= GOPS_LOST_MAX, "the rung lost {:?}", rung.gaps);
    ensure!(lost_s <= GOPS_LOST_MAX as f64 * CLIP.keyframes_s, "the rung lost {lost_s} s");
    // The new one's headers are those of the old one, byte for byte, so that players decode on.
    let inits: BTreeSet<_> = rung.segments.values().map(|(_, init)| init).collect();
    ensure!(inits.len() == 1, "the rung has one init for all its segments: {inits:?}");
    ensure!(!rung.list.all().any(|segment| segment.discontinuity), "the rung has a discontinuity");
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
