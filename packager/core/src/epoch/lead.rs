//! Who leads the cut plan: pictures while they flow, else sound, else the clock.

use std::time::{Duration, Instant};

use bytes::Bytes;
use events::HealthWarning;
use media::{AccessUnit, MediaTime, TrackKind};

use super::{Epoch, Output, Phase, RESERVED_AHEAD, Transcode};
use crate::{
    journal::Record,
    plan::{Cut, Scene},
    segmenter::{Picture, SLATE_TRAIL, Segmenter, TRAIL},
};

/// Media this late is not waited for any longer (1.0 s).
const LATE: i64 = 90_000;
/// Without a picture for so long, the last one is repeated (0.5 s) …
const REPEAT_AFTER: i64 = 45_000;
/// … but not for longer than this (3 s).
pub(super) const REPEAT_MAX: i64 = 270_000;
/// A returning publisher without pictures leads by sound after this long.
const PICTURELESS_AFTER: Duration = Duration::from_millis(2_500);
/// A segment shorter than this is not begun for a hole's sake (0.25 s).
const SEGMENT_WORTH: i64 = 22_500;
/// A tick of the slowest sample rate, rounded up, in session ticks.
const SOUND_TICK_MAX: i64 = 16;
/// Keyframes in a row that must be close enough before a withheld source is listed again.
const GOOD_INTERVALS: u32 = 3;

/// Who decides where segments begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leader {
    /// The source's pictures.
    Video,
    /// The sound.
    Audio,
    /// Nobody publishes: real time.
    Clock,
}

impl Epoch {
    /// A picture of the source.
    pub(super) fn picture(&mut self, mut picture: Picture, now: Instant) {
        if self.video.is_none() {
            // What renditions there are was told when the epoch opened.
            self.pictures_too_late = true;
            return;
        }
        if self.leader != Leader::Video && !self.pictures_return(&mut picture, now) {
            return;
        }
        let video = self.video.as_mut().expect("asked just above");
        if picture.dts <= video.repeated_to {
            // The picture before it was shown in its place already.
            return;
        }
        video.pictured = picture.dts;
        self.timeline.observe(picture.dts, now);
        let cut = self.cut_at_picture(&picture, now);
        let video = self.video.as_mut().expect("asked just above");
        video.delay.0 = video.delay.0.min(picture.pts - picture.dts);
        video.delay.1 = video.delay.1.max(picture.pts - picture.dts);
        video.newest = video.newest.max(picture.dts);
        video.newest_shown = video.newest_shown.max(picture.pts);
        self.plan.position = self.plan.position.max(picture.dts);
        self.transcode(&picture, cut, now);
        let withheld = self.video.as_ref().is_some_and(|video| video.withheld.is_some());
        if let Some(source) = &mut self.source
            && !withheld
        {
            source.picture(picture, &self.plan, &mut self.outputs);
            if source.is_irregular() {
                self.withhold(HealthWarning::FrameRateIrregular);
            }
        }
    }

    /// Pictures take the lead again at a keyframe that nothing is listed beyond. A publisher who stays late, as one
    /// does whose encoder is too slow, is moved forward by as much as he is late.
    fn pictures_return(&mut self, picture: &mut Picture, now: Instant) -> bool {
        let mut occupied = self.plan.last().map_or(0, |cut| cut.at + 1);
        occupied = occupied.max(self.video.as_ref().map_or(0, |video| video.newest_shown + 1));
        occupied = occupied.max(self.source.as_ref().map_or(0, Segmenter::occupied_to));
        if self.leader == Leader::Clock {
            occupied = occupied.max(self.audio.as_ref().map_or(0, Segmenter::occupied_to));
        }
        let decoded = self.video.as_ref().map_or(i64::MIN, |video| video.newest.saturating_add(1));
        if picture.pts < occupied || picture.dts < decoded {
            if !(self.timeline.came_late(now) && picture.key) {
                return false;
            }
            let by = (occupied.max(self.timeline.head(now)) - picture.pts).max(decoded - picture.dts);
            self.timeline.move_forward(by);
            picture.dts += by;
            picture.pts += by;
        }
        if !picture.key {
            return false;
        }
        self.timeline.on_time();
        self.leader = Leader::Video;
        if let Some(video) = &mut self.video {
            video.newest = picture.dts;
            video.newest_shown = picture.pts;
            video.pictured = picture.dts;
            video.last_key = None;
        }
        self.change_video(now);
        self.cut_hole_before(picture.pts);
        self.cut(picture.pts, true);
        true
    }

