//! Rules of one media playlist by itself, beyond its syntax: 7, 12 to 16, 19, 20, 45, 49, 50 and the half of 72
//! that needs no media.

use crate::{
    media_playlist::{Media, Part, Segment},
    report::Sink,
    rule::Level,
};

/// Decimal fractions are compared with this much air, in seconds: playlists are written to microseconds or less.
pub(crate) const ROUNDING_S: f64 = 0.000_002;
/// As far as dates may overlap "to account for drift": less than a second.
const OVERLAP_S: f64 = 1.0;

/// Judges what stands in a whole playlist. Segments equal to those of `before`, which was judged, are not judged
/// again.
pub(crate) fn judge(media: &Media, before: Option<&Media>, sink: &mut Sink) {
    figures(media, sink);
    hints(media, sink);
    let target = media.target_s.unwrap_or(0) as f64;
    let part_target = media.part_target_s();
    let known = |segment: &Segment| {
        before.is_some_and(|before| {
            before.target_s == media.target_s && before.by_msn(segment.msn) == Some(segment)
        })
    };
    for segment in media.all().filter(|segment| !known(segment)) {
        one_segment(segment, target, part_target, sink);
    }
    for pair in media.segments.windows(2) {
        if !known(&pair[1]) || !known(&pair[0]) {
            dates(&pair[0], &pair[1], sink);
        }
    }
    if let (Some(last), Some(open)) = (media.segments.last(), &media.open) {
        dates(last, open, sink);
    }
    old_parts(media, target, sink);
}

fn figures(media: &Media, sink: &mut Sink) {
    let has_parts = media.all().any(|segment| !segment.parts.is_empty());
    if has_parts || media.part_inf.is_some() {
        sink.check(12, media.part_inf.is_some(), || "EXT-X-PART without EXT-X-PART-INF".into());
        if media.part_inf.is_some() {
            sink.check(12, media.part_target_s().is_some_and(|target| target > 0.0), || {
                "EXT-X-PART-INF without a PART-TARGET above zero".into()
            });
            sink.check(12, media.control("PART-HOLD-BACK").is_some(), || {
                "EXT-X-PART-INF without PART-HOLD-BACK in EXT-X-SERVER-CONTROL".into()
            });
        }
    }
    if let (Some(back), Some(part)) = (media.control("PART-HOLD-BACK"), media.part_target_s()) {
        sink.check(13, back >= 2.0 * part - ROUNDING_S, || {
            format!("PART-HOLD-BACK is {back}, and twice PART-TARGET is {}", 2.0 * part)
        });
        sink.check_as(13, Level::Should, back >= 3.0 * part - ROUNDING_S, || {
            format!("PART-HOLD-BACK is {back}, and three times PART-TARGET is {}", 3.0 * part)
        });
    }
    let target = media.target_s.unwrap_or(0) as f64;
    for (name, times) in [("HOLD-BACK", 3.0), ("CAN-SKIP-UNTIL", 6.0)] {
        if let Some(value) = media.control(name) {
            sink.check(14, value >= times * target - ROUNDING_S, || {
                format!("{name} is {value}, and must be {times} target durations: {}", times * target)
            });
        }
    }
    if let Some(control) = &media.control {
        let ranges = control.get("CAN-SKIP-DATERANGES").is_some();
        sink.check(14, !ranges || control.get("CAN-SKIP-UNTIL").is_some(), || {
            "CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL".into()
        });
    }
}

fn hints(media: &Media, sink: &mut Sink) {
    for (index, hint) in media.hints.iter().enumerate() {
        let kind = hint.get("TYPE").unwrap_or_default();
        sink.check(19, hint.get("URI").is_some() && !kind.is_empty(), || {
            "EXT-X-PRELOAD-HINT needs TYPE and URI".into()
        });
        let doubled = media.hints[..index].iter().any(|other| other.get("TYPE") == Some(kind));
        sink.check_as(19, Level::Should, !doubled, || format!("more than one hint of TYPE={kind}"));
        sink.check(20, !media.ended, || "EXT-X-PRELOAD-HINT beside EXT-X-ENDLIST".into());
    }
    if media.ended && media.hints.is_empty() {
        sink.check(20, true, String::new);
    }
}

