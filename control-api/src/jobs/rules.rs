//! When a job is tried again, and when its claim lapses. Pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// A claim that is not renewed for so long is anybody's.
pub(crate) const CLAIM: TimeDelta = TimeDelta::seconds(60);
/// How often the holder renews it.
pub(crate) const RENEW_EVERY: Duration = Duration::from_secs(20);
/// Tries before a job is dead: with the pauses below, about four hours.
pub(crate) const ATTEMPTS_MAX: u32 = 12;
/// The first pause, and the longest.
const PAUSE_S: u64 = 10;
const PAUSE_S_MAX: u64 = 3600;

/// What becomes of a job after a try that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// It is tried again.
    At(DateTime<Utc>),
    /// It waits for an admin.
    Dead,
}

/// After the `attempts`-th failure. `random` is any number: half of the pause is chance, so that what
/// failed together does not come back together.
pub(crate) fn next(attempts: i64, attempts_max: i64, random: u64, now: DateTime<Utc>) -> Next {
    if attempts >= attempts_max {
        return Next::Dead;
    }
    let doublings = u32::try_from(attempts.clamp(1, 32) - 1).unwrap_or(0);
    let pause_ms = PAUSE_S.saturating_mul(1 << doublings.min(20)).min(PAUSE_S_MAX) * 1000;
    let pause_ms = pause_ms / 2 + random % (pause_ms / 2 + 1);
    Next::At(now + TimeDelta::milliseconds(i64::try_from(pause_ms).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_half_of_each_is_chance() {
        let now: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
        let pause_s = |attempts, random| match next(attempts, 50, random, now) {
            Next::At(at) => (at - now).num_milliseconds() as f64 / 1000.0,
            Next::Dead => panic!(),
        };
        assert_eq!((pause_s(1, 0), pause_s(1, 5000)), (5.0, 10.0));
        assert_eq!((pause_s(2, 0), pause_s(2, 10_000)), (10.0, 20.0));
        assert_eq!(pause_s(9, 0), 1280.0);
        for attempts in [10, 33, 49] {
            assert_eq!(pause_s(attempts, 0), 1800.0);
            assert!(pause_s(attempts, u64::MAX) <= 3600.0);
        }
        assert_eq!(next(50, 50, 0, now), Next::Dead);
    }
}
