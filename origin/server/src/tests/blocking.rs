//! Blocking reload and hinted parts (rules 54 to 62 of the conformance list).

use std::{sync::Arc, time::Duration};

use access::playback::{Claims, Class, Classes};
use events::AccessRevoked;
use http::{Method, StatusCode};
use runtime::clock;
use tokio::task::{JoinSet, yield_now};

use super::bench::{Answer, At, Bench, epoch, request, session};
use crate::Config;

const NOW: At = At { msn: 10, parts: 2 };
const NEXT: At = At { msn: 10, parts: 3 };

async fn until_held(bench: &Bench, held: usize) {
    while bench.origin.held() < held {
        yield_now().await;
    }
}

fn spawn(tasks: &mut JoinSet<Answer>, bench: &Bench, path: &str) {
    let (origin, request) =
        (Arc::clone(&bench.origin), request(Method::GET, path, &[("accept-encoding", "gzip")]));
    tasks.spawn(async move { Answer::read(origin.handle(request).await).await });
}

#[tokio::test(start_paused = true)]
async fn two_thousand_waiters_get_one_body_that_was_made_once() {
    let mut bench = Bench::new(NOW);
    let mut tasks = JoinSet::new();
    for sid in 0..2_000 {
        let classes = Classes::only(Class::Live).and(Class::Dvr);
        let token = bench.token_of(Claims { exp_unix_s: 4_000_000_000, classes, sid });
        let path = format!(
            "/p/{token}/s/{}/{}/720p/index.m3u8?_HLS_msn=10&_HLS_part=2&_HLS_skip=YES",
            session(),
            epoch()
        );
        spawn(&mut tasks, &bench, &path);
    }
    until_held(&bench, 2_000).await;
    assert_eq!((bench.origin.renders(), bench.origin.viewers(session())), (0, 2_000));
    bench.advance(NEXT);
    let answers = tasks.join_all().await;
    assert_eq!(bench.origin.renders(), 1);
    assert_eq!(bench.origin.held(), 0);
    let first = answers[0].body.as_ptr();
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK && answer.body.as_ptr() == first));
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_answered_when_its_part_is_there() {
    for (query, held) in [
        ("", false),
        ("_HLS_msn=10&_HLS_part=1", false),
        ("_HLS_msn=10&_HLS_part=2", true),
        ("_HLS_part=2&t=1&_HLS_msn=10", true),
        ("_HLS_msn=3", false),
        ("_HLS_msn=9&_HLS_part=99", false),
    ] {
        let mut bench = Bench::new(NOW);
        let mut tasks = JoinSet::new();
        spawn(&mut tasks, &bench, &bench.path(&format!("dvr/720p/index.m3u8?{query}")));
        if held {
            until_held(&bench, 1).await;
            bench.advance(NEXT);
        }
        let answer = tasks.join_next().await.unwrap().unwrap();
        assert_eq!((answer.status, bench.origin.held()), (StatusCode::OK, 0), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn senseless_directives_are_bad_requests_at_once() {
    let bench = Bench::new(NOW);
    for query in [
        "_HLS_part=1",
        "_HLS_msn=12",
        "_HLS_msn=10&_HLS_part=7",
        "_HLS_msn=x",
        "_HLS_msn=1&_HLS_msn=1",
        "_HLS_skip=NO",
    ] {
        let answer = bench.get(&format!("720p/index.m3u8?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    assert_eq!(bench.get("index.m3u8?_HLS_part=1").await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn after_three_target_durations_the_answer_is_503() {
    let bench = Bench::new(NOW);
    for below in ["720p/index.m3u8?_HLS_msn=10&_HLS_part=2", "720p/10.2.m4s"] {
        let before = clock::now();
        let answer = bench.get(below).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), "1");
        let waited = clock::now() - before;
        assert!((Duration::from_secs(12)..Duration::from_millis(12_010)).contains(&waited), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_hinted_part_is_held_and_others_are_not() {
    let mut bench = Bench::new(NOW);
    let mut tasks = JoinSet::new();
    spawn(&mut tasks, &bench, &bench.path("720p/10.2.m4s"));
    until_held(&bench, 1).await;
    for unknown in ["720p/10.3.m4s", "720p/11.0.m4s", "720p/10.m4s", "360p/10.0.m4s", "720p/init-1.mp4"] {
        assert_eq!(bench.get(unknown).await.status, StatusCode::NOT_FOUND, "{unknown}");
    }
    bench.advance(NEXT);
    let answer = tasks.join_next().await.unwrap().unwrap();
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "<720p 10.2>"));
}

#[tokio::test(start_paused = true)]
async fn a_hint_that_came_to_nothing_is_not_found() {
    let mut bench = Bench::new(NOW);
    let mut tasks = JoinSet::new();
    spawn(&mut tasks, &bench, &bench.path("720p/10.2.m4s"));
    until_held(&bench, 1).await;
    bench.end(NOW);
    assert_eq!(tasks.join_next().await.unwrap().unwrap().status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn the_end_releases_every_held_reload() {
    let mut bench = Bench::new(NOW);
    let mut tasks = JoinSet::new();
    spawn(&mut tasks, &bench, &bench.path("720p/index.m3u8?_HLS_msn=11"));
    until_held(&bench, 1).await;
    bench.end(NOW);
    let answer = tasks.join_next().await.unwrap().unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert!(bench.get("720p/index.m3u8?_HLS_msn=999").await.text().ends_with("#EXT-X-ENDLIST\n"));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_viewer_is_out_at_once_also_while_he_waits() {
    let bench = Bench::new(NOW);
    let mut tasks = JoinSet::new();
    let path = bench.path("720p/index.m3u8?_HLS_msn=10&_HLS_part=2");
    spawn(&mut tasks, &bench, &path);
    until_held(&bench, 1).await;
    let before = clock::now();
    bench.origin.revoke(&AccessRevoked::ViewerSession { sid: 0xabc, until_unix_s: 4_000_000_000 });
    assert_eq!(tasks.join_next().await.unwrap().unwrap().status, StatusCode::FORBIDDEN);
    assert_eq!(clock::now(), before);
    assert_eq!(bench.get("720p/0.m4s").await.status, StatusCode::FORBIDDEN);
    let other = Claims { exp_unix_s: 4_000_000_000, classes: Classes::only(Class::Live), sid: 7 };
    let other = format!("/p/{}/s/{}/{}/720p/0.m4s", bench.token_of(other), session(), epoch());
    assert_eq!(bench.ask(Method::GET, &other, &[]).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn holds_are_limited_for_each_viewer() {
    let mut bench = Bench::with(Config { held_per_viewer_max: 2, ..Config::default() }, NOW);
    let path = bench.path("720p/index.m3u8?_HLS_msn=11");
    let mut tasks = JoinSet::new();
    spawn(&mut tasks, &bench, &path);
    spawn(&mut tasks, &bench, &path);
    until_held(&bench, 2).await;
    assert_eq!(bench.ask(Method::GET, &path, &[]).await.status, StatusCode::SERVICE_UNAVAILABLE);
    bench.advance(At { msn: 12, parts: 1 });
    assert!(tasks.join_all().await.iter().all(|answer| answer.status == StatusCode::OK));
}

#[tokio::test(start_paused = true)]
async fn a_player_that_goes_away_ends_its_hold() {
    let bench = Bench::new(NOW);
    let mut tasks = JoinSet::new();
    spawn(&mut tasks, &bench, &bench.path("720p/index.m3u8?_HLS_msn=10&_HLS_part=2"));
    until_held(&bench, 1).await;
    tasks.shutdown().await;
    assert_eq!(bench.origin.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_process_ends_all_holds() {
    let bench = Bench::new(NOW);
    let mut tasks = JoinSet::new();
    spawn(&mut tasks, &bench, &bench.path("720p/index.m3u8?_HLS_msn=10&_HLS_part=2"));
    until_held(&bench, 1).await;
    bench.stop.cancel();
    assert_eq!(tasks.join_next().await.unwrap().unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
}
