//! One rendition on its way through the cut plan: samples into parts, parts into segments, and the slate or gaps
//! where there are no samples. Decides nothing about cuts.

mod audio;
mod video;

use std::collections::VecDeque;

use bytes::Bytes;
use hls::window::{Figures, Part};
use media::{MediaTime, SESSION_SCALE, Timescale};

pub(crate) use self::{
    audio::{SLATE_TRAIL, Sound, TRAIL},
    video::{Picture, Pictures},
};
use crate::{
    books::{Books, Opening},
    epoch::{Name, Output},
    fmp4,
    journal::Record,
    plan::{Cut, Lengths, Plan},
    timeline,
};

/// A cut of the clock this close to where a rendition's media ended is taken there (0.1 s).
const HOLE_SLACK: i64 = 9_000;
/// After a restart a rendition's media may end this far from the cut that follows it, and still begins the next
/// segment there: one part was on disk and another's was not, or a rung was behind. What was recorded of the
/// segment before stays whole (2 s).
const RESTART_SLACK: i64 = 180_000;
/// Parts a segment can have, for the movie fragments' sequence numbers.
const PARTS_MAX: u64 = 64;

/// A rendition.
#[derive(Debug)]
pub(crate) struct Segmenter<M> {
    pub(crate) name: Name,
    pub(crate) books: Books,
    pub(crate) media: M,
    lengths: Lengths,
    started_at: chrono::DateTime<chrono::Utc>,
    video: bool,
    /// Ticks of the track.
    scale: Timescale,
    /// Those of the track after the next init segment.
    next_scale: Timescale,
    /// The plan's segment it is in (or before the first, the one before that).
    pub(crate) msn: u64,
    /// Where the plan cut it, in session time.
    segment_at: i64,
    /// Where it really begins, in the track's ticks.
    segment_start: i64,
    /// Where the next sample or gap begins, in the track's ticks.
    end: i64,
    /// No media until a cut brings some.
    gap: bool,
    /// How far from the clock's next cut the segment may end.
    hole_slack: i64,
    /// The segment is the slate's.
    slate: bool,
    part: PartBuilder,
    /// The media's, as it was written last.
    init: Option<Init>,
    /// The media's after the next discontinuity.
    next_init: Option<Bytes>,
    /// The slate's, as it was written last.
    slate_init: Option<Init>,
    next_n: u32,
    file_offset: u64,
    /// What is listed is recorded too; else only the live view has it.
    pub(crate) recording: bool,
}

/// An init segment that was written: its number and bytes.
pub(crate) type Init = (u32, Bytes);

/// Where a rendition stands by its journal.
#[derive(Debug)]
pub(crate) struct Restored {
    pub(crate) msn: u64,
    /// Where the plan cut its last segment, in session time.
    pub(crate) segment_at: i64,
    /// Where that really began, in the track's ticks.
    pub(crate) segment_start: i64,
    /// The end of what is listed, in the track's ticks.
    pub(crate) end: i64,
    pub(crate) init: Option<Init>,
    pub(crate) slate_init: Option<Init>,
    pub(crate) file_offset: u64,
}

#[derive(Debug, Default)]
struct PartBuilder {
    start: i64,
    samples: Vec<fmp4::Sample>,
    chunks: Vec<Bytes>,
    bytes: u64,
}

/// Pictures or sound.
pub(crate) trait Media {
    /// Whether samples carry flags and composition offsets of their own.
    const VIDEO: bool;

    /// A slate begins beside media in the init segment `media`: can it be shown, and in what init segment?
    fn begin_slate(&mut self, media: Option<&Bytes>) -> Option<SlateInit>;

    /// The slate's samples for a part of `length` session ticks: payload, key, duration. None where it is not
    /// made to measure (sound).
    fn slate_part(&mut self, length: i64) -> Option<Vec<(Bytes, bool, i64)>>;
}

/// In what init segment a slate is shown.
#[derive(Debug)]
pub(crate) enum SlateInit {
    /// It is coded as the media is.
    Media,
    /// One of its own.
    Own(Bytes),
}

impl<M: Media> Segmenter<M> {
    /// A rendition whose first segment is the one after `msn`.
    pub(crate) fn new(
        name: Name,
        figures: Figures,
        started_at: chrono::DateTime<chrono::Utc>,
        scale: Timescale,
        msn: u64,
        media: M,
    ) -> Self {
        Self {
            books: Books::new(name.clone(), figures),
            name,
            media,
            lengths: Lengths::of(&figures),
            started_at,
            video: M::VIDEO,
            scale,
            next_scale: scale,
            msn,
            segment_at: 0,
            segment_start: 0,
            end: 0,
            gap: true,
            slate: false,
            hole_slack: HOLE_SLACK,
            part: PartBuilder::default(),
            init: None,
            next_init: None,
            slate_init: None,
            // Above those of whatever was listed before `msn`.
            next_n: u32::try_from(msn).unwrap_or(u32::MAX / 2),
            file_offset: 0,
            recording: true,
        }
    }

