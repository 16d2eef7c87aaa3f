//! Who guesses stream keys waits. Pure: `now` is handed in.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use limits::{Limiter, Rate};

/// Addresses that are told apart.
const SOURCES_MAX: usize = 65_536;

/// Counts wrong keys per address.
#[derive(Debug)]
pub(crate) struct Guesses {
    limiter: Limiter<IpAddr>,
    tarpit: Duration,
    /// Until when an address waits.
    waiting: BTreeMap<IpAddr, Instant>,
}

impl Guesses {
    pub(crate) const fn new(rate: Rate, tarpit: Duration) -> Self {
        Self { limiter: Limiter::new(rate, SOURCES_MAX), tarpit, waiting: BTreeMap::new() }
    }

    /// How long a key from `source` must wait before it is judged, right or wrong: if right ones did
    /// not wait, waiting would tell that a key is wrong.
    pub(crate) fn wait(&self, source: IpAddr, now: Instant) -> Duration {
        self.waiting.get(&source).map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// A wrong key came from `source`. Answers whether it waits from now on.
    pub(crate) fn wrong(&mut self, source: IpAddr, now: Instant) -> bool {
        if self.limiter.take(source, now).is_ok() {
            return false;
        }
        if self.waiting.len() >= SOURCES_MAX {
            self.waiting.retain(|_, until| *until > now);
        }
        let room = self.waiting.len() < SOURCES_MAX;
        if room {
            self.waiting.insert(source, now + self.tarpit);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn the_eleventh_wrong_key_in_a_minute_makes_its_address_wait() {
        let (minute, start) = (Duration::from_secs(60), Instant::now());
        let mut guesses = Guesses::new(Rate::new(10, minute), minute);
        let (guesser, teacher) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert_eq!((0..10).filter(|_| guesses.wrong(guesser, start)).count(), 0);
        assert_eq!(guesses.wait(guesser, start), Duration::ZERO);
        assert!(guesses.wrong(guesser, start));
        assert_eq!(guesses.wait(guesser, start), minute);
        assert_eq!(guesses.wait(teacher, start), Duration::ZERO);
        assert_eq!(guesses.wait(guesser, start + minute), Duration::ZERO);
    }
}
