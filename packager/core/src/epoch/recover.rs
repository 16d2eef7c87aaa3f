//! An epoch from its journal: to go on with it after a restart, or to serve it after its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use hls::{
    multivariant::Multivariant,
    window::{Figures, Part, Segment, Slate, Window},
};
use media::{AudioConfig, MediaTime, SESSION_SCALE, Timescale, VideoConfig, aac, h264};

use super::{Config, Epoch, Leader, Output, Phase, Start, VideoState, rungs::RungTrack, startup::Startup};
use crate::{
    books::Books,
    fmp4,
    journal::{Record, Slates},
    ladder::{Rung, bitrate_for_height},
    plan::{Cut, Scene},
    segmenter::{Init, Media, Pictures, Restored, Segmenter, Sound, TRAIL},
    silence, timeline,
};

/// A hole's segments are at least this long, so that none is made for a hole that is hardly there (0.25 s).
const SEGMENT_WORTH: i64 = 22_500;
/// Between two segments, more than this is not rounding but a part whose record was lost (20 ms).
const LOST_WORTH: i64 = 1_800;
/// No segment has more parts that can have been lost.
const PARTS_LOST_MAX: usize = 64;
/// A journal that misses more segments in a row than a day has was not written by us.
const SEGMENTS_LOST_MAX: u64 = 43_200;

/// Why a journal could not be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// It does not begin with an epoch's record.
    #[error("the journal does not begin with an epoch record")]
    NoEpoch,
    /// It ends with ENDLIST.
    #[error("the journal's epoch has ended; open it as an archive")]
    Ended,
}

/// An epoch as its journal tells it: to serve one that has ended.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its renditions; none when it never opened.
    pub multivariant: Option<Arc<Multivariant>>,
    /// Every rendition's last window, with ENDLIST.
    pub windows: Vec<Arc<Window>>,
}

impl Archive {
    /// Reads the records; `file_bytes` as in [`Epoch::recover`].
    ///
    /// # Errors
    /// When the records do not begin with an epoch's first record.
    pub fn open(
        records: impl IntoIterator<Item = Record>,
        file_bytes: impl Fn(&str) -> u64,
    ) -> Result<Self, RecoverError> {
        let replay = Replay::read(records, file_bytes)?;
        let mut all: Vec<Books> = Vec::new();
        for (name, rendition) in replay.renditions {
            let mut books = Books::new(name.as_str().into(), replay.figures);
            let version = rendition.changes + replay.reservations + 1;
            books.restore(rendition.segments, rendition.open, version);
            if books.open_parts() > 0 {
                books.close();
            }
            books.end();
            all.push(books);
        }
        let reports: Vec<_> = all.iter().filter_map(Books::report).collect();
        let window = |books: &mut Books| {
            let others = reports.iter().filter(|report| *report.rendition != *books.name).cloned().collect();
            Arc::new(books.window(others))
        };
        let windows = all.iter_mut().map(window).collect();
        Ok(Self { multivariant: replay.multivariant.map(Arc::new), windows })
    }
}

impl Epoch {
    /// Goes on with a timeline from its journal. `file_bytes` tells how long a rendition's file is, so that
    /// parts whose bytes never reached the disk become gaps; the next part is appended at that length.
    /// The clock leads until a publisher comes back: the time between is listed as gaps.
    ///
    /// # Errors
    /// When the records do not begin with an epoch's first record, or end with its end.
    pub fn recover(
        config: Config,
        records: impl IntoIterator<Item = Record>,
        file_bytes: impl Fn(&str) -> u64,
        at: Start,
    ) -> Result<Self, RecoverError> {
        let mut replay = Replay::read(records, &file_bytes)?;
        if replay.ended {
            return Err(RecoverError::Ended);
        }
        // The playlists' figures never change within an epoch.
        let config = Config { figures: replay.figures, ..config };
        let end = replay.renditions.values().map(Rendition::end_session).max().unwrap_or(0);
        let clock = timeline::Timeline::recovered(at.now, at.wall, replay.started_at, replay.lag, end);
        let mut epoch = Self::with(config, clock, Phase::Starting(Startup::default()));
        epoch.reserved_to = replay.reserved_to;
        epoch.outputs.push_back(Output::Journal(Record::Reserve { msn: replay.reserved_to }));
        for rendition in replay.renditions.values_mut() {
            rendition.changes += replay.reservations + 1;
        }
        match replay.multivariant.clone() {
            Some(multivariant) => epoch.restore(replay, &multivariant, end, at),
            // Nothing was announced: above what was written it begins anew.
            None => {
                epoch.first_msn = replay.reserved_to.max(1);
                let names = replay.renditions.keys().chain(&replay.written);
                epoch.file_ends = names.map(|name| (name.clone(), file_bytes(name))).collect();
            }
        }
        Ok(epoch)
    }

