//! Many viewers at once: connections that stay open, requests in flight on all of them, and as little work for each
//! answer as will do, since the load comes from the machine that is measured.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

/// Longer than any answer may take: a held reload ends within three target durations.
const PATIENCE: Duration = Duration::from_secs(15);

/// One connection of HTTP/1.1.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    authority: String,
    line: String,
    body: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer<'a> {
    /// Status code.
    pub status: u16,
    /// The body as it was sent.
    pub body: &'a [u8],
    /// From the request's last byte to the answer's first.
    pub first_byte: Duration,
    /// When the body was there.
    pub at: Instant,
}

impl Connection {
    /// To `127.0.0.1:port`.
    pub(crate) async fn open(authority: &str) -> Result<Self> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(16 << 10, stream),
            authority: authority.to_owned(),
            line: String::new(),
            body: Vec::new(),
        })
    }

    /// `GET path`, accepting gzip or nothing.
    pub(crate) async fn get(&mut self, path: &str, gzip: bool) -> Result<Answer<'_>> {
        let accept = if gzip { "accept-encoding: gzip\r\n" } else { "" };
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n{accept}\r\n", self.authority);
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let asked = Instant::now();
        timeout(PATIENCE, self.stream.fill_buf()).await.with_context(|| format!("no answer to {path}"))??;
        let first_byte = asked.elapsed();
        let (mut status, mut length) = (0, None);
        loop {
            self.line.clear();
            ensure!(
                self.stream.read_line(&mut self.line).await? > 0,
                "the answer to {path} ends in its head"
            );
            let line = self.line.trim_end();
            if let Some(rest) = line.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).context("a status")?.parse()?;
            } else if line.is_empty() {
                break;
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse::<usize>()?);
            }
        }
        self.body.resize(length.with_context(|| format!("{path} says no length"))?, 0);
        self.stream.read_exact(&mut self.body).await?;
        Ok(Answer { status, body: &self.body, first_byte, at: Instant::now() })
    }
}
