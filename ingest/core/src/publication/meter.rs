//! Measures a publication: bit rate by arrival, frame rate and keyframe interval by media time.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use media::{MediaTime, TrackKind};

/// Bytes are counted over so long.
const WINDOW: Duration = Duration::from_secs(4);
/// Arrivals so close together share an entry, which bounds the number of entries.
const BUCKET: Duration = Duration::from_millis(250);
/// Pictures whose times are remembered.
const PICTURES_MAX: usize = 120;
/// A track without arrivals for so long is missing.
const MISSING_AFTER: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct Meter {
    began: Instant,
    buckets: VecDeque<(Instant, usize)>,
    pictures: VecDeque<MediaTime>,
    last_key: Option<MediaTime>,
    keyframe_interval: Option<MediaTime>,
    last_video: Option<Instant>,
    last_audio: Option<Instant>,
}

impl Meter {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            began: now,
            buckets: VecDeque::new(),
            pictures: VecDeque::new(),
            last_key: None,
            keyframe_interval: None,
            last_video: None,
            last_audio: None,
        }
    }

    pub(super) fn received(&mut self, track: TrackKind, bytes: usize, now: Instant) {
        match track {
            TrackKind::Video => self.last_video = Some(now),
            TrackKind::Audio => self.last_audio = Some(now),
        }
        match self.buckets.back_mut() {
            Some((since, sum)) if now.saturating_duration_since(*since) < BUCKET => *sum += bytes,
            _ => self.buckets.push_back((now, bytes)),
        }
        while self.buckets.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > WINDOW) {
            self.buckets.pop_front();
        }
    }

    pub(super) fn picture(&mut self, decode_at: MediaTime, key: bool) {
        self.pictures.push_back(decode_at);
        if self.pictures.len() > PICTURES_MAX {
            self.pictures.pop_front();
        }
        if key {
            self.keyframe_interval =
                self.last_key.map(|last| decode_at.minus(last)).or(self.keyframe_interval);
            self.last_key = Some(decode_at);
        }
    }

    pub(super) fn bitrate_kbps(&self, now: Instant) -> u32 {
        let recent = |at: Instant| now.saturating_duration_since(at) <= WINDOW;
        let bytes: usize = self.buckets.iter().filter(|(at, _)| recent(*at)).map(|(_, bytes)| bytes).sum();
        let window = now.saturating_duration_since(self.began).clamp(Duration::from_secs(1), WINDOW);
        let bits = u128::try_from(bytes).unwrap_or_default() * 8;
        u32::try_from(bits / window.as_millis()).unwrap_or(u32::MAX)
    }

    #[expect(clippy::cast_precision_loss, reason = "PICTURES_MAX at most")]
    pub(super) fn frame_rate(&self, now: Instant) -> f64 {
        let stale = self.last_video.is_none_or(|at| now.saturating_duration_since(at) > MISSING_AFTER);
        let (Some(first), Some(last)) = (self.pictures.front(), self.pictures.back()) else { return 0.0 };
        let seconds = last.minus(*first).seconds();
        if stale || seconds <= 0.0 { 0.0 } else { (self.pictures.len() - 1) as f64 / seconds }
    }

    pub(super) fn keyframe_interval_s(&self) -> f64 {
        self.keyframe_interval.map_or(0.0, MediaTime::seconds)
    }

    pub(super) fn is_missing(&self, track: TrackKind, now: Instant) -> bool {
        let last = match track {
            TrackKind::Video => self.last_video,
            TrackKind::Audio => self.last_audio,
        };
        now.saturating_duration_since(last.unwrap_or(self.began)) > MISSING_AFTER
    }
}
