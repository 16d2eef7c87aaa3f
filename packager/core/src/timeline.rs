//! Where publications stand on the epoch's timeline, and what the wall clock shows there. Takes time in;
//! reads no clock.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use media::{MediaTime, SESSION_SCALE, Timescale, TrackKind};

/// The most that PROGRAM-DATE-TIME is moved at a segment, in session ticks (20 ms).
const SLEW_MAX: i64 = 1_800;
/// Within this of the truth PROGRAM-DATE-TIME is left alone (8 ms).
const SLEW_SLACK: i64 = 720;
/// A unit this far from its track's newest is no longer its successor (1 s).
const JUMP: i64 = 90_000;
/// A wall clock that says that the process was away for longer was set, and is not believed (12 h).
const AWAY_MAX: i64 = 12 * 3600 * 90_000;
/// A reconnecting publisher who stays this late is moved forward (3 s).
const LATE_FOR_GOOD: Duration = Duration::from_secs(3);

/// The epoch's timeline: media time zero is the epoch's start.
#[derive(Debug)]
pub(crate) struct Timeline {
    start: Instant,
    /// Real time since the epoch's start at `start`: zero but after a restart.
    base: i64,
    started_at: DateTime<Utc>,
    /// Real time since the start minus media time, for the units that come soonest.
    pace: i64,
    /// The least that was seen since the last cut.
    pace_seen: Option<i64>,
    /// PROGRAM-DATE-TIME minus media time minus `started_at`.
    lag: i64,
    anchored: bool,
    publication: Publication,
}

/// The mapping of the publication that sends now.
#[derive(Debug, Default)]
struct Publication {
    /// Session time minus publication time; unknown before its first unit.
    offset: Option<i64>,
    newest: [Option<i64>; 2],
    late_since: Option<Instant>,
}

impl Timeline {
    pub(crate) fn new(start: Instant, started_at: DateTime<Utc>) -> Self {
        let publication = Publication::default();
        Self { start, base: 0, started_at, pace: 0, pace_seen: None, lag: 0, anchored: false, publication }
    }

    /// Goes on where the wall clock says, with the journal's anchor; never before `end`, nor long after it: the
    /// hole is listed segment by segment.
    pub(crate) fn recovered(
        now: Instant,
        wall: DateTime<Utc>,
        started_at: DateTime<Utc>,
        lag: i64,
        end: i64,
    ) -> Self {
        let mut timeline = Self::new(now, started_at);
        let listed = end.saturating_add(lag);
        timeline.base = ticks_between(started_at, wall).clamp(listed, listed.saturating_add(AWAY_MAX));
        timeline.pace = lag;
        timeline.lag = lag;
        timeline.anchored = true;
        timeline
    }

    pub(crate) fn started_at(&self) -> DateTime<Utc> {
        self.started_at
    }

    fn elapsed(&self, now: Instant) -> i64 {
        self.base + MediaTime::from_duration(now.saturating_duration_since(self.start)).ticks()
    }

    /// Where a live publisher's media is expected to stand.
    pub(crate) fn head(&self, now: Instant) -> i64 {
        self.elapsed(now) - self.pace
    }

    /// When [`Timeline::head`] comes to `at`.
    pub(crate) fn when(&self, at: i64) -> Instant {
        // One tick more: `elapsed` rounds down.
        self.start
            + MediaTime::session(at.saturating_add(self.pace - self.base) + 1).as_duration()
            + Duration::from_nanos(1)
    }

    /// A new publication: its first unit finds its place when it comes.
    pub(crate) fn publication_started(&mut self) {
        self.publication = Publication::default();
    }

