//! Heads of answers: rules 3, 59, 63, 64 and 66.

use std::time::Duration;

use crate::{
    exchange::{Directives, Exchange, Http},
    media_playlist::Media,
    report::{Sink, quote},
    rule::Level,
};

const PLAYLIST_TYPES: [&str; 2] = ["application/vnd.apple.mpegurl", "audio/mpegurl"];
/// Beyond three target durations, for a 503 to arrive.
const HOLD_AIR: Duration = Duration::from_secs(2);

/// Judges the head of a playlist's answer; `media` is what is known of the playlist, if it is a media playlist.
pub(crate) fn playlist(
    exchange: &Exchange,
    bare: &str,
    directives: Directives,
    media: Option<&Media>,
    sink: &mut Sink,
) {
    let Some(http) = &exchange.http else { return };
    if let Some(media) = media.filter(|_| directives.msn.is_some()) {
        let hold = Duration::from_secs(3 * media.target_s.unwrap_or(0));
        let over = exchange.waited() > hold + HOLD_AIR;
        sink.check(59, !over, || {
            format!("a reload was held for {} s and answered {}", exchange.waited().as_secs(), http.status)
        });
    }
    cache(exchange, http, directives, media, sink);
    if !exchange.succeeded() {
        return;
    }
    let path = bare.split('?').next().unwrap_or_default().to_ascii_lowercase();
    let by_path = path.ends_with(".m3u8") || path.ends_with(".m3u");
    let kind = http.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let by_type = PLAYLIST_TYPES.iter().any(|known| kind.eq_ignore_ascii_case(known));
    sink.check(3, by_path || by_type, || {
        format!(
            "neither does the path end in .m3u8, nor is the Content-Type {}: it is {}",
            PLAYLIST_TYPES[0],
            quote(kind)
        )
    });
    sink.check_as(3, Level::Should, by_type || !by_path, || {
        format!("the Content-Type is {}, and {} is expected", quote(kind), PLAYLIST_TYPES[0])
    });
    let packed = http.header("content-encoding").is_some();
    const WORTH_PACKING: usize = 256;
    sink.check(63, packed || exchange.body.len() < WORTH_PACKING, || {
        "sent without a Content-Encoding, although gzip was accepted".into()
    });
    if bare.starts_with("https:") {
        sink.check(64, http.is_http2, || "answered with HTTP/1, although HTTP/2 was offered".into());
    }
}

fn cache(exchange: &Exchange, http: &Http, directives: Directives, media: Option<&Media>, sink: &mut Sink) {
    let Some(target) = media.and_then(|media| media.target_s) else { return };
    let control = http.header("cache-control").unwrap_or_default().to_ascii_lowercase();
    let max_age = max_age(&control);
    let blocking = directives.msn.is_some();
    let half = |times: u64| times * target;
    let (limit, what) = match (exchange.succeeded(), blocking) {
        (true, true) => (12 * target, "a blocking reload's answer for 6 target durations at most"),
        (true, false) => (half(1), "a playlist for half a target duration at most"),
        (false, true) => (8 * target, "a blocking reload's refusal for 4 target durations at most"),
        (false, false) => (2 * target, "a refusal for a target duration at most"),
    };
    let said = max_age.is_some() || ["no-store", "no-cache"].iter().any(|word| control.contains(word));
    sink.check(66, said && max_age.is_none_or(|age| age.saturating_mul(2) <= limit.max(1)), || {
        format!("Cache-Control is {}: keep {what}", quote(&control))
    });
}

/// Judges the cache headers of media.
pub(crate) fn media(http: &Http, sink: &mut Sink) {
    let control = http.header("cache-control").unwrap_or_default().to_ascii_lowercase();
    let said = max_age(&control).is_some() || http.header("expires").is_some();
    sink.check(66, said, || {
        format!("media has neither max-age nor Expires: Cache-Control is {}", quote(&control))
    });
}

fn max_age(control: &str) -> Option<u64> {
    let value = |name: &str| {
        control.split(',').find_map(|one| one.trim().strip_prefix(name)?.trim_matches('"').parse().ok())
    };
    value("s-maxage=").or(value("max-age="))
}
