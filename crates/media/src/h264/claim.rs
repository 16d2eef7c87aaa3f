//! Saying of simple pictures that they need what others need.

use bytes::{BufMut, Bytes, BytesMut};

use super::{BitReader, Fields, golomb_to, parse_avcc, without_emulation_prevention};

/// Profiles whose sequence parameter sets are written as Baseline's are: Baseline, Main, Extended.
const WRITTEN_ALIKE: [u8; 3] = [66, 77, 88];
/// Profiles whose sequence parameter sets say the chroma format and bit depths too: High, High 10, High 4:2:2,
/// High 4:4:4 Predictive.
const WRITTEN_WITH_CHROMA: [u8; 4] = [100, 110, 122, 244];
/// `constraint_set3_flag`: of the profiles with a chroma format, every picture is an IDR.
const INTRA_ALONE: u8 = 0x10;

/// The configuration record `avcc` of pictures in Constrained Baseline, saying profile, constraints and level of the
/// record `like`. All that Constrained Baseline uses is part of every other profile, so a decoder that was chosen for
/// `like` takes the pictures as they are, and a playlist's CODECS holds for both. The level is for the caller to mind.
///
/// None when `avcc` is not such a record, or `like` says something that nothing else may claim.
#[must_use]
pub fn claim(avcc: &Bytes, like: &[u8]) -> Option<Bytes> {
    let &[_, profile, constraints, level, ..] = like else { return None };
    let mut fields = Fields { rest: avcc };
    let &[version, 66, _, _, lengths, 0xe1] = fields.take(6, "head").ok()? else { return None };
    let sps = fields.prefixed("sequence parameter set").ok()?;
    let chroma = WRITTEN_WITH_CHROMA.contains(&profile) && constraints & INTRA_ALONE == 0;
    if !chroma && !WRITTEN_ALIKE.contains(&profile) {
        return None;
    }
    let sps = rewritten(sps, [profile, constraints, level], chroma)?;
    let mut out = BytesMut::new();
    out.put_slice(&[version, profile, constraints, level, lengths, 0xe1]);
    out.put_u16(u16::try_from(sps.len()).ok()?);
    out.put_slice(&sps);
    out.put_slice(fields.rest);
    if chroma {
        // chroma_format 4:2:0, 8 bits of luma and chroma, no extensions (ISO/IEC 14496-15 5.3.3.1).
        out.put_slice(&[0xfc | 1, 0xf8, 0xf8, 0]);
    }
    let out = out.freeze();
    let (before, after) = (parse_avcc(avcc.clone()).ok()?, parse_avcc(out.clone()).ok()?);
    ((before.width, before.height) == (after.width, after.height)).then_some(out)
}

/// The NAL unit `sps` with other first bytes and, if `chroma`, 4:2:0 of 8 bits said after its id.
fn rewritten(sps: &[u8], head: [u8; 3], chroma: bool) -> Option<Vec<u8>> {
    let (nal_header, escaped) = sps.split_first()?;
    let plain = without_emulation_prevention(escaped);
    let mut reader = BitReader::new(&plain);
    reader.skip(24)?;
    golomb_to(&mut reader, 31, "seq_parameter_set_id").ok()?;
    let id_ends = plain.len() * 8 - reader.remaining();
    // rbsp_trailing_bits: a one, then zeros up to the byte's end.
    let mut bits: Vec<bool> =
        plain.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1)).collect();
    bits.truncate(bits.iter().rposition(|bit| *bit)? + 1);
    let after = bits.get(id_ends..)?;
    // chroma_format_idc 1, both depths 8 bits, no transform bypass, no scaling matrix: 010 1 1 0 0.
    let said: &[bool] = if chroma { &[false, true, false, true, true, false, false] } else { &[] };
    let body = [&bits[24..id_ends], said, after].concat();
    let body =
        body.chunks(8).map(|byte| (0..8).fold(0, |sum, at| sum << 1 | u8::from(byte.get(at) == Some(&true))));
    let mut out = vec![*nal_header];
    let mut zeros = 0;
    for byte in head.into_iter().chain(body) {
        // 7.4.1: no start code may be seen inside.
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::VideoConfig;

    /// 64x48 as x264 writes it in Constrained Baseline, with emulation prevention.
    const RECORD: [u8; 38] = [
        1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, 0x17, //
        0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e, 0x7c, 0x04, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 3,
        0xc5, 0x0a, 0xa8, //
        1, 0, 4, 0x68, 0xce, 0x0f, 0xc8,
    ];

    fn claimed(like: [u8; 4]) -> Option<VideoConfig> {
        claim(&Bytes::from_static(&RECORD), &like).map(|record| parse_avcc(record).unwrap())
    }

    #[test]
    fn pictures_claim_profile_constraints_and_level_of_others() {
        let own = parse_avcc(Bytes::from_static(&RECORD)).unwrap();
        for (like, codec) in [
            ([1, 66, 0xc0, 30], "avc1.42c01e"),
            ([1, 66, 0x00, 31], "avc1.42001f"),
            ([1, 77, 0x40, 31], "avc1.4d401f"),
            ([1, 100, 0x00, 40], "avc1.640028"),
            ([1, 100, 0x0c, 31], "avc1.640c1f"),
            ([1, 110, 0x00, 40], "avc1.6e0028"),
        ] {
            let found = claimed(like).unwrap();
            assert_eq!(found.codec, codec);
            assert_eq!(
                (found.width, found.height, found.frame_rate),
                (own.width, own.height, own.frame_rate)
            );
        }
    }

    #[test]
    fn what_cannot_be_claimed_is_not() {
        assert_eq!(claimed([1, 100, INTRA_ALONE, 40]), None, "pictures that need others are not intra alone");
        assert_eq!(claimed([1, 118, 0, 40]), None, "a profile of several views");
        let high = claim(&Bytes::from_static(&RECORD), &[1, 100, 0, 40]).unwrap();
        assert_eq!(claim(&high, &[1, 66, 0xc0, 30]), None, "not in Constrained Baseline");
        assert_eq!(claim(&Bytes::from_static(&RECORD), &[1, 100]), None, "no record");
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(mut record in Just(RECORD.to_vec()), at in 0..38_usize, byte: u8, cut in 0..38_usize,
            like: [u8; 4])
        {
            record[at] = byte;
            record.truncate(38 - cut);
            if let Some(record) = claim(&record.into(), &like) {
                prop_assert_eq!(&record[1..4], &like[1..4]);
            }
        }
    }
}
