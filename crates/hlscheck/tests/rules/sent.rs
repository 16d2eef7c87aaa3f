//! Rules 3, 46, 47 and 54 to 66: requests and answers.

use std::time::Duration;

use bytes::Bytes;
use hlscheck::{Exchange, Http, Report, Why};

use crate::stream::{PARTS, Stream, Teller, URL, clean, ok, only};

fn with(name: &str, value: &str) -> Http {
    let mut http = ok(2);
    http.headers.retain(|(found, _)| found != name);
    if !value.is_empty() {
        http.headers.push((name.to_owned(), value.to_owned()));
    }
    http
}

fn plain(http: Http) -> Report {
    Teller::new().answer("", 5, http, &Stream::default().text()).report()
}

#[test]
fn a_right_answer_breaks_no_rule() {
    for rule in [3, 63, 64, 66] {
        clean(rule, &plain(ok(2)), "a plain answer");
    }
}

#[test]
fn heads_of_playlists() {
    let report = plain(with("content-type", "text/plain"));
    only(3, &report, "known by its path alone");
    assert!(!report.fails());
    only(63, &plain(with("content-encoding", "")), "not packed");
    only(64, &plain(Http { is_http2: false, ..ok(2) }), "HTTP/1");
    only(66, &plain(with("cache-control", "max-age=60")), "kept too long");
    only(66, &plain(with("cache-control", "")), "no word about keeping it");
    clean(66, &plain(with("cache-control", "no-store")), "not kept");
}

#[test]
fn neither_path_nor_type() {
    let mut teller = Teller::new();
    let exchange = Exchange {
        http: Some(with("content-type", "text/plain")),
        ..Exchange::simple("https://live.example/live?id=1", teller.now, Stream::default().text().into())
    };
    teller.checker.playlist(&exchange);
    let report = teller.report();
    only(3, &report, "neither");
    assert!(report.fails());
}

/// Asks for `(msn, part)` while the stream stands at its default, and gets `answer`.
fn asked(msn: u64, part: Option<u64>, waited_ms: u64, http: Http, answer: &Stream) -> Report {
    let mut teller = Teller::new();
    teller.answer("", 5, ok(2), &Stream::default().text());
    let query = match part {
        Some(part) => format!("_HLS_msn={msn}&_HLS_part={part}"),
        None => format!("_HLS_msn={msn}"),
    };
    teller.answer(&query, waited_ms, http, &answer.text()).report()
}

#[test]
fn blocking_reloads() {
    let now = Stream::default();
    let (msn, part) = (now.parts / PARTS, now.parts % PARTS);
    clean(54, &asked(msn, Some(part), 450, ok(24), &now.later(1)), "the next part");
    only(54, &asked(msn, Some(part), 450, ok(24), &now), "released too early");
    clean(54, &asked(msn, None, 980, ok(24), &now.later(2)), "the whole segment");
    only(54, &asked(msn, None, 450, ok(24), &now.later(1)), "not the whole segment");
    clean(57, &asked(msn - 1, Some(9), 100, ok(24), &now), "past the end of its segment");
    let edge = Stream { parts: 30 * PARTS, ..now.clone() };
    only(57, &asked(29, Some(4), 450, ok(24), &edge), "the next segment has nothing yet");
    clean(58, &asked(12, Some(0), 20, ok(24), &now), "an old one");
    only(58, &asked(12, Some(0), 1_500, ok(24), &now), "an old one, held");
    let ended = Stream { ended: true, ..now.clone() };
    clean(58, &asked(99, None, 20, ok(24), &ended), "after the end nothing is waited for");
    only(66, &asked(msn, Some(part), 450, ok(60), &now.later(1)), "kept for too long");
}

#[test]
fn nothing_is_held_for_ever() {
    let now = Stream::default();
    let refusal =
        Http { status: 503, headers: vec![("cache-control".into(), "no-store".into())], is_http2: true };
    let report = asked(now.parts / PARTS, Some(3), 12_500, refusal.clone(), &Stream::default());
    assert!(report.violations.is_empty(), "{report:?}");
    only(59, &asked(now.parts / PARTS, Some(3), 15_000, refusal, &Stream::default()), "15 s");
}

#[test]
fn what_is_listed_can_be_fetched() {
    let answer = |status: u16, why: Why, waited_ms: u64, took_ms: u64| {
        let mut teller = Teller::new();
        teller.see(&Stream::default().text());
        let asked_at = teller.now;
        let first_byte_at = asked_at + Duration::from_millis(waited_ms);
        teller.checker.media(
            &Exchange {
                url: "https://live.example/a/30.1.m4s".into(),
                asked_at,
                first_byte_at,
                answered_at: first_byte_at + Duration::from_millis(took_ms),
                http: Some(Http {
                    status,
                    headers: vec![("cache-control".into(), "max-age=24".into())],
                    is_http2: true,
                }),
                body: Bytes::new(),
            },
            None,
            why,
        );
        teller.report()
    };
    only(47, &answer(404, Why::FirstSight, 5, 0), "not there");
    let slow = answer(404, Why::Promise, 5, 0);
    only(46, &slow, "gone too early");
    assert!(slow.fails());
    let report = answer(410, Why::Hint, 5, 0);
    only(61, &report, "neither there nor not found");
}