    /// Decides whether a segment begins with this picture; true if so.
    fn cut_at_picture(&mut self, picture: &Picture, now: Instant) -> bool {
        let last = *self.plan.last().expect("the plan has a cut once media flows");
        if last.at == picture.pts && last.scene == Scene::Media {
            // It has just taken the lead, or it is the epoch's first.
            self.note_key(picture);
            return true;
        }
        let changed = picture.key && self.change_video(now);
        let since = picture.pts - last.at;
        let source_end = self.source.as_ref().filter(|source| !source.is_gap()).map(Segmenter::end_session);
        let nominal = self.source.as_ref().map_or(3_000, Segmenter::nominal);
        let back = picture.key && self.note_key(picture);
        let video = self.video.as_mut().expect("pictures come after their configuration");
        let by_key =
            picture.key && (since >= self.lengths.segment_min || self.discontinuity_due || changed || back);
        let cut = if video.even_cuts { by_key || since >= self.lengths.segment_even } else { by_key };
        // The next picture in decode order may be shown as much later as pictures are reordered.
        let forced = !cut && since + nominal + video.reach(picture) >= self.lengths.segment_max;
        if !(cut || forced) || since <= 0 {
            return false;
        }
        if forced {
            video.even_cuts = true;
            self.withhold(HealthWarning::GopTooLong);
        }
        let at = match source_end {
            // Every sample before takes a tick at least.
            Some(end) if picture.key => picture.pts.max(end + 1).min(last.at + self.lengths.segment_max),
            // After a hole the picture may come too late for the segment before.
            Some(_) | None => picture.pts.min(last.at + self.lengths.segment_max),
        };
        self.cut(at, true);
        true
    }

    /// Keeps count of keyframes; true when a source that was withheld for want of them may come back here.
    fn note_key(&mut self, picture: &Picture) -> bool {
        let Some(video) = &mut self.video else { return false };
        if !picture.key {
            return false;
        }
        let interval = video.last_key.map(|before| picture.pts - before);
        video.last_key = Some(picture.pts);
        match interval {
            Some(interval) if interval < self.lengths.segment_max - 9_000 => video.good_intervals += 1,
            Some(_) | None => video.good_intervals = 0,
        }
        let listed = self.source.is_some();
        if !(video.even_cuts && listed && video.good_intervals >= GOOD_INTERVALS) {
            return false;
        }
        video.even_cuts = false;
        video.withheld = None;
        true
    }

    /// The source cannot be cut: it lists gaps from here on, and its place is taken by the rungs.
    fn withhold(&mut self, why: HealthWarning) {
        if let Some(video) = &mut self.video {
            video.withheld = Some(why);
            video.good_intervals = 0;
        }
        if let Some(source) = &mut self.source {
            source.leave(&mut self.outputs);
        }
    }

    /// A changed configuration holds from this keyframe on.
    fn change_video(&mut self, now: Instant) -> bool {
        let (Some(config), Some(video)) = (self.video_change.take(), &mut self.video) else { return false };
        let recoded = video.config.avcc != config.avcc;
        video.frame_rate = config.frame_rate.or(video.frame_rate);
        video.config = config;
        if !recoded {
            return false;
        }
        if let Some(source) = &mut self.source {
            source
                .set_init(crate::fmp4::video_init(&video.config, super::SESSION_TICKS), media::SESSION_SCALE);
        }
        self.discontinuity_due = true;
        self.kept.clear();
        self.reconfigure_transcoder(now);
        true
    }

