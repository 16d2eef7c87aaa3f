//! Whatever a publisher sends, all of it arrives, once, in order and in step, in every rendition.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    boxes::Track,
    clip::{Clip, PLAIN},
    decode::{self, Frame},
    follow::{Rendition, renditions},
    server::Options,
};

use crate::stage::Stage;

const SECONDS: u32 = 14;
/// ffmpeg ends a little later than the clip.
const FINISH: Duration = Duration::from_secs(40);

#[test]
fn thirty_frames_in_stereo() -> Result<()> {
    check(Clip { seconds: SECONDS, ..PLAIN }, &["240p", "audio", "source"])
}

#[test]
fn twenty_five_frames_in_mono_with_b_frames() -> Result<()> {
    let clip = Clip { frame_rate: Some((25, 1)), b_frames: 2, channels: Some(1), seconds: SECONDS, ..PLAIN };
    check(clip, &["240p", "audio", "source"])
}

#[test]
fn ntsc_frames_with_b_frames() -> Result<()> {
    let clip = Clip { frame_rate: Some((30_000, 1001)), b_frames: 2, seconds: SECONDS, ..PLAIN };
    check(clip, &["240p", "audio", "source"])
}

#[test]
fn sixty_frames() -> Result<()> {
    let clip = Clip { frame_rate: Some((60, 1)), b_frames: 3, seconds: SECONDS, ..PLAIN };
    check(clip, &["240p", "audio", "source"])
}

#[test]
fn sound_alone() -> Result<()> {
    check(Clip { frame_rate: None, seconds: SECONDS, ..PLAIN }, &["audio"])
}

#[test]
fn pictures_alone() -> Result<()> {
    check(Clip { channels: None, seconds: SECONDS, ..PLAIN }, &["240p", "audio", "source"])
}

#[test]
fn a_source_with_distant_keyframes_is_replaced_by_a_rung_of_its_size() -> Result<()> {
    let clip = Clip { keyframes_s: 8.0, seconds: 20, ..PLAIN };
    check(clip, &["240p", "360p", "audio"])
}

#[test]
fn the_ruler_is_straight() -> Result<()> {
    let clip = Clip { seconds: 4, b_frames: 2, ..PLAIN };
    let bytes = std::fs::read(clip.file()?)?;
    decode::strictly(&bytes)?;
    let numbers: Vec<_> = decode::pictures(&bytes)?.into_iter().map(|read| read.map(|read| read.0)).collect();
    ensure!(numbers == (0..clip.frames()).map(Some).collect::<Vec<_>>(), "numbers {numbers:?}");
    Ok(())
}

fn check(clip: Clip, wanted: &[&str]) -> Result<()> {
    // Every picture is counted, so no rung may be dropped on a machine that is too slow for it.
    let environment = vec![("LECTERN_LADDER_DROP".to_owned(), "false".to_owned())];
    let stage = Stage::open_with("Encodings", Options { environment, ..Options::default() })?;
    let publisher = stage.publish(clip)?;
    let playlist = stage.playable()?;
    let http = stage.server.http();
    let paths = renditions(&http, &playlist)?;
    let names: Vec<_> = paths.keys().map(String::as_str).collect();
    ensure!(names == wanted, "renditions {names:?} instead of {wanted:?}");

    let seen: Vec<(String, Rendition)> = std::thread::scope(|scope| {
        let followers: Vec<_> = paths
            .iter()
            .map(|(name, path)| {
                let http = &http;
                scope.spawn(move || -> Result<_> {
                    let mut rendition = Rendition::open(http, path)?;
                    rendition.follow(FINISH * 2, |_| false)?;
                    Ok((name.clone(), rendition))
                })
            })
            .collect();
        publisher.finish(FINISH)?;
        stage.end()?;
        followers
            .into_iter()
            .map(|follower| follower.join().expect("a follower does not panic"))
            .collect::<Result<_>>()
    })?;

    let mut beeps = None;
    for (name, rendition) in &seen {
        ensure!(rendition.broken.is_empty(), "{name} broke rules:\n{}", rendition.broken.join("\n"));
        for (msn, bytes) in rendition.files()? {
            decode::strictly(&bytes).with_context(|| format!("segment {msn} of {name}"))?;
        }
        for run in rendition.runs()? {
            let breaks = Track::read(&run)?.breaks();
            ensure!(breaks.is_empty(), "the timeline of {name} breaks:\n{}", breaks.join("\n"));
        }
        let last = rendition.segments.keys().last().copied().unwrap_or(0);
        let holes: Vec<_> = rendition.gaps.iter().filter(|msn| **msn < last).collect();
        ensure!(holes.is_empty(), "{name} has gaps {holes:?} among {:?}", rendition.segments.keys());
        if name == "audio" {
            beeps = Some(decode::beeps(&rendition.runs()?)?);
        }
    }
    let beeps = beeps.context("sound is always there")?;
    if clip.channels.is_some() && clip.frame_rate.is_none() {
        ensure!(
            beeps.len() == clip.seconds as usize,
            "{} beeps in {} s: {beeps:?}",
            beeps.len(),
            clip.seconds
        );
        ensure!(
            beeps.windows(2).all(|pair| (pair[1] - pair[0] - 1.0).abs() < 0.01),
            "a beep each second: {beeps:?}"
        );
    }
    for (name, rendition) in seen.iter().filter(|(name, _)| name != "audio") {
        let frames = decode::frames(&rendition.runs()?)?;
        numbers_are_whole(name, clip, &frames)?;
        if clip.channels.is_some() {
            in_step(name, clip, &frames, &beeps)?;
        }
    }
    Ok(())
}

/// Every picture once, in order, evenly.
fn numbers_are_whole(name: &str, clip: Clip, frames: &[Frame]) -> Result<()> {
    let damaged = frames.iter().filter(|frame| frame.number.is_none()).count();
    ensure!(damaged == 0, "{name}: {damaged} of {} pictures cannot be read", frames.len());
    let numbers: Vec<u32> = frames.iter().filter_map(|frame| frame.number).collect();
    for (index, number) in (0_u32..).zip(&numbers) {
        let around = &numbers[(index as usize).saturating_sub(3)..numbers.len().min(index as usize + 4)];
        ensure!(index == *number, "{name}: picture {index} has number {number} (around it: {around:?})");
    }
    ensure!(
        numbers.len() == clip.frames() as usize,
        "{name}: {} pictures of {}",
        numbers.len(),
        clip.frames()
    );
    for pair in frames.windows(2) {
        let step = pair[1].at_s - pair[0].at_s;
        // RTMP counts in milliseconds.
        ensure!((step - 1.0 / clip.fps()).abs() < 0.0021, "{name}: {step} s after picture {:?}", pair[0]);
    }
    Ok(())
}

/// Each flash and its beep, no further apart than one picture lasts.
fn in_step(name: &str, clip: Clip, frames: &[Frame], beeps: &[f64]) -> Result<()> {
    let flashes: Vec<f64> = frames.iter().filter(|frame| frame.flash).map(|frame| frame.at_s).collect();
    ensure!(
        flashes.len() >= clip.seconds as usize,
        "{name}: {} flashes in {} s",
        flashes.len(),
        clip.seconds
    );
    // The encoder swallows a beep that begins with its very first sample.
    for flash in &flashes[1..clip.seconds as usize] {
        let nearest = beeps.iter().copied().min_by(|a, b| (a - flash).abs().total_cmp(&(b - flash).abs()));
        let off = nearest.context("there are beeps")? - flash;
        ensure!(off.abs() <= 1.0 / clip.fps(), "{name}: the beep is {off} s off the flash at {flash}");
    }
    Ok(())
}
