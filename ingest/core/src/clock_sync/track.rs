//! One track's part of [`super::ClockSync`].

use std::time::Instant;

use super::{COMPOSITION_MAX, GAP_MAX, SOUND_DEVIATION_MAX, TICKS_PER_MS, VOUCHED};

/// The third frame in a row that continues a jump proves it.
const JUMP_PROVEN: u32 = 3;
/// Steps between frames that are believed as a frame's length.
const STEP_TICKS: std::ops::RangeInclusive<i64> = 90..=90_000;
/// Until a step is known: 30 pictures a second, 1024 samples at 48 kHz.
const VIDEO_STEP_TICKS: i64 = 3000;

/// What is known of a track.
#[derive(Clone, Debug)]
pub(super) struct Track {
    /// The last timestamp that was believed, unwrapped, in milliseconds.
    reference_ms: Option<i64>,
    /// Added to the publisher's ticks.
    offset: i64,
    /// Time of the last frame placed.
    last: Option<i64>,
    /// Usual length of a frame, in ticks.
    step: i64,
    /// A run of frames that are not where they are expected.
    suspects: Option<Suspects>,
    /// When the last frame arrived.
    arrived: Option<Instant>,
    /// The last composition offset that was believed, in ticks.
    composition: i64,
    sound: Option<Sound>,
}

#[derive(Clone, Copy, Debug)]
struct Suspects {
    count: u32,
    last_ms: i64,
}

/// Counts samples from where the sound was last pinned to the publisher's clock.
#[derive(Clone, Copy, Debug)]
struct Sound {
    sample_rate: u32,
    samples_per_frame: u32,
    pinned_at: i64,
    frames: i64,
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verdict {
    Placed {
        decode_at: i64,
        /// Presentation is counted from here: the publisher's own time where decoding was only nudged.
        shown_from: i64,
        corrected: bool,
        trusted: bool,
    },
    /// Sound for a time that has its sound already.
    Played,
}

impl Sound {
    fn expected(&self) -> i64 {
        let samples = i128::from(self.frames) * i128::from(self.samples_per_frame);
        let rate = i128::from(self.sample_rate.max(1));
        // To the nearest tick, so that the count can be read back from it.
        let ticks = (samples * 90_000 + rate / 2) / rate;
        self.pinned_at.saturating_add(i64::try_from(ticks).unwrap_or(i64::MAX))
    }

    const fn pin(&mut self, at: i64) {
        self.pinned_at = at;
        self.frames = 0;
    }
}

impl Track {
    pub(super) const fn video() -> Self {
        Self {
            reference_ms: None,
            offset: 0,
            last: None,
            step: VIDEO_STEP_TICKS,
            suspects: None,
            arrived: None,
            composition: 0,
            sound: None,
        }
    }

    pub(super) fn audio() -> Self {
        let mut track = Self::video();
        track.set_audio_format(48_000, 1024);
        track
    }

    #[expect(clippy::cast_possible_truncation, reason = "clamped to a second at most")]
    pub(super) fn set_frame_rate(&mut self, frames_per_second: f64) {
        let step = (90_000.0 / frames_per_second).clamp(90.0, 90_000.0) as i64;
        self.step = step;
    }

    pub(super) fn set_audio_format(&mut self, sample_rate: u32, samples_per_frame: u32) {
        // What was counted so far was counted in the old format: the new count begins behind it.
        let pinned_at = self.last.map_or(0, |last| self.expected(last));
        self.step = i64::from(samples_per_frame) * 90_000 / i64::from(sample_rate.max(1));
        self.sound = Some(Sound { sample_rate, samples_per_frame, pinned_at, frames: 0 });
    }

    /// The publisher's clock as the number nearest to the last one believed. Counted in 31 bits: that
    /// serves those whose clock wraps after 32, and FLV muxers (ffmpeg's) whose clock wraps after 31.
    pub(super) fn unwrap(&self, timestamp_ms: u32, newest_ms: Option<i64>) -> i64 {
        const WRAP_MS: i64 = 1 << 31;
        let Some(reference) = self.reference_ms.or(newest_ms) else { return i64::from(timestamp_ms) };
        let ahead = i64::from(timestamp_ms).saturating_sub(reference).rem_euclid(WRAP_MS);
        reference.saturating_add(if ahead < WRAP_MS / 2 { ahead } else { ahead - WRAP_MS })
    }

    pub(super) fn place(&mut self, raw_ms: i64, other: &Self, now: Instant) -> Verdict {
        let since_last = self.arrived.replace(now).map(|arrived| now.saturating_duration_since(arrived));
        let raw = raw_ms.saturating_mul(TICKS_PER_MS);
        let Some(last) = self.last else { return self.begin(raw_ms, raw, other) };
        let expected = self.expected(last);
        let wanted = raw.saturating_add(self.offset);
        if self.is_plausible(wanted, expected) {
            return self.accept(raw_ms, wanted, expected, last);
        }
        // The other track was moved before: what moved it moves this one too.
        if other.last.is_some() && other.offset != self.offset {
            let moved = raw.saturating_add(other.offset);
            if self.is_plausible(moved, expected) || moved.saturating_sub(expected).abs() < VOUCHED / 2 {
                self.offset = other.offset;
                return self.accept(raw_ms, moved, expected, last);
            }
        }
        let ahead = wanted.saturating_sub(expected);
        let waited = since_last.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        let paused = waited.saturating_mul(TICKS_PER_MS).saturating_sub(self.step);
        let time_passed = ahead > 0 && paused >= ahead / 4 * 3 && paused <= ahead.saturating_mul(2);
        if time_passed || (ahead > 0 && self.is_vouched(wanted, expected, other)) {
            return self.accept_jump(raw_ms, wanted);
        }
        if self.suspect(raw_ms) < JUMP_PROVEN {
            return self.restamp(expected);
        }
        if (0..=GAP_MAX).contains(&ahead) {
            return self.accept_jump(raw_ms, wanted);
        }
        if ahead < 0 && self.is_vouched(wanted, wanted, other) {
            return self.catch_up(raw_ms, wanted, last);
        }
        self.offset = expected.saturating_sub(raw);
        self.accept_jump(raw_ms, expected)
    }

