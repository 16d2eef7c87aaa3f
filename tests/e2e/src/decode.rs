//! What a decoder makes of the bytes: ffmpeg's complaints, the numbers in the pictures, the moments of the beeps.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, Result, ensure};

use crate::{boxes::Track, clip::read_picture};

const SAMPLE_RATE: u32 = 48_000;
/// A beep's beginning: louder than this after at least [`SILENCE_S`] that was not.
const LOUD: f32 = 0.2;
const SILENCE_S: f64 = 0.3;

/// A picture that was decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// The number it carries; none if it was damaged.
    pub number: Option<u32>,
    /// It flashes.
    pub flash: bool,
    /// When it is shown, seconds on the session timeline.
    pub at_s: f64,
}

/// Decodes strictly; a single complaint is an error.
///
/// # Errors
/// With what ffmpeg said.
pub fn strictly(bytes: &[u8]) -> Result<()> {
    with_file(bytes, |path| {
        let said = run(Command::new("ffmpeg")
            .args(["-nostdin", "-v", "warning", "-xerror", "-i"])
            .arg(path)
            .args(["-f", "null", "-"]))?;
        let said = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        ensure!(said.is_empty(), "ffmpeg -xerror said: {said}");
        Ok(())
    })
}

/// As [`strictly`], for media with holes in it: ffmpeg's own output counts pictures by a frame rate that such a file
/// has not got, and what it says of that is passed over.
///
/// # Errors
/// With what ffmpeg said of the media.
pub fn strictly_with_holes(bytes: &[u8]) -> Result<()> {
    with_file(bytes, |path| {
        let said = run(Command::new("ffmpeg")
            .args(["-nostdin", "-v", "warning", "-xerror", "-i"])
            .arg(path)
            .args(["-f", "null", "-"]))?;
        let said = String::from_utf8_lossy(&said.stderr);
        let of_the_media = |line: &&str| !line.contains("non monotonically increasing dts to muxer");
        let said: Vec<_> = said.lines().filter(of_the_media).collect();
        ensure!(said.is_empty(), "ffmpeg -xerror said: {said:?}");
        Ok(())
    })
}

/// All pictures of all files in the order they are shown.
///
/// # Errors
/// When they cannot be decoded.
pub fn frames<'a>(files: impl IntoIterator<Item = &'a Vec<u8>>) -> Result<Vec<Frame>> {
    let mut all = Vec::new();
    for file in files {
        all.extend(frames_of(file)?);
    }
    Ok(all)
}

fn frames_of(bytes: &[u8]) -> Result<Vec<Frame>> {
    let times = Track::read(bytes)?.shown_at_s();
    let pictures = pictures(bytes)?;
    ensure!(
        pictures.len() == times.len(),
        "{} pictures of {} samples were decoded",
        pictures.len(),
        times.len()
    );
    let both = pictures.into_iter().zip(times);
    Ok(both
        .map(|(read, at_s)| Frame {
            number: read.map(|read| read.0),
            flash: read.is_some_and(|read| read.1),
            at_s,
        })
        .collect())
}

/// What stands in each picture of any file, in the order they are shown: number and flash.
///
/// # Errors
/// When they cannot be decoded.
pub fn pictures(bytes: &[u8]) -> Result<Vec<Option<(u32, bool)>>> {
    with_file(bytes, |path| {
        let size = run(Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-select_streams",
                "v",
                "-show_entries",
                "stream=width,height",
                "-of",
                "csv=p=0",
            ])
            .arg(path))?;
        let size = String::from_utf8(size.stdout)?;
        let (width, height) = size.trim().split_once(',').with_context(|| format!("a size: {size:?}"))?;
        let (width, height): (usize, usize) = (width.parse()?, height.parse()?);
        let raw = run(Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-i"]).arg(path).args([
            "-vsync",
            "passthrough",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-",
        ]))?
        .stdout;
        Ok(raw.chunks_exact(width * height).map(|picture| read_picture(picture, width, height)).collect())
    })
}

/// When beeps begin, seconds on the session timeline.
///
/// # Errors
/// When the sound cannot be decoded.
pub fn beeps<'a>(files: impl IntoIterator<Item = &'a Vec<u8>>) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for file in files {
        all.extend(beeps_of(file)?);
    }
    Ok(all)
}

fn beeps_of(bytes: &[u8]) -> Result<Vec<f64>> {
    with_file(bytes, |path| {
        let begin = Track::read(bytes)?.shown_at_s().first().copied().context("there is sound")?;
        let raw = run(Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-i"]).arg(path).args([
            "-f",
            "f32le",
            "-ac",
            "1",
            "-ar",
            &SAMPLE_RATE.to_string(),
            "-",
        ]))?
        .stdout;
        let mut found = Vec::new();
        let mut quiet_since = -1.0;
        for (index, sample) in raw.chunks_exact(4).enumerate() {
            let level = f32::from_le_bytes(sample.try_into().expect("chunks of four")).abs();
            let at = begin + f64::from(u32::try_from(index)?) / f64::from(SAMPLE_RATE);
            if level > LOUD {
                if at - quiet_since > SILENCE_S {
                    found.push(at);
                }
                quiet_since = at;
            }
        }
        Ok(found)
    })
}

fn with_file<T>(bytes: &[u8], look: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("media.mp4");
    fs::write(&path, bytes)?;
    look(&path)
}

fn run(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("start {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(output)
}
