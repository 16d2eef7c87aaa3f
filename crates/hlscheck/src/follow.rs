//! One media playlist over time: what was seen of it and when.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    change, delta,
    exchange::{Directives, Exchange},
    media_playlist::{Media, Segment},
    one_playlist,
    report::Sink,
};

/// Positions that are remembered with the time they were first seen at.
const SEEN_MAX: usize = 64;
/// A request that took this long was held: it asked for what was not there.
const HELD: Duration = Duration::from_millis(100);

/// How much later than the letter things may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// Of a part after the one before it (rule 44), beyond a part target: jitter of encoder and network.
    pub part: Duration,
    /// Of a segment (rule 43), beyond 1.5 target durations.
    pub segment: Duration,
    /// Of one rendition after another (rules 35 and 36), beyond a part target.
    pub sync: Duration,
    /// Until the first byte of what is listed (rule 47).
    pub first_byte: Duration,
    /// Between the mappings of dates to media time of two renditions (rule 33).
    pub mapping: Duration,
}

impl Default for Tolerance {
    /// As observed beside the origin.
    fn default() -> Self {
        Self {
            part: Duration::from_millis(50),
            segment: Duration::from_millis(50),
            sync: Duration::from_millis(50),
            first_byte: Duration::from_millis(50),
            // Dates are written to milliseconds, and so cut off by up to one on either side.
            mapping: Duration::from_micros(2_500),
        }
    }
}

/// What an observation turned out to be.
pub(crate) enum Step {
    /// Nothing that is not known already.
    Nothing,
    /// The playlist has grown or changed.
    New,
}

/// A position and when it was first seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) edge: (u64, u64),
    /// Microseconds since 1970 of the playlist's end.
    pub(crate) ends_us: Option<i64>,
    pub(crate) at: Instant,
}

/// A media playlist as it was followed.
#[derive(Debug, Default)]
pub(crate) struct Playlist {
    pub(crate) newest: Option<Arc<Media>>,
    newest_is_merged: bool,
    answered_at: Option<Instant>,
    pub(crate) seen: VecDeque<Seen>,
    /// Since when no new segment has come, and no new part. None after an outage.
    segment_since: Option<Instant>,
    part_since: Option<Instant>,
    /// By form of the request: the newest edge and when its answer was there.
    answers: BTreeMap<bool, ((u64, u64), Instant)>,
    /// Most parts seen of a segment.
    parts_of: BTreeMap<u64, usize>,
    /// Longest duration that was ever listed, in seconds.
    pub(crate) longest_s: f64,
    /// What others' reports said of this one, and when.
    pub(crate) claims: Vec<(String, (u64, u64), Instant)>,
    body: Option<(bytes::Bytes, Directives)>,
}

impl Playlist {
    /// Until when the newest position is known to have stood still, given an answer that brought nothing new.
    pub(crate) fn evidence(&self, exchange: &Exchange, asked: Directives) -> Instant {
        let edge = self.newest.as_ref().map_or((0, 0), |media| media.edge());
        let missing = asked.msn.is_some_and(|msn| (msn, asked.part.unwrap_or(u64::MAX)) >= edge);
        if missing && exchange.waited() >= HELD { exchange.first_byte_at } else { exchange.asked_at }
    }

    /// The same body as before: nothing to read again.
    pub(crate) fn is_known_body(&self, exchange: &Exchange, directives: Directives) -> bool {
        self.body.as_ref().is_some_and(|(body, asked)| *body == exchange.body && *asked == directives)
    }

    /// Nothing new is there.
    pub(crate) fn unchanged(&self, until: Instant, tolerance: &Tolerance, sink: &mut Sink) {
        let Some(media) = self.newest.clone() else { return };
        if media.ended {
            sink.check(48, true, String::new);
        }
        self.still(&media, until, tolerance, sink);
    }

    /// The server could not be asked: what did not come meanwhile is another matter.
    pub(crate) fn unreachable(&mut self) {
        self.segment_since = None;
        self.part_since = None;
    }

