//! A publisher, a transcoder and a very suspicious player around an epoch, in simulated time.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of a test function")]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use events::HealthWarning;
use hls::{
    multivariant::Multivariant,
    window::{Segment, Window},
};
use media::{AccessUnit, AudioConfig, Item, MediaTime, TrackConfig, TrackKind, VideoConfig};
use packager_core::{
    epoch::{Config, Epoch, Output, Start, Transcode},
    journal,
    slate::{Still, Wanted},
};

/// 320x180, 30 frames a second, by x264.
pub(crate) const AVCC: &str = "0142c00dffe100176742c00dda05067e7c0440000003004000000f03c50aa801000468ce0fc8";

pub(crate) fn video_config() -> Arc<VideoConfig> {
    let avcc = (0..AVCC.len() / 2).map(|i| u8::from_str_radix(&AVCC[2 * i..2 * i + 2], 16).unwrap());
    let parsed = media::h264::parse_avcc(avcc.collect::<Vec<_>>().into()).unwrap();
    Arc::new(parsed)
}

/// A picture's size that has rungs below it.
pub(crate) fn large_video_config() -> Arc<VideoConfig> {
    Arc::new(VideoConfig { width: 1280, height: 720, ..(*video_config()).clone() })
}

/// A still's first bytes, before its number.
pub(crate) const STILL: &[u8] = b"still";

/// A still that is coded otherwise than any source here.
pub(crate) fn still() -> Still {
    let mut config = (*video_config()).clone();
    let mut avcc = config.avcc.to_vec();
    *avcc.last_mut().unwrap() ^= 0xff;
    config.avcc = avcc.into();
    let picture = |number: u8| Bytes::from([STILL, &[number]].concat());
    Still::new(Arc::new(config), [(0..6).map(picture).collect(), (6..12).map(picture).collect()]).unwrap()
}

fn is_still(init: &Bytes) -> bool {
    let (kind, avcc) = (b"avcC", &video_config().avcc);
    let at = init.windows(4).position(|window| window == kind);
    at.is_some_and(|at| init[at + 3 + avcc.len()] == !avcc[avcc.len() - 1])
}

pub(crate) fn audio_config(sample_rate: u32, channels: u8) -> Arc<AudioConfig> {
    let index: u16 = match sample_rate {
        48_000 => 3,
        44_100 => 4,
        32_000 => 5,
        22_050 => 7,
        16_000 => 8,
        _ => 10,
    };
    let bits = 2 << 11 | index << 7 | u16::from(channels) << 3;
    Arc::new(media::aac::parse_asc(Bytes::copy_from_slice(&bits.to_be_bytes())).unwrap())
}

/// An epoch with its surroundings.
pub(crate) struct World {
    pub(crate) epoch: Epoch,
    pub(crate) config: Config,
    pub(crate) origin: Instant,
    pub(crate) now: Instant,
    pub(crate) wall: DateTime<Utc>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) journal: Vec<u8>,
    pub(crate) windows: BTreeMap<String, Arc<Window>>,
    pub(crate) multivariant: Option<Arc<Multivariant>>,
    pub(crate) health: Vec<HealthWarning>,
    pub(crate) ended: bool,
    /// When each rendition last listed a part, and the longest it took.
    pub(crate) listed_at: BTreeMap<String, Instant>,
    pub(crate) longest_wait: BTreeMap<String, Duration>,
    pub(crate) segment_at: BTreeMap<String, (u64, Instant)>,
    pub(crate) longest_segment_wait: BTreeMap<String, Duration>,
    pub(crate) transcoder: Transcoder,
    /// How far apart renditions' segments may begin: sound does not wait for pictures that are late.
    pub(crate) apart_max_s: f64,
    /// How long a slate takes to be made; none: it cannot be.
    pub(crate) slate_takes: Option<Duration>,
    stills: Option<(Instant, Vec<Wanted>)>,
    /// For every rendition, the kinds of its init segments by number, and the number that holds now.
    inits: BTreeMap<(String, u32), bool>,
    init_now: BTreeMap<String, u32>,
    sequence: BTreeMap<String, u32>,
    bytes_of: BTreeMap<(String, u64, u32), u64>,
}

