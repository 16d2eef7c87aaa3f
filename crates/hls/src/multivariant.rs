//! What a multivariant playlist says (rfc8216bis 4.4.6): the variants, and the one audio group they share.

use crate::window::Figures;

/// A video variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The rendition's name: the folder in its URIs.
    pub rendition: String,
    /// Peak bits a second, audio included.
    pub bandwidth: u64,
    /// Average bits a second, audio included.
    pub average_bandwidth: u64,
    /// RFC 6381 codec string of the video.
    pub codec: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub frame_rate: f64,
}

/// The audio rendition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audio {
    /// The rendition's name: the folder in its URIs.
    pub rendition: String,
    /// Peak bits a second.
    pub bandwidth: u64,
    /// Average bits a second.
    pub average_bandwidth: u64,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Channels.
    pub channels: u8,
}

/// All renditions of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Multivariant {
    /// The constant figures.
    pub figures: Figures,
    /// Video, best first. Empty: audio alone.
    pub variants: Vec<Variant>,
    /// Audio; none only where the epoch has no sound and no filler.
    pub audio: Option<Audio>,
}
