//! One rendition's segments and parts at one moment: facts alone, no text and no bytes.
//!
//! The packager publishes an `Arc<Window>` for every change; whoever serves playlists renders it once for
//! all viewers. Cloning is cheap however long the session is: finished segments are shared.

use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use media::MediaTime;

/// The figures that stand in every playlist of an epoch and never change in it (rfc8216bis 6.2.1,
/// 4.4.3.7, 4.4.3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// EXT-X-TARGETDURATION in whole seconds.
    pub target_duration_s: u32,
    /// PART-TARGET in milliseconds.
    pub part_target_ms: u32,
    /// PART-HOLD-BACK in milliseconds; at least three part targets.
    pub part_hold_back_ms: u32,
    /// HOLD-BACK in milliseconds; at least three target durations.
    pub hold_back_ms: u32,
    /// CAN-SKIP-UNTIL in milliseconds; at least six target durations.
    pub can_skip_until_ms: u32,
    /// How much the live view holds, in milliseconds of finished segments; at least three target durations.
    pub live_window_ms: u32,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            target_duration_s: 4,
            part_target_ms: 540,
            part_hold_back_ms: 1_620,
            hold_back_ms: 12_000,
            can_skip_until_ms: 24_000,
            live_window_ms: 60_000,
        }
    }
}

/// A part of a segment (rfc8216bis 4.4.4.9). Its URI is `{msn}.{index}.m4s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// How long it plays.
    pub duration: MediaTime,
    /// Holds an IDR picture at its start (every part of an audio rendition).
    pub independent: bool,
    /// There is no media for it.
    pub gap: bool,
    /// Size of its bytes; zero for a gap.
    pub size_bytes: u64,
}

/// A hole that is filled with the slate: nothing of the publisher is in its segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slate {
    /// The media sequence number it begins with.
    pub first_msn: u64,
    /// EXT-X-PROGRAM-DATE-TIME of its first sample.
    pub since: DateTime<Utc>,
}

/// A segment, finished or still growing. Its URI is `{msn}.m4s`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Media sequence number.
    pub msn: u64,
    /// Where it begins on the session timeline (presentation time of its first sample).
    pub starts_at: MediaTime,
    /// EXT-X-PROGRAM-DATE-TIME of its first sample.
    pub program_date_time: DateTime<Utc>,
    /// An EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// Discontinuities from the epoch's beginning up to and including this segment's own.
    pub discontinuity_sequence: u64,
    /// Which `init-{n}.mp4` it needs.
    pub init: u32,
    /// There is no media for the segment as a whole (EXT-X-GAP).
    pub gap: bool,
    /// Its media is kept for the live view alone: in the others it is a gap.
    pub unrecorded: bool,
    /// The hole it belongs to, where a slate is shown in place of the publisher (in another rendition, should
    /// this one list gaps).
    pub slate: Option<Slate>,
    /// Its parts so far, in order. Never empty in a finished segment made in this process; empty for one
    /// whose parts are no longer told apart (restored from a journal long past).
    pub parts: Vec<Part>,
    /// Sum of the parts' durations.
    pub duration: MediaTime,
}

/// Where another rendition stood when this window was published (EXT-X-RENDITION-REPORT, 4.4.5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The rendition's name: the folder in its URIs.
    pub rendition: String,
    /// Its newest media sequence number, be the segment finished or growing.
    pub last_msn: u64,
    /// Index of the newest part in that segment; none when its newest segment has no parts listed.
    pub last_part: Option<u32>,
}

/// One rendition at one moment.
#[derive(Clone, Debug)]
pub struct Window {
    /// Grows by one with every published change of this rendition.
    pub version: u64,
    /// The rendition's name: the folder in its URIs.
    pub rendition: String,
    /// The constant figures.
    pub figures: Figures,
    /// Every finished segment since the epoch began: the DVR view.
    pub segments: SegmentList,
    /// The first media sequence number of the live view.
    pub live_from_msn: u64,
    /// Parts of segments older than this are no longer listed (6.2.2: three target durations).
    pub parts_from_msn: u64,
    /// The segment being made; none before its first part.
    pub open: Option<Segment>,
    /// The part that is made next, for EXT-X-PRELOAD-HINT: (media sequence number, index). None when ended.
    pub hint: Option<(u64, u32)>,
    /// The other renditions.
    pub reports: Vec<Report>,
    /// EXT-X-ENDLIST.
    pub ended: bool,
}

