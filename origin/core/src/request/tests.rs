use access::{
    playback::{Claims, Keyring},
    root::Root,
};
use proptest::prelude::*;

use super::*;

const SESSION: &str = "019aa3b4-0000-7111-8222-000000000001";
const EPOCH: &str = "019aa3b4-0000-7111-8222-000000000002";

fn token() -> String {
    let ring = Keyring::new(&Root::new(&[1; 32]).unwrap(), ["k"]).unwrap();
    let claims = Claims { exp_unix_s: 1_800_000_000, classes: Classes::only(Class::Live), sid: 7 };
    ring.sign(claims, SESSION.parse().unwrap(), EPOCH.parse().unwrap()).expose()
}

fn object_of(below: &str) -> Result<String, Refusal> {
    let bare = format!("/s/{SESSION}/{EPOCH}/{below}");
    let with_token = format!("/p/{}{bare}", token());
    let bare = parse(&bare).map(|route| format!("{:?}", route.object));
    let with_token = parse(&with_token).map(|route| {
        assert_eq!(route.token.map(|token| token.expose()), Some(token()));
        format!("{:?}", route.object)
    });
    assert_eq!(bare, with_token);
    bare
}

#[test]
fn every_object_has_its_one_path() {
    for (below, object) in [
        ("index.m3u8", "Multivariant(Live)"),
        ("audio.m3u8", "AudioOnly(Live)"),
        ("dvr/index.m3u8", "Multivariant(Dvr)"),
        ("dvr/audio.m3u8", "AudioOnly(Dvr)"),
        ("vod/index.m3u8", "Multivariant(Vod)"),
        ("720p/index.m3u8", "MediaPlaylist(Live, \"720p\")"),
        ("audio/index.m3u8", "MediaPlaylist(Live, \"audio\")"),
        ("dvr/720p/index.m3u8", "MediaPlaylist(Dvr, \"720p\")"),
        ("vod/720p/index.m3u8", "MediaPlaylist(Vod, \"720p\")"),
        ("source/init-0.mp4", "Init(\"source\", 0)"),
        ("source/0.m4s", "Segment(\"source\", 0)"),
        ("source/18446744073709551615.m4s", "Segment(\"source\", 18446744073709551615)"),
        ("source/12.7.m4s", "Part(\"source\", 12, 7)"),
    ] {
        assert_eq!(object_of(below).as_deref(), Ok(object), "{below}");
    }
}

#[test]
fn no_other_spelling_of_an_object_is_known() {
    for below in [
        "",
        "/index.m3u8",
        "index.m3u8/",
        "./index.m3u8",
        "dvr/../index.m3u8",
        "..",
        "../..",
        ".",
        "INDEX.m3u8",
        "index.M3U8",
        "index%2em3u8",
        "%69ndex.m3u8",
        "index.m3u8%00",
        "index.m3u8\0",
        "index.m3u8;x=1",
        "index.m3u8 ",
        "index.m3u8\u{ff0e}",
        "720p//index.m3u8",
        "720p/./index.m3u8",
        "720p%2Findex.m3u8",
        "720P/index.m3u8",
        "dvr",
        "dvr/",
        "dvr/dvr/720p/index.m3u8",
        "dvr/720p/1.m4s",
        "vod/720p/init-0.mp4",
        "720p/audio.m3u8",
        "720p/01.m4s",
        "720p/1.01.m4s",
        "720p/+1.m4s",
        "720p/-1.m4s",
        "720p/1..m4s",
        "720p/.m4s",
        "720p/1.2.3.m4s",
        "720p/18446744073709551616.m4s",
        "720p/1.4294967296.m4s",
        "720p/init-.mp4",
        "720p/init-00.mp4",
        "720p/init-0.m4s",
        "720p/1.mp4",
        "720p/journal",
        "journal",
        "a.b/1.m4s",
        "\\720p\\1.m4s",
        &format!("{}/1.m4s", "a".repeat(33)),
        &"a/".repeat(200),
    ] {
        assert_eq!(object_of(below), Err(Refusal::NoSuchPath), "{below}");
    }
}

