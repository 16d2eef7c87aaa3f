//! Playlists as they are sent.

use std::io::Read;

use flate2::read::GzDecoder;
use http::{Method, StatusCode};

use super::bench::{At, Bench, EDGE_SECRET, PAGE, epoch, session};

const NOW: At = At { msn: 10, parts: 2 };

#[tokio::test(start_paused = true)]
async fn golden_answers() {
    let bench = Bench::new(At { msn: 1, parts: 1 });
    insta::assert_snapshot!("multivariant", bench.get("index.m3u8").await.golden());
    insta::assert_snapshot!("live", bench.get("720p/index.m3u8").await.golden());
    let bare = format!("/s/{}/{}/dvr/audio/index.m3u8?_HLS_msn=1&_HLS_part=0", session(), epoch());
    let headers = [("x-edge", EDGE_SECRET), ("origin", PAGE)];
    insta::assert_snapshot!("dvr_for_an_edge", bench.ask(Method::GET, &bare, &headers).await.golden());
    insta::assert_snapshot!("not_found", bench.get("360p/index.m3u8").await.golden());
}

#[tokio::test(start_paused = true)]
async fn gzip_holds_the_same_text_and_has_a_tag_of_its_own() {
    let bench = Bench::new(NOW);
    for below in ["index.m3u8", "audio.m3u8", "dvr/index.m3u8", "720p/index.m3u8", "dvr/720p/index.m3u8"] {
        let plain = bench.get(below).await;
        let packed = bench.ask(Method::GET, &bench.path(below), &[("accept-encoding", "br, gzip")]).await;
        let mut text = String::new();
        GzDecoder::new(packed.body.as_ref()).read_to_string(&mut text).unwrap();
        assert_eq!((plain.text(), packed.header("content-encoding")), (text.as_str(), "gzip"), "{below}");
        assert_ne!(plain.header("etag"), packed.header("etag"));
        assert!(packed.headers.get_all("vary").iter().any(|value| value == "Accept-Encoding"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_is_rendered_once_for_each_form_that_somebody_wants() {
    let mut bench = Bench::new(NOW);
    for _ in 0..3 {
        bench.get("720p/index.m3u8").await;
        bench.get("720p/index.m3u8?_HLS_msn=3&x=y").await;
    }
    assert_eq!(bench.origin.renders(), 1);
    bench.get("dvr/720p/index.m3u8").await;
    bench.get("dvr/720p/index.m3u8?_HLS_skip=YES").await;
    assert_eq!(bench.origin.renders(), 3);
    bench.advance(At { msn: 10, parts: 3 });
    bench.get("720p/index.m3u8").await;
    assert_eq!(bench.origin.renders(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_recording_is_there_when_the_session_has_ended() {
    let mut bench = Bench::new(NOW);
    for below in ["vod/index.m3u8", "vod/audio.m3u8", "vod/720p/index.m3u8"] {
        assert_eq!(bench.get(below).await.status, StatusCode::NOT_FOUND, "{below}");
    }
    bench.end(NOW);
    for below in ["vod/index.m3u8", "vod/audio.m3u8", "vod/720p/index.m3u8"] {
        assert_eq!(bench.get(below).await.status, StatusCode::OK, "{below}");
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_epoch_opens_there_is_nothing() {
    let bench = Bench::new(NOW);
    bench.not_open_yet();
    assert_eq!(bench.get("index.m3u8").await.status, StatusCode::NOT_FOUND);
}
