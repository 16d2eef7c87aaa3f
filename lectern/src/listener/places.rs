//! Places for connections, shared by all listeners: so many in all, so many from one address.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;

/// Counts who is there. Clones share it.
#[derive(Clone)]
pub(crate) struct Places {
    slots: Arc<Semaphore>,
    open: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    per_source_max: usize,
}

/// One connection's place; free again when dropped.
pub(super) struct Place {
    of: Places,
    source: IpAddr,
    _slot: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(limits.connections_max)),
            open: Arc::default(),
            per_source_max: limits.connections_per_ip_max,
        }
    }

    /// Waits until there is room for one more connection.
    pub(super) async fn slot(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.slots).acquire_owned().await.expect("the places are never closed")
    }

    /// A place for a connection from `address`, unless it has all that one may have.
    pub(super) fn enter(&self, slot: OwnedSemaphorePermit, address: IpAddr) -> Option<Place> {
        let source = source_of(address);
        let mut open = self.open.lock().expect("no holder panics");
        let count = open.entry(source).or_default();
        if *count >= self.per_source_max {
            return None;
        }
        *count += 1;
        Some(Place { of: self.clone(), source, _slot: slot })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.of.open.lock().expect("no holder panics");
        if let Some(count) = open.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.source);
            }
        }
    }
}

/// Addresses that count as one: IPv6 hosts own a /64, and IPv4 may come in IPv6 clothes.
fn source_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_so_many_places_and_gets_them_back() {
        let places = Places::new(&Limits { connections_per_ip_max: 2, ..Limits::default() });
        let enter =
            async |address: &str| places.enter(places.slot().await, address.parse().expect("an address"));
        let first = enter("192.0.2.1").await.expect("a first place");
        let _second = enter("::ffff:192.0.2.1").await.expect("a second place, in other clothes");
        assert!(enter("192.0.2.1").await.is_none());
        assert!(enter("192.0.2.2").await.is_some(), "another address has places of its own");
        drop(first);
        assert!(enter("192.0.2.1").await.is_some());
        let _network = (enter("2001:db8::1").await.expect("one"), enter("2001:db8::2").await.expect("two"));
        assert!(enter("2001:db8::3").await.is_none(), "an IPv6 network counts as one");
        assert_eq!(places.slots.available_permits(), Limits::default().connections_max - 3);
    }
}
