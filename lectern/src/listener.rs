//! The HTTP front door: one accept loop for pages, API and media, with a limit on everything a peer can
//! make us wait for. Knows nothing of what is served.
//!
//! `axum::serve` gives no access to hyper's header time-out, and hyper starts that one only with the first
//! byte; so silent sockets, slow headers, slow bodies and readers that stopped reading are each bounded here.

mod body;
mod connection;
mod stall_guard;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Context, Result};
use runtime::{config::Lookup, shutdown::Shutdown};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tracing::{debug, info, warn};

pub(crate) use body::ResponseBody;
pub(crate) use connection::Service;

/// What one peer may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections open at once; more wait in the kernel's backlog.
    pub(crate) connections_max: usize,
    /// Connections open at once from one address; more are closed at once. A school behind one address
    /// needs two or so a student.
    pub(crate) connections_per_ip_max: usize,
    /// First byte, and all headers of a request, within this.
    pub(crate) headers_max: Duration,
    /// The next bytes of a request's body within this.
    pub(crate) body_pause_max: Duration,
    /// Longest request body, in bytes.
    pub(crate) body_bytes_max: usize,
    /// Longest request target, in bytes (414 beyond).
    pub(crate) uri_bytes_max: usize,
    /// A reader that takes nothing for this long is cut: three target durations.
    pub(crate) write_stall_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 16_384,
            connections_per_ip_max: 2_048,
            headers_max: Duration::from_secs(10),
            body_pause_max: Duration::from_secs(10),
            body_bytes_max: 1024 * 1024,
            uri_bytes_max: 8 * 1024,
            write_stall_max: Duration::from_secs(12),
        }
    }
}

impl Limits {
    /// Reads `LECTERN_HTTP_CONNECTIONS_MAX` and `LECTERN_HTTP_CONNECTIONS_PER_IP_MAX`; the rest is fixed.
    ///
    /// # Errors
    /// Names the setting that is no number.
    pub(crate) fn from_lookup(lookup: &Lookup) -> Result<Self> {
        let usual = Self::default();
        Ok(Self {
            connections_max: lookup.parsed("LECTERN_HTTP_CONNECTIONS_MAX", usual.connections_max)?,
            connections_per_ip_max: lookup
                .parsed("LECTERN_HTTP_CONNECTIONS_PER_IP_MAX", usual.connections_per_ip_max)?,
            ..usual
        })
    }
}

/// A bound socket that is not served yet.
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    limits: Limits,
}

impl Listener {
    /// Binds `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address is taken or not ours; the message says what to do.
    pub(crate) async fn bind(address: SocketAddr, limits: Limits) -> Result<Self> {
        let socket = TcpListener::bind(address).await.with_context(|| {
            format!("listen on http://{address}: is another program using the port? Set LECTERN_HTTP_ADDR")
        })?;
        let address = socket.local_addr().context("read the listener's address")?;
        Ok(Self { socket, address, limits })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until told to stop; then lets requests under way finish, for `patience` at most.
    pub(crate) async fn serve(self, service: Service, shutdown: Shutdown, patience: Duration) {
        let slots = Arc::new(Semaphore::new(self.limits.connections_max));
        let per_ip = PerIp::new(self.limits.connections_per_ip_max);
        let connections = shutdown.child();
        info!("listening for HTTP on {}", self.address);
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
            let accepted = tokio::select! {
                () = shutdown.token().cancelled() => break,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let Some(place) = per_ip.enter(peer.ip()) else {
                        debug!("too many connections from {}", peer.ip());
                        continue;
                    };
                    start(stream, peer, &service, self.limits, &connections, (slot, place));
                }
                // Out of file descriptors: closing connections give some back; spinning would not.
                Err(error) => {
                    warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
        if let Err(left) = connections.finish(patience).await {
            warn!("{left} HTTP connections did not end in time");
        }
    }
}

fn start(
    stream: TcpStream,
    peer: SocketAddr,
    service: &Service,
    limits: Limits,
    connections: &Shutdown,
    places: (OwnedSemaphorePermit, Place),
) {
    // Parts and playlists are written whole; waiting for more to send would only add latency.
    if let Err(error) = stream.set_nodelay(true) {
        debug!("set TCP_NODELAY for {peer}: {error}");
    }
    let (service, token) = (service.clone(), connections.token().clone());
    connections.spawn(async move {
        connection::run(stream, peer, service, limits, token).await;
        drop(places);
    });
}

/// Counts connections by address.
#[derive(Clone)]
struct PerIp {
    open: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    max: usize,
}

/// One connection's place in the count; given back when dropped.
struct Place {
    of: PerIp,
    ip: IpAddr,
}

impl PerIp {
    fn new(max: usize) -> Self {
        Self { open: Arc::default(), max }
    }

    fn enter(&self, ip: IpAddr) -> Option<Place> {
        let mut open = self.open.lock().expect("no holder panics");
        let count = open.entry(ip).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(Place { of: self.clone(), ip })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.of.open.lock().expect("no holder panics");
        if let Some(count) = open.get_mut(&self.ip) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_gets_them_back() {
        let per_ip = PerIp::new(2);
        let (here, there) = (IpAddr::from([127, 0, 0, 1]), IpAddr::from([127, 0, 0, 2]));
        let first = per_ip.enter(here).expect("a first place");
        let _second = per_ip.enter(here).expect("a second place");
        assert!(per_ip.enter(here).is_none());
        assert!(per_ip.enter(there).is_some(), "another address has places of its own");
        drop(first);
        assert!(per_ip.enter(here).is_some());
    }
}
