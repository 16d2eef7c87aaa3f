//! The books of one rendition: what is listed, and how many bits it took. Makes windows; no media.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use hls::window::{Figures, Part, Report, Segment, SegmentList, Slate, Window};
use media::MediaTime;

use crate::epoch::Name;

/// What is listed of one rendition.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) name: Name,
    figures: Figures,
    segments: SegmentList,
    open: Option<Segment>,
    open_bytes: u64,
    version: u64,
    ended: bool,
    /// Something changed since the last window.
    dirty: bool,
    pub(crate) rate: Rate,
}

/// What a new segment is told about itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    pub(crate) msn: u64,
    pub(crate) starts_at: MediaTime,
    pub(crate) program_date_time: DateTime<Utc>,
    pub(crate) discontinuity: bool,
    pub(crate) discontinuity_sequence: u64,
    pub(crate) init: u32,
    /// It is part of a hole that is filled with the slate.
    pub(crate) slate: bool,
}

impl Books {
    pub(crate) fn new(name: Name, figures: Figures) -> Self {
        let rate = Rate::new(figures.target_duration_s);
        Self {
            name,
            figures,
            segments: SegmentList::default(),
            open: None,
            open_bytes: 0,
            version: 0,
            ended: false,
            dirty: false,
            rate,
        }
    }

    /// Begins a segment; the one before must be closed.
    pub(crate) fn open(&mut self, opening: Opening) {
        debug_assert!(self.open.is_none(), "a segment is closed before the next begins");
        self.open = Some(Segment {
            msn: opening.msn,
            starts_at: opening.starts_at,
            program_date_time: opening.program_date_time,
            discontinuity: opening.discontinuity,
            discontinuity_sequence: opening.discontinuity_sequence,
            init: opening.init,
            gap: false,
            unrecorded: false,
            slate: opening.slate.then(|| self.hole(&opening)),
            parts: Vec::with_capacity(9),
            duration: MediaTime::new(0, opening.starts_at.scale()),
        });
        self.open_bytes = 0;
    }

    /// The hole that a segment goes on with, or begins.
    fn hole(&self, opening: &Opening) -> Slate {
        let begun = self.segments.last().and_then(|last| last.slate);
        begun.unwrap_or(Slate { first_msn: opening.msn, since: opening.program_date_time })
    }

    /// Lists a part of the open segment; returns its index.
    pub(crate) fn list(&mut self, part: Part) -> u32 {
        let open = self.open.as_mut().expect("parts belong to an open segment");
        let index = u32::try_from(open.parts.len()).expect("a segment has fewer than 2^32 parts");
        open.duration = open.duration.plus(part.duration);
        // A segment that is not all there is not to be loaded as a whole (rfc8216bis 4.4.4.7).
        open.gap |= part.gap;
        self.open_bytes += part.size_bytes;
        open.parts.push(part);
        self.dirty = true;
        index
    }

    /// The newest part is not recorded: nor is its segment.
    pub(crate) fn mark_unrecorded(&mut self) {
        if let Some(open) = &mut self.open {
            open.unrecorded = true;
        }
    }

    /// Finishes the open segment.
    pub(crate) fn close(&mut self) {
        let Some(segment) = self.open.take() else { return };
        if !segment.gap {
            self.rate.add(self.open_bytes, segment.duration);
        }
        self.segments.push(Arc::new(segment));
        self.dirty = true;
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
        self.dirty = true;
    }

    /// How many parts the open segment lists.
    pub(crate) fn open_parts(&self) -> usize {
        self.open.as_ref().map_or(0, |open| open.parts.len())
    }

