//! Peers of every kind against the real listener's connections: over pipes under simulated time where time
//! matters, over sockets where the system does.

mod frames;
mod http1;
mod http2;
mod sockets;

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::HeaderMap,
    routing::{get, post},
};
use runtime::clock;
use tokio::{io::DuplexStream, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    Limits, Service,
    connection::{self, Terms},
};

const S: Duration = Duration::from_secs(1);
/// Longer than any answer of these tests takes; simulated or not.
const PATIENCE: Duration = Duration::from_secs(120);
const PEER: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 9));
/// A segment's size.
const LARGE: usize = 1 << 20;

fn service() -> Service {
    // One for all who ask, as with media.
    let large = Bytes::from(vec![7; LARGE]);
    let pages = Router::new()
        .route("/small", get(async || "small"))
        .route("/large", get(move || std::future::ready(large.clone())))
        .route(
            "/held",
            get(async || {
                clock::sleep_until(clock::now() + 5 * S).await;
                "held"
            }),
        )
        .route("/never", get(async || -> &'static str { std::future::pending().await }))
        .route("/upload", post(async |body: Bytes| body.len().to_string()))
        .route("/ignored", post(async |_: Body| "ignored"))
        .route(
            "/host",
            get(async |headers: HeaderMap, ConnectInfo(peer): ConnectInfo<SocketAddr>| {
                format!("{} {peer}", headers["host"].to_str().unwrap_or_default())
            }),
        );
    Service { origin: None, pages }
}

fn terms() -> Terms {
    Terms { service: service(), limits: Limits::default(), tls: None }
}

/// A connection over a pipe that holds `bytes` in each direction.
fn pipe(multiplexed: bool, bytes: usize) -> (DuplexStream, JoinHandle<()>) {
    let (near, far) = tokio::io::duplex(bytes);
    let serving = connection::serve(far, multiplexed, PEER, terms(), CancellationToken::new());
    (near, tokio::spawn(serving))
}

/// Waits for something that must come.
async fn within<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(PATIENCE, what).await.expect("it comes in time")
}