    /// Takes a successful answer.
    pub(crate) fn take(
        &mut self,
        exchange: &Exchange,
        directives: Directives,
        read: Media,
        tolerance: &Tolerance,
        sink: &mut Sink,
    ) -> Step {
        let was_delta = read.skipped.is_some();
        let media = match &self.newest {
            Some(before) if was_delta => match delta::merge(before, &read) {
                Ok(whole) => whole,
                Err(problem) => {
                    sink.note(format!("a delta update could not be used: {problem}"));
                    return Step::Nothing;
                }
            },
            None if was_delta => {
                sink.note("a delta update came before the whole playlist".into());
                return Step::Nothing;
            }
            _ => read.clone(),
        };
        if directives.skip {
            delta::judge(&read, &media, sink);
        }
        self.body = Some((exchange.body.clone(), directives));
        self.order(exchange, directives, &media, sink);
        let Some(before) = self.newest.clone() else {
            one_playlist::judge(&media, None, sink);
            self.remember(media, exchange, was_delta);
            self.segment_since = Some(exchange.answered_at);
            self.part_since = Some(exchange.answered_at);
            return Step::New;
        };
        if before.ended && self.answered_at.is_some_and(|at| at <= exchange.asked_at) {
            sink.check(48, media.ended, || "EXT-X-ENDLIST was there and is not any more".into());
        }
        if position(&media) < position(&before) {
            // An older answer that came late, or out of a cache: only what it says of segments counts.
            self.older(&media, &before, sink);
            return Step::Nothing;
        }
        if position(&media) == position(&before) {
            self.compare_forms(&before, &media, was_delta, sink);
        }
        one_playlist::judge(&media, Some(&before), sink);
        change::judge(&before, &media, sink);
        self.pace(&before, &media, exchange, directives, tolerance, sink);
        let grown = position(&media) > position(&before) || *before != media;
        self.remember(media, exchange, was_delta);
        if grown { Step::New } else { Step::Nothing }
    }

    /// Of two requests of one form, the later gets nothing older (39).
    fn order(&mut self, exchange: &Exchange, directives: Directives, media: &Media, sink: &mut Sink) {
        let blocking = directives.msn.is_some();
        let edge = media.edge();
        let known = self.answers.entry(blocking).or_insert((edge, exchange.answered_at));
        if known.1 <= exchange.asked_at {
            let (was, is) = (known.0, edge);
            sink.check(39, is >= was, || {
                format!("the playlist ended before {}.{} and ends before {}.{} now", was.0, was.1, is.0, is.1)
            });
        }
        if edge >= known.0 {
            *known = (edge, exchange.answered_at);
        }
    }

    fn older(&self, media: &Media, newest: &Media, sink: &mut Sink) {
        for old in media.segments.iter() {
            let Some(new) = newest.by_msn(old.msn).filter(|new| !new.uri.is_empty()) else { continue };
            sink.check(40, old.uri == new.uri && old.duration_s == new.duration_s, || {
                format!("segment {} is two things: {} and {}", old.msn, old.uri, new.uri)
            });
        }
    }

    /// A delta update and a whole playlist of the same moment say the same (60).
    fn compare_forms(&self, before: &Media, media: &Media, was_delta: bool, sink: &mut Sink) {
        if was_delta == self.newest_is_merged || before.media_sequence != media.media_sequence {
            return;
        }
        let facts = |segment: &Segment| {
            (
                segment.uri.clone(),
                segment.date_us,
                segment.map.clone(),
                segment.dsn,
                segment.gap,
                segment.range,
            )
        };
        let differs = before.segments.iter().zip(&media.segments).find(|(a, b)| facts(a) != facts(b));
        sink.check(60, differs.is_none(), || {
            let msn = differs.map_or(0, |(a, _)| a.msn);
            format!("segment {msn} is not the same in a delta update and in the whole playlist")
        });
    }

