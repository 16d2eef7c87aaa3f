//! Who is let in: tokens × paths × spellings, the edge secret, pages of other origins.

use std::sync::Arc;

use access::{
    edge_secret::EdgeSecrets,
    playback::{Claims, Class, Classes, Keyring},
    root::Root,
};
use events::AccessRevoked;
use http::{Method, StatusCode};
use ids::{EpochId, SessionId};
use store::{Kind, Store};
use tokio_util::sync::CancellationToken;

use super::bench::{Answer, At, Bench, EDGE_SECRET, PAGE, epoch, feed_of, request, session};
use crate::{Config, Feed, Opening, Origin};

const NOW: At = At { msn: 10, parts: 2 };
const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
const NOT_FOUND: StatusCode = StatusCode::NOT_FOUND;

#[tokio::test(start_paused = true)]
async fn only_a_token_for_this_epoch_opens_it_and_every_object_of_it() {
    let bench = Bench::new(NOW);
    let good = Claims { exp_unix_s: 4_000_000_000, classes: Classes::only(Class::Live), sid: 1 };
    let root = Root::new(&[1; 32]).unwrap();
    let ring = |kids: &[&str]| Keyring::new(&root, kids.iter().copied()).unwrap();
    let foreign = Keyring::new(&Root::new(&[9; 32]).unwrap(), ["k2"]).unwrap();
    let (other_session, other_epoch) = (SessionId::from_parts(1, [7; 10]), EpochId::from_parts(1, [7; 10]));
    let text = bench.token_of(good);
    let tokens = [
        (text.clone(), StatusCode::OK),
        (ring(&["k1"]).sign(good, session(), epoch()).expose(), StatusCode::OK),
        (bench.token_of(Claims { classes: Classes::only(Class::Preview), ..good }), StatusCode::OK),
        (bench.token_of(Claims { exp_unix_s: 1_000, ..good }), FORBIDDEN),
        (bench.token_of(Claims { classes: Classes::only(Class::Vod), ..good }), FORBIDDEN),
        (ring(&["k3"]).sign(good, session(), epoch()).expose(), FORBIDDEN),
        (foreign.sign(good, session(), epoch()).expose(), FORBIDDEN),
        (ring(&["k2"]).sign(good, other_session, epoch()).expose(), FORBIDDEN),
        (ring(&["k2"]).sign(good, session(), other_epoch).expose(), FORBIDDEN),
        (text[..text.len() - 1].to_owned(), FORBIDDEN),
        (format!("{text}A"), FORBIDDEN),
        (text.to_uppercase(), FORBIDDEN),
        (text.replacen(".l.", ".dl.", 1), FORBIDDEN),
        (text.replacen(".1.", ".2.", 1), FORBIDDEN),
        (text.replace('.', "%2E"), NOT_FOUND),
        (format!("%70{text}"), NOT_FOUND),
        ("x".into(), FORBIDDEN),
    ];
    for (token, status) in &tokens {
        for below in ["index.m3u8", "audio.m3u8", "720p/index.m3u8"] {
            let path = format!("/p/{token}/s/{}/{}/{below}", session(), epoch());
            let answer = bench.ask(Method::GET, &path, &[]).await;
            assert_eq!(answer.status, *status, "{path}");
            if status != &StatusCode::OK {
                assert_eq!((answer.body.len(), answer.header("cache-control")), (0, "no-store"));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_any_class_reads_no_other_class_view() {
    let bench = Bench::new(NOW);
    for (class, below, status) in [
        (Class::Live, "dvr/720p/index.m3u8", FORBIDDEN),
        (Class::Live, "vod/index.m3u8", FORBIDDEN),
        (Class::Dvr, "720p/index.m3u8", FORBIDDEN),
        (Class::Dvr, "dvr/720p/index.m3u8", StatusCode::OK),
        (Class::Vod, "vod/720p/index.m3u8", NOT_FOUND),
        (Class::Preview, "dvr/index.m3u8", FORBIDDEN),
    ] {
        let path = format!("/p/{}/s/{}/{}/{below}", bench.token(Classes::only(class)), session(), epoch());
        assert_eq!(bench.ask(Method::GET, &path, &[]).await.status, status, "{class:?} {below}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_trick_with_a_path_leads_anywhere() {
    let bench = Bench::new(NOW);
    let base = bench.path("");
    let (token_part, epoch_part) = base.split_at(base.find("/s/").unwrap());
    for path in [
        format!("{base}../720p/index.m3u8"),
        format!("{base}720p/../index.m3u8"),
        format!("{base}720p%2findex.m3u8"),
        format!("{base}720p/%2e%2e/index.m3u8"),
        format!("{base}720p//index.m3u8"),
        format!("{base}/720p/index.m3u8"),
        format!("{base}720p/index.m3u8/"),
        format!("{base}720p/index.m3u8;v=1"),
        format!("{base}720P/index.m3u8"),
        format!("{base}720p/journal"),
        format!("{base}720p/index.m3u8%00"),
        format!("{token_part}/{epoch_part}index.m3u8"),
        format!("{token_part}{token_part}{epoch_part}index.m3u8"),
        format!("/p{epoch_part}index.m3u8"),
        format!("/p/./s/{}", &epoch_part[3..]),
        format!("/s{}index.m3u8", base),
        epoch_part.to_uppercase(),
        format!("{epoch_part}index.m3u8"),
        "/p/".into(),
        "/s/".into(),
        "/p/x/../../etc/passwd".into(),
    ] {
        let answer = bench.ask(Method::GET, &path, &[]).await;
        assert!([FORBIDDEN, NOT_FOUND].contains(&answer.status), "{path}: {}", answer.status);
    }
}

#[tokio::test(start_paused = true)]
async fn no_byte_of_a_path_may_be_written_another_way_or_have_company() {
    let bench = Bench::new(NOW);
    let path = bench.path("720p/index.m3u8");
    assert_eq!(bench.ask(Method::GET, &path, &[]).await.status, StatusCode::OK);
    for at in 1..=path.len() {
        let (before, behind) = path.split_at(at);
        let mut tricks: Vec<_> =
            ["%00", "%2e%2e/", "../", "./", "%2f", "%5c", ";", "%c0%af", "%ef%bc%8f", "%e2%80%8b", "%20"]
                .iter()
                .map(|company| format!("{before}{company}{behind}"))
                .collect();
        if let Some(byte) = behind.bytes().next() {
            for spelling in [format!("%{byte:02x}"), format!("%{byte:02X}"), format!("%25{byte:02x}")] {
                tricks.push(format!("{before}{spelling}{}", &behind[1..]));
            }
        }
        for trick in tricks {
            let answer = bench.ask(Method::GET, &trick, &[]).await;
            assert!([FORBIDDEN, NOT_FOUND].contains(&answer.status), "{trick}: {}", answer.status);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_has_one_spelling_and_no_shorter_one() {
    let bench = Bench::new(NOW);
    let token =
        bench.token_of(Claims { exp_unix_s: 4_000_000_000, classes: Classes::only(Class::Live), sid: 1 });
    let status = async |token: &str| {
        let path = format!("/p/{token}/s/{}/{}/index.m3u8", session(), epoch());
        bench.ask(Method::GET, &path, &[]).await.status
    };
    assert_eq!(status(&token).await, StatusCode::OK);
    // What is spelt as no token can be is no path of ours; what could be one and is not opens nothing.
    let refused = |text: &str| {
        let spelt = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if spelt { FORBIDDEN } else { NOT_FOUND }
    };
    for end in 1..token.len() {
        assert_eq!(status(&token[..end]).await, FORBIDDEN, "{end} characters of it");
    }
    // The last character of Base64 has bits that mean nothing: only one way to set them is right.
    let others = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain("-_.~=+".chars());
    for at in 0..token.len() {
        for other in others.clone().filter(|other| !token[at..].starts_with(*other)) {
            let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert_eq!(status(&changed).await, refused(&changed), "{changed}");
        }
    }
    for company in ["=", "==", ".", "A"] {
        for padded in [format!("{token}{company}"), format!("{company}{token}")] {
            assert_eq!(status(&padded).await, refused(&padded), "{padded}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_bare_path_is_for_holders_of_the_edge_secret() {
    let bench = Bench::new(NOW);
    let bare = format!("/s/{}/{}/720p/index.m3u8", session(), epoch());
    for (secret, status) in [
        (None, FORBIDDEN),
        (Some(""), FORBIDDEN),
        (Some("wrong"), FORBIDDEN),
        (Some("the edge's secre"), FORBIDDEN),
        (Some(EDGE_SECRET), StatusCode::OK),
        (Some("the one before"), StatusCode::OK),
    ] {
        let headers: Vec<_> = secret.map(|secret| ("x-edge", secret)).into_iter().collect();
        let answer = bench.ask(Method::GET, &bare, &headers).await;
        assert_eq!(answer.status, status, "{secret:?}");
        if status == StatusCode::OK {
            assert_eq!(answer.header("cache-control"), "public, max-age=2");
        }
    }
    // The secret opens nothing that a token in the path does not: the token is looked at first.
    let path = format!("/p/{}/s/{}/{}/index.m3u8", "k.1.l.1.AAAAAAAAAAAAAAAAAAAAAA", session(), epoch());
    assert_eq!(bench.ask(Method::GET, &path, &[("x-edge", EDGE_SECRET)]).await.status, FORBIDDEN);
    assert_eq!(bench.get("720p/index.m3u8").await.header("cache-control"), "private, max-age=2");
}

#[tokio::test(start_paused = true)]
async fn a_killed_epoch_is_closed_to_edges_too() {
    let bench = Bench::new(NOW);
    bench.origin.revoke(&AccessRevoked::Epoch(epoch()));
    assert_eq!(bench.get("index.m3u8").await.status, FORBIDDEN);
    let bare = format!("/s/{}/{}/720p/index.m3u8", session(), epoch());
    assert_eq!(bench.ask(Method::GET, &bare, &[("x-edge", EDGE_SECRET)]).await.status, FORBIDDEN);
}

#[tokio::test(start_paused = true)]
async fn methods_that_change_things_are_refused() {
    let bench = Bench::new(NOW);
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
        let answer = bench.ask(method, &bench.path("index.m3u8"), &[]).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_listed_origins_may_read_and_others_may_not() {
    let bench = Bench::new(NOW);
    let path = bench.path("index.m3u8");
    insta::assert_snapshot!(
        "preflight",
        bench.ask(Method::OPTIONS, &path, &[("origin", PAGE)]).await.golden()
    );
    for origin in ["https://school.example.evil", "http://school.example", "https://SCHOOL.example", "null"] {
        for method in [Method::GET, Method::OPTIONS] {
            let answer = bench.ask(method, &path, &[("origin", origin)]).await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
            assert!(answer.headers.get_all("vary").iter().any(|value| value == "Origin"));
        }
    }
    let refused = bench.ask(Method::GET, "/p/x/s", &[("origin", PAGE)]).await;
    assert_eq!(
        refused.header("access-control-allow-origin"),
        PAGE,
        "a page must see a 403 to renew its token"
    );
}

struct Gone(Store, std::sync::atomic::AtomicUsize);

impl Feed for Gone {
    fn open(&self, session: SessionId, epoch: EpochId) -> Opening<'_> {
        self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (media, _) = self.0.create(session, epoch, Kind::Public);
        Box::pin(async move { Some(feed_of(media)) })
    }
}

#[tokio::test(start_paused = true)]
async fn an_epoch_whose_packager_is_gone_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let feed = Arc::new(Gone(Store::new(folder.path().into()), 0.into()));
    let keys = Keyring::new(&Root::new(&[1; 32]).unwrap(), ["k"]).unwrap();
    let edge = EdgeSecrets::new([EDGE_SECRET]);
    let origin = Origin::new(Arc::clone(&feed) as _, keys, edge, Config::default(), CancellationToken::new());
    for opened in 1..4 {
        let bare = format!("/s/{}/{}/index.m3u8", session(), epoch());
        let request = request(Method::GET, &bare, &[("x-edge", EDGE_SECRET)]);
        assert_eq!(Answer::read(origin.handle(request).await).await.status, NOT_FOUND);
        assert_eq!(feed.1.load(std::sync::atomic::Ordering::Relaxed), opened);
    }
}