    /// The init segment for what comes after the next discontinuity (or from the first segment on). The same
    /// bytes as before change nothing; true when they differ from the present ones.
    pub(crate) fn set_init(&mut self, bytes: Bytes, scale: Timescale) -> bool {
        self.next_scale = scale;
        let same = self.init.as_ref().is_some_and(|(_, now)| *now == bytes);
        self.next_init = (!same).then_some(bytes);
        !same && self.init.is_some()
    }

    pub(crate) fn is_gap(&self) -> bool {
        self.gap
    }

    /// The segment is the slate's.
    pub(crate) fn shows_slate(&self) -> bool {
        self.slate
    }

    /// Between here and the cut after its segment the slate is shown, or will be from that cut on.
    pub(crate) fn meets_slate(&self, plan: &Plan) -> bool {
        let next = plan.by_msn(self.msn + 1);
        self.slate || next.is_some_and(|cut| cut.slate && !cut.brings(M::VIDEO))
    }

    /// Where the listing ends, or would if the part being made were listed, in session time.
    pub(crate) fn end_session(&self) -> i64 {
        self.session(self.end)
    }

    /// Where the timeline holds something: nothing may be placed before.
    pub(crate) fn occupied_to(&self) -> i64 {
        if self.books.has_begun() { self.session_ceil(self.end) } else { 0 }
    }

    /// Lists gaps up to `position` (session time), through the plan's cuts.
    pub(crate) fn fill_gap(&mut self, position: i64, plan: &Plan, out: &mut VecDeque<Output>) {
        if !self.gap {
            return;
        }
        while let Some(cut) = plan.by_msn(self.msn + 1).copied().filter(|cut| cut.at <= position) {
            self.cross_in_gap(&cut, plan, out);
        }
        if !self.books.has_begun() {
            return;
        }
        while self.session_ceil(self.gap_line()) <= position {
            let line = self.gap_line();
            self.list_gap(line, out);
            // What was recorded ends before it: nothing is left that could begin the next segment early.
            self.hole_slack = HOLE_SLACK;
        }
    }

    fn cross_in_gap(&mut self, cut: &Cut, plan: &Plan, out: &mut VecDeque<Output>) {
        let own = self.own_ceil(cut.at);
        if !self.books.has_begun() {
            self.cross(cut, own.max(self.end), out);
            return;
        }
        let end = self.session(self.end);
        // A slate begins everywhere at once.
        let slack = if cut.slate { HOLE_SLACK } else { self.hole_slack };
        let near = (end - cut.at).abs() <= slack && self.end > self.segment_start;
        // What begins early must not be too long at the cut after it.
        let next = plan.by_msn(cut.msn + 1);
        let fits = next.is_none_or(|next| next.at - end <= self.lengths.segment_limit);
        let start = if !cut.brings(M::VIDEO) && near && fits { self.end } else { own };
        // Nor may the one that ends be: it began before its own cut, if the cut comes too late for it.
        self.cross(cut, start.min(self.limit()).max(self.end), out);
    }

    /// Where the segment must have ended.
    fn limit(&self) -> i64 {
        self.segment_start + self.own_floor(self.lengths.segment_limit)
    }

