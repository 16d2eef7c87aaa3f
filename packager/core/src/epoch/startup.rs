//! The first seconds: units are held until it is known what tracks there are and whether the source can be
//! cut, so that the multivariant playlist is right from the beginning (players never read it again).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::DateTime;
use events::HealthWarning;
use hls::window::Figures;
use media::{AudioConfig, SESSION_SCALE, VideoConfig};

use crate::{
    plan::{Cut, Lengths, Plan, Scene},
    segmenter::{Picture, Pictures, Segmenter},
};

/// A track that has not come by then is absent.
const ABSENT_AFTER: Duration = Duration::from_millis(2_500);
/// Pictures without a keyframe are waited for this long, as long as they come.
const KEYLESS_AFTER: Duration = Duration::from_secs(20);
/// A second keyframe is waited for this long by the clock, should pictures stop coming.
const STALLED_AFTER: Duration = Duration::from_millis(6_000);
/// No publisher makes us hold more than this.
const HELD_BYTES_MAX: usize = 64 << 20;

/// A unit that waits.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Picture(Picture),
    Sound { at: i64, payload: Bytes },
}

/// What has come so far.
#[derive(Debug, Default)]
pub(crate) struct Startup {
    pub(crate) video: Option<Arc<VideoConfig>>,
    pub(crate) audio: Option<Arc<AudioConfig>>,
    units: Vec<Held>,
    bytes: usize,
    first_at: Option<Instant>,
    asked_at: Option<Instant>,
    first_key_at: Option<Instant>,
    first_key: Option<i64>,
    second_key: Option<i64>,
    newest: i64,
    pictures: bool,
    sounds: bool,
}

/// What the epoch will consist of.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) video: Option<Arc<VideoConfig>>,
    pub(crate) audio: Option<Arc<AudioConfig>>,
    pub(crate) withheld: Option<HealthWarning>,
    pub(crate) frame_rate: Option<f64>,
    /// Where the first segment begins.
    pub(crate) at: i64,
    /// To be taken in as if they came now, in order.
    pub(crate) units: Vec<Held>,
}

impl Startup {
    pub(crate) fn hold(&mut self, unit: Held, now: Instant) {
        self.first_at.get_or_insert(now);
        match &unit {
            Held::Picture(picture) => {
                self.pictures = true;
                self.bytes += picture.payload.len();
                if picture.key {
                    match self.first_key {
                        None => {
                            // Nothing before it can be shown.
                            self.units.retain(|unit| matches!(unit, Held::Sound { .. }));
                            self.first_key = Some(picture.pts);
                            self.first_key_at = Some(now);
                            self.newest = picture.pts;
                        }
                        Some(_) => {
                            self.second_key.get_or_insert(picture.pts);
                        }
                    }
                }
                self.newest = self.newest.max(picture.pts);
            }
            Held::Sound { payload, .. } => {
                self.sounds = true;
                self.bytes += payload.len();
            }
        }
        self.units.push(unit);
    }

