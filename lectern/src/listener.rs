//! The HTTP front door: one accept loop for pages, API and media, with a limit on everything a peer can
//! make us wait for. Knows nothing of what is served.
//!
//! `axum::serve` gives no access to hyper's header time-out, and hyper starts that one only with the first
//! byte; so silent sockets, slow headers, slow bodies and readers that stopped reading are each bounded here.

mod body;
mod conduct;
mod connection;
mod places;
mod service;
mod stall_guard;
#[cfg(test)]
mod tests;
mod watched;

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use runtime::{clock, config::Lookup, shutdown::Shutdown};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

pub(crate) use body::ResponseBody;
pub(crate) use places::Places;
pub(crate) use service::Service;

use connection::Terms;
use places::Place;

/// What the system may keep of one connection's answers: beyond it a slow reader has to read. A part of
/// 2 Mb/s fits.
const SEND_BUFFER_BYTES: u32 = 256 << 10;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// After a failed accept (no file descriptors, usually) the loop rests so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    /// Between two requests on one connection.
    pub(crate) idle_max: Duration,
    /// A request's body may be waited for so long in all, and a second longer for every 1000 bytes of it
    /// that came.
    pub(crate) body_pause_max: Duration,
    /// Longest request body, in bytes.
    pub(crate) body_bytes_max: usize,
    /// All header fields of a request together, in bytes (431 beyond).
    pub(crate) head_bytes_max: usize,
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
            idle_max: Duration::from_secs(75),
            body_pause_max: Duration::from_secs(10),
            body_bytes_max: 1024 * 1024,
            head_bytes_max: 32 * 1024,
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
    places: Places,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds `address`; port 0 takes a free one. `setting` names it in messages; `places` are shared by
    /// all listeners of the process; without `tls` it speaks in the clear.
    ///
    /// # Errors
    /// When the address is taken or not ours; the message says what to do.
    pub(crate) fn bind(
        address: SocketAddr,
        setting: &str,
        limits: Limits,
        places: &Places,
        tls: Option<TlsAcceptor>,
    ) -> Result<Self> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let socket = bind(address).with_context(|| {
            format!("listen on {scheme}://{address}: is another program using the port? Set {setting}")
        })?;
        let address = socket.local_addr().context("read the listener's address")?;
        Ok(Self { socket, address, limits, places: places.clone(), tls })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until told to stop; then lets requests under way finish, for `patience` at most.
    pub(crate) async fn serve(self, service: Service, shutdown: Shutdown, patience: Duration) {
        let Self { socket, address, limits, places, tls } = self;
        let connections = shutdown.child();
        info!("listening for {} on {address}", if tls.is_some() { "HTTPS" } else { "HTTP" });
        let terms = Terms { service, limits, tls };
        loop {
            let accepted = tokio::select! {
                () = shutdown.token().cancelled() => break,
                accepted = accept(&socket, &places) => accepted,
            };
            match accepted {
                Ok((stream, peer, Some(place))) => start(stream, peer, terms.clone(), &connections, place),
                Ok((_, peer, None)) => {
                    metrics::counter!("lectern_http_connections_refused_total").increment(1);
                    debug!("too many connections from {}", peer.ip());
                }
                // Out of file descriptors: closing connections give some back; spinning would not.
                Err(error) => {
                    warn!("cannot accept a connection: {error}");
                    clock::sleep_until(clock::now() + ACCEPT_PAUSE).await;
                }
            }
        }
        drop(socket);
        if let Err(left) = connections.finish(patience).await {
            warn!("{left} HTTP connections did not end in time");
        }
    }
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the connections of before to be forgotten.
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it. Set, it also ends the system's own growing of it, up to 4 MiB.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Waits for a place first: what finds none waits in the kernel's backlog.
async fn accept(
    socket: &TcpListener,
    places: &Places,
) -> std::io::Result<(TcpStream, SocketAddr, Option<Place>)> {
    let slot = places.slot().await;
    let (stream, peer) = socket.accept().await?;
    Ok((stream, peer, places.enter(slot, peer.ip())))
}

fn start(stream: TcpStream, peer: SocketAddr, terms: Terms, connections: &Shutdown, place: Place) {
    // Parts and playlists are written whole; waiting for more to send would only add latency.
    if let Err(error) = stream.set_nodelay(true) {
        debug!("set TCP_NODELAY for {peer}: {error}");
    }
    let stop = connections.token().clone();
    connections.spawn(async move {
        connection::run(stream, peer, terms, stop).await;
        drop(place);
    });
}