/// Makes rungs: every picture in order of presentation, an IDR where a cut was asked for.
pub(crate) struct Transcoder {
    pub(crate) alive: bool,
    pub(crate) delay: Duration,
    rungs: Vec<String>,
    reorder: Vec<(i64, bool, Bytes)>,
    newest_in: i64,
    keys_seen: bool,
    out: VecDeque<(Instant, String, Item)>,
    pub(crate) starts: u32,
}

impl Transcoder {
    fn new() -> Self {
        Self {
            alive: true,
            delay: Duration::from_millis(120),
            rungs: Vec::new(),
            reorder: Vec::new(),
            newest_in: i64::MIN,
            keys_seen: false,
            out: VecDeque::new(),
            starts: 0,
        }
    }

    pub(crate) fn kill(&mut self) {
        self.alive = false;
        self.reorder.clear();
        self.out.clear();
        self.keys_seen = false;
    }

    fn take(&mut self, order: Transcode, now: Instant) {
        if !self.alive {
            return;
        }
        match order {
            Transcode::Start { rungs, .. } => {
                self.starts += 1;
                self.rungs = rungs.iter().map(|rung| rung.name.to_string()).collect();
                self.reorder.clear();
                self.newest_in = i64::MIN;
                self.keys_seen = false;
                for rung in &self.rungs {
                    let config = Item::Config(TrackConfig::Video(video_config()));
                    self.out.push_back((now + self.delay, rung.clone(), config));
                }
            }
            Transcode::Packet { unit, cut } => {
                assert!(unit.key || self.keys_seen, "the first packet is a keyframe");
                self.keys_seen = true;
                assert!(unit.decode_at.ticks() > self.newest_in, "decode order");
                self.newest_in = unit.decode_at.ticks();
                self.reorder.push((unit.present_at.ticks(), cut, unit.payload));
                self.emit(self.newest_in, now);
            }
            Transcode::Flush => self.emit(i64::MAX, now),
            Transcode::Drop { rung } => self.rungs.retain(|name| **name != *rung),
            Transcode::Advance { at, cut } => {
                assert!(at.ticks() > self.newest_in, "time goes forward");
                self.newest_in = at.ticks();
                self.reorder.push((at.ticks(), cut, Bytes::from_static(b"again")));
                self.emit(self.newest_in, now);
            }
            Transcode::Stop => self.rungs.clear(),
        }
    }

    fn emit(&mut self, shown_to: i64, now: Instant) {
        self.reorder.sort_by_key(|(pts, ..)| *pts);
        while self.reorder.first().is_some_and(|(pts, ..)| *pts <= shown_to) {
            let (pts, key, payload) = self.reorder.remove(0);
            for rung in &self.rungs {
                let at = MediaTime::session(pts);
                let unit = AccessUnit {
                    track: TrackKind::Video,
                    decode_at: at,
                    present_at: at,
                    key,
                    payload: coded_again(&payload, key),
                };
                self.out.push_back((now + self.delay, rung.clone(), Item::Unit(unit)));
            }
        }
    }
}

