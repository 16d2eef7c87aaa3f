//! Blocking playlist reload (rfc8216bis 6.2.5.2) and blocked parts (6.2.6): serve now, hold, or refuse.

use std::time::Duration;

use hls::window::{Figures, Window};

use crate::directives::Directives;

/// What to do with a media playlist's request, given the window as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// Answer with the playlist.
    Serve,
    /// Ask again when the window has changed, for [`hold_max`] at most; then 503.
    Hold,
    /// 400: no player that follows the playlist can want this yet.
    TooFarAhead,
}

/// What to do with a part's request, given the window as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Answer with its bytes, if there are any.
    Serve,
    /// It is the hinted one: ask again when the window has changed, for [`hold_max`] at most; then 503.
    Hold,
    /// 404: neither listed nor hinted.
    Unknown,
}

/// How long a request is held: "the Server SHOULD return 503 if it is blocked for more than three times the
/// Target Duration".
#[must_use]
pub fn hold_max(figures: &Figures) -> Duration {
    Duration::from_secs(3 * u64::from(figures.target_duration_s))
}

/// Decides about a media playlist.
#[must_use]
pub fn reload(window: &Window, directives: &Directives) -> Reload {
    let Some((msn, part)) = directives.until else { return Reload::Serve };
    // "If the playlist contains EXT-X-ENDLIST, the directives are ignored."
    if window.ended || is_listed(window, msn, part) {
        return Reload::Serve;
    }
    if is_too_far(window, msn, part) { Reload::TooFarAhead } else { Reload::Hold }
}

/// Decides about a part.
#[must_use]
pub fn part(window: &Window, msn: u64, index: u32) -> Part {
    if is_listed(window, msn, Some(u64::from(index))) {
        return Part::Serve;
    }
    if !window.ended && window.hint == Some((msn, index)) { Part::Hold } else { Part::Unknown }
}

/// Does the playlist contain this segment (finished) or this part, or a later one?
///
/// A part past the end of its finished segment stands for part 0 of the next one: it is there as soon as
/// anything of the next segment is.
fn is_listed(window: &Window, msn: u64, part: Option<u64>) -> bool {
    let Some(part) = part else { return window.segments.last().is_some_and(|last| last.msn >= msn) };
    match window.newest() {
        Some((newest, _)) if newest > msn => true,
        Some((newest, Some(last))) if newest == msn => u64::from(last) >= part,
        Some(_) | None => false,
    }
}

/// "If the MSN is greater than that of the last Media Segment plus two, or the part exceeds the last Partial
/// Segment by the Advance Part Limit, the Server SHOULD immediately return 400."
fn is_too_far(window: &Window, msn: u64, part: Option<u64>) -> bool {
    let next = next_segment(window);
    // `next` is the last Media Segment plus one.
    if msn > next.saturating_add(1) {
        return true;
    }
    let Some(part) = part else { return false };
    let (growing, listed) = match &window.open {
        Some(open) => (open.msn, u64::try_from(open.parts.len()).unwrap_or(u64::MAX)),
        None => (next, 0),
    };
    // A part past the end of a finished segment is part 0 of the next one, however far past.
    if msn < growing {
        return false;
    }
    let listed = if msn == growing { listed } else { 0 };
    let ahead = part.saturating_add(1).saturating_sub(listed);
    ahead > advance_part_limit(&window.figures)
}

/// The media sequence number after the last finished segment.
fn next_segment(window: &Window) -> u64 {
    let after_last = window.segments.last().map(|last| last.msn + 1);
    let growing = window.open.as_ref().map(|open| open.msn);
    let hinted = window.hint.map(|(msn, _)| msn);
    after_last.or(growing).or(hinted).unwrap_or(window.live_from_msn)
}

/// "three divided by the Part Target Duration if that is less than one second, else three"; rounded down.
fn advance_part_limit(figures: &Figures) -> u64 {
    match figures.part_target_ms {
        short @ 1..1_000 => u64::from(3_000 / short),
        0 | 1_000.. => 3,
    }
}

#[cfg(test)]
mod tests;
