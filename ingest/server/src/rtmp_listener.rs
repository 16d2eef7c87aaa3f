//! The accept loop: a place for each connection, a task for each place.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use runtime::{clock, random};
use tokio::net::{TcpListener, TcpStream};
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

/// Serves RTMP publishers on `listener` until `stop` is cancelled, then tells them and waits for their
/// tasks. `config.address` is not looked at: the caller bound the listener.
pub async fn serve<W: World>(listener: TcpListener, config: Config, world: Arc<W>, stop: CancellationToken) {
    let server = Server {
        places: Places::new(config.connections_max, config.connections_per_ip_max),
        admission: Admission::new(&config),
        config: Arc::new(config),
        world,
        beat: Beat::new(),
        stop: stop.clone(),
        tasks: TaskTracker::new(),
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => server.take_in(stream, peer),
            Err(error) => {
                warn!(%error, "an RTMP connection could not be accepted: {error}");
                clock::sleep_until(clock::now() + ACCEPT_PAUSE).await;
            }
        }
    }
    // Nobody may wait for an answer while the last publications end.
    drop(listener);
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
    fn take_in(&self, stream: TcpStream, peer: SocketAddr) {
        metrics::counter!("lectern_ingest_connections_total").increment(1);
        let Some(place) = self.places.take(source_of(peer.ip())) else {
            metrics::counter!("lectern_ingest_connections_refused_total").increment(1);
            debug!(%peer, "no place for an RTMP connection from {peer}");
            return;
        };
        self.tasks.spawn(self.connect(stream, peer, place));
    }

    fn connect(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
    ) -> impl Future<Output = ()> + use<W> {
        let connection = Connection::new(
            Transport::new(stream),
            self.beat,
            peer,
            Arc::clone(&self.config),
            self.admission.clone(),
            Arc::clone(&self.world),
            random::bytes(),
        );
        let stop = self.stop.clone();
        async move {
            connection.run(stop).await;
            drop(place);
        }
    }
}
