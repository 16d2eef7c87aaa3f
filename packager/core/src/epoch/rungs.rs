//! The rungs: what the transcoder is fed, how late its pictures may be, what its successor needs.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use events::HealthWarning;
use media::{AccessUnit, SESSION_SCALE, VideoConfig};

use super::{Epoch, Leader, Output, Transcode};
use crate::{
    ladder::{Ladder, Rung},
    plan::Plan,
    segmenter::{Picture, Pictures, SLATE_TRAIL, Segmenter, TRAIL},
};

/// Before a new transcoder's first pictures are late (5 s).
const START_GRACE: Duration = Duration::from_secs(5);
/// Before a successor's are: it is fed what was kept and catches up (a target duration).
const RESTART_GRACE: Duration = Duration::from_secs(4);
/// Where rungs are not to be dropped, they are waited for this long.
const PATIENCE: i64 = 60 * 90_000;
/// Every rung this far behind what was fed (1 s) …
const BEHIND: i64 = 90_000;
/// … for this long means that the transcoder cannot keep up.
const BEHIND_FOR: Duration = Duration::from_secs(3);
/// A transcoder that lives gives a picture within this (1 s).
const GIVES_WITHIN: Duration = Duration::from_secs(1);
/// Packets kept for a successor: at most this many bytes and this long.
const KEPT_BYTES_MAX: usize = 64 << 20;
const KEPT_MAX: i64 = 30 * 90_000;

/// A rung and its rendition.
#[derive(Debug)]
pub(super) struct RungTrack {
    pub(super) rung: Rung,
    pub(super) track: Segmenter<Pictures>,
    /// The transcoder makes it.
    alive: bool,
    /// Not late before this.
    grace_until: Instant,
    behind_since: Option<Instant>,
    /// When its last unit came.
    last_at: Option<Instant>,
    codec: Option<String>,
}

impl RungTrack {
    /// A rung that the transcoder is about to make.
    pub(super) fn new(rung: Rung, track: Segmenter<Pictures>, now: Instant) -> Self {
        Self {
            rung,
            track,
            alive: true,
            grace_until: now + START_GRACE,
            behind_since: None,
            last_at: None,
            codec: None,
        }
    }

    /// A rung that was announced before a restart: it is made again as it was.
    pub(super) fn recovered(rung: Rung, track: Segmenter<Pictures>, codec: String, now: Instant) -> Self {
        Self { codec: Some(codec), ..Self::new(rung, track, now) }
    }
}

/// Packets since a keyframe that no rung has passed yet.
#[derive(Debug, Default)]
pub(super) struct Kept {
    packets: VecDeque<(AccessUnit, bool)>,
    bytes: usize,
}

impl Kept {
    pub(super) fn clear(&mut self) {
        self.packets.clear();
        self.bytes = 0;
    }

    fn push(&mut self, unit: &AccessUnit, cut: bool, passed: i64) {
        if unit.key {
            self.forget(passed);
        }
        self.bytes += unit.payload.len();
        self.packets.push_back((unit.clone(), cut));
        let span =
            unit.decode_at.ticks() - self.packets.front().map_or(0, |(first, _)| first.decode_at.ticks());
        if self.bytes > KEPT_BYTES_MAX || span > KEPT_MAX {
            // A successor then begins at the next keyframe.
            self.forget_group();
        }
    }

    /// Forgets groups that every rung has passed.
    fn forget(&mut self, passed: i64) {
        while let Some(next) = self.next_group()
            && self.packets.get(next).is_some_and(|(unit, _)| unit.present_at.ticks() <= passed)
        {
            self.forget_group();
        }
    }

    fn next_group(&self) -> Option<usize> {
        self.packets.iter().skip(1).position(|(unit, _)| unit.key).map(|at| at + 1)
    }

    fn forget_group(&mut self) {
        let until = self.next_group().unwrap_or(self.packets.len());
        for (unit, _) in self.packets.drain(..until) {
            self.bytes -= unit.payload.len();
        }
    }
}

impl Epoch {
    pub(super) fn open_rungs(&mut self, ladder: Ladder, now: Instant) {
        let (figures, started_at) = (self.config.figures, self.timeline.started_at());
        let before = self.first_msn - 1;
        self.rungs = ladder
            .rungs
            .into_iter()
            .map(|rung| {
                let name = Arc::clone(&rung.name);
                let written = self.file_ends.get(&*name).copied().unwrap_or(0);
                let mut track =
                    Segmenter::new(name, figures, started_at, SESSION_SCALE, before, Pictures::default());
                track.append_at(written);
                RungTrack::new(rung, track, now)
            })
            .collect();
    }

