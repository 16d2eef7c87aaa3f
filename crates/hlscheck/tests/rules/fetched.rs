//! Rules 10, 18, 28, 29, 32, 33, 40 and 68 to 72: the media.

use bytes::Bytes;
use hlscheck::{Exchange, Report, Why};

use crate::{
    made::{Bend, FRAMES, init, part, segment},
    stream::{PARTS, Stream, Teller, clean, only},
};

fn fetch(teller: &mut Teller, url: &str, bytes: Vec<u8>) {
    let exchange = Exchange::simple(url, teller.now, Bytes::from(bytes));
    teller.checker.media(&exchange, None, Why::FirstSight);
}

const A: &str = "https://live.example/a";

/// Follows a stream for two segments and fetches all that comes; `bend` says what is wrong with which part.
fn played(bend: impl Fn(u64, u64) -> Bend, text: impl Fn(String) -> String, init_bytes: Vec<u8>) -> Report {
    let mut teller = Teller::new();
    let mut stream = Stream { parts: 30 * PARTS, ..Stream::default() };
    teller.see(&text(stream.text()));
    fetch(&mut teller, &format!("{A}/init.mp4"), init_bytes);
    for number in 30 * PARTS..33 * PARTS {
        stream = stream.later(1);
        teller.wait_ms(500).see(&text(stream.text()));
        let (msn, index) = (number / PARTS, number % PARTS);
        fetch(&mut teller, &format!("{A}/{msn}.{index}.m4s"), part(msn, index, &bend(msn, index)));
        if index + 1 == PARTS {
            let whole: Vec<u8> = (0..PARTS).flat_map(|index| part(msn, index, &bend(msn, index))).collect();
            fetch(&mut teller, &format!("{A}/{msn}.m4s"), whole);
        }
    }
    teller.report()
}

fn bent_at(msn: u64, index: u64, bend: Bend) -> Report {
    let bend = |m: u64, i: u64| if (m, i) == (msn, index) { bend.clone() } else { Bend::default() };
    played(bend, |text| text, init(100))
}

#[test]
fn good_media_breaks_no_rule() {
    let report = played(|_, _| Bend::default(), |text| text, init(100));
    for rule in [18, 68, 69, 70, 71, 72] {
        clean(rule, &report, "two segments");
    }
}

#[test]
fn timestamps_go_on() {
    only(68, &bent_at(31, 0, Bend { sequence: Some(5), ..Bend::default() }), "mfhd falls");
    let shifted = played(
        |msn, _| Bend { starts_off: if msn == 31 { 900 } else { 0 }, ..Bend::default() },
        |text| text,
        init(100),
    );
    only(68, &shifted, "a segment begins late");
}

#[test]
fn durations_are_true() {
    let report = bent_at(31, 3, Bend { frames: FRAMES - 4, ..Bend::default() });
    assert!(report.broken_numbers().contains(&72), "{report:?}");
    let report = bent_at(31, 3, Bend { frames: FRAMES - 1, ..Bend::default() });
    // The playlist may be off by a frame; what follows then does not begin where this ends.
    only(68, &report, "one frame");
}

#[test]
fn segments_begin_with_an_idr_and_say_so() {
    let report = bent_at(31, 0, Bend { idr: false, marked: false, ..Bend::default() });
    assert_eq!(report.broken_numbers(), [18, 71], "{report:?}");
    only(71, &bent_at(31, 0, Bend { marked: false, ..Bend::default() }), "an IDR that is not marked");
}

#[test]
fn independence_is_said() {
    let text = |text: String| text.replace("URI=\"31.0.m4s\",INDEPENDENT=YES", "URI=\"31.0.m4s\"");
    only(18, &played(|_, _| Bend::default(), text, init(100)), "not said");
}

#[test]
fn initialisation_sections() {
    let good = init(100);
    let without = |kind: &[u8; 4]| {
        let at = good.windows(4).position(|found| found == kind).unwrap();
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(b"free");
        bytes
    };
    for kind in [b"mvex", b"ftyp", b"iso6"] {
        let mut bytes = without(kind);
        if kind == b"iso6" {
            let at = bytes.windows(4).position(|found| found == b"cmfc").unwrap();
            bytes[at..at + 4].copy_from_slice(b"isom");
        }
        let report = played(|_, _| Bend::default(), |text| text, bytes);
        assert!(report.broken_numbers().contains(&69), "{kind:?}: {report:?}");
    }
    let elsewhere = bent_at(31, 1, Bend::default());
    clean(69, &elsewhere, "as it is");
}

#[test]
fn what_is_no_fragment_is_none() {
    let mut teller = Teller::new();
    let stream = Stream::default();
    teller.see(&stream.text());
    fetch(&mut teller, &format!("{A}/init.mp4"), init(100));
    let good = part(30, 1, &Bend::default());
    let at = good.windows(4).position(|found| found == b"tfdt").unwrap();
    let mut bytes = good;
    bytes[at..at + 4].copy_from_slice(b"free");
    fetch(&mut teller, &format!("{A}/30.1.m4s"), bytes);
    only(69, &teller.report(), "no tfdt");
}

