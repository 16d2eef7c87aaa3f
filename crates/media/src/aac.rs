//! AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1): AAC-LC, and HE-AAC where it is signalled. Decodes no sound.

use bytes::Bytes;
use thiserror::Error;

use crate::{AudioConfig, bits::BitReader};

/// Longest configuration that is read, in bytes; real ones have 2 to 5, with a channel map up to 40.
const CONFIG_BYTES_MAX: usize = 256;

const OBJECT_LC: u32 = 2;
const OBJECT_SBR: u32 = 5;
const OBJECT_PS: u32 = 29;

/// Why a configuration could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// It ends too early.
    #[error("AAC configuration of {0} bytes ends too early")]
    Truncated(usize),
    /// It is far longer than any real one.
    #[error("AAC configuration of {0} bytes is over {CONFIG_BYTES_MAX}")]
    TooLong(usize),
    /// The coded core is not AAC-LC.
    #[error("audio object type {0} is not AAC-LC or HE-AAC")]
    ObjectType(u32),
    /// A reserved index, or a rate outside 7 350 to 96 000 samples a second.
    #[error("AAC sampling rate {0} is not supported")]
    SampleRate(u32),
    /// A reserved channel configuration, or none or more than eight channels.
    #[error("AAC channel configuration {0} is not supported")]
    Channels(u32),
}

/// Reads an AudioSpecificConfig, the body of an RTMP AAC sequence header and of an `esds` box.
///
/// # Errors
/// When it ends early, or names another codec, rate or channel layout than this server takes.
pub fn parse_asc(asc: Bytes) -> Result<AudioConfig, Error> {
    if asc.len() > CONFIG_BYTES_MAX {
        return Err(Error::TooLong(asc.len()));
    }
    let ends = || Error::Truncated(asc.len());
    let mut reader = BitReader::new(&asc);
    let reader = &mut reader;

    let mut object = object_type(reader).ok_or_else(ends)?;
    let sample_rate = sample_rate(reader).ok_or_else(ends)??;
    let channel_configuration = reader.bits(4).ok_or_else(ends)?;
    let mut outer = object;
    if object == OBJECT_SBR || object == OBJECT_PS {
        self::sample_rate(reader).ok_or_else(ends)??;
        object = object_type(reader).ok_or_else(ends)?;
    }
    if object != OBJECT_LC {
        return Err(Error::ObjectType(object));
    }
    let short_frames = reader.bit().ok_or_else(ends)?;
    if reader.bit().ok_or_else(ends)? {
        reader.skip(14).ok_or_else(ends)?;
    }
    reader.bit().ok_or_else(ends)?;
    let mut channels = match channel_configuration {
        0 => channels_of_program_config(reader).ok_or_else(ends)?,
        1..=6 => channel_configuration,
        7 | 12 | 14 => 8,
        11 => 7,
        reserved => return Err(Error::Channels(reserved)),
    };
    if outer == OBJECT_LC {
        outer = backward_compatible_extension(reader).unwrap_or(OBJECT_LC);
    }
    if outer == OBJECT_PS && channels == 1 {
        channels = 2;
    }
    let channels = u8::try_from(channels).ok().filter(|count| (1..=8).contains(count));
    Ok(AudioConfig {
        sample_rate,
        channels: channels.ok_or(Error::Channels(channel_configuration))?,
        samples_per_frame: if short_frames { 960 } else { 1024 },
        codec: format!("mp4a.40.{outer}"),
        asc,
    })
}

/// 1.6.2.1 GetAudioObjectType.
fn object_type(reader: &mut BitReader<'_>) -> Option<u32> {
    match reader.bits(5)? {
        31 => Some(32 + reader.bits(6)?),
        object => Some(object),
    }
}

/// Table 1.18, with its escape for rates that are written out.
fn sample_rate(reader: &mut BitReader<'_>) -> Option<Result<u32, Error>> {
    const TABLE: [u32; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
    ];
    let index = reader.bits(4)?;
    let rate = match index {
        15 => reader.bits(24)?,
        index => usize::try_from(index).ok().and_then(|index| TABLE.get(index)).copied().unwrap_or(index),
    };
    Some(if (7_350..=96_000).contains(&rate) { Ok(rate) } else { Err(Error::SampleRate(rate)) })
}

