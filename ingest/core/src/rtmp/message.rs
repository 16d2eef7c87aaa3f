//! Message types (RTMP 1.0 sections 5.4, 6.2 and 7.1) and the small bodies of protocol control.

use bytes::{BufMut, Bytes, BytesMut};

use super::chunk::Message;

/// Message type ids.
pub mod kind {
    /// Set Chunk Size (5.4.1).
    pub const SET_CHUNK_SIZE: u8 = 1;
    /// Abort Message (5.4.2).
    pub const ABORT: u8 = 2;
    /// Acknowledgement (5.4.3).
    pub const ACKNOWLEDGEMENT: u8 = 3;
    /// User Control (6.2).
    pub const USER_CONTROL: u8 = 4;
    /// Window Acknowledgement Size (5.4.4).
    pub const WINDOW_SIZE: u8 = 5;
    /// Set Peer Bandwidth (5.4.5).
    pub const PEER_BANDWIDTH: u8 = 6;
    /// Audio (7.1.4).
    pub const AUDIO: u8 = 8;
    /// Video (7.1.5).
    pub const VIDEO: u8 = 9;
    /// Data in AMF 3 clothes.
    pub const DATA_AMF3: u8 = 15;
    /// Shared object in AMF 3 clothes; not for a live class.
    pub const SHARED_OBJECT_AMF3: u8 = 16;
    /// Command in AMF 3 clothes.
    pub const COMMAND_AMF3: u8 = 17;
    /// Data in AMF 0 (7.1.2).
    pub const DATA: u8 = 18;
    /// Command in AMF 0 (7.1.1).
    pub const COMMAND: u8 = 20;
    /// Several messages in one (7.1.6).
    pub const AGGREGATE: u8 = 22;
}

/// Chunk streams that this program sends on.
pub mod chunk_stream {
    /// Protocol control, fixed by the specification (5.4).
    pub const CONTROL: u32 = 2;
    /// Commands of the connection.
    pub const COMMAND: u32 = 3;
    /// Sound.
    pub const AUDIO: u32 = 4;
    /// Commands and data of a message stream.
    pub const STREAM: u32 = 5;
    /// Pictures.
    pub const VIDEO: u32 = 6;
}

/// User Control events (7.1.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The stream is of use from now on.
    StreamBegin(u32),
    /// Is somebody there? To be answered with the same time.
    PingRequest(u32),
    /// Yes.
    PingResponse(u32),
}

impl Event {
    /// Reads a User Control body; `None` for events that a publisher's connection does not need.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (event, rest) = payload.split_first_chunk::<2>()?;
        let value = u32::from_be_bytes(*rest.first_chunk::<4>()?);
        match u16::from_be_bytes(*event) {
            0 => Some(Self::StreamBegin(value)),
            6 => Some(Self::PingRequest(value)),
            7 => Some(Self::PingResponse(value)),
            _ => None,
        }
    }

    /// As a message.
    #[must_use]
    pub fn message(self) -> Message {
        let (event, value) = match self {
            Self::StreamBegin(stream) => (0, stream),
            Self::PingRequest(time) => (6, time),
            Self::PingResponse(time) => (7, time),
        };
        let mut body = BytesMut::with_capacity(6);
        body.put_u16(event);
        body.put_u32(value);
        control(kind::USER_CONTROL, body.freeze())
    }
}

/// A control message whose body is one number (types 1, 2, 3 and 5).
#[must_use]
pub fn number(kind: u8, value: u32) -> Message {
    control(kind, Bytes::copy_from_slice(&value.to_be_bytes()))
}

/// Set Peer Bandwidth with the limit type "dynamic".
#[must_use]
pub fn peer_bandwidth(bytes: u32) -> Message {
    let mut body = BytesMut::with_capacity(5);
    body.put_u32(bytes);
    body.put_u8(2);
    control(kind::PEER_BANDWIDTH, body.freeze())
}

/// The number in the body of a control message; `None` when it is too short.
#[must_use]
pub fn read_number(payload: &[u8]) -> Option<u32> {
    payload.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The messages inside an Aggregate message, times moved so that the first has the aggregate's own.
/// Ends at the first broken one.
pub fn split_aggregate(aggregate: &Message) -> impl Iterator<Item = Message> + use<> {
    const HEADER_BYTES: usize = 11;
    const BACK_POINTER_BYTES: usize = 4;
    let (mut rest, outer) = (aggregate.payload.clone(), aggregate.clone());
    let mut shift_ms = None;
    std::iter::from_fn(move || {
        let header = *rest.first_chunk::<HEADER_BYTES>()?;
        let [kind, l2, l1, l0, t2, t1, t0, t3, ..] = header;
        let length = usize::try_from(u32::from_be_bytes([0, l2, l1, l0])).ok()?;
        // As in FLV tags: the byte behind the 24 bits is the uppermost one.
        let timestamp_ms = u32::from_be_bytes([t3, t2, t1, t0]);
        let end = HEADER_BYTES.checked_add(length).filter(|end| *end <= rest.len())?;
        let payload = rest.slice(HEADER_BYTES..end);
        rest = rest.slice((end + BACK_POINTER_BYTES).min(rest.len())..);
        let shift_ms = *shift_ms.get_or_insert_with(|| outer.timestamp_ms.wrapping_sub(timestamp_ms));
        Some(Message {
            chunk_stream: outer.chunk_stream,
            timestamp_ms: timestamp_ms.wrapping_add(shift_ms),
            kind,
            stream: outer.stream,
            payload,
        })
    })
}

fn control(kind: u8, payload: Bytes) -> Message {
    Message { chunk_stream: chunk_stream::CONTROL, timestamp_ms: 0, kind, stream: 0, payload }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_read_back_and_short_ones_are_ignored() {
        for event in [Event::StreamBegin(1), Event::PingRequest(77), Event::PingResponse(u32::MAX)] {
            assert_eq!(Event::read(&event.message().payload), Some(event));
        }
        assert_eq!(Event::read(&[0, 6, 1]), None);
        assert_eq!(Event::read(&[0, 3, 0, 0, 0, 1, 0, 0, 0, 9]), None);
    }

    #[test]
    fn an_aggregate_is_split_and_its_times_are_moved() {
        let mut body = BytesMut::new();
        for (kind, time, payload) in [(8u8, 500u32, b"ab".as_slice()), (9, 520, b"c")] {
            body.put_u8(kind);
            body.put_uint(payload.len() as u64, 3);
            body.put_uint(u64::from(time & 0xff_ffff), 3);
            body.put_u8(0);
            body.put_uint(0, 3);
            body.put_slice(payload);
            body.put_u32(11 + payload.len() as u32);
        }
        body.put_slice(&[9, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1]);
        let aggregate = Message {
            chunk_stream: 6,
            timestamp_ms: 10_000,
            kind: kind::AGGREGATE,
            stream: 1,
            payload: body.freeze(),
        };
        let parts: Vec<_> =
            split_aggregate(&aggregate).map(|part| (part.kind, part.timestamp_ms, part.payload)).collect();
        assert_eq!(parts, [(8, 10_000, Bytes::from("ab")), (9, 10_020, Bytes::from("c"))]);
    }
}
