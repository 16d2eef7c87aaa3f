//! The generated lecture as the demo and the tests see it.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod support;

use std::process::{Command, Stdio};

use bytes::Bytes;
use media::{
    TrackKind,
    pipe::{Decoder, FromGenerator, Packet},
};
use support::{Clip, EXECUTABLE, Made, filter, transcode};

const LADDER: &[(&str, u32, u32, u32)] =
    &[("720p", 1280, 720, 2500), ("480p", 854, 480, 1200), ("240p", 426, 240, 400)];

#[test]
fn a_lecture_is_two_tracks_in_order_with_keyframes_where_asked() {
    let lecture =
        Lecture::generate("--unpaced --seconds 5 --fps 25 --gop-seconds 1.5 --width 640 --height 360");
    let (pictures, sound) = (lecture.track(TrackKind::Video), lecture.track(TrackKind::Audio));
    let times: Vec<_> = pictures.iter().map(|packet| packet.pts).collect();
    assert_eq!(times, (0..125).map(|number| number * 3600).collect::<Vec<_>>());
    // 1.5 s are 37.5 pictures.
    let keys: Vec<_> = pictures.iter().filter(|packet| packet.key).map(|packet| packet.pts / 3600).collect();
    assert_eq!(keys, [0, 38, 76, 114]);
    let starts: Vec<_> = sound.iter().map(|packet| packet.pts).collect();
    assert_eq!(starts, (0..235).map(|number| number * 1920).collect::<Vec<_>>());
    assert!(lecture.packets.is_sorted_by_key(|packet| packet.dts));
    // AAC-LC, 48 kHz, stereo.
    assert_eq!(lecture.asc[..2], [0x11, 0x90]);
}

#[test]
fn every_number_is_read_back_from_every_rung() {
    let lecture = Lecture::generate("--unpaced --seconds 4");
    let clip = lecture.clip(1280, 720, 30.0);
    let answer = transcode(clip.config(LADDER), &clip.packets);
    for (name, width, height, _) in LADDER {
        let lines = read_barcodes(&answer.rung(name), *width, *height);
        assert_eq!(lines.len(), 120);
        let mut clocks = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            let (frame, clock) = line.split_once(' ').unwrap_or_else(|| panic!("{name} {number}: {line}"));
            assert_eq!(frame, number.to_string(), "{name}");
            clocks.push(clock.parse::<u32>().unwrap());
        }
        let passed = |at: usize| clocks[at].wrapping_sub(clocks[0]);
        assert!((0..120).all(|at| passed(at).abs_diff(at as u32 * 1000 / 30) <= 1));
    }
}

#[test]
fn a_beep_is_heard_exactly_at_each_second() {
    let lecture = Lecture::generate("--unpaced --seconds 4 --width 320 --height 240");
    let raw = filter("ffmpeg", "-v error -f aac -i - -f f32le -ac 1 -", &lecture.adts());
    let samples: Vec<f32> = raw.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    for second in [1, 2, 3] {
        let start = second * 48_000 - 4800;
        let onset = start + samples[start..].iter().position(|sample| sample.abs() > 0.15).unwrap();
        assert!(onset.abs_diff(second * 48_000) <= 24, "second {second} at sample {onset}");
    }
}

#[test]
fn a_lecture_nobody_reads_ends_quietly() {
    let mut child = Command::new(EXECUTABLE)
        .args(["--generate", "--unpaced", "--width", "320", "--height", "240"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

struct Lecture {
    avcc: Bytes,
    asc: Bytes,
    packets: Vec<Packet>,
}

impl Lecture {
    fn generate(arguments: &str) -> Self {
        let output = Command::new(EXECUTABLE)
            .arg("--generate")
            .args(arguments.split_whitespace())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success());
        let mut lecture = Self { avcc: Bytes::new(), asc: Bytes::new(), packets: Vec::new() };
        let mut decoder = Decoder::new();
        decoder.push(&output.stdout);
        while let Some(message) = decoder.poll().unwrap() {
            match message {
                FromGenerator::TrackConfig { track: TrackKind::Video, record } => lecture.avcc = record,
                FromGenerator::TrackConfig { track: TrackKind::Audio, record } => lecture.asc = record,
                FromGenerator::Packet(packet) => lecture.packets.push(packet),
            }
        }
        assert!(!decoder.is_midway());
        lecture
    }

    fn track(&self, track: TrackKind) -> Vec<Packet> {
        self.packets.iter().filter(|packet| packet.track == track).cloned().collect()
    }

    fn clip(&self, width: u32, height: u32, frame_rate: f64) -> Clip {
        Clip { avcc: self.avcc.clone(), packets: self.track(TrackKind::Video), width, height, frame_rate }
    }

    /// The sound as ADTS (ISO/IEC 14496-3 1.A.2), for ffmpeg.
    fn adts(&self) -> Vec<u8> {
        let frame = |packet: Packet| {
            let length = packet.payload.len() + 7;
            let head = [
                0xff,
                0xf1,
                0x4c,
                0x80 | (length >> 11) as u8,
                (length >> 3) as u8,
                (length << 5) as u8 | 0x1f,
                0xfc,
            ];
            [&head[..], &packet.payload].concat()
        };
        self.track(TrackKind::Audio).into_iter().flat_map(frame).collect()
    }
}

fn read_barcodes(made: &Made, width: u32, height: u32) -> Vec<String> {
    let raw = filter("ffmpeg", "-v error -xerror -f h264 -i - -f rawvideo -pix_fmt gray -", &made.annex_b());
    let lines = filter(EXECUTABLE, &format!("--read-barcode {width}x{height}"), &raw);
    String::from_utf8(lines).unwrap().lines().map(str::to_owned).collect()
}