    /// A frame of sound.
    pub(super) fn sound(&mut self, mut at: i64, payload: Bytes, now: Instant) {
        if self.audio.is_none() {
            return;
        }
        self.audio_newest = self.audio_newest.max(at);
        if self.video.is_none() || self.leader == Leader::Audio {
            self.timeline.observe(at, now);
        }
        match self.leader {
            Leader::Video => {}
            Leader::Audio => {
                let last = self.plan.last().expect("the plan has a cut once media flows").at;
                if at - last >= self.lengths.segment_even || (self.discontinuity_due && at > last + TRAIL) {
                    self.cut(at, true);
                }
                self.plan.position = self.plan.position.max(at);
            }
            Leader::Clock => at = self.sound_returns(at, now),
        }
        if let Some(audio) = &mut self.audio {
            audio.frame(at, payload);
        }
    }

    /// Answers where the sound stands: a publisher without pictures who stays late is moved forward.
    fn sound_returns(&mut self, mut at: i64, now: Instant) -> i64 {
        let waited =
            self.first_unit_at.is_some_and(|first| now.saturating_duration_since(first) >= PICTURELESS_AFTER);
        if self.video.is_some() && !waited {
            return at;
        }
        let occupied = self.occupied_to();
        if at < occupied {
            if self.video.is_some() || !self.timeline.came_late(now) {
                return at;
            }
            let by = occupied.max(self.timeline.head(now)) - at;
            self.timeline.move_forward(by);
            at += by;
        }
        self.timeline.on_time();
        self.leader = Leader::Audio;
        self.cut_hole_before(at);
        self.cut(at, true);
        at
    }

    /// Hands the lead on where it is due, and lets every rendition follow the plan.
    pub(super) fn follow_leader(&mut self, now: Instant) {
        match self.leader {
            Leader::Video => {
                let newest = self.video.as_ref().map_or(0, |video| video.newest);
                if !self.publishing {
                    self.lose_publisher(now);
                } else if now >= self.timeline.when(newest + LATE) {
                    self.lose_pictures(now);
                } else {
                    self.repeat_picture(now);
                }
            }
            Leader::Audio => {
                if !self.publishing || now >= self.timeline.when(self.audio_newest + LATE) {
                    self.lose_publisher(now);
                }
            }
            Leader::Clock => {}
        }
        let head = self.timeline.head(now);
        let last = self.plan.last().map_or(0, |cut| cut.at);
        let trail = self.hole_trail();
        let frontier = match self.leader {
            Leader::Video => {
                let newest = self.video.as_ref().map_or(0, |video| video.newest);
                newest.max(head - TRAIL).min((last + self.lengths.segment_max - 1).max(newest))
            }
            Leader::Audio => self.audio_newest,
            Leader::Clock => {
                self.cut_hole_before(head - trail + 1);
                head
            }
        };
        self.plan.position =
            self.plan.position.max(if self.leader == Leader::Video { last } else { frontier });
        let out = &mut self.outputs;
        if let Some(audio) = &mut self.audio {
            audio.media.present = self.leader != Leader::Clock;
            audio.advance(frontier, &self.plan, out);
        }
        if let Some(source) = &mut self.source {
            source.fill_gap(self.plan.position - trail, &self.plan, out);
        }
        self.watch_rungs(now);
        let msns = self.source.iter().map(|track| track.msn).chain(self.audio.iter().map(|track| track.msn));
        if let Some(oldest) = msns.chain(self.rungs.iter().map(|rung| rung.track.msn)).min() {
            self.plan.forget_before(oldest);
        }
    }

