//! Segments, parts and initialisation sections.

use access::playback::{Class, Classes};
use http::{Method, StatusCode};

use super::bench::{At, Bench, epoch, session};

const NOW: At = At { msn: 10, parts: 2 };
const SEGMENT: &str = "<720p 4.0><720p 4.1><720p 4.2><720p 4.3>";

#[tokio::test(start_paused = true)]
async fn media_is_what_was_stored() {
    let bench = Bench::new(NOW);
    for (below, body) in [
        ("720p/init-0.mp4", "ftyp+moov"),
        ("720p/4.m4s", SEGMENT),
        ("720p/4.3.m4s", "<720p 4.3>"),
        ("720p/10.1.m4s", "<720p 10.1>"),
        ("audio/0.m4s", "<audio 0.0><audio 0.1><audio 0.2><audio 0.3>"),
    ] {
        let answer = bench.get(below).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, body), "{below}");
        assert_eq!(answer.header("content-length"), body.len().to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn golden_answers() {
    let bench = Bench::new(NOW);
    let path = bench.path("720p/4.m4s");
    let headers = [("origin", super::bench::PAGE)];
    insta::assert_snapshot!("segment", bench.ask(Method::GET, &path, &headers).await.golden());
    let headers = [("range", "bytes=10-19"), ("x-edge", super::bench::EDGE_SECRET)];
    insta::assert_snapshot!("range_for_an_edge", bench.ask(Method::GET, &path, &headers).await.golden());
    let headers = [("range", "bytes=1000-")];
    insta::assert_snapshot!("range_beyond", bench.ask(Method::GET, &path, &headers).await.golden());
}

#[tokio::test(start_paused = true)]
async fn ranges_are_cut_out_of_the_chunks() {
    let bench = Bench::new(NOW);
    let path = bench.path("720p/4.m4s");
    let etag = bench.get("720p/4.m4s").await.header("etag").to_owned();
    for (range, if_range, status, body) in [
        ("bytes=3-12", None, StatusCode::PARTIAL_CONTENT, &SEGMENT[3..13]),
        ("bytes=-5", None, StatusCode::PARTIAL_CONTENT, &SEGMENT[35..]),
        ("bytes=0-", Some(etag.as_str()), StatusCode::PARTIAL_CONTENT, SEGMENT),
        ("bytes=0-1", Some("\"other\""), StatusCode::OK, SEGMENT),
        ("bytes=0-1,3-4", None, StatusCode::OK, SEGMENT),
    ] {
        let mut headers = vec![("range", range)];
        headers.extend(if_range.map(|etag| ("if-range", etag)));
        let answer = bench.ask(Method::GET, &path, &headers).await;
        assert_eq!((answer.status, answer.text()), (status, body), "{range}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_player_has_is_not_sent_again() {
    let bench = Bench::new(NOW);
    for below in ["720p/4.m4s", "720p/4.0.m4s", "720p/init-0.mp4", "720p/index.m3u8", "index.m3u8"] {
        let first = bench.get(below).await;
        let again =
            bench.ask(Method::GET, &bench.path(below), &[("if-none-match", first.header("etag"))]).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{below}");
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_eq!(again.header("cache-control"), first.header("cache-control"));
    }
}

#[tokio::test(start_paused = true)]
async fn head_says_what_get_would() {
    let bench = Bench::new(NOW);
    for below in ["720p/4.m4s", "720p/index.m3u8", "index.m3u8", "720p/99.m4s"] {
        let get = bench.get(below).await;
        let head = bench.ask(Method::HEAD, &bench.path(below), &[]).await;
        assert_eq!((head.status, head.headers, head.body.len()), (get.status, get.headers, 0), "{below}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_dvr_old_segments_are_closed() {
    let bench = Bench::new(At { msn: 200, parts: 1 });
    let live = bench.token(Classes::only(Class::Live));
    for (below, status) in [
        ("720p/index.m3u8", StatusCode::OK),
        ("720p/170.m4s", StatusCode::OK),
        ("720p/150.m4s", StatusCode::OK),
        ("720p/100.m4s", StatusCode::NOT_FOUND),
        ("720p/100.0.m4s", StatusCode::NOT_FOUND),
        ("dvr/index.m3u8", StatusCode::FORBIDDEN),
        ("dvr/720p/index.m3u8", StatusCode::FORBIDDEN),
    ] {
        let path = format!("/p/{live}/s/{}/{}/{below}", session(), epoch());
        assert_eq!(bench.ask(Method::GET, &path, &[]).await.status, status, "{below}");
    }
    assert_eq!(bench.get("720p/100.m4s").await.status, StatusCode::OK);
}
