//! The rules of draft-pantos-hls-rfc8216bis-22 that a media playlist must keep: by itself, and from one answer to
//! the next. Every broken rule is a sentence.

use crate::playlist::{Media, Segment};

/// Decimal fractions of seconds are compared with this much air: playlists round to microseconds or less.
const ROUNDING_S: f64 = 0.000_6;

/// Rules of one playlist.
#[must_use]
pub fn alone(list: &Media) -> Vec<String> {
    let mut broken = Vec::new();
    let mut must = |kept: bool, rule: String| {
        if !kept {
            broken.push(rule);
        }
    };
    let control = |name: &str| list.control.number(name).unwrap_or(0.0);
    let (target, part_target) = (list.target_duration_s, list.part_target_s);
    must(target >= 1.0, "4.4.3.1: TARGETDURATION is at least 1".into());
    if list.kind.as_deref() != Some("VOD") {
        must(list.version >= 9 || list.skipped == 0, "8: SKIP needs version 9".into());
        must(part_target > 0.0, "B.1: a low-latency playlist has PART-INF".into());
        must(list.control.get("CAN-BLOCK-RELOAD") == Some("YES"), "B.1: CAN-BLOCK-RELOAD=YES".into());
        must(
            control("PART-HOLD-BACK") >= 3.0 * part_target - ROUNDING_S,
            "B.1: PART-HOLD-BACK is three parts".into(),
        );
        must(
            control("HOLD-BACK") >= 3.0 * target,
            "4.4.3.8: HOLD-BACK is at least three target durations".into(),
        );
        must(
            control("CAN-SKIP-UNTIL") >= 6.0 * target,
            "4.4.3.8: CAN-SKIP-UNTIL is six target durations".into(),
        );
        must(list.ended || list.hint.is_some(), "B.1: the next part is hinted".into());
    }
    must(!list.ended || list.hint.is_none(), "4.4.5.3: no hint after ENDLIST".into());
    for segment in list.all() {
        let msn = segment.msn;
        must(segment.map.is_some(), format!("3.1.2: segment {msn} has a MAP"));
        must(segment.program_date_time.is_some(), format!("B.1: segment {msn} has a PROGRAM-DATE-TIME"));
        must(
            segment.duration_s.round() <= target,
            format!("4.4.3.1: segment {msn} lasts {}", segment.duration_s),
        );
        for rule in parts(segment, part_target, list.open.as_ref() == Some(segment)) {
            must(false, rule);
        }
        let sum: f64 = segment.parts.iter().map(|part| part.duration_s).sum();
        let drift = (sum - segment.duration_s).abs();
        let air = ROUNDING_S * (segment.parts.len() + 1) as f64;
        must(
            segment.parts.is_empty() || segment.uri.is_empty() || drift < air,
            format!("3.2: segment {msn} lasts {} and its parts {sum}", segment.duration_s),
        );
    }
    broken
}

fn parts(segment: &Segment, part_target: f64, growing: bool) -> Vec<String> {
    let mut broken = Vec::new();
    for (index, part) in segment.parts.iter().enumerate() {
        let name = format!("part {}.{index} of {} s", segment.msn, part.duration_s);
        if part.duration_s > part_target + ROUNDING_S {
            broken.push(format!("4.4.4.9: {name} is over PART-TARGET {part_target}"));
        }
        let next = segment.parts.get(index + 1);
        let may_be_short =
            part.independent || part.gap || next.is_some_and(|next| next.gap) || (next.is_none() && !growing);
        // The newest part of a growing segment may turn out to be its last.
        if !may_be_short && next.is_some() && part.duration_s < 0.85 * part_target - ROUNDING_S {
            broken.push(format!("4.4.4.9: {name} is under 85 % of PART-TARGET {part_target}"));
        }
    }
    let media = segment.parts.iter().find(|part| !part.gap);
    if !segment.gap && media.is_some_and(|_| !segment.parts[0].gap && !segment.parts[0].independent) {
        broken.push(format!("B.1: segment {} begins with a part that is not independent", segment.msn));
    }
    broken
}

/// Rules from one full playlist to a later one at the same URI.
#[must_use]
pub fn change(before: &Media, after: &Media) -> Vec<String> {
    let mut broken = Vec::new();
    let mut must = |kept: bool, rule: String| {
        if !kept {
            broken.push(rule);
        }
    };
    must(before.target_duration_s == after.target_duration_s, "6.2.1: TARGETDURATION never changes".into());
    must(before.part_target_s == after.part_target_s || after.ended, "PART-TARGET never changes".into());
    must(before.kind == after.kind || after.ended, "PLAYLIST-TYPE never changes".into());
    must(!before.ended || after.ended, "6.2.1: ENDLIST stays".into());
    must(!before.ended || before == after, "6.2.1: nothing changes after ENDLIST".into());
    let (from, to) = (before.media_sequence, after.media_sequence);
    must(to >= from, format!("6.2.2: the media sequence falls from {from} to {to}"));
    must(
        before.kind.as_deref() != Some("EVENT") || to == from,
        "4.4.3.5: nothing is removed from an EVENT".into(),
    );
    must(
        before.newest() <= after.newest() || after.ended,
        format!("6.2.1: {:?} came before {:?}", before.newest(), after.newest()),
    );

    let left: u64 = before.segments.iter().filter(|old| old.msn < to && old.discontinuity).count() as u64;
    must(
        after.discontinuity_sequence == before.discontinuity_sequence + left,
        format!(
            "6.2.2: DISCONTINUITY-SEQUENCE was {} and is {} although {left} left",
            before.discontinuity_sequence, after.discontinuity_sequence
        ),
    );
    if to > from {
        let rest: f64 = after.segments.iter().map(|segment| segment.duration_s).sum();
        must(rest >= 3.0 * after.target_duration_s - 0.01, format!("6.2.2: only {rest} s are left"));
    }
    for old in before.all().filter(|old| old.msn >= to) {
        let Some(new) = after.all().find(|new| new.msn == old.msn) else {
            must(false, format!("6.2.1: segment {} was listed and is not any more", old.msn));
            continue;
        };
        must(same(old, new), format!("6.2.1: segment {} was\n{old:?}\nand is\n{new:?}", old.msn));
    }
    broken
}

/// Is `new` the segment `old`, perhaps grown or with its parts taken off the list?
fn same(old: &Segment, new: &Segment) -> bool {
    let head = old.map == new.map
        && old.program_date_time == new.program_date_time
        && old.discontinuity == new.discontinuity;
    if old.uri.is_empty() {
        return head && (new.parts.is_empty() || new.parts.starts_with(&old.parts));
    }
    let parts = new.parts.is_empty() || new.parts == old.parts;
    head && parts && (old.gap, &old.uri, old.duration_s) == (new.gap, &new.uri, new.duration_s)
}