fn one_segment(segment: &Segment, target: f64, part_target: Option<f64>, sink: &mut Sink) {
    let msn = segment.msn;
    let whole = !segment.uri.is_empty();
    if whole {
        sink.check(7, segment.duration_s.round() <= target, || {
            format!(
                "segment {msn} lasts {} s, which rounds above the target duration of {target}",
                segment.duration_s
            )
        });
    }
    let Some(part_target) = part_target else { return };
    for (index, part) in segment.parts.iter().enumerate() {
        let said = || format!("part {msn}.{index} lasts {} s", part.duration_s);
        sink.check(15, part.duration_s <= part_target + ROUNDING_S, || {
            format!("{}, and PART-TARGET is {part_target}", said())
        });
        let next = segment.parts.get(index + 1);
        if may_be_short(part, next) {
            continue;
        }
        sink.check(16, part.duration_s >= 0.85 * part_target - ROUNDING_S, || {
            format!("{}, and 85 % of PART-TARGET is {:.4}", said(), 0.85 * part_target)
        });
    }
    if whole && segment.parts.iter().any(|part| part.gap) {
        sink.check(50, segment.gap, || format!("segment {msn} has a part that is a gap, and is none itself"));
    }
    if segment.gap && !segment.parts.is_empty() {
        // A gap may have begun as media; its last part is what was missing.
        sink.check(50, segment.parts.iter().any(|part| part.gap), || {
            format!("segment {msn} is a gap, and none of its parts is")
        });
    }
}

/// The floor of 4.4.4.9 does not bind these. The newest part of a growing segment may turn out to be its last.
fn may_be_short(part: &Part, next: Option<&Part>) -> bool {
    part.independent || part.gap || next.is_none_or(|next| next.gap)
}

/// Parts sum up to their segment, when all of them are listed: the segment's first part is among them.
pub(crate) fn parts_sum(segment: &Segment, parts_seen: usize, sink: &mut Sink) {
    if segment.uri.is_empty() || segment.parts.is_empty() || segment.parts.len() < parts_seen {
        return;
    }
    let sum = segment.parts_s();
    let air = ROUNDING_S.max(0.000_6) * (segment.parts.len() + 1) as f64;
    sink.check(72, (sum - segment.duration_s).abs() <= air, || {
        format!("segment {} lasts {} s, and its parts together {sum:.6}", segment.msn, segment.duration_s)
    });
}

fn dates(before: &Segment, after: &Segment, sink: &mut Sink) {
    if let (Some(one), Some(two)) = (before.date_us, after.date_us) {
        let step = (two.saturating_sub(one)) as f64 / 1e6;
        sink.check(
            49,
            // Dates are written to milliseconds; a segment may be shorter than that.
            step > before.duration_s - OVERLAP_S && (step > 0.0 || step == 0.0 && before.duration_s < 0.001),
            || {
                format!(
                    "segment {} begins {step:.3} s after segment {}, which lasts {} s",
                    after.msn, before.msn, before.duration_s
                )
            },
        );
    }
    if after.discontinuity && before.date_us.is_some() {
        sink.check_as(49, Level::Should, after.date_us.is_some(), || {
            format!("segment {} is a discontinuity and has no EXT-X-PROGRAM-DATE-TIME", after.msn)
        });
    }
}

fn old_parts(media: &Media, target: f64, sink: &mut Sink) {
    if media.ended {
        return;
    }
    let mut to_end = media.open.as_ref().map_or(0.0, Segment::parts_s);
    let mut old = media.segments.iter().rev().map(|segment| {
        let behind = to_end;
        to_end += segment.duration_s;
        (behind, segment)
    });
    // Parts leave segment by segment: one target duration of grace.
    let still = old.find(|(behind, segment)| *behind > 4.0 * target && !segment.parts.is_empty());
    sink.check(45, still.is_none(), || {
        let (behind, msn) = still.map_or((0.0, 0), |(behind, segment)| (behind, segment.msn));
        format!("segment {msn} ends {behind:.1} s before the end, and lists parts")
    });
}