/// The same number in a picture of the other kind.
pub(crate) fn coded_again(payload: &Bytes, key: bool) -> Bytes {
    let mut bytes = payload.to_vec();
    if let Some(kind) = bytes.get_mut(4) {
        *kind = if key { 0x65 } else { 0x41 };
    }
    bytes.into()
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        // The one clock of the test: only differences count.
        #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
        let origin = Instant::now();
        let wall = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let epoch = Epoch::new(config.clone(), Start { now: origin, wall });
        let mut world = Self {
            epoch,
            config,
            origin,
            now: origin,
            wall,
            files: BTreeMap::new(),
            journal: Vec::new(),
            windows: BTreeMap::new(),
            multivariant: None,
            health: Vec::new(),
            ended: false,
            listed_at: BTreeMap::new(),
            longest_wait: BTreeMap::new(),
            segment_at: BTreeMap::new(),
            longest_segment_wait: BTreeMap::new(),
            transcoder: Transcoder::new(),
            apart_max_s: 0.35,
            slate_takes: Some(Duration::from_millis(400)),
            stills: None,
            inits: BTreeMap::new(),
            init_now: BTreeMap::new(),
            sequence: BTreeMap::new(),
            bytes_of: BTreeMap::new(),
        };
        world.drain();
        world
    }

    /// A world where no slate can be made.
    pub(crate) fn without_slate(config: Config) -> Self {
        Self { slate_takes: None, ..Self::new(config) }
    }

    /// What was waited for so far does not count; what is waited for now does.
    pub(crate) fn forget_waits(&mut self) {
        self.longest_wait.clear();
        self.longest_segment_wait.clear();
        let now = self.now;
        self.listed_at.values_mut().for_each(|at| *at = now);
    }

    /// Real time passes; timeouts and the transcoder's answers come when they are due.
    pub(crate) fn advance_to(&mut self, until: Instant) {
        for _ in 0..1_000_000 {
            if let Some(wanted) = self.take_stills(until) {
                let stills = wanted.into_iter().map(|wanted| (wanted.rendition, still()));
                self.epoch.slate_made(stills, self.now);
                self.drain();
                continue;
            }
            let answer = self.transcoder.out.front().map(|(at, ..)| *at).filter(|at| *at <= until);
            let timeout =
                self.epoch.poll_timeout().filter(|at| *at <= until && answer.is_none_or(|due| *at <= due));
            match (timeout, answer) {
                (Some(at), _) => {
                    let before = self.now;
                    self.now = self.now.max(at);
                    self.epoch.timeout(self.now);
                    self.drain();
                    let again = self.epoch.poll_timeout();
                    assert!(
                        again.is_none_or(|next| next > before.max(at)),
                        "a timeout that is never done with"
                    );
                }
                (None, Some(at)) => {
                    self.now = self.now.max(at);
                    let (_, rung, item) = self.transcoder.out.pop_front().unwrap();
                    self.epoch.rung_unit(&rung, item, self.now);
                    self.drain();
                }
                (None, None) => {
                    self.now = self.now.max(until);
                    return;
                }
            }
        }
        panic!("time does not pass");
    }

    /// Stills that are made before anything else happens.
    fn take_stills(&mut self, until: Instant) -> Option<Vec<Wanted>> {
        let others =
            [self.transcoder.out.front().map(|(at, ..)| *at), self.epoch.poll_timeout(), Some(until)];
        let next = others.into_iter().flatten().min()?;
        let (at, wanted) = self.stills.take_if(|(at, _)| *at <= next)?;
        self.now = self.now.max(at);
        Some(wanted)
    }

    /// The process does not run for a while: nothing is done in time, and all at once afterwards.
    pub(crate) fn sleep_through(&mut self, span: Duration) {
        self.now += span;
        self.epoch.timeout(self.now);
        self.drain();
    }

    pub(crate) fn wall_now(&self) -> DateTime<Utc> {
        self.wall + TimeDelta::from_std(self.now - self.origin).unwrap()
    }

    pub(crate) fn item(&mut self, item: Item, at: Instant) {
        self.advance_to(at);
        self.epoch.item(item, self.now);
        self.drain();
    }

    pub(crate) fn start(&mut self) {
        self.epoch.publication_started(self.now);
        self.drain();
    }

    pub(crate) fn stop(&mut self) {
        self.epoch.publication_ended(self.now);
        self.drain();
    }

    pub(crate) fn end(&mut self) {
        self.epoch.end(self.now);
        self.drain();
        self.advance_to(self.now + Duration::from_secs(2));
        assert!(self.ended, "the end comes within two seconds");
    }

    pub(crate) fn kill_transcoder(&mut self) {
        self.transcoder.kill();
    }

    pub(crate) fn revive_transcoder(&mut self) {
        self.transcoder.alive = true;
        self.epoch.transcoder_lost(self.now);
        self.drain();
    }

    /// kill -9 and a restart `after`.
    pub(crate) fn crash(&mut self, after: Duration) {
        self.transcoder.kill();
        self.transcoder.alive = true;
        self.stills = None;
        if self.multivariant.is_none() {
            // What nobody was told of is forgotten.
            self.inits.clear();
        }
        self.now += after;
        let mut reader = journal::Reader::new(&self.journal);
        let records: Vec<_> = reader.by_ref().collect();
        assert_eq!(reader.valid_bytes(), self.journal.len());
        let start = Start { now: self.now, wall: self.wall_now() };
        let files = &self.files;
        let lengths = |name: &str| files.get(name).map_or(0, |file| file.len() as u64);
        self.epoch = Epoch::recover(self.config.clone(), records, lengths, start).unwrap();
        self.listed_at.clear();
        self.segment_at.clear();
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.epoch.poll_output() {
            assert!(!self.ended, "nothing comes after the end: {output:?}");
            match output {
                Output::Init { rendition, n, bytes } => {
                    assert_eq!(&bytes[4..8], b"ftyp");
                    let before = self.inits.insert((rendition.to_string(), n), is_still(&bytes));
                    assert_eq!(before, None, "{rendition}: init {n} is written once");
                }
                Output::Part { rendition, msn, index, bytes, length, offset } => {
                    let file = self.files.entry(rendition.to_string()).or_default();
                    assert_eq!(file.len() as u64, offset, "{rendition} {msn}.{index} is appended");
                    for chunk in &bytes {
                        file.extend_from_slice(chunk);
                    }
                    assert_eq!(file.len() as u64, offset + length);
                    let stills = bytes[1..].iter().filter(|payload| payload.starts_with(STILL)).count();
                    let shows_still = self.inits[&(rendition.to_string(), self.init_now[&*rendition])];
                    let expected = if shows_still { bytes.len() - 1 } else { 0 };
                    assert_eq!(stills, expected, "{rendition} {msn}.{index} is what its init segment says");
                    let header = &bytes[0];
                    let sequence = u32::from_be_bytes(header[20..24].try_into().unwrap());
                    let before = self.sequence.insert(rendition.to_string(), sequence);
                    assert!(before.is_none_or(|before| before < sequence), "mfhd sequence grows (68)");
                    self.bytes_of.insert((rendition.to_string(), msn, index), length);
                }
                Output::SegmentDone { .. } => {}
                Output::Journal(record) => {
                    if let journal::Record::Segment { rendition, init, .. } = &record {
                        self.init_now.insert(rendition.clone(), *init);
                    }
                    journal::encode(&record, &mut self.journal);
                }
                Output::Window(window) => self.window(window),
                Output::Multivariant(multivariant) => self.multivariant = Some(multivariant),
                Output::Transcode(order) => self.transcoder.take(order, self.now),
                Output::Slate(wanted) => {
                    self.stills = self.slate_takes.map(|takes| (self.now + takes, wanted));
                }
                Output::Health(warnings) => self.health = warnings,
                Output::Ended => {
                    assert!(self.windows.values().all(|window| window.ended), "ENDLIST everywhere");
                    self.ended = true;
                }
            }
        }
    }

    fn window(&mut self, window: Arc<Window>) {
        let name = window.rendition.clone();
        check_window(&window);
        if let Some(open) = &window.open {
            for (index, part) in open.parts.iter().enumerate() {
                let written =
                    self.bytes_of.get(&(name.clone(), open.msn, index as u32)).copied().unwrap_or(0);
                assert_eq!(
                    part.size_bytes,
                    if part.gap { 0 } else { written },
                    "{name} {}.{index}",
                    open.msn
                );
            }
        }
        if let Some(before) = self.windows.get(&name) {
            check_change(before, &window);
        }
        let parts = |window: &Window| window.newest();
        if self.windows.get(&name).map(|before| parts(before)) != Some(parts(&window))
            && let Some(at) = self.listed_at.insert(name.clone(), self.now)
        {
            let wait = self.now - at;
            let longest = self.longest_wait.entry(name.clone()).or_default();
            *longest = (*longest).max(wait);
        }
        if let Some(last) = window.segments.last() {
            match self.segment_at.get(&name) {
                Some((msn, _)) if *msn == last.msn => {}
                Some((_, at)) => {
                    let wait = self.now - *at;
                    let longest = self.longest_segment_wait.entry(name.clone()).or_default();
                    *longest = (*longest).max(wait);
                    self.segment_at.insert(name.clone(), (last.msn, self.now));
                }
                None => {
                    self.segment_at.insert(name.clone(), (last.msn, self.now));
                }
            }
        }
        self.windows.insert(name, window);
    }

    /// Rules that hold between renditions (32, 33).
    pub(crate) fn check_renditions(&self) {
        let mut by_msn: BTreeMap<u64, Vec<(&str, &Segment)>> = BTreeMap::new();
        for (name, window) in &self.windows {
            for segment in window.segments.iter() {
                by_msn.entry(segment.msn).or_default().push((name, segment));
            }
        }
        for (msn, segments) in by_msn {
            let (first_name, first) = segments[0];
            for (name, segment) in &segments[1..] {
                let what = format!("segment {msn} of {first_name} and {name}");
                let hole = |segment: &Segment| segment.slate.map(|slate| slate.first_msn);
                assert_eq!(hole(first), hole(segment), "{what}");
                assert_eq!(first.discontinuity, segment.discontinuity, "{what}");
                assert_eq!(first.discontinuity_sequence, segment.discontinuity_sequence, "{what}");
                let lag = |segment: &Segment| {
                    segment.program_date_time.timestamp_micros() as f64 / 1e6 - segment.starts_at.seconds()
                };
                assert!((lag(first) - lag(segment)).abs() < 0.001, "{what}: PDT mapping (33)");
                if !first.gap && !segment.gap {
                    let apart = (first.starts_at.seconds() - segment.starts_at.seconds()).abs();
                    assert!(apart < self.apart_max_s, "{what} begin {apart} s apart");
                }
            }
        }
    }

    /// Every payload of a rendition in the order of the file.
    pub(crate) fn payloads(&self, rendition: &str) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let Some(file) = self.files.get(rendition) else { return all };
        let mut at = 0;
        while at < file.len() {
            let moof = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
            assert_eq!(&file[at + 4..at + 8], b"moof");
            let sizes = sample_sizes(&file[at..at + moof]);
            let mut data = at + moof + 8;
            for size in sizes {
                all.push(file[data..data + size].to_vec());
                data += size;
            }
            at += moof;
            at += u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
            assert_eq!(data, at, "mdat holds exactly the samples (70)");
        }
        all
    }
}

