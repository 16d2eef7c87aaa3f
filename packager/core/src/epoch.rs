//! One published timeline: units in, parts and windows out.
//!
//! Feed it with `now` (never falling), then drain [`Epoch::poll_output`] in order, then sleep until
//! [`Epoch::poll_timeout`] or the next input. The order of outputs is the order of writing: a part's bytes
//! come before the journal's record of it, and both before the window that lists it.

mod announce;
mod lead;
mod recover;
mod rungs;
mod slate;
mod startup;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use events::HealthWarning;
use hls::{
    multivariant::Multivariant,
    window::{Figures, Window},
};
use media::{AccessUnit, Item, MediaTime, TrackConfig, TrackKind, VideoConfig};

pub use self::recover::{Archive, RecoverError};
use self::{
    lead::Leader,
    rungs::{Kept, RungTrack},
    startup::{Held, Startup},
};
use crate::{
    journal::Record,
    ladder::{self, Rung},
    plan::{Lengths, Plan},
    segmenter::{Picture, Pictures, Segmenter, Sound},
    slate::Wanted,
    timeline::Timeline,
};

/// A rendition's name: the folder in its URIs.
pub type Name = Arc<str>;

/// What may differ between epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The constant figures of all playlists.
    pub figures: Figures,
    /// Which rungs are wanted.
    pub ladder: ladder::Config,
    /// A rung this far behind the plan lists gaps instead; what comes later for them is dropped.
    pub rung_late_max: Duration,
    /// May the top rung be dropped when the transcoder cannot keep up?
    pub drop_rungs: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            figures: Figures::default(),
            ladder: ladder::Config::default(),
            rung_late_max: Duration::from_millis(1_500),
            drop_rungs: true,
        }
    }
}

/// The same moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// By the monotonic clock.
    pub now: Instant,
    /// By the wall clock.
    pub wall: DateTime<Utc>,
}

/// What the transcoder process is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Transcode {
    /// Begin, or begin again: whatever was made before is forgotten. The next packet is a keyframe.
    Start {
        /// The source's configuration.
        source: Arc<VideoConfig>,
        /// What to make, best first.
        rungs: Vec<Rung>,
        /// Pictures a second, declared or measured.
        frame_rate: Option<f64>,
        /// The source's pictures come too irregularly for parts: make a constant rate of them.
        constant_rate: bool,
    },
    /// The next access unit in decode order; its times are on the epoch's timeline.
    Packet {
        /// The unit.
        unit: AccessUnit,
        /// A segment begins at its presentation time: every rung's picture there must be an IDR.
        cut: bool,
    },
    /// The timeline has come to `at` and no picture is there: at a constant rate the last one is repeated.
    Advance {
        /// Session time.
        at: MediaTime,
        /// A segment begins there.
        cut: bool,
    },
    /// Give out all that is still held; what follows begins with a keyframe.
    Flush,
    /// Make this rung no longer.
    Drop {
        /// Its name.
        rung: Name,
    },
    /// There is nothing more to make; the process may end.
    Stop,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Write an init segment, `{rendition}/init-{n}.mp4`.
    Init {
        /// Rendition.
        rendition: Name,
        /// Its number.
        n: u32,
        /// The whole init segment.
        bytes: Bytes,
    },
    /// Write a part and append it to the rendition's file.
    Part {
        /// Rendition.
        rendition: Name,
        /// Media sequence number of its segment.
        msn: u64,
        /// Index within the segment.
        index: u32,
        /// The boxes, then the payload in the very buffers it came in.
        bytes: Vec<Bytes>,
        /// Sum of the chunks' lengths.
        length: u64,
        /// Where it stands in the rendition's file, counted from the file's first byte. The record that follows
        /// says GAP where it is not to be written: see [`Epoch::set_recording`].
        offset: u64,
    },
    /// The segment consists of the parts written so far.
    SegmentDone {
        /// Rendition.
        rendition: Name,
        /// Media sequence number.
        msn: u64,
    },
    /// Append to the journal.
    Journal(Record),
    /// Announce: the rendition now stands like this.
    Window(Arc<Window>),
    /// Announce: the renditions there are. The first one opens the epoch to players; a later one replaces
    /// it (measured bit rates, changed source).
    Multivariant(Arc<Multivariant>),
    /// Tell the transcoder.
    Transcode(Transcode),
    /// Have a slate made; [`Epoch::slate_made`] takes the stills as they come. What was wanted before and is not
    /// named again is not wanted any more.
    Slate(Vec<Wanted>),
    /// The warnings that hold from now on; ordered, no duplicates.
    Health(Vec<HealthWarning>),
    /// ENDLIST stands in every window; nothing more will come.
    Ended,
}

