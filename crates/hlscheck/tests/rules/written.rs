//! Rules 1 to 27: what stands in one playlist.

use crate::stream::{Stream, Teller, clean, only};

/// The good playlist with one thing changed breaks one rule.
#[track_caller]
fn bent(rule: u8, from: &str, to: &str) {
    let good = Stream::default().text();
    assert!(good.contains(from), "{from:?} stands in\n{good}");
    let text = good.replacen(from, to, 1);
    only(rule, &Teller::new().see(&text).report(), &format!("{from:?} became {to:?}"));
}

/// The good playlist with one thing changed is still good.
#[track_caller]
fn fine(rule: u8, from: &str, to: &str) {
    let good = Stream::default().text();
    assert!(good.contains(from), "{from:?} stands in\n{good}");
    let text = good.replacen(from, to, 1);
    clean(rule, &Teller::new().see(&text).report(), &format!("{from:?} became {to:?}"));
}

#[test]
fn a_good_playlist_breaks_no_rule() {
    let text = Stream::default().text();
    let report = Teller::new().see(&text).report();
    for rule in [1, 2, 4, 5, 6, 7, 9, 10, 13, 14, 15, 16, 17, 19, 45, 49, 51, 72] {
        clean(rule, &report, &text);
    }
    assert!(!report.fails());
    let crlf = text.replace('\n', "\r\n");
    clean(2, &Teller::new().see(&crlf).report(), "CRLF");
}

#[test]
fn the_first_line() {
    bent(1, "#EXTM3U\n", "# a comment\n#EXTM3U\n");
    bent(1, "#EXTM3U\n", "#EXTM3U8\n");
}

#[test]
fn characters() {
    bent(2, "#EXT-X-VERSION:9", " #EXT-X-VERSION:9");
    bent(2, "#EXT-X-VERSION:9", "#EXT-X-VERSION:9\n#\u{7}");
    bent(2, "#EXT-X-VERSION:9", "#EXT-X-VERSION:9\n# e\u{301}");
    bent(2, "PART-INF:PART-TARGET", "PART-INF: PART-TARGET");
    bent(2, "DURATION=0.5,URI", "DURATION=0.5, URI");
    fine(2, "#EXT-X-VERSION:9", "#EXT-X-VERSION:9\n# é is one character");
    let mut teller = Teller::new();
    let mut bytes = Stream::default().text().into_bytes();
    bytes.push(0xff);
    let exchange = hlscheck::Exchange::simple(crate::stream::URL, teller.now, bytes.into());
    teller.checker.playlist(&exchange);
    only(2, &teller.report(), "not UTF-8");
}

#[test]
fn a_byte_order_mark_is_no_first_line() {
    let text = format!("\u{feff}{}", Stream::default().text());
    assert_eq!(Teller::new().see(&text).report().broken_numbers(), [1, 2]);
}

#[test]
fn versions() {
    bent(4, "#EXT-X-VERSION:9", "#EXT-X-VERSION:5");
    bent(4, "#EXT-X-VERSION:9\n", "");
    bent(4, "#EXT-X-VERSION:9", "#EXT-X-VERSION:9\n#EXT-X-VERSION:9");
    bent(4, "#EXT-X-VERSION:9", "#EXT-X-VERSION:11");
    bent(4, "#EXT-X-VERSION:9", "#EXT-X-VERSION:9\n#EXT-X-DEFINE:QUERYPARAM=\"a\"");
    fine(4, "#EXT-X-VERSION:9", "#EXT-X-VERSION:7");
}

