//! Chunks to messages. Every length is checked before memory is taken for it; headers cost from a
//! budget that payload earns, so that tiny chunks cannot buy unbounded work.

use std::collections::BTreeMap;

use bytes::BytesMut;
use thiserror::Error;

use super::{CHUNK_BYTES_DEFAULT, CHUNK_BYTES_MAX, EXTENDED, Message};

/// Headers that input earns, per KiB of it.
const HEADERS_PER_KIB: u32 = 200;
/// What a header costs, in the currency in which a byte of input earns [`HEADERS_PER_KIB`].
const HEADER_COST: u32 = 1024;
/// Nobody saves up for more headers than this.
const HEADERS_SAVED_MAX: u32 = 256;
/// Basic header, message header, extended timestamp.
const HEADER_BYTES_MAX: usize = 3 + 11 + 4;

/// What a peer may make the reader hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, in bytes.
    pub message_bytes_max: usize,
    /// All unfinished messages together, by their announced lengths, in bytes.
    pub buffered_bytes_max: usize,
    /// Chunk streams with a header to remember.
    pub chunk_streams_max: usize,
}

impl Limits {
    /// For strangers.
    pub const BEFORE_ADMISSION: Self =
        Self { message_bytes_max: 64 << 10, buffered_bytes_max: 128 << 10, chunk_streams_max: 8 };
    /// For a publisher whose key was right.
    pub const ADMITTED: Self =
        Self { message_bytes_max: 8 << 20, buffered_bytes_max: 16 << 20, chunk_streams_max: 64 };
}

/// Why a connection's chunks cannot be read on. Nothing after it makes sense.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// A message longer than the limit.
    #[error("message of {size} bytes on chunk stream {chunk_stream} is over the limit of {limit}")]
    MessageTooLong {
        /// Where.
        chunk_stream: u32,
        /// Announced length in bytes.
        size: usize,
        /// Allowed length in bytes.
        limit: usize,
    },
    /// Too many unfinished messages.
    #[error("unfinished messages of {size} bytes are over the limit of {limit}")]
    Buffered {
        /// Announced lengths together, in bytes.
        size: usize,
        /// Allowed, in bytes.
        limit: usize,
    },
    /// Too many chunk streams.
    #[error("more than {0} chunk streams")]
    TooManyChunkStreams(usize),
    /// A header that builds on an earlier one, where there is none.
    #[error("chunk of type {kind} opens chunk stream {chunk_stream}")]
    NothingBefore {
        /// Where.
        chunk_stream: u32,
        /// Chunk type, 2 or 3.
        kind: u8,
    },
    /// Too many headers for the bytes that came.
    #[error("more than {HEADERS_PER_KIB} chunk headers per KiB")]
    TooManyHeaders,
}

/// Reads one direction of one connection.
#[derive(Debug)]
pub struct Reader {
    limits: Limits,
    chunk_bytes: usize,
    streams: BTreeMap<u32, Stream>,
    state: State,
    header: [u8; HEADER_BYTES_MAX],
    header_length: usize,
    /// Bytes that were read as a header and turned out to be payload.
    carried: Vec<u8>,
    /// Announced lengths of all unfinished messages.
    buffered_bytes: usize,
    header_budget: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header,
    Payload { chunk_stream: u32, left: usize },
}

/// What is remembered of a chunk stream: its last header, and the message in the making.
#[derive(Debug, Default)]
struct Stream {
    timestamp_ms: u32,
    /// Added for the next message that brings none of its own.
    delta_ms: u32,
    length: usize,
    kind: u8,
    stream: u32,
    /// The last full header carried its timestamp in the extended field.
    extended: bool,
    /// The peer leaves the extended field out of type 3 chunks, against the specification.
    extended_left_out: bool,
    partial: Option<BytesMut>,
}

/// A chunk header, complete.
struct Header {
    kind: u8,
    chunk_stream: u32,
    timestamp: Option<u32>,
    extended: bool,
    length: Option<usize>,
    message_kind: Option<u8>,
    stream: Option<u32>,
}

enum Step {
    Message(Message),
    Progress,
    Starved,
}

