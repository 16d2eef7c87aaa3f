//! HTTP/2 frames by hand (RFC 9113), for peers that no library would be.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::within;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const ACK: u8 = 1;

/// `SETTINGS_INITIAL_WINDOW_SIZE`.
pub(super) const INITIAL_WINDOW: u16 = 4;

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// `GET path`, or another method, as a header block without any compression.
pub(super) fn block(method: &str, path: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in
        [(":method", method), (":scheme", "https"), (":path", path), (":authority", "localhost")]
    {
        block.extend(literal(name, value));
    }
    block
}

/// A header that is not to be remembered (RFC 7541, 6.2.2).
pub(super) fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        bytes.extend(integer(text.len(), 7, 0));
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// RFC 7541, 5.1.
pub(super) fn integer(mut number: usize, prefix_bits: u32, first: u8) -> Vec<u8> {
    let most = (1 << prefix_bits) - 1;
    if number < most {
        return vec![first | number as u8];
    }
    let mut bytes = vec![first | most as u8];
    number -= most;
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The preface, our settings, and theirs acknowledged.
pub(super) fn greeting(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (name, value) in settings {
        payload.extend(name.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frame(SETTINGS, 0, 0, &payload),
        frame(SETTINGS, ACK, 0, &[]),
    ]
    .concat()
}

/// The next frame; none at the end.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    within(stream.read_exact(&mut head)).await.ok()?;
    let [l2, l1, l0, kind, flags, id @ ..] = head;
    let length = u32::from_be_bytes([0, l2, l1, l0]);
    let mut payload = vec![0; usize::try_from(length).expect("a short frame")];
    within(stream.read_exact(&mut payload)).await.ok()?;
    Some(Frame { kind, flags, stream: u32::from_be_bytes(id), payload })
}

/// Reads to the end of the connection; answers whether a GOAWAY came, and how many frames in all.
pub(super) async fn read_to_goodbye(stream: &mut (impl AsyncRead + Unpin)) -> (Option<u32>, usize) {
    let (mut goodbye, mut count) = (None, 0);
    while let Some(frame) = read(stream).await {
        count += 1;
        if frame.kind == GOAWAY {
            let code = frame.payload.get(4..8).and_then(|code| code.try_into().ok());
            goodbye = code.map(u32::from_be_bytes).or(goodbye);
        }
    }
    (goodbye, count)
}

/// Writes what the peer takes; the connection may end meanwhile.
pub(super) async fn push(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> bool {
    stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok()
}