    /// Ends the segment at `start` and begins the cut's there. What is between the end and `start` becomes a gap.
    fn cross(&mut self, cut: &Cut, start: i64, out: &mut VecDeque<Output>) {
        let mut start = start;
        if self.books.open_msn().is_some() {
            self.close_part(out);
            // A segment of no length at all cannot be listed: it gets the shortest gap.
            if self.books.open_parts() == 0 && start <= self.segment_start {
                start = self.segment_start + self.own(900).max(1);
            }
            self.fill_open(start, out);
            let msn = self.books.open_msn().expect("asked just above");
            self.books.close();
            out.push_back(Output::SegmentDone { rendition: self.name.clone(), msn });
            out.push_back(Output::Journal(Record::SegmentEnd { rendition: self.name.to_string(), msn }));
        }
        if self.change_scene(cut, out) {
            let session = self.session_ceil(start);
            self.scale = self.next_scale;
            start = self.own_ceil(session);
        }
        let shown =
            if self.slate { self.slate_init.as_ref().or(self.init.as_ref()) } else { self.init.as_ref() };
        let starts_at = MediaTime::new(start, self.scale);
        let opening = Opening {
            msn: cut.msn,
            starts_at,
            program_date_time: timeline::date(self.started_at, self.session(start).saturating_add(cut.lag)),
            discontinuity: cut.discontinuity,
            discontinuity_sequence: cut.discontinuity_sequence,
            init: shown.map_or(0, |(n, _)| *n),
            slate: cut.is_away(),
        };
        self.books.open(opening);
        out.push_back(Output::Journal(Record::Segment {
            rendition: self.name.to_string(),
            msn: opening.msn,
            starts_at,
            program_date_time: opening.program_date_time,
            discontinuity: opening.discontinuity,
            discontinuity_sequence: opening.discontinuity_sequence,
            init: opening.init,
            slate: cut.slates(),
        }));
        self.msn = cut.msn;
        self.hole_slack = HOLE_SLACK;
        // In a hole a rendition may begin where its media ended, a little before the cut.
        self.segment_at = cut.at.min(self.session(start));
        self.segment_start = start;
        self.end = start;
        self.part.start = start;
    }

    /// Slate, media or a gap from this cut on, and the init segment for it. True when the scale changes.
    fn change_scene(&mut self, cut: &Cut, out: &mut VecDeque<Output>) -> bool {
        let wanted = cut.slate && !cut.brings(M::VIDEO);
        if wanted && cut.discontinuity {
            let init = self.media.begin_slate(self.init.as_ref().map(|(_, bytes)| bytes));
            self.slate = init.is_some();
            if let Some(SlateInit::Own(bytes)) = init
                && self.slate_init.as_ref().is_none_or(|(_, now)| *now != bytes)
            {
                self.slate_init = Some(self.write_init(bytes, true, out));
            }
        }
        // Without a discontinuity a slate goes on where there is one, and does not begin.
        self.slate &= wanted;
        if self.slate || !(cut.discontinuity || self.init.is_none()) {
            return false;
        }
        let Some(bytes) = self.next_init.take() else { return false };
        let changes = self.next_scale != self.scale;
        self.init = Some(self.write_init(bytes, false, out));
        changes
    }

    fn write_init(&mut self, bytes: Bytes, slate: bool, out: &mut VecDeque<Output>) -> Init {
        let n = self.next_n;
        self.next_n += 1;
        let timescale = if slate { self.scale } else { self.next_scale };
        out.push_back(Output::Init { rendition: self.name.clone(), n, bytes: bytes.clone() });
        out.push_back(Output::Journal(Record::Init {
            rendition: self.name.to_string(),
            n,
            timescale: timescale.ticks_per_second(),
            slate,
            bytes: bytes.clone(),
        }));
        (n, bytes)
    }

    /// Adds a sample that begins at the end and takes `duration`.
    fn add(&mut self, payload: Bytes, key: bool, composition_offset: i32, duration: i64) {
        if self.part.samples.is_empty() {
            self.part.start = self.end;
        }
        let size = u32::try_from(payload.len()).expect("an access unit is far below 4 GiB");
        let duration_ticks = u32::try_from(duration).expect("a sample lasts no longer than a part");
        self.part.samples.push(fmp4::Sample { duration: duration_ticks, size, key, composition_offset });
        self.part.chunks.push(payload);
        self.part.bytes += u64::from(size);
        self.end += duration;
    }

    /// Lists the part being made, if it holds anything.
    fn close_part(&mut self, out: &mut VecDeque<Output>) {
        if self.part.samples.is_empty() {
            return;
        }
        let msn = self.books.open_msn().expect("samples are added to an open segment");
        let index = u64::try_from(self.books.open_parts()).expect("few parts");
        let sequence = u32::try_from((msn * PARTS_MAX + index + 1) & u64::from(u32::MAX)).expect("masked");
        let tfdt = u64::try_from(self.part.start).unwrap_or(0);
        let header = fmp4::part_header(sequence, tfdt, &self.part.samples, self.video);
        let length = header.len() as u64 + self.part.bytes;
        let duration = MediaTime::new(self.end - self.part.start, self.scale);
        // Wherever in it the keyframe stands (4.4.4.9).
        let independent = self.part.samples.iter().any(|sample| sample.key);
        let mut bytes = Vec::with_capacity(self.part.chunks.len() + 1);
        bytes.push(header);
        bytes.append(&mut self.part.chunks);
        let index = self.books.list(Part { duration, independent, gap: false, size_bytes: length });
        let offset = self.file_offset;
        let recorded = if self.recording { length } else { 0 };
        self.file_offset += recorded;
        if !self.recording {
            self.books.mark_unrecorded();
        }
        out.push_back(Output::Part { rendition: self.name.clone(), msn, index, bytes, length, offset });
        out.push_back(Output::Journal(Record::Part {
            rendition: self.name.to_string(),
            msn,
            index,
            tfdt: self.part.start,
            duration,
            independent,
            gap: !self.recording,
            offset,
            length: recorded,
        }));
        self.part.samples.clear();
        self.part.bytes = 0;
        self.part.start = self.end;
    }

