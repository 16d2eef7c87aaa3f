//! Frames that cross a pipe between processes: a length, a kind, a body. Does no IO.
//!
//! ```text
//! frame    = length:u32 kind:u8 body         length counts kind and body, 1 ..= FRAME_BYTES_MAX
//! name     = length:u8 utf8                  track = 0:u8 (video) | 1:u8 (audio)
//! optional = 0:u8 | 1:u8 value               flags = bit 0 key, bit 1 cut
//!
//! to the worker         0x01 config
//!                       0x02 packet        track flags:u8 pts:i64 dts:i64 payload…
//!                       0x03 drop rung     name
//!                       0x04 flush
//!                       0x05 advance       flags:u8 pts:i64
//! from the worker       0x11 rung config   name avcC…
//!                       0x12 rung unit     name flags:u8 pts:i64 dts:i64 payload…
//!                       0x13 heartbeat     optional(pts_in:i64) optional(pts_out:i64)
//!                       0x14 fatal         utf8…
//! from the generator    0x21 track config  track record…
//!                       0x02 packet
//! to the slate's maker  0x31 slate         title:name count:u8 count × (name width:u32 height:u32)
//! from the slate's maker                   0x11, 0x12: a rung is a rendition; 0x14
//!
//! config = width:u32 height:u32 optional(rate:f64) optional(constant:u32/u32)
//!          count:u8 count × (name width:u32 height:u32 bitrate:u32 maxrate:u32 buffer:u32) avcC…
//! ```
//! Integers are big-endian, times are `i64` ticks of the session timeline ([`crate::SESSION_SCALE`]), and `…` runs
//! to the frame's end. Payloads are H.264 with length prefixes, as in an [`crate::AccessUnit`], or raw AAC frames.

use std::marker::PhantomData;

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::TrackKind;

/// The longest frame, kind and body together. A longer one is refused before anything is allocated for it.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most rungs a worker is asked for.
pub const RUNGS_MAX: usize = 8;

/// Bytes of the length that stands before each frame.
const LENGTH_BYTES: usize = 4;
const FLAG_KEY: u8 = 1;
const FLAG_CUT: u8 = 2;

const CONFIG: u8 = 0x01;
const PACKET: u8 = 0x02;
const DROP_RUNG: u8 = 0x03;
const FLUSH: u8 = 0x04;
const ADVANCE: u8 = 0x05;
const RUNG_CONFIG: u8 = 0x11;
const RUNG_UNIT: u8 = 0x12;
const HEARTBEAT: u8 = 0x13;
const FATAL: u8 = 0x14;
const TRACK_CONFIG: u8 = 0x21;
const SLATE: u8 = 0x31;

/// Why bytes are not frames, or a frame cannot be written. The pipe cannot be read on after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A frame announces, or would have, more bytes than [`FRAME_BYTES_MAX`].
    #[error("frame of {size} bytes is over the limit of {FRAME_BYTES_MAX}")]
    TooLarge {
        /// Kind and body, in bytes.
        size: usize,
    },
    /// A frame without even a kind.
    #[error("frame of zero bytes")]
    Empty,
    /// A kind that does not travel in this direction.
    #[error("unknown frame kind {kind:#04x}")]
    UnknownKind {
        /// The kind.
        kind: u8,
    },
    /// The body ends before its fields do, or has bytes left over.
    #[error("frame of kind {kind:#04x} has a body of the wrong length")]
    Length {
        /// The frame's kind.
        kind: u8,
    },
    /// A field has a value that means nothing.
    #[error("frame of kind {kind:#04x} has no valid {field}")]
    Field {
        /// The frame's kind.
        kind: u8,
        /// The field's name.
        field: &'static str,
    },
}

/// A frame ready to be written: `head`, then `payload`, which is shared with the message and never copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Length, kind and the fields before the payload.
    pub head: Bytes,
    /// The rest of the frame; may be empty.
    pub payload: Bytes,
}