/// Media sequence numbers that the journal reserves at a time.
const RESERVED_AHEAD: u64 = 64;
/// How long the rungs' last pictures are waited for at the end.
const ENDING: Duration = Duration::from_secs(1);

/// One timeline of a session or preview.
#[derive(Debug)]
pub struct Epoch {
    config: Config,
    lengths: Lengths,
    outputs: VecDeque<Output>,
    timeline: Timeline,
    plan: Plan,
    phase: Phase,
    leader: Leader,
    /// A publisher is connected.
    publishing: bool,
    /// When its first unit came, or the first after pictures were lost.
    first_unit_at: Option<Instant>,
    source: Option<Segmenter<Pictures>>,
    audio: Option<Segmenter<Sound>>,
    rungs: Vec<RungTrack>,
    video: Option<VideoState>,
    /// A changed configuration, from the next keyframe on.
    video_change: Option<Arc<VideoConfig>>,
    /// Something changed in a rendition: the next cut by media is a discontinuity in all.
    discontinuity_due: bool,
    /// A slate came for a rendition that lists gaps: the next cut in the hole is a discontinuity in all.
    slate_due: bool,
    audio_newest: i64,
    kept: Kept,
    reserved_to: u64,
    first_msn: u64,
    /// The first segment after a restart, which begins earlier where a rendition's media ended earlier: short.
    hole_from_restart: Option<u64>,
    /// Lengths of renditions' files that are there before their first part.
    file_ends: BTreeMap<String, u64>,
    /// Pictures come although the epoch consists of sound alone.
    pictures_too_late: bool,
    /// A transcoder was asked for.
    transcoding: bool,
    announced: Option<Arc<Multivariant>>,
    health: Vec<HealthWarning>,
}

/// How far the epoch has come.
#[derive(Debug)]
enum Phase {
    /// Units are held until it is known what there is.
    Starting(Startup),
    /// Cutting.
    Running,
    /// No more units; the rungs' last pictures are waited for.
    Ending(Instant),
    /// ENDLIST.
    Ended,
}

/// What is known of the source's pictures.
#[derive(Debug)]
struct VideoState {
    config: Arc<VideoConfig>,
    frame_rate: Option<f64>,
    /// Why the source is not listed, or lists gaps.
    withheld: Option<HealthWarning>,
    /// Keyframes are too far apart: cuts fall on any picture, and only the rungs follow.
    even_cuts: bool,
    /// Newest decode time.
    newest: i64,
    /// Newest presentation time.
    newest_shown: i64,
    /// Newest decode time of a picture that came, not repeated.
    pictured: i64,
    /// Up to here the last picture stands for those that did not come.
    repeated_to: i64,
    last_key: Option<i64>,
    /// Keyframes in a row that stood close enough for the plan.
    good_intervals: u32,
    /// Least and greatest time from decoding to showing.
    delay: (i64, i64),
}

impl VideoState {
    fn new(config: Arc<VideoConfig>, at: i64) -> Self {
        Self {
            config,
            frame_rate: None,
            withheld: None,
            even_cuts: false,
            newest: at,
            newest_shown: at,
            pictured: at,
            repeated_to: i64::MIN,
            last_key: None,
            good_intervals: 0,
            delay: (i64::MAX, i64::MIN),
        }
    }

    /// How long a picture is shown.
    fn nominal(&self) -> i64 {
        let rate = self.frame_rate.unwrap_or(30.0).clamp(2.0, 240.0);
        MediaTime::from_duration(Duration::from_secs_f64(1.0 / rate)).ticks()
    }

    /// Pictures are repeated where they come too seldom, for a while.
    fn may_repeat(&self) -> bool {
        self.withheld == Some(HealthWarning::FrameRateIrregular)
            && self.newest - self.pictured < lead::REPEAT_MAX
    }