    fn restore(&mut self, mut replay: Replay, multivariant: &Multivariant, end: i64, at: Start) {
        self.phase = Phase::Running;
        self.leader = Leader::Clock;
        for cut in replay.cuts.values().copied() {
            self.plan.push(cut);
        }
        if let Some(found) = replay.renditions.remove("source") {
            let config = found.init.as_ref().and_then(|(_, init)| video_config(init));
            self.source = Some(self.track("source", found, Pictures::default()));
            self.video = config.map(|config| VideoState::new(Arc::new(config), end));
        }
        if let Some(found) = replay.renditions.remove("audio") {
            let config = found.init.as_ref().and_then(|(_, init)| audio_config(init));
            let sound = Sound::new(config.map_or_else(silence::config, Arc::new), false);
            self.audio = Some(self.track("audio", found, sound));
        }
        for variant in &multivariant.variants {
            let Some(found) = replay.renditions.remove(&variant.rendition) else { continue };
            let wanted = self.config.ladder.rungs.iter().find(|(height, _)| *height == variant.height);
            let rung = Rung {
                name: variant.rendition.as_str().into(),
                width: variant.width,
                height: variant.height,
                bitrate_kbps: wanted.map_or_else(|| bitrate_for_height(variant.height), |(_, rate)| *rate),
            };
            let track = self.track(&variant.rendition, found, Pictures::default());
            self.rungs.push(RungTrack::recovered(rung, track, variant.codec.clone(), at.now));
        }
        if let Some(first) = multivariant.variants.first() {
            // A source that was never listed is known by its replacement alone.
            let video = self.video.get_or_insert_with(|| {
                let mut video = VideoState::new(Arc::new(unknown_config(first.width, first.height)), end);
                video.even_cuts = true;
                video
            });
            video.frame_rate = Some(first.frame_rate);
        }
        self.want_slate();
        self.skip_over(end, at);
    }

    fn track<M: Media>(&self, name: &str, found: Rendition, media: M) -> Segmenter<M> {
        let (figures, started_at) = (self.config.figures, self.timeline.started_at());
        let mut track = Segmenter::new(name.into(), figures, started_at, found.scale, 0, media);
        let (end, changes) = (found.end(), found.changes);
        let last = found.open.as_ref().or(found.segments.last()).map(|(segment, _)| segment);
        let msn = last.map_or(0, |segment| segment.msn);
        let start = last.map_or(0, |segment| segment.starts_at.ticks());
        let cut_at = self.plan.by_msn(msn).map_or(0, |cut| cut.at);
        track.restore(Restored {
            msn,
            segment_at: cut_at,
            segment_start: start,
            end: end.ticks(),
            init: found.init,
            slate_init: found.slate_init,
            file_offset: found.file_bytes,
        });
        track.books.restore(found.segments, found.open, changes + 1);
        track
    }

    /// The time in which nobody was here: gaps from the end of what is listed until now, with at least as many
    /// media sequence numbers as could have been listed and lost.
    fn skip_over(&mut self, end: i64, at: Start) {
        let head = self.timeline.head(at.now);
        if let Some(last) = self.plan.last().filter(|last| end - last.at >= SEGMENT_WORTH) {
            // Each rendition begins the hole where its own media ends; the cut is where the first of them does.
            let source = self.source.as_ref().map(Segmenter::end_session);
            let audio = self.audio.as_ref().map(Segmenter::end_session);
            let first = source.into_iter().chain(audio).fold(end, i64::min);
            let at = first.max(last.at + SEGMENT_WORTH);
            self.cut(at, false);
        }
        // The last segment of the plan begins earlier where a rendition's media ended earlier.
        self.hole_from_restart = self.plan.last().map(|cut| cut.msn);
        let reserved_to = self.reserved_to;
        while let Some(last) = self.plan.last()
            && last.msn + 1 < reserved_to
            && last.at + self.lengths.segment_even <= head - TRAIL
        {
            let next = last.at + self.lengths.segment_even;
            self.cut(next, false);
        }
        self.follow_leader(at.now);
        self.announce();
    }
}