    /// A source of too few pictures is made into a constant rate: while the next one is not there, the last one
    /// stands for it.
    fn repeat_picture(&mut self, now: Instant) {
        let head = self.timeline.head(now);
        while self.transcoding
            && let Some(video) = self.video.as_mut().filter(|video| video.may_repeat())
            && head >= video.newest_shown + REPEAT_AFTER
        {
            let last = self.plan.last().map_or(i64::MIN / 2, |cut| cut.at);
            // A segment may have no room left for as long as nothing came.
            let at = (head - TRAIL).min(last + self.lengths.segment_max).max(video.newest_shown + 1);
            video.newest = at;
            video.newest_shown = at;
            video.repeated_to = at;
            self.plan.position = self.plan.position.max(at);
            let cut = at - last >= self.lengths.segment_even;
            if cut {
                self.cut(at, true);
            }
            self.outputs.push_back(Output::Transcode(Transcode::Advance { at: MediaTime::session(at), cut }));
        }
    }

    /// How far renditions without media stay behind: for a slate nothing is waited for.
    fn hole_trail(&self) -> i64 {
        if self.plan.last().is_some_and(|last| last.slate) { SLATE_TRAIL } else { TRAIL }
    }

    /// Segments of a hole up to `at`, where something else begins.
    pub(super) fn cut_hole_before(&mut self, at: i64) {
        while let Some(last) = self.plan.last() {
            let short = self.hole_from_restart == Some(last.msn);
            let next = last.at + if short { self.lengths.segment_even } else { self.lengths.segment_gap };
            if next >= at {
                break;
            }
            self.cut(next, false);
        }
    }

    /// No pictures while the connection stands: sound leads if it flows.
    fn lose_pictures(&mut self, now: Instant) {
        let sound_flows = self.audio.as_ref().is_some_and(|audio| !audio.media.is_silent())
            && now < self.timeline.when(self.audio_newest + LATE);
        if !sound_flows {
            self.lose_publisher(now);
            return;
        }
        self.flush_transcoder();
        let slate = self.slate_in(Scene::SoundAlone);
        let end = self.leave_source(slate);
        self.leader = Leader::Audio;
        if slate {
            self.cut(end, true);
            return;
        }
        // The segment may be as long as can be by now.
        let last = self.plan.last().map_or(0, |cut| cut.at);
        if self.audio_newest - last >= self.lengths.segment_even {
            let listed = self.audio.as_ref().map_or(last, Segmenter::end_session).max(last + 1);
            let at = listed
                .max(last + self.lengths.segment_even)
                .min(last + self.lengths.segment_max - TRAIL / 10);
            self.cut(at, true);
        }
    }

    /// Nobody publishes, or nothing comes: all that is there goes out, and the clock leads into the hole.
    pub(super) fn lose_publisher(&mut self, _now: Instant) {
        self.flush_transcoder();
        if self.leader == Leader::Video {
            // Pictures are waited for again before sound may lead alone.
            self.first_unit_at = None;
        }
        let pictures = self.leader == Leader::Video;
        self.leader = Leader::Clock;
        let slate = self.slate_in(Scene::Hole);
        let out = &mut self.outputs;
        if let Some(audio) = &mut self.audio {
            audio.leave(slate, &self.plan, out);
        }
        let heard_to = self.audio.as_ref().map_or(0, Segmenter::end_session);
        let last = self.plan.last().map_or(0, |cut| cut.at);
        let end = match self.video {
            Some(_) if pictures || !slate => self.leave_source(slate),
            Some(_) | None if slate => heard_to.max(last + SEGMENT_WORTH),
            Some(_) | None => heard_to,
        };
        let end = end.min(last + self.lengths.segment_max);
        // A slate begins with a segment of its own, however short the one before.
        if slate || end - last >= SEGMENT_WORTH {
            self.cut(end, false);
        }
    }

    /// No more pictures of the source; answers where they end. Before a slate the last one is shown until sound ends
    /// too, if that is near, so that both begin anew together.
    fn leave_source(&mut self, slate: bool) -> i64 {
        let last = self.plan.last().map_or(0, |cut| cut.at);
        let heard_to = self.audio.as_ref().map_or(0, Segmenter::end_session);
        let end = match &mut self.source {
            Some(source) if !source.is_gap() => {
                source.leave_towards(if slate { heard_to } else { i64::MIN }, &mut self.outputs);
                source.end_session()
            }
            Some(_) | None => {
                // A withheld source's pictures are in the rungs.
                let shown = self.video.as_ref().map_or(0, |video| video.newest_shown + video.nominal());
                if slate { shown.max(last + SEGMENT_WORTH) } else { shown }
            }
        };
        end.min(last + self.lengths.segment_max)
    }