/// 4.4.1.1: a channel map written out; counts front, side, back and LFE channels.
fn channels_of_program_config(reader: &mut BitReader<'_>) -> Option<u32> {
    reader.skip(4 + 2 + 4)?;
    let paired = [reader.bits(4)?, reader.bits(4)?, reader.bits(4)?];
    let (lfe, associated, coupling) = (reader.bits(2)?, reader.bits(3)?, reader.bits(4)?);
    for mixdown_bits in [4, 4, 3] {
        if reader.bit()? {
            reader.skip(mixdown_bits)?;
        }
    }
    let mut channels = lfe;
    for _ in 0..paired.iter().sum::<u32>() {
        channels += if reader.bit()? { 2 } else { 1 };
        reader.skip(4)?;
    }
    for _ in 0..lfe + associated {
        reader.skip(4)?;
    }
    for _ in 0..coupling {
        reader.skip(5)?;
    }
    reader.align();
    let comment_bytes = usize::try_from(reader.bits(8)?).ok()?;
    reader.skip(comment_bytes * 8)?;
    Some(channels)
}

/// 1.6.6: SBR and PS announced behind a plain AAC-LC configuration.
fn backward_compatible_extension(reader: &mut BitReader<'_>) -> Option<u32> {
    const SBR_SYNC: u32 = 0x2b7;
    const PS_SYNC: u32 = 0x548;
    if reader.remaining() < 16 || reader.bits(11)? != SBR_SYNC || object_type(reader)? != OBJECT_SBR {
        return None;
    }
    if !reader.bit()? {
        return None;
    }
    sample_rate(reader)?.ok()?;
    let stereo = reader.remaining() >= 12 && reader.bits(11)? == PS_SYNC && reader.bit()?;
    Some(if stereo { OBJECT_PS } else { OBJECT_SBR })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(asc: &[u8], rate: u32, channels: u8, samples: u32, codec: &str) {
        let config = parse_asc(Bytes::copy_from_slice(asc)).unwrap();
        assert_eq!(
            (config.sample_rate, config.channels, config.samples_per_frame, config.codec.as_str()),
            (rate, channels, samples, codec)
        );
        assert_eq!(config.asc, asc);
    }

    #[test]
    fn plain_aac_is_read() {
        check(&[0x12, 0x10], 44_100, 2, 1024, "mp4a.40.2");
        check(&[0x11, 0x88], 48_000, 1, 1024, "mp4a.40.2");
        check(&[0x11, 0xb8], 48_000, 8, 1024, "mp4a.40.2");
        check(&[0x11, 0x94], 48_000, 2, 960, "mp4a.40.2");
    }

    #[test]
    fn ffmpeg_appends_a_refusal_of_sbr_which_stays_aac_lc() {
        check(&[0x11, 0x90, 0x56, 0xe5, 0x00], 48_000, 2, 1024, "mp4a.40.2");
    }

    #[test]
    fn high_efficiency_aac_counts_in_its_core() {
        // Object type 5, core 24 kHz stereo, extension 48 kHz, core AAC-LC.
        check(&[0x2b, 0x11, 0x88, 0x00], 24_000, 2, 1024, "mp4a.40.5");
        // The same announced behind a plain configuration.
        check(&[0x13, 0x10, 0x56, 0xe5, 0x98], 24_000, 2, 1024, "mp4a.40.5");
        // Object type 29: one coded channel, two to hear.
        check(&[0xeb, 0x09, 0x88, 0x00], 24_000, 2, 1024, "mp4a.40.29");
    }

    #[test]
    fn a_sampling_rate_may_be_written_out() {
        // 00010 1111 (24 bits: 44100 = 0xac44) 0010 000
        check(&[0x17, 0x80, 0x56, 0x22, 0x10], 44_100, 2, 1024, "mp4a.40.2");
    }

    #[test]
    fn other_codecs_and_layouts_are_refused() {
        let refusal = |asc: &'static [u8]| parse_asc(Bytes::from_static(asc)).unwrap_err();
        assert_eq!(refusal(&[0x0a, 0x10]), Error::ObjectType(1));
        assert_eq!(refusal(&[0x12, 0x40]), Error::Channels(8));
        assert_eq!(refusal(&[0x16, 0x90]), Error::SampleRate(13));
        assert_eq!(refusal(&[0x17, 0x80, 0x00, 0x02, 0x10]), Error::SampleRate(4));
        assert_eq!(refusal(&[]), Error::Truncated(0));
        assert_eq!(refusal(&[0x12]), Error::Truncated(1));
        assert_eq!(refusal(&[0; 300]), Error::TooLong(300));
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_reach_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(config) = parse_asc(bytes.into()) {
                prop_assert!((1..=8).contains(&config.channels));
            }
        }
    }
}
