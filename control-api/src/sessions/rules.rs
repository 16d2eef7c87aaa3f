//! Which session a course's publisher belongs to, and when a session ends. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// A session's publisher may come this much after its planned end; and so long it waits for one then.
pub(crate) const AFTER_END: TimeDelta = TimeDelta::minutes(15);
pub(crate) const LOBBY_MINUTES_MAX: u32 = 24 * 60;

/// Planned, or made by `start-live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Scheduled,
    AdHoc,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Scheduled,
    Live,
    Interrupted,
    Ended,
    Cancelled,
}

impl Status {
    /// Reads the table's word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        let all = [Self::Scheduled, Self::Live, Self::Interrupted, Self::Ended, Self::Cancelled];
        all.into_iter().find(|status| status.word() == word)
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Live => "live",
            Self::Interrupted => "interrupted",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) const fn is_on_air(self) -> bool {
        match self {
            Self::Live | Self::Interrupted => true,
            Self::Scheduled | Self::Ended | Self::Cancelled => false,
        }
    }
}

/// The plan of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) status: Status,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) lobby_minutes: i64,
}

/// The session that a course's publisher belongs to now, as its place in the list. One that is on air goes
/// on, however late it is; else the earliest whose lobby is open and whose end is not long past.
pub(crate) fn current<'a>(plans: impl IntoIterator<Item = &'a Plan>, now: DateTime<Utc>) -> Option<usize> {
    let holds = |plan: &Plan| {
        now >= plan.starts_at - TimeDelta::minutes(plan.lobby_minutes) && now <= plan.ends_at + AFTER_END
    };
    plans
        .into_iter()
        .enumerate()
        .filter(|(_, plan)| match plan.status {
            Status::Live | Status::Interrupted => true,
            Status::Scheduled => holds(plan),
            Status::Ended | Status::Cancelled => false,
        })
        .min_by_key(|(_, plan)| (!plan.status.is_on_air(), plan.starts_at))
        .map(|(place, _)| place)
}

/// Whether somebody publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publisher {
    Present,
    /// Since then; `ever`: he was there, in this life of the server.
    Absent {
        since: DateTime<Utc>,
        ever: bool,
    },
}

/// A session on air.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnAir {
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
}

/// The figures by which sessions end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) session_max: TimeDelta,
    pub(crate) reconnect_window: TimeDelta,
}

/// Why a session ended; the word stands in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// `end-live`.
    Teacher,
    /// As long as a session may be.
    TimeLimit,
    /// Nobody published, and the planned end is past.
    NoPublisher,
    /// It never was on air.
    NotHeld,
}

impl EndReason {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::TimeLimit => "time_limit",
            Self::NoPublisher => "no_publisher",
            Self::NotHeld => "not_held",
        }
    }
}

/// What becomes of a session on air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Interrupt,
    Resume,
    End(EndReason),
}

/// What is due now, if anything. A publisher that stops or drops does not end a session by itself.
pub(crate) fn turn(session: OnAir, publisher: Publisher, limits: Limits, now: DateTime<Utc>) -> Option<Turn> {
    if now >= session.started_at + limits.session_max {
        return Some(Turn::End(EndReason::TimeLimit));
    }
    let (since, ever) = match publisher {
        Publisher::Present => return (session.status == Status::Interrupted).then_some(Turn::Resume),
        Publisher::Absent { since, ever } => (since.max(session.started_at), ever),
    };
    let gone = now >= since + limits.reconnect_window;
    let over = match session.kind {
        Kind::Scheduled => now >= since.max(session.ends_at) + AFTER_END,
        // A teacher may click first and start his encoder then; or the server has just restarted.
        Kind::AdHoc if !ever => now >= since + AFTER_END,
        Kind::AdHoc => gone,
    };
    if over {
        return Some(Turn::End(EndReason::NoPublisher));
    }
    (gone && session.status == Status::Live).then_some(Turn::Interrupt)
}