#[test]
fn attribute_lists() {
    for (from, to) in [
        ("PART-TARGET=0.5", "PART-TARGET=0.5,PART-TARGET=0.5"),
        ("CAN-BLOCK-RELOAD=YES", "CAN-BLOCK-RELOAD=\"YES\""),
        ("HOLD-BACK=12", "HOLD-BACK=12,TIME-OFFSET=abc"),
        ("CAN-SKIP-UNTIL=24", "CAN-SKIP-UNTIL=24,"),
        ("CAN-BLOCK-RELOAD=YES", "CAN-BLOCK-RELOAD=YES,lower=1"),
        ("#EXT-X-MAP:URI=\"init.mp4\"", "#EXT-X-MAP:URI=\"init.mp4\",ID=\"\""),
        ("DURATION=0.5,URI", "DURATION=0.5,IV=12,URI"),
        ("TYPE=PART", "TYPE=PART,BYTERANGE-START=-1"),
        ("#EXT-X-TARGETDURATION:4\n", "#EXT-X-TARGETDURATION:4\n#EXT-X-BITRATE:fast\n"),
        ("#EXT-X-TARGETDURATION:4\n", "#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:LIVE\n"),
    ] {
        bent(5, from, to);
    }
    fine(5, "CAN-BLOCK-RELOAD=YES", "CAN-BLOCK-RELOAD=YES,X-OURS=\"\"");
}

#[test]
fn tags_that_stand_once() {
    bent(6, "#EXT-X-MEDIA-SEQUENCE:10", "#EXT-X-MEDIA-SEQUENCE:10\n#EXT-X-MEDIA-SEQUENCE:10");
    bent(
        6,
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-TARGETDURATION:4\n#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\"",
    );
}

#[test]
fn target_duration() {
    let dateless: String = Stream::default()
        .text()
        .lines()
        .filter(|line| !line.starts_with("#EXT-X-PROGRAM"))
        .map(|line| format!("{line}\n"))
        .collect();
    let long = dateless.replacen("#EXTINF:2.0,\n12.m4s", "#EXTINF:4.5,\n12.m4s", 1);
    only(7, &Teller::new().see(&long).report(), "4.5 rounds to 5");
    fine(7, "#EXTINF:2.0,\n12.m4s", "#EXTINF:2.49,\n12.m4s");
    let without = Stream::default().text().replace("#EXT-X-TARGETDURATION:4\n", "");
    assert!(Teller::new().see(&without).report().broken_numbers().contains(&7));
}

#[test]
fn where_sequences_stand() {
    let moved = |tag: &str| {
        let text = Stream::default().text();
        let text = text.replacen(tag, "", 1);
        text.replacen("10.m4s\n", &format!("10.m4s\n{tag}"), 1)
    };
    let report = Teller::new().see(&moved("#EXT-X-DISCONTINUITY-SEQUENCE:0\n")).report();
    only(8, &report, "DISCONTINUITY-SEQUENCE after a segment");
    let report = Teller::new().see(&moved("#EXT-X-MEDIA-SEQUENCE:10\n")).report();
    assert!(report.broken_numbers().contains(&8), "{report:?}");
}

#[test]
fn segments_have_durations_and_maps() {
    bent(9, "#EXTINF:2.0,\n12.m4s", "12.m4s");
    bent(9, "#EXTINF:2.0,\n12.m4s", "#EXTINF:two,\n12.m4s");
    let without = Stream::default().text().replace("#EXT-X-MAP:URI=\"init.mp4\"\n", "");
    only(10, &Teller::new().see(&without).report(), "no MAP");
    let transport = without.replace(".m4s", ".ts");
    clean(9, &Teller::new().see(&transport).report(), "MPEG-2 transport streams need none");
}

#[test]
fn byte_ranges() {
    bent(11, "#EXTINF:2.0,\n12.m4s", "#EXTINF:2.0,\n#EXT-X-BYTERANGE:100\n12.m4s");
    fine(
        11,
        "#EXTINF:2.0,\n12.m4s",
        "#EXTINF:2.0,\n#EXT-X-BYTERANGE:100@0\n12.m4s\n#EXTINF:2.0,\n#EXT-X-BYTERANGE:100\n12.m4s",
    );
    bent(11, "URI=\"init.mp4\"", "URI=\"init.mp4\",BYTERANGE=\"100\"");
}