fn sample_sizes(moof: &[u8]) -> Vec<usize> {
    let at = moof.windows(4).position(|kind| kind == b"trun").unwrap() + 4;
    let word =
        |index: usize| u32::from_be_bytes(moof[at + index * 4..at + index * 4 + 4].try_into().unwrap());
    let flags = word(0) & 0xff_ffff;
    let per = (flags >> 8 & 0xf).count_ones() as usize;
    let before = usize::from(flags & 0x100 != 0);
    (0..word(1) as usize).map(|sample| word(3 + sample * per + before) as usize).collect()
}

const TARGET: f64 = 4.0;
const PART_TARGET: f64 = 0.54;

/// What holds in one playlist.
pub(crate) fn check_window(window: &Window) {
    let name = &window.rendition;
    for segment in window.segments.iter() {
        assert!(
            segment.duration.seconds().round() <= TARGET,
            "(7) {name} {} lasts {:?}",
            segment.msn,
            segment.duration
        );
        assert!(segment.duration.ticks() > 0, "{name} {}", segment.msn);
        assert!(!segment.parts.is_empty());
    }
    let open = window.open.iter();
    let recent = window
        .segments
        .from_msn(window.parts_from_msn.max(window.segments.last().map_or(0, |l| l.msn.saturating_sub(3))));
    for segment in recent.map(|segment| &**segment).chain(open) {
        check_parts(name, segment, window.ended);
    }
    let mut before: Option<&Segment> = None;
    let last = window.segments.last().map_or(0, |last| last.msn);
    for segment in window.segments.from_msn(last.saturating_sub(4)).map(|s| &**s).chain(window.open.iter()) {
        if let Some(before) = before {
            assert_eq!(segment.msn, before.msn + 1);
            let seam = segment.starts_at.seconds() - before.starts_at.plus(before.duration).seconds();
            let slack = if segment.starts_at.scale() == before.starts_at.scale() { 1e-9 } else { 1e-3 };
            assert!(seam.abs() <= slack, "(68) {name} {}: seam of {seam}", segment.msn);
            let grows = u64::from(segment.discontinuity);
            assert_eq!(segment.discontinuity_sequence, before.discontinuity_sequence + grows, "(41)");
            let same_media =
                before.init == segment.init || segment.discontinuity || segment.gap || before.gap;
            assert!(same_media, "{name} {}: another init segment without a discontinuity", segment.msn);
            let date = (segment.program_date_time - before.program_date_time).num_microseconds().unwrap()
                as f64
                / 1e6;
            assert!(
                (date - before.duration.seconds()).abs() <= 0.0205,
                "(49) {name} {}: {date} s after {before:?}",
                segment.msn
            );
        }
        before = Some(segment);
    }
    // Rules 42, 45.
    let listed: f64 = window.segments.from_msn(window.live_from_msn).map(|s| s.duration.seconds()).sum();
    if window.segments.first().is_some_and(|first| first.msn < window.live_from_msn) {
        assert!(listed >= 60.0 - 1e-3, "(42) {listed}");
    }
    let behind: f64 = window.segments.from_msn(window.parts_from_msn).map(|s| s.duration.seconds()).sum();
    if window.segments.first().is_some_and(|first| first.msn < window.parts_from_msn) {
        assert!(
            behind + window.open.as_ref().map_or(0.0, |o| o.duration.seconds()) >= 3.0 * TARGET - 1e-3,
            "(45)"
        );
    }
    assert_eq!(window.hint.is_none(), window.ended, "(20)");
    if let Some((msn, index)) = window.hint {
        let newest = window.newest().unwrap();
        let follows = match &window.open {
            Some(_) => (newest.0, newest.1.unwrap() + 1),
            None => (newest.0 + 1, 0),
        };
        assert_eq!((msn, index), follows, "(52)");
    }
}