    /// Lists gaps in the open segment up to `to`, part by part.
    fn fill_open(&mut self, to: i64, out: &mut VecDeque<Output>) {
        while self.end < to {
            let line = self.gap_line();
            let part_max = self.own_floor(self.lengths.part_max);
            // No splinter at the end where one part can take it all.
            let until = if to - self.end <= part_max { to } else { line.min(to) };
            self.list_gap(until, out);
        }
    }

    /// Lists one part of the slate, or else a gap, up to `to`.
    fn list_gap(&mut self, to: i64, out: &mut VecDeque<Output>) {
        if self.slate
            && let Some(samples) = self.media.slate_part(to - self.end)
        {
            for (payload, key, duration) in samples {
                self.add(payload, key, 0, duration);
            }
            self.close_part(out);
            return;
        }
        let msn = self.books.open_msn().expect("gaps are listed in an open segment");
        let duration = MediaTime::new(to - self.end, self.scale);
        let tfdt = self.end;
        let index = self.books.list(Part { duration, independent: false, gap: true, size_bytes: 0 });
        out.push_back(Output::Journal(Record::Part {
            rendition: self.name.to_string(),
            msn,
            index,
            tfdt,
            duration,
            independent: false,
            gap: true,
            offset: self.file_offset,
            length: 0,
        }));
        self.end = to;
        self.part.start = to;
    }

    /// The grid's next line after a part that begins at `from`, in the track's ticks.
    fn next_line(&self, from: i64) -> i64 {
        let grid = self.lengths.grid;
        let since = (self.session(from) - self.segment_at).max(0);
        let line = (since + grid / 2) / grid + 1;
        self.own_ceil(self.segment_at + line * grid)
    }

    /// Where a gap that begins at the end may stop: on the grid, and no longer than a part.
    fn gap_line(&self) -> i64 {
        let line = self.next_line(self.end);
        if line - self.end <= self.own_floor(self.lengths.part_max) {
            return line;
        }
        (line - self.own(self.lengths.grid)).max(self.end + 1)
    }

    /// Closes everything at what is there: ENDLIST.
    pub(crate) fn finish(&mut self, out: &mut VecDeque<Output>) {
        if let Some(msn) = self.books.open_msn() {
            self.close_part(out);
            if self.books.open_parts() > 0 {
                self.books.close();
                out.push_back(Output::SegmentDone { rendition: self.name.clone(), msn });
                out.push_back(Output::Journal(Record::SegmentEnd { rendition: self.name.to_string(), msn }));
            }
        }
        self.books.end();
    }

    fn own(&self, session: i64) -> i64 {
        MediaTime::session(session).rescale(self.scale).ticks()
    }
    fn own_ceil(&self, session: i64) -> i64 {
        let own = self.own(session);
        if MediaTime::new(own, self.scale) < MediaTime::session(session) { own + 1 } else { own }
    }
    fn own_floor(&self, session: i64) -> i64 {
        let own = self.own(session);
        if MediaTime::new(own, self.scale) > MediaTime::session(session) { own - 1 } else { own }
    }
    fn session(&self, own: i64) -> i64 {
        MediaTime::new(own, self.scale).rescale(SESSION_SCALE).ticks()
    }
    fn session_ceil(&self, own: i64) -> i64 {
        let session = self.session(own);
        if MediaTime::session(session) < MediaTime::new(own, self.scale) { session + 1 } else { session }
    }

    /// Takes over where the journal ends, in a gap.
    pub(crate) fn restore(&mut self, at: Restored) {
        self.msn = at.msn;
        self.segment_at = at.segment_at;
        self.segment_start = at.segment_start;
        self.end = at.end;
        self.part.start = at.end;
        self.hole_slack = RESTART_SLACK;
        let numbers = at.init.iter().chain(&at.slate_init).map(|(n, _)| n + 1);
        self.next_n = numbers.max().unwrap_or(0);
        self.init = at.init;
        self.slate_init = at.slate_init;
        self.file_offset = at.file_offset;
    }

    /// What was written before it in the rendition's file.
    pub(crate) fn append_at(&mut self, file_offset: u64) {
        self.file_offset = file_offset;
    }
}