#[test]
fn figures_of_parts() {
    bent(12, "PART-HOLD-BACK=1.5,", "");
    let without = Stream::default().text().replace("#EXT-X-PART-INF:PART-TARGET=0.5\n", "");
    only(12, &Teller::new().see(&without).report(), "no PART-INF");
    bent(13, "PART-HOLD-BACK=1.5", "PART-HOLD-BACK=0.9");
    bent(13, "PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1.2");
    bent(14, "HOLD-BACK=12", "HOLD-BACK=11.9");
    bent(14, "CAN-SKIP-UNTIL=24", "CAN-SKIP-UNTIL=23");
    bent(14, "CAN-SKIP-UNTIL=24", "CAN-SKIP-DATERANGES=YES");
}

#[test]
fn a_hold_back_of_two_parts_is_legal_and_advised_against() {
    let text = Stream::default().text().replace("PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1.0");
    let report = Teller::new().see(&text).report();
    only(13, &report, "two parts");
    assert!(!report.fails());
}

#[test]
fn lengths_of_parts() {
    // Longer and shorter at once, so that the segment's length stays.
    let text = Stream::default().text();
    let bend =
        |a: &str, b: &str| {
            text.replacen("DURATION=0.5,URI=\"28.1.m4s\"", &format!("DURATION={a},URI=\"28.1.m4s\""), 1)
                .replacen("DURATION=0.5,URI=\"28.3.m4s\"", &format!("DURATION={b},URI=\"28.3.m4s\""), 1)
        };
    only(15, &Teller::new().see(&bend("0.51", "0.49")).report(), "too long");
    clean(16, &Teller::new().see(&bend("0.5", "0.5")).report(), "even");
    let short = bend("0.4", "0.5").replacen("#EXTINF:2.0,\n28.m4s", "#EXTINF:1.9,\n28.m4s", 1);
    only(16, &Teller::new().see(&short).report(), "too short");
    let last = bend("0.5", "0.1").replacen("#EXTINF:2.0,\n28.m4s", "#EXTINF:1.6,\n28.m4s", 1);
    clean(16, &Teller::new().see(&last).report(), "the last may be short");
    let independent = short.replacen("28.1.m4s\"", "28.1.m4s\",INDEPENDENT=YES", 1);
    clean(16, &Teller::new().see(&independent).report(), "an independent one may be short");
}

#[test]
fn the_order_of_tags() {
    let text = Stream::default().text();
    let date = text.lines().rfind(|line| line.starts_with("#EXT-X-PROGRAM-DATE-TIME")).unwrap();
    let moved = text.replacen(&format!("{date}\n"), "", 1).replacen(
        "URI=\"30.0.m4s\",INDEPENDENT=YES\n",
        &format!("URI=\"30.0.m4s\",INDEPENDENT=YES\n{date}\n"),
        1,
    );
    only(17, &Teller::new().see(&moved).report(), "a date after the first part");
}

#[test]
fn hints() {
    bent(19, "TYPE=PART,", "");
    bent(19, "#EXT-X-PRELOAD-HINT", "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"other.m4s\"\n#EXT-X-PRELOAD-HINT");
    let ended = format!("{}#EXT-X-ENDLIST\n", Stream::default().text());
    only(20, &Teller::new().see(&ended).report(), "a hint after the end");
    let ended = Stream { ended: true, ..Stream::default() }.text();
    clean(20, &Teller::new().see(&ended).report(), "no hint after the end");
}

#[test]
fn date_ranges_need_dates() {
    let range = "#EXT-X-MAP:URI=\"init.mp4\"\n#EXT-X-DATERANGE:ID=\"a\",START-DATE=\"2027-01-15T08:00:30Z\"";
    fine(22, "#EXT-X-MAP:URI=\"init.mp4\"", range);
    let text = Stream::default().text().replace("#EXT-X-MAP:URI=\"init.mp4\"", range);
    let dateless: String = text
        .lines()
        .filter(|line| !line.starts_with("#EXT-X-PROGRAM"))
        .map(|line| format!("{line}\n"))
        .collect();
    only(22, &Teller::new().see(&dateless).report(), "no dates");
}

