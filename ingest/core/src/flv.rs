//! FLV tag bodies (Adobe FLV 10.1 annex E.4.2 and E.4.3), as RTMP carries them, to samples. H.264 and
//! AAC are taken; every other codec, Enhanced RTMP's included, is named and refused.

use std::sync::Arc;

use bytes::Bytes;
use media::{AudioConfig, TrackConfig, TrackKind, VideoConfig, aac, h264};
use thiserror::Error;

use crate::rtmp::amf0::Value;

/// Frames a second that metadata is believed in.
const FRAME_RATE: std::ops::RangeInclusive<f64> = 1.0..=240.0;

/// What came of a tag.
#[derive(Clone, Debug, PartialEq)]
pub enum Sample {
    /// The track is configured like this from here on; sent only where it changed.
    Config(TrackConfig),
    /// A picture or a frame of sound.
    Frame(Frame),
    /// A tag that holds nothing to play: end of sequence, an empty frame, a note.
    Nothing,
    /// A frame that cannot be played: broken, or before its configuration.
    Broken,
}

/// A picture or a frame of sound with the publisher's own times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Picture or sound.
    pub track: TrackKind,
    /// Decoding time by the publisher's clock, in milliseconds, wrapping.
    pub timestamp_ms: u32,
    /// Presentation behind decoding, in milliseconds; zero for sound.
    pub composition_ms: i32,
    /// An IDR picture; every frame of sound.
    pub key: bool,
    /// NAL units with their lengths, or one raw AAC frame.
    pub payload: Bytes,
}

/// Why a publication cannot be taken. The text is for the person at the encoder.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Another codec.
    #[error("{0} is not accepted here: set the encoder to H.264 video and AAC audio.")]
    Codec(String),
    /// The first configuration of the pictures cannot be read.
    #[error("the H.264 configuration cannot be used ({0}): set the encoder to H.264 video and AAC audio.")]
    Video(h264::Error),
    /// The first configuration of the sound cannot be read.
    #[error("the AAC configuration cannot be used ({0}): set the encoder to H.264 video and AAC audio.")]
    Audio(aac::Error),
}

/// Reads the tags of one publication.
#[derive(Debug, Default)]
pub struct Demuxer {
    video: Option<Arc<VideoConfig>>,
    audio: Option<Arc<AudioConfig>>,
    frame_rate: Option<f64>,
}

impl Demuxer {
    /// Before the first tag.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the frame rate from `onMetaData`, for streams that do not state it themselves.
    pub fn metadata(&mut self, properties: &Value) {
        let rate = properties.property("framerate").and_then(Value::as_number);
        self.frame_rate = rate.filter(|rate| FRAME_RATE.contains(rate)).or(self.frame_rate);
    }

    /// Reads a video tag's body.
    ///
    /// # Errors
    /// When it is of another codec, or the first configuration cannot be used.
    pub fn video(&mut self, timestamp_ms: u32, body: &Bytes) -> Result<Sample, Refusal> {
        let Some(tag) = VideoTag::read(body)? else { return Ok(Sample::Nothing) };
        match tag {
            VideoTag::Config(avcc) => self.video_config(avcc),
            VideoTag::Frame { composition_ms, payload } => {
                Ok(self.video_frame(timestamp_ms, composition_ms, payload))
            }
        }
    }

    /// Reads an audio tag's body.
    ///
    /// # Errors
    /// When it is of another codec, or the first configuration cannot be used.
    pub fn audio(&mut self, timestamp_ms: u32, body: &Bytes) -> Result<Sample, Refusal> {
        let Some(tag) = AudioTag::read(body)? else { return Ok(Sample::Nothing) };
        match tag {
            AudioTag::Config(asc) => self.audio_config(asc),
            AudioTag::Frame(_) if self.audio.is_none() => Ok(Sample::Broken),
            AudioTag::Frame(payload) => Ok(Sample::Frame(Frame {
                track: TrackKind::Audio,
                timestamp_ms,
                composition_ms: 0,
                key: true,
                payload,
            })),
        }
    }

    fn video_config(&mut self, avcc: Bytes) -> Result<Sample, Refusal> {
        if self.video.as_ref().is_some_and(|video| video.avcc == avcc) {
            return Ok(Sample::Nothing);
        }
        match (h264::parse_avcc(avcc), &self.video) {
            (Ok(mut config), _) => {
                config.frame_rate = config.frame_rate.or(self.frame_rate);
                let config = Arc::new(config);
                self.video = Some(Arc::clone(&config));
                Ok(Sample::Config(TrackConfig::Video(config)))
            }
            (Err(_), Some(_)) => Ok(Sample::Broken),
            (Err(error), None) => Err(Refusal::Video(error)),
        }
    }

