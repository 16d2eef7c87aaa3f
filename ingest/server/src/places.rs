//! Places for connections: so many in all, so many from one address.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

/// Counts who is there.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    inner: Arc<Mutex<Taken>>,
    all_max: usize,
    per_source_max: usize,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_source: BTreeMap<IpAddr, usize>,
}

/// One connection's place, free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    inner: Arc<Mutex<Taken>>,
    source: IpAddr,
}

impl Places {
    pub(crate) fn new(all_max: usize, per_source_max: usize) -> Self {
        Self { inner: Arc::default(), all_max, per_source_max }
    }

    /// A place for a connection from `source`, if one is free.
    pub(crate) fn take(&self, source: IpAddr) -> Option<Place> {
        let mut taken = self.inner.lock().expect("no holder panics");
        if taken.all >= self.all_max {
            return None;
        }
        let count = taken.by_source.entry(source).or_insert(0);
        if *count >= self.per_source_max {
            return None;
        }
        *count += 1;
        taken.all += 1;
        Some(Place { inner: Arc::clone(&self.inner), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.inner.lock().expect("no holder panics");
        taken.all -= 1;
        if let Some(count) = taken.by_source.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                taken.by_source.remove(&self.source);
            }
        }
    }
}

/// Addresses that count as one: IPv6 hosts own a /64, and IPv4 may come in IPv6 clothes.
pub(crate) fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        source_of(text.parse().unwrap())
    }

    #[test]
    fn places_are_limited_in_all_and_per_address_and_become_free_again() {
        let places = Places::new(3, 2);
        let first = places.take(ip("192.0.2.1")).unwrap();
        let second = places.take(ip("::ffff:192.0.2.1")).unwrap();
        assert!(places.take(ip("192.0.2.1")).is_none());
        let third = places.take(ip("192.0.2.2")).unwrap();
        assert!(places.take(ip("192.0.2.3")).is_none());
        drop((first, second));
        assert!(places.take(ip("192.0.2.1")).is_some());
        drop(third);
        let taken = places.inner.lock().unwrap();
        assert_eq!((taken.all, taken.by_source.len()), (0, 0));
    }

    #[test]
    fn neighbours_in_an_ipv6_network_count_as_one() {
        assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff:1"));
        assert_ne!(ip("2001:db8::1"), ip("2001:db8:0:1::1"));
    }
}
