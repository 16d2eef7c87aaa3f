//! A client of HTTP/1.1 and, over TLS, HTTP/2. It notes when it asked, when the first byte came and when the last,
//! and believes no length.

use std::{
    collections::BTreeMap,
    io::Read,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use flate2::read::MultiGzDecoder;
use runtime::clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use url::Url;

use super::{
    http1,
    tls::{self, Stream},
};
use crate::exchange::{Exchange, Http};

const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// Room for one read.
const READ_BYTES: usize = 64 << 10;
/// Idle connections that are kept for each server.
const IDLE_MAX: usize = 32;

/// How far a server's certificate is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// By the usual authorities.
    #[default]
    Usual,
    /// By the certificates in this PEM file.
    Authority(std::path::PathBuf),
    /// Anything goes: for a server of one's own.
    Anything,
}

/// What keeps an answer from coming.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No connection.
    #[error("{0}")]
    Connect(String),
    /// A certificate that is not believed.
    #[error("{0}")]
    Untrusted(String),
    /// A connection that breaks, or talks nonsense.
    #[error("{0}")]
    Broken(String),
    /// No head of an answer.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
    /// A body that goes on and on.
    #[error("the answer did not end within {} s", .0.as_secs())]
    Slow(Duration),
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the headers of the answer are longer than {0} bytes")]
    HeadTooLong(usize),
}

impl Failure {
    /// What it answers is no use, and will be none the next time.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::TooLong(_) | Self::HeadTooLong(_) | Self::Slow(_))
    }
}

pub(super) fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::Broken(error.to_string())
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) url: &'a str,
    /// First byte and length.
    pub(crate) range: Option<(u64, u64)>,
    /// Until the head of the answer.
    pub(crate) wait: Duration,
    /// From the head until all of it is there.
    pub(crate) whole: Duration,
    /// Most bytes of the body.
    pub(crate) limit: usize,
    pub(crate) gzip: bool,
}

/// Asks, keeps connections, and counts no retries.
#[derive(Debug)]
pub(crate) struct Client {
    tls: Arc<rustls::ClientConfig>,
    idle: Mutex<BTreeMap<String, Vec<Stream>>>,
    shared: tokio::sync::Mutex<BTreeMap<String, h2::client::SendRequest<Bytes>>>,
    drivers: Mutex<tokio::task::JoinSet<()>>,
}

/// An answer as it came.
pub(super) struct Answer {
    pub(super) http: Http,
    pub(super) first_byte_at: Instant,
    pub(super) body: Bytes,
}

impl Client {
    pub(crate) fn new(trust: &Trust) -> Result<Self, String> {
        let tls = Arc::new(tls::config(trust)?);
        Ok(Self {
            tls,
            idle: Mutex::default(),
            shared: tokio::sync::Mutex::default(),
            drivers: Mutex::default(),
        })
    }

    /// One GET.
    pub(crate) async fn get(&self, ask: &Ask<'_>) -> Result<Exchange, Failure> {
        let url = Url::parse(ask.url).map_err(broken)?;
        let origin = url.origin().ascii_serialization();
        let asked_at = clock::now();
        let mut answer = self.ask(&url, &origin, ask).await?;
        let answered_at = clock::now();
        let coding = answer.http.header("content-encoding").unwrap_or_default().to_ascii_lowercase();
        if matches!(&*coding, "gzip" | "x-gzip") {
            answer.body = unpack(&answer.body, ask.limit)?;
        }
        let (first_byte_at, url) = (answer.first_byte_at, ask.url.to_owned());
        Ok(Exchange { url, asked_at, first_byte_at, answered_at, http: Some(answer.http), body: answer.body })
    }

    async fn ask(&self, url: &Url, origin: &str, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let shared = self.shared.lock().await.get(origin).cloned();
        if let Some(sender) = shared {
            match self.over_http2(sender, url, ask).await {
                Err(Failure::Broken(_)) => drop(self.shared.lock().await.remove(origin)),
                other => return other,
            }
        }
        let idle = lock(&self.idle).get_mut(origin).and_then(Vec::pop);
        if let Some(stream) = idle {
            // It may have been closed meanwhile: then a new one is asked.
            match self.over_http1(stream, url, origin, ask).await {
                Err(Failure::Broken(_)) => {}
                other => return other,
            }
        }
        let stream = self.connect(url).await?;
        if !stream.is_http2() {
            return self.over_http1(stream, url, origin, ask).await;
        }
        let (sender, connection) = h2::client::Builder::new()
            .max_header_list_size(64 << 10)
            .initial_window_size(1 << 20)
            .initial_connection_window_size(8 << 20)
            .handshake(stream)
            .await
            .map_err(broken)?;
        // Its end is seen by the next request.
        lock(&self.drivers).spawn(async move { drop(connection.await) });
        self.shared.lock().await.insert(origin.to_owned(), sender.clone());
        self.over_http2(sender, url, ask).await
    }

