//! Just enough RTMP (Adobe's specification, 1.0) to publish, and to hear what the server says of it.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

/// Longer than a server may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Messages are sent in chunks of this.
const CHUNK_BYTES: usize = 60_000;
const MESSAGE_BYTES_MAX: usize = 1 << 20;
const HANDSHAKE_BYTES: usize = 1536;

const SET_CHUNK_SIZE: u8 = 1;
const COMMAND: u8 = 20;

/// The sending half of a publication.
#[derive(Debug)]
pub struct Sender {
    stream: TcpStream,
}

/// The listening half.
#[derive(Debug)]
pub struct Listener {
    stream: TcpStream,
    chunk_bytes: usize,
    channels: BTreeMap<u32, Channel>,
}

/// A chunk stream's header, and the message that is being received on it.
#[derive(Debug, Default)]
struct Channel {
    length: usize,
    kind: u8,
    body: Vec<u8>,
}

/// Connects and publishes under a key; returns when the server has said that the publication has begun.
///
/// # Errors
/// When it is refused, or nobody listens.
pub fn publish(rtmp_url: &str, key: &str) -> Result<(Sender, Listener)> {
    let rest = rtmp_url.strip_prefix("rtmp://").context("an rtmp:// URL")?;
    let (authority, app) = rest.split_once('/').context("the URL names an application")?;
    let mut stream = TcpStream::connect(authority)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    shake_hands(&mut stream)?;
    let mut listener = Listener { stream: stream.try_clone()?, chunk_bytes: 128, channels: BTreeMap::new() };
    let mut sender = Sender { stream };
    let chunk_bytes = u32::try_from(CHUNK_BYTES)?.to_be_bytes();
    sender.message(2, SET_CHUNK_SIZE, 0, 0, &chunk_bytes)?;
    let url = format!("rtmp://{authority}/{app}");
    let mut connect = command("connect", 1.0);
    connect.push(3);
    for (name, value) in [("app", app), ("tcUrl", url.as_str()), ("flashVer", "FMLE/3.0")] {
        put_name(&mut connect, name);
        put_text(&mut connect, value);
    }
    connect.extend([0, 0, 9]);
    sender.message(3, COMMAND, 0, 0, &connect)?;
    listener.wait_for("_result")?;
    let mut create = command("createStream", 2.0);
    create.push(5);
    sender.message(3, COMMAND, 0, 0, &create)?;
    listener.wait_for("_result")?;
    let mut publish = command("publish", 3.0);
    publish.push(5);
    put_text(&mut publish, key);
    put_text(&mut publish, "live");
    sender.message(3, COMMAND, 1, 0, &publish)?;
    listener.wait_for("NetStream.Publish.Start")?;
    // From here on it waits for as long as the publication lasts.
    listener.stream.set_read_timeout(None)?;
    Ok((sender, listener))
}

impl Sender {
    /// Sends one FLV tag: `kind` 8 is sound, 9 pictures.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn media(&mut self, kind: u8, timestamp_ms: u32, body: &[u8]) -> Result<()> {
        self.message(4, kind, 1, timestamp_ms, body)
    }

    /// Breaks the connection without a goodbye.
    pub fn cut(&self) {
        // It may be broken already.
        let _closed = self.stream.shutdown(std::net::Shutdown::Both);
    }

    fn message(&mut self, channel: u8, kind: u8, stream: u32, timestamp_ms: u32, body: &[u8]) -> Result<()> {
        let mut bytes = vec![channel];
        bytes.extend(&timestamp_ms.min(0xff_ffff).to_be_bytes()[1..]);
        bytes.extend(&u32::try_from(body.len())?.to_be_bytes()[1..]);
        bytes.push(kind);
        bytes.extend(stream.to_le_bytes());
        for (index, chunk) in body.chunks(CHUNK_BYTES).enumerate() {
            if index > 0 {
                bytes.push(0xc0 | channel);
            }
            bytes.extend(chunk);
        }
        Ok(self.stream.write_all(&bytes)?)
    }
}