/// What travels in one direction of a pipe.
pub trait Message: Sized {
    /// The message as a frame.
    ///
    /// # Errors
    /// [`Error::TooLarge`] when it exceeds [`FRAME_BYTES_MAX`]; [`Error::Field`] for a name over 255 bytes or more
    /// than [`RUNGS_MAX`] rungs.
    fn encode(&self) -> Result<Encoded, Error>;

    /// The message in a frame of `kind`, sharing `body`.
    ///
    /// # Errors
    /// When the body is not of that kind, or the kind not of this direction.
    fn decode(kind: u8, body: Bytes) -> Result<Self, Error>;
}

/// One picture, or one frame of sound, on its way into another process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Picture or sound.
    pub track: TrackKind,
    /// When it is shown, in session ticks.
    pub pts: i64,
    /// When it is decoded, in session ticks.
    pub dts: i64,
    /// An IDR picture; every frame of sound.
    pub key: bool,
    /// A segment starts here: every rung makes an IDR of this picture, and of no other.
    pub cut: bool,
    /// The bytes, length-prefixed NAL units or a raw AAC frame.
    pub payload: Bytes,
}

/// Frames a second as a fraction, so that 29.97 is exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameRate {
    /// Frames in `denominator` seconds. Never zero.
    pub numerator: u32,
    /// Seconds. Never zero.
    pub denominator: u32,
}

impl FrameRate {
    /// The customary rate nearest to `hz`: 24, 25, 30, 50, 60 and their relatives by 1000/1001 when within 0.5 %,
    /// else whole frames; between 1 and 120.
    #[must_use]
    pub fn nearest(hz: f64) -> Self {
        const CUSTOMARY: [(u32, u32); 9] = [
            (24_000, 1001),
            (24, 1),
            (25, 1),
            (30_000, 1001),
            (30, 1),
            (50, 1),
            (60_000, 1001),
            (60, 1),
            (15, 1),
        ];
        let hz = if hz.is_finite() { hz.clamp(1.0, 120.0) } else { 30.0 };
        let distance = |rate: &(u32, u32)| (f64::from(rate.0) / f64::from(rate.1) - hz).abs();
        let (numerator, denominator) = CUSTOMARY
            .into_iter()
            .filter(|rate| distance(rate) <= hz * 0.005)
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
            .unwrap_or_else(|| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "clamped to 1 ..= 120 above"
                )]
                let whole = hz.round() as u32;
                (whole, 1)
            });
        Self { numerator, denominator }
    }
}

/// One rendition the worker makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The rendition's name, such as `480p`; at most 255 bytes.
    pub name: String,
    /// Width in pixels; even.
    pub width: u32,
    /// Height in pixels; even.
    pub height: u32,
    /// Average bit rate.
    pub bitrate_kbps: u32,
    /// Rate at which the decoder's buffer is taken to fill, hence the peak.
    pub maxrate_kbps: u32,
    /// Size of that buffer in kilobits. A run of any length `t` never exceeds `buffer + maxrate × t`.
    pub buffer_kbit: u32,
}

/// What a worker is to do. Sent first, and again where the source's parameters change.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// AVCDecoderConfigurationRecord of the source.
    pub video: Bytes,
    /// The source's width in pixels.
    pub width: u32,
    /// The source's height in pixels.
    pub height: u32,
    /// The source's frame rate where it is known; guides rate control, never time stamps.
    pub frame_rate: Option<f64>,
    /// Make exactly this rate by repeating and leaving out pictures; `None` passes every picture on.
    pub constant_rate: Option<FrameRate>,
    /// The renditions, at most [`RUNGS_MAX`].
    pub rungs: Vec<Rung>,
}

/// What the packager tells its worker.
#[derive(Clone, Debug, PartialEq)]
pub enum ToWorker {
    /// What follows is to be made into this.
    Config(Config),
    /// The next picture, in decoding order.
    Packet(Packet),
    /// Stop making a rung; the others go on.
    DropRung {
        /// The rung's name.
        name: String,
    },
    /// Give out all that is still held; what follows begins with a keyframe.
    Flush,
    /// The timeline has come to `pts` and no picture is there. At a constant rate the last picture is repeated up to
    /// it; otherwise it means nothing.
    Advance {
        /// In session ticks.
        pts: i64,
        /// A segment starts here: the repeated picture at `pts` is an IDR.
        cut: bool,
    },
}

