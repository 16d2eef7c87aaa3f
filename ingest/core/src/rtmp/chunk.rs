//! Chunks (RTMP 1.0 section 5.3): messages cut into pieces, pieces of several messages interleaved.

mod reader;
mod writer;

pub use reader::{Error, Limits, Reader};
pub use writer::Writer;

use bytes::Bytes;

/// Chunk size of both sides until one says otherwise (5.4.1).
pub const CHUNK_BYTES_DEFAULT: usize = 128;
/// No message is longer (its length has 24 bits), so no chunk need be.
pub const CHUNK_BYTES_MAX: usize = 0xff_ffff;
/// In the 24 bits of a timestamp: it stands in four more bytes behind the header (5.3.1.3).
const EXTENDED: u32 = 0xff_ffff;

/// One message, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The chunk stream it came or goes on, 2 to 65 599.
    pub chunk_stream: u32,
    /// Milliseconds, wrapping after 49.7 days.
    pub timestamp_ms: u32,
    /// Message type id (see [`super::message`]).
    pub kind: u8,
    /// Message stream id.
    pub stream: u32,
    /// The body.
    pub payload: Bytes,
}
