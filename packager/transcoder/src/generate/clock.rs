//! The only clock of this executable: the lecture is paced by it and shows it.

use std::time::{Duration, Instant, SystemTime};

/// Now, for pacing.
#[expect(clippy::disallowed_methods, reason = "the generator is a camera: real time is what it films")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the generator is a camera: real time is what it films")]
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Waits until `then`, if it is not past.
pub(crate) fn sleep_until(then: Instant) {
    std::thread::sleep(then.saturating_duration_since(now()));
}