    pub(super) fn start_transcoder(&mut self) {
        self.transcoding = true;
        let Some(video) = &self.video else { return };
        let rungs: Vec<_> =
            self.rungs.iter().filter(|rung| rung.alive).map(|rung| rung.rung.clone()).collect();
        if rungs.is_empty() {
            return;
        }
        self.outputs.push_back(Output::Transcode(Transcode::Start {
            source: Arc::clone(&video.config),
            rungs,
            frame_rate: video.frame_rate,
            constant_rate: video.withheld == Some(HealthWarning::FrameRateIrregular),
        }));
    }

    /// The source is coded otherwise from the next packet on.
    pub(super) fn reconfigure_transcoder(&mut self, now: Instant) {
        if !self.transcoding {
            return;
        }
        self.flush_transcoder();
        for rung in &mut self.rungs {
            rung.grace_until = rung.grace_until.max(now + RESTART_GRACE);
        }
        self.start_transcoder();
    }

    /// A successor is fed from the last keyframe that some rung has not passed; where a rung stands, an IDR is
    /// asked for, so that it goes on there.
    pub(super) fn restart_transcoder(&mut self, now: Instant) {
        if !self.transcoding {
            return;
        }
        self.start_transcoder();
        let mut resume_at: Vec<i64> = Vec::new();
        for rung in self.rungs.iter_mut().filter(|rung| rung.alive) {
            rung.grace_until = now + RESTART_GRACE;
            rung.behind_since = None;
            if !rung.track.is_gap() {
                rung.track.resume_at_key();
                resume_at.push(rung.track.media.newest);
            }
        }
        // The first picture shown after each rung's newest one.
        let mut marks: Vec<i64> = Vec::new();
        for newest in resume_at {
            let shown = self.kept.packets.iter().map(|(unit, _)| unit.present_at.ticks());
            marks.extend(shown.filter(|pts| *pts > newest).min());
        }
        for (unit, cut) in &self.kept.packets {
            let cut = *cut || marks.contains(&unit.present_at.ticks());
            self.outputs.push_back(Output::Transcode(Transcode::Packet { unit: unit.clone(), cut }));
        }
        if self.leader != Leader::Video {
            self.flush_transcoder();
        }
    }

    pub(super) fn flush_transcoder(&mut self) {
        if self.transcoding && self.rungs.iter().any(|rung| rung.alive) {
            self.outputs.push_back(Output::Transcode(Transcode::Flush));
        }
    }

    pub(super) fn keep(&mut self, unit: &AccessUnit, cut: bool) {
        let alive = self.rungs.iter().filter(|rung| rung.alive);
        let passed = alive.map(|rung| rung.track.media.newest).min().unwrap_or(i64::MAX);
        self.kept.push(unit, cut, passed);
    }

    pub(super) fn rung_config(&mut self, name: &str, config: &VideoConfig) {
        let Some(rung) = self.rungs.iter_mut().find(|rung| &*rung.rung.name == name) else { return };
        let init = crate::fmp4::video_init(config, super::SESSION_TICKS);
        if rung.track.set_init(init, SESSION_SCALE) {
            // Nothing of it can be shown before all renditions have a discontinuity.
            rung.track.leave(&mut self.outputs);
            self.discontinuity_due = true;
        }
        rung.codec_is(config);
    }

    pub(super) fn rung_picture(&mut self, name: &str, unit: AccessUnit, now: Instant) {
        let Some(rung) = self.rungs.iter_mut().find(|rung| &*rung.rung.name == name && rung.alive) else {
            return;
        };
        let pts = unit.present_at.rescale(SESSION_SCALE).ticks();
        let dts = unit.decode_at.rescale(SESSION_SCALE).ticks();
        let picture = Picture { pts, dts, key: unit.key, payload: unit.payload };
        rung.last_at = Some(now);
        rung.track.picture(picture, &self.plan, &mut self.outputs);
    }