    fn audio_config(&mut self, asc: Bytes) -> Result<Sample, Refusal> {
        if self.audio.as_ref().is_some_and(|audio| audio.asc == asc) {
            return Ok(Sample::Nothing);
        }
        match (aac::parse_asc(asc), &self.audio) {
            (Ok(config), _) => {
                let config = Arc::new(config);
                self.audio = Some(Arc::clone(&config));
                Ok(Sample::Config(TrackConfig::Audio(config)))
            }
            (Err(_), Some(_)) => Ok(Sample::Broken),
            (Err(error), None) => Err(Refusal::Audio(error)),
        }
    }

    fn video_frame(&self, timestamp_ms: u32, composition_ms: i32, payload: Bytes) -> Sample {
        let Some(config) = &self.video else { return Sample::Broken };
        let (mut slices, mut key) = (false, false);
        for nal in h264::nal_units(&payload, config.nal_length_size) {
            let Ok(nal) = nal else { return Sample::Broken };
            slices |= (1..=5).contains(&h264::nal_type(nal));
            key |= h264::nal_type(nal) == 5;
        }
        if !slices {
            return Sample::Nothing;
        }
        Sample::Frame(Frame { track: TrackKind::Video, timestamp_ms, composition_ms, key, payload })
    }
}

enum VideoTag {
    Config(Bytes),
    Frame { composition_ms: i32, payload: Bytes },
}

impl VideoTag {
    /// `None` where nothing is to be played.
    fn read(body: &Bytes) -> Result<Option<Self>, Refusal> {
        const AVC: u8 = 7;
        /// Commands of a seeking server (E.4.3.1).
        const INFO_FRAME: u8 = 5;
        let Some(&first) = body.first() else { return Ok(None) };
        if first & 0x80 != 0 {
            return Self::read_enhanced(first, body);
        }
        if first >> 4 == INFO_FRAME {
            return Ok(None);
        }
        if first & 0x0f != AVC {
            return Err(Refusal::Codec(video_codec_name(first & 0x0f)));
        }
        let [_, packet_type, c2, c1, c0, ..] = **body else { return Ok(None) };
        match packet_type {
            0 => Ok(Some(Self::Config(body.slice(5..)))),
            1 => Ok(Some(Self::Frame {
                composition_ms: signed_24_bits([c2, c1, c0]),
                payload: body.slice(5..),
            })),
            _ => Ok(None),
        }
    }

    /// Enhanced RTMP v2, "Enhanced Video": a FourCC behind the first byte.
    fn read_enhanced(first: u8, body: &Bytes) -> Result<Option<Self>, Refusal> {
        let Some(four_cc) = body.get(1..5) else { return Ok(None) };
        if four_cc != b"avc1" {
            return Err(Refusal::Codec(four_cc_name(four_cc)));
        }
        match (first & 0x0f, &body[5..]) {
            (0, _) => Ok(Some(Self::Config(body.slice(5..)))),
            (1, &[c2, c1, c0, ..]) => Ok(Some(Self::Frame {
                composition_ms: signed_24_bits([c2, c1, c0]),
                payload: body.slice(8..),
            })),
            (3, _) => Ok(Some(Self::Frame { composition_ms: 0, payload: body.slice(5..) })),
            _ => Ok(None),
        }
    }
}

enum AudioTag {
    Config(Bytes),
    Frame(Bytes),
}

impl AudioTag {
    fn read(body: &Bytes) -> Result<Option<Self>, Refusal> {
        const AAC: u8 = 10;
        const ENHANCED: u8 = 9;
        let Some(&first) = body.first() else { return Ok(None) };
        let (packet_type, rest) = match first >> 4 {
            AAC => match body.get(1) {
                Some(packet_type) => (*packet_type, body.slice(2..)),
                None => return Ok(None),
            },
            ENHANCED => match body.get(1..5) {
                Some(b"mp4a") => (first & 0x0f, body.slice(5..)),
                Some(four_cc) => return Err(Refusal::Codec(four_cc_name(four_cc))),
                None => return Ok(None),
            },
            other => return Err(Refusal::Codec(audio_codec_name(other))),
        };
        match packet_type {
            0 => Ok(Some(Self::Config(rest))),
            1 if !rest.is_empty() => Ok(Some(Self::Frame(rest))),
            _ => Ok(None),
        }
    }
}

fn signed_24_bits([c2, c1, c0]: [u8; 3]) -> i32 {
    i32::from_be_bytes([c2, c1, c0, 0]) >> 8
}

fn video_codec_name(id: u8) -> String {
    match id {
        2 => "Sorenson H.263 video".to_owned(),
        3 | 6 => "Screen video".to_owned(),
        4 | 5 => "VP6 video".to_owned(),
        12 => "HEVC video".to_owned(),
        13 => "AV1 video".to_owned(),
        other => format!("Video codec {other}"),
    }
}