/// What a worker answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromWorker {
    /// Stands before a rung's first unit, and again where its configuration changes.
    RungConfig {
        /// The rung's name.
        rung: String,
        /// AVCDecoderConfigurationRecord of the rung.
        avcc: Bytes,
    },
    /// A picture of a rung.
    RungUnit {
        /// The rung's name.
        rung: String,
        /// When it is shown: that of the packet it was made from.
        pts: i64,
        /// When it is decoded; equal to `pts`, since rungs have no B-frames.
        dts: i64,
        /// An IDR, hence exactly where `cut` was asked for.
        key: bool,
        /// Length-prefixed NAL units, 4 bytes each.
        payload: Bytes,
    },
    /// The worker lives; each 250 ms.
    Heartbeat {
        /// The newest picture read from the pipe.
        newest_pts_in: Option<i64>,
        /// The newest picture given out by every rung.
        newest_pts_out: Option<i64>,
    },
    /// The worker cannot go on and ends.
    Fatal {
        /// Why, for the log.
        message: String,
    },
}

/// What the generator of lectures emits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromGenerator {
    /// Stands before a track's first packet.
    TrackConfig {
        /// Picture or sound.
        track: TrackKind,
        /// AVCDecoderConfigurationRecord or AudioSpecificConfig.
        record: Bytes,
    },
    /// The next picture or frame of sound; both tracks in order of `dts`.
    Packet(Packet),
}

impl Message for ToWorker {
    fn encode(&self) -> Result<Encoded, Error> {
        match self {
            Self::Config(config) => encode_config(config),
            Self::Packet(packet) => encode_packet(packet),
            Self::DropRung { name } => {
                let mut head = Head::new(DROP_RUNG);
                head.name(name)?;
                head.finish(Bytes::new())
            }
            Self::Flush => Head::new(FLUSH).finish(Bytes::new()),
            Self::Advance { pts, cut } => {
                let mut head = Head::new(ADVANCE);
                head.bytes.put_u8(if *cut { FLAG_CUT } else { 0 });
                head.bytes.put_i64(*pts);
                head.finish(Bytes::new())
            }
        }
    }

    fn decode(kind: u8, body: Bytes) -> Result<Self, Error> {
        let mut body = Body { kind, rest: body };
        let message = match kind {
            CONFIG => Self::Config(decode_config(&mut body)?),
            PACKET => Self::Packet(decode_packet(&mut body)?),
            DROP_RUNG => Self::DropRung { name: body.name()? },
            FLUSH => Self::Flush,
            ADVANCE => Self::Advance { cut: body.flags(FLAG_CUT)? != 0, pts: body.i64()? },
            kind => return Err(Error::UnknownKind { kind }),
        };
        body.end()?;
        Ok(message)
    }
}

impl Message for FromWorker {
    fn encode(&self) -> Result<Encoded, Error> {
        match self {
            Self::RungConfig { rung, avcc } => {
                let mut head = Head::new(RUNG_CONFIG);
                head.name(rung)?;
                head.finish(avcc.clone())
            }
            Self::RungUnit { rung, pts, dts, key, payload } => {
                let mut head = Head::new(RUNG_UNIT);
                head.name(rung)?;
                head.bytes.put_u8(if *key { FLAG_KEY } else { 0 });
                head.bytes.put_i64(*pts);
                head.bytes.put_i64(*dts);
                head.finish(payload.clone())
            }
            Self::Heartbeat { newest_pts_in, newest_pts_out } => {
                let mut head = Head::new(HEARTBEAT);
                head.optional(*newest_pts_in, BytesMut::put_i64);
                head.optional(*newest_pts_out, BytesMut::put_i64);
                head.finish(Bytes::new())
            }
            Self::Fatal { message } => Head::new(FATAL).finish(Bytes::copy_from_slice(message.as_bytes())),
        }
    }