#[test]
fn keys() {
    for key in [
        "#EXT-X-KEY:METHOD=NONE,URI=\"k\"",
        "#EXT-X-KEY:METHOD=AES-128",
        "#EXT-X-KEY:URI=\"k\"",
        "#EXT-X-KEY:METHOD=SAMPLE-AES-CTR,URI=\"k\",IV=0x12",
        "#EXT-X-KEY:METHOD=AES-256-GCM,URI=\"k\",IV=0x12",
    ] {
        bent(24, "10.m4s\n", &format!("10.m4s\n{key}\n"));
    }
    bent(24, "#EXT-X-MAP", "#EXT-X-KEY:METHOD=AES-128,URI=\"k\"\n#EXT-X-MAP");
    fine(
        24,
        "#EXT-X-MAP",
        "#EXT-X-KEY:METHOD=AES-128,URI=\"k\",IV=0x0123456789abcdef0123456789abcdef\n#EXT-X-MAP",
    );
}

const MULTIVARIANT: &str = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"One\",DEFAULT=YES,AUTOSELECT=YES,URI=\"audio/index.m3u8\"\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"Two\",URI=\"two/index.m3u8\"\n\
    #EXT-X-STREAM-INF:BANDWIDTH=2000000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=30,\
    AUDIO=\"a\",CLOSED-CAPTIONS=NONE\nvideo/index.m3u8\n";

#[test]
fn multivariant_playlists() {
    let see = |text: &str| Teller::new().see_at("https://live.example/index.m3u8", text).report();
    for rule in [1, 2, 5, 25, 26, 27] {
        clean(rule, &see(MULTIVARIANT), "as it is");
    }
    for (rule, from, to) in [
        (25, "BANDWIDTH=2000000,", ""),
        (25, "video/index.m3u8\n", ""),
        (25, "video/index.m3u8\n", "#EXT-X-SESSION-DATA:DATA-ID=\"a\",VALUE=\"b\"\nvideo/index.m3u8\n"),
        (25, "RESOLUTION=1280x720,", ""),
        (25, "CODECS=\"avc1.64001f,mp4a.40.2\",", ""),
        (26, "AUDIO=\"a\"", "AUDIO=\"b\""),
        (26, "CLOSED-CAPTIONS=NONE", "CLOSED-CAPTIONS=\"cc\""),
        (27, "NAME=\"Two\"", "NAME=\"One\""),
        (27, "NAME=\"Two\"", "NAME=\"Two\",DEFAULT=YES"),
        (27, "AUTOSELECT=YES", "AUTOSELECT=NO"),
        (27, "NAME=\"Two\",", ""),
        (6, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-BITRATE:100\n"),
        (6, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-INDEPENDENT-SEGMENTS\n"),
        (5, "BANDWIDTH=2000000", "BANDWIDTH=2e6"),
        (5, "RESOLUTION=1280x720", "RESOLUTION=large"),
        (4, "#EXT-X-VERSION:6\n", "#EXT-X-VERSION:6\n#EXT-X-DEFINE:NAME=\"a\",VALUE=\"b\"\n"),
    ] {
        assert!(MULTIVARIANT.contains(from), "{from}");
        let report = see(&MULTIVARIANT.replacen(from, to, 1));
        if rule == 5 && to.starts_with("BANDWIDTH") {
            assert_eq!(report.broken_numbers(), [5, 25], "without a readable BANDWIDTH there is none");
            continue;
        }
        only(rule, &report, &format!("{from:?} became {to:?}"));
    }
}

#[test]
fn nothing_that_is_served_panics() {
    let good = Stream::default().text();
    let mut state = 7_u64;
    let mut roll = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    for _ in 0..600 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..=roll(8) {
            let at = roll(bytes.len());
            match roll(3) {
                0 => bytes[at] = u8::try_from(roll(256)).unwrap(),
                1 => drop(bytes.drain(at..(at + roll(80)).min(bytes.len())).count()),
                _ => drop(bytes.splice(at..at, *b"18446744073709551615")),
            }
        }
        let mut teller = Teller::new();
        teller.see(&good).wait_ms(100);
        let exchange = hlscheck::Exchange::simple(crate::stream::URL, teller.now, bytes.into());
        teller.checker.playlist(&exchange);
        teller.wait_ms(100).see(&Stream::default().later(1).text());
        assert!(!teller.report().checked.is_empty());
    }
}
