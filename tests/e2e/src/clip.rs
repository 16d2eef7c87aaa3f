//! Lectures to publish: pictures that carry their own number as a bar code and flash each second, a beep with each
//! flash. Drawn here and encoded once by ffmpeg, so that publishing them costs nothing.
//!
//! ```text
//! top rows: 20 cells of equal width: white, black, 16 bits (highest first), even parity, its opposite
//! ```

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::machine::scratch;

const CELLS: usize = 20;
const BITS: usize = 16;
/// The bar takes this part of the picture's height.
const BAR_SHARE: usize = 9;
const SAMPLE_RATE: u32 = 48_000;
const BEEP_S: f64 = 0.1;

/// A lecture's encoding.
#[derive(Clone, Copy, Debug)]
pub struct Clip {
    /// Frames a second as a fraction; none for sound alone.
    pub frame_rate: Option<(u32, u32)>,
    /// B-frames in a row.
    pub b_frames: u32,
    /// Channels; none for pictures alone.
    pub channels: Option<u8>,
    /// Seconds between keyframes.
    pub keyframes_s: f64,
    /// Length in seconds.
    pub seconds: u32,
    /// Width and height.
    pub size: (usize, usize),
}

/// 360 lines, 30 frames a second, no B-frames, stereo, a keyframe every two seconds.
pub const PLAIN: Clip = Clip {
    frame_rate: Some((30, 1)),
    b_frames: 0,
    channels: Some(2),
    keyframes_s: 2.0,
    seconds: 20,
    size: (640, 360),
};

impl Clip {
    /// The encoded file; made when it is not there yet.
    ///
    /// # Errors
    /// When ffmpeg cannot make it.
    pub fn file(&self) -> Result<PathBuf> {
        let (_, height) = self.size;
        let rate = self.frame_rate.map_or_else(|| "audio".to_owned(), |(n, d)| format!("{n}-{d}fps"));
        let name = format!(
            "v2-{rate}-{height}p-{}b-{}ch-{}s-key{}.flv",
            self.b_frames,
            self.channels.unwrap_or(0),
            self.seconds,
            self.keyframes_s
        );
        let path = scratch()?.join(name);
        if !path.exists() {
            let making = path.with_extension("making.flv");
            self.encode(&making).with_context(|| format!("make {}", path.display()))?;
            fs::rename(&making, &path)?;
        }
        Ok(path)
    }

    /// The same with one byte in some hundreds of its pictures changed, as ffmpeg's `noise` filter does it, each time
    /// in the same way.
    ///
    /// # Errors
    /// When ffmpeg cannot make it.
    pub fn damaged(&self) -> Result<PathBuf> {
        let whole = self.file()?;
        let path = whole.with_extension("damaged.flv");
        if !path.exists() {
            let making = path.with_extension("making.flv");
            let mut ffmpeg = Command::new("ffmpeg");
            ffmpeg.args(["-y", "-nostdin", "-v", "error", "-i"]).arg(&whole);
            ffmpeg.args(["-c", "copy", "-bsf:v", "noise=amount=300"]).arg(&making);
            let status = ffmpeg.status().context("start ffmpeg")?;
            ensure!(status.success(), "ffmpeg damages {}: {status}", whole.display());
            fs::rename(&making, &path)?;
        }
        Ok(path)
    }