impl Reader {
    /// A reader for a fresh connection.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            streams: BTreeMap::new(),
            state: State::Header,
            header: [0; HEADER_BYTES_MAX],
            header_length: 0,
            carried: Vec::new(),
            buffered_bytes: 0,
            header_budget: HEADERS_SAVED_MAX * HEADER_COST,
        }
    }

    /// Other limits from here on; what is held already may stay.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Set Chunk Size (5.4.1). Taken between 1 and [`CHUNK_BYTES_MAX`]; a large one costs no memory,
    /// because only messages are buffered, never chunks.
    pub fn set_chunk_bytes(&mut self, bytes: u32) {
        self.chunk_bytes = usize::try_from(bytes).unwrap_or(CHUNK_BYTES_MAX).clamp(1, CHUNK_BYTES_MAX);
    }

    /// Abort Message (5.4.2): forgets the unfinished message of a chunk stream.
    pub fn abort(&mut self, chunk_stream: u32) {
        if let Some(stream) = self.streams.get_mut(&chunk_stream)
            && stream.partial.take().is_some()
        {
            self.buffered_bytes -= stream.length;
        }
    }

    /// Takes from `input` up to the end of the next message; `None` when more input is needed.
    ///
    /// # Errors
    /// Over a limit, or a header that builds on nothing. The reader is of no use afterwards.
    pub fn read(&mut self, input: &mut &[u8]) -> Result<Option<Message>, Error> {
        loop {
            let step = if self.carried.is_empty() {
                self.step(input)?
            } else {
                let carried = std::mem::take(&mut self.carried);
                let mut rest = carried.as_slice();
                let step = self.step(&mut rest)?;
                self.carried.extend_from_slice(rest);
                // Starved of carried bytes alone: the input goes on behind them.
                if matches!(step, Step::Starved) { Step::Progress } else { step }
            };
            match step {
                Step::Message(message) => return Ok(Some(message)),
                Step::Progress => {}
                Step::Starved => return Ok(None),
            }
        }
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Step, Error> {
        match self.state {
            State::Header => self.read_header(input),
            State::Payload { chunk_stream, left } => Ok(self.read_payload(chunk_stream, left, input)),
        }
    }

    fn read_header(&mut self, input: &mut &[u8]) -> Result<Step, Error> {
        loop {
            let wanted = match self.parse_header() {
                Parsed::Complete(header) => return self.begin_chunk(&header),
                Parsed::NotExtended(header) => {
                    self.carried = self.header[header.basic_length..self.header_length].to_vec();
                    return self.begin_chunk(&header.header);
                }
                Parsed::Wants(length) => length,
            };
            let Some((&byte, rest)) = input.split_first() else { return Ok(Step::Starved) };
            debug_assert!(wanted > self.header_length, "a header that wants no more is complete");
            self.header[self.header_length] = byte;
            self.header_length += 1;
            *input = rest;
            self.earn(1);
        }
    }

    fn parse_header(&self) -> Parsed {
        let header = &self.header[..self.header_length];
        let Some(&first) = header.first() else { return Parsed::Wants(1) };
        let kind = first >> 6;
        // 5.3.1.1: ids from 64 on take one or two more bytes.
        let (basic_length, chunk_stream) = match (first & 0x3f, header) {
            (0, [_, low, ..]) => (2, 64 + u32::from(*low)),
            (0, _) => return Parsed::Wants(2),
            (1, [_, low, high, ..]) => (3, 64 + u32::from(*low) + 256 * u32::from(*high)),
            (1, _) => return Parsed::Wants(3),
            (id, _) => (1, u32::from(id)),
        };
        let message_length = [11, 7, 3, 0][usize::from(kind)];
        let length = basic_length + message_length;
        if header.len() < length {
            return Parsed::Wants(length);
        }
        let fields = &header[basic_length..];
        let three = |at: usize| u32::from_be_bytes([0, fields[at], fields[at + 1], fields[at + 2]]);
        let mut parsed = Header {
            kind,
            chunk_stream,
            timestamp: (kind < 3).then(|| three(0)),
            extended: false,
            length: (kind < 2).then(|| usize::try_from(three(3)).expect("24 bits fit a usize")),
            message_kind: (kind < 2).then(|| fields[6]),
            stream: (kind == 0).then(|| u32::from_le_bytes([fields[7], fields[8], fields[9], fields[10]])),
        };
        let extension = &header[length..];
        let before = self.streams.get(&chunk_stream);
        let extended = match parsed.timestamp {
            Some(timestamp) => timestamp == EXTENDED,
            // 5.3.1.3: "present in Type 3 chunks when the most recent Type 0, 1, or 2 chunk for the
            // same chunk stream ID indicated the presence of an extended timestamp".
            None => before.is_some_and(|stream| stream.extended && !stream.extended_left_out),
        };
        if !extended {
            return Parsed::Complete(parsed);
        }
        if let (3, Some(stream)) = (kind, before)
            && stream.partial.is_some()
            && !stream.delta_ms.to_be_bytes().starts_with(extension)
        {
            return Parsed::NotExtended(Misread { header: parsed, basic_length });
        }
        let Ok(extension) = <[u8; 4]>::try_from(extension) else { return Parsed::Wants(length + 4) };
        parsed.timestamp = Some(u32::from_be_bytes(extension));
        parsed.extended = true;
        Parsed::Complete(parsed)
    }

    /// A header is complete: a message begins or goes on.
    fn begin_chunk(&mut self, header: &Header) -> Result<Step, Error> {
        let misread = !self.carried.is_empty();
        self.header_length = 0;
        self.header_budget = self.header_budget.checked_sub(HEADER_COST).ok_or(Error::TooManyHeaders)?;
        let chunk_stream = header.chunk_stream;
        if header.kind < 3 {
            // A message that is begun anew before its end will never end.
            self.abort(chunk_stream);
        }
        if !self.streams.contains_key(&chunk_stream) {
            self.open(header)?;
        }
        let nothing_before = Error::NothingBefore { chunk_stream, kind: header.kind };
        let stream = self.streams.get_mut(&chunk_stream).ok_or(nothing_before)?;
        stream.extended_left_out |= misread;
        if stream.partial.is_none() {
            stream.begin_message(header);
            let (size, limit) = (stream.length, self.limits.message_bytes_max);
            if size > limit {
                return Err(Error::MessageTooLong { chunk_stream, size, limit });
            }
            let (all, limit) = (self.buffered_bytes + size, self.limits.buffered_bytes_max);
            if all > limit {
                return Err(Error::Buffered { size: all, limit });
            }
            stream.partial = Some(BytesMut::with_capacity(size));
            self.buffered_bytes = all;
        }
        let missing = stream.length - stream.partial.as_ref().map_or(0, BytesMut::len);
        self.state = State::Payload { chunk_stream, left: missing.min(self.chunk_bytes) };
        Ok(Step::Progress)
    }

    fn open(&mut self, header: &Header) -> Result<(), Error> {
        // librtmp opens the control stream with a type 1 chunk when it answers a ping.
        if header.kind > 1 {
            return Err(Error::NothingBefore { chunk_stream: header.chunk_stream, kind: header.kind });
        }
        if self.streams.len() >= self.limits.chunk_streams_max {
            return Err(Error::TooManyChunkStreams(self.limits.chunk_streams_max));
        }
        self.streams.insert(header.chunk_stream, Stream::default());
        Ok(())
    }

    fn read_payload(&mut self, chunk_stream: u32, left: usize, input: &mut &[u8]) -> Step {
        let stream = self.streams.get_mut(&chunk_stream).expect("a chunk's stream was opened by its header");
        let partial = stream.partial.as_mut().expect("a chunk's header began its message");
        let (taken, rest) = input.split_at(left.min(input.len()));
        partial.extend_from_slice(taken);
        *input = rest;
        let left = left - taken.len();
        if partial.len() == stream.length {
            let payload = stream.partial.take().expect("looked at just above").freeze();
            self.buffered_bytes -= stream.length;
            self.state = State::Header;
            let message = Message {
                chunk_stream,
                timestamp_ms: stream.timestamp_ms,
                kind: stream.kind,
                stream: stream.stream,
                payload,
            };
            self.earn(taken.len());
            return Step::Message(message);
        }
        self.state = if left == 0 { State::Header } else { State::Payload { chunk_stream, left } };
        self.earn(taken.len());
        if left == 0 { Step::Progress } else { Step::Starved }
    }

    fn earn(&mut self, bytes: usize) {
        let earned = u32::try_from(bytes).unwrap_or(u32::MAX).saturating_mul(HEADERS_PER_KIB);
        self.header_budget = self.header_budget.saturating_add(earned).min(HEADERS_SAVED_MAX * HEADER_COST);
    }
}

impl Stream {
    /// Takes over what the header says; what it does not say stays (5.3.1.2).
    fn begin_message(&mut self, header: &Header) {
        if let Some(timestamp) = header.timestamp {
            // After a type 0 chunk its timestamp is also the delta of a type 3 chunk (5.3.1.2.4).
            self.delta_ms = timestamp;
        }
        self.timestamp_ms =
            if header.kind == 0 { self.delta_ms } else { self.timestamp_ms.wrapping_add(self.delta_ms) };
        if header.kind < 3 {
            self.extended = header.extended;
        }
        self.length = header.length.unwrap_or(self.length);
        self.kind = header.message_kind.unwrap_or(self.kind);
        self.stream = header.stream.unwrap_or(self.stream);
    }
}

enum Parsed {
    /// More bytes are needed, up to this many.
    Wants(usize),
    Complete(Header),
    /// A type 3 chunk without the extended timestamp that was due.
    NotExtended(Misread),
}

struct Misread {
    header: Header,
    basic_length: usize,
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
