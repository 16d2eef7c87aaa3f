//! A small HTTP/1.1 client: one request a connection, everything about the answer kept. It repairs nothing and
//! follows nothing, so that a test sees what was sent.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

/// Longer than any answer may take: a held reload ends within three target durations.
const TIMEOUT: Duration = Duration::from_secs(20);
const BODY_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Where to send requests.
#[derive(Clone, Debug)]
pub struct Http {
    authority: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, without transfer coding; a content coding stays.
    pub body: Vec<u8>,
    /// From the request's last byte to the body's last.
    pub took: Duration,
}

/// One request, put together.
#[derive(Debug)]
pub struct Request<'a> {
    http: &'a Http,
    method: &'a str,
    path: &'a str,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Http {
    /// From a URL such as `http://127.0.0.1:8080/watch/…`: scheme and path are looked at no further.
    ///
    /// # Errors
    /// When it is no `http://` URL.
    pub fn of(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| format!("{url} is no http:// URL"))?;
        let authority = rest.split('/').next().unwrap_or(rest);
        Ok(Self { authority: authority.to_owned() })
    }

    /// `GET path`.
    ///
    /// # Errors
    /// When no whole answer comes in time.
    pub fn get(&self, path: &str) -> Result<Response> {
        self.request("GET", path).send()
    }

    /// Any request. The path is sent as it is, whatever stands in it.
    #[must_use]
    pub fn request<'a>(&'a self, method: &'a str, path: &'a str) -> Request<'a> {
        Request { http: self, method, path, headers: Vec::new(), body: Vec::new() }
    }
}

impl Request<'_> {
    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.body = body;
        self.header("content-type", content_type)
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// When no whole answer comes in time.
    pub fn send(self) -> Result<Response> {
        let (method, path) = (self.method, self.path);
        self.exchange().with_context(|| format!("{method} {path}"))
    }

    fn exchange(self) -> Result<Response> {
        let mut stream = TcpStream::connect(&self.http.authority)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.path, self.http.authority);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", self.body.len()));
        stream.write_all(head.as_bytes())?;
        stream.write_all(&self.body)?;
        let asked = Instant::now();
        let mut reader = BufReader::new(stream);
        let (status, headers) = read_head(&mut reader)?;
        let no_body = self.method == "HEAD" || status == 204 || status == 304;
        let body = if no_body { Vec::new() } else { read_body(&mut reader, &headers)? };
        let took = asked.elapsed();
        // The server may have closed already.
        let _closed = reader.into_inner().shutdown(Shutdown::Both);
        Ok(Response { status, headers, body, took })
    }
}

impl Response {
    /// The first header of a name (given in lower case).
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).context("the body is text")
    }

    /// The answer, if its status is `wanted`.
    ///
    /// # Errors
    /// Else, with the beginning of the body.
    pub fn expect(self, wanted: u16) -> Result<Self> {
        let shown = String::from_utf8_lossy(&self.body[..self.body.len().min(600)]).into_owned();
        ensure!(self.status == wanted, "status {} instead of {wanted}: {shown}", self.status);
        Ok(self)
    }
}

fn read_head(reader: &mut impl BufRead) -> Result<(u16, Vec<(String, String)>)> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(cut_off("an answer".to_owned()));
    }
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
    let status = status.with_context(|| format!("no status line: {line:?}"))?.parse()?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        ensure!(reader.read_line(&mut line)? > 0, "the answer ends in its headers");
        let line = line.trim_end();
        if line.is_empty() {
            return Ok((status, headers));
        }
        let (name, value) = line.split_once(':').with_context(|| format!("no header: {line:?}"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// The server is gone in the middle: an error of the connection, not a wrong answer.
fn cut_off(what: String) -> anyhow::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the connection ended before {what}")).into()
}

fn read_body(reader: &mut impl BufRead, headers: &[(String, String)]) -> Result<Vec<u8>> {
    let header =
        |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    let mut body = Vec::new();
    if header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let length = u64::from_str_radix(line.trim().split(';').next().unwrap_or(""), 16)
                .with_context(|| format!("no chunk length: {line:?}"))?;
            reader.take(length).read_to_end(&mut body)?;
            let mut end = String::new();
            reader.read_line(&mut end)?;
            if length == 0 {
                return Ok(body);
            }
        }
    }
    let Some(length) = header("content-length") else {
        reader.take(BODY_BYTES_MAX).read_to_end(&mut body)?;
        return Ok(body);
    };
    let length: u64 = length.parse().context("content-length is a number")?;
    reader.take(length).read_to_end(&mut body)?;
    if u64::try_from(body.len())? != length {
        return Err(cut_off(format!("{} bytes of a body of {length}", body.len())));
    }
    Ok(body)
}
