//! Rules 21, 23 and 37 to 60: what becomes of a playlist.

use bytes::Bytes;
use hlscheck::{Exchange, Report};

use crate::stream::{PARTS, Stream, Teller, URL, clean, only};

/// A stream that was followed part by part for a while.
fn followed(parts: u64) -> (Teller, Stream) {
    let mut teller = Teller::new();
    let mut stream = Stream::default();
    teller.see(&stream.text());
    for _ in 0..parts {
        teller.wait_ms(500);
        teller.checker.unchanged(URL, teller.now);
        stream = stream.later(1);
        teller.see(&stream.text());
    }
    (teller, stream)
}

/// The stream goes on for one part, but for this.
fn goes_on(from: &str, to: &str) -> Report {
    let (mut teller, stream) = followed(3);
    let text = stream.later(1).text();
    assert!(text.contains(from), "{from:?} stands in\n{text}");
    teller.wait_ms(500).see(&text.replacen(from, to, 1)).report()
}

#[test]
fn a_stream_that_goes_on_breaks_no_rule() {
    let (teller, _) = followed(60);
    for rule in [37, 38, 39, 40, 41, 42, 43, 44, 45, 49, 52, 72] {
        clean(rule, &teller.report(), "60 parts");
    }
}

#[test]
fn figures_never_change() {
    only(37, &goes_on("TARGETDURATION:4", "TARGETDURATION:3"), "a shorter target");
    only(38, &goes_on("#EXT-X-INDEPENDENT-SEGMENTS\n", ""), "another head");
    only(38, &goes_on("HOLD-BACK=12", "HOLD-BACK=13"), "another control");
}

#[test]
fn what_was_listed_stays() {
    only(40, &goes_on("\n20.m4s", "\nother.m4s"), "another URI");
    only(40, &goes_on("#EXTINF:2.0,\n20.m4s", "#EXTINF:2.1,\n20.m4s"), "another length");
    only(40, &goes_on("URI=\"29.1.m4s\"", "URI=\"29.1x.m4s\""), "another part");
    only(38, &goes_on("#EXTINF:2.0,\n20.m4s", "#EXT-X-GAP\n#EXTINF:2.0,\n20.m4s"), "a gap afterwards");
    only(38, &goes_on("URI=\"init.mp4\"", "URI=\"init2.mp4\""), "another MAP");
    only(38, &goes_on(":00.000Z", ":00.001Z"), "another date");
}

#[test]
fn nothing_vanishes() {
    let (mut teller, stream) = followed(6);
    let shorter = Stream { parts: stream.parts - 2 * PARTS, ..stream };
    let report = teller.wait_ms(500).see(&shorter.text()).report();
    only(39, &report, "the end is gone");
}

#[test]
fn an_older_answer_that_was_overtaken_is_no_fault() {
    let (mut teller, stream) = followed(6);
    let older = Stream { parts: stream.parts - 1, ..stream };
    let asked_at = teller.now - std::time::Duration::from_millis(400);
    teller.wait_ms(50);
    let exchange = Exchange { asked_at, ..Exchange::simple(URL, teller.now, Bytes::from(older.text())) };
    teller.checker.playlist(&exchange);
    clean(40, &teller.report(), "asked before, answered after");
}

#[test]
fn numbers_grow_by_what_was_removed() {
    let (mut teller, stream) = followed(2);
    let text = stream.later(1).text();
    // A segment is gone, and the number stands still.
    let from = text.find("#EXT-X-PROGRAM").unwrap();
    let to = text.find("11.m4s\n").unwrap() + "11.m4s\n".len();
    let report = teller.wait_ms(500).see(&format!("{}{}", &text[..from], &text[to..])).report();
    assert!(report.broken_numbers().contains(&39), "{report:?}");

    let (mut teller, stream) = followed(2);
    let text = stream.later(1).text().replace("MEDIA-SEQUENCE:11", "MEDIA-SEQUENCE:10");
    assert!(teller.wait_ms(500).see(&text).report().broken_numbers().contains(&39));
}

#[test]
fn discontinuities_are_counted_when_they_leave() {
    let (mut teller, mut stream) = (Teller::new(), Stream::default());
    stream.discontinuities = vec![12, 15];
    teller.see(&stream.text());
    for _ in 0..4 * PARTS {
        stream = stream.later(1);
        teller.wait_ms(500).see(&stream.text());
    }
    assert!(stream.first > 12 && stream.discontinuity_sequence == 1);
    clean(41, &teller.report(), "counted");
    let wrong = Stream { discontinuity_sequence: 0, ..stream.later(1) };
    only(41, &teller.wait_ms(500).see(&wrong.text()).report(), "not counted");
}

