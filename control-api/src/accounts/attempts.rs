//! How often an address may try to log in.

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use limits::{Limiter, Rate};

/// Addresses that are told apart.
const ADDRESSES_MAX: usize = 10_000;

/// So many tries a minute for each address.
#[derive(Debug)]
pub(crate) struct Attempts(Mutex<Limiter<IpAddr>>);

impl Attempts {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self(Mutex::new(Limiter::new(Rate::new(per_minute, Duration::from_secs(60)), ADDRESSES_MAX)))
    }

    /// Counts a try; when there were too many, in how many whole seconds the next is welcome.
    pub(crate) fn take(&self, peer: IpAddr, now: Instant) -> Result<(), u64> {
        let taken = self.limiter().take(group(peer), now);
        taken.map_err(|exceeded| (exceeded.retry_after.as_millis().div_ceil(1000)).try_into().unwrap_or(60))
    }

    fn limiter(&self) -> MutexGuard<'_, Limiter<IpAddr>> {
        self.0.lock().expect("no holder panics")
    }
}

/// A provider hands a household a /64 of IPv6 addresses: they count as one.
fn group(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => peer,
        IpAddr::V6(address) => IpAddr::from((u128::from(address) & !u128::from(u64::MAX)).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_try_of_a_minute_waits_for_its_turn() {
        let attempts = Attempts::new(5);
        let now = runtime::clock::now();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        for _ in 0..5 {
            assert_eq!(attempts.take(one, now), Ok(()));
        }
        assert_eq!(attempts.take(one, now), Err(12));
        assert_eq!(attempts.take(other, now), Ok(()));
        assert_eq!(attempts.take(one, now + Duration::from_secs(12)), Ok(()));
    }

    #[test]
    fn a_whole_ipv6_network_counts_as_one() {
        let attempts = Attempts::new(1);
        let now = runtime::clock::now();
        assert!(attempts.take("2001:db8::1".parse().unwrap(), now).is_ok());
        assert!(attempts.take("2001:db8::ffff".parse().unwrap(), now).is_err());
        assert!(attempts.take("2001:db8:0:1::1".parse().unwrap(), now).is_ok());
    }
}