    /// How much later than its turn a picture may be shown, by what was seen (and bounded: it may be nonsense).
    fn reach(&self, picture: &Picture) -> i64 {
        let delay = picture.pts - picture.dts;
        (self.delay.1.max(delay) - self.delay.0.min(delay)).clamp(0, 45_000)
    }
}

impl Epoch {
    /// A new timeline that begins at `start`. Nothing is listed before media comes.
    #[must_use]
    pub fn new(config: Config, start: Start) -> Self {
        let timeline = Timeline::new(start.now, start.wall);
        let mut epoch = Self::with(config, timeline, Phase::Starting(Startup::default()));
        epoch.outputs.push_back(Output::Journal(Record::Epoch {
            started_at: start.wall,
            figures: epoch.config.figures,
        }));
        epoch
    }

    /// A new timeline in the place of one whose journal is of no use: nothing of what that may have listed is
    /// listed again. `first_msn` lies above all of it, and `file_bytes` are the lengths of the renditions' files,
    /// behind which is written.
    #[must_use]
    pub fn new_above(
        config: Config,
        start: Start,
        first_msn: u64,
        file_bytes: BTreeMap<String, u64>,
    ) -> Self {
        let mut epoch = Self::new(config, start);
        epoch.first_msn = first_msn.max(1);
        epoch.file_ends = file_bytes;
        epoch
    }

    fn with(config: Config, timeline: Timeline, phase: Phase) -> Self {
        Self {
            lengths: Lengths::of(&config.figures),
            config,
            outputs: VecDeque::new(),
            timeline,
            plan: Plan::default(),
            phase,
            leader: Leader::Clock,
            publishing: false,
            first_unit_at: None,
            source: None,
            audio: None,
            rungs: Vec::new(),
            video: None,
            video_change: None,
            discontinuity_due: false,
            slate_due: false,
            audio_newest: 0,
            kept: Kept::default(),
            reserved_to: 0,
            first_msn: 1,
            hole_from_restart: None,
            file_ends: BTreeMap::new(),
            pictures_too_late: false,
            transcoding: false,
            announced: None,
            health: Vec::new(),
        }
    }

    /// A publisher begins (or begins again, or takes over): its items follow.
    pub fn publication_started(&mut self, now: Instant) {
        if self.publishing {
            self.publication_ended(now);
        }
        self.publishing = true;
        self.pictures_too_late = false;
        self.first_unit_at = None;
        self.timeline.publication_started();
        if let Some(video) = &mut self.video
            && self.source.is_some()
        {
            // The teacher may have set his encoder right.
            video.withheld = None;
            video.even_cuts = false;
            video.last_key = None;
        }
        self.settle(now);
    }

    /// The publication's next item, in publication time.
    pub fn item(&mut self, item: Item, now: Instant) {
        match item {
            Item::Config(TrackConfig::Video(config)) => self.video_config(config, now),
            Item::Config(TrackConfig::Audio(config)) => self.audio_config(config, now),
            Item::Unit(unit) => self.unit(unit, now),
        }
        self.settle(now);
    }

    /// The publisher is gone, be it by will or not. The playlists go on.
    pub fn publication_ended(&mut self, now: Instant) {
        if !self.publishing {
            return;
        }
        if let Phase::Starting(_) = self.phase {
            // What came is worth showing, should it be enough for a segment.
            self.open(now, true);
        }
        self.publishing = false;
        self.settle(now);
    }

    /// The transcoder's next item for a rung: its configuration before the first unit, units in decode
    /// order, times on the epoch's timeline. Unknown rungs are ignored.
    pub fn rung_unit(&mut self, rung: &str, item: Item, now: Instant) {
        if !matches!(self.phase, Phase::Running | Phase::Ending(_)) {
            return;
        }
        match item {
            Item::Config(TrackConfig::Video(config)) => self.rung_config(rung, &config),
            Item::Unit(unit) if unit.track == TrackKind::Video => self.rung_picture(rung, unit, now),
            Item::Config(TrackConfig::Audio(_)) | Item::Unit(_) => return,
        }
        self.watch_rungs(now);
        self.settle(now);
    }