impl Window {
    /// The newest listed media sequence number and part: what a blocking reload compares with (6.2.5.2).
    #[must_use]
    pub fn newest(&self) -> Option<(u64, Option<u32>)> {
        if let Some(open) = &self.open
            && !open.parts.is_empty()
        {
            let last = u32::try_from(open.parts.len() - 1).expect("a segment has fewer than 2^32 parts");
            return Some((open.msn, Some(last)));
        }
        let last = self.segments.last()?;
        let part =
            u32::try_from(last.parts.len()).expect("a segment has fewer than 2^32 parts").checked_sub(1);
        Some((last.msn, part))
    }
}

const CHUNK_SEGMENTS: usize = 64;

/// A full run of segments that will never change, with its playlist text once somebody asked for it.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) segments: Vec<Arc<Segment>>,
    /// The folder the text's URIs point into, and the text without parts.
    pub(crate) text: OnceLock<(String, String)>,
}

/// Finished segments in order, with consecutive media sequence numbers; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SegmentList {
    full: Vec<Arc<Chunk>>,
    tail: Vec<Arc<Segment>>,
}

impl SegmentList {
    /// Adds the next segment.
    ///
    /// # Panics
    /// When its media sequence number does not follow the last one: a playlist must never show that.
    pub fn push(&mut self, segment: Arc<Segment>) {
        if let Some(last) = self.last() {
            assert_eq!(segment.msn, last.msn + 1, "media sequence numbers are consecutive");
        }
        self.tail.push(segment);
        if self.tail.len() == CHUNK_SEGMENTS {
            let segments = std::mem::take(&mut self.tail);
            self.full.push(Arc::new(Chunk { segments, text: OnceLock::new() }));
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.full.len() * CHUNK_SEGMENTS + self.tail.len()
    }

    /// None at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.full.is_empty() && self.tail.is_empty()
    }

    /// The first.
    #[must_use]
    pub fn first(&self) -> Option<&Arc<Segment>> {
        self.at(0)
    }

    /// The newest.
    #[must_use]
    pub fn last(&self) -> Option<&Arc<Segment>> {
        self.tail.last().or_else(|| self.full.last().and_then(|chunk| chunk.segments.last()))
    }

    /// The runs that never change again, oldest first.
    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.full
    }

    /// By position.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<&Arc<Segment>> {
        match self.full.get(index / CHUNK_SEGMENTS) {
            Some(chunk) => chunk.segments.get(index % CHUNK_SEGMENTS),
            None => self.tail.get(index.checked_sub(self.full.len() * CHUNK_SEGMENTS)?),
        }
    }

    /// By media sequence number.
    #[must_use]
    pub fn by_msn(&self, msn: u64) -> Option<&Arc<Segment>> {
        let first = self.first()?.msn;
        self.at(usize::try_from(msn.checked_sub(first)?).ok()?)
    }

    /// From a media sequence number on (or from the first, if that is later), in order.
    pub fn from_msn(&self, msn: u64) -> impl Iterator<Item = &Arc<Segment>> {
        let first = self.first().map_or(0, |segment| segment.msn);
        let skip = usize::try_from(msn.saturating_sub(first)).unwrap_or(usize::MAX);
        (skip.min(self.len())..self.len()).filter_map(|index| self.at(index))
    }

    /// All, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Segment>> {
        self.full.iter().flat_map(|chunk| chunk.segments.iter()).chain(self.tail.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(msn: u64) -> Arc<Segment> {
        Arc::new(Segment {
            msn,
            starts_at: MediaTime::from_ms(0),
            program_date_time: DateTime::UNIX_EPOCH,
            discontinuity: false,
            discontinuity_sequence: 0,
            init: 0,
            gap: false,
            unrecorded: false,
            slate: None,
            parts: Vec::new(),
            duration: MediaTime::from_ms(2000),
        })
    }

    #[test]
    fn segments_are_found_by_number_across_chunks() {
        let mut list = SegmentList::default();
        (100..300).for_each(|msn| list.push(segment(msn)));
        assert_eq!(list.len(), 200);
        for msn in [100, 163, 164, 227, 228, 299] {
            assert_eq!(list.by_msn(msn).map(|found| found.msn), Some(msn));
        }
        assert!(list.by_msn(99).is_none() && list.by_msn(300).is_none());
        assert_eq!(list.from_msn(297).map(|found| found.msn).collect::<Vec<_>>(), [297, 298, 299]);
        assert_eq!(list.from_msn(0).count(), 200);
        assert_eq!(list.iter().next_back().map(|found| found.msn), Some(299));
    }

    #[test]
    #[should_panic(expected = "consecutive")]
    fn a_hole_in_the_numbers_is_our_own_mistake() {
        let mut list = SegmentList::default();
        list.push(segment(1));
        list.push(segment(3));
    }
}
