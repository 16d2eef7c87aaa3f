//! Sound into parts: contiguous to the sample, silence where frames are missing.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use media::{AudioConfig, Timescale};

use super::{Media, Segmenter, SlateInit};
use crate::{
    epoch::Output,
    fmp4,
    plan::{Cut, Plan},
    silence,
};

/// Sound this far behind the plan is absent (1 s).
const ABSENT: i64 = 90_000;
/// How far gaps and made silence stay behind the plan (0.3 s).
pub(crate) const TRAIL: i64 = 27_000;
/// How far the slate stays behind the clock: nothing is waited for (40 ms).
pub(crate) const SLATE_TRAIL: i64 = 3_600;
/// Frames held for the plan, at most; more come only from a broken publisher (about 20 s).
const PENDING_MAX: usize = 2_000;

/// A frame of sound on the session timeline.
#[derive(Clone, Debug)]
struct Frame {
    at: i64,
    payload: Bytes,
}

/// The audio rendition's state between frames.
#[derive(Debug)]
pub(crate) struct Sound {
    pub(crate) config: Arc<AudioConfig>,
    pending: VecDeque<Frame>,
    /// A changed configuration, from the next discontinuity on, and its frames.
    next: Option<(Arc<AudioConfig>, VecDeque<Frame>)>,
    silence: Option<Bytes>,
    /// Silence is being made because nothing comes.
    silent: bool,
    /// There was no sound from the start: whatever comes is coded otherwise than the filler.
    filler: bool,
    /// A publisher is there: what is missing is made up by silence.
    pub(crate) present: bool,
    /// The slate's silence goes on, whatever comes, until a cut brings sound.
    away: bool,
    /// Frames that came for what was gone.
    pub(crate) dropped: u64,
}

impl Media for Sound {
    const VIDEO: bool = false;

    fn begin_slate(&mut self, _: Option<&Bytes>) -> Option<SlateInit> {
        self.silence.is_some().then_some(SlateInit::Media)
    }

    fn slate_part(&mut self, _length: i64) -> Option<Vec<(Bytes, bool, i64)>> {
        None
    }
}

impl Sound {
    /// Before the first frame. `absent`: there is no sound, silence from the start.
    pub(crate) fn new(config: Arc<AudioConfig>, absent: bool) -> Self {
        let silence = silence::frame(&config);
        Self {
            config,
            pending: VecDeque::new(),
            next: None,
            silence,
            silent: absent,
            filler: absent,
            present: true,
            away: false,
            dropped: 0,
        }
    }

    /// Silence can be made.
    pub(crate) fn has_silence(&self) -> bool {
        self.silence.is_some()
    }

    /// No sound comes from the publisher now.
    pub(crate) fn is_silent(&self) -> bool {
        self.silent
    }
}

impl Segmenter<Sound> {
    /// What follows is coded otherwise: it begins with the next discontinuity. True when one is needed.
    pub(crate) fn reconfigure(&mut self, config: Arc<AudioConfig>) -> bool {
        let Some(scale) = Timescale::checked(config.sample_rate) else { return false };
        self.set_init(fmp4::audio_init(&config), scale);
        if *config == *self.media.config && !self.media.filler {
            self.media.next = None;
            return false;
        }
        self.media.next = Some((config, VecDeque::new()));
        true
    }

    /// Takes the next frame.
    pub(crate) fn frame(&mut self, at: i64, payload: Bytes) {
        let queue = match &mut self.media.next {
            Some((_, queue)) => queue,
            None => &mut self.media.pending,
        };
        if queue.len() >= PENDING_MAX {
            queue.pop_front();
            self.media.dropped += 1;
        }
        queue.push_back(Frame { at, payload });
    }

    /// Puts frames into parts up to `frontier`, before which no unknown cut lies.
    pub(crate) fn advance(&mut self, frontier: i64, plan: &Plan, out: &mut VecDeque<Output>) {
        loop {
            let cut = plan.by_msn(self.msn + 1).copied();
            if self.gap {
                let Some(cut) = cut else { break };
                if !(self.resume_in_slate(&cut, plan, frontier, out)
                    || self.resume(&cut, plan, frontier, out))
                {
                    break;
                }
                continue;
            }
            if let Some(cut) = cut
                && (self.end >= self.own_ceil(cut.at) || self.end + self.frame_ticks() > self.limit())
            {
                if self.segment_is_empty() {
                    // A segment of no length at all cannot be listed.
                    self.place_silence(out);
                }
                self.cross(&cut, self.end, out);
                self.take_next(&cut);
                self.media.away &= !cut.brings(false);
                continue;
            }
            if !self.place_next(frontier, out) {
                break;
            }
        }
        self.fill_gap(frontier.saturating_sub(TRAIL), plan, out);
    }

    /// No more sound for now: all that is known goes out; then silence follows where the slate will be shown
    /// (`slate`), else gaps.
    pub(crate) fn leave(&mut self, slate: bool, plan: &Plan, out: &mut VecDeque<Output>) {
        let limit = plan.last().map_or(0, |cut| cut.at + self.lengths.segment_max);
        self.media.present &= slate;
        // Only what is there: silence is not made up for a publisher who is gone.
        let next = self.media.next.as_ref().and_then(|(_, frames)| frames.back());
        let newest = next.or(self.media.pending.back()).map_or(0, |frame| frame.at + 1);
        self.advance(newest.min(limit), plan, out);
        self.media.pending.clear();
        if slate && !self.gap && self.media.has_silence() {
            self.media.away = true;
            return;
        }
        if !self.gap {
            self.close_part(out);
        }
        self.gap = true;
    }