fn check_parts(name: &str, segment: &Segment, ended: bool) {
    let _ = ended;
    let sum: i64 = segment.parts.iter().map(|part| part.duration.ticks()).sum();
    assert_eq!(sum, segment.duration.ticks(), "(72) {name} {}", segment.msn);
    for (index, part) in segment.parts.iter().enumerate() {
        let seconds = part.duration.seconds();
        let what = format!("{name} {}.{index} lasts {seconds} s, in {:?}", segment.msn, segment.parts);
        assert!(seconds <= PART_TARGET + 1e-9 && seconds > 0.0, "(15) {what}");
        let next = segment.parts.get(index + 1);
        let exempt = part.independent || part.gap || next.is_none_or(|next| next.gap);
        assert!(exempt || seconds >= 0.85 * PART_TARGET, "(16) {what}");
        assert!(!part.gap || segment.gap, "a segment with gaps is one (50)");
    }
    let first = &segment.parts[0];
    assert!(first.gap || first.independent, "(71) {name} {}", segment.msn);
}

/// What holds between two playlists of one rendition, one after the other.
pub(crate) fn check_change(before: &Window, after: &Window) {
    let name = &after.rendition;
    assert_eq!(before.figures, after.figures, "(37)");
    assert!(after.version > before.version);
    assert!(after.live_from_msn >= before.live_from_msn, "(39)");
    assert!(after.parts_from_msn >= before.parts_from_msn, "(38)");
    assert!(!before.ended, "(48)");
    assert!(after.segments.len() >= before.segments.len(), "(38)");
    for segment in before.segments.iter().rev().take(4) {
        assert_eq!(after.segments.by_msn(segment.msn), Some(segment), "(40) {name}");
    }
    if let Some(open) = &before.open {
        let now = after.segments.by_msn(open.msn).map(|segment| &**segment).or(after.open.as_ref());
        let now = now.unwrap_or_else(|| panic!("(38) {name}: segment {} vanished", open.msn));
        assert_eq!(now.msn, open.msn, "(39) {name}");
        assert_eq!(&now.parts[..open.parts.len()], &open.parts[..], "(40) {name}");
        assert_eq!((now.starts_at, now.init), (open.starts_at, open.init));
        assert_eq!(now.program_date_time.timestamp_micros(), open.program_date_time.timestamp_micros());
    }
    assert!(after.newest() >= before.newest(), "(39) {name}");
}

