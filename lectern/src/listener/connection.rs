//! One HTTP connection, from its first byte to its end.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{Router, body::Body as PageBody, extract::ConnectInfo, response::IntoResponse};
use http::{Request, Response, StatusCode};
use http_body_util::Limited;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use origin_server::Origin;
use tokio::{net::TcpStream, time::timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::debug;

use super::{Limits, ResponseBody, body::TimedBody, stall_guard::StallGuard};

/// HTTP/1 buffer for a request's head; a longer head is answered 431.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Requests under way at once on one HTTP/2 connection.
const H2_STREAMS_MAX: u32 = 250;
/// Resets that a peer may have pending before the connection is closed (CVE-2023-44487).
const H2_RESETS_MAX: usize = 20;

/// Who answers: the origin for media paths, else the router of API and pages.
#[derive(Clone)]
pub(crate) struct Service {
    /// Answers `/p/…` and `/s/…`; none when this process has no origin role.
    pub(crate) origin: Option<Arc<Origin>>,
    /// Answers all else.
    pub(crate) pages: Router,
}

impl Service {
    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        limits: Limits,
    ) -> Response<ResponseBody> {
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if target > limits.uri_bytes_max {
            return StatusCode::URI_TOO_LONG.into_response().map(ResponseBody::Page);
        }
        let path = request.uri().path();
        if let Some(origin) = &self.origin
            && (path.starts_with("/p/") || path.starts_with("/s/"))
        {
            return origin.handle(request).await.map(ResponseBody::Media);
        }
        let mut request = request.map(|body| {
            let timed = TimedBody::new(body, limits.body_pause_max);
            PageBody::new(Limited::new(timed, limits.body_bytes_max))
        });
        request.extensions_mut().insert(ConnectInfo(peer));
        match self.pages.clone().oneshot(request).await {
            Ok(response) => response.map(ResponseBody::Page),
            Err(never) => match never {},
        }
    }
}

/// Serves one connection until it ends, fails, or the process stops.
pub(crate) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    service: Service,
    limits: Limits,
    stop: CancellationToken,
) {
    // hyper's own header time-out begins with the first byte; a socket that never says anything would stay.
    tokio::select! {
        () = stop.cancelled() => return,
        readable = timeout(limits.headers_max, stream.readable()) => match readable {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        },
    }
    let mut server = auto::Builder::new(TokioExecutor::new());
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers_max)
        .max_buf_size(HEAD_BYTES_MAX)
        .pipeline_flush(true);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(H2_STREAMS_MAX)
        .max_pending_accept_reset_streams(H2_RESETS_MAX)
        .max_header_list_size(u32::try_from(HEAD_BYTES_MAX).expect("32 KiB fits"))
        .keep_alive_interval(std::time::Duration::from_secs(30));
    let answer = service_fn(move |request: Request<Incoming>| {
        let service = service.clone();
        async move { Ok::<_, Infallible>(service.answer(request, peer, limits).await) }
    });
    let guarded = TokioIo::new(StallGuard::new(stream, limits.write_stall_max));
    // WebSockets of later rooms need the upgrade, hence not plain serve_connection.
    let connection = server.serve_connection_with_upgrades(guarded, answer);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!("connection of {peer} ended: {error}");
    }
}
