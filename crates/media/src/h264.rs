//! H.264 parameter sets (ISO/IEC 14496-10 7.3.2.1) and their container (14496-15 5.3.3). Reads what a
//! player and a packager must know; decodes no pictures.

mod claim;
mod vetting;

use bytes::Bytes;
pub use claim::claim;
use thiserror::Error;
pub use vetting::{NAL_UNITS_MAX, vet};

use crate::{VideoConfig, bits::BitReader};

/// The longer side of a picture, in pixels.
pub const LONG_SIDE_MAX: u32 = 4096;
/// The shorter side of a picture, in pixels.
pub const SHORT_SIDE_MAX: u32 = 2304;

/// NAL unit type of an IDR slice (table 7-1).
const NAL_IDR: u8 = 5;
/// NAL unit type of a sequence parameter set (table 7-1).
const NAL_SPS: u8 = 7;

/// Why a configuration or a picture could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// The record ends inside the named field.
    #[error("AVC configuration ends within {0}")]
    Truncated(&'static str),
    /// `configurationVersion` is not 1.
    #[error("AVC configuration version {0} is not 1")]
    Version(u8),
    /// A length prefix of three bytes, which the standard excludes.
    #[error("NAL units with a length prefix of {0} bytes")]
    LengthSize(u8),
    /// No sequence or no picture parameter set in the record.
    #[error("AVC configuration without a {0} parameter set")]
    Missing(&'static str),
    /// The first parameter set is of another NAL unit type.
    #[error("NAL unit type {0} stands where a sequence parameter set belongs")]
    NotSps(u8),
    /// The sequence parameter set holds a value the standard excludes.
    #[error("sequence parameter set: {0} is out of range")]
    OutOfRange(&'static str),
    /// Larger than this server takes.
    #[error("picture of {width}x{height} is over {LONG_SIDE_MAX}x{SHORT_SIDE_MAX}")]
    TooLarge {
        /// Width before cropping, which is what a decoder needs memory for, in pixels.
        width: u64,
        /// Height before cropping, in pixels.
        height: u64,
    },
    /// A picture of more NAL units than [`NAL_UNITS_MAX`].
    #[error("picture of more than {NAL_UNITS_MAX} NAL units")]
    TooManyNals,
    /// A NAL unit's length prefix reaches past the end of its picture.
    #[error("NAL unit of {length} bytes where {left} are left")]
    NalLength {
        /// What the prefix says.
        length: usize,
        /// What the picture still has.
        left: usize,
    },
}

/// Reads an AVCDecoderConfigurationRecord, the body of an `avcC` box and of an RTMP sequence header.
///
/// # Errors
/// When a length is wrong, no parameter set is there, or a sequence parameter set cannot be read or is too large: any
/// of them may be the one that the pictures follow.
pub fn parse_avcc(avcc: Bytes) -> Result<VideoConfig, Error> {
    let mut fields = Fields { rest: &avcc };
    let version = fields.byte("version")?;
    if version != 1 {
        return Err(Error::Version(version));
    }
    fields.take(3, "profile and level")?;
    let nal_length_size = (fields.byte("length size")? & 0b11) + 1;
    if nal_length_size == 3 {
        return Err(Error::LengthSize(nal_length_size));
    }
    let sps_count = fields.byte("sequence parameter sets")? & 0b1_1111;
    let mut first = None;
    for _ in 0..sps_count {
        let sps = Sps::parse(fields.prefixed("sequence parameter sets")?)?;
        first.get_or_insert(sps);
    }
    let pps_count = fields.byte("picture parameter sets")?;
    for _ in 0..pps_count {
        fields.prefixed("picture parameter sets")?;
    }
    let sps = first.ok_or(Error::Missing("sequence"))?;
    if pps_count == 0 {
        return Err(Error::Missing("picture"));
    }
    Ok(VideoConfig {
        width: sps.width,
        height: sps.height,
        sample_aspect: sps.sample_aspect,
        frame_rate: sps.frame_rate,
        codec: sps.codec(),
        nal_length_size,
        avcc,
    })
}

/// What a sequence parameter set says about the pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Sps {
    /// `profile_idc`.
    pub profile: u8,
    /// The constraint flags, as they stand in the codec string.
    pub constraints: u8,
    /// `level_idc`.
    pub level: u8,
    /// Width after cropping, in pixels.
    pub width: u32,
    /// Height after cropping, in pixels.
    pub height: u32,
    /// Sample aspect ratio, width to height; 1:1 where it is not said.
    pub sample_aspect: (u32, u32),
    /// Frames a second by the VUI's timing, if it is there and between 1 and 240.
    pub frame_rate: Option<f64>,
}

impl Sps {
    /// Reads a sequence parameter set from its NAL unit (with its header byte, without length prefix).
    ///
    /// # Errors
    /// When it is another NAL unit, ends early, holds excluded values, or the picture is too large.
    /// A VUI that cannot be read to its end counts as absent: decoders do the same.
    pub fn parse(nal: &[u8]) -> Result<Self, Error> {
        let header = *nal.first().ok_or(Error::Truncated("sequence parameter set"))?;
        if header & 0b1_1111 != NAL_SPS {
            return Err(Error::NotSps(header & 0b1_1111));
        }
        let rbsp = without_emulation_prevention(&nal[1..]);
        Self::parse_rbsp(&mut BitReader::new(&rbsp))
    }

    /// RFC 6381 section 3.3: `avc1.` and three bytes in hexadecimal.
    #[must_use]
    pub fn codec(&self) -> String {
        format!("avc1.{:02x}{:02x}{:02x}", self.profile, self.constraints, self.level)
    }

    fn parse_rbsp(reader: &mut BitReader<'_>) -> Result<Self, Error> {
        let profile = byte(reader)?;
        let constraints = byte(reader)?;
        let level = byte(reader)?;
        golomb_to(reader, 31, "seq_parameter_set_id")?;
        let chroma = Chroma::parse(reader, profile)?;
        golomb_to(reader, 12, "log2_max_frame_num_minus4")?;
        skip_picture_order(reader)?;
        golomb_to(reader, 16, "max_num_ref_frames")?;
        flag(reader)?;
        let (width, height) = picture_size(reader, &chroma)?;
        let vui = flag(reader)?.then(|| Vui::parse(reader)).flatten().unwrap_or_default();
        Ok(Self {
            profile,
            constraints,
            level,
            width,
            height,
            sample_aspect: vui.sample_aspect.unwrap_or((1, 1)),
            frame_rate: vui.frame_rate,
        })
    }
}

/// The NAL units of a length-prefixed picture, in order; ends after the first broken length.
#[must_use]
pub fn nal_units(payload: &[u8], nal_length_size: u8) -> NalUnits<'_> {
    NalUnits { rest: payload, length_size: usize::from(nal_length_size) }
}

