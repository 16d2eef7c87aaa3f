//! Pictures into parts: the source's and the rungs'.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{Media, Segmenter, SlateInit};
use crate::{
    epoch::Output,
    plan::{Cut, Plan},
    slate::Still,
};

/// A rung's IDR may stand this far from the plan's cut (50 ms); the source's stands exactly there.
const KEY_TOLERANCE: i64 = 4_500;
/// Taken for a picture's length before any was seen (1/30 s).
const NOMINAL: i64 = 3_000;
/// Of the last eight parts, this many that could not be cut on the grid are too many.
const IRREGULAR_MAX: u32 = 4;

/// A picture on the session timeline.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) key: bool,
    pub(crate) payload: Bytes,
}

/// A video rendition's state between pictures.
#[derive(Debug)]
pub(crate) struct Pictures {
    /// The newest picture: its duration is known when the next comes. It begins at the segmenter's end.
    held: Option<Picture>,
    /// Decode time in the file minus the unit's own, so that the segment's first picture is decoded when it is
    /// shown (decision: tfdt is the first sample's presentation time).
    shift: i64,
    /// The last picture's duration.
    nominal: i64,
    /// No picture is shown before this: the segment began with one that was to be shown earlier, where something is
    /// listed already. PROGRAM-DATE-TIME is that of the first picture as it is shown.
    shown_from: i64,
    /// Newest presentation time taken in.
    pub(crate) newest: i64,
    /// A bit for each of the last parts: it could not be cut on the grid.
    off_grid: u8,
    /// Inner parts so far, and how many of them could not be cut on the grid.
    pub(crate) parts: u32,
    pub(crate) parts_off_grid: u32,
    /// Only a keyframe after what is there goes on (the encoder was started anew).
    resume_at_key: bool,
    /// Pictures that came for what was gone.
    pub(crate) dropped: u64,
    /// What the slate shows from its next beginning on.
    still: Option<Still>,
    /// What it shows now.
    shown: Option<Still>,
    /// Which of the still's groups comes next.
    second_group: bool,
}

impl Default for Pictures {
    fn default() -> Self {
        Self {
            held: None,
            shift: 0,
            nominal: NOMINAL,
            shown_from: i64::MIN,
            newest: i64::MIN / 2,
            off_grid: 0,
            parts: 0,
            parts_off_grid: 0,
            resume_at_key: false,
            dropped: 0,
            still: None,
            shown: None,
            second_group: false,
        }
    }
}

impl Pictures {
    /// A still for the slate was made. A slate that is being shown is not changed by it.
    pub(crate) fn still_is(&mut self, still: Still) {
        self.still = Some(still);
    }

    /// A slate can be shown.
    pub(crate) fn has_still(&self) -> bool {
        self.still.is_some()
    }
}

impl Media for Pictures {
    const VIDEO: bool = true;

    fn begin_slate(&mut self, media: Option<&Bytes>) -> Option<SlateInit> {
        self.shown.clone_from(&self.still);
        self.shown.as_ref().map(|still| SlateInit::Own(still.init(media)))
    }

    fn slate_part(&mut self, length: i64) -> Option<Vec<(Bytes, bool, i64)>> {
        self.second_group = !self.second_group;
        self.shown.as_ref().map(|still| still.part(self.second_group, length))
    }
}

impl Segmenter<Pictures> {
    /// Takes the next picture in decode order. It waits until the one after it tells how long it lasts.
    pub(crate) fn picture(&mut self, picture: Picture, plan: &Plan, out: &mut VecDeque<Output>) {
        let shown_at = picture.pts;
        let reach = if picture.key { KEY_TOLERANCE } else { 0 };
        let cut = plan.newest_at(picture.pts, reach).copied().filter(|cut| cut.msn > self.msn);
        match cut {
            Some(cut) if picture.key && self.may_begin(&cut) => self.begin_segment(&cut, picture, plan, out),
            // A segment of its own should begin here, and cannot without a keyframe.
            Some(_) => {
                self.media.dropped += 1;
                self.leave(out);
            }
            None => self.follow(picture, out),
        }
        // What is left before this picture lasts no longer for its sake.
        self.media.newest = self.media.newest.max(shown_at);
    }

    /// No more pictures for now: the held one is given its customary length, then gaps follow.
    pub(crate) fn leave(&mut self, out: &mut VecDeque<Output>) {
        self.leave_towards(i64::MIN, out);
    }

    /// As [`Self::leave`]; the held picture is shown until `until` (session time) if a part can span that.
    pub(crate) fn leave_towards(&mut self, until: i64, out: &mut VecDeque<Output>) {
        if self.gap {
            return;
        }
        self.gap = true;
        if let Some(held) = self.media.held.take() {
            // The picture shown last need not be the one decoded last.
            let shown_to = (self.media.newest + self.media.nominal).max(until).saturating_sub(self.end);
            let wanted = self.media.nominal.max(shown_to);
            let length = self.end - self.part_start();
            let room = self.lengths.part_max - length;
            let independent = self.part.samples.first().is_some_and(|first| first.key);
            let may_close = length >= self.lengths.part_min || (independent && length > 0);
            if room < wanted && (may_close || room < 1) {
                self.close_part(out);
            }
            let room = self.part_start() + self.lengths.part_max - self.end;
            let room = room.min(self.segment_start + self.lengths.segment_max - self.end);
            self.add_held(held, wanted.min(room).max(1));
        }
        self.close_part(out);
    }

    /// The encoder was started anew: what comes must not be decoded against what was there.
    pub(crate) fn resume_at_key(&mut self) {
        self.media.resume_at_key = true;
    }

