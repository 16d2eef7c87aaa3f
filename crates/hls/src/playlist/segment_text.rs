//! The lines of segments and parts (rfc8216bis 4.4.4).

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

use super::{View, line, seconds};
use crate::window::{Part, Segment, Slate, Window};

/// EXT-X-DATERANGE's CLASS for the time in which a slate stands for the publisher.
const SLATE_CLASS: &str = "lectern.slate";

/// Where the segments lie, seen from the playlist (beside it, or in `../../{rendition}/`), and from which
/// one on their parts are listed.
pub(super) struct Folder<'a> {
    rendition: Option<&'a str>,
    parts_from_msn: u64,
}

impl fmt::Display for Folder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rendition {
            Some(rendition) => write!(f, "../../{rendition}/"),
            None => Ok(()),
        }
    }
}

impl<'a> Folder<'a> {
    pub(super) fn of(window: &'a Window, view: View) -> Self {
        let (rendition, parts_from_msn) = match view {
            View::Live => (None, window.parts_from_msn),
            View::Dvr => (Some(window.rendition.as_str()), window.parts_from_msn),
            View::Vod => (Some(window.rendition.as_str()), u64::MAX),
        };
        Self { rendition, parts_from_msn }
    }

    /// The finished segments from `kept` on, in a playlist that begins with `first`.
    pub(super) fn push_segments(&self, text: &mut String, window: &Window, first: u64, kept: u64) {
        let from = match self.rendition {
            Some(rendition) if kept == first => self.push_old_runs(text, window, rendition),
            Some(_) | None => kept,
        };
        let before = from.checked_sub(1).filter(|&msn| msn >= first);
        let mut previous = before.and_then(|msn| window.segments.by_msn(msn)).map(AsRef::as_ref);
        for segment in window.segments.from_msn(from) {
            self.push_finished(text, segment, previous, segment.msn >= self.parts_from_msn);
            previous = Some(segment);
        }
    }

    /// The slates that begin or end in the segments from `first` up to `kept`, which a delta update leaves out:
    /// EXT-X-DATERANGE is not skipped with them (6.2.5.1; CAN-SKIP-DATERANGES is not offered).
    pub(super) fn push_skipped_slates(text: &mut String, window: &Window, first: u64, kept: u64) {
        let mut previous: Option<&Segment> = None;
        let skipped = window.segments.from_msn(first).take_while(|segment| segment.msn < kept);
        for segment in skipped {
            push_slate(text, segment, previous);
            previous = Some(segment);
        }
    }

    /// The init segment that is in force where a delta update begins to list. It was said with a segment that is left
    /// out, and clients should know it still; shaka-player 5.2 does not: it then appends media to the init segment of
    /// another rendition, or of the slate, and ends with a decoding error.
    pub(super) fn push_init_before(&self, text: &mut String, window: &Window, kept: u64) {
        let of = |msn: u64| window.segments.by_msn(msn).map(|segment| segment.init);
        if let (Some(before), Some(init)) = (kept.checked_sub(1).and_then(of), of(kept))
            && before == init
        {
            self.push_init(text, init);
        }
    }

    fn push_init(&self, text: &mut String, init: u32) {
        line(text, format_args!("#EXT-X-MAP:URI=\"{self}init-{init}.mp4\""));
    }

    /// Everything of the growing segment that can be said: its parts so far.
    pub(super) fn push_open(&self, text: &mut String, open: &Segment, previous: Option<&Segment>) {
        self.push_head(text, open, previous);
        self.push_parts(text, open);
    }

    /// The runs of segments that no longer list parts, from their kept text; answers the number after them.
    fn push_old_runs(&self, text: &mut String, window: &Window, rendition: &str) -> u64 {
        let mut previous: Option<&Segment> = None;
        for chunk in window.segments.chunks() {
            let last = chunk.segments.last().expect("a run is kept when it is full");
            if last.msn >= self.parts_from_msn {
                break;
            }
            let (of, kept) =
                chunk.text.get_or_init(|| (rendition.to_owned(), self.run(&chunk.segments, previous)));
            if of == rendition {
                text.push_str(kept);
            } else {
                text.push_str(&self.run(&chunk.segments, previous));
            }
            previous = Some(last);
        }
        previous.map_or_else(|| window.segments.first().map_or(0, |first| first.msn), |last| last.msn + 1)
    }

    fn run(&self, segments: &[std::sync::Arc<Segment>], before: Option<&Segment>) -> String {
        let mut text = String::new();
        let mut previous = before;
        for segment in segments {
            self.push_finished(&mut text, segment, previous, false);
            previous = Some(segment);
        }
        text.shrink_to_fit();
        text
    }

    fn push_finished(
        &self,
        text: &mut String,
        segment: &Segment,
        previous: Option<&Segment>,
        with_parts: bool,
    ) {
        self.push_head(text, segment, previous);
        if with_parts {
            self.push_parts(text, segment);
        }
        // What only the live view keeps must not be listed where it is looked for an hour later.
        if segment.gap || (segment.unrecorded && self.rendition.is_some()) {
            line(text, format_args!("#EXT-X-GAP"));
        }
        line(text, format_args!("#EXTINF:{},\n{self}{}.m4s", seconds(segment.duration), segment.msn));
    }

    /// What stands before a segment's first part (4.4.4.9: these tags come before every EXT-X-PART of it).
    fn push_head(&self, text: &mut String, segment: &Segment, previous: Option<&Segment>) {
        push_slate(text, segment, previous);
        if segment.discontinuity {
            line(text, format_args!("#EXT-X-DISCONTINUITY"));
        }
        if previous.is_none_or(|previous| previous.init != segment.init) {
            self.push_init(text, segment.init);
        }
        line(text, format_args!("#EXT-X-PROGRAM-DATE-TIME:{}", date(segment.program_date_time)));
    }

    fn push_parts(&self, text: &mut String, segment: &Segment) {
        for (index, Part { duration, independent, gap, size_bytes: _ }) in segment.parts.iter().enumerate() {
            let independent = if *independent { ",INDEPENDENT=YES" } else { "" };
            let gap = if *gap { ",GAP=YES" } else { "" };
            let (msn, duration) = (segment.msn, seconds(*duration));
            line(
                text,
                format_args!(
                    "#EXT-X-PART:DURATION={duration},URI=\"{self}{msn}.{index}.m4s\"{independent}{gap}"
                ),
            );
        }
    }
}

/// EXT-X-DATERANGE (4.4.5.1) where a slate begins, and again, with its end, where it has ended.
fn push_slate(text: &mut String, segment: &Segment, previous: Option<&Segment>) {
    let before = previous.and_then(|previous| previous.slate);
    if before == segment.slate {
        return;
    }
    if let Some(slate) = before {
        push_slate_end(text, slate, segment.program_date_time);
    }
    if let Some(Slate { first_msn, since }) = segment.slate {
        let since = date(since);
        line(
            text,
            format_args!(
                "#EXT-X-DATERANGE:ID=\"slate-{first_msn}\",CLASS=\"{SLATE_CLASS}\",START-DATE=\"{since}\""
            ),
        );
    }
}

/// The slate was shown until `end`.
pub(super) fn push_slate_end(text: &mut String, slate: Slate, end: DateTime<Utc>) {
    let Slate { first_msn, since } = slate;
    let (since, end) = (date(since), date(end.max(since)));
    line(
        text,
        format_args!(
            "#EXT-X-DATERANGE:ID=\"slate-{first_msn}\",CLASS=\"{SLATE_CLASS}\",START-DATE=\"{since}\",\
             END-DATE=\"{end}\""
        ),
    );
}

fn date(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