#[test]
fn a_segment_is_its_parts() {
    let mut teller = Teller::new();
    let mut stream = Stream { parts: 30 * PARTS, ..Stream::default() };
    teller.see(&stream.text());
    fetch(&mut teller, &format!("{A}/init.mp4"), init(100));
    for index in 0..PARTS {
        stream = stream.later(1);
        teller.wait_ms(500).see(&stream.text());
        fetch(&mut teller, &format!("{A}/30.{index}.m4s"), part(30, index, &Bend::default()));
    }
    let other = segment(30, &Bend { padding: 41, ..Bend::default() });
    fetch(&mut teller, &format!("{A}/30.m4s"), other);
    only(70, &teller.report(), "other bytes");
}

#[test]
fn the_same_uri_is_the_same_bytes() {
    let mut teller = Teller::new();
    teller.see(&Stream::default().text());
    fetch(&mut teller, &format!("{A}/30.1.m4s"), part(30, 1, &Bend::default()));
    fetch(&mut teller, &format!("{A}/30.1.m4s"), part(30, 1, &Bend::default()));
    clean(40, &teller.report(), "fetched twice");
    fetch(&mut teller, &format!("{A}/30.1.m4s"), part(30, 1, &Bend { padding: 41, ..Bend::default() }));
    only(40, &teller.report(), "changed");
}

#[test]
fn a_hinted_part_counts_as_soon_as_it_is_listed() {
    let mut teller = Teller::new();
    let stream = Stream { parts: 30 * PARTS, ..Stream::default() };
    teller.see(&stream.text());
    fetch(&mut teller, &format!("{A}/init.mp4"), init(100));
    let hinted = Exchange::simple(&format!("{A}/30.0.m4s"), teller.now, part(30, 0, &Bend::default()).into());
    teller.checker.media(&hinted, None, Why::Hint);
    teller.wait_ms(500).see(&stream.later(1).text());
    clean(18, &teller.report(), "looked at");
    fetch(&mut teller, &format!("{A}/30.0.m4s"), part(30, 0, &Bend { padding: 41, ..Bend::default() }));
    only(40, &teller.report(), "something else was hinted");
}

fn multivariant(codecs: &str, bandwidth: u32) -> String {
    format!(
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},CODECS=\"{codecs}\",RESOLUTION=320x180,FRAME-RATE=30\n\
         a/index.m3u8\n"
    )
}

#[test]
fn codecs_and_bandwidth_are_true() {
    let see = |codecs: &str, bandwidth: u32| {
        let mut teller = Teller::new();
        teller.see_at("https://live.example/index.m3u8", &multivariant(codecs, bandwidth));
        let stream = Stream { parts: 31 * PARTS, ..Stream::default() };
        teller.see(&stream.text());
        fetch(&mut teller, &format!("{A}/init.mp4"), init(100));
        let whole = segment(30, &Bend::default());
        assert!((12_000..15_000).contains(&(whole.len() * 4)), "{} bits a second", whole.len() * 4);
        fetch(&mut teller, &format!("{A}/30.m4s"), whole);
        teller.report()
    };
    clean(28, &see("avc1.64001f", 20_000), "as it is");
    clean(29, &see("avc1.64001F,mp4a.40.2", 12_500), "a little over is allowed live");
    let covered = see("avc1.640028", 20_000);
    only(28, &covered, "a higher level");
    assert!(!covered.fails(), "that is a recommendation");
    let other = see("avc1.42c01e", 20_000);
    only(28, &other, "another profile");
    assert!(other.fails());
    only(29, &see("avc1.64001f", 10_000), "too little");
}

#[test]
fn renditions_have_one_mapping_of_dates() {
    let see = |off: i64| {
        let mut teller = Teller::new();
        for name in ["a", "b"] {
            let stream = Stream { parts: 31 * PARTS, ..Stream::default() };
            teller.see_at(&format!("https://live.example/{name}/index.m3u8"), &stream.text());
            fetch(&mut teller, &format!("https://live.example/{name}/init.mp4"), init(100));
            let starts_off = if name == "b" { off } else { 0 };
            let whole = segment(30, &Bend { starts_off, ..Bend::default() });
            fetch(&mut teller, &format!("https://live.example/{name}/30.m4s"), whole);
        }
        teller.report()
    };
    clean(33, &see(0), "the same");
    clean(32, &see(90), "a millisecond");
    only(33, &see(900), "ten milliseconds");
    assert_eq!(see(90_000).broken_numbers(), [32, 33], "a second");
}

#[test]
fn fragmented_mp4_by_its_bytes() {
    let mut teller = Teller::new();
    let text = Stream::default().text().replace("#EXT-X-MAP:URI=\"init.mp4\"\n", "").replace(".m4s", ".bin");
    teller.see(&text);
    fetch(&mut teller, &format!("{A}/30.1.bin"), part(30, 1, &Bend::default()));
    only(10, &teller.report(), "no MAP");
}

#[test]
fn no_media_panics() {
    let mut state = 11_u64;
    let mut roll = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    for round in 0..1_000 {
        let mut teller = Teller::new();
        teller.see(&Stream::default().text());
        let mut spoil = |mut bytes: Vec<u8>, often: usize| {
            for _ in 0..often {
                let at = roll(bytes.len());
                bytes[at] = u8::try_from(roll(256)).unwrap();
            }
            bytes.truncate(bytes.len() - roll(2) * roll(bytes.len()));
            bytes
        };
        let head = spoil(init(100), round % 4);
        fetch(&mut teller, &format!("{A}/init.mp4"), head);
        let body = spoil(part(30, 0, &Bend::default()), 3);
        fetch(&mut teller, &format!("{A}/30.0.m4s"), body);
        assert!(!teller.report().checked.is_empty());
    }
}
