//! The one place that reads a clock.
//!
//! Three kinds of time, three types: `Instant` for deadlines, `SystemTime`/`DateTime<Utc>` for tokens and
//! PROGRAM-DATE-TIME, `media::MediaTime` for what plays when. Under `tokio::time::pause` the monotonic
//! clock here stands still too, so shells can be tested without waiting.

#![expect(clippy::disallowed_methods, reason = "this is the one place the ban points to")]

use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};

/// The monotonic clock, for deadlines.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The wall clock, which may step.
#[must_use]
pub fn wall() -> SystemTime {
    SystemTime::now()
}

/// The wall clock as a date, to the microsecond (the finest PostgreSQL keeps).
#[must_use]
pub fn utc() -> DateTime<Utc> {
    let micros = i64::try_from(unix_since_epoch().as_micros()).unwrap_or(i64::MAX);
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::UNIX_EPOCH)
}

/// Whole seconds since 1970, for tokens.
#[must_use]
pub fn unix_s() -> u64 {
    unix_since_epoch().as_secs()
}

/// Milliseconds since 1970, for ids.
#[must_use]
pub fn unix_ms() -> u64 {
    u64::try_from(unix_since_epoch().as_millis()).unwrap_or(u64::MAX)
}

/// Waits until `deadline`; at once if it has passed.
pub async fn sleep_until(deadline: Instant) {
    tokio::time::sleep_until(tokio::time::Instant::from_std(deadline)).await;
}

/// Waits until `deadline` if there is one, else for ever; for `select!` arms.
pub async fn sleep_until_some(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn unix_since_epoch() -> Duration {
    wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_monotonic_clock_follows_simulated_time() {
        let start = now();
        sleep_until(start + Duration::from_secs(3600)).await;
        assert_eq!(now() - start, Duration::from_secs(3600));
    }

    #[test]
    fn the_wall_clock_reads_the_same_in_all_units() {
        let (date, seconds) = (utc(), unix_s());
        assert!(seconds.abs_diff(u64::try_from(date.timestamp()).unwrap()) <= 1);
        assert_eq!(date.timestamp_subsec_nanos() % 1000, 0);
    }
}