/// The journal's facts put together.
#[derive(Debug)]
struct Replay {
    started_at: DateTime<Utc>,
    figures: Figures,
    lag: i64,
    multivariant: Option<Multivariant>,
    reserved_to: u64,
    reservations: u64,
    ended: bool,
    cuts: BTreeMap<u64, Cut>,
    renditions: BTreeMap<String, Rendition>,
    /// Renditions that have a file, whether they are known or not.
    written: BTreeSet<String>,
}

#[derive(Debug)]
struct Rendition {
    scale: Timescale,
    /// The media's newest init segment.
    init: Option<Init>,
    /// The slate's.
    slate_init: Option<Init>,
    segments: Vec<(Segment, u64)>,
    open: Option<(Segment, u64)>,
    file_bytes: u64,
    changes: u64,
}

impl Rendition {
    fn end(&self) -> MediaTime {
        let last = self.open.as_ref().or(self.segments.last());
        last.map_or(MediaTime::new(0, self.scale), |(segment, _)| {
            segment.starts_at.plus(segment.duration).rescale(self.scale)
        })
    }

    fn end_session(&self) -> i64 {
        self.end().rescale(SESSION_SCALE).ticks()
    }

    fn newest_msn(&self) -> Option<u64> {
        self.open.as_ref().or(self.segments.last()).map(|(segment, _)| segment.msn)
    }

    fn list(&mut self, msn: u64, index: u32, at: MediaTime, part: Part) {
        self.changes += 1;
        let Some((open, bytes)) = self.open.as_mut().filter(|(open, _)| open.msn == msn) else { return };
        let listed = open.parts.len();
        let Ok(index) = usize::try_from(index) else { return };
        if index < listed || index > listed + PARTS_LOST_MAX {
            return;
        }
        // The records of those between were lost.
        fill(open, at, index - listed);
        open.duration = open.duration.plus(part.duration);
        open.gap |= part.gap;
        *bytes += part.size_bytes;
        open.parts.push(part);
    }

    /// The segment that a part belongs to whose segment's own record was lost.
    fn unrecorded(&self, msn: u64, index: u32, at: MediaTime) -> Option<Segment> {
        let (before, _) = self.open.as_ref().or(self.segments.last())?;
        // A part that is not the first begins later than its segment.
        let starts_at =
            if index == 0 { at } else { before.starts_at.plus(before.duration).rescale(at.scale()) };
        let since =
            starts_at.rescale(SESSION_SCALE).ticks() - before.starts_at.rescale(SESSION_SCALE).ticks();
        Some(Segment {
            msn,
            starts_at,
            program_date_time: timeline::date(before.program_date_time, since),
            discontinuity: false,
            discontinuity_sequence: before.discontinuity_sequence,
            init: before.init,
            gap: false,
            slate: before.slate,
            unrecorded: false,
            parts: Vec::new(),
            duration: MediaTime::new(0, at.scale()),
        })
    }

    /// Closes what is open and lists gaps up to where `next` begins; returns the segments that had to be made up.
    fn reach(&mut self, next: &Segment, part_max: MediaTime) -> Vec<Segment> {
        if let Some(open) = self.open.take_if(|(open, _)| open.msn < next.msn) {
            self.segments.push(open);
        }
        let Some((before, _)) = self.segments.last_mut().filter(|(before, _)| before.msn < next.msn) else {
            return Vec::new();
        };
        let missing = next.msn - before.msn - 1;
        if missing == 0 {
            let end = before.starts_at.plus(before.duration);
            let lost = next.starts_at.rescale(SESSION_SCALE).ticks() - end.rescale(SESSION_SCALE).ticks();
            if before.parts.is_empty() || lost > LOST_WORTH {
                let parts =
                    usize::try_from(lost / part_max.ticks().max(1) + 1).unwrap_or(1).min(PARTS_LOST_MAX);
                fill(before, next.starts_at, parts);
            }
            return Vec::new();
        }
        let from = before.starts_at.plus(before.duration);
        let length = next.starts_at.rescale(from.scale()).ticks().saturating_sub(from.ticks()).max(0);
        let template = Segment { parts: Vec::new(), discontinuity: false, gap: true, ..before.clone() };
        let mut made = Vec::new();
        for step in 0..missing.min(SEGMENTS_LOST_MAX) {
            let at = |step: u64| {
                let share =
                    i64::try_from(u128::from(length.unsigned_abs()) * u128::from(step) / u128::from(missing));
                MediaTime::new(from.ticks() + share.unwrap_or(0), from.scale())
            };
            let behind =
                next.starts_at.rescale(SESSION_SCALE).ticks() - at(step).rescale(SESSION_SCALE).ticks();
            let mut segment = Segment {
                msn: template.msn + 1 + step,
                starts_at: at(step),
                program_date_time: timeline::date(next.program_date_time, -behind),
                duration: MediaTime::new(0, from.scale()),
                ..template.clone()
            };
            let long = at(step + 1).rescale(SESSION_SCALE).ticks() - at(step).rescale(SESSION_SCALE).ticks();
            let parts = usize::try_from(long / part_max.ticks().max(1) + 1).unwrap_or(1).min(PARTS_LOST_MAX);
            fill(&mut segment, at(step + 1), parts);
            self.segments.push((segment.clone(), 0));
            made.push(segment);
        }
        made
    }
}

