//! From one whole playlist to a later one at the same URI: rules 23, 37 to 42, 45, 48, 52 and 53.

use crate::{
    media_playlist::{Media, Segment},
    report::{Sink, quote},
    rule::Level,
};

/// Judges what became of `before`.
pub(crate) fn judge(before: &Media, after: &Media, sink: &mut Sink) {
    sink.check(37, before.target_s == after.target_s, || {
        format!("TARGETDURATION was {:?} and is {:?}", before.target_s, after.target_s)
    });
    header(before, after, sink);
    ending(before, after, sink);
    sequences(before, after, sink);
    segments(before, after, sink);
    hint(before, after, sink);
    date_ranges(before, after, sink);
}

fn header(before: &Media, after: &Media, sink: &mut Sink) {
    let facts = |media: &Media| {
        (
            media.version,
            media.iframes_only,
            media.independent_segments,
            media.part_inf.clone(),
            media.kind.clone(),
        )
    };
    sink.check(38, facts(before) == facts(after), || {
        format!("the head of the playlist was {:?} and is {:?}", facts(before), facts(after))
    });
    let same_control = match (&before.control, &after.control) {
        (Some(one), Some(two)) => one.same(two),
        (None, None) => true,
        _ => false,
    };
    sink.check(38, same_control, || "EXT-X-SERVER-CONTROL has changed".into());
}

fn ending(before: &Media, after: &Media, sink: &mut Sink) {
    if before.ended {
        sink.check(48, after.ended, || "EXT-X-ENDLIST was there and is not any more".into());
        let mut unchanged = before.clone();
        // Metadata may still leave.
        unchanged.reports.clone_from(&after.reports);
        unchanged.date_ranges.clone_from(&after.date_ranges);
        let removal = after.media_sequence > before.media_sequence;
        sink.check(48, removal || unchanged == *after, || {
            "the playlist has changed after EXT-X-ENDLIST".into()
        });
    }
    match before.kind.as_deref() {
        Some("VOD") => {
            let same = before.segments == after.segments && before.ended == after.ended;
            sink.check(48, same, || "a playlist of type VOD has changed".into());
        }
        Some("EVENT") => sink.check(48, after.media_sequence == before.media_sequence, || {
            format!(
                "an EVENT playlist began with segment {} and begins with {}",
                before.media_sequence, after.media_sequence
            )
        }),
        _ => {}
    }
}

fn sequences(before: &Media, after: &Media, sink: &mut Sink) {
    let (from, to) = (before.media_sequence, after.media_sequence);
    sink.check(39, to >= from, || format!("EXT-X-MEDIA-SEQUENCE was {from} and is {to}"));
    if to > from {
        sink.check(23, after.kind.is_none(), || {
            format!(
                "segments were removed from a playlist of type {}",
                after.kind.as_deref().unwrap_or_default()
            )
        });
        let (left, floor) = (after.duration_s(), 3.0 * after.target_s.unwrap_or(0) as f64);
        sink.check(42, after.ended || left >= floor - 0.001, || {
            format!("{left:.3} s are left after removal, and three target durations are {floor}")
        });
        let discontinuities = before.all().any(|segment| segment.discontinuity);
        sink.check(41, !discontinuities || after.discontinuity_sequence.is_some(), || {
            "segments were removed from a playlist with EXT-X-DISCONTINUITY and without \
             EXT-X-DISCONTINUITY-SEQUENCE"
                .into()
        });
    }
    let (from, to) = (before.discontinuity_sequence.unwrap_or(0), after.discontinuity_sequence.unwrap_or(0));
    sink.check(41, to >= from, || format!("EXT-X-DISCONTINUITY-SEQUENCE was {from} and is {to}"));
}

fn segments(before: &Media, after: &Media, sink: &mut Sink) {
    let mut kept_parts_of: Option<u64> = None;
    for old in before.all().filter(|old| old.msn >= after.media_sequence) {
        let Some(new) = after.by_msn(old.msn) else {
            sink.check(38, false, || format!("segment {} was listed and is not any more", old.msn));
            continue;
        };
        same_segment(old, new, after, sink);
        let gone = parts(old, new, sink);
        sink.check_as(45, Level::Must, gone == 0 || kept_parts_of.is_none(), || {
            format!(
                "parts of segment {} left the list before those of {:?}",
                old.msn,
                kept_parts_of.unwrap_or(0)
            )
        });
        if gone < old.parts.len() {
            kept_parts_of = kept_parts_of.or(Some(old.msn));
        }
    }
}