    /// Too many parts could not be cut on the grid: the frame rate is too low or too irregular.
    pub(crate) fn is_irregular(&self) -> bool {
        self.media.off_grid.count_ones() >= IRREGULAR_MAX
    }

    pub(crate) fn nominal(&self) -> i64 {
        self.media.nominal
    }

    /// Media coded otherwise than before begins with a discontinuity alone, and never where slates do.
    fn may_begin(&self, cut: &Cut) -> bool {
        if cut.slate {
            return false;
        }
        match (&self.init, &self.next_init) {
            (None, None) => false,
            (None, Some(_)) | (Some(_), None) => true,
            (Some(_), Some(_)) => cut.discontinuity,
        }
    }

    fn begin_segment(&mut self, cut: &Cut, picture: Picture, plan: &Plan, out: &mut VecDeque<Output>) {
        if self.msn + 1 < cut.msn {
            // Whole segments were missed.
            self.leave(out);
            while let Some(missed) = plan.by_msn(self.msn + 1).copied().filter(|missed| missed.msn < cut.msn)
            {
                self.cross_in_gap(&missed, plan, out);
            }
        }
        let too_long = self.books.has_begun() && picture.pts > self.limit();
        if picture.pts > cut.at + KEY_TOLERANCE || too_long {
            // Its first picture comes later than the cut, or than the segment before can last: a gap stands before it.
            self.leave(out);
            self.cross_in_gap(cut, plan, out);
            self.fill_open(picture.pts, out);
            self.hold_first(picture);
            return;
        }
        // What is held takes a tick at least.
        let start = picture.pts.max(if self.gap { self.end } else { self.end + 1 });
        if !self.gap {
            self.close_media(start, out);
        }
        let start = start.max(self.end);
        self.cross(cut, start, out);
        self.hold_first(picture);
    }

    /// Media begins with this keyframe at the end of what is there.
    fn hold_first(&mut self, picture: Picture) {
        self.gap = false;
        self.media.resume_at_key = false;
        self.media.shift = self.end - picture.dts;
        self.media.shown_from = self.end;
        self.media.held = Some(picture);
    }

    /// A picture within the segment.
    fn follow(&mut self, picture: Picture, out: &mut VecDeque<Output>) {
        let Some(held_pts) = self.media.held.as_ref().map(|held| held.pts) else {
            self.media.dropped += 1;
            return;
        };
        if self.media.resume_at_key {
            if !picture.key || picture.pts <= held_pts {
                self.media.dropped += 1;
                return;
            }
            self.media.resume_at_key = false;
        }
        let mut at = (picture.dts + self.media.shift).max(self.end + 1);
        if at - self.end > self.lengths.part_max {
            // More is missing than a part can span.
            self.note_part(true);
            self.media.dropped += 1;
            self.leave(out);
            return;
        }
        self.media.nominal = at - self.end;

        let (mut boundary, mut off_grid) = (false, false);
        // Twice at most: a part may end before the held picture and the next one with it.
        for _ in 0..2 {
            let part_start = self.part_start();
            let length = at - part_start;
            if at < self.next_line(part_start) && length <= self.lengths.part_max {
                break;
            }
            if length <= self.lengths.part_max {
                // Too short only after a part that ended early: the next picture decides.
                boundary = length >= self.lengths.part_min;
                break;
            }
            let held_length = self.end - part_start;
            let independent = self.part.samples.first().is_some_and(|first| first.key);
            if held_length >= self.lengths.part_min || (independent && held_length > 0) {
                self.note_part(held_length < self.lengths.part_min);
                self.close_part(out);
                continue;
            }
            // No picture begins where a part may end. The decoder's time is moved, the picture's is not.
            at = part_start + self.lengths.part_max;
            off_grid = true;
            boundary = true;
            break;
        }
        let held = self.media.held.replace(picture).expect("looked at just above");
        let duration = at - self.end;
        self.add_held(held, duration);
        if boundary {
            self.note_part(off_grid);
            self.close_part(out);
        }
    }

    /// The segment's media ends at `until`: the held picture lasts until there if a part can span it.
    fn close_media(&mut self, until: i64, out: &mut VecDeque<Output>) {
        let part_max = self.lengths.part_max;
        if until - self.end > part_max {
            // A hole before the cut: it is listed as a gap.
            self.leave(out);
            return;
        }
        let Some(held) = self.media.held.take() else { return };
        if until - self.part_start() > part_max {
            let length = self.end - self.part.start;
            let independent = self.part.samples.first().is_some_and(|first| first.key);
            if length < self.lengths.part_min && !independent {
                // Neither with the held picture nor without it would the part be legal: the held one is
                // decoded later (and shown when it was).
                self.stretch_last(self.lengths.part_min - length);
            }
            self.close_part(out);
        }
        self.add_held(held, (until - self.end).max(1));
        self.close_part(out);
    }

    fn stretch_last(&mut self, by: i64) {
        if let Some(last) = self.part.samples.last_mut() {
            last.duration = last.duration.saturating_add(u32::try_from(by).unwrap_or(0));
            self.end += by.max(0);
        }
    }

    fn add_held(&mut self, held: Picture, duration: i64) {
        let shown_at = held.pts.max(self.media.shown_from);
        let offset = i32::try_from(shown_at - self.end).unwrap_or(0);
        self.add(held.payload, held.key, offset, duration);
    }

    fn part_start(&self) -> i64 {
        if self.part.samples.is_empty() { self.end } else { self.part.start }
    }

    fn note_part(&mut self, off_grid: bool) {
        self.media.off_grid = self.media.off_grid << 1 | u8::from(off_grid);
        self.media.parts += 1;
        self.media.parts_off_grid += u32::from(off_grid);
    }
}
