//! Renditions beside each other: rules 29 to 36. What one playlist says is held against the others.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    follow::{Playlist, Tolerance},
    media_playlist::{Media, Segment},
    multivariant::Multivariant,
    report::{Sink, quote},
};

/// Ends that differ by less than this share of a part are the same end: renditions cut between samples.
const END_SHARE: f64 = 0.5;

/// All playlists by their URL.
pub(crate) type Playlists = BTreeMap<String, Playlist>;

/// Judges the playlist at `url`, which was just seen, against the others.
pub(crate) fn judge(
    url: &str,
    playlists: &mut Playlists,
    multivariant: Option<&Multivariant>,
    seen: (Instant, Instant),
    tolerance: &Tolerance,
    sink: &mut Sink,
) {
    let Some(media) = playlists.get(url).and_then(|found| found.newest.clone()) else { return };
    for (other, playlist) in playlists.iter().filter(|(other, _)| *other != url) {
        let Some(theirs) = &playlist.newest else { continue };
        heads(&media, theirs, other, sink);
        in_step(&media, theirs, other, sink);
    }
    if let Some(multivariant) = multivariant.filter(|_| media.is_low_latency()) {
        reports(url, &media, playlists, multivariant, seen, tolerance, sink);
    }
    claims(url, &media, playlists, seen.0, sink);
}

fn heads(media: &Media, theirs: &Media, other: &str, sink: &mut Sink) {
    if !media.iframes_only && !theirs.iframes_only {
        sink.check(30, media.target_s == theirs.target_s, || {
            format!(
                "TARGETDURATION is {:?} here and {:?} in {}",
                media.target_s,
                theirs.target_s,
                quote(other)
            )
        });
    }
    let same = match (&media.control, &theirs.control) {
        (Some(one), Some(two)) => one.same(two),
        (None, None) => true,
        _ => false,
    };
    sink.check(31, same, || format!("EXT-X-SERVER-CONTROL differs from that of {}", quote(other)));
    sink.check(34, media.kind == theirs.kind, || {
        format!("PLAYLIST-TYPE is {:?} here and {:?} in {}", media.kind, theirs.kind, quote(other))
    });
    let dated = |media: &Media| media.all().any(|segment| segment.date_us.is_some());
    if !media.segments.is_empty() && !theirs.segments.is_empty() {
        sink.check(33, dated(media) == dated(theirs), || {
            format!("EXT-X-PROGRAM-DATE-TIME stands in one of this and {} only", quote(other))
        });
    }
    if media.ended && theirs.ended && !media.date_ranges.is_empty() && !theirs.date_ranges.is_empty() {
        let ids = |media: &Media| {
            let mut ids: Vec<_> =
                media.date_ranges.iter().filter_map(|range| range.get("ID")).map(str::to_owned).collect();
            ids.sort();
            ids.dedup();
            ids
        };
        let (ours, others) = (ids(media), ids(theirs));
        sink.check(34, ours == others, || {
            let lone = |one: &[String], two: &[String]| {
                let lone: Vec<_> = one.iter().filter(|id| !two.contains(id)).map(String::as_str).collect();
                quote(&lone.join(" "))
            };
            format!(
                "date ranges {} stand here alone, and {} in {} alone",
                lone(&ours, &others),
                lone(&others, &ours),
                quote(other)
            )
        });
    }
}

/// The segment of `theirs` that plays at the same time for more than half of `segment`.
pub(crate) fn matching<'a>(segment: &Segment, theirs: &'a Media) -> Option<&'a Segment> {
    let from = segment.date_us?;
    let to = from.saturating_add((segment.duration_s * 1e6) as i64);
    theirs.segments.iter().rev().take(40).find(|other| {
        let Some(start) = other.date_us else { return false };
        let end = start.saturating_add((other.duration_s * 1e6) as i64);
        let common = to.min(end).saturating_sub(from.max(start));
        common as f64 / 1e6 > 0.5 * segment.duration_s.max(other.duration_s)
    })
}

fn in_step(media: &Media, theirs: &Media, other: &str, sink: &mut Sink) {
    for segment in media.segments.iter().rev().take(2) {
        let Some(same) = matching(segment, theirs) else { continue };
        sink.check(32, segment.dsn == same.dsn, || {
            format!(
                "segment {} has discontinuity sequence number {}, and segment {} of {}, which plays at the same \
                 time, {}",
                segment.msn,
                segment.dsn,
                same.msn,
                quote(other),
                same.dsn
            )
        });
    }
}