fn same_segment(old: &Segment, new: &Segment, after: &Media, sink: &mut Sink) {
    let msn = old.msn;
    if !old.uri.is_empty() {
        let same = old.uri == new.uri && old.duration_s == new.duration_s && old.range == new.range;
        let moved = after
            .segments
            .iter()
            .find(|other| other.uri == old.uri && other.range == old.range && other.msn != msn);
        match moved.filter(|_| !same) {
            Some(moved) => sink.check(39, moved.msn == msn, || {
                format!("the segment {} was number {msn} and is {}", quote(&old.uri), moved.msn)
            }),
            None => sink.check(40, same, || {
                format!(
                    "segment {msn} was {} of {} s and is {} of {} s",
                    quote(&old.uri),
                    old.duration_s,
                    quote(&new.uri),
                    new.duration_s
                )
            }),
        }
        sink.check(38, old.gap == new.gap, || format!("EXT-X-GAP of segment {msn} has changed"));
    }
    sink.check(41, old.dsn == new.dsn, || {
        format!("the discontinuity sequence number of segment {msn} was {} and is {}", old.dsn, new.dsn)
    });
    // The first segment of a list may lose its own tag to the header's count.
    let head = new.msn == after.media_sequence;
    sink.check(38, old.discontinuity == new.discontinuity || head, || {
        format!("EXT-X-DISCONTINUITY of segment {msn} has changed")
    });
    sink.check(38, old.map == new.map && old.keys == new.keys, || {
        format!("EXT-X-MAP or EXT-X-KEY of segment {msn} has changed: {:?}, {:?}", old.map, new.map)
    });
    sink.check(38, old.date_us == new.date_us, || format!("the date of segment {msn} has changed"));
}

/// Old parts are still there, but for some at the beginning; answers how many of those.
fn parts(old: &Segment, new: &Segment, sink: &mut Sink) -> usize {
    let closed = !old.uri.is_empty();
    let gone = match new.parts.first() {
        None => old.parts.len(),
        Some(first) => {
            old.parts.iter().position(|part| part.uri == first.uri && part.range == first.range).unwrap_or(0)
        }
    };
    let kept = &old.parts[gone..];
    let grown = if closed { new.parts.len() == kept.len() } else { new.parts.len() >= kept.len() };
    let same = grown && new.parts.iter().zip(kept).all(|(new, old)| new == old);
    let only_removed = new.parts.is_empty() && (closed || !new.uri.is_empty() || old.parts.is_empty());
    sink.check(40, only_removed || same, || {
        format!("the parts of segment {} were {} and are {}", old.msn, names(old), names(new))
    });
    gone
}

fn names(segment: &Segment) -> String {
    let shown = segment.parts.iter().take(12).map(|part| {
        format!(
            "{}{}{} ({} s)",
            part.uri,
            if part.gap { " gap" } else { "" },
            if part.independent { " independent" } else { "" },
            part.duration_s
        )
    });
    quote(&shown.collect::<Vec<_>>().join(", "))
}

/// What follows the old edge is what was hinted. A hint may also be dropped; that is noted, and the shell looks
/// whether the resource is not found then.
fn hint(before: &Media, after: &Media, sink: &mut Sink) {
    let Some(hinted) = before.hinted_part().and_then(|hint| hint.get("URI")) else { return };
    let (msn, index) = before.edge();
    let next = after.by_msn(msn).and_then(|segment| segment.parts.get(usize::try_from(index).ok()?));
    // The segment may have ended with the part before.
    let next = next.or_else(|| after.by_msn(msn.checked_add(1)?).and_then(|segment| segment.parts.first()));
    let Some(next) = next.filter(|_| after.edge() > before.edge()) else { return };
    let later = after.all().flat_map(|segment| &segment.parts).any(|part| part.uri == hinted);
    sink.check(52, next.uri == hinted || !later, || {
        format!("{} was hinted as the next part, and came after {}", quote(hinted), quote(&next.uri))
    });
    if next.uri != hinted && !later {
        sink.note(format!("{} was hinted, and {} came instead of it", quote(hinted), quote(&next.uri)));
    }
}

fn date_ranges(before: &Media, after: &Media, sink: &mut Sink) {
    let first = after.segments.iter().find_map(|segment| segment.date_us);
    for old in &before.date_ranges {
        let Some(id) = old.get("ID") else { continue };
        let now = after.date_ranges.iter().find(|new| new.get("ID") == Some(id));
        match now {
            Some(new) => {
                let changed =
                    old.iter().any(|one| new.get(&one.name).is_some_and(|value| value != one.value));
                sink.check(53, !changed, || {
                    format!("the date range {} has changed its attributes", quote(id))
                });
            }
            None => {
                let end =
                    old.get("END-DATE").or(old.get("START-DATE")).and_then(crate::media_playlist::date_us);
                let end = end.map(|end| end + (old.decimal("DURATION").unwrap_or(0.0) * 1e6) as i64);
                let passed = end.zip(first).is_some_and(|(end, first)| end <= first);
                sink.check(53, passed || after.skipped.is_some(), || {
                    format!("the date range {} was removed while its segments are listed", quote(id))
                });
            }
        }
    }
}
