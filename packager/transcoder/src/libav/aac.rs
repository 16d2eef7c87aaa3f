//! AAC-LC from samples, for the generated lecture.

use bytes::Bytes;
use ffmpeg_next::{
    ChannelLayout, Dictionary, Error, Packet, codec, encoder,
    format::{Sample, sample::Type},
    frame,
};

/// Samples a second.
pub(crate) const SAMPLE_RATE: u32 = 48_000;
/// Samples of each channel in a frame.
pub(crate) const FRAME_SAMPLES: usize = 1024;

/// A frame of sound.
pub(crate) struct Unit {
    /// The sample it begins with, counted from the first one handed in; the encoder's run-up is before zero.
    pub(crate) first_sample: i64,
    /// A raw AAC frame.
    pub(crate) payload: Bytes,
}

/// An open stereo encoder.
pub(crate) struct Encoder {
    inner: encoder::audio::Encoder,
    asc: Bytes,
    samples: i64,
}

impl Encoder {
    /// Opens libav's own AAC encoder.
    pub(crate) fn new(bitrate_kbps: u32) -> Result<Self, Error> {
        let codec = encoder::find(codec::Id::AAC).ok_or(Error::EncoderNotFound)?;
        let mut audio = codec::Context::new_with_codec(codec).encoder().audio()?;
        let rate = i32::try_from(SAMPLE_RATE).expect("a small constant");
        audio.set_rate(rate);
        audio.set_format(Sample::F32(Type::Planar));
        audio.set_channel_layout(ChannelLayout::STEREO);
        audio.set_channels(2);
        audio.set_time_base((1, rate));
        audio.set_bit_rate(super::encoder::bits(bitrate_kbps)?);
        audio.set_flags(codec::Flags::GLOBAL_HEADER);
        let mut options = Dictionary::new();
        // A few steady tones need none of the coder's finer tools.
        options.set("aac_coder", "fast");
        for tool in ["aac_tns", "aac_pns", "aac_is", "aac_ms"] {
            options.set(tool, "0");
        }
        let inner = audio.open_as_with(codec, options)?;
        let asc = Bytes::copy_from_slice(super::encoder::extradata(&inner));
        Ok(Self { inner, asc, samples: 0 })
    }

    /// The AudioSpecificConfig.
    pub(crate) fn asc(&self) -> Bytes {
        self.asc.clone()
    }

    /// Encodes the next samples, left and right; gives the frame that is complete with them, once there is one.
    pub(crate) fn encode(&mut self, stereo: &[[f32; 2]; FRAME_SAMPLES]) -> Result<Option<Unit>, Error> {
        let mut frame = frame::Audio::new(Sample::F32(Type::Planar), FRAME_SAMPLES, ChannelLayout::STEREO);
        frame.set_rate(SAMPLE_RATE);
        frame.set_pts(Some(self.samples));
        self.samples += i64::try_from(FRAME_SAMPLES).expect("a small constant");
        for channel in 0..2 {
            for (out, sample) in frame.plane_mut::<f32>(channel).iter_mut().zip(stereo) {
                *out = sample[channel];
            }
        }
        self.inner.send_frame(&frame)?;
        let mut packet = Packet::empty();
        match self.inner.receive_packet(&mut packet) {
            Ok(()) => {}
            Err(Error::Eof | Error::Other { errno: libc::EAGAIN }) => return Ok(None),
            Err(error) => return Err(error),
        }
        let (Some(first_sample), Some(data)) = (packet.pts(), packet.data()) else {
            return Err(Error::InvalidData);
        };
        Ok(Some(Unit { first_sample, payload: Bytes::copy_from_slice(data) }))
    }
}
