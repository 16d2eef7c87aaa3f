//! The accept loops: a place for each connection, a task for each place.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use runtime::{clock, random};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{
    Config, World,
    admission::Admission,
    connection_task::Connection,
    places::{Place, Places, source_of},
    transport::{Beat, Transport},
};

/// After a failed accept (no file descriptors, usually) the loop rests so long.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A TLS handshake takes this long at most.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// A bound socket where publishers connect.
pub struct Door {
    /// Bound by the caller.
    pub listener: TcpListener,
    /// None: RTMP in the clear; else RTMPS.
    pub tls: Option<TlsAcceptor>,
}

impl Door {
    /// RTMP in the clear.
    #[must_use]
    pub const fn plain(listener: TcpListener) -> Self {
        Self { listener, tls: None }
    }
}

/// Serves publishers at every door until `stop` is cancelled, then tells them and waits for their tasks.
/// All doors share one count of places and of guesses. `config.address` is not looked at: the caller bound
/// the listeners.
pub async fn serve<W: World>(
    doors: impl IntoIterator<Item = Door>,
    config: Config,
    world: Arc<W>,
    stop: CancellationToken,
) {
    let server = Arc::new(Server {
        places: Places::new(config.connections_max, config.connections_per_ip_max),
        admission: Admission::new(&config),
        config: Arc::new(config),
        world,
        beat: Beat::new(),
        stop,
        tasks: TaskTracker::new(),
    });
    let accepting = TaskTracker::new();
    for door in doors {
        let server = Arc::clone(&server);
        accepting.spawn(async move { server.accept_at(door).await });
    }
    accepting.close();
    accepting.wait().await;
    server.tasks.close();
    server.tasks.wait().await;
}

struct Server<W> {
    config: Arc<Config>,
    places: Places,
    admission: Admission,
    world: Arc<W>,
    beat: Beat,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl<W: World> Server<W> {
    /// Ends with the listener closed: nobody may wait for an answer while the last publications end.
    async fn accept_at(&self, door: Door) {
        loop {
            let accepted = tokio::select! {
                accepted = door.listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.take_in(stream, peer, door.tls.clone()),
                Err(error) => {
                    warn!(%error, "an RTMP connection could not be accepted: {error}");
                    clock::sleep_until(clock::now() + ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn take_in(&self, stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>) {
        metrics::counter!("lectern_ingest_connections_total").increment(1);
        let Some(place) = self.places.take(source_of(peer.ip())) else {
            metrics::counter!("lectern_ingest_connections_refused_total").increment(1);
            debug!(%peer, "no place for an RTMP connection from {peer}");
            return;
        };
        self.tasks.spawn(self.connect(stream, peer, tls, place));
    }

    fn connect(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<TlsAcceptor>,
        place: Place,
    ) -> impl Future<Output = ()> + use<W> {
        let (config, admission, beat) = (Arc::clone(&self.config), self.admission.clone(), self.beat);
        let (world, stop) = (Arc::clone(&self.world), self.stop.clone());
        async move {
            let transport = match tls {
                None => Transport::new(stream),
                Some(tls) => {
                    let _ = stream.set_nodelay(true);
                    let greeted = tokio::select! {
                        greeted = timeout(HANDSHAKE_MAX, tls.accept(stream)) => greeted,
                        () = stop.cancelled() => return,
                    };
                    match greeted {
                        Ok(Ok(stream)) => Transport::sealed(stream),
                        Ok(Err(error)) => return debug!(%peer, "TLS with {peer} failed: {error}"),
                        Err(_) => return debug!(%peer, "TLS with {peer} took too long"),
                    }
                }
            };
            let nonce = random::bytes();
            Connection::new(transport, beat, peer, config, admission, world, nonce).run(stop).await;
            drop(place);
        }
    }
}