#[test]
fn enough_is_left() {
    let (mut teller, stream) = followed(2);
    let mut short = stream.later(1);
    short.first = short.parts / PARTS - 4;
    only(42, &teller.wait_ms(500).see(&short.text()).report(), "8 s are left");
}

#[test]
fn new_segments_come_in_time() {
    let mut teller = Teller::new();
    let plain = |stream: &Stream| {
        let text = stream.text();
        let keep = |line: &&str| {
            !["#EXT-X-PART", "#EXT-X-PRELOAD", "#EXT-X-SERVER"].iter().any(|tag| line.starts_with(tag))
        };
        text.lines()
            .filter(keep)
            .map(|line| format!("{line}\n"))
            .collect::<String>()
            .replace("VERSION:9", "VERSION:6")
    };
    let stream = Stream::default();
    teller.see(&plain(&stream));
    teller.wait_ms(6_000).see(&plain(&stream));
    clean(43, &teller.report(), "1.5 target durations are allowed");
    teller.wait_ms(100).see(&plain(&stream));
    only(43, &teller.report(), "more are not");
}

#[test]
fn new_parts_come_in_time() {
    let (mut teller, stream) = followed(4);
    teller.wait_ms(700);
    teller.checker.unchanged(URL, teller.now);
    teller.see(&stream.later(1).text());
    only(44, &teller.report(), "700 ms");
}

#[test]
fn a_held_request_proves_that_a_part_was_late() {
    let (mut teller, stream) = followed(4);
    let next = stream.later(1);
    let query = format!("_HLS_msn={}&_HLS_part={}", stream.parts / PARTS, stream.parts % PARTS);
    teller.answer(&query, 900, crate::stream::ok(24), &next.text());
    only(44, &teller.report(), "held for 900 ms");
}

#[test]
fn an_outage_excuses_what_did_not_come() {
    let (mut teller, stream) = followed(4);
    teller.wait_ms(3_000);
    teller.checker.unreachable(URL, teller.now, "connection refused");
    teller.wait_ms(5_000);
    teller.see(&stream.later(1).text());
    clean(44, &teller.report(), "the server was away");
    assert_eq!(teller.report().notes.len(), 1);
}

#[test]
fn old_parts_leave_in_order() {
    let text = Stream::default().text();
    // Segment 12 ends 36 s before the end.
    let with = text.replacen(
        "#EXTINF:2.0,\n12.m4s",
        "#EXT-X-PART:DURATION=0.5,URI=\"12.0.m4s\",INDEPENDENT=YES\n#EXTINF:2.0,\n12.m4s",
        1,
    );
    only(45, &Teller::new().see(&with).report(), "36 s from the end");

    let (mut teller, stream) = followed(3);
    let text = stream.later(1).text();
    let without: String =
        text.lines().filter(|line| !line.contains("URI=\"29.")).map(|line| format!("{line}\n")).collect();
    only(45, &teller.wait_ms(500).see(&without).report(), "29 before 28");
}

#[test]
fn the_end_is_the_end() {
    let ended = Stream { ended: true, parts: 30 * PARTS, ..Stream::default() };
    let (mut teller, stream) = followed(2);
    teller.wait_ms(500).see(&Stream { ended: true, ..stream.clone() }.text());
    clean(44, &teller.report(), "an end");
    teller.wait_ms(60_000).see(&Stream { ended: true, ..stream.clone() }.text());
    clean(48, &teller.report(), "nothing comes after an end");
    teller.wait_ms(500).see(&stream.text());
    assert!(teller.report().broken_numbers().contains(&48));

    let mut teller = Teller::new();
    teller
        .see(&ended.text())
        .wait_ms(500)
        .see(&ended.text().replace("31.m4s", "32.m4s").replace(":58.000Z", ":58.001Z"));
    assert!(teller.report().broken_numbers().contains(&48));
}

#[test]
fn an_event_only_grows() {
    let event = Stream { kind: Some("EVENT"), ..Stream::default() };
    let mut teller = Teller::new();
    teller.see(&event.text()).wait_ms(500);
    let mut later = event.later(1);
    later.first += 1;
    teller.see(&later.text());
    assert_eq!(teller.report().broken_numbers(), [23, 48]);
}

