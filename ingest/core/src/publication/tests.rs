use std::time::{Duration, Instant};

use bytes::Bytes;
use media::{Item, TrackKind};

use super::Publication;
use crate::flv::{
    Demuxer, Sample,
    tests::{ASC, AVCC, IDR, SLICE},
    write,
};

struct Bench {
    demuxer: Demuxer,
    publication: Publication,
    now: Instant,
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn new() -> Self {
        let now = Instant::now();
        Self { demuxer: Demuxer::new(), publication: Publication::new(now), now }
    }

    fn video(&mut self, at: u32, body: &Bytes) -> Vec<String> {
        let sample = self.demuxer.video(at, body).unwrap();
        self.push(sample)
    }

    fn audio(&mut self, at: u32, body: &Bytes) -> Vec<String> {
        let sample = self.demuxer.audio(at, body).unwrap();
        self.push(sample)
    }

    fn push(&mut self, sample: Sample) -> Vec<String> {
        self.publication.push(sample, self.now);
        let items = std::iter::from_fn(|| self.publication.poll_item());
        items
            .map(|item| match item {
                Item::Config(_) => "config".to_owned(),
                Item::Unit(unit) => {
                    let track = if unit.track == TrackKind::Video { "video" } else { "audio" };
                    format!("{track} {}{}", unit.decode_at.as_ms(), if unit.key { " key" } else { "" })
                }
            })
            .collect()
    }
}

#[test]
fn pictures_begin_with_a_keyframe_and_sound_at_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.video(0, &write::video_config(&AVCC)), ["config"]);
    assert_eq!(bench.audio(0, &write::audio_config(&ASC)), ["config"]);
    assert_eq!(bench.video(0, &write::video(false, 0, &SLICE)), [""; 0]);
    assert_eq!(bench.audio(10, &write::audio(b"a")), ["audio 0 key"]);
    assert_eq!(bench.video(43, &write::video(true, 0, &IDR)), ["video 33 key"]);
    assert_eq!(bench.video(76, &write::video(false, 0, &SLICE)), ["video 66"]);
}

#[test]
fn a_new_configuration_waits_for_its_keyframe() {
    let mut bench = Bench::new();
    bench.video(0, &write::video_config(&AVCC));
    bench.video(0, &write::video(true, 0, &IDR));
    let mut other = AVCC;
    other[2] = 0x40;
    assert_eq!(bench.video(33, &write::video_config(&other)), ["config"]);
    assert_eq!(bench.video(33, &write::video(false, 0, &SLICE)), [""; 0]);
    assert_eq!(bench.video(66, &write::video(true, 0, &IDR)), ["video 66 key"]);
}

#[test]
fn broken_frames_are_counted_and_stop_nothing() {
    let mut bench = Bench::new();
    bench.video(0, &write::video_config(&AVCC));
    bench.video(0, &write::video(true, 0, &IDR));
    assert_eq!(bench.video(33, &write::video(false, 0, &[0, 0, 9, 9, 1])), [""; 0]);
    assert_eq!(bench.video(66, &write::video(false, 0, &SLICE)), ["video 66"]);
    assert_eq!(bench.publication.health(bench.now).timestamps_corrected, 1);
}

#[test]
fn health_measures_what_came() {
    let mut bench = Bench::new();
    bench.video(0, &write::video_config(&AVCC));
    let picture = |key: bool| {
        let mut picture = 2496u32.to_be_bytes().to_vec();
        picture.push(if key { 0x65 } else { 0x41 });
        picture.resize(2500, 0);
        write::video(key, 0, &picture)
    };
    for i in 0..250u32 {
        bench.video(i * 40, &picture(i % 50 == 0));
        bench.now += Duration::from_millis(40);
    }
    let health = bench.publication.health(bench.now);
    assert_eq!((health.width, health.height), (640, 360));
    assert_eq!((health.video_codec.as_str(), health.audio_codec.as_str()), ("avc1.42c01e", ""));
    assert!((health.frame_rate - 25.0).abs() < 0.01, "{}", health.frame_rate);
    assert!((health.keyframe_interval_s - 2.0).abs() < 0.001);
    assert!((460..=520).contains(&health.bitrate_kbps), "{}", health.bitrate_kbps);
    assert_eq!(health.warnings, [events::HealthWarning::AudioMissing]);
    bench.now += Duration::from_secs(5);
    let health = bench.publication.health(bench.now);
    assert_eq!((health.bitrate_kbps, health.frame_rate), (0, 0.0));
}
