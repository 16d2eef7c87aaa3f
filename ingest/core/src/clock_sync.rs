//! Puts every frame of a publication on one timeline: unwraps the 32-bit clock, tells an outlier from a
//! jump, keeps sound sample-exact. It always answers with a usable time and never fails.
//!
//! The timeline starts near zero with the first frame of either track; both tracks share one offset, so
//! that what the publisher recorded together stays together. Rules, per track:
//!
//! - A frame near where it is expected is taken as it is. Pictures decode strictly one after another
//!   (an equal time is moved by a tick); sound lies exactly behind the sound before it.
//! - A frame elsewhere is an outlier and gets the expected time, until the third one in a row continues
//!   the first two: then it was a jump. A gap of up to 5 s stays a gap. A larger one, or one back, is
//!   closed, unless the other track or the wall clock says that the time did pass.

mod track;

use std::time::Instant;

use media::{MediaTime, SESSION_SCALE, TrackKind};

use track::{Track, Verdict};

/// Ticks of the session timeline in a millisecond.
const TICKS_PER_MS: i64 = 90;
/// A jump forward up to this long is a gap in the recording; beyond, a clock that was set.
const GAP_MAX: i64 = 5_000 * TICKS_PER_MS;
/// A frame that lies so near to the other track's newest is where the publisher wants it.
const VOUCHED: i64 = 250 * TICKS_PER_MS;
/// Sound may lie so far from its sample count before the count is begun anew.
const SOUND_DEVIATION_MAX: i64 = 40 * TICKS_PER_MS;
/// Presentation may lie so far from decoding.
const COMPOSITION_MAX: i64 = 5_000 * TICKS_PER_MS;

/// Where a frame plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// Decoding time.
    pub decode_at: MediaTime,
    /// Presentation time.
    pub present_at: MediaTime,
    /// The publisher's time was not taken as it was.
    pub corrected: bool,
}

/// The clock of one publication.
#[derive(Clone, Debug)]
pub struct ClockSync {
    video: Track,
    audio: Track,
    /// The publisher's clock was unwrapped to here last; a track's first frame is unwrapped beside it.
    newest_raw_ms: Option<i64>,
    corrections: u64,
}

impl ClockSync {
    /// Before the first frame.
    #[must_use]
    pub fn new() -> Self {
        Self { video: Track::video(), audio: Track::audio(), newest_raw_ms: None, corrections: 0 }
    }

    /// The expected length of a picture, where it is known.
    pub fn set_frame_rate(&mut self, frames_per_second: f64) {
        self.video.set_frame_rate(frames_per_second);
    }

    /// The length of a frame of sound.
    pub fn set_audio_format(&mut self, sample_rate: u32, samples_per_frame: u32) {
        self.audio.set_audio_format(sample_rate, samples_per_frame);
    }

    /// Frames that were moved or dropped so far, beyond what keeps sound sample-exact.
    #[must_use]
    pub const fn corrections(&self) -> u64 {
        self.corrections
    }

    /// Places a frame of `track`; `None` when it is sound that has been played already.
    pub fn place(
        &mut self,
        track: TrackKind,
        timestamp_ms: u32,
        composition_ms: i32,
        now: Instant,
    ) -> Option<Placement> {
        let (own, other) = match track {
            TrackKind::Video => (&mut self.video, &self.audio),
            TrackKind::Audio => (&mut self.audio, &self.video),
        };
        let raw_ms = own.unwrap(timestamp_ms, self.newest_raw_ms);
        let verdict = own.place(raw_ms, other, now);
        if let Verdict::Placed { trusted: true, .. } = verdict {
            self.newest_raw_ms = Some(raw_ms);
        }
        let Verdict::Placed { decode_at, shown_from, corrected, .. } = verdict else {
            self.corrections += 1;
            return None;
        };
        let composition = own.composition(i64::from(composition_ms) * TICKS_PER_MS);
        let corrected = corrected || composition.1;
        self.corrections += u64::from(corrected);
        let at = |ticks| MediaTime::new(ticks, SESSION_SCALE);
        Some(Placement {
            decode_at: at(decode_at),
            present_at: at(shown_from.saturating_add(composition.0)),
            corrected,
        })
    }
}

impl Default for ClockSync {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
