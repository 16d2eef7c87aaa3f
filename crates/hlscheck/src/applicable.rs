//! Which rules could not be judged, and why.

use crate::{media_playlist::Media, report::Report, rule::Rule};

/// Fills in a reason for each rule that was never looked at.
pub(crate) fn fill<'a>(report: &mut Report, playlists: impl Iterator<Item = &'a Media>) {
    let mut facts = Seen::default();
    for media in playlists {
        facts.any = true;
        facts.parts |= media.is_low_latency();
        facts.ended |= media.ended;
        facts.keys |= media.all().any(|segment| segment.keys.is_some());
        facts.ranges |= !media.date_ranges.is_empty();
        facts.deltas |= media.control("CAN-SKIP-UNTIL").is_some();
        facts.blocks |= media.can_block();
    }
    for rule in Rule::all() {
        if !report.checked.contains_key(&rule) {
            report.not_applicable.insert(rule, reason(rule.number(), &facts).to_owned());
        }
    }
}

#[derive(Default)]
struct Seen {
    any: bool,
    parts: bool,
    ended: bool,
    keys: bool,
    ranges: bool,
    deltas: bool,
    blocks: bool,
}

fn reason(rule: u8, seen: &Seen) -> &'static str {
    match rule {
        24 | 73 if !seen.keys => "nothing is encrypted",
        73 => "keys are not fetched: that takes a licence to play",
        _ if !seen.any && rule > 3 => "no media playlist was seen",
        12 | 13 | 15..=18 | 35 | 36 | 44 | 45 | 50 | 52 | 61 if !seen.parts => "there are no parts",
        22 | 53 if !seen.ranges => "there are no date ranges",
        20 | 48 if !seen.ended => "it has not ended",
        21 | 60 if !seen.deltas => "delta updates are not offered",
        54..=59 if !seen.blocks => "blocking reloads are not offered",
        28 | 29 | 32 | 33 => "there is one rendition, or its media was not fetched",
        25..=34 => "there is one rendition, or no multivariant playlist",
        11 => "there are no byte ranges",
        65 => "no byte ranges are used",
        23 | 39 | 41 | 42 => "nothing was removed while it was looked at",
        37 | 38 | 40 | 43 | 44 => "the playlist did not change while it was looked at",
        46 => "no promise ended while it was looked at",
        64 => "plain HTTP: players speak HTTP/2 over TLS only",
        3 | 47 | 54..=63 | 66 | 67 => "no requests were made",
        18 | 68..=72 => "no such media was fetched",
        _ => "nothing of the kind was there",
    }
}