#[test]
fn dates_are_unambiguous() {
    let text = Stream::default().text();
    let late = text.replacen("T08:00:24.000Z", "T08:00:22.900Z", 1);
    assert_ne!(text, late);
    only(49, &Teller::new().see(&late).report(), "overlaps by more than a second");
    let drift = text.replacen("T08:00:24.000Z", "T08:00:23.900Z", 1);
    clean(49, &Teller::new().see(&drift).report(), "a small overlap");
    let mut stream = Stream { discontinuities: vec![20], ..Stream::default() };
    stream.discontinuity_sequence = 3;
    let text = stream.text();
    let from = text.find("#EXT-X-DISCONTINUITY\n").unwrap() + "#EXT-X-DISCONTINUITY\n".len();
    let to = from + text[from..].find('\n').unwrap() + 1;
    let report = Teller::new().see(&format!("{}{}", &text[..from], &text[to..])).report();
    only(49, &report, "a discontinuity without a date");
}

#[test]
fn gaps_are_gaps_in_parts_and_segment() {
    let text = Stream::default().text();
    let part = text.replacen("URI=\"29.3.m4s\"", "URI=\"29.3.m4s\",GAP=YES", 1);
    only(50, &Teller::new().see(&part).report(), "a part alone");
    let both = part.replacen("#EXTINF:2.0,\n29.m4s", "#EXT-X-GAP\n#EXTINF:2.0,\n29.m4s", 1);
    clean(50, &Teller::new().see(&both).report(), "both");
    let segment = text.replacen("#EXTINF:2.0,\n29.m4s", "#EXT-X-GAP\n#EXTINF:2.0,\n29.m4s", 1);
    only(50, &Teller::new().see(&segment).report(), "a segment alone");
}

#[test]
fn no_half_playlist() {
    let text = Stream::default().text();
    let at = text.find("\n24.m4s").unwrap();
    only(51, &Teller::new().see(&text[..=at]).report(), "broken off");
}

#[test]
fn hints_come_true() {
    let (mut teller, stream) = followed(3);
    let text = stream.later(2).text();
    let (msn, part) = (stream.parts / PARTS, stream.parts % PARTS);
    let (hinted, next) = (format!("\"{msn}.{part}.m4s\""), format!("\"{msn}.{}.m4s\"", part + 1));
    let swapped = text.replacen(&hinted, "\"x\"", 1).replacen(&next, &hinted, 1).replacen("\"x\"", &next, 1);
    let report = teller.wait_ms(500).see(&swapped).report();
    only(52, &report, "another part came first");
}

#[test]
fn date_ranges_stay() {
    let range = "#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2027-01-15T08:00:50Z\",DURATION=4";
    let with = |stream: &Stream, range: &str| {
        stream.text().replacen("#EXT-X-MAP", &format!("{range}\n#EXT-X-MAP"), 1)
    };
    let stream = Stream::default();
    let mut teller = Teller::new();
    teller.see(&with(&stream, range)).wait_ms(500).see(&with(&stream.later(1), range));
    clean(53, &teller.report(), "still there");
    teller.wait_ms(500).see(&stream.later(2).text());
    only(53, &teller.report(), "gone too early");
    let mut teller = Teller::new();
    teller.see(&with(&stream, range)).wait_ms(500).see(&with(&stream.later(1), &range.replace("=4", "=5")));
    only(53, &teller.report(), "changed");
}

#[test]
fn delta_updates() {
    let (mut teller, stream) = followed(40);
    let next = stream.later(1);
    let skips = 7;
    let delta = Stream { skip: skips, ..next.clone() };
    let see = |teller: &mut Teller, text: &str| {
        teller.wait_ms(500);
        let url = format!("{URL}?_HLS_skip=YES");
        teller.checker.playlist(&Exchange::simple(&url, teller.now, Bytes::copy_from_slice(text.as_bytes())));
    };
    see(&mut teller, &delta.text());
    clean(60, &teller.report(), "a delta update");
    clean(21, &teller.report(), "asked for");
    teller.see(&next.text());
    clean(60, &teller.report(), "and the whole of it");

    let (mut teller, _) = followed(40);
    see(&mut teller, &Stream { skip: 12, ..next.clone() }.text());
    only(60, &teller.report(), "skips too much");

    let (mut teller, _) = followed(40);
    see(&mut teller, &next.text());
    only(60, &teller.report(), "skips nothing");

    let (mut teller, _) = followed(40);
    teller.wait_ms(500).see(&delta.text());
    only(21, &teller.report(), "was not asked for");

    let (mut teller, _) = followed(40);
    let twice = delta.text().replacen("#EXT-X-SKIP", "#EXT-X-SKIP:SKIPPED-SEGMENTS=7\n#EXT-X-SKIP", 1);
    see(&mut teller, &twice);
    only(21, &teller.report(), "stands twice");
}