    fn decode(kind: u8, body: Bytes) -> Result<Self, Error> {
        let mut body = Body { kind, rest: body };
        let message = match kind {
            RUNG_CONFIG => Self::RungConfig { rung: body.name()?, avcc: body.remainder() },
            RUNG_UNIT => {
                let rung = body.name()?;
                let flags = body.flags(FLAG_KEY)?;
                let (pts, dts) = (body.i64()?, body.i64()?);
                Self::RungUnit { rung, pts, dts, key: flags & FLAG_KEY != 0, payload: body.remainder() }
            }
            HEARTBEAT => Self::Heartbeat {
                newest_pts_in: body.optional(Body::i64)?,
                newest_pts_out: body.optional(Body::i64)?,
            },
            FATAL => Self::Fatal { message: String::from_utf8_lossy(&body.remainder()).into_owned() },
            kind => return Err(Error::UnknownKind { kind }),
        };
        body.end()?;
        Ok(message)
    }
}

impl Message for FromGenerator {
    fn encode(&self) -> Result<Encoded, Error> {
        match self {
            Self::TrackConfig { track, record } => {
                let mut head = Head::new(TRACK_CONFIG);
                head.track(*track);
                head.finish(record.clone())
            }
            Self::Packet(packet) => encode_packet(packet),
        }
    }

    fn decode(kind: u8, body: Bytes) -> Result<Self, Error> {
        let mut body = Body { kind, rest: body };
        let message = match kind {
            TRACK_CONFIG => Self::TrackConfig { track: body.track()?, record: body.remainder() },
            PACKET => Self::Packet(decode_packet(&mut body)?),
            kind => return Err(Error::UnknownKind { kind }),
        };
        body.end()?;
        Ok(message)
    }
}

/// Makes messages of bytes that arrive in any portions. Ask [`Decoder::poll`] until it has no more after each
/// portion: then no more is held than one frame and one portion.
#[derive(Debug)]
pub struct Decoder<M> {
    buffer: BytesMut,
    message: PhantomData<M>,
}

impl<M> Default for Decoder<M> {
    fn default() -> Self {
        Self { buffer: BytesMut::new(), message: PhantomData }
    }
}

impl<M: Message> Decoder<M> {
    /// Nothing read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// More bytes from the pipe.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Where a reader may put more bytes itself, at the end.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next message if it is complete. Its payload shares the memory it was read into.
    ///
    /// # Errors
    /// When the bytes are no frame of this direction; the pipe is then of no more use.
    pub fn poll(&mut self) -> Result<Option<M>, Error> {
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let size = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if size > FRAME_BYTES_MAX {
            return Err(Error::TooLarge { size });
        }
        if size == 0 {
            return Err(Error::Empty);
        }
        let missing = (LENGTH_BYTES + size).saturating_sub(self.buffer.len());
        if missing > 0 {
            self.buffer.reserve(missing);
            return Ok(None);
        }
        self.buffer.advance(LENGTH_BYTES);
        let mut frame = self.buffer.split_to(size).freeze();
        let kind = frame.get_u8();
        M::decode(kind, frame).map(Some)
    }

    /// Has the pipe ended inside a frame?
    #[must_use]
    pub fn is_midway(&self) -> bool {
        !self.buffer.is_empty()
    }
}

/// A still that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Still {
    /// The rendition's name; at most 255 bytes.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// A slate to be made: the one message to its maker. The answer for every still is a [`FromWorker::RungConfig`], then
/// its pictures as [`FromWorker::RungUnit`]s, in two groups that each begin with a key; then the output ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slate {
    /// The course's title, which stands in the picture; at most 255 bytes.
    pub title: String,
    /// The stills, at most [`RUNGS_MAX`].
    pub stills: Vec<Still>,
}

