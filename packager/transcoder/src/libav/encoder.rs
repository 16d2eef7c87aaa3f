//! x264, set so that a live rung needs it: no reordering, no delay, an IDR where one is asked for and nowhere else,
//! a known peak, and the same headers for the same settings.

use bytes::Bytes;
use ffmpeg_next::{
    Dictionary, Error, Packet, Rational, codec, color, encoder, format::Pixel, frame, picture,
};
use media::pipe::FrameRate;

use super::{bitstream, share};

/// libav's name for the session's scale.
pub(super) const SESSION_TIME_BASE: Rational = Rational(1, 90_000);
/// More pixels a second than this and one thread may not keep up: 1080p at 40 frames.
const PIXEL_RATE_OF_ONE_THREAD: f64 = 1920.0 * 1080.0 * 40.0;
/// Finer than this nobody sees, and a slide that stands still would be given every bit of the rate for it.
const QUANTIZER_MIN: u32 = 15;
/// The same for the generated lecture, whose lines and areas show even less.
const QUANTIZER_MIN_DRAWN: u32 = 20;
/// Below this height phones of the first years are served, hence Main profile.
const HIGH_PROFILE_HEIGHT_MIN: u32 = 480;

/// What an encoder is to make.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Width in pixels; even.
    pub width: u32,
    /// Height in pixels; even.
    pub height: u32,
    /// The usual rate; guides rate control.
    pub frame_rate: FrameRate,
    /// Average bit rate.
    pub bitrate_kbps: u32,
    /// Peak bit rate.
    pub maxrate_kbps: u32,
    /// Buffer for the peak, in kilobits.
    pub buffer_kbit: u32,
    /// What the numbers in a picture mean.
    pub colour: Colour,
    /// How hard x264 tries.
    pub effort: Effort,
}

/// How hard x264 tries.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effort {
    /// x264's `veryfast`: what people watch.
    Watched,
    /// x264's `ultrafast`: a drawing for a demo, made beside everything else.
    Drawn,
    /// A slate: nothing in it moves, and a decoder of any source must be able to take it. Constrained Baseline, which is
    /// part of every other profile.
    Still,
}

/// What the numbers in a picture mean (ITU-T H.273).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colour {
    space: color::Space,
    primaries: color::Primaries,
    transfer: color::TransferCharacteristic,
}

impl Colour {
    /// BT.709, the colours of HD.
    pub(crate) const BT709: Self = Self {
        space: color::Space::BT709,
        primaries: color::Primaries::BT709,
        transfer: color::TransferCharacteristic::BT709,
    };

    /// That of a decoded picture. Where its stream is silent, players guess by its size, and would guess differently
    /// for a smaller rung: so the guess for HD is written down.
    pub(crate) fn of(frame: &frame::Video) -> Self {
        if frame.color_space() == color::Space::Unspecified && frame.height() >= 720 {
            return Self::BT709;
        }
        Self {
            space: frame.color_space(),
            primaries: frame.color_primaries(),
            transfer: frame.color_transfer_characteristic(),
        }
    }
}

/// An encoded picture.
pub(crate) struct Unit {
    /// When it is shown; it is decoded at the same time.
    pub pts: i64,
    /// An IDR.
    pub key: bool,
    /// NAL units with length prefixes of 4 bytes.
    pub payload: Bytes,
}

/// An open encoder.
pub(crate) struct Encoder {
    inner: encoder::video::Encoder,
    avcc: Bytes,
    newest: Option<i64>,
}