impl Listener {
    /// The next thing that the server says: a command's name, or the code of an `onStatus`.
    ///
    /// # Errors
    /// When the connection ends, or what comes is no RTMP.
    pub fn hear(&mut self) -> Result<String> {
        loop {
            let (kind, body) = self.message()?;
            match kind {
                SET_CHUNK_SIZE => {
                    let size = u32::from_be_bytes(body.as_slice().try_into().context("four bytes")?);
                    self.chunk_bytes = usize::try_from(size)?;
                }
                COMMAND => {
                    let words = texts(&body);
                    let name = words.first().context("a command has a name")?;
                    if name != "onStatus" {
                        return Ok(name.clone());
                    }
                    let at = words.iter().position(|word| word == "code");
                    let code = at.and_then(|at| words.get(at + 1)).context("onStatus has a code")?;
                    return Ok(code.clone());
                }
                _ => {}
            }
        }
    }

    fn wait_for(&mut self, wanted: &str) -> Result<()> {
        loop {
            let said = self.hear()?;
            if said == wanted {
                return Ok(());
            }
            ensure!(!said.contains("Bad") && !said.contains("Reject") && said != "_error", "refused: {said}");
        }
    }

    fn message(&mut self) -> Result<(u8, Vec<u8>)> {
        loop {
            let [first] = self.take()?;
            let id = match first & 0x3f {
                0 => u32::from(self.take::<1>()?[0]) + 64,
                1 => bail!("a chunk stream beyond 319"),
                id => u32::from(id),
            };
            let format = first >> 6;
            let mut header = self.channels.remove(&id).unwrap_or_default();
            if format < 3 {
                let time = self.take::<3>()?;
                if format < 2 {
                    let [a, b, c, kind] = self.take()?;
                    header.length = usize::try_from(u32::from_be_bytes([0, a, b, c]))?;
                    header.kind = kind;
                    if format == 0 {
                        self.take::<4>()?;
                    }
                }
                ensure!(time != [0xff; 3], "no server of ours has such times");
            }
            ensure!(header.length <= MESSAGE_BYTES_MAX, "a message of {} bytes", header.length);
            let rest = header.length - header.body.len();
            let mut piece = vec![0; rest.min(self.chunk_bytes)];
            self.stream.read_exact(&mut piece)?;
            header.body.extend(piece);
            let whole = header.body.len() == header.length;
            let message = whole.then(|| (header.kind, std::mem::take(&mut header.body)));
            self.channels.insert(id, header);
            if let Some(message) = message {
                return Ok(message);
            }
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

fn shake_hands(stream: &mut TcpStream) -> Result<()> {
    let mut hello = vec![3];
    hello.extend([0; 8]);
    hello.extend((0..HANDSHAKE_BYTES - 8).map(|at| (at % 251) as u8));
    stream.write_all(&hello)?;
    let mut answer = vec![0; 1 + 2 * HANDSHAKE_BYTES];
    stream.read_exact(&mut answer)?;
    ensure!(answer[0] == 3, "RTMP version {}", answer[0]);
    Ok(stream.write_all(&answer[1..=HANDSHAKE_BYTES])?)
}

fn command(name: &str, transaction: f64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_text(&mut bytes, name);
    bytes.push(0);
    bytes.extend(transaction.to_be_bytes());
    bytes
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(2);
    put_name(bytes, text);
}

fn put_name(bytes: &mut Vec<u8>, name: &str) {
    bytes.extend(u16::try_from(name.len()).expect("short names").to_be_bytes());
    bytes.extend(name.as_bytes());
}

/// Every text and name of an AMF0 message in order; other values are passed over.
fn texts(body: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = body;
    let mut in_object = false;
    while let Some((&marker, after)) = rest.split_first() {
        if in_object {
            let Some((name, after)) = take_text(rest) else { break };
            in_object = !name.is_empty();
            rest = if in_object { after } else { after.get(1..).unwrap_or_default() };
            if !in_object {
                continue;
            }
            found.push(name);
            let Some(after) = take_value(rest, &mut found) else { break };
            rest = after;
            continue;
        }
        if matches!(marker, 3 | 8) {
            in_object = true;
            rest = if marker == 8 { after.get(4..).unwrap_or_default() } else { after };
            continue;
        }
        let Some(after) = take_value(rest, &mut found) else { break };
        rest = after;
    }
    found
}

fn take_value<'a>(bytes: &'a [u8], found: &mut Vec<String>) -> Option<&'a [u8]> {
    let (&marker, rest) = bytes.split_first()?;
    match marker {
        0 => rest.get(8..),
        1 => rest.get(1..),
        2 => {
            let (text, rest) = take_text(rest)?;
            found.push(text);
            Some(rest)
        }
        5 | 6 => Some(rest),
        _ => None,
    }
}

fn take_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (text, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((String::from_utf8_lossy(text).into_owned(), rest))
}