fn audio_codec_name(id: u8) -> String {
    match id {
        0 | 3 => "PCM audio".to_owned(),
        1 => "ADPCM audio".to_owned(),
        2 | 14 => "MP3 audio".to_owned(),
        4..=6 => "Nellymoser audio".to_owned(),
        7 | 8 => "G.711 audio".to_owned(),
        11 => "Speex audio".to_owned(),
        13 => "Opus audio".to_owned(),
        other => format!("Audio codec {other}"),
    }
}

fn four_cc_name(four_cc: &[u8]) -> String {
    match four_cc {
        b"hvc1" => "HEVC video".to_owned(),
        b"av01" => "AV1 video".to_owned(),
        b"vp08" => "VP8 video".to_owned(),
        b"vp09" => "VP9 video".to_owned(),
        b"vvc1" => "VVC video".to_owned(),
        b"Opus" => "Opus audio".to_owned(),
        b".mp3" => "MP3 audio".to_owned(),
        b"fLaC" => "FLAC audio".to_owned(),
        b"ac-3" | b"ec-3" => "Dolby audio".to_owned(),
        other => format!("Codec \"{}\"", other.escape_ascii()),
    }
}

/// Tag bodies, for those who publish.
pub mod write {
    use bytes::{BufMut, Bytes, BytesMut};

    /// AVC sequence header.
    #[must_use]
    pub fn video_config(avcc: &[u8]) -> Bytes {
        tag(&[0x17, 0, 0, 0, 0], avcc)
    }

    /// An AVC picture; `composition_ms` is taken into 24 bits.
    #[must_use]
    pub fn video(key: bool, composition_ms: i32, payload: &[u8]) -> Bytes {
        let [_, c2, c1, c0] = composition_ms.to_be_bytes();
        tag(&[if key { 0x17 } else { 0x27 }, 1, c2, c1, c0], payload)
    }

    /// AVC end of sequence.
    #[must_use]
    pub fn video_end() -> Bytes {
        tag(&[0x17, 2, 0, 0, 0], &[])
    }

    /// AAC sequence header.
    #[must_use]
    pub fn audio_config(asc: &[u8]) -> Bytes {
        tag(&[0xaf, 0], asc)
    }

    /// An AAC frame.
    #[must_use]
    pub fn audio(payload: &[u8]) -> Bytes {
        tag(&[0xaf, 1], payload)
    }