    /// Rungs that are too late list gaps; a transcoder that cannot keep up loses its top rung.
    pub(super) fn watch_rungs(&mut self, now: Instant) {
        let Some(video) = &self.video else { return };
        let (position, fed) = (self.plan.position, video.newest_shown);
        let patience = if self.config.drop_rungs {
            media::MediaTime::from_duration(self.config.rung_late_max).ticks()
        } else {
            PATIENCE
        };
        let nominal = self.source.as_ref().map_or(3_000, Segmenter::nominal);
        let flowing = self.leader == Leader::Video;
        let mut all_behind = flowing;
        for rung in &mut self.rungs {
            let newest = rung.track.media.newest;
            let behind = if rung.alive { fed - newest } else { i64::MAX };
            if rung.alive {
                // One that gives nothing at all is dead, which is another matter.
                let gives = rung.last_at.is_some_and(|at| now.saturating_duration_since(at) < GIVES_WITHIN);
                let late = behind > BEHIND && gives && now >= rung.grace_until;
                rung.behind_since = late.then(|| rung.behind_since.unwrap_or(now));
                all_behind &= rung.behind_since.is_some_and(|since| now.duration_since(since) >= BEHIND_FOR);
            }
            // It has given all it was fed, and nothing more comes.
            let complete = !flowing && behind < nominal / 2;
            let waited = position - newest > patience && now >= rung.grace_until;
            let slate = rung.track.meets_slate(&self.plan);
            let trail = match slate {
                // Nothing is waited for once it has given all.
                true => SLATE_TRAIL,
                false => media::MediaTime::from_duration(self.config.rung_late_max).ticks(),
            };
            let to = if rung.alive {
                gap_position(
                    &rung.track,
                    &self.plan,
                    position,
                    trail,
                    if now >= rung.grace_until { patience } else { i64::MAX / 4 },
                )
            } else {
                position - TRAIL
            };
            let out = &mut self.outputs;
            if !rung.track.is_gap() && (!rung.alive || (complete && position - newest > trail) || waited) {
                // Its last picture is shown until the cut, should that be a moment later.
                let next = self.plan.by_msn(rung.track.msn + 1).filter(|_| slate);
                rung.track.leave_towards(next.map_or(i64::MIN, |cut| cut.at), out);
            }
            rung.track.fill_gap(to, &self.plan, out);
        }
        let making = self.rungs.iter().filter(|rung| rung.alive).count();
        if all_behind && making > 1 && self.config.drop_rungs {
            self.drop_top_rung();
        }
    }

    fn drop_top_rung(&mut self) {
        for rung in &mut self.rungs {
            rung.behind_since = None;
        }
        let Some(top) = self.rungs.iter_mut().find(|rung| rung.alive) else { return };
        top.alive = false;
        let rung = Arc::clone(&top.rung.name);
        self.outputs.push_back(Output::Transcode(Transcode::Drop { rung }));
    }

    /// Every rung has given all it was fed.
    pub(super) fn rungs_complete(&self) -> bool {
        let Some(video) = &self.video else { return true };
        let nominal = self.source.as_ref().map_or(3_000, Segmenter::nominal);
        let complete = |rung: &RungTrack| {
            !rung.alive || rung.track.is_gap() || video.newest_shown - rung.track.media.newest < nominal / 2
        };
        self.rungs.iter().all(complete)
    }

    pub(super) fn rung_was_dropped(&self) -> bool {
        self.rungs.iter().any(|rung| !rung.alive)
    }

    /// Names of the rungs that are made now.
    #[must_use]
    pub fn rungs(&self) -> Vec<super::Name> {
        self.rungs.iter().filter(|rung| rung.alive).map(|rung| Arc::clone(&rung.rung.name)).collect()
    }
}

/// How far a rung in a hole lists gaps: steadily behind the plan, and past a cut that brings media only when
/// the media is no longer waited for.
fn gap_position(track: &Segmenter<Pictures>, plan: &Plan, position: i64, trail: i64, patience: i64) -> i64 {
    let to = position - trail;
    match plan.by_msn(track.msn + 1) {
        Some(cut) if cut.brings(true) => to.min((cut.at - 1).max(position.saturating_sub(patience))),
        Some(_) | None => to,
    }
}

impl RungTrack {
    /// The transcoder makes it.
    pub(super) fn is_alive(&self) -> bool {
        self.alive
    }

    /// The transcoder is started for it now.
    pub(super) fn starts(&mut self, now: Instant) {
        self.grace_until = now + START_GRACE;
    }

    fn codec_is(&mut self, config: &VideoConfig) {
        self.codec = Some(config.codec.clone());
    }

    /// RFC 6381; before the transcoder said what it makes, what it is told to make (High profile, by size).
    pub(super) fn codec(&self) -> String {
        self.codec.clone().unwrap_or_else(|| {
            let level = match self.rung.height {
                0..=288 => "15",
                289..=576 => "1e",
                577..=720 => "1f",
                _ => "28",
            };
            format!("avc1.6400{level}")
        })
    }
}
