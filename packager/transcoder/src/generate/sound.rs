//! The lecture's sound: a soft chord, and a beep that begins with the first sample of each second. Pure.

use std::f32::consts::TAU;

use crate::libav::aac::{FRAME_SAMPLES, SAMPLE_RATE};

/// The chord, in whole hertz so that every second is the same; with its place between left and right.
const CHORD: [(f32, f32); 4] = [(110.0, 0.5), (165.0, 0.35), (220.0, 0.65), (277.0, 0.5)];
const CHORD_LOUDNESS: f32 = 0.028;
const BEEP_LOUDNESS: f32 = 0.3;

/// A beep: pitch in hertz, length in samples.
struct Beep {
    pitch: f32,
    samples: u64,
}

const SECOND: Beep = Beep { pitch: 1000.0, samples: 60 * 48 };
const TEN_SECONDS: Beep = Beep { pitch: 1500.0, samples: 180 * 48 };

/// The frame of sound that begins with sample `first`.
pub(crate) fn frame(first: u64) -> [[f32; 2]; FRAME_SAMPLES] {
    let swells = swells(first);
    let mut index = first;
    std::array::from_fn(|_| {
        let sample = at(index, swells);
        index += 1;
        sample
    })
}

fn at(index: u64, swells: [f32; 4]) -> [f32; 2] {
    let second = index / u64::from(SAMPLE_RATE);
    let into_second = index % u64::from(SAMPLE_RATE);
    let t = to_f32(into_second) / to_f32(u64::from(SAMPLE_RATE));
    let beep = if second.is_multiple_of(10) { TEN_SECONDS } else { SECOND };
    let mut left = beep.at(into_second, t);
    let mut right = left;
    for ((pitch, place), swell) in CHORD.into_iter().zip(swells) {
        let tone = CHORD_LOUDNESS * swell * (TAU * (pitch * t).fract()).sin();
        left += tone * (1.0 - place) * 2.0;
        right += tone * place * 2.0;
    }
    [left, right]
}

/// How loud each tone of the chord is: each swells in its own time, with whole turns in a minute, so that a minute joins
/// the next without a click. Slow enough to be the same all through a frame.
fn swells(first: u64) -> [f32; 4] {
    let minute = u64::from(SAMPLE_RATE) * 60;
    let into_minute = to_f32(first % minute / 48) / 60_000.0;
    [3.0, 5.0, 7.0, 9.0].map(|turns: f32| 0.65 + 0.35 * (TAU * turns * into_minute).sin())
}

impl Beep {
    fn at(&self, into_second: u64, t: f32) -> f32 {
        if into_second >= self.samples {
            return 0.0;
        }
        let left = 1.0 - to_f32(into_second) / to_f32(self.samples);
        // A cosine: loud from its very first sample.
        BEEP_LOUDNESS * left * left * (TAU * (self.pitch * t).fract()).cos()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "at most the samples of a second or the milliseconds of a minute"
)]
fn to_f32(number: u64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beep_begins_with_the_first_sample_of_a_second() {
        for second in [1, 2, 10, 3599] {
            let first = second * u64::from(SAMPLE_RATE);
            assert!(at(first - 1, [1.0; 4])[0].abs() < 0.13);
            assert!(at(first, [1.0; 4])[0] > 0.2);
        }
    }

    #[test]
    fn it_is_never_too_loud() {
        let loudest = (0..20 * u64::from(SAMPLE_RATE))
            .flat_map(|index| at(index, [1.0; 4]))
            .fold(0.0, |max: f32, sample| max.max(sample.abs()));
        assert!(loudest < 0.7, "{loudest}");
    }
}