    fn pace(
        &mut self,
        before: &Media,
        media: &Media,
        exchange: &Exchange,
        directives: Directives,
        tolerance: &Tolerance,
        sink: &mut Sink,
    ) {
        let until = self.evidence(exchange, directives);
        let held_until = (directives.msn.is_some() && exchange.waited() >= HELD).then_some(until);
        if position(media) == position(before) {
            self.still(before, until, tolerance, sink);
            return;
        }
        // A held request is the proof that what it asked for came at its answer, and no earlier.
        if let Some(until) = held_until {
            let asked = (directives.msn.unwrap_or(0), directives.part.unwrap_or(0));
            if directives.part.is_some() && asked <= before.edge() {
                self.still(before, until, tolerance, sink);
            }
        }
        self.part_since = Some(exchange.answered_at);
        if media.segments.last().map(|last| last.msn) > before.segments.last().map(|last| last.msn) {
            self.segment_since = Some(exchange.answered_at);
        } else if let (Some(since), Some(target)) = (self.segment_since, media.target_s) {
            late_segment(media, since, until, target, tolerance, sink);
        }
        self.segment_since.get_or_insert(exchange.answered_at);
    }

    /// Nothing new had come by `until` (43, 44).
    fn still(&self, media: &Media, until: Instant, tolerance: &Tolerance, sink: &mut Sink) {
        if media.ended || media.kind.as_deref() == Some("VOD") {
            return;
        }
        if let (Some(since), Some(target)) = (self.segment_since, media.target_s) {
            late_segment(media, since, until, target, tolerance, sink);
        }
        if let (Some(since), Some(part)) = (self.part_since, media.part_target_s()) {
            let still = until.saturating_duration_since(since);
            let limit = Duration::try_from_secs_f64(part).unwrap_or(Duration::MAX);
            sink.check(44, still <= limit.saturating_add(tolerance.part), || {
                let (msn, index) = media.edge();
                format!(
                    "no part came after {msn}.{index} for {} ms or more; PART-TARGET is {part}",
                    still.as_millis()
                )
            });
        }
    }

    fn remember(&mut self, media: Media, exchange: &Exchange, merged: bool) {
        let edge = media.edge();
        if self.seen.back().is_none_or(|last| last.edge < edge) {
            if self.seen.len() == SEEN_MAX {
                self.seen.pop_front();
            }
            self.seen.push_back(Seen { edge, ends_us: ends_us(&media), at: exchange.answered_at });
        }
        for segment in media.all() {
            let most = self.parts_of.entry(segment.msn).or_default();
            *most = (*most).max(segment.parts.len());
        }
        let first = media.media_sequence;
        self.parts_of = self.parts_of.split_off(&first);
        self.longest_s = self.longest_s.max(media.duration_s());
        self.answered_at = Some(exchange.answered_at);
        self.newest_is_merged = merged;
        self.newest = Some(Arc::new(media));
    }

    /// Parts are compared with their segment while all of them are listed (72).
    pub(crate) fn sums(&self, sink: &mut Sink) {
        let Some(media) = &self.newest else { return };
        for segment in media.segments.iter().rev().take_while(|segment| !segment.parts.is_empty()) {
            let seen = self.parts_of.get(&segment.msn).copied().unwrap_or(0);
            one_playlist::parts_sum(segment, seen, sink);
        }
    }
}

fn late_segment(
    media: &Media,
    since: Instant,
    until: Instant,
    target: u64,
    tolerance: &Tolerance,
    sink: &mut Sink,
) {
    let still = until.saturating_duration_since(since);
    let limit = Duration::from_millis(target.saturating_mul(1500)).saturating_add(tolerance.segment);
    sink.check(43, still <= limit, || {
        let last = media.segments.last().map_or(0, |last| last.msn);
        format!(
            "no segment came after {last} for {} ms or more; 1.5 target durations are {} s",
            still.as_millis(),
            1.5 * target as f64
        )
    });
}

/// Playlists of one URI are ordered by this.
fn position(media: &Media) -> ((u64, u64), u64, bool) {
    (media.edge(), media.media_sequence, media.ended)
}

/// The date of the playlist's end.
pub(crate) fn ends_us(media: &Media) -> Option<i64> {
    let mut after = 0.0;
    for segment in media.all().rev() {
        after += segment.length_s();
        if let Some(date) = segment.date_us {
            return Some(date.saturating_add((after * 1e6) as i64));
        }
    }
    None
}