impl Message for Slate {
    fn encode(&self) -> Result<Encoded, Error> {
        let mut head = Head::new(SLATE);
        head.name(&self.title)?;
        let count = u8::try_from(self.stills.len()).ok().filter(|&count| usize::from(count) <= RUNGS_MAX);
        head.bytes.put_u8(count.ok_or(Error::Field { kind: SLATE, field: "stills" })?);
        for still in &self.stills {
            head.name(&still.name)?;
            head.bytes.put_u32(still.width);
            head.bytes.put_u32(still.height);
        }
        head.finish(Bytes::new())
    }

    fn decode(kind: u8, body: Bytes) -> Result<Self, Error> {
        if kind != SLATE {
            return Err(Error::UnknownKind { kind });
        }
        let mut body = Body { kind, rest: body };
        let title = body.name()?;
        let count = usize::from(body.u8()?);
        if count > RUNGS_MAX {
            return Err(Error::Field { kind, field: "stills" });
        }
        let stills = (0..count)
            .map(|_| Ok(Still { name: body.name()?, width: body.u32()?, height: body.u32()? }))
            .collect::<Result<_, Error>>()?;
        body.end()?;
        Ok(Self { title, stills })
    }
}

fn encode_config(config: &Config) -> Result<Encoded, Error> {
    let mut head = Head::new(CONFIG);
    head.bytes.put_u32(config.width);
    head.bytes.put_u32(config.height);
    head.optional(config.frame_rate, BytesMut::put_f64);
    head.optional(config.constant_rate, |bytes, rate| {
        bytes.put_u32(rate.numerator);
        bytes.put_u32(rate.denominator);
    });
    let count = u8::try_from(config.rungs.len()).ok().filter(|&count| usize::from(count) <= RUNGS_MAX);
    head.bytes.put_u8(count.ok_or(Error::Field { kind: CONFIG, field: "rungs" })?);
    for rung in &config.rungs {
        head.name(&rung.name)?;
        for number in [rung.width, rung.height, rung.bitrate_kbps, rung.maxrate_kbps, rung.buffer_kbit] {
            head.bytes.put_u32(number);
        }
    }
    head.finish(config.video.clone())
}

fn decode_config(body: &mut Body) -> Result<Config, Error> {
    let (width, height) = (body.u32()?, body.u32()?);
    let frame_rate = body.optional(Body::f64)?;
    if frame_rate.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        return Err(Error::Field { kind: CONFIG, field: "frame rate" });
    }
    let constant_rate =
        body.optional(|body| Ok(FrameRate { numerator: body.u32()?, denominator: body.u32()? }))?;
    if constant_rate.is_some_and(|rate| rate.numerator == 0 || rate.denominator == 0) {
        return Err(Error::Field { kind: CONFIG, field: "constant rate" });
    }
    let count = usize::from(body.u8()?);
    if count > RUNGS_MAX {
        return Err(Error::Field { kind: CONFIG, field: "rungs" });
    }
    let rungs = (0..count)
        .map(|_| {
            Ok(Rung {
                name: body.name()?,
                width: body.u32()?,
                height: body.u32()?,
                bitrate_kbps: body.u32()?,
                maxrate_kbps: body.u32()?,
                buffer_kbit: body.u32()?,
            })
        })
        .collect::<Result<_, Error>>()?;
    Ok(Config { video: body.remainder(), width, height, frame_rate, constant_rate, rungs })
}

fn encode_packet(packet: &Packet) -> Result<Encoded, Error> {
    let mut head = Head::new(PACKET);
    head.track(packet.track);
    let key = if packet.key { FLAG_KEY } else { 0 };
    let cut = if packet.cut { FLAG_CUT } else { 0 };
    head.bytes.put_u8(key | cut);
    head.bytes.put_i64(packet.pts);
    head.bytes.put_i64(packet.dts);
    head.finish(packet.payload.clone())
}

fn decode_packet(body: &mut Body) -> Result<Packet, Error> {
    let track = body.track()?;
    let flags = body.flags(FLAG_KEY | FLAG_CUT)?;
    let (pts, dts) = (body.i64()?, body.i64()?);
    let (key, cut) = (flags & FLAG_KEY != 0, flags & FLAG_CUT != 0);
    Ok(Packet { track, pts, dts, key, cut, payload: body.remainder() })
}