    /// The transcoder process died or hung and its successor waits for work: a [`Transcode::Start`] and the
    /// packets it needs to go on where the rungs stand follow.
    pub fn transcoder_lost(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Running) {
            self.restart_transcoder(now);
        }
        self.settle(now);
    }

    /// To be called when [`Epoch::poll_timeout`] is due (or at any other time).
    pub fn timeout(&mut self, now: Instant) {
        self.settle(now);
    }

    /// Is what follows recorded? If not, the live view alone lists its media, and the journal says that there is
    /// none: the part's bytes need not be written, and the next recorded part has their place in the file.
    pub fn set_recording(&mut self, recording: bool) {
        let source = self.source.iter_mut().map(|track| &mut track.recording);
        let rungs = self.rungs.iter_mut().map(|rung| &mut rung.track.recording);
        let audio = self.audio.iter_mut().map(|track| &mut track.recording);
        source.chain(rungs).chain(audio).for_each(|track| *track = recording);
    }

    /// Closes the timeline for good: last parts, ENDLIST everywhere. Later inputs are ignored, but the
    /// rungs' last pictures are waited for up to a second.
    pub fn end(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Ending(_) | Phase::Ended) {
            return;
        }
        if let Phase::Starting(_) = self.phase {
            self.open(now, true);
        }
        if matches!(self.phase, Phase::Starting(_)) {
            self.finish();
            return;
        }
        self.phase = Phase::Ending(now + ENDING);
        if self.leader != Leader::Clock {
            self.lose_publisher(now);
        }
        self.publishing = false;
        self.settle(now);
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Epoch::timeout`] wants to be called, if at all.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Starting(startup) => startup.deadline(),
            Phase::Running => self.leader_deadline(),
            Phase::Ending(until) => Some(*until),
            Phase::Ended => None,
        }
    }

    fn video_config(&mut self, config: Arc<VideoConfig>, now: Instant) {
        if let Phase::Starting(startup) = &self.phase
            && startup.video.as_ref().is_some_and(|before| *before != config)
        {
            // The units held so far belong to the configuration before.
            self.open(now, true);
        }
        match &mut self.phase {
            Phase::Starting(startup) => startup.video = Some(config),
            Phase::Running => {
                let same = self.video.as_ref().is_some_and(|video| *video.config == *config);
                self.video_change = (!same && self.video.is_some()).then_some(config);
            }
            Phase::Ending(_) | Phase::Ended => {}
        }
    }

    fn audio_config(&mut self, config: Arc<media::AudioConfig>, now: Instant) {
        if let Phase::Starting(startup) = &self.phase
            && startup.audio.as_ref().is_some_and(|before| *before != config)
        {
            self.open(now, true);
        }
        match &mut self.phase {
            Phase::Starting(startup) => startup.audio = Some(config),
            Phase::Running => {
                if let Some(audio) = &mut self.audio {
                    self.discontinuity_due |= audio.reconfigure(config);
                }
            }
            Phase::Ending(_) | Phase::Ended => {}
        }
    }

    fn unit(&mut self, unit: AccessUnit, now: Instant) {
        if !self.publishing || matches!(self.phase, Phase::Ending(_) | Phase::Ended) {
            return;
        }
        self.first_unit_at.get_or_insert(now);
        let dts = unit.decode_at.rescale(media::SESSION_SCALE).ticks();
        let pts = unit.present_at.rescale(media::SESSION_SCALE).ticks();
        let occupied = self.occupied_to();
        // Some encoders show pictures before they are decoded: nothing may lie before the timeline's beginning.
        let offset = self.timeline.place(unit.track, dts.min(pts), occupied, now);
        let (dts, pts) = (dts.saturating_add(offset), pts.saturating_add(offset));
        let held = match unit.track {
            TrackKind::Video => Held::Picture(Picture { pts, dts, key: unit.key, payload: unit.payload }),
            TrackKind::Audio => Held::Sound { at: pts, payload: unit.payload },
        };
        if let Phase::Starting(startup) = &mut self.phase {
            self.timeline.observe(dts, now);
            startup.hold(held, now);
            return;
        }
        self.take(held, now);
    }

    fn take(&mut self, unit: Held, now: Instant) {
        match unit {
            Held::Picture(picture) => self.picture(picture, now),
            Held::Sound { at, payload } => self.sound(at, payload, now),
        }
    }

    /// The end of whatever the source's tracks list.
    fn occupied_to(&self) -> i64 {
        let source = self.source.as_ref().map_or(0, Segmenter::occupied_to);
        let audio = self.audio.as_ref().map_or(0, Segmenter::occupied_to);
        let cut = self.plan.last().map_or(0, |cut| cut.at + 1);
        // A withheld source lists nothing, but its pictures are in the rungs.
        let shown = self.video.as_ref().map_or(0, |video| video.newest_shown + 1);
        source.max(audio).max(cut).max(shown)
    }

    /// Everything that follows from an input or from time alone, then the announcements.
    fn settle(&mut self, now: Instant) {
        match self.phase {
            Phase::Starting(_) => self.open(now, false),
            Phase::Running => self.follow_leader(now),
            Phase::Ending(until) => {
                if now >= until || self.rungs_complete() {
                    self.finish();
                }
            }
            Phase::Ended => {}
        }
        self.announce();
    }

    /// Opens the epoch if it is known what it consists of.
    fn open(&mut self, now: Instant, anyway: bool) {
        let Phase::Starting(startup) = &mut self.phase else { return };
        let Some(opening) = startup.decide(&self.config.figures, now, anyway) else { return };
        self.phase = Phase::Running;
        let started_at = self.timeline.started_at();
        let figures = self.config.figures;
        if let Some(config) = &opening.video {
            let ladder = ladder::Ladder::for_source(config, opening.withheld.is_some(), &self.config.ladder);
            if opening.withheld.is_none() {
                let mut source = Segmenter::new(
                    "source".into(),
                    figures,
                    started_at,
                    media::SESSION_SCALE,
                    self.first_msn - 1,
                    Pictures::default(),
                );
                source.append_at(self.file_ends.get("source").copied().unwrap_or(0));
                source.set_init(crate::fmp4::video_init(config, SESSION_TICKS), media::SESSION_SCALE);
                self.source = Some(source);
            }
            let mut video = VideoState::new(Arc::clone(config), opening.at);
            video.frame_rate = opening.frame_rate;
            video.withheld = opening.withheld;
            video.even_cuts = opening.withheld == Some(HealthWarning::GopTooLong);
            self.video = Some(video);
            self.open_rungs(ladder, now);
        }
        let absent = opening.audio.is_none();
        let config = opening.audio.clone().unwrap_or_else(crate::silence::config);
        if let Some(scale) = media::Timescale::checked(config.sample_rate) {
            let init = crate::fmp4::audio_init(&config);
            let sound = Sound::new(config, absent);
            let mut audio =
                Segmenter::new("audio".into(), figures, started_at, scale, self.first_msn - 1, sound);
            audio.append_at(self.file_ends.get("audio").copied().unwrap_or(0));
            audio.set_init(init, scale);
            self.audio = Some(audio);
        }
        self.leader = if opening.video.is_some() { Leader::Video } else { Leader::Audio };
        self.audio_newest = opening.at;
        self.cut(opening.at, true);
        self.want_slate();
        for unit in opening.units {
            self.take(unit, now);
        }
        self.follow_leader(now);
    }

    /// ENDLIST.
    fn finish(&mut self) {
        let end = self.occupied_to();
        let out = &mut self.outputs;
        for rung in &mut self.rungs {
            rung.track.leave(out);
            rung.track.fill_gap(end, &self.plan, out);
            rung.track.finish(out);
        }
        if let Some(source) = &mut self.source {
            source.leave(out);
            source.fill_gap(end, &self.plan, out);
            source.finish(out);
        }
        if let Some(audio) = &mut self.audio {
            audio.leave(false, &self.plan, out);
            audio.fill_gap(end, &self.plan, out);
            audio.finish(out);
        }
        if self.transcoding {
            self.outputs.push_back(Output::Transcode(Transcode::Stop));
        }
        self.outputs.push_back(Output::Journal(Record::End));
        self.phase = Phase::Ended;
        self.announce();
        self.outputs.push_back(Output::Ended);
    }
}

/// Ticks a second of every video track.
pub(crate) const SESSION_TICKS: u32 = 90_000;