    async fn connect(&self, url: &Url) -> Result<Stream, Failure> {
        let host = url.host_str().ok_or_else(|| Failure::Connect("the URL names no host".into()))?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let port = url.port_or_known_default().unwrap_or(80);
        let connect = |error: std::io::Error| Failure::Connect(format!("{host}:{port}: {error}"));
        let late = |what: &str| {
            Failure::Connect(format!("{host}:{port}: {what}no answer within {} s", CONNECT_WAIT.as_secs()))
        };
        let stream = timeout(CONNECT_WAIT, TcpStream::connect((bare, port))).await;
        let stream = stream.map_err(|_| late(""))?.map_err(connect)?;
        stream.set_nodelay(true).map_err(connect)?;
        if url.scheme() != "https" {
            return Ok(Stream::Plain(stream));
        }
        let name = rustls::pki_types::ServerName::try_from(bare.to_owned())
            .map_err(|error| Failure::Connect(format!("{host}: {error}")))?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream);
        let stream = timeout(CONNECT_WAIT, stream).await.map_err(|_| late("TLS: "))?;
        let stream = stream.map_err(|error| {
            let of_tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            let problem = format!("{host}:{port}: TLS: {error}");
            match of_tls {
                Some(rustls::Error::InvalidCertificate(_)) => Failure::Untrusted(problem),
                _ => Failure::Connect(problem),
            }
        })?;
        Ok(Stream::Tls(Box::new(stream)))
    }

    async fn over_http1(
        &self,
        mut stream: Stream,
        url: &Url,
        origin: &str,
        ask: &Ask<'_>,
    ) -> Result<Answer, Failure> {
        stream.write_all(http1::request(url, ask).as_bytes()).await.map_err(broken)?;
        stream.flush().await.map_err(broken)?;
        let mut buffer = BytesMut::new();
        let (head, first_byte_at) = timeout(ask.wait, http1::head(&mut stream, &mut buffer))
            .await
            .map_err(|_| Failure::Late(ask.wait))??;
        let (body, reusable) = timeout(ask.whole, http1::body(&mut stream, &mut buffer, &head, ask.limit))
            .await
            .map_err(|_| Failure::Slow(ask.whole))??;
        if reusable {
            let mut idle = lock(&self.idle);
            let idle = idle.entry(origin.to_owned()).or_default();
            if idle.len() < IDLE_MAX {
                idle.push(stream);
            }
        }
        Ok(Answer { http: head, first_byte_at, body })
    }

    async fn over_http2(
        &self,
        sender: h2::client::SendRequest<Bytes>,
        url: &Url,
        ask: &Ask<'_>,
    ) -> Result<Answer, Failure> {
        // It waits while the server lets no more streams be opened.
        let mut sender =
            timeout(ask.wait, sender.ready()).await.map_err(|_| Failure::Late(ask.wait))?.map_err(broken)?;
        let mut request = http::Request::get(url.as_str()).header("user-agent", AGENT);
        if ask.gzip {
            request = request.header("accept-encoding", "gzip");
        }
        if let Some(range) = ask.range {
            request = request.header("range", range_of(range));
        }
        let request = request.body(()).map_err(broken)?;
        let (response, _) = sender.send_request(request, true).map_err(broken)?;
        let response =
            timeout(ask.wait, response).await.map_err(|_| Failure::Late(ask.wait))?.map_err(broken)?;
        let mut first_byte_at = clock::now();
        let headers = response.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let http = Http { status: response.status().as_u16(), headers: headers.collect(), is_http2: true };
        let mut stream = response.into_body();
        let mut body = BytesMut::new();
        let until = clock::now() + ask.whole;
        loop {
            let left = until.saturating_duration_since(clock::now());
            let next = timeout(left, stream.data()).await.map_err(|_| Failure::Slow(ask.whole))?;
            let Some(data) = next else { break };
            let data = data.map_err(broken)?;
            if body.is_empty() {
                first_byte_at = clock::now();
            }
            if body.len() + data.len() > ask.limit {
                return Err(Failure::TooLong(ask.limit));
            }
            stream.flow_control().release_capacity(data.len()).map_err(broken)?;
            body.extend_from_slice(&data);
        }
        Ok(Answer { http, first_byte_at, body: body.freeze() })
    }
}

/// Who asks.
pub(super) const AGENT: &str = concat!("lectern-hlscheck/", env!("CARGO_PKG_VERSION"));

pub(super) fn range_of((from, length): (u64, u64)) -> String {
    format!("bytes={from}-{}", from.saturating_add(length.max(1)) - 1)
}

fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut plain = Vec::new();
    let most = limit as u64 + 1;
    let unpacked = MultiGzDecoder::new(packed).take(most).read_to_end(&mut plain);
    unpacked.map_err(|error| broken(format!("its Content-Encoding is gzip, and it is none: {error}")))?;
    if plain.len() > limit {
        return Err(Failure::TooLong(limit));
    }
    Ok(plain.into())
}

/// Reads some more; the end of the stream is an error.
pub(super) async fn more(stream: &mut Stream, buffer: &mut BytesMut) -> Result<(), Failure> {
    buffer.reserve(READ_BYTES);
    match stream.read_buf(buffer).await.map_err(broken)? {
        0 => Err(broken("the connection was closed before the answer was whole")),
        _ => Ok(()),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}

/// Reads a PEM file for [`Trust::Authority`].
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
