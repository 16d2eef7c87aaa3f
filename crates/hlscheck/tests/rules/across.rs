//! Rules 30 to 36: renditions beside each other.

use hlscheck::Report;

use crate::stream::{PARTS, Stream, Teller, clean, only};

const MULTIVARIANT: &str = "#EXTM3U\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"One\",DEFAULT=YES,AUTOSELECT=YES,URI=\"b/index.m3u8\"\n\
    #EXT-X-STREAM-INF:BANDWIDTH=2000000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=30,\
    AUDIO=\"a\",CLOSED-CAPTIONS=NONE\na/index.m3u8\n";
const A: &str = "https://live.example/a/index.m3u8";
const B: &str = "https://live.example/b/index.m3u8";

fn reporting(stream: &Stream, on: &str, parts: u64) -> Stream {
    let newest = parts - 1;
    let reports = vec![(format!("../{on}/index.m3u8"), newest / PARTS, newest % PARTS)];
    Stream { reports, ..stream.clone() }
}

/// Both renditions for some parts, each answer bent by `bend` before it is told.
fn both(parts: u64, bend: impl Fn(&str, u64, Stream) -> Option<String>) -> Report {
    let mut teller = Teller::new();
    teller.see_at("https://live.example/index.m3u8", MULTIVARIANT);
    for step in 0..parts {
        let stream = (0..step).fold(Stream::default(), |stream, _| stream.later(1));
        for (url, other) in [(A, "b"), (B, "a")] {
            // The first of the two is made while the other has not got its part yet.
            let theirs =
                if url == A { (stream.parts - 1).max(Stream::default().parts) } else { stream.parts };
            let told = reporting(&stream, other, theirs);
            teller.checker.unchanged(url, teller.now);
            if let Some(text) = bend(url, step, told) {
                teller.see_at(url, &text);
            }
            teller.wait_ms(5);
        }
        teller.wait_ms(490);
    }
    teller.report()
}

fn bent(from: &str, to: &str) -> Report {
    both(6, |url, step, stream| {
        let text = stream.text();
        assert!(url != B || text.contains(from), "{from} stands in {text}");
        Some(if url == B && step >= 1 { text.replace(from, to) } else { text })
    })
}

/// In `B` from the beginning.
fn differs(from: &str, to: &str) -> Report {
    both(6, |url, _, stream| Some(if url == B { stream.text().replace(from, to) } else { stream.text() }))
}

#[test]
fn renditions_in_step_break_no_rule() {
    let report = both(40, |_, _, stream| Some(stream.text()));
    for rule in [30, 31, 32, 33, 34, 35, 36] {
        clean(rule, &report, "40 parts");
    }
}

#[test]
fn heads_are_the_same() {
    only(30, &differs("TARGETDURATION:4", "TARGETDURATION:3"), "target durations");
    only(31, &differs("HOLD-BACK=12", "HOLD-BACK=13"), "controls");
    let types = both(2, |url, _, stream| {
        let kind = (url == B).then_some("EVENT");
        Some(Stream { kind, ..stream }.text())
    });
    only(34, &types, "types");
}

#[test]
fn discontinuities_are_the_same() {
    only(32, &differs("DISCONTINUITY-SEQUENCE:0", "DISCONTINUITY-SEQUENCE:1"), "numbers");
}

#[test]
fn dates_stand_in_all_or_none() {
    let report = both(6, |url, _, stream| {
        let keep = |line: &&str| url != B || !line.starts_with("#EXT-X-PROGRAM");
        Some(stream.text().lines().filter(keep).map(|line| format!("{line}\n")).collect())
    });
    only(33, &report, "B has none");
}

#[test]
fn reports_are_there_and_true() {
    only(
        35,
        &bent(
            "#EXT-X-RENDITION-REPORT:URI=\"../a/index.m3u8\"",
            "#EXT-X-RENDITION-REPORT:URI=\"../c/index.m3u8\"",
        ),
        "missing",
    );
    only(35, &bent("URI=\"../a/index.m3u8\"", "URI=\"https://live.example/a/index.m3u8\""), "absolute");
    let ahead = both(6, |url, _, mut stream| {
        if url == B {
            stream.reports[0].1 += 1;
        }
        Some(stream.text())
    });
    only(35, &ahead, "ahead of the truth");
    let behind = both(8, |url, _, mut stream| {
        if url == B {
            stream.reports[0].1 -= 1;
        }
        Some(stream.text())
    });
    only(35, &behind, "behind the truth");
}

#[test]
fn what_a_report_leaves_out_is_as_here() {
    let report = both(6, |_, _, stream| {
        let text = stream.text();
        let at = text.find(",LAST-MSN").unwrap();
        let line = text[at..].find('\n').unwrap();
        Some(format!("{}{}", &text[..at], &text[at + line..]))
    });
    // A is made a moment before B, so it says what B will be: not true at that instant.
    assert!(report.broken_numbers().iter().all(|rule| *rule == 35), "{report:?}");
    let report = both(6, |url, _, stream| {
        if url == A {
            return Some(stream.text());
        }
        let text = stream.text();
        let at = text.find(",LAST-MSN").unwrap();
        Some(format!("{}\n", &text[..at]))
    });
    clean(35, &report, "B comes second, and stands where A stands");
}

#[test]
fn one_rendition_does_not_stay_behind() {
    // B gets its parts two steps later.
    let report = both(8, |url, step, stream| {
        if url == A {
            return Some(stream.text());
        }
        let behind = (0..step.saturating_sub(2)).fold(Stream::default(), |stream, _| stream.later(1));
        Some(reporting(&behind, "a", stream.parts).text())
    });
    let broken = report.broken_numbers();
    assert!(broken.contains(&36), "{report:?}");
}