/// A frame's fields as they are written, behind room for the length.
struct Head {
    kind: u8,
    bytes: BytesMut,
}

impl Head {
    fn new(kind: u8) -> Self {
        let mut bytes = BytesMut::with_capacity(64);
        bytes.put_u32(0);
        bytes.put_u8(kind);
        Self { kind, bytes }
    }

    fn name(&mut self, name: &str) -> Result<(), Error> {
        let length = u8::try_from(name.len()).map_err(|_| Error::Field { kind: self.kind, field: "name" })?;
        self.bytes.put_u8(length);
        self.bytes.put_slice(name.as_bytes());
        Ok(())
    }

    fn track(&mut self, track: TrackKind) {
        self.bytes.put_u8(match track {
            TrackKind::Video => 0,
            TrackKind::Audio => 1,
        });
    }

    fn optional<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut BytesMut, T)) {
        self.bytes.put_u8(u8::from(value.is_some()));
        if let Some(value) = value {
            put(&mut self.bytes, value);
        }
    }

    fn finish(mut self, payload: Bytes) -> Result<Encoded, Error> {
        let size = self.bytes.len() - LENGTH_BYTES + payload.len();
        let length = u32::try_from(size).ok().filter(|_| size <= FRAME_BYTES_MAX);
        let length = length.ok_or(Error::TooLarge { size })?;
        self.bytes[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
        Ok(Encoded { head: self.bytes.freeze(), payload })
    }
}

/// A frame's fields as they are read.
struct Body {
    kind: u8,
    rest: Bytes,
}

impl Body {
    fn u8(&mut self) -> Result<u8, Error> {
        self.rest.try_get_u8().map_err(|_| Error::Length { kind: self.kind })
    }

    fn u32(&mut self) -> Result<u32, Error> {
        self.rest.try_get_u32().map_err(|_| Error::Length { kind: self.kind })
    }

    fn i64(&mut self) -> Result<i64, Error> {
        self.rest.try_get_i64().map_err(|_| Error::Length { kind: self.kind })
    }

    fn f64(&mut self) -> Result<f64, Error> {
        self.rest.try_get_f64().map_err(|_| Error::Length { kind: self.kind })
    }

    fn name(&mut self) -> Result<String, Error> {
        let length = usize::from(self.u8()?);
        if length > self.rest.len() {
            return Err(Error::Length { kind: self.kind });
        }
        String::from_utf8(self.rest.split_to(length).to_vec())
            .map_err(|_| Error::Field { kind: self.kind, field: "name" })
    }

    fn track(&mut self) -> Result<TrackKind, Error> {
        match self.u8()? {
            0 => Ok(TrackKind::Video),
            1 => Ok(TrackKind::Audio),
            _ => Err(Error::Field { kind: self.kind, field: "track" }),
        }
    }

    fn flags(&mut self, known: u8) -> Result<u8, Error> {
        let flags = self.u8()?;
        if flags & !known != 0 {
            return Err(Error::Field { kind: self.kind, field: "flags" });
        }
        Ok(flags)
    }

