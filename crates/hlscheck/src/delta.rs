//! Delta updates (6.2.5.1): put together with what is known, and judged (rule 60).

use crate::{
    media_playlist::{Media, Segment},
    one_playlist::ROUNDING_S,
    report::Sink,
};

/// The whole playlist that `delta` stands for, given an older one.
///
/// # Errors
/// What is missing: a player would have to fetch the whole playlist.
pub(crate) fn merge(before: &Media, delta: &Media) -> Result<Media, String> {
    let Some(skipped) = delta.skipped else { return Ok(delta.clone()) };
    let first = delta.media_sequence;
    let end = first.saturating_add(skipped);
    let known: Vec<Segment> = before
        .segments
        .iter()
        .filter(|segment| segment.msn >= first && segment.msn < end)
        .cloned()
        .map(|mut segment| {
            // Parts leave in order: where later ones have left, these have.
            if delta.segments.first().is_none_or(|kept| kept.parts.is_empty()) {
                segment.parts.clear();
            }
            segment
        })
        .collect();
    if known.len() as u64 != skipped {
        return Err(format!(
            "segments {first} to {} are skipped, and only {} of them were listed before",
            end.saturating_sub(1),
            known.len()
        ));
    }
    let last = known.last().cloned();
    let mut whole = delta.clone();
    whole.skipped = None;
    whole.segments.splice(0..0, known);
    let mut dsn = whole.discontinuity_sequence.unwrap_or(0);
    let inherits = |segment: &mut Segment| {
        let Some(last) = &last else { return };
        if segment.map.is_none() {
            segment.map.clone_from(&last.map);
        }
        if segment.keys.is_none() && segment.msn < delta.keys_from.unwrap_or(u64::MAX) {
            segment.keys.clone_from(&last.keys);
        }
    };
    for segment in whole.segments.iter_mut().chain(&mut whole.open) {
        dsn = dsn.saturating_add(u64::from(segment.discontinuity));
        segment.dsn = dsn;
        if segment.msn >= end {
            inherits(segment);
        }
    }
    Ok(whole)
}

/// Judges a delta update, `whole` being what it stands for.
pub(crate) fn judge(delta: &Media, whole: &Media, sink: &mut Sink) {
    let Some(boundary) = delta.control("CAN-SKIP-UNTIL").filter(|_| !delta.ended) else {
        sink.check(60, delta.skipped.is_none(), || {
            "_HLS_skip must be ignored after EXT-X-ENDLIST and without CAN-SKIP-UNTIL".into()
        });
        return;
    };
    let skipped = delta.skipped.unwrap_or(0);
    let left: f64 = delta.all().map(Segment::length_s).sum();
    sink.check(60, skipped == 0 || left >= boundary - ROUNDING_S, || {
        format!(
            "{skipped} segments are skipped, and only {left:.3} s are left of the skip boundary of {boundary}"
        )
    });
    let beyond = (skipped as f64) < whole.segments.len() as f64
        && delta.segments.first().is_some_and(|first| left - first.duration_s > boundary + ROUNDING_S)
        && skipped == 0;
    sink.check(60, !beyond, || {
        format!(
            "a delta update was asked for, and nothing of {left:.3} s is skipped at a boundary of {boundary}"
        )
    });
}
