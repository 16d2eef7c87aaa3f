//! What a format in CODECS promises of others (RFC 6381 section 3.3, ITU-T H.264 annex A).

/// Can whatever decodes `listed` decode `found`? Known of H.264 alone: the same sample entry and profile, no constraint
/// less, and a level that is not higher.
pub(crate) fn covers(listed: &str, found: &str) -> bool {
    let (Some((entry, listed)), Some((found_entry, found))) = (h264(listed), h264(found)) else {
        return false;
    };
    let ([profile, constraints, level], [found_profile, found_constraints, found_level]) = (listed, found);
    entry.eq_ignore_ascii_case(found_entry)
        && profile == found_profile
        && constraints & found_constraints == constraints
        && found_level <= level
}

/// The sample entry, and profile, constraint flags and level.
fn h264(codec: &str) -> Option<(&str, [u8; 3])> {
    let (entry, digits) = codec.split_once('.')?;
    let known = ["avc1", "avc3"].iter().any(|known| entry.eq_ignore_ascii_case(known));
    let whole = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let number = u32::from_str_radix(digits, 16).ok().filter(|_| known && whole)?;
    let [_, bytes @ ..] = number.to_be_bytes();
    Some((entry, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_takes_lower_levels_of_its_profile() {
        assert!(covers("avc1.64001f", "avc1.640015"));
        assert!(covers("avc1.4D401E", "avc1.4d401e"));
        assert!(covers("avc1.42001f", "avc1.42c01e"), "constrained further");
        assert!(!covers("avc1.42c01f", "avc1.42001e"), "less constrained");
        assert!(!covers("avc1.64001e", "avc1.64001f"), "a higher level");
        assert!(!covers("avc1.64001f", "avc1.4d401e"), "another profile");
        assert!(!covers("avc1.64001f", "avc3.64001e"), "another sample entry");
        for (listed, found) in [
            ("", "avc1.64001f"),
            ("mp4a.40.2", "mp4a.40.5"),
            ("avc1.64", "avc1.64"),
            ("avc1.+4001f", "avc1.+4001f"),
        ] {
            assert!(!covers(listed, found), "{listed} {found}");
        }
    }
}
