//! Access units and the configuration of the tracks they belong to.

use std::sync::Arc;

use bytes::Bytes;

use crate::MediaTime;

/// Picture or sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrackKind {
    /// Pictures.
    Video,
    /// Sound.
    Audio,
}

/// All a player's decoder must know before the first picture. H.264 in this release.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoConfig {
    /// AVCDecoderConfigurationRecord, byte for byte as it goes into the `avcC` box.
    pub avcc: Bytes,
    /// Coded size after cropping, in pixels.
    pub width: u32,
    /// Coded size after cropping, in pixels.
    pub height: u32,
    /// Sample (pixel) aspect ratio, width to height; 1:1 where the stream is silent.
    pub sample_aspect: (u32, u32),
    /// Frames a second if the stream or its metadata say so.
    pub frame_rate: Option<f64>,
    /// RFC 6381 codec string, such as `avc1.64001f`.
    pub codec: String,
    /// Bytes of a NAL unit's length prefix in this track's payloads (1, 2 or 4).
    pub nal_length_size: u8,
}

/// All a player's decoder must know before the first sound. AAC in this release.
#[derive(Clone, Debug, PartialEq)]
pub struct AudioConfig {
    /// AudioSpecificConfig, byte for byte.
    pub asc: Bytes,
    /// Samples a second of the coded core (what a frame's 1024 samples are counted in).
    pub sample_rate: u32,
    /// Channels, 1 to 8.
    pub channels: u8,
    /// Samples in one frame (1024, or 960).
    pub samples_per_frame: u32,
    /// RFC 6381 codec string, such as `mp4a.40.2`.
    pub codec: String,
}

/// The configuration of a track.
#[derive(Clone, Debug, PartialEq)]
pub enum TrackConfig {
    /// Pictures.
    Video(Arc<VideoConfig>),
    /// Sound.
    Audio(Arc<AudioConfig>),
}

/// One picture (all its NAL units, length-prefixed) or one frame of sound (raw, no ADTS).
#[derive(Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// Picture or sound.
    pub track: TrackKind,
    /// When the decoder wants it; never decreases within a publication's track.
    pub decode_at: MediaTime,
    /// When it is shown. Sound: equal to `decode_at`.
    pub present_at: MediaTime,
    /// An IDR picture; every frame of sound.
    pub key: bool,
    /// The bytes, shared with the network buffer they came in.
    pub payload: Bytes,
}

impl std::fmt::Debug for AccessUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let key = if self.key { " key" } else { "" };
        write!(
            f,
            "{:?} dts {:?} pts {:?} {} bytes{key}",
            self.track,
            self.decode_at,
            self.present_at,
            self.payload.len()
        )
    }
}

/// What a publication consists of, in order: a track's configuration stands before its first unit and
/// again wherever it changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// From here on the track is configured like this.
    Config(TrackConfig),
    /// The next unit.
    Unit(AccessUnit),
}