    /// The composition offset to use, and whether it is another than the publisher's.
    pub(super) fn composition(&mut self, wanted: i64) -> (i64, bool) {
        let believed = wanted.abs() <= COMPOSITION_MAX;
        if believed {
            self.composition = wanted;
        }
        (self.composition, !believed)
    }

    /// The first frame: at zero, or beside the other track where that was before.
    fn begin(&mut self, raw_ms: i64, raw: i64, other: &Self) -> Verdict {
        self.offset = match other.last {
            None => raw.saturating_neg(),
            Some(other_last) => {
                let beside = raw.saturating_add(other.offset);
                let apart = beside.saturating_sub(other_last).abs();
                if apart <= GAP_MAX { other.offset } else { other_last.saturating_sub(raw) }
            }
        };
        self.accept_jump(raw_ms, raw.saturating_add(self.offset))
    }

    fn expected(&self, last: i64) -> i64 {
        self.sound.as_ref().map_or_else(|| last.saturating_add(self.step), Sound::expected)
    }

    /// Near enough to be taken without a second look.
    fn is_plausible(&self, wanted: i64, expected: i64) -> bool {
        let apart = wanted.saturating_sub(expected);
        if self.sound.is_some() {
            return apart.abs() <= SOUND_DEVIATION_MAX;
        }
        let far = (3 * self.step).max(100 * TICKS_PER_MS);
        (-far..=far).contains(&apart)
    }

    /// The other track, on the same offset, is there already, and nearer to it than to the expectation.
    fn is_vouched(&self, wanted: i64, expected: i64, other: &Self) -> bool {
        let Some(there) = other.last.filter(|_| other.offset == self.offset && other.suspects.is_none())
        else {
            return false;
        };
        let apart = wanted.saturating_sub(there).abs();
        apart <= VOUCHED && (wanted == expected || apart < expected.saturating_sub(there).abs() / 2)
    }

    /// One more frame that is elsewhere: how many in a row continue each other?
    fn suspect(&mut self, raw_ms: i64) -> u32 {
        let continues =
            |suspects: &Suspects| (-200..=1000).contains(&raw_ms.saturating_sub(suspects.last_ms));
        let count = self.suspects.filter(continues).map_or(1, |suspects| suspects.count + 1);
        self.suspects = Some(Suspects { count, last_ms: raw_ms });
        count
    }

    fn accept(&mut self, raw_ms: i64, wanted: i64, expected: i64, last: i64) -> Verdict {
        self.suspects = None;
        let before = self.reference_ms.replace(raw_ms);
        if let Some(sound) = &mut self.sound {
            sound.frames += 1;
            self.last = Some(expected);
            return Verdict::Placed {
                decode_at: expected,
                shown_from: expected,
                corrected: false,
                trusted: true,
            };
        }
        let step = before.map_or(0, |before| raw_ms.saturating_sub(before).saturating_mul(TICKS_PER_MS));
        if STEP_TICKS.contains(&step) {
            self.step += (step - self.step) / 8;
        }
        self.nudge(wanted, last)
    }

    /// Takes the publisher's time although it is not where the last frame ended.
    fn accept_jump(&mut self, raw_ms: i64, at: i64) -> Verdict {
        let corrected = self.suspects.take().is_some();
        self.reference_ms = Some(raw_ms);
        if let Some(sound) = &mut self.sound {
            sound.pin(at);
            sound.frames = 1;
        }
        let Some(last) = self.last else {
            self.last = Some(at);
            return Verdict::Placed { decode_at: at, shown_from: at, corrected, trusted: true };
        };
        self.nudge(at, last)
    }

    /// Behind where it should be, and rightly so: pictures follow closely until they are there; sound
    /// that was played already is left out.
    fn catch_up(&mut self, raw_ms: i64, wanted: i64, last: i64) -> Verdict {
        self.reference_ms = Some(raw_ms);
        if self.sound.is_some() {
            return Verdict::Played;
        }
        self.nudge(wanted, last)
    }

    /// The expected time in place of the publisher's.
    fn restamp(&mut self, expected: i64) -> Verdict {
        if let Some(sound) = &mut self.sound {
            sound.frames += 1;
        }
        self.last = Some(expected);
        Verdict::Placed { decode_at: expected, shown_from: expected, corrected: true, trusted: false }
    }

    /// Decoding goes on by a tick at least; presentation stays where the publisher put it.
    fn nudge(&mut self, wanted: i64, last: i64) -> Verdict {
        let decode_at = wanted.max(last.saturating_add(1));
        self.last = Some(decode_at);
        Verdict::Placed { decode_at, shown_from: wanted, corrected: decode_at != wanted, trusted: true }
    }
}