/// Lists `parts` gaps of equal length from the segment's end up to `to`.
fn fill(segment: &mut Segment, to: MediaTime, parts: usize) {
    for left in (1..=parts).rev() {
        let end = segment.starts_at.plus(segment.duration);
        let rest = to.rescale(end.scale()).ticks().saturating_sub(end.ticks());
        let long = (rest / i64::try_from(left).unwrap_or(1)).max(1);
        let duration = MediaTime::new(long, end.scale());
        segment.gap = true;
        segment.duration = segment.duration.plus(duration);
        segment.parts.push(Part { duration, independent: false, gap: true, size_bytes: 0 });
    }
}

impl Replay {
    fn read(
        records: impl IntoIterator<Item = Record>,
        file_bytes: impl Fn(&str) -> u64,
    ) -> Result<Self, RecoverError> {
        let mut records = records.into_iter();
        let Some(Record::Epoch { started_at, figures }) = records.next() else {
            return Err(RecoverError::NoEpoch);
        };
        let mut replay = Self {
            started_at,
            figures,
            lag: 0,
            multivariant: None,
            reserved_to: 0,
            reservations: 0,
            ended: false,
            cuts: BTreeMap::new(),
            renditions: BTreeMap::new(),
            written: BTreeSet::new(),
        };
        for record in records {
            replay.take(record, &file_bytes);
        }
        Ok(replay)
    }

    fn rendition(&mut self, name: &str, file_bytes: &impl Fn(&str) -> u64) -> &mut Rendition {
        self.renditions.entry(name.to_owned()).or_insert_with(|| Rendition {
            scale: SESSION_SCALE,
            init: None,
            slate_init: None,
            segments: Vec::new(),
            open: None,
            file_bytes: file_bytes(name),
            changes: 0,
        })
    }