#[test]
fn a_hinted_part_does_not_trickle() {
    let mut teller = Teller::new();
    teller.see(&Stream::default().text());
    let hint = |took_ms: u64| Exchange {
        url: "https://live.example/a/30.2.m4s".into(),
        asked_at: teller.now,
        first_byte_at: teller.now + Duration::from_millis(100),
        answered_at: teller.now + Duration::from_millis(100 + took_ms),
        http: Some(ok(24)),
        body: Bytes::from_static(b"bytes"),
    };
    let (quick, slow) = (hint(20), hint(400));
    teller.checker.media(&quick, None, Why::Hint);
    clean(61, &teller.report(), "all at once");
    teller.checker.media(&slow, None, Why::Hint);
    only(61, &teller.report(), "as it is made");
}

#[test]
fn ranges_are_ranges() {
    let text = Stream::default().text().replacen(
        "#EXTINF:2.0,\n10.m4s",
        "#EXTINF:2.0,\n#EXT-X-BYTERANGE:5@0\n10.m4s",
        1,
    );
    let mut teller = Teller::new();
    teller.see(&text);
    let answer = |status: u16, body: &'static [u8]| Exchange {
        http: Some(Http { status, ..ok(24) }),
        ..Exchange::simple("https://live.example/a/10.m4s", teller.now, Bytes::from_static(body))
    };
    let (right, wrong) = (answer(206, b"12345"), answer(200, b"1234567"));
    teller.checker.media(&right, Some((0, 5)), Why::Promise);
    clean(65, &teller.report(), "a range");
    teller.checker.media(&wrong, Some((0, 5)), Why::Promise);
    only(65, &teller.report(), "the whole");
}

#[test]
fn media_says_how_long_it_may_be_kept() {
    let mut teller = Teller::new();
    teller.see(&Stream::default().text());
    let bare = Exchange {
        http: Some(Http { status: 200, headers: Vec::new(), is_http2: true }),
        ..Exchange::simple("https://live.example/a/unlisted.m4s", teller.now, Bytes::new())
    };
    teller.checker.media(&bare, None, Why::FirstSight);
    only(66, &teller.report(), "no Cache-Control");
}

#[test]
fn what_should_be_fetched_is_said() {
    let mut teller = Teller::new();
    teller.see(&Stream::default().text());
    let mut wanted = Vec::new();
    while let Some(want) = teller.checker.poll_want(teller.now) {
        wanted.push(want);
    }
    let hint = wanted.iter().filter(|want| want.why == Why::Hint).map(|want| &*want.url).collect::<Vec<_>>();
    assert_eq!(hint, ["https://live.example/a/30.2.m4s"]);
    assert!(wanted.iter().any(|want| want.url == "https://live.example/a/init.mp4"));
    assert!(wanted.iter().any(|want| want.url == "https://live.example/a/29.m4s"));
    // Parts and segments that leave are tested again before their promise ends.
    let mut stream = Stream::default();
    for _ in 0..4 * PARTS {
        stream = stream.later(1);
        teller.wait_ms(500).see(&stream.text());
    }
    teller.wait_ms(60_000);
    let mut promised = Vec::new();
    while let Some(want) = teller.checker.poll_want(teller.now) {
        if want.why == Why::Promise {
            promised.push(want.url);
        }
    }
    assert!(promised.contains(&"https://live.example/a/24.0.m4s".to_owned()), "{promised:?}");
    assert!(promised.contains(&"https://live.example/a/10.m4s".to_owned()), "{promised:?}");
    assert_eq!(stream.first, 14);
    assert!(!promised.contains(&format!("{}14.m4s", &URL[..URL.len() - "index.m3u8".len()])), "{promised:?}");
}

#[test]
fn all_that_is_listed_is_wanted_once() {
    let mut teller = Teller::new();
    let event = Stream { first: 1, kind: Some("EVENT"), ..Stream::default() };
    teller.see(&event.text());
    let mut wanted = Vec::new();
    while let Some(want) = teller.checker.poll_want(teller.now) {
        wanted.push(want.url);
    }
    // 29 segments, 26 parts of the last seven of which two are of the growing one, an init and a hint.
    assert_eq!(wanted.len(), 29 + 26 + 2, "{wanted:?}");
}