    fn optional<T>(&mut self, get: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<Option<T>, Error> {
        match self.u8()? {
            0 => Ok(None),
            1 => get(self).map(Some),
            _ => Err(Error::Field { kind: self.kind, field: "optional value" }),
        }
    }

    fn remainder(&mut self) -> Bytes {
        std::mem::take(&mut self.rest)
    }

    fn end(&self) -> Result<(), Error> {
        if self.rest.is_empty() { Ok(()) } else { Err(Error::Length { kind: self.kind }) }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    #[test]
    fn a_payload_is_shared_not_copied() {
        let payload = Bytes::from(vec![7; 1000]);
        let unit = FromWorker::RungUnit {
            rung: "480p".into(),
            pts: 90,
            dts: 90,
            key: true,
            payload: payload.clone(),
        };
        assert_eq!(unit.encode().unwrap().payload.as_ptr(), payload.as_ptr());
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_before_its_bytes_come() {
        let mut decoder = Decoder::<ToWorker>::new();
        decoder.push(&u32::MAX.to_be_bytes());
        assert_eq!(decoder.poll(), Err(Error::TooLarge { size: 0xffff_ffff }));
        assert!(decoder.buffer().capacity() < 1024);

        let payload = Bytes::from(vec![0; FRAME_BYTES_MAX]);
        let packet = Packet { track: TrackKind::Video, pts: 0, dts: 0, key: false, cut: false, payload };
        assert!(matches!(ToWorker::Packet(packet).encode(), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn a_message_of_the_other_direction_is_refused() {
        let flush = bytes_of(&[ToWorker::Flush]);
        let mut decoder = Decoder::<FromWorker>::new();
        decoder.push(&flush);
        assert_eq!(decoder.poll(), Err(Error::UnknownKind { kind: FLUSH }));
    }

    #[test]
    fn a_pipe_that_ends_inside_a_frame_is_noticed() {
        let bytes = bytes_of(&[ToWorker::Flush, ToWorker::DropRung { name: "720p".into() }]);
        let mut decoder = Decoder::<ToWorker>::new();
        decoder.push(&bytes[..bytes.len() - 1]);
        assert_eq!(decoder.poll(), Ok(Some(ToWorker::Flush)));
        assert_eq!(decoder.poll(), Ok(None));
        assert!(decoder.is_midway());
    }

    #[test]
    fn a_frame_rate_snaps_to_the_customary_ones() {
        let nearest = |hz| {
            let rate = FrameRate::nearest(hz);
            (rate.numerator, rate.denominator)
        };
        assert_eq!(nearest(29.97), (30_000, 1001));
        assert_eq!(nearest(30.01), (30, 1));
        assert_eq!(nearest(12.3), (12, 1));
        assert_eq!(nearest(0.0), (1, 1));
        assert_eq!(nearest(f64::NAN), (30, 1));
        assert_eq!(nearest(1e9), (120, 1));
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_messages(
            to in vec(to_worker(), 0..6), from in vec(from_worker(), 0..6), made in vec(from_generator(), 0..6),
            slates in vec(slate(), 0..3), portions in vec(1usize..40, 1..50),
        ) {
            prop_assert_eq!(through_a_pipe(&slates, &portions), slates);
            prop_assert_eq!(through_a_pipe(&to, &portions), to);
            prop_assert_eq!(through_a_pipe(&from, &portions), from);
            prop_assert_eq!(through_a_pipe(&made, &portions), made);
        }

        #[test]
        fn hostile_bytes_give_an_error_or_nothing_and_little_memory(bytes in vec(any::<u8>(), 0..400)) {
            hostile::<ToWorker>(&bytes);
            hostile::<FromWorker>(&bytes);
            hostile::<FromGenerator>(&bytes);
        }

        #[test]
        fn a_true_frame_with_hostile_insides_never_panics(kind in 0u8..0x30, body in vec(any::<u8>(), 0..200)) {
            let body = Bytes::from(body);
            let _ = ToWorker::decode(kind, body.clone());
            let _ = FromWorker::decode(kind, body.clone());
            let _ = FromGenerator::decode(kind, body.clone());
            let _ = Slate::decode(kind, body);
        }
    }

    fn bytes_of<M: Message>(messages: &[M]) -> Vec<u8> {
        let encoded = messages.iter().map(|message| message.encode().unwrap());
        encoded.flat_map(|frame| [frame.head, frame.payload].concat()).collect()
    }

    fn through_a_pipe<M: Message + Debug>(messages: &[M], portions: &[usize]) -> Vec<M> {
        let bytes = bytes_of(messages);
        let mut rest = &bytes[..];
        let mut decoder = Decoder::new();
        let mut decoded = Vec::new();
        for portion in portions.iter().cycle() {
            let (now, later) = rest.split_at((*portion).min(rest.len()));
            decoder.push(now);
            rest = later;
            while let Some(message) = decoder.poll().unwrap() {
                decoded.push(message);
            }
            if rest.is_empty() {
                break;
            }
        }
        assert!(!decoder.is_midway());
        decoded
    }

    fn hostile<M: Message>(bytes: &[u8]) {
        let mut decoder = Decoder::<M>::new();
        decoder.push(bytes);
        while let Ok(Some(_)) = decoder.poll() {}
        assert!(decoder.buffer().capacity() <= 2 * (FRAME_BYTES_MAX + LENGTH_BYTES));
    }

    fn payload() -> impl Strategy<Value = Bytes> {
        vec(any::<u8>(), 0..90).prop_map(Bytes::from)
    }

    fn packet() -> impl Strategy<Value = Packet> {
        let track = prop_oneof![Just(TrackKind::Video), Just(TrackKind::Audio)];
        (track, any::<i64>(), any::<i64>(), any::<bool>(), any::<bool>(), payload())
            .prop_map(|(track, pts, dts, key, cut, payload)| Packet { track, pts, dts, key, cut, payload })
    }

    fn rung() -> impl Strategy<Value = Rung> {
        ("[a-z0-9]{0,12}", any::<[u32; 5]>()).prop_map(
            |(name, [width, height, bitrate_kbps, maxrate_kbps, buffer_kbit])| Rung {
                name,
                width,
                height,
                bitrate_kbps,
                maxrate_kbps,
                buffer_kbit,
            },
        )
    }

    fn config() -> impl Strategy<Value = Config> {
        let constant =
            (1u32.., 1u32..).prop_map(|(numerator, denominator)| FrameRate { numerator, denominator });
        let rungs = vec(rung(), 0..=RUNGS_MAX);
        (payload(), any::<(u32, u32)>(), option::of(1.0..240.0), option::of(constant), rungs).prop_map(
            |(video, (width, height), frame_rate, constant_rate, rungs)| Config {
                video,
                width,
                height,
                frame_rate,
                constant_rate,
                rungs,
            },
        )
    }

    fn to_worker() -> impl Strategy<Value = ToWorker> {
        prop_oneof![
            config().prop_map(ToWorker::Config),
            packet().prop_map(ToWorker::Packet),
            "[a-z0-9]{0,12}".prop_map(|name| ToWorker::DropRung { name }),
            Just(ToWorker::Flush),
            any::<(i64, bool)>().prop_map(|(pts, cut)| ToWorker::Advance { pts, cut }),
        ]
    }

    fn from_worker() -> impl Strategy<Value = FromWorker> {
        prop_oneof![
            ("[a-z0-9]{0,12}", payload()).prop_map(|(rung, avcc)| FromWorker::RungConfig { rung, avcc }),
            ("[a-z0-9]{0,12}", any::<i64>(), any::<i64>(), any::<bool>(), payload()).prop_map(
                |(rung, pts, dts, key, payload)| FromWorker::RungUnit { rung, pts, dts, key, payload }
            ),
            any::<(Option<i64>, Option<i64>)>().prop_map(|(newest_pts_in, newest_pts_out)| {
                FromWorker::Heartbeat { newest_pts_in, newest_pts_out }
            }),
            ".{0,20}".prop_map(|message| FromWorker::Fatal { message }),
        ]
    }

    fn slate() -> impl Strategy<Value = Slate> {
        let still = ("[a-z0-9]{0,12}", any::<(u32, u32)>()).prop_map(|(name, (width, height))| Still {
            name,
            width,
            height,
        });
        (".{0,40}", vec(still, 0..=RUNGS_MAX)).prop_map(|(title, stills)| Slate { title, stills })
    }

    fn from_generator() -> impl Strategy<Value = FromGenerator> {
        prop_oneof![
            payload().prop_map(|record| FromGenerator::TrackConfig { track: TrackKind::Audio, record }),
            packet().prop_map(FromGenerator::Packet),
        ]
    }
}