    /// How far the unit decoded at `dts` (publication time) is to be moved. `end` is where the timeline
    /// holds something already.
    pub(crate) fn place(&mut self, track: TrackKind, dts: i64, end: i64, now: Instant) -> i64 {
        let head = self.head(now);
        let publication = &mut self.publication;
        let newest = &mut publication.newest[usize::from(track == TrackKind::Audio)];
        let mut offset = *publication.offset.get_or_insert_with(|| head.max(end).saturating_sub(dts));
        let at = dts.saturating_add(offset);
        // Ingest repairs time; what is still out of place here must not tear the playlists.
        let jumped = match *newest {
            Some(before) => at < before - JUMP || (at > before + JUMP && at > head + JUMP),
            None => at > head + 10 * JUMP || at < -JUMP,
        };
        if jumped {
            offset = head.max(end).max(newest.unwrap_or(0)).saturating_sub(dts);
            publication.offset = Some(offset);
        }
        *newest = Some(dts.saturating_add(offset));
        offset
    }

    /// Media came for a time that is gone. True when that has lasted so long that the publication is to be
    /// [moved forward](Timeline::move_forward) where it can begin.
    pub(crate) fn came_late(&mut self, now: Instant) -> bool {
        let since = *self.publication.late_since.get_or_insert(now);
        now.saturating_duration_since(since) >= LATE_FOR_GOOD
    }

    /// From here on the publication's units stand later by so much.
    pub(crate) fn move_forward(&mut self, by: i64) {
        self.publication.offset = self.publication.offset.map(|offset| offset.saturating_add(by));
        for newest in self.publication.newest.iter_mut().flatten() {
            *newest = newest.saturating_add(by);
        }
    }

    /// Media is on time again.
    pub(crate) fn on_time(&mut self) {
        self.publication.late_since = None;
    }

    /// A unit of the leading track stands at `at` and came now.
    pub(crate) fn observe(&mut self, at: i64, now: Instant) {
        let seen = self.elapsed(now) - at;
        self.pace_seen = Some(self.pace_seen.map_or(seen, |least| least.min(seen)));
        self.pace = self.pace.min(seen);
    }

    /// A cut: the clocks may be drawn together a little. Returns the lag for the segment, and whether it
    /// differs from the last one's.
    pub(crate) fn slew(&mut self) -> (i64, bool) {
        if let Some(seen) = self.pace_seen.take() {
            self.pace += (seen - self.pace).clamp(0, SLEW_MAX);
        }
        let before = self.lag;
        let error = self.pace - self.lag;
        if !self.anchored {
            self.lag = self.pace;
        } else if error.abs() > SLEW_SLACK {
            self.lag += error.clamp(-SLEW_MAX, SLEW_MAX);
        }
        let changed = !self.anchored || self.lag != before;
        self.anchored = true;
        (self.lag, changed)
    }
}

/// `start` moved by session ticks.
pub(crate) fn date(start: DateTime<Utc>, ticks: i64) -> DateTime<Utc> {
    start.checked_add_signed(TimeDelta::microseconds(ticks.saturating_mul(100) / 9)).unwrap_or(start)
}

/// Session ticks between two wall clock times.
pub(crate) fn ticks_between(from: DateTime<Utc>, to: DateTime<Utc>) -> i64 {
    let between = to.signed_duration_since(from);
    match between.num_microseconds() {
        // To the nearest tick: PROGRAM-DATE-TIME is kept in microseconds.
        Some(micros) => MediaTime::new(micros, Timescale::new(1_000_000)).rescale(SESSION_SCALE).ticks(),
        None => between.num_milliseconds().saturating_mul(90),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn a_wall_clock_that_is_set_back_over_a_restart_takes_no_time_back() {
        const MINUTE: i64 = 60 * 90_000;
        let (now, started_at, lag) =
            (Instant::now(), DateTime::from_timestamp(1_800_000_000, 0).unwrap(), 900);
        let restarted = |minutes| {
            let wall = started_at + TimeDelta::minutes(minutes);
            Timeline::recovered(now, wall, started_at, lag, 20 * MINUTE)
        };
        for minutes in [-60, 0, 10, 20] {
            let timeline = restarted(minutes);
            assert_eq!(timeline.head(now), 20 * MINUTE, "{minutes} minutes by the clock");
            assert_eq!(timeline.head(now + Duration::from_secs(60)), 21 * MINUTE, "then time runs as ever");
        }
        assert_eq!(restarted(25).head(now), 25 * MINUTE - lag, "it was away for five minutes");
    }
}