/// What a publisher sends.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    pub(crate) fps: (u32, u32),
    pub(crate) gop: u32,
    pub(crate) b_frames: u32,
    pub(crate) video: bool,
    pub(crate) audio: Option<(u32, u8)>,
    pub(crate) audio_from_ms: u64,
    pub(crate) audio_until_ms: u64,
    pub(crate) large: bool,
    /// Publishers' clocks count in whole milliseconds.
    pub(crate) milliseconds: bool,
    /// Every so many pictures one does not come.
    pub(crate) lose_every: Option<u32>,
}

impl Default for Publisher {
    fn default() -> Self {
        Self {
            fps: (30, 1),
            gop: 60,
            b_frames: 0,
            video: true,
            audio: Some((48_000, 2)),
            audio_from_ms: 0,
            audio_until_ms: u64::MAX,
            large: false,
            milliseconds: true,
            lose_every: None,
        }
    }
}

impl Publisher {
    /// Everything sent within `length`, with the time it is sent at; payloads are numbers.
    pub(crate) fn items(&self, length: Duration) -> Vec<(Duration, Item)> {
        let mut items: Vec<(Duration, i64, Item)> = Vec::new();
        if self.video {
            let config = if self.large { large_video_config() } else { video_config() };
            items.push((Duration::ZERO, -1, Item::Config(TrackConfig::Video(config))));
            let tick = |frame: i64| {
                let ticks = frame * 90_000 * i64::from(self.fps.1) / i64::from(self.fps.0);
                if self.milliseconds { (ticks + 45).div_euclid(90) * 90 } else { ticks }
            };
            let (mini, delay) = (i64::from(self.b_frames) + 1, i64::from(self.b_frames > 0));
            let mut decode = 0_i64;
            let gop = i64::from(self.gop);
            let total = (length.as_secs_f64() * f64::from(self.fps.0) / f64::from(self.fps.1)) as i64;
            while decode < total {
                // Within a GOP: I, then groups of (P, B…) in decode order.
                let base = decode / gop * gop;
                let place = decode - base;
                let shown = if place == 0 || mini == 1 {
                    place
                } else {
                    let group = (place - 1) / mini;
                    let within = (place - 1) % mini;
                    let size = mini.min(gop - 1 - group * mini);
                    if within == 0 { group * mini + size } else { group * mini + within }
                };
                let dts = tick(decode);
                let pts = tick(base + shown + delay);
                let lost = self.lose_every.is_some_and(|every| place != 0 && decode % i64::from(every) == 0);
                if !lost {
                    let mut payload = vec![0, 0, 0, 9, if place == 0 { 0x65 } else { 0x41 }];
                    payload.extend_from_slice(&decode.to_be_bytes());
                    let unit = AccessUnit {
                        track: TrackKind::Video,
                        decode_at: MediaTime::session(dts),
                        present_at: MediaTime::session(pts),
                        key: place == 0,
                        payload: payload.into(),
                    };
                    items.push((MediaTime::session(dts).as_duration(), dts, Item::Unit(unit)));
                }
                decode += 1;
            }
        }
        if let Some((rate, channels)) = self.audio {
            let from = Duration::from_millis(self.audio_from_ms);
            items.push((from, -1, Item::Config(TrackConfig::Audio(audio_config(rate, channels)))));
            let mut frame = 0_i64;
            loop {
                let ticks = frame * 1024 * 90_000 / i64::from(rate);
                let ticks = if self.milliseconds { (ticks + 45).div_euclid(90) * 90 } else { ticks };
                let at = MediaTime::session(ticks);
                if at.as_duration() >= length
                    || at.as_duration() >= Duration::from_millis(self.audio_until_ms)
                {
                    break;
                }
                if at.as_duration() >= from {
                    let mut payload = vec![0xff];
                    payload.extend_from_slice(&frame.to_be_bytes());
                    let unit = AccessUnit {
                        track: TrackKind::Audio,
                        decode_at: at,
                        present_at: at,
                        key: true,
                        payload: payload.into(),
                    };
                    items.push((at.as_duration(), ticks, Item::Unit(unit)));
                }
                frame += 1;
            }
        }
        items.sort_by_key(|(at, ticks, _)| (*at, *ticks));
        items.into_iter().map(|(at, _, item)| (at, item)).collect()
    }

    /// Sends in real time from now on.
    pub(crate) fn publish(&self, world: &mut World, length: Duration) {
        let from = world.now;
        world.start();
        for (at, item) in self.items(length) {
            world.item(item, from + at);
        }
        world.advance_to(from + length);
    }
}

pub(crate) fn numbers(payloads: &[Vec<u8>]) -> Vec<i64> {
    payloads
        .iter()
        .filter(|payload| payload.len() >= 9 && payload[..3] != [0x21, 0x00, 0x49])
        .map(|payload| i64::from_be_bytes(payload[payload.len() - 8..].try_into().unwrap()))
        .collect()
}