impl Encoder {
    /// Opens x264 with `settings`.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        let codec = encoder::find_by_name("libx264").ok_or(Error::EncoderNotFound)?;
        let mut video = codec::Context::new_with_codec(codec).encoder().video()?;
        let rate = settings.frame_rate;
        video.set_width(settings.width);
        video.set_height(settings.height);
        video.set_format(Pixel::YUV420P);
        video.set_aspect_ratio((1, 1));
        video.set_time_base(SESSION_TIME_BASE);
        video.set_frame_rate(Some((to_i32(rate.numerator)?, to_i32(rate.denominator)?)));
        video.set_color_range(color::Range::MPEG);
        video.set_colorspace(settings.colour.space);
        video.set_color_primaries(settings.colour.primaries);
        video.set_color_transfer_characteristic(settings.colour.transfer);
        video.set_bit_rate(bits(settings.bitrate_kbps)?);
        video.set_max_bit_rate(bits(settings.maxrate_kbps)?);
        video.set_max_b_frames(0);
        video.set_flags(codec::Flags::GLOBAL_HEADER);
        let inner = video.open_as_with(codec, options(settings)?)?;
        let avcc = bitstream::avcc(extradata(&inner)).ok_or(Error::InvalidData)?;
        Ok(Self { inner, avcc, newest: None })
    }

    /// The AVCDecoderConfigurationRecord of all that comes.
    pub(crate) fn avcc(&self) -> Bytes {
        self.avcc.clone()
    }

    /// Encodes a picture; as an IDR if `idr`. Pictures must come in order: one that is not after the last is refused.
    pub(crate) fn encode(
        &mut self,
        frame: &frame::Video,
        pts: i64,
        idr: bool,
    ) -> Result<Option<Unit>, Error> {
        let right = (self.inner.width(), self.inner.height(), Pixel::YUV420P);
        // libav takes the size on trust.
        if (frame.width(), frame.height(), frame.format()) != right {
            return Err(Error::InputChanged);
        }
        if self.newest.is_some_and(|newest| pts <= newest) {
            return Err(Error::InvalidData);
        }
        self.newest = Some(pts);
        // A handle of its own: libav keeps it a while, and the pixels belong to every rung of this size.
        let mut frame = share(frame)?;
        frame.set_pts(Some(pts));
        frame.set_kind(if idr { picture::Type::I } else { picture::Type::None });
        self.inner.send_frame(&frame)?;
        self.receive()
    }

    /// The next picture that is still inside at the end.
    pub(crate) fn drain(&mut self) -> Option<Unit> {
        // Fails only when draining already.
        let _ = self.inner.send_eof();
        self.receive().ok().flatten()
    }

    fn receive(&mut self) -> Result<Option<Unit>, Error> {
        let mut packet = Packet::empty();
        match self.inner.receive_packet(&mut packet) {
            Ok(()) => {}
            Err(Error::Eof | Error::Other { errno: libc::EAGAIN }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let (Some(pts), Some(data)) = (packet.pts(), packet.data()) else { return Err(Error::InvalidData) };
        Ok(Some(Unit { pts, key: packet.is_key(), payload: bitstream::length_prefixed(data) }))
    }
}

fn options(settings: &Settings) -> Result<Dictionary<'static>, Error> {
    let rate = f64::from(settings.frame_rate.numerator) / f64::from(settings.frame_rate.denominator);
    let pixel_rate = f64::from(settings.width) * f64::from(settings.height) * rate;
    let threads = if pixel_rate > PIXEL_RATE_OF_ONE_THREAD { 2 } else { 1 };
    let sliced = u8::from(threads > 1);
    let profile = match settings.effort {
        Effort::Still => "baseline",
        Effort::Watched | Effort::Drawn if settings.height < HIGH_PROFILE_HEIGHT_MIN => "main",
        Effort::Watched | Effort::Drawn => "high",
    };
    let (preset, quantizer_min) = match settings.effort {
        Effort::Watched | Effort::Still => ("veryfast", QUANTIZER_MIN),
        Effort::Drawn => ("ultrafast", QUANTIZER_MIN_DRAWN),
    };
    let x264 = format!(
        "keyint=infinite:scenecut=0:bframes=0:threads={threads}:sliced-threads={sliced}:qpmin={quantizer_min}"
    );

    let mut options = Dictionary::new();
    options.set("preset", preset);
    options.set("tune", "zerolatency");
    options.set("profile", profile);
    options.set("forced-idr", "1");
    options.set("bufsize", &bits(settings.buffer_kbit)?.to_string());
    options.set("x264-params", &x264);
    Ok(options)
}

/// The headers an open encoder keeps apart from its packets.
pub(super) fn extradata(encoder: &codec::Context) -> &[u8] {
    // SAFETY: the context is open, so extradata is null or points to extradata_size bytes that live, unchanged, as
    // long as the context does, and the result borrows the context.
    unsafe {
        let context = encoder.as_ptr();
        let size = usize::try_from((*context).extradata_size).unwrap_or(0);
        if (*context).extradata.is_null() || size == 0 {
            return &[];
        }
        std::slice::from_raw_parts((*context).extradata, size)
    }
}

/// Kilobits as bits.
pub(super) fn bits(kilobits: u32) -> Result<usize, Error> {
    // libav's and x264's own numbers are `int`.
    to_i32(kilobits.saturating_mul(1000))
        .and_then(|bits| usize::try_from(bits).map_err(|_| Error::InvalidData))
}

fn to_i32(number: u32) -> Result<i32, Error> {
    i32::try_from(number).map_err(|_| Error::InvalidData)
}
