//! Token buckets: how much of something one party may do in a time. Pure: `now` is handed in.
//!
//! A bucket is kept as one moment, the time at which it will be full again (the generic cell rate
//! algorithm of ITU-T I.371); a limiter of many parties is a bounded map of such moments.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// So many tokens in a time: all of them at once, if they were saved up, and then at a steady pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    tokens: u32,
    per: Duration,
}

impl Rate {
    /// `tokens` in the time `per`. No tokens are taken for one.
    #[must_use]
    pub fn new(tokens: u32, per: Duration) -> Self {
        Self { tokens: tokens.max(1), per }
    }

    /// Time in which one token grows.
    fn pace(&self) -> Duration {
        self.per / self.tokens
    }
}

/// Nothing is left; try again after this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// When the next token will be there.
    pub retry_after: Duration,
}

/// One party's bucket.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub const fn full(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// When there is none; nothing is taken then.
    pub fn take(&mut self, rate: &Rate, now: Instant) -> Result<(), Exceeded> {
        let full_at = self.after_one(rate, now)?;
        self.full_at = full_at;
        Ok(())
    }

    /// Whether a token is there, without taking it.
    ///
    /// # Errors
    /// When there is none.
    pub fn peek(&self, rate: &Rate, now: Instant) -> Result<(), Exceeded> {
        self.after_one(rate, now).map(|_| ())
    }

    fn after_one(&self, rate: &Rate, now: Instant) -> Result<Instant, Exceeded> {
        let full_at = self.full_at.max(now) + rate.pace();
        // Division leaves a remainder of a few nanoseconds: that is nobody's debt.
        let retry_after = full_at.saturating_duration_since(now).saturating_sub(rate.per);
        if retry_after.is_zero() { Ok(full_at) } else { Err(Exceeded { retry_after }) }
    }
}

/// Buckets of many parties, told apart by `K`.
#[derive(Debug)]
pub struct Limiter<K> {
    rate: Rate,
    keys_max: usize,
    buckets: BTreeMap<K, Bucket>,
    /// Shared by all who find no room of their own.
    overflow: Option<Bucket>,
    swept_at: Option<Instant>,
}

impl<K: Ord> Limiter<K> {
    /// At most `keys_max` parties are told apart at a time; who comes on top shares one bucket with all
    /// others of his kind, so that a flood of parties is limited and memory is too.
    #[must_use]
    pub const fn new(rate: Rate, keys_max: usize) -> Self {
        Self { rate, keys_max, buckets: BTreeMap::new(), overflow: None, swept_at: None }
    }

    /// Takes a token of a party.
    ///
    /// # Errors
    /// When it has none left.
    pub fn take(&mut self, key: K, now: Instant) -> Result<(), Exceeded> {
        if self.buckets.len() >= self.keys_max && !self.buckets.contains_key(&key) {
            self.sweep(now);
        }
        let room = self.buckets.len() < self.keys_max;
        let bucket = match self.buckets.get_mut(&key) {
            Some(bucket) => bucket,
            None if room => self.buckets.entry(key).or_insert(Bucket::full(now)),
            None => self.overflow.get_or_insert(Bucket::full(now)),
        };
        bucket.take(&self.rate, now)
    }

    /// Whether a party has a token, without taking it.
    ///
    /// # Errors
    /// When it has none.
    pub fn peek(&self, key: &K, now: Instant) -> Result<(), Exceeded> {
        self.buckets.get(key).map_or(Ok(()), |bucket| bucket.peek(&self.rate, now))
    }

    /// Forgets parties whose buckets are full: they are as good as new. Looks at all of them, hence at
    /// most once in the time one token takes to grow.
    fn sweep(&mut self, now: Instant) {
        let due = self.swept_at.is_none_or(|at| now.saturating_duration_since(at) >= self.rate.pace());
        if due {
            self.swept_at = Some(now);
            self.buckets.retain(|_, bucket| bucket.full_at > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn start() -> Instant {
        Instant::now()
    }

    fn ten_a_minute() -> Rate {
        Rate::new(10, Duration::from_secs(60))
    }

    #[test]
    fn ten_at_once_and_then_one_every_six_seconds() {
        let (mut bucket, start, rate) = (Bucket::full(start()), start(), ten_a_minute());
        let bucket = &mut bucket;
        assert_eq!((0..10).filter(|_| bucket.take(&rate, start).is_ok()).count(), 10);
        let exceeded = bucket.take(&rate, start).unwrap_err();
        assert!(exceeded.retry_after <= Duration::from_secs(6));
        let later = start + exceeded.retry_after;
        assert_eq!(bucket.peek(&rate, later), Ok(()));
        assert_eq!(bucket.take(&rate, later), Ok(()));
        assert!(bucket.take(&rate, later).is_err());
    }

    #[test]
    fn parties_do_not_pay_for_each_other() {
        let (start, mut limiter) = (start(), Limiter::new(Rate::new(1, Duration::from_secs(1)), 10));
        assert_eq!(limiter.take("a", start), Ok(()));
        assert!(limiter.take("a", start).is_err());
        assert!(limiter.peek(&"a", start).is_err());
        assert_eq!(limiter.peek(&"b", start), Ok(()));
        assert_eq!(limiter.take("b", start), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_a_flood_of_parties_is_limited() {
        let (start, mut limiter) = (start(), Limiter::new(Rate::new(2, Duration::from_secs(1)), 100));
        let taken = (0..10_000).filter(|key| limiter.take(*key, start).is_ok()).count();
        assert_eq!(taken, 102);
        assert_eq!(limiter.buckets.len(), 100);
        let later = start + Duration::from_secs(2);
        assert_eq!(limiter.take(20_000, later), Ok(()));
        assert_eq!(limiter.buckets.len(), 1, "who has been quiet is forgotten");
    }

    proptest! {
        #[test]
        fn no_window_of_time_holds_more_than_the_rate_allows(
            tokens in 1u32..20,
            per_ms in 1u64..10_000,
            steps in proptest::collection::vec(0u64..2000, 1..200),
        ) {
            let (start, rate) = (start(), Rate::new(tokens, Duration::from_millis(per_ms)));
            let (mut bucket, mut now, mut taken) = (Bucket::full(start), start, Vec::new());
            for step in steps {
                now += Duration::from_millis(step);
                if bucket.take(&rate, now).is_ok() {
                    taken.push(now);
                }
            }
            for (i, first) in taken.iter().enumerate() {
                for (j, last) in taken.iter().enumerate().skip(i) {
                    let grown = last.duration_since(*first).as_nanos() / rate.pace().as_nanos().max(1);
                    prop_assert!((j - i) as u128 <= u128::from(tokens) + grown);
                }
            }
        }
    }
}