    /// Leaves a hole of gaps where the slate begins. False: that is not due, or not possible.
    fn resume_in_slate(&mut self, cut: &Cut, plan: &Plan, frontier: i64, out: &mut VecDeque<Output>) -> bool {
        let possible = cut.is_away() && cut.discontinuity && self.media.has_silence();
        if !possible || cut.at > frontier {
            return false;
        }
        self.cross_in_gap(cut, plan, out);
        self.gap = false;
        self.media.away = true;
        true
    }

    fn segment_is_empty(&self) -> bool {
        self.books.open_msn().is_some() && self.books.open_parts() == 0 && self.part.samples.is_empty()
    }

    fn place_silence(&mut self, out: &mut VecDeque<Output>) {
        if let Some(silence) = self.media.silence.clone() {
            self.place(silence, self.frame_ticks(), out);
        }
    }

    /// Leaves a hole at a cut that brings media. False: wait, or the cut is a gap's too.
    fn resume(&mut self, cut: &Cut, plan: &Plan, frontier: i64, out: &mut VecDeque<Output>) -> bool {
        if !cut.brings(false) {
            return false;
        }
        let half = self.session(self.frame_ticks() / 2);
        let changes = cut.discontinuity && self.media.next.is_some();
        let queue = match &mut self.media.next {
            Some((_, queue)) if changes => queue,
            _ => &mut self.media.pending,
        };
        while queue.front().is_some_and(|frame| frame.at < cut.at - half) {
            queue.pop_front();
            self.media.dropped += 1;
        }
        let first = queue.front().map(|frame| frame.at);
        let silence = match &self.media.next {
            Some((config, _)) if changes => silence::frame(config).is_some(),
            _ => self.media.silence.is_some(),
        };
        let start = match first {
            Some(first) if first <= cut.at + TRAIL || !silence => self.own(first),
            Some(_) => self.own_ceil(cut.at),
            None if silence && self.media.present && frontier - cut.at >= TRAIL => self.own_ceil(cut.at),
            None => return false,
        };
        if self.session(start) > frontier.max(cut.at) + TRAIL {
            return false;
        }
        if self.books.has_begun() && start > self.limit() {
            // It begins later than the segment before can last: a gap stands before it.
            let at = self.session_ceil(start);
            self.cross_in_gap(cut, plan, out);
            self.fill_open(self.own_ceil(at), out);
        } else {
            self.cross(cut, start.max(self.end), out);
        }
        self.gap = false;
        self.media.away = false;
        self.take_next(cut);
        true
    }

    /// After a cut with a discontinuity the changed configuration holds, unless it is the slate's.
    fn take_next(&mut self, cut: &Cut) {
        if !cut.discontinuity || !cut.brings(false) {
            return;
        }
        let Some((config, frames)) = self.media.next.take() else { return };
        self.media.silence = silence::frame(&config);
        self.media.config = config;
        self.media.pending = frames;
        self.media.filler = false;
    }

    /// Adds one frame, real or silent. False: nothing to add before the frontier.
    fn place_next(&mut self, frontier: i64, out: &mut VecDeque<Output>) -> bool {
        let now = self.session(self.end);
        let length = self.frame_ticks();
        if self.media.away {
            let due = now < frontier.saturating_sub(SLATE_TRAIL);
            if due {
                self.place_silence(out);
            }
            return due;
        }
        let Some(front) = self.media.pending.front() else {
            return self.place_absent(frontier, out);
        };
        let late = self.own(front.at) - self.end;
        if late < -(length / 2) {
            self.media.pending.pop_front();
            self.media.dropped += 1;
            return true;
        }
        if now >= frontier {
            return false;
        }
        if late >= length {
            if let Some(silence) = self.media.silence.clone() {
                self.place(silence, length, out);
                return true;
            }
            if length + late > self.own_floor(self.lengths.part_max) {
                self.close_part(out);
                self.gap = true;
                return true;
            }
        }
        let front = self.media.pending.pop_front().expect("looked at just above");
        self.media.silent = false;
        // Publishers' clocks count in milliseconds: half a frame is absorbed, more is put right at once.
        let stretched = (length + late).min(self.limit() - self.end).max(length);
        let duration = if late > length / 2 { stretched } else { length };
        self.place(front.payload, duration, out);
        true
    }

    /// Nothing has come for `now`.
    fn place_absent(&mut self, frontier: i64, out: &mut VecDeque<Output>) -> bool {
        let behind = frontier - self.session(self.end);
        if !self.media.present {
            self.close_part(out);
            self.gap = true;
            return true;
        }
        self.media.silent |= behind >= ABSENT;
        if !self.media.silent || behind < TRAIL {
            return false;
        }
        match self.media.silence.clone() {
            Some(silence) => self.place(silence, self.frame_ticks(), out),
            None => {
                self.close_part(out);
                self.gap = true;
            }
        }
        true
    }

    fn place(&mut self, payload: Bytes, duration: i64, out: &mut VecDeque<Output>) {
        let part_max = self.own_floor(self.lengths.part_max);
        let full =
            self.end >= self.next_line(self.part.start) || self.end + duration - self.part.start > part_max;
        if full && !self.part.samples.is_empty() {
            self.close_part(out);
        }
        self.add(payload, true, 0, duration);
        if self.media.away && self.end >= self.next_line(self.part.start) {
            // No frame is to come that would tell.
            self.close_part(out);
        }
    }

    fn frame_ticks(&self) -> i64 {
        i64::from(self.media.config.samples_per_frame.clamp(1, 4096))
    }
}