    /// How many pictures it has.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.frame_rate.map_or(0, |(n, d)| self.seconds * n / d)
    }

    /// Frames a second; zero for sound alone.
    #[must_use]
    pub fn fps(&self) -> f64 {
        self.frame_rate.map_or(0.0, |(n, d)| f64::from(n) / f64::from(d))
    }

    /// The number of the picture that flashes in a second.
    #[must_use]
    pub fn flash(&self, second: u32) -> u32 {
        let (n, d) = self.frame_rate.unwrap_or((1, 1));
        (second * n).div_ceil(d)
    }

    fn encode(&self, path: &Path) -> Result<()> {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-y", "-nostdin", "-v", "error"]);
        if let Some((n, d)) = self.frame_rate {
            let size = format!("{}x{}", self.size.0, self.size.1);
            ffmpeg.args([
                "-f",
                "rawvideo",
                "-pix_fmt",
                "gray",
                "-s",
                &size,
                "-r",
                &format!("{n}/{d}"),
                "-i",
                "pipe:0",
            ]);
        }
        let wav = path.with_extension("wav");
        if self.channels.is_some() {
            fs::write(&wav, self.sound())?;
            ffmpeg.arg("-i").arg(&wav);
        }
        if self.frame_rate.is_some() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a few hundred frames"
            )]
            let gop = (self.fps() * self.keyframes_s).round() as u32;
            ffmpeg.args(["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-crf", "23"]);
            ffmpeg.args(["-g", &gop.to_string(), "-keyint_min", &gop.to_string(), "-sc_threshold", "0"]);
            ffmpeg.args(["-bf", &self.b_frames.to_string()]);
        }
        if let Some(channels) = self.channels {
            ffmpeg.args(["-c:a", "aac", "-b:a", "96k", "-ar", "48000", "-ac", &channels.to_string()]);
        }
        let mut child =
            ffmpeg.args(["-f", "flv"]).arg(path).stdin(Stdio::piped()).spawn().context("start ffmpeg")?;
        let mut pipe = child.stdin.take().context("ffmpeg's input is a pipe")?;
        for number in 0..self.frames() {
            let flash = (0..=self.seconds).any(|second| self.flash(second) == number);
            pipe.write_all(&self.picture(number, flash))?;
        }
        drop(pipe);
        ensure!(child.wait()?.success(), "ffmpeg failed");
        if self.channels.is_some() {
            fs::remove_file(wav)?;
        }
        Ok(())
    }

    /// A WAV file: 1 kHz for a tenth of a second from the very moment of each flash.
    fn sound(&self) -> Vec<u8> {
        let samples = self.seconds * SAMPLE_RATE;
        let bytes = samples * 2;
        let mut wav = Vec::new();
        wav.extend(b"RIFF");
        wav.extend((36 + bytes).to_le_bytes());
        wav.extend(b"WAVEfmt ");
        wav.extend(16_u32.to_le_bytes());
        wav.extend(1_u16.to_le_bytes());
        wav.extend(1_u16.to_le_bytes());
        wav.extend(SAMPLE_RATE.to_le_bytes());
        wav.extend((SAMPLE_RATE * 2).to_le_bytes());
        wav.extend(2_u16.to_le_bytes());
        wav.extend(16_u16.to_le_bytes());
        wav.extend(b"data");
        wav.extend(bytes.to_le_bytes());
        for sample in 0..samples {
            let at = f64::from(sample) / f64::from(SAMPLE_RATE);
            let beeps = (0..self.seconds).map(|second| self.beep_s(second));
            let loud = beeps.into_iter().any(|begin| at >= begin && at < begin + BEEP_S);
            let value = if loud { 0.6 * (at * 1000.0 * std::f64::consts::TAU).sin() } else { 0.0 };
            wav.extend(((value * 32_767.0) as i16).to_le_bytes());
        }
        wav
    }

    /// One picture in shades of grey.
    fn picture(&self, number: u32, flash: bool) -> Vec<u8> {
        let mut cells = [false; CELLS];
        cells[0] = true;
        for bit in 0..BITS {
            cells[2 + bit] = number >> (BITS - 1 - bit) & 1 == 1;
        }
        let odd = number.count_ones() % 2 == 1;
        cells[2 + BITS] = odd;
        cells[3 + BITS] = !odd;
        let (width, height) = self.size;
        let mut picture = vec![0_u8; width * height];
        for (at, pixel) in picture.iter_mut().enumerate() {
            let (x, y) = (at % width, at / width);
            *pixel = if y < height / BAR_SHARE {
                if cells[x * CELLS / width] { 235 } else { 16 }
            } else if (width / 4..3 * width / 4).contains(&x) && y > height / 2 {
                if flash { 235 } else { 16 }
            } else {
                // Something that moves, so that a picture costs bits.
                let moved = (x + y + 3 * number as usize) % 256;
                u8::try_from(40 + moved / 2).unwrap_or(u8::MAX)
            };
        }
        picture
    }

    fn beep_s(&self, second: u32) -> f64 {
        if self.frame_rate.is_some() { f64::from(self.flash(second)) / self.fps() } else { f64::from(second) }
    }
}

/// What stands in a decoded picture in shades of grey: its number, and whether it flashes. None if it was damaged.
#[must_use]
pub fn read_picture(picture: &[u8], width: usize, height: usize) -> Option<(u32, bool)> {
    let shade = |x: usize, y: usize| -> bool {
        let mut sum = 0_u32;
        for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (1, 2)] {
            sum += u32::from(picture[(y + dy) * width + x + dx]);
        }
        sum > 6 * 126
    };
    let row = height / BAR_SHARE / 2 - 1;
    let cell = |index: usize| shade((2 * index + 1) * width / (2 * CELLS) - 1, row);
    let number = (0..BITS).fold(0_u32, |number, bit| number << 1 | u32::from(cell(2 + bit)));
    let odd = number.count_ones() % 2 == 1;
    let whole = cell(0) && !cell(1) && cell(2 + BITS) == odd && cell(3 + BITS) != odd;
    whole.then(|| (number, shade(width / 2, height * 3 / 4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_tells_its_number() {
        for number in [0, 1, 30, 599, 0xa5a5, 0xffff] {
            assert_eq!(
                read_picture(&PLAIN.picture(number, number == 30), 640, 360),
                Some((number, number == 30))
            );
        }
        assert_eq!(read_picture(&vec![16; 640 * 360], 640, 360), None);
    }

    #[test]
    fn the_flash_of_a_second_is_its_first_picture() {
        let ntsc = Clip { frame_rate: Some((30_000, 1001)), ..PLAIN };
        assert_eq!((ntsc.flash(0), ntsc.flash(1), ntsc.flash(2)), (0, 30, 60));
        assert_eq!(PLAIN.flash(7), 210);
    }
}