/// `nal_unit_type` of a NAL unit; zero (unspecified) when it is empty.
#[must_use]
pub fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0b1_1111)
}

/// Does the length-prefixed picture hold a slice of an IDR picture?
#[must_use]
pub fn is_idr(payload: &[u8], nal_length_size: u8) -> bool {
    nal_units(payload, nal_length_size).map_while(Result::ok).any(|nal| nal_type(nal) == NAL_IDR)
}

/// Iterator over NAL units; see [`nal_units`].
#[derive(Clone, Debug)]
pub struct NalUnits<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = Result<&'a [u8], Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let Some((prefix, rest)) = self.rest.split_at_checked(self.length_size) else {
            let left = self.rest.len();
            self.rest = &[];
            return Some(Err(Error::NalLength { length: self.length_size, left }));
        };
        let length = prefix.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        let Some((nal, rest)) = rest.split_at_checked(length) else {
            self.rest = &[];
            return Some(Err(Error::NalLength { length, left: rest.len() }));
        };
        self.rest = rest;
        Some(Ok(nal))
    }
}

/// The chroma format, as far as cropping counts in it (7.4.2.1.1).
struct Chroma {
    /// Luma samples per cropping unit, horizontally and (in frame pictures) vertically.
    crop_unit: (u64, u64),
}