/// What is wrong with the plan of a new session, field by field.
pub(crate) fn plan_faults(
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    lobby_minutes: u32,
    session_max: TimeDelta,
    now: DateTime<Utc>,
) -> Vec<(&'static str, String)> {
    const YEARS_AHEAD_MAX: i64 = 5;
    let mut faults = Vec::new();
    if ends_at <= starts_at {
        faults.push(("ends_at", "The end is after the start.".into()));
    } else if ends_at - starts_at > session_max {
        faults.push(("ends_at", format!("At most {} minutes.", session_max.num_minutes())));
    }
    if ends_at <= now {
        faults.push(("ends_at", "The end is in the past.".into()));
    }
    if starts_at > now + TimeDelta::days(365 * YEARS_AHEAD_MAX) {
        faults.push(("starts_at", format!("At most {YEARS_AHEAD_MAX} years ahead.")));
    }
    if lobby_minutes > LOBBY_MINUTES_MAX {
        faults.push(("lobby_minutes", format!("At most {LOBBY_MINUTES_MAX}.")));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes after ten o'clock.
    fn at(minutes: i64) -> DateTime<Utc> {
        "2026-11-20T10:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::minutes(minutes)
    }

    fn plan(status: Status, from: i64, to: i64) -> Plan {
        Plan { status, starts_at: at(from), ends_at: at(to), lobby_minutes: 10 }
    }

    #[test]
    fn the_key_belongs_to_the_earliest_session_whose_time_it_is() {
        let check = |plans: &[Plan], now, expected| assert_eq!(current(plans, at(now)), expected, "{now}");
        let one = [plan(Status::Scheduled, 0, 60)];
        check(&one, -11, None);
        check(&one, -10, Some(0));
        check(&one, 75, Some(0));
        check(&one, 76, None);
        check(&[], 0, None);
        let two = [plan(Status::Scheduled, 60, 120), plan(Status::Scheduled, 0, 60)];
        check(&two, 55, Some(1));
        check(&two, 70, Some(1));
        check(&two, 76, Some(0));
    }

    #[test]
    fn a_session_on_air_keeps_its_publisher_however_late_it_is() {
        let plans = [plan(Status::Scheduled, 60, 120), plan(Status::Live, 0, 30)];
        assert_eq!(current(&plans, at(65)), Some(1));
        let plans = [plan(Status::Scheduled, 0, 120), plan(Status::Interrupted, 50, 60)];
        assert_eq!(current(&plans, at(65)), Some(1));
    }

    #[test]
    fn ended_and_cancelled_sessions_receive_nothing() {
        let plans = [plan(Status::Ended, 0, 60), plan(Status::Cancelled, 0, 60)];
        assert_eq!(current(&plans, at(30)), None);
    }

    const LIMITS: Limits =
        Limits { session_max: TimeDelta::minutes(180), reconnect_window: TimeDelta::minutes(1) };

    /// On air since ten o'clock, planned until eleven.
    fn on_air(kind: Kind, status: Status) -> OnAir {
        OnAir { kind, status, started_at: at(0), ends_at: at(60) }
    }

    fn gone(since: i64) -> Publisher {
        Publisher::Absent { since: at(since), ever: true }
    }

    #[test]
    fn a_scheduled_session_outlives_its_publisher() {
        let live = on_air(Kind::Scheduled, Status::Live);
        let interrupted = on_air(Kind::Scheduled, Status::Interrupted);
        let check = |session, publisher, now, expected| {
            assert_eq!(
                turn(session, publisher, LIMITS, at(now)),
                expected,
                "{session:?} {publisher:?} {now}"
            );
        };
        let end = Some(Turn::End(EndReason::NoPublisher));
        check(live, Publisher::Present, 30, None);
        check(live, gone(30), 30, None);
        check(live, gone(30), 31, Some(Turn::Interrupt));
        check(interrupted, gone(30), 59, None);
        check(interrupted, Publisher::Present, 59, Some(Turn::Resume));
        check(interrupted, gone(30), 74, None);
        check(interrupted, gone(30), 75, end);
        // Over time, and then he leaves: a quarter of an hour from there.
        check(live, Publisher::Present, 100, None);
        check(interrupted, gone(100), 114, None);
        check(interrupted, gone(100), 115, end);
        check(live, Publisher::Present, 180, Some(Turn::End(EndReason::TimeLimit)));
    }

    #[test]
    fn an_ad_hoc_session_ends_with_the_reconnect_window() {
        let live = on_air(Kind::AdHoc, Status::Live);
        assert_eq!(turn(live, gone(30), LIMITS, at(30)), None);
        assert_eq!(turn(live, gone(30), LIMITS, at(31)), Some(Turn::End(EndReason::NoPublisher)));
    }

    #[test]
    fn an_ad_hoc_session_waits_a_quarter_of_an_hour_for_its_first_publisher() {
        let live = on_air(Kind::AdHoc, Status::Live);
        // Absent for long before the session was made: that does not count.
        let never = Publisher::Absent { since: at(-100), ever: false };
        assert_eq!(turn(live, never, LIMITS, at(1)), Some(Turn::Interrupt));
        assert_eq!(turn(on_air(Kind::AdHoc, Status::Interrupted), never, LIMITS, at(14)), None);
        assert_eq!(turn(live, never, LIMITS, at(15)), Some(Turn::End(EndReason::NoPublisher)));
    }

    #[test]
    fn plans() {
        let faults = |from: i64, to: i64| {
            let faults = plan_faults(at(from), at(to), 15, LIMITS.session_max, at(0));
            faults.into_iter().map(|(field, _)| field).collect::<Vec<_>>()
        };
        assert!(faults(10, 190).is_empty());
        assert_eq!(faults(10, 191), ["ends_at"]);
        assert_eq!(faults(10, 10), ["ends_at"]);
        assert_eq!(faults(-20, 0), ["ends_at"]);
        assert!(faults(-20, 1).is_empty());
        assert_eq!(faults(6 * 365 * 1440, 6 * 365 * 1440 + 60), ["starts_at"]);
    }
}