#[test]
fn the_way_to_the_epoch_has_one_spelling_too() {
    let (token, below) = (token(), "index.m3u8");
    let good = format!("/p/{token}/s/{SESSION}/{EPOCH}/{below}");
    assert!(parse(&good).is_ok());
    for (path, refusal) in [
        (String::new(), Refusal::NoSuchPath),
        ("/".into(), Refusal::NoSuchPath),
        ("*".into(), Refusal::NoSuchPath),
        ("/p".into(), Refusal::NoSuchPath),
        ("/p/".into(), Refusal::NoToken),
        (format!("/p/{token}"), Refusal::NoSuchPath),
        (format!("/p//s/{SESSION}/{EPOCH}/{below}"), Refusal::NoToken),
        (format!("/p/../s/{SESSION}/{EPOCH}/{below}"), Refusal::NoToken),
        (format!("/p/{token}/{token}/s/{SESSION}/{EPOCH}/{below}"), Refusal::NoSuchPath),
        (format!("/p/{token}/p/{token}/s/{SESSION}/{EPOCH}/{below}"), Refusal::NoSuchPath),
        (format!("/P/{token}/s/{SESSION}/{EPOCH}/{below}"), Refusal::NoSuchPath),
        (format!("//p/{token}/s/{SESSION}/{EPOCH}/{below}"), Refusal::NoSuchPath),
        (format!("p/{token}/s/{SESSION}/{EPOCH}/{below}"), Refusal::NoSuchPath),
        (format!("/p/{token}/S/{SESSION}/{EPOCH}/{below}"), Refusal::NoSuchPath),
        (format!("/p/{token}/s/{}/{EPOCH}/{below}", SESSION.to_uppercase()), Refusal::NoSuchPath),
        (format!("/p/{token}/s/{}/{EPOCH}/{below}", SESSION.replace('-', "")), Refusal::NoSuchPath),
        (format!("/p/{token}/s/{{{SESSION}}}/{EPOCH}/{below}"), Refusal::NoSuchPath),
        (format!("/p/{token}/s/{SESSION}/{below}"), Refusal::NoSuchPath),
        (format!("/p/{}/s/{SESSION}/{EPOCH}/{below}", &token[1..]), Refusal::NoToken),
        (format!("/p/{}/s/{SESSION}/{EPOCH}/{below}", token.to_uppercase()), Refusal::NoToken),
        (format!("/p/{token}./s/{SESSION}/{EPOCH}/{below}"), Refusal::NoToken),
        (format!("/p/{}/s/{SESSION}/{EPOCH}/{below}", token.replace('.', "%2e")), Refusal::NoSuchPath),
        (format!("/p/{token}%2fs/{SESSION}/{EPOCH}/{below}"), Refusal::NoSuchPath),
        (format!("http://host{good}"), Refusal::NoSuchPath),
    ] {
        assert_eq!(parse(&path).map(|_| ()), Err(refusal), "{path}");
    }
}

#[test]
fn classes_open_their_own_playlists() {
    let live = Classes::only(Class::Live);
    for (object, open) in [
        (Object::Multivariant(View::Live), true),
        (Object::MediaPlaylist(View::Live, "audio"), true),
        (Object::Segment("audio", 1), true),
        (Object::Multivariant(View::Dvr), false),
        (Object::AudioOnly(View::Vod), false),
    ] {
        assert_eq!(object.is_open_to(live), open, "{object:?}");
    }
    assert!(Object::Multivariant(View::Dvr).is_open_to(live.and(Class::Dvr)));
    assert!(Object::Multivariant(View::Vod).is_open_to(Classes::only(Class::Vod)));
    assert!(Object::Multivariant(View::Live).is_open_to(Classes::only(Class::Preview)));
}

/// Writes a route's path: the inverse of `parse`, kept here because only tests need it.
fn write(route: &Route<'_>) -> String {
    let folder = |view| match view {
        View::Live => "",
        View::Dvr => "dvr/",
        View::Vod => "vod/",
    };
    let below = match route.object {
        Object::Multivariant(view) => format!("{}index.m3u8", folder(view)),
        Object::AudioOnly(view) => format!("{}audio.m3u8", folder(view)),
        Object::MediaPlaylist(view, rendition) => format!("{}{rendition}/index.m3u8", folder(view)),
        Object::Init(rendition, n) => format!("{rendition}/init-{n}.mp4"),
        Object::Segment(rendition, msn) => format!("{rendition}/{msn}.m4s"),
        Object::Part(rendition, msn, part) => format!("{rendition}/{msn}.{part}.m4s"),
    };
    let prefix = route.token.map_or_else(String::new, |token| format!("/p/{}", token.expose()));
    format!("{prefix}/s/{}/{}/{below}", route.session, route.epoch)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_routes_is_the_canonical_path_byte_for_byte(
        below in "(dvr/|vod/|720p/|)(index\\.m3u8|audio\\.m3u8|[0-9]{1,3}(\\.[0-9]{1,2})?\\.m4s|init-[0-9]{1,2}\\.mp4)",
        with_token: bool,
    ) {
        let prefix = if with_token { format!("/p/{}", token()) } else { String::new() };
        let path = format!("{prefix}/s/{SESSION}/{EPOCH}/{below}");
        if let Ok(route) = parse(&path) {
            prop_assert_eq!(write(&route), path);
        }
    }

    #[test]
    fn one_changed_byte_never_leads_to_the_same_object(at: usize, with in "\\PC") {
        let path = format!("/p/{}/s/{SESSION}/{EPOCH}/720p/12.3.m4s", token());
        let at = at % path.len();
        let mut changed = path.clone();
        changed.replace_range(at..=at, &with);
        prop_assume!(changed != path);
        if let Ok(route) = parse(&changed) {
            prop_assert_eq!(write(&route), changed);
        }
    }

    #[test]
    fn nothing_a_peer_sends_panics(path in "\\PC{0,400}") {
        let _ = parse(&path);
    }
}
