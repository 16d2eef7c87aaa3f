//! One publication: samples in, items on the session's terms out, and how it does. Transport-free.

mod meter;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc, time::Instant};

use events::{HealthWarning, PublicationHealth};
use media::{AccessUnit, AudioConfig, Item, TrackConfig, TrackKind, VideoConfig};

use crate::{
    clock_sync::ClockSync,
    flv::{Frame, Sample},
};
use meter::Meter;

/// Assembles what one publisher sends. Every input may yield items: drain [`Publication::poll_item`].
#[derive(Debug)]
pub struct Publication {
    clock: ClockSync,
    video: Option<Arc<VideoConfig>>,
    audio: Option<Arc<AudioConfig>>,
    /// Pictures before the next IDR cannot be decoded.
    awaits_key: bool,
    /// Frames that could not be used at all.
    broken: u64,
    meter: Meter,
    items: VecDeque<Item>,
}

impl Publication {
    /// A publication that begins now.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self {
            clock: ClockSync::new(),
            video: None,
            audio: None,
            awaits_key: true,
            broken: 0,
            meter: Meter::new(now),
            items: VecDeque::new(),
        }
    }

    /// Takes the next sample. A bad one is counted and left out; nothing stops the publication.
    pub fn push(&mut self, sample: Sample, now: Instant) {
        match sample {
            Sample::Config(TrackConfig::Video(config)) => self.push_video_config(config),
            Sample::Config(TrackConfig::Audio(config)) => self.push_audio_config(config),
            Sample::Frame(frame) => self.push_frame(frame, now),
            Sample::Nothing => {}
            Sample::Broken => self.broken += 1,
        }
    }

    /// The next item, in the order of arrival.
    pub fn poll_item(&mut self) -> Option<Item> {
        self.items.pop_front()
    }

    /// How the publication does now. Meant to be asked once a second.
    #[must_use]
    pub fn health(&self, now: Instant) -> PublicationHealth {
        let mut warnings = Vec::new();
        if self.meter.is_missing(TrackKind::Audio, now) {
            warnings.push(HealthWarning::AudioMissing);
        }
        if self.meter.is_missing(TrackKind::Video, now) {
            warnings.push(HealthWarning::VideoMissing);
        }
        let (video, audio) = (self.video.as_ref(), self.audio.as_ref());
        PublicationHealth {
            bitrate_kbps: self.meter.bitrate_kbps(now),
            frame_rate: self.meter.frame_rate(now),
            keyframe_interval_s: self.meter.keyframe_interval_s(),
            width: video.map_or(0, |config| config.width),
            height: video.map_or(0, |config| config.height),
            video_codec: video.map(|config| config.codec.clone()).unwrap_or_default(),
            audio_codec: audio.map(|config| config.codec.clone()).unwrap_or_default(),
            warnings,
            rungs: Vec::new(),
            timestamps_corrected: self.clock.corrections() + self.broken,
        }
    }

    fn push_video_config(&mut self, config: Arc<VideoConfig>) {
        if let Some(rate) = config.frame_rate {
            self.clock.set_frame_rate(rate);
        }
        self.awaits_key = true;
        self.video = Some(Arc::clone(&config));
        self.items.push_back(Item::Config(TrackConfig::Video(config)));
    }

    fn push_audio_config(&mut self, config: Arc<AudioConfig>) {
        self.clock.set_audio_format(config.sample_rate, config.samples_per_frame);
        self.audio = Some(Arc::clone(&config));
        self.items.push_back(Item::Config(TrackConfig::Audio(config)));
    }

    fn push_frame(&mut self, frame: Frame, now: Instant) {
        self.meter.received(frame.track, frame.payload.len(), now);
        if frame.track == TrackKind::Video {
            if self.awaits_key && !frame.key {
                return;
            }
            self.awaits_key = false;
        }
        let placed = self.clock.place(frame.track, frame.timestamp_ms, frame.composition_ms, now);
        let Some(placement) = placed else { return };
        if frame.track == TrackKind::Video {
            self.meter.picture(placement.decode_at, frame.key);
        }
        self.items.push_back(Item::Unit(AccessUnit {
            track: frame.track,
            decode_at: placement.decode_at,
            present_at: placement.present_at,
            key: frame.key,
            payload: frame.payload,
        }));
    }
}
