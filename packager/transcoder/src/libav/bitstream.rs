//! From what x264 writes (Annex B of ISO/IEC 14496-10) to what fMP4 carries (ISO/IEC 14496-15). Pure.

use bytes::{BufMut, Bytes, BytesMut};

const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const FILLER: u8 = 12;

/// The NAL units between start codes, without them and without trailing zeros.
pub(crate) fn nal_units(annex_b: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(annex_b).map(|at| &annex_b[at + 3..]);
    std::iter::from_fn(move || {
        let here = rest?;
        let (unit, next) = match start_code(here) {
            Some(at) => (&here[..at], Some(&here[at + 3..])),
            None => (here, None),
        };
        rest = next;
        let end = unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        Some(&unit[..end])
    })
    .filter(|unit| !unit.is_empty())
}

/// One picture with length prefixes of 4 bytes. Parameter sets are left out, since they stand in the `avcC`, and so
/// are delimiters, filler and x264's note of its settings.
pub(crate) fn length_prefixed(annex_b: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(annex_b.len() + 16);
    for unit in nal_units(annex_b) {
        if matches!(unit[0] & 0x1f, SEI | SPS | PPS | DELIMITER | FILLER) {
            continue;
        }
        out.put_u32(u32::try_from(unit.len()).expect("libav's packets are smaller than 2 GiB"));
        out.put_slice(unit);
    }
    out.freeze()
}

/// The AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1) for the parameter sets in `annex_b`: 4:2:0 of 8 bits,
/// which is all that is made here. `None` when a set is missing or too long.
pub(crate) fn avcc(annex_b: &[u8]) -> Option<Bytes> {
    let sets = |kind| nal_units(annex_b).filter(move |unit| unit[0] & 0x1f == kind);
    let sps = sets(SPS).next().filter(|sps| sps.len() >= 4)?;
    let (profile, compatibility, level) = (sps[1], sps[2], sps[3]);
    let mut out = BytesMut::new();
    out.put_slice(&[1, profile, compatibility, level, 0xff]);
    out.put_u8(0xe0 | 1);
    put_set(&mut out, sps)?;
    out.put_u8(u8::try_from(sets(PPS).count()).ok().filter(|&count| count > 0)?);
    for pps in sets(PPS) {
        put_set(&mut out, pps)?;
    }
    // "if( AVCProfileIndication == 100 || … )": chroma_format 4:2:0, 8 bits of luma and chroma, no extensions.
    if matches!(profile, 100 | 110 | 122 | 144) {
        out.put_slice(&[0xfc | 1, 0xf8, 0xf8, 0]);
    }
    Some(out.freeze())
}

fn put_set(out: &mut BytesMut, set: &[u8]) -> Option<()> {
    out.put_u16(u16::try_from(set.len()).ok()?);
    out.put_slice(set);
    Some(())
}

/// Where the next `00 00 01` begins.
fn start_code(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(&third) = bytes.get(at + 2) {
        // The third byte tells how far the next start code is at least.
        match third {
            0 => at += 1,
            1 if bytes[at] == 0 && bytes[at + 1] == 0 => return Some(at),
            _ => at += 3,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn start_codes_of_both_lengths_are_seen() {
        let bytes = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 0, 3];
        let units: Vec<_> = nal_units(&bytes).collect();
        assert_eq!(units, [&[0x67, 1][..], &[0x68, 2], &[0x65, 0, 3]]);
    }

    #[test]
    fn a_picture_loses_what_is_not_picture() {
        let bytes = [0, 0, 0, 1, 0x06, 5, 1, 0, 0, 1, 0x65, 7, 0, 0, 1, 0x41, 8];
        assert_eq!(length_prefixed(&bytes)[..], [0, 0, 0, 2, 0x65, 7, 0, 0, 0, 2, 0x41, 8]);
    }

    #[test]
    fn a_record_needs_both_parameter_sets() {
        let sps = [0, 0, 0, 1, 0x67, 100, 0, 31, 9];
        assert_eq!(avcc(&sps), None);
        let both = [&sps[..], &[0, 0, 0, 1, 0x68, 5]].concat();
        let record =
            [1, 100, 0, 31, 0xff, 0xe1, 0, 5, 0x67, 100, 0, 31, 9, 1, 0, 2, 0x68, 5, 0xfd, 0xf8, 0xf8, 0];
        assert_eq!(avcc(&both).unwrap()[..], record);
    }

    proptest! {
        #[test]
        fn units_joined_by_start_codes_come_apart_again(
            units in vec(vec(2u8.., 1..20), 1..8), long in any::<bool>(),
        ) {
            let code: &[u8] = if long { &[0, 0, 0, 1] } else { &[0, 0, 1] };
            let bytes: Vec<u8> = units.iter().flat_map(|unit| [code, unit].concat()).collect();
            prop_assert_eq!(nal_units(&bytes).map(<[u8]>::to_vec).collect::<Vec<_>>(), units);
        }

        #[test]
        fn any_bytes_are_taken(bytes in vec(0u8..3, 0..60)) {
            let units: usize = nal_units(&bytes).map(<[u8]>::len).sum();
            prop_assert!(units <= bytes.len());
            let _ = avcc(&bytes);
            let _ = length_prefixed(&bytes);
        }
    }
}
