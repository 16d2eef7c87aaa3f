//! HTTP/1.1, as much of it as a GET needs.

use std::{fmt::Write, time::Instant};

use bytes::{Buf, Bytes, BytesMut};
use runtime::clock;
use url::Url;

use super::{
    client::{AGENT, Ask, Failure, broken, more, range_of},
    tls::Stream,
};
use crate::exchange::Http;

const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 100;
/// A chunk's length and its extensions.
const LINE_BYTES_MAX: usize = 4 << 10;

/// The head of a GET.
pub(super) fn request(url: &Url, ask: &Ask<'_>) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    let mut head = format!(
        "GET {}{query} HTTP/1.1\r\nHost: {host}{port}\r\nUser-Agent: {AGENT}\r\nAccept: */*\r\n",
        url.path()
    );
    if ask.gzip {
        head.push_str("Accept-Encoding: gzip\r\n");
    }
    if let Some(range) = ask.range {
        write!(head, "Range: {}\r\n", range_of(range)).expect("writing to a string cannot fail");
    }
    head.push_str("\r\n");
    head
}

/// Reads a head, and when its first byte came.
pub(super) async fn head(stream: &mut Stream, buffer: &mut BytesMut) -> Result<(Http, Instant), Failure> {
    let mut first_byte_at = None;
    loop {
        more(stream, buffer).await?;
        let at = *first_byte_at.get_or_insert_with(clock::now);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(buffer).map_err(no_http)? {
            httparse::Status::Complete(length) => {
                let named = response.headers.iter().map(|header| {
                    (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
                });
                let status = response.code.unwrap_or(0);
                let http = Http { status, headers: named.collect(), is_http2: false };
                buffer.advance(length);
                return Ok((http, at));
            }
            httparse::Status::Partial if buffer.len() > HEAD_BYTES_MAX => {
                return Err(Failure::HeadTooLong(HEAD_BYTES_MAX));
            }
            httparse::Status::Partial => {}
        }
    }
}

fn no_http(error: httparse::Error) -> Failure {
    if error == httparse::Error::TooManyHeaders {
        return broken(format!("it has more than {HEADERS_MAX} headers"));
    }
    broken(format!("it does not speak HTTP: {error}"))
}

/// Reads a body, and says whether the connection can be used again.
pub(super) async fn body(
    stream: &mut Stream,
    buffer: &mut BytesMut,
    head: &Http,
    limit: usize,
) -> Result<(Bytes, bool), Failure> {
    let open = !head.header("connection").unwrap_or_default().eq_ignore_ascii_case("close");
    if matches!(head.status, 100..=199 | 204 | 304) {
        return Ok((Bytes::new(), open));
    }
    if head.header("transfer-encoding").unwrap_or_default().to_ascii_lowercase().contains("chunked") {
        return Ok((chunked(stream, buffer, limit).await?, open));
    }
    let Some(length) = head.header("content-length") else {
        return Ok((to_the_end(stream, buffer, limit).await?, false));
    };
    let length: usize = length.trim().parse().map_err(broken)?;
    if length > limit {
        return Err(Failure::TooLong(limit));
    }
    fill(stream, buffer, length).await?;
    Ok((buffer.split_to(length).freeze(), open && buffer.is_empty()))
}

async fn fill(stream: &mut Stream, buffer: &mut BytesMut, length: usize) -> Result<(), Failure> {
    while buffer.len() < length {
        more(stream, buffer).await?;
    }
    Ok(())
}

async fn to_the_end(stream: &mut Stream, buffer: &mut BytesMut, limit: usize) -> Result<Bytes, Failure> {
    loop {
        match more(stream, buffer).await {
            // Without a length the end of the connection is the end of the body.
            Err(_) => return Ok(buffer.split().freeze()),
            Ok(()) if buffer.len() > limit => return Err(Failure::TooLong(limit)),
            Ok(()) => {}
        }
    }
}

async fn chunked(stream: &mut Stream, buffer: &mut BytesMut, limit: usize) -> Result<Bytes, Failure> {
    let mut body = BytesMut::new();
    loop {
        let line = line(stream, buffer).await?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = usize::from_str_radix(digits, 16).map_err(broken)?;
        if length == 0 {
            // Trailers, and the empty line that ends them.
            for _ in 0..HEADERS_MAX {
                if self::line(stream, buffer).await?.is_empty() {
                    return Ok(body.freeze());
                }
            }
            return Err(broken("too many trailers"));
        }
        if length.saturating_add(body.len()) > limit {
            return Err(Failure::TooLong(limit));
        }
        fill(stream, buffer, length + 2).await?;
        body.extend_from_slice(&buffer[..length]);
        buffer.advance(length + 2);
    }
}

async fn line(stream: &mut Stream, buffer: &mut BytesMut) -> Result<String, Failure> {
    loop {
        if let Some(end) = buffer.windows(2).position(|pair| pair == b"\r\n") {
            let line = String::from_utf8_lossy(&buffer[..end]).into_owned();
            buffer.advance(end + 2);
            return Ok(line);
        }
        if buffer.len() > LINE_BYTES_MAX {
            return Err(Failure::TooLong(LINE_BYTES_MAX));
        }
        more(stream, buffer).await?;
    }
}
