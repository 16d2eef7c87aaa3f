//! What three real publishers sent, replayed: the items are the same however the bytes are split.

#![expect(clippy::disallowed_methods, reason = "any moment will do for a replay")]

use std::time::Instant;

use ingest_core::{
    publication::Publication,
    rtmp::session::{CloseReason, Config, Output, Session},
};
use media::{Item, MediaTime, TrackConfig, TrackKind};
use proptest::prelude::*;

const OBS: &[u8] = include_bytes!("../../../tests/vectors/obs-29.0.2-h264-aac.rtmp-client.bin");
const FFMPEG: &[u8] = include_bytes!("../../../tests/vectors/ffmpeg-5.1.9-h264-aac.rtmp-client.bin");
const GSTREAMER: &[u8] = include_bytes!("../../../tests/vectors/gstreamer-1.22-h264-aac.rtmp-client.bin");

struct Replay {
    items: Vec<Item>,
    key: String,
    corrections: u64,
    stopped: bool,
    closed: Option<CloseReason>,
}

fn replay<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Replay {
    let now = Instant::now();
    let mut session = Session::new(Config::default(), [0; 32], now);
    let mut publication = Publication::new(now);
    let mut replay =
        Replay { items: Vec::new(), key: String::new(), corrections: 0, stopped: false, closed: None };
    for piece in pieces {
        session.handle_input(piece, now);
        while let Some(output) = session.poll_output() {
            match output {
                Output::Send(_) => {}
                Output::Admit(key) => {
                    key.expose().clone_into(&mut replay.key);
                    session.admitted(now);
                }
                Output::Media(sample) => {
                    publication.push(sample, now);
                    replay.items.extend(std::iter::from_fn(|| publication.poll_item()));
                }
                Output::Stopped => replay.stopped = true,
                Output::Close(reason) => replay.closed = Some(reason),
            }
        }
    }
    replay.corrections = publication.health(now).timestamps_corrected;
    replay
}

/// Lines for a person to compare.
fn summary(capture: &[u8]) -> Vec<String> {
    let replay = replay(std::iter::once(capture));
    assert_eq!(replay.key, "lk_vector");
    assert_eq!(replay.closed, None);
    let mut lines = Vec::new();
    let (mut video, mut audio) = (Vec::new(), Vec::new());
    let mut keys = 0;
    for item in &replay.items {
        match item {
            Item::Config(TrackConfig::Video(config)) => lines.push(format!(
                "{} {}x{} {:?} fps",
                config.codec, config.width, config.height, config.frame_rate
            )),
            Item::Config(TrackConfig::Audio(config)) => {
                lines.push(format!("{} {} Hz {} ch", config.codec, config.sample_rate, config.channels));
            }
            Item::Unit(unit) if unit.track == TrackKind::Video => {
                keys += usize::from(unit.key);
                video.push((unit.decode_at, unit.present_at));
            }
            Item::Unit(unit) => audio.push((unit.decode_at, unit.present_at)),
        }
    }
    for (name, units) in [("video", &video), ("audio", &audio)] {
        let ordered = units.windows(2).all(|pair| pair[0].0 < pair[1].0);
        assert!(ordered, "{name} goes forward");
        let ms = |at: Option<&(MediaTime, MediaTime)>| {
            at.map(|(at, _)| at.as_ms()).expect("both tracks have units")
        };
        lines.push(format!("{} {name} units, {} to {} ms", units.len(), ms(units.first()), ms(units.last())));
    }
    lines.push(format!("{keys} keyframes, {} corrections, stopped: {}", replay.corrections, replay.stopped));
    lines
}

#[test]
fn obs_is_understood() {
    assert_eq!(
        summary(OBS),
        [
            "mp4a.40.2 48000 Hz 2 ch",
            "avc1.42c01e 640x360 Some(30.0) fps",
            "234 video units, 0 to 7766 ms",
            "365 audio units, 0 to 7765 ms",
            "1 keyframes, 0 corrections, stopped: false",
        ]
    );
}

#[test]
fn ffmpeg_is_understood() {
    assert_eq!(
        summary(FFMPEG),
        [
            "avc1.42c01e 640x360 Some(30.0) fps",
            "mp4a.40.2 44100 Hz 1 ch",
            "84 video units, 23 to 2790 ms",
            "121 audio units, 0 to 2786 ms",
            "2 keyframes, 0 corrections, stopped: false",
        ]
    );
}

#[test]
fn gstreamer_is_understood() {
    assert_eq!(
        summary(GSTREAMER),
        [
            "avc1.f4001e 640x360 Some(30.0) fps",
            "mp4a.40.2 44100 Hz 1 ch",
            "235 video units, 3 to 7803 ms",
            "337 audio units, 0 to 7802 ms",
            "11 keyframes, 0 corrections, stopped: false",
        ]
    );
}

#[test]
fn byte_by_byte_is_the_same() {
    for capture in [OBS, FFMPEG, GSTREAMER] {
        let capture = &capture[..100_000];
        assert_eq!(replay(capture.chunks(1)).items, replay(std::iter::once(capture)).items);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_split_of_the_bytes_gives_the_same_items(
        which in 0usize..3,
        cuts in proptest::collection::vec(1usize..5000, 1..40),
    ) {
        let capture = [OBS, FFMPEG, GSTREAMER][which];
        let mut rest = capture;
        let mut cuts = cuts.iter().cycle();
        let pieces = std::iter::from_fn(|| {
            let (piece, later) = rest.split_at(rest.len().min(*cuts.next().expect("a cycle")));
            rest = later;
            (!piece.is_empty()).then_some(piece)
        });
        let split = replay(pieces);
        prop_assert_eq!(split.items, replay(std::iter::once(capture)).items);
    }
}