    pub(crate) fn open_msn(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.msn)
    }

    /// At least one segment is finished.
    pub(crate) fn is_playable(&self) -> bool {
        !self.segments.is_empty()
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.open.is_some() || !self.segments.is_empty()
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Where the rendition stands, for the other renditions' playlists.
    pub(crate) fn report(&self) -> Option<Report> {
        let (last_msn, parts) = match (&self.open, self.segments.last()) {
            (Some(open), _) if !open.parts.is_empty() => (open.msn, open.parts.len()),
            (_, Some(last)) => (last.msn, last.parts.len()),
            _ => return None,
        };
        let last_part = parts.checked_sub(1).and_then(|index| u32::try_from(index).ok());
        Some(Report { rendition: self.name.to_string(), last_msn, last_part })
    }

    /// The window to announce now; the books are clean again.
    pub(crate) fn window(&mut self, reports: Vec<Report>) -> Window {
        self.version += 1;
        self.dirty = false;
        let open = self.open.as_ref().filter(|open| !open.parts.is_empty()).cloned();
        let (live_from_msn, parts_from_msn) = self.listed_from(open.as_ref());
        Window {
            version: self.version,
            rendition: self.name.to_string(),
            figures: self.figures,
            segments: self.segments.clone(),
            live_from_msn,
            parts_from_msn,
            hint: (!self.ended).then(|| self.hint()),
            open,
            reports,
            ended: self.ended,
        }
    }

    fn hint(&self) -> (u64, u32) {
        match &self.open {
            Some(open) => (open.msn, u32::try_from(open.parts.len()).expect("few parts")),
            None => (self.segments.last().map_or(0, |last| last.msn + 1), 0),
        }
    }

    /// First media sequence number of the live view, and of the segments whose parts are listed.
    fn listed_from(&self, open: Option<&Segment>) -> (u64, u64) {
        let target = i64::from(self.figures.target_duration_s) * 1000;
        // 6.2.2: at least three target durations stay after a removal.
        let window = MediaTime::from_ms(i64::from(self.figures.live_window_ms).max(3 * target));
        let parts_for = MediaTime::from_ms(3 * target);
        let first = self.segments.first().map_or_else(|| open.map_or(0, |open| open.msn), |first| first.msn);
        let (mut live_from, mut parts_from) = (first, first);
        let mut behind = MediaTime::from_ms(0);
        let mut after_segment =
            open.map_or(MediaTime::from_ms(0), |open| MediaTime::from_ms(0).plus(open.duration));
        let (mut live_found, mut parts_found) = (false, false);
        for segment in self.segments.iter().rev() {
            if !live_found && behind >= window {
                live_from = segment.msn + 1;
                live_found = true;
            }
            // A segment that ended this long before the playlist's end has no parts any more.
            if !parts_found && after_segment >= parts_for {
                parts_from = segment.msn + 1;
                parts_found = true;
            }
            if live_found && parts_found {
                break;
            }
            behind = behind.plus(segment.duration);
            after_segment = after_segment.plus(segment.duration);
        }
        (live_from, parts_from)
    }

    /// Takes over what the journal tells: the finished segments with their sizes, the open one, and how many
    /// changes there were.
    pub(crate) fn restore(
        &mut self,
        segments: Vec<(Segment, u64)>,
        open: Option<(Segment, u64)>,
        version: u64,
    ) {
        for (segment, bytes) in segments {
            if !segment.gap {
                self.rate.add(bytes, segment.duration);
            }
            self.segments.push(Arc::new(segment));
        }
        if let Some((open, bytes)) = open {
            self.open = Some(open);
            self.open_bytes = bytes;
        }
        self.version = version;
        self.dirty = true;
    }
}
/// Measured bits a second (rfc8216bis 4.4.6.2: the peak over runs of 0.5 to 1.5 target durations).
#[derive(Debug)]
pub(crate) struct Rate {
    target: MediaTime,
    last: Option<(u64, MediaTime)>,
    bytes: u64,
    duration: MediaTime,
    peak: u64,
}

impl Rate {
    fn new(target_duration_s: u32) -> Self {
        Self {
            target: MediaTime::from_ms(i64::from(target_duration_s) * 1000),
            last: None,
            bytes: 0,
            duration: MediaTime::from_ms(0),
            peak: 0,
        }
    }

    fn add(&mut self, bytes: u64, duration: MediaTime) {
        let duration = MediaTime::from_ms(0).plus(duration);
        self.bytes += bytes;
        self.duration = self.duration.plus(duration);
        let half = MediaTime::session(self.target.ticks() / 2);
        let longest = self.target.plus(half).plus(MediaTime::from_ms(500));
        // A run of two short segments counts as well as a segment alone.
        for run in [Some((bytes, duration)), self.last.map(|(b, d)| (b + bytes, d.plus(duration)))]
            .into_iter()
            .flatten()
        {
            if run.1 >= MediaTime::session(half.ticks() * 9 / 10) && run.1 <= longest {
                self.peak = self.peak.max(bits_a_second(run.0, run.1));
            }
        }
        self.last = Some((bytes, duration));
    }

    /// Highest measured; none before enough media.
    pub(crate) fn peak(&self) -> Option<u64> {
        (self.peak > 0).then_some(self.peak)
    }

    pub(crate) fn average(&self) -> Option<u64> {
        (self.duration.ticks() > 0).then(|| bits_a_second(self.bytes, self.duration))
    }
}

fn bits_a_second(bytes: u64, duration: MediaTime) -> u64 {
    let ticks = u64::try_from(duration.ticks()).unwrap_or(0).max(1);
    bytes.saturating_mul(8).saturating_mul(90_000) / ticks
}
