//! What a good player never asks, and a good server has an answer for (55 to 58, 62, 67).

use std::{sync::Arc, time::Duration};

use runtime::clock;

use super::{PAUSE, Shared, WAIT, pause};
use crate::{across, exchange::Exchange, media_playlist::Media};

/// A refusal of nonsense takes no longer.
const AT_ONCE: Duration = Duration::from_secs(1);
/// The playlist may change between two answers that are compared.
const TRIES: usize = 6;

/// Tries everything once.
pub(super) async fn run(shared: Arc<Shared>, url: String) {
    let Some(media) = first(&shared, &url).await else { return };
    if media.can_block() && !media.ended {
        blocking(&shared, &url).await;
    }
    unknown(&shared, &url, &media).await;
    other_parameters(&shared, &url).await;
}

async fn first(shared: &Shared, url: &str) -> Option<Arc<Media>> {
    for _ in 0..40 {
        if let Some(media) = shared.checker().newest(url) {
            return Some(media);
        }
        pause(PAUSE).await;
    }
    None
}

fn with(url: &str, query: &str) -> String {
    format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' })
}

async fn blocking(shared: &Shared, url: &str) {
    if let Some(answer) = ask(shared, &with(url, "_HLS_part=0")).await {
        let status = answer.status();
        probe(shared, 55, &answer, status == 400, || {
            format!("_HLS_part without _HLS_msn was answered {status}")
        });
    }
    let Some(media) = shared.checker().newest(url) else { return };
    let (msn, _) = media.edge();
    if let Some(answer) = ask(shared, &with(url, &format!("_HLS_msn={}", msn.saturating_add(5)))).await {
        let (status, waited) = (answer.status(), answer.waited());
        let kept = (400..500).contains(&status) && waited <= AT_ONCE;
        probe(shared, 56, &answer, kept, || {
            format!("a request for five segments ahead was answered {status} after {} ms", waited.as_millis())
        });
    }
    if let Some(first) = media.segments.first() {
        shared.look(&with(url, &format!("_HLS_msn={}", first.msn)), WAIT).await;
    }
    let Some(media) = shared.checker().newest(url) else { return };
    let last = media.segments.last().filter(|last| !last.parts.is_empty());
    if let Some(last) = last {
        let query = format!("_HLS_msn={}&_HLS_part={}", last.msn, last.parts.len());
        shared.look(&with(url, &query), WAIT).await;
    }
}

async fn unknown(shared: &Shared, url: &str, media: &Media) {
    let Some(like) = media.segments.last() else { return };
    let name = like.uri.split('?').next().unwrap_or_default();
    let Some((folder, ending)) =
        name.rsplit_once('/').map_or(Some(("", name)), Some).map(|(folder, file)| {
            (
                folder.to_owned(),
                file.rsplit_once('.').map_or(String::new(), |(_, ending)| format!(".{ending}")),
            )
        })
    else {
        return;
    };
    let slash = if folder.is_empty() { "" } else { "/" };
    let Some(nowhere) = across::resolve(url, &format!("{folder}{slash}hlscheck-is-not-there{ending}")) else {
        return;
    };
    if let Some(answer) = ask(shared, &nowhere).await {
        let (status, waited) = (answer.status(), answer.waited());
        probe(shared, 62, &answer, status == 404 && waited <= AT_ONCE, || {
            format!("what does not exist was answered {status} after {} ms", waited.as_millis())
        });
    }
}

async fn other_parameters(shared: &Shared, url: &str) {
    for _ in 0..TRIES {
        let (Some(bare), Some(more)) = (ask(shared, url).await, ask(shared, &with(url, "hlscheck=1")).await)
        else {
            return;
        };
        let edge = |answer: &Exchange| {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            let of = |tag: &str| text.lines().filter(|line| line.starts_with(tag)).count();
            (
                of("#EXTINF"),
                of("#EXT-X-PART:"),
                text.lines().rfind(|line| !line.starts_with('#')).map(str::to_owned),
            )
        };
        if edge(&bare) != edge(&more) {
            continue;
        }
        let facts = |answer: &Exchange| {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            text.lines()
                .filter(|line| !line.starts_with("#EXT-X-RENDITION-REPORT"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let kept = bare.status() == more.status() && facts(&bare) == facts(&more);
        probe(shared, 67, &more, kept, || "a parameter that means nothing changes the playlist".into());
        return;
    }
}

async fn ask(shared: &Shared, url: &str) -> Option<Exchange> {
    shared.playlist(url, WAIT).await.ok().filter(|answer| answer.status() < 500)
}

fn probe(shared: &Shared, rule: u8, answer: &Exchange, kept: bool, message: impl FnOnce() -> String) {
    shared.checker().probe(rule, &answer.url, clock::now(), kept, message);
}