fn reports(
    url: &str,
    media: &Media,
    playlists: &mut Playlists,
    multivariant: &Multivariant,
    (asked_at, answered_at): (Instant, Instant),
    tolerance: &Tolerance,
    sink: &mut Sink,
) {
    if media.ended {
        return;
    }
    let siblings = multivariant.playlists();
    if !siblings.iter().any(|sibling| sibling == url) {
        return;
    }
    let (own_msn, own_parts) = media.edge();
    for other in siblings.iter().filter(|other| *other != url) {
        let report = media
            .reports
            .iter()
            .find(|report| report.get("URI").and_then(|uri| resolve(url, uri)).as_deref() == Some(other));
        sink.check(35, report.is_some(), || format!("no EXT-X-RENDITION-REPORT on {}", quote(other)));
        let Some(report) = report else { continue };
        let uri = report.get("URI").unwrap_or_default();
        sink.check(35, !uri.contains("://") && !uri.starts_with("//"), || {
            format!("EXT-X-RENDITION-REPORT: {} is not relative", quote(uri))
        });
        // What is left out is the same as of this playlist.
        let msn = report.integer("LAST-MSN").unwrap_or(own_msn);
        let part = report.integer("LAST-PART").map(|part| part.saturating_add(1));
        let part = part.or((report.get("LAST-MSN").is_none()).then_some(own_parts));
        let Some(playlist) = playlists.get_mut(other) else { continue };
        let Some(theirs) = playlist.newest.clone() else { continue };
        let said = edge_after(&theirs, msn, part);
        let beyond = playlist.seen.iter().find(|seen| seen.edge > said);
        let stale = beyond.map_or(Duration::ZERO, |seen| asked_at.saturating_duration_since(seen.at));
        let limit = part_target(media).saturating_add(tolerance.sync);
        sink.check(35, stale <= limit, || {
            format!(
                "the report on {} says {msn}.{:?} and {} ms later than it was listed there more",
                quote(other),
                part,
                stale.as_millis()
            )
        });
        const CLAIMS_MAX: usize = 16;
        if playlist.claims.len() < CLAIMS_MAX {
            playlist.claims.push((url.to_owned(), said, answered_at));
        }
    }
}

/// No other playlist has said more of this one than was there.
fn claims(url: &str, media: &Media, playlists: &mut Playlists, asked_at: Instant, sink: &mut Sink) {
    let Some(playlist) = playlists.get_mut(url) else { return };
    let edge = media.edge();
    let parts = |msn: u64| media.by_msn(msn).map_or(0, |segment| segment.parts.len());
    playlist.claims.retain(|(by, said, at)| {
        if *at > asked_at {
            return true;
        }
        // A finished segment's last part and the next segment's beginning are one place.
        let same = said.0.checked_add(1) == Some(edge.0) && parts(said.0) as u64 <= said.1;
        sink.check(35, *said <= edge || same || media.ended, || {
            format!(
                "{} reports {}.{} of this, which ends before {}.{}",
                quote(by),
                said.0,
                said.1,
                edge.0,
                edge.1
            )
        });
        false
    });
}

/// LAST-MSN and the number of parts as a place like [`Media::edge`].
fn edge_after(theirs: &Media, msn: u64, parts: Option<u64>) -> (u64, u64) {
    let next = (msn.saturating_add(1), 0);
    let Some(parts) = parts else { return next };
    match theirs.by_msn(msn) {
        Some(segment) if !segment.uri.is_empty() && segment.parts.len() as u64 <= parts => next,
        _ => (msn, parts),
    }
}

/// Is the playlist at `url`, known to stand where it stands until `until`, in time with the others (36)?
pub(crate) fn in_sync(
    url: &str,
    playlists: &Playlists,
    until: Instant,
    tolerance: &Tolerance,
    sink: &mut Sink,
) {
    let Some((media, mine)) =
        playlists.get(url).and_then(|found| Some((found.newest.clone()?, found.seen.back()?)))
    else {
        return;
    };
    let Some(ends_us) = mine.ends_us.filter(|_| media.is_low_latency() && !media.ended) else { return };
    let part = part_target(&media);
    let Some(by) = until.checked_sub(part.saturating_add(tolerance.sync)) else { return };
    let air_us = (part.as_secs_f64() * END_SHARE * 1e6) as i64;
    for (other, playlist) in playlists.iter().filter(|(other, _)| *other != url) {
        let Some(theirs) = playlist.newest.as_ref().filter(|theirs| theirs.is_low_latency() && !theirs.ended)
        else {
            continue;
        };
        let _ = theirs;
        let reached = playlist.seen.iter().rev().find(|seen| seen.at <= by);
        let Some(theirs_us) = reached.and_then(|seen| seen.ends_us) else { continue };
        sink.check(36, ends_us + air_us >= theirs_us, || {
            format!(
                "{} was {} ms ahead for longer than a part target",
                quote(other),
                (theirs_us - ends_us) / 1000
            )
        });
    }
}

fn part_target(media: &Media) -> Duration {
    Duration::try_from_secs_f64(media.part_target_s().unwrap_or(0.0)).unwrap_or(Duration::ZERO)
}

/// A URI against the URL of the playlist it stands in.
pub(crate) fn resolve(base: &str, uri: &str) -> Option<String> {
    let base = url::Url::parse(base).ok()?;
    let mut url = base.join(uri).ok()?;
    url.set_fragment(None);
    Some(url.into())
}