impl Chroma {
    fn parse(reader: &mut BitReader<'_>, profile: u8) -> Result<Self, Error> {
        let of_format = |format, separate| match (format, separate) {
            (1, _) => Self { crop_unit: (2, 2) },
            (2, _) => Self { crop_unit: (2, 1) },
            _ => Self { crop_unit: (1, 1) },
        };
        if !matches!(profile, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135) {
            return Ok(of_format(1, false));
        }
        let format = golomb_to(reader, 3, "chroma_format_idc")?;
        let separate = format == 3 && flag(reader)?;
        golomb_to(reader, 6, "bit_depth_luma_minus8")?;
        golomb_to(reader, 6, "bit_depth_chroma_minus8")?;
        flag(reader)?;
        if flag(reader)? {
            let lists = if format == 3 { 12 } else { 8 };
            for list in 0..lists {
                if flag(reader)? {
                    skip_scaling_list(reader, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
        Ok(of_format(format, separate))
    }
}

/// Video usability information (annex E.1.1), as far as it is used here.
#[derive(Default)]
struct Vui {
    sample_aspect: Option<(u32, u32)>,
    frame_rate: Option<f64>,
}

impl Vui {
    fn parse(reader: &mut BitReader<'_>) -> Option<Self> {
        let sample_aspect = if reader.bit()? { sample_aspect(reader)? } else { None };
        if reader.bit()? {
            reader.skip(1)?;
        }
        if reader.bit()? {
            reader.skip(4)?;
            if reader.bit()? {
                reader.skip(24)?;
            }
        }
        if reader.bit()? {
            reader.unsigned_golomb()?;
            reader.unsigned_golomb()?;
        }
        let frame_rate = if reader.bit()? { frame_rate(reader.bits(32)?, reader.bits(32)?) } else { None };
        Some(Self { sample_aspect, frame_rate })
    }
}

/// Table E-1; `Some(None)` where the ratio is unspecified or senseless.
fn sample_aspect(reader: &mut BitReader<'_>) -> Option<Option<(u32, u32)>> {
    const TABLE: [(u32, u32); 17] = [
        (1, 1),
        (1, 1),
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    ];
    const EXTENDED: u32 = 255;
    let index = reader.bits(8)?;
    if index != EXTENDED {
        return Some(usize::try_from(index).ok().and_then(|index| TABLE.get(index)).copied());
    }
    let (width, height) = (reader.bits(16)?, reader.bits(16)?);
    Some((width > 0 && height > 0).then_some((width, height)))
}

/// Two ticks make a frame (annex E.2.1).
fn frame_rate(units_in_tick: u32, time_scale: u32) -> Option<f64> {
    let rate = f64::from(time_scale) / (2.0 * f64::from(units_in_tick));
    (1.0..=240.0).contains(&rate).then_some(rate)
}

fn skip_picture_order(reader: &mut BitReader<'_>) -> Result<(), Error> {
    match golomb_to(reader, 2, "pic_order_cnt_type")? {
        0 => {
            golomb_to(reader, 12, "log2_max_pic_order_cnt_lsb_minus4")?;
        }
        1 => {
            flag(reader)?;
            signed(reader)?;
            signed(reader)?;
            for _ in 0..golomb_to(reader, 255, "num_ref_frames_in_pic_order_cnt_cycle")? {
                signed(reader)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// 7.3.2.1.1.1: only the length matters here.
fn skip_scaling_list(reader: &mut BitReader<'_>, size: u32) -> Result<(), Error> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            let delta = signed(reader)?;
            if !(-128..=127).contains(&delta) {
                return Err(Error::OutOfRange("delta_scale"));
            }
            next = (last + delta + 256) % 256;
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

/// Width and height after cropping, within the limits.
fn picture_size(reader: &mut BitReader<'_>, chroma: &Chroma) -> Result<(u32, u32), Error> {
    // The golomb limits keep every product below far inside u64.
    let width_mbs = u64::from(golomb_to(reader, 1 << 16, "pic_width_in_mbs_minus1")?) + 1;
    let height_units = u64::from(golomb_to(reader, 1 << 16, "pic_height_in_map_units_minus1")?) + 1;
    let frames_only = flag(reader)?;
    if !frames_only {
        flag(reader)?;
    }
    flag(reader)?;
    let fields = if frames_only { 1 } else { 2 };
    let (width, height) = (width_mbs * 16, height_units * 16 * fields);
    let (mut crop_width, mut crop_height) = (0, 0);
    if flag(reader)? {
        let mut edge = || golomb_to(reader, 1 << 16, "frame cropping").map(u64::from);
        let (left, right, top, bottom) = (edge()?, edge()?, edge()?, edge()?);
        crop_width = (left + right) * chroma.crop_unit.0;
        crop_height = (top + bottom) * chroma.crop_unit.1 * fields;
    }
    if crop_width >= width || crop_height >= height {
        return Err(Error::OutOfRange("frame cropping"));
    }
    let fits =
        width.max(height) <= u64::from(LONG_SIDE_MAX) && width.min(height) <= u64::from(SHORT_SIDE_MAX);
    match (u32::try_from(width - crop_width), u32::try_from(height - crop_height)) {
        (Ok(width), Ok(height)) if fits => Ok((width, height)),
        _ => Err(Error::TooLarge { width, height }),
    }
}

const ENDS: Error = Error::Truncated("sequence parameter set");

fn flag(reader: &mut BitReader<'_>) -> Result<bool, Error> {
    reader.bit().ok_or(ENDS)
}

fn byte(reader: &mut BitReader<'_>) -> Result<u8, Error> {
    let [.., low] = reader.bits(8).ok_or(ENDS)?.to_be_bytes();
    Ok(low)
}

fn signed(reader: &mut BitReader<'_>) -> Result<i64, Error> {
    reader.signed_golomb().ok_or(ENDS)
}

fn golomb_to(reader: &mut BitReader<'_>, max: u32, name: &'static str) -> Result<u32, Error> {
    let value = reader.unsigned_golomb().ok_or(ENDS)?;
    if value > max { Err(Error::OutOfRange(name)) } else { Ok(value) }
}

/// 7.4.1.1: in `00 00 03` the third byte is no data.
fn without_emulation_prevention(escaped: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(escaped.len());
    let mut zeros = 0;
    for &byte in escaped {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        plain.push(byte);
    }
    plain
}

/// Fields of a record, each named for the error.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize, name: &'static str) -> Result<&'a [u8], Error> {
        let (field, rest) = self.rest.split_at_checked(length).ok_or(Error::Truncated(name))?;
        self.rest = rest;
        Ok(field)
    }

    fn byte(&mut self, name: &'static str) -> Result<u8, Error> {
        Ok(self.take(1, name)?[0])
    }

    fn prefixed(&mut self, name: &'static str) -> Result<&'a [u8], Error> {
        let length = self.take(2, name)?;
        self.take(usize::from(u16::from_be_bytes([length[0], length[1]])), name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes parameter sets bit by bit, so that each test says what it means.
    #[derive(Default)]
    struct Writer(Vec<bool>);

    impl Writer {
        fn bits(mut self, value: u64, count: u32) -> Self {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }
        fn ue(self, value: u32) -> Self {
            let code = u64::from(value) + 1;
            let length = 64 - code.leading_zeros();
            self.bits(0, length - 1).bits(code, length)
        }
        fn nal(self) -> Vec<u8> {
            let mut bits = self.0;
            bits.push(true);
            let mut nal = vec![0x67];
            let mut zeros = 0;
            for byte in bits.chunks(8).map(|chunk| {
                chunk.iter().enumerate().fold(0u8, |byte, (i, bit)| byte | u8::from(*bit) << (7 - i))
            }) {
                if zeros >= 2 && byte <= 3 {
                    nal.push(3);
                    zeros = 0;
                }
                zeros = if byte == 0 { zeros + 1 } else { 0 };
                nal.push(byte);
            }
            nal
        }
    }

    /// Baseline up to the size: profile 66, level 3.1.
    fn baseline(width_mbs: u32, height_mbs: u32) -> Writer {
        Writer::default()
            .bits(66, 8)
            .bits(0xc0, 8)
            .bits(31, 8)
            .ue(0)
            .ue(0)
            .ue(2)
            .ue(1)
            .bits(0, 1)
            .ue(width_mbs - 1)
            .ue(height_mbs - 1)
            .bits(1, 1)
            .bits(1, 1)
    }

    fn avcc(sps: &[u8]) -> Bytes {
        let mut record = vec![1, sps[1], sps[2], sps[3], 0xff, 0xe1];
        record.extend(u16::try_from(sps.len()).unwrap().to_be_bytes());
        record.extend(sps);
        record.extend([1, 0, 2, 0x68, 0xce]);
        record.into()
    }

    #[test]
    fn what_real_encoders_send_is_read() {
        // From the captures in tests/vectors, all 640x360 at 30 frames a second.
        let obs = [
            0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x5a, 0x80, 0x80, 0x80, 0xa0, 0x00,
            0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x07, 0x91, 0xe2, 0xc5, 0xd4,
        ];
        let ffmpeg = [
            0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04,
            0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x58, 0xba, 0x80,
        ];
        // High 4:4:4 Predictive: a chroma format of its own, cropped in luma samples.
        let gstreamer = [
            0x67, 0xf4, 0x00, 0x1e, 0x90, 0xd9, 0x64, 0x02, 0x80, 0xbf, 0xe2, 0x70, 0x16, 0xa0, 0xc0, 0xc0,
            0xc8, 0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00, 0x03, 0x01, 0xe4, 0x78, 0xb1, 0x72, 0x40,
        ];
        for (sps, codec) in [
            (obs.as_slice(), "avc1.42c01e"),
            (ffmpeg.as_slice(), "avc1.42c01e"),
            (gstreamer.as_slice(), "avc1.f4001e"),
        ] {
            let config = parse_avcc(avcc(sps)).unwrap();
            assert_eq!((config.width, config.height, config.sample_aspect), (640, 360, (1, 1)));
            assert_eq!((config.frame_rate, config.codec.as_str()), (Some(30.0), codec));
            assert_eq!(config.nal_length_size, 4);
        }
    }

    #[test]
    fn cropping_aspect_and_timing_are_read() {
        let sps = baseline(120, 68)
            .bits(1, 1)
            .ue(0)
            .ue(0)
            .ue(0)
            .ue(4)
            .bits(1, 1)
            .bits(1, 1)
            .bits(255, 8)
            .bits(4, 16)
            .bits(3, 16)
            .bits(0, 1)
            .bits(0, 1)
            .bits(0, 1)
            .bits(1, 1)
            .bits(1001, 32)
            .bits(60_000, 32)
            .bits(1, 1)
            .nal();
        let sps = Sps::parse(&sps).unwrap();
        assert_eq!((sps.width, sps.height, sps.sample_aspect), (1920, 1080, (4, 3)));
        assert_eq!(sps.frame_rate, Some(60_000.0 / 2002.0));
        assert_eq!(sps.codec(), "avc1.42c01f");
    }

    #[test]
    fn scaling_lists_are_skipped() {
        let sps = Writer::default()
            .bits(100, 8)
            .bits(0, 8)
            .bits(40, 8)
            .ue(0)
            .ue(1)
            .ue(0)
            .ue(0)
            .bits(0, 1)
            .bits(1, 1)
            // One list of 16 equal entries, the rest absent.
            .bits(1, 1)
            .bits(0xffff, 16)
            .bits(0, 7)
            .ue(0)
            .ue(2)
            .ue(1)
            .bits(0, 1)
            .ue(79)
            .ue(44)
            .bits(1, 1)
            .bits(1, 1)
            .bits(0, 1)
            .bits(0, 1)
            .nal();
        let sps = Sps::parse(&sps).unwrap();
        assert_eq!((sps.width, sps.height, sps.frame_rate), (1280, 720, None));
    }

    #[test]
    fn a_vui_that_ends_early_counts_as_absent() {
        let mut nal = baseline(40, 22).bits(0, 1).bits(1, 1).bits(1, 1).bits(255, 8).bits(9, 16).nal();
        nal.truncate(nal.len() - 1);
        assert_eq!(Sps::parse(&nal).unwrap().sample_aspect, (1, 1));
    }

    #[test]
    fn pictures_over_the_limit_are_refused_in_either_position() {
        let size =
            |width, height| Sps::parse(&baseline(width, height).bits(0, 2).nal()).map(|sps| sps.height);
        assert_eq!(size(256, 144), Ok(2304));
        assert_eq!(size(144, 256), Ok(4096));
        assert_eq!(size(256, 145), Err(Error::TooLarge { width: 4096, height: 2320 }));
        assert_eq!(size(65_536, 65_536), Err(Error::TooLarge { width: 1 << 20, height: 1 << 20 }));
    }

    #[test]
    fn cropping_does_not_hide_a_bomb() {
        // Some 4096 lines of which all but 16 are cut off.
        let sps = baseline(4096, 16).bits(1, 1).ue(0).ue(32_760).ue(0).ue(0).bits(0, 1).nal();
        assert_eq!(Sps::parse(&sps), Err(Error::TooLarge { width: 65_536, height: 256 }));
    }

    #[test]
    fn a_bomb_behind_a_good_parameter_set_is_found() {
        let (good, bomb) = (baseline(40, 22).bits(0, 2).nal(), baseline(4096, 4096).bits(0, 2).nal());
        let mut record = vec![1, 66, 0xc0, 31, 0xff, 0xe2];
        for sps in [&good, &bomb] {
            record.extend(u16::try_from(sps.len()).unwrap().to_be_bytes());
            record.extend(sps);
        }
        record.extend([1, 0, 2, 0x68, 0xce]);
        let huge = Error::TooLarge { width: 65_536, height: 65_536 };
        assert_eq!(parse_avcc(record.into()).unwrap_err(), huge);

        let picture = |nals: &[&[u8]]| {
            let length = |nal: &&[u8]| u32::try_from(nal.len()).unwrap().to_be_bytes();
            nals.iter().flat_map(|nal| [&length(nal), *nal].concat()).collect::<Vec<u8>>()
        };
        let slice: &[u8] = &[0x65, 0x88, 0x80];
        assert_eq!(vet(&picture(&[&good, slice]), 4), Ok(()));
        assert_eq!(vet(&picture(&[slice, &bomb]), 4), Err(huge));
        assert_eq!(vet(&picture(&[&good[..4], slice]), 4), Err(Error::Truncated("sequence parameter set")));
        let cut_off = &picture(&[&good, slice])[..good.len() + 6];
        assert_eq!(vet(cut_off, 4), Ok(()), "a decoder shows what it can");
        assert!(matches!(vet(&[0xff; 9], 4), Err(Error::NalLength { .. })));
    }

    #[test]
    fn a_million_parameter_sets_are_refused_unread() {
        let picture = [0, 0, 0, 2, 0x68, 0xce].repeat(1_000_000);
        assert_eq!(vet(&picture, 4), Err(Error::TooManyNals));
        assert_eq!(vet(&picture[..6 * NAL_UNITS_MAX], 4), Ok(()));
    }

    #[test]
    fn cropping_the_whole_picture_is_refused() {
        let sps = baseline(1, 1).bits(1, 1).ue(4).ue(4).ue(0).ue(0).bits(0, 1).nal();
        assert_eq!(Sps::parse(&sps), Err(Error::OutOfRange("frame cropping")));
    }

    #[test]
    fn broken_records_are_refused_with_their_place() {
        let good = avcc(&baseline(40, 22).bits(0, 2).nal());
        assert!(parse_avcc(good.clone()).is_ok());
        for length in 0..good.len() {
            assert!(parse_avcc(good.slice(..length)).is_err(), "{length} bytes");
        }
        let with = |at: usize, value: u8| {
            let mut record = good.to_vec();
            record[at] = value;
            parse_avcc(record.into()).map(|config| config.width)
        };
        assert_eq!(with(0, 2), Err(Error::Version(2)));
        assert_eq!(with(4, 0xfe), Err(Error::LengthSize(3)));
        assert_eq!(with(8, 0x68), Err(Error::NotSps(8)));
    }

    #[test]
    fn nal_units_are_walked_and_an_idr_is_told() {
        let picture = [0, 0, 0, 2, 0x06, 1, 0, 0, 0, 1, 0x65];
        let types: Vec<u8> = nal_units(&picture, 4).map(|nal| nal_type(nal.unwrap())).collect();
        assert_eq!(types, [6, 5]);
        assert!(is_idr(&picture, 4));
        assert!(!is_idr(&[0, 1, 0x41], 2));
        assert_eq!(
            nal_units(&[9, 0x65], 1).next(),
            Some(Err(Error::NalLength { length: 9, left: 1 })),
            "a length past the end is an answer, not a panic"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_reach_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Sps::parse(&bytes);
            let _ = parse_avcc(bytes.clone().into());
            for length_size in [1, 2, 4] {
                let _ = vet(&bytes, length_size);
                let _ = nal_units(&bytes, length_size).count();
            }
        }

        #[test]
        fn a_damaged_parameter_set_is_read_or_refused(at in 0usize..25, value in any::<u8>()) {
            let mut nal = baseline(120, 68).bits(0, 1).bits(0, 1).nal();
            nal.extend([0xff; 20]);
            let at = at % nal.len();
            nal[at] = value;
            let _ = Sps::parse(&nal);
        }
    }
}
