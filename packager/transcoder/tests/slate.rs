//! The slate's maker as the packager sees it: one message in, stills out.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod support;

use std::{
    io::Write,
    process::{Command, Stdio},
};

use media::pipe::{Decoder, FromWorker, Message, Slate, Still};
use support::{Answer, filter};

fn make(title: &str, sizes: &[(&str, u32, u32)]) -> Answer {
    let still = |&(name, width, height): &(&str, u32, u32)| Still { name: name.into(), width, height };
    let slate = Slate { title: title.into(), stills: sizes.iter().map(still).collect() };
    told(&slate.encode().unwrap().head)
}

fn told(input: &[u8]) -> Answer {
    let mut process = Command::new(env!("CARGO_BIN_EXE_lectern-transcoder"))
        .arg("--slate")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(input).unwrap();
    let output = process.wait_with_output().unwrap();
    let mut decoder = Decoder::<FromWorker>::new();
    decoder.push(&output.stdout);
    let messages = std::iter::from_fn(|| decoder.poll().unwrap()).collect();
    Answer { messages, success: output.status.success() }
}

#[test]
fn every_rendition_gets_two_groups_in_its_own_size() {
    let sizes = [("source", 1280, 720), ("480p", 852, 480), ("240p", 426, 240), ("odd", 135, 241)];
    let answer = make("Giải tích 1", &sizes);
    assert!(answer.success, "{:?}", answer.fatal());
    for (name, width, height) in sizes {
        let still = answer.rung(name);
        assert_eq!((still.units.len(), still.keys()), (12, vec![0, 54_000]), "{name}");
        let config = media::h264::parse_avcc(still.avcc[0].clone()).unwrap();
        assert_eq!((config.width, config.height), (width & !1, height & !1));
        assert!(config.codec.starts_with("avc1.42c0"), "{name}: {} is Constrained Baseline", config.codec);
        let bytes: usize = still.units.iter().map(|unit| unit.2.len()).sum();
        assert!(bytes < 100_000, "{name}: {bytes} bytes for a second");
        assert_eq!(pictures(&still, width & !1, height & !1), 12, "{name}");
    }
}

#[test]
fn a_group_may_be_left_after_any_of_its_pictures() {
    let still = make("Algebra", &[("240p", 426, 240)]).rung("240p");
    for (first, second) in [(1, 1), (1, 6), (4, 2), (5, 5)] {
        let mut part = support::Made { avcc: still.avcc.clone(), units: still.units[..first].to_vec() };
        part.units.extend_from_slice(&still.units[6..6 + second]);
        part.units.extend_from_slice(&still.units[..first]);
        assert_eq!(pictures(&part, 426, 240), 2 * first + second);
    }
}

#[test]
fn pictures_that_claim_another_profile_are_decoded_as_before() {
    let made = make("Algebra", &[("source", 640, 360)]).rung("source");
    for like in [[1, 66, 0, 30], [1, 77, 0x40, 31], [1, 100, 0, 40], [1, 100, 0x0c, 31], [1, 110, 0, 40]] {
        let avcc = media::h264::claim(&made.avcc[0], &like).unwrap();
        let claimed = support::Made { avcc: vec![avcc], units: made.units.clone() };
        assert_eq!(pictures(&claimed, 640, 360), 12, "{like:?}");
    }
}

#[test]
fn the_same_title_and_size_give_the_same_bytes() {
    let made = || make("Algebra", &[("240p", 426, 240)]).rung("240p");
    let (first, again) = (made(), made());
    assert_eq!((first.avcc, first.units), (again.avcc, again.units));
}

#[test]
fn what_cannot_be_made_is_said_and_ends_in_failure() {
    for (sizes, expected) in
        [(&[("tiny", 8, 8)][..], "too small"), (&[("huge", 100_000, 100_000)], "too large")]
    {
        let answer = make("Algebra", sizes);
        assert!(!answer.success && answer.fatal().unwrap().contains(expected), "{:?}", answer.fatal());
    }
    let answer = told(b"\0\0\0\x05\x31\xffabc");
    assert!(!answer.success && answer.fatal().is_some());
    let answer = told(b"\0\0");
    assert!(!answer.success && answer.fatal().unwrap().contains("ended inside"));
}

/// How many pictures ffmpeg decodes without a word.
fn pictures(made: &support::Made, width: u32, height: u32) -> usize {
    let raw = filter("ffmpeg", "-v error -xerror -f h264 -i - -f rawvideo -pix_fmt gray -", &made.annex_b());
    raw.len() / (width * height) as usize
}