    /// When [`Startup::decide`] may find more by time alone.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let first = self.first_at?;
        let deadlines = [
            Some(first + ABSENT_AFTER),
            self.first_key_at.map(|at| at + STALLED_AFTER),
            (self.pictures && self.first_key.is_none()).then(|| first + KEYLESS_AFTER),
        ];
        deadlines.into_iter().flatten().filter(|at| self.asked_at.is_none_or(|asked| *at > asked)).min()
    }

    /// The epoch can open. `anyway`: it ends, so with what there is.
    pub(crate) fn decide(&mut self, figures: &Figures, now: Instant, anyway: bool) -> Option<Opening> {
        let first_at = self.first_at?;
        self.asked_at = Some(now);
        let waited = now.saturating_duration_since(first_at);
        let absent = anyway || waited >= ABSENT_AFTER;
        let full = self.bytes > HELD_BYTES_MAX;
        let has_video = self.first_key.is_some();
        let video_ready = match self.first_key {
            Some(key) => {
                self.second_key.is_some()
                    || self.newest - key >= Lengths::of(figures).segment_max
                    || self.first_key_at.is_some_and(|at| now.saturating_duration_since(at) >= STALLED_AFTER)
                    || anyway
            }
            None if self.pictures || self.video.is_some() => {
                anyway || waited >= KEYLESS_AFTER || (absent && !self.pictures)
            }
            None => absent,
        };
        let audio_ready = (self.sounds && self.audio.is_some()) || absent;
        if !(full || (video_ready && audio_ready)) {
            return None;
        }
        if !(has_video || (self.sounds && self.audio.is_some())) {
            return None;
        }
        Some(self.open(figures))
    }

    fn open(&mut self, figures: &Figures) -> Opening {
        let units = std::mem::take(&mut self.units);
        let video = self.video.clone().filter(|_| self.first_key.is_some());
        let audio = self.audio.clone().filter(|_| self.sounds);
        let first_sound = units.iter().find_map(|unit| match unit {
            Held::Sound { at, .. } => Some(*at),
            Held::Picture(_) => None,
        });
        let at = if video.is_some() { self.first_key } else { first_sound };
        let withheld = video.as_ref().and_then(|video| self.classify(figures, video, &units));
        let declared = video.as_ref().and_then(|video| video.frame_rate);
        let frame_rate = match (declared, measure(&units)) {
            // What the stream says of itself is exact, unless it is plainly wrong.
            (Some(declared), Some(measured)) if (declared - measured).abs() > 0.05 * measured => {
                Some(measured)
            }
            (Some(declared), _) => Some(declared),
            (None, measured) => measured,
        };
        Opening { video, audio, withheld, frame_rate, at: at.unwrap_or(0).max(0), units }
    }

    /// Why the source cannot be cut, if so.
    fn classify(&self, figures: &Figures, video: &VideoConfig, units: &[Held]) -> Option<HealthWarning> {
        let first = self.first_key?;
        let lengths = Lengths::of(figures);
        if self.second_key.unwrap_or(self.newest) - first >= lengths.segment_max {
            return Some(HealthWarning::GopTooLong);
        }
        let slowest = 90_000.0 / f64::from(i32::try_from(lengths.part_max).unwrap_or(i32::MAX));
        if rate(units).is_some_and(|rate| rate < slowest) {
            return Some(HealthWarning::FrameRateIrregular);
        }
        // Tried on the pictures there are.
        let at = DateTime::UNIX_EPOCH;
        let mut trial = Segmenter::new("trial".into(), *figures, at, SESSION_SCALE, 0, Pictures::default());
        trial.set_init(crate::fmp4::video_init(video, 90_000), SESSION_SCALE);
        let mut plan = Plan::default();
        plan.push(Cut {
            msn: 1,
            at: first,
            discontinuity: false,
            discontinuity_sequence: 0,
            lag: 0,
            scene: Scene::Media,
            slate: false,
        });
        let mut out = std::collections::VecDeque::new();
        for unit in units {
            if let Held::Picture(picture) = unit {
                trial.picture(picture.clone(), &plan, &mut out);
                out.clear();
            }
        }
        let (parts, off_grid) = (trial.media.parts, trial.media.parts_off_grid);
        (off_grid >= 2 && off_grid * 2 >= parts).then_some(HealthWarning::FrameRateIrregular)
    }
}

/// Pictures a second, by what was held; the customary rate where it is near one.
fn measure(units: &[Held]) -> Option<f64> {
    let rate = rate(units)?;
    // Clocks that count in milliseconds blur the customary rates a little.
    const CUSTOMARY: [f64; 9] =
        [15.0, 24_000.0 / 1001.0, 24.0, 25.0, 30_000.0 / 1001.0, 30.0, 50.0, 60_000.0 / 1001.0, 60.0];
    let near = CUSTOMARY.into_iter().min_by(|a, b| (a - rate).abs().total_cmp(&(b - rate).abs()))?;
    Some(if (near - rate).abs() < 0.012 * near { near } else { rate })
}

fn rate(units: &[Held]) -> Option<f64> {
    let times = || {
        units.iter().filter_map(|unit| match unit {
            Held::Picture(picture) => Some(picture.pts),
            Held::Sound { .. } => None,
        })
    };
    let (first, last, count) = (times().min()?, times().max()?, times().count());
    let intervals = u32::try_from(count).ok()?.checked_sub(1)?;
    let span = u32::try_from(last - first).ok().filter(|span| *span > 0)?;
    Some(f64::from(intervals) * 90_000.0 / f64::from(span))
}
