//! What plays when: media time with its scale, tracks, codecs and access units. Pure nouns; no IO.
//!
//! | Specification | Used for |
//! |---|---|
//! | ISO/IEC 14496-10 (H.264) 7.3.2.1 | sequence parameter sets: [`h264`] |
//! | ISO/IEC 14496-15 5.3.3 | AVCDecoderConfigurationRecord: [`h264`] |
//! | ISO/IEC 14496-3 1.6.2 | AudioSpecificConfig: [`aac`] |
//! | RFC 6381 section 3 | codec strings |

pub mod aac;
mod bits;
pub mod h264;
pub mod pipe;
mod time;
mod unit;

pub use time::{MediaTime, SESSION_SCALE, Timescale};
pub use unit::{AccessUnit, AudioConfig, Item, TrackConfig, TrackKind, VideoConfig};