    fn tag(header: &[u8], payload: &[u8]) -> Bytes {
        let mut body = BytesMut::with_capacity(header.len() + payload.len());
        body.put_slice(header);
        body.put_slice(payload);
        body.freeze()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// AVCDecoderConfigurationRecord from the capture ffmpeg-5.1.9 (640x360, 30 fps).
    pub(crate) const AVCC: [u8; 40] = [
        0x01, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0x00, 0x19, 0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5,
        0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04, 0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x58, 0xba, 0x80, 0x01,
        0x00, 0x04, 0x68, 0xce, 0x0f, 0xc8,
    ];
    pub(crate) const ASC: [u8; 2] = [0x12, 0x08];
    pub(crate) const IDR: [u8; 6] = [0, 0, 0, 2, 0x65, 0x88];
    pub(crate) const SLICE: [u8; 6] = [0, 0, 0, 2, 0x41, 0x9a];

    fn video(demuxer: &mut Demuxer, body: &[u8]) -> Result<Sample, Refusal> {
        demuxer.video(40, &Bytes::copy_from_slice(body))
    }

    #[test]
    fn h264_is_read_with_signed_composition_times() {
        let mut demuxer = Demuxer::new();
        assert_eq!(video(&mut demuxer, &write::video(true, 0, &IDR)), Ok(Sample::Broken), "no configuration");
        let config = demuxer.video(0, &write::video_config(&AVCC)).unwrap();
        let Sample::Config(TrackConfig::Video(config)) = config else { panic!("{config:?}") };
        assert_eq!((config.width, config.height), (640, 360));
        assert_eq!(demuxer.video(0, &write::video_config(&AVCC)), Ok(Sample::Nothing), "the same again");
        for (key, nal, composition_ms) in [(true, IDR, -80), (false, SLICE, 66), (false, SLICE, -1)] {
            let sample = demuxer.video(40, &write::video(key, composition_ms, &nal)).unwrap();
            let Sample::Frame(frame) = sample else { panic!("{sample:?}") };
            assert_eq!((frame.key, frame.composition_ms, frame.timestamp_ms), (key, composition_ms, 40));
            assert_eq!(frame.payload, nal.as_slice());
        }
        assert_eq!(demuxer.video(80, &write::video_end()), Ok(Sample::Nothing));
    }

    #[test]
    fn a_key_flag_is_not_believed_where_no_idr_is() {
        let mut demuxer = Demuxer::new();
        demuxer.video(0, &write::video_config(&AVCC)).unwrap();
        let sample = demuxer.video(0, &write::video(true, 0, &SLICE)).unwrap();
        assert!(matches!(sample, Sample::Frame(Frame { key: false, .. })));
        assert_eq!(demuxer.video(0, &write::video(true, 0, &[0, 0, 0, 9, 0x65])), Ok(Sample::Broken));
        assert_eq!(demuxer.video(0, &write::video(false, 0, &[0, 0, 0, 1, 0x09])), Ok(Sample::Nothing));
    }

    #[test]
    fn aac_is_read_and_empty_frames_are_nothing() {
        let mut demuxer = Demuxer::new();
        assert_eq!(demuxer.audio(0, &write::audio(b"x")), Ok(Sample::Broken));
        assert!(matches!(demuxer.audio(0, &write::audio_config(&ASC)), Ok(Sample::Config(_))));
        assert_eq!(demuxer.audio(0, &write::audio(b"")), Ok(Sample::Nothing));
        let Ok(Sample::Frame(frame)) = demuxer.audio(7, &write::audio(b"abc")) else { panic!("a frame") };
        assert_eq!((frame.timestamp_ms, frame.key, frame.payload), (7, true, Bytes::from("abc")));
    }

    #[test]
    fn other_codecs_are_refused_by_name_and_with_the_cure() {
        let mut demuxer = Demuxer::new();
        let mut refusals = Vec::new();
        for body in [&[0x1cu8, 0, 0, 0, 0][..], b"\x90hvc1", b"\x90av01....", b"\x90XY\"\n"] {
            refusals.push(video(&mut demuxer, body).unwrap_err().to_string());
        }
        for body in [&b"\x2fx"[..], b"\xd1x", b"\x90Opus"] {
            refusals.push(demuxer.audio(0, &Bytes::from(body)).unwrap_err().to_string());
        }
        let cure = " is not accepted here: set the encoder to H.264 video and AAC audio.";
        let names: Vec<_> = refusals.iter().map(|text| text.strip_suffix(cure).unwrap()).collect();
        assert_eq!(
            names,
            [
                "HEVC video",
                "HEVC video",
                "AV1 video",
                "Codec \"XY\\\"\\n\"",
                "MP3 audio",
                "Opus audio",
                "Opus audio"
            ]
        );
    }

    #[test]
    fn h264_and_aac_in_enhanced_clothes_are_taken() {
        let mut demuxer = Demuxer::new();
        let body = [b"\x90avc1".as_slice(), &AVCC].concat();
        assert!(matches!(video(&mut demuxer, &body), Ok(Sample::Config(_))));
        let body = [b"\x91avc1\xff\xff\xf6".as_slice(), &IDR].concat();
        assert!(matches!(
            video(&mut demuxer, &body),
            Ok(Sample::Frame(Frame { composition_ms: -10, key: true, .. }))
        ));
        let body = [b"\xa3avc1".as_slice(), &SLICE].concat();
        assert!(matches!(video(&mut demuxer, &body), Ok(Sample::Frame(Frame { key: false, .. }))));
        assert!(matches!(demuxer.audio(0, &Bytes::from_static(b"\x90mp4a\x12\x10")), Ok(Sample::Config(_))));
    }

    #[test]
    fn a_bad_first_configuration_is_refused_and_a_later_one_ignored() {
        let mut demuxer = Demuxer::new();
        let bad = write::video_config(&AVCC[..20]);
        assert!(matches!(demuxer.video(0, &bad), Err(Refusal::Video(_))));
        demuxer.video(0, &write::video_config(&AVCC)).unwrap();
        assert_eq!(demuxer.video(0, &bad), Ok(Sample::Broken));
    }

    #[test]
    fn metadata_gives_the_frame_rate_that_the_stream_does_not() {
        let mut demuxer = Demuxer::new();
        demuxer.metadata(&Value::object([("framerate", 25.0.into())]));
        demuxer.metadata(&Value::object([("framerate", 1e9.into())]));
        // Baseline parameter set without VUI, 16x16.
        let avcc = [1, 66, 192, 31, 255, 225, 0, 7, 0x67, 66, 192, 31, 0xde, 0x7e, 0x20, 1, 0, 1, 0x68];
        let sample = demuxer.video(0, &write::video_config(&avcc)).unwrap();
        let Sample::Config(TrackConfig::Video(config)) = sample else { panic!("{sample:?}") };
        assert_eq!(config.frame_rate, Some(25.0));
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_reach_a_panic(bodies in proptest::collection::vec(
            proptest::collection::vec(any::<u8>(), 0..60), 0..8,
        )) {
            let mut demuxer = Demuxer::new();
            demuxer.video(0, &write::video_config(&AVCC)).unwrap();
            for body in bodies {
                let _ = demuxer.video(0, &body.clone().into());
                let _ = demuxer.audio(0, &body.into());
            }
        }
    }
}