    /// The slate is shown by renditions that are without their own media in such a scene. Not at the epoch's end:
    /// nothing would follow it.
    fn slate_in(&self, scene: Scene) -> bool {
        if !matches!(self.phase, Phase::Running) {
            return false;
        }
        match scene {
            Scene::Media => false,
            Scene::SoundAlone => self.has_still(),
            Scene::Hole if self.video.is_some() => self.has_still(),
            Scene::Hole => self.audio.as_ref().is_some_and(|audio| audio.media.has_silence()),
        }
    }

    /// A segment begins at `at` in every rendition. `media`: brought by what the publisher sends.
    pub(super) fn cut(&mut self, at: i64, media: bool) {
        let before = self.plan.last().copied();
        let (msn, at) = match &before {
            Some(last) => (last.msn + 1, at.max(last.at + 1)),
            None => (self.first_msn, at),
        };
        if msn >= self.reserved_to {
            self.reserved_to = msn + RESERVED_AHEAD;
            self.outputs.push_back(Output::Journal(Record::Reserve { msn: self.reserved_to }));
        }
        let (lag, changed) = self.timeline.slew();
        if changed {
            let record = Record::PdtAnchor { at: MediaTime::session(at), lag: MediaTime::session(lag) };
            self.outputs.push_back(Output::Journal(record));
        }
        let scene = match self.leader {
            _ if !media => Scene::Hole,
            Leader::Audio => Scene::SoundAlone,
            Leader::Video | Leader::Clock => Scene::Media,
        };
        let slate = self.slate_in(scene);
        let due = match &before {
            None => false,
            Some(before) => {
                // A slate's beginning and its end, in all renditions.
                let changes = (before.slate, before.scene) != (slate, scene);
                let seam = (before.slate || slate) && (changes || self.slate_due);
                self.slate_due = false;
                seam | (media && std::mem::take(&mut self.discontinuity_due))
            }
        };
        let discontinuity = due && msn > self.first_msn;
        let discontinuity_sequence =
            before.map_or(0, |before| before.discontinuity_sequence) + u64::from(discontinuity);
        self.plan.push(Cut { msn, at, discontinuity, discontinuity_sequence, lag, scene, slate });
    }

    /// When time alone changes something.
    pub(super) fn leader_deadline(&self) -> Option<Instant> {
        Some(match self.leader {
            Leader::Video => {
                let video = self.video.as_ref()?;
                let late = self.timeline.when(video.newest + LATE);
                if !(self.transcoding && video.may_repeat()) {
                    return Some(late);
                }
                late.min(self.timeline.when(video.newest_shown + REPEAT_AFTER))
            }
            Leader::Audio => self.timeline.when(self.audio_newest + LATE),
            Leader::Clock => {
                let last = self.plan.last()?.at;
                // Sound's ticks may lie a little after the line.
                let trail = self.hole_trail() + SOUND_TICK_MAX;
                let listed = self.plan.position - trail - last;
                let line = last + (listed.div_euclid(self.lengths.grid) + 1) * self.lengths.grid;
                self.timeline.when(line + trail)
            }
        })
    }

    fn transcode(&mut self, picture: &Picture, cut: bool, now: Instant) {
        if self.rungs.is_empty() {
            return;
        }
        let unit = AccessUnit {
            track: TrackKind::Video,
            decode_at: MediaTime::session(picture.dts),
            present_at: MediaTime::session(picture.pts),
            key: picture.key,
            payload: picture.payload.clone(),
        };
        if !self.transcoding {
            if !picture.key {
                return;
            }
            self.start_transcoder();
            self.rungs.iter_mut().for_each(|rung| rung.starts(now));
        }
        self.keep(&unit, cut);
        self.outputs.push_back(Output::Transcode(Transcode::Packet { unit, cut }));
    }
}