    fn take(&mut self, record: Record, file_bytes: &impl Fn(&str) -> u64) {
        match record {
            Record::Epoch { .. } => {}
            Record::PdtAnchor { at: _, lag } => self.lag = lag.rescale(SESSION_SCALE).ticks(),
            Record::Multivariant(multivariant) => self.multivariant = Some(multivariant),
            Record::Reserve { msn } => {
                self.reserved_to = msn;
                // Written at each restart too, which announces windows that no other record tells of.
                self.reservations += 1;
                if self.multivariant.is_none() {
                    // What came before was never announced: a restart has begun anew, above it.
                    self.written.extend(std::mem::take(&mut self.renditions).into_keys());
                    self.cuts.clear();
                }
            }
            Record::End => self.ended = true,
            // The server's own.
            Record::Title(_) => {}
            Record::Init { rendition, n, timescale, slate, bytes } => {
                let found = self.rendition(&rendition, file_bytes);
                found.scale = Timescale::checked(timescale).unwrap_or(SESSION_SCALE);
                *(if slate { &mut found.slate_init } else { &mut found.init }) = Some((n, bytes));
            }
            Record::Segment {
                rendition,
                msn,
                starts_at,
                program_date_time,
                discontinuity,
                discontinuity_sequence,
                init,
                slate,
            } => {
                let at = starts_at.rescale(SESSION_SCALE).ticks();
                let lag = timeline::ticks_between(self.started_at, program_date_time) - at;
                // All renditions begin a segment at one cut; sound may begin a frame after it.
                let scene = if slate == Slates::Pictures { Scene::SoundAlone } else { Scene::Hole };
                let slates = slate != Slates::None;
                let cut = Cut { msn, at, discontinuity, discontinuity_sequence, lag, scene, slate: slates };
                let known = self.cuts.entry(msn).or_insert(cut);
                known.at = known.at.min(at);
                let duration = MediaTime::new(0, starts_at.scale());
                let found = self.rendition(&rendition, file_bytes);
                let last = found.open.as_ref().or(found.segments.last());
                let begun = last.and_then(|(last, _)| last.slate);
                let begins = Slate { first_msn: msn, since: program_date_time };
                let slate = (slate == Slates::All).then(|| begun.unwrap_or(begins));
                let segment = Segment {
                    msn,
                    starts_at,
                    program_date_time,
                    discontinuity,
                    discontinuity_sequence,
                    init,
                    gap: false,
                    unrecorded: false,
                    slate,
                    parts: Vec::new(),
                    duration,
                };
                self.begin(&rendition, segment, file_bytes);
            }
            Record::Part { rendition, msn, index, tfdt, duration, independent, gap, offset, length } => {
                let found = self.rendition(&rendition, file_bytes);
                // Listed, but its bytes are lost.
                let gap = gap || offset.saturating_add(length) > found.file_bytes;
                let size_bytes = if gap { 0 } else { length };
                let part = Part { duration, independent: independent && !gap, gap, size_bytes };
                let at = MediaTime::new(tfdt, found.scale);
                if found.open.as_ref().is_none_or(|(open, _)| open.msn < msn)
                    && let Some(segment) = found.unrecorded(msn, index, at)
                {
                    self.begin(&rendition, segment, file_bytes);
                }
                self.rendition(&rendition, file_bytes).list(msn, index, at, part);
            }
            Record::SegmentEnd { rendition, msn } => {
                let found = self.rendition(&rendition, file_bytes);
                found.changes += 1;
                if let Some(segment) = found.open.take_if(|(open, _)| open.msn == msn) {
                    found.segments.push(segment);
                }
            }
        }
    }

    /// A rendition begins a segment. Where records before it were lost, what they told of is listed as gaps.
    fn begin(&mut self, name: &str, segment: Segment, file_bytes: &impl Fn(&str) -> u64) {
        let part_max = MediaTime::from_ms(i64::from(self.figures.part_target_ms));
        let found = self.rendition(name, file_bytes);
        let missed = found.reach(&segment, part_max);
        // What stands twice, or does not follow even so, cannot be listed.
        if found.newest_msn().is_some_and(|newest| newest + 1 != segment.msn) {
            return;
        }
        found.open = Some((segment, 0));
        found.changes += 1;
        for segment in missed {
            let at = segment.starts_at.rescale(SESSION_SCALE).ticks();
            let lag = timeline::ticks_between(self.started_at, segment.program_date_time) - at;
            let Segment { msn, discontinuity, discontinuity_sequence, slate, .. } = segment;
            let (scene, slate) = (Scene::Hole, slate.is_some());
            let cut = Cut { msn, at, discontinuity, discontinuity_sequence, lag, scene, slate };
            self.cuts.entry(msn).or_insert(cut);
        }
    }
}

/// The configuration in an init segment that [`crate::fmp4::video_init`] wrote.
fn video_config(init: &Bytes) -> Option<VideoConfig> {
    let avcc = fmp4::body(init, b"avcC")?;
    h264::parse_avcc(avcc).ok()
}

/// The configuration in an init segment that [`crate::fmp4::audio_init`] wrote.
fn audio_config(init: &Bytes) -> Option<AudioConfig> {
    let esds = fmp4::body(init, b"esds")?;
    // Flags, then three nested descriptors with sizes of four bytes: ES (3 bytes of its own), decoder (13).
    let specific = esds.get(4 + 5 + 3 + 5 + 13..)?;
    let [0x05, _, _, _, length, ..] = specific else { return None };
    let from = esds.len() - specific.len() + 5;
    let asc = esds.slice(from..from + usize::from(*length).min(esds.len() - from));
    aac::parse_asc(asc).ok()
}

fn unknown_config(width: u32, height: u32) -> VideoConfig {
    VideoConfig {
        avcc: Bytes::new(),
        width,
        height,
        sample_aspect: (1, 1),
        frame_rate: None,
        codec: String::new(),
        nal_length_size: 4,
    }
}
