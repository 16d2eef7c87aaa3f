//! Messages to chunks, each with the shortest header the specification allows.

use std::collections::BTreeMap;

use bytes::{BufMut, BytesMut};

use super::{CHUNK_BYTES_DEFAULT, CHUNK_BYTES_MAX, EXTENDED, Message};

/// Writes one direction of one connection.
#[derive(Debug)]
pub struct Writer {
    chunk_bytes: usize,
    before: BTreeMap<u32, Before>,
}

/// The last message on a chunk stream.
#[derive(Clone, Copy, Debug)]
struct Before {
    timestamp_ms: u32,
    delta_ms: u32,
    length: usize,
    kind: u8,
    stream: u32,
}

impl Writer {
    /// A writer for a fresh connection.
    #[must_use]
    pub const fn new() -> Self {
        Self { chunk_bytes: CHUNK_BYTES_DEFAULT, before: BTreeMap::new() }
    }

    /// Chunks of this size from here on; the peer must have been told.
    pub fn set_chunk_bytes(&mut self, bytes: u32) {
        self.chunk_bytes = usize::try_from(bytes).unwrap_or(CHUNK_BYTES_MAX).clamp(1, CHUNK_BYTES_MAX);
    }

    /// Appends a message to `out`.
    ///
    /// # Panics
    /// When the payload is longer than a message can be (16 MiB - 1): our own mistake.
    pub fn write(&mut self, out: &mut BytesMut, message: &Message) {
        let length = message.payload.len();
        assert!(length <= CHUNK_BYTES_MAX, "a message of {length} bytes was made");
        let (kind, delta_ms) = self.header_kind(message);
        out.reserve(length + 18 + length / self.chunk_bytes * 7);
        put_basic_header(out, kind, message.chunk_stream);
        if kind < 3 {
            out.put_uint(u64::from(delta_ms.min(EXTENDED)), 3);
        }
        if kind < 2 {
            out.put_uint(u64::try_from(length).expect("checked to fit 24 bits above"), 3);
            out.put_u8(message.kind);
        }
        if kind == 0 {
            out.put_u32_le(message.stream);
        }
        let mut rest = message.payload.as_ref();
        loop {
            if delta_ms >= EXTENDED {
                out.put_u32(delta_ms);
            }
            let (chunk, later) = rest.split_at(rest.len().min(self.chunk_bytes));
            out.put_slice(chunk);
            rest = later;
            if rest.is_empty() {
                break;
            }
            put_basic_header(out, 3, message.chunk_stream);
        }
        self.before.insert(
            message.chunk_stream,
            Before {
                timestamp_ms: message.timestamp_ms,
                delta_ms,
                length,
                kind: message.kind,
                stream: message.stream,
            },
        );
    }

    /// The chunk type that says enough, and the timestamp or delta that goes with it.
    fn header_kind(&self, message: &Message) -> (u8, u32) {
        let Some(before) = self.before.get(&message.chunk_stream) else { return (0, message.timestamp_ms) };
        // A delta is unsigned; going back takes a full header.
        let delta = message.timestamp_ms.wrapping_sub(before.timestamp_ms);
        if before.stream != message.stream || delta > i32::MAX.unsigned_abs() {
            return (0, message.timestamp_ms);
        }
        let same_shape = before.length == message.payload.len() && before.kind == message.kind;
        match (same_shape, before.delta_ms == delta) {
            (false, _) => (1, delta),
            (true, false) => (2, delta),
            (true, true) => (3, delta),
        }
    }
}

impl Default for Writer {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) fn put_basic_header(out: &mut BytesMut, kind: u8, chunk_stream: u32) {
    let kind = kind << 6;
    match chunk_stream {
        0..64 => out.put_u8(kind | u8::try_from(chunk_stream).expect("below 64")),
        64..320 => {
            out.put_u8(kind);
            out.put_u8(u8::try_from(chunk_stream - 64).expect("below 256"));
        }
        _ => {
            out.put_u8(kind | 1);
            out.put_u16_le(u16::try_from(chunk_stream - 64).unwrap_or(u16::MAX));
        }
    }
}
