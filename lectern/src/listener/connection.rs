//! One HTTP connection, from its first byte to its end.

use std::{convert::Infallible, future::Future, net::SocketAddr, pin::Pin, time::Duration};

use http::Request;
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use runtime::clock;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{
    Limits, Service,
    conduct::{Conduct, Verdict},
    stall_guard::StallGuard,
    watched::WatchedStream,
};
use crate::tls::HANDSHAKE_MAX;

/// Requests under way at once on one HTTP/2 connection; a page with its player needs some twenty.
const H2_STREAMS_MAX: u32 = 100;
/// Resets of streams that were not even begun before HTTP/2 itself ends the connection.
const H2_RESETS_MAX: usize = 20;
/// What a peer may send ahead on one stream, and on all together: requests have small bodies here.
const H2_STREAM_WINDOW_BYTES: u32 = 64 << 10;
const H2_CONNECTION_WINDOW_BYTES: u32 = 256 << 10;
/// What HTTP/2 keeps of one stream's answer.
const H2_SEND_BYTES_MAX: usize = 64 << 10;
const H2_PING_EVERY: Duration = Duration::from_secs(30);
/// After the goodbye the answers under way get this long where the connection has to go.
const FAREWELL: Duration = Duration::from_secs(1);

/// What every connection of a listener has in common.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) service: Service,
    pub(super) limits: Limits,
    /// None: plain.
    pub(super) tls: Option<TlsAcceptor>,
}

/// Serves one connection until it ends, misbehaves, or the process stops.
pub(super) async fn run(stream: TcpStream, peer: SocketAddr, terms: Terms, stop: CancellationToken) {
    let Some(acceptor) = terms.tls.clone() else {
        // HTTP/2 in the clear would be one more way in that no browser uses: plain is HTTP/1.1.
        return serve(stream, false, peer, terms, stop).await;
    };
    let stream = StallGuard::new(stream, terms.limits.write_stall_max);
    let greeted = tokio::select! {
        () = stop.cancelled() => return,
        greeted = timeout(HANDSHAKE_MAX, acceptor.accept(stream)) => greeted,
    };
    let outcome = match &greeted {
        Ok(Ok(_)) => "done",
        Ok(Err(_)) => "failed",
        Err(_) => "slow",
    };
    metrics::counter!("lectern_http_handshakes_total", "outcome" => outcome).increment(1);
    let stream = match greeted {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return debug!("TLS with {peer} failed: {error}"),
        Err(_) => return debug!("TLS with {peer} took too long"),
    };
    let multiplexed = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    serve(stream, multiplexed, peer, terms, stop).await;
}

/// Speaks HTTP/2 (`multiplexed`) or HTTP/1.1 on a stream.
pub(super) async fn serve<S>(
    stream: S,
    multiplexed: bool,
    peer: SocketAddr,
    terms: Terms,
    stop: CancellationToken,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Terms { service, limits, .. } = terms;
    let conduct = Conduct::new(&limits, multiplexed, clock::now());
    let noted = conduct.clone();
    let answer = service_fn(move |request: Request<Incoming>| {
        let (service, conduct) = (service.clone(), noted.clone());
        async move { Ok::<_, Infallible>(service.answer(request, peer, limits, conduct).await) }
    });
    let guarded = StallGuard::new(WatchedStream::new(stream, conduct.clone()), limits.write_stall_max);
    let io = TokioIo::new(guarded);
    if multiplexed {
        let mut server = http2::Builder::new(TokioExecutor::new());
        server
            .timer(TokioTimer::new())
            .max_concurrent_streams(H2_STREAMS_MAX)
            .max_pending_accept_reset_streams(H2_RESETS_MAX)
            .max_local_error_reset_streams(H2_RESETS_MAX)
            .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX))
            .max_send_buf_size(H2_SEND_BYTES_MAX)
            .initial_stream_window_size(H2_STREAM_WINDOW_BYTES)
            .initial_connection_window_size(H2_CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(H2_PING_EVERY);
        let connection = server.serve_connection(io, answer);
        let goodbye = http2::Connection::graceful_shutdown;
        carry(connection, goodbye, conduct.watch(), peer, &stop).await;
    } else {
        let mut server = http1::Builder::new();
        // Times are the conduct's business: hyper knows one for a head's bytes and for the pause before it.
        server.timer(TokioTimer::new()).header_read_timeout(None);
        // A buffer's length is looked at between reads only; the service looks at what came of it.
        server.max_buf_size(limits.head_bytes_max);
        // WebSockets need the upgrade.
        let connection = server.serve_connection(io, answer).with_upgrades();
        let goodbye = http1::UpgradeableConnection::graceful_shutdown;
        carry(connection, goodbye, conduct.watch(), peer, &stop).await;
    }
}

/// Carries a connection to its end. `goodbye` lets what is under way finish and takes nothing new; `watch`
/// ends when the connection has to go.
async fn carry<C>(
    connection: C,
    goodbye: impl Fn(Pin<&mut C>),
    watch: impl Future<Output = Verdict>,
    peer: SocketAddr,
    stop: &CancellationToken,
) where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = std::pin::pin!(connection);
    let mut watch = std::pin::pin!(watch);
    let mut stopping = false;
    let verdict = loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!("connection of {peer} ended: {error}");
                }
                return;
            }
            verdict = watch.as_mut() => break verdict,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                goodbye(connection.as_mut());
            }
        }
    };
    metrics::counter!("lectern_http_connections_cut_total", "reason" => verdict.name()).increment(1);
    debug!("connection of {peer} is cut: {}", verdict.name());
    if verdict != Verdict::Stalled {
        goodbye(connection.as_mut());
        // How it ends does not matter: it is dropped then.
        let _ = timeout(FAREWELL, connection).await;
    }
}
