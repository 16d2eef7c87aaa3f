//! Byte ranges (RFC 9110 14): one range, or the whole.

/// What a `Range` header means for a thing of known length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// No range, or one we need not understand ("a server MAY ignore the Range header field"): 200.
    Whole,
    /// 206: the first byte and the one after the last.
    Bytes(u64, u64),
    /// 416: nothing of it is there.
    Unsatisfiable,
}

/// Reads a `Range` header. Several ranges at once are answered with the whole.
#[must_use]
pub fn wanted(header: Option<&str>, len: u64) -> Wanted {
    let Some(ranges) = header.and_then(|header| header.strip_prefix("bytes=")) else { return Wanted::Whole };
    let Some((first, last)) = ranges.trim().split_once('-') else { return Wanted::Whole };
    match (number(first), number(last)) {
        (Some(first), None) if last.is_empty() => from(first, len, len),
        (Some(first), Some(last)) if first <= last => from(first, last.saturating_add(1), len),
        (None, Some(suffix)) if first.is_empty() => match suffix.min(len) {
            0 => Wanted::Unsatisfiable,
            suffix => Wanted::Bytes(len - suffix, len),
        },
        _ => Wanted::Whole,
    }
}

fn from(first: u64, end: u64, len: u64) -> Wanted {
    if first < len { Wanted::Bytes(first, end.min(len)) } else { Wanted::Unsatisfiable }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than fit are past every end.
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_range_is_cut_out_and_the_rest_is_served_whole() {
        for (header, expected) in [
            ("bytes=0-", Wanted::Bytes(0, 100)),
            ("bytes=0-0", Wanted::Bytes(0, 1)),
            ("bytes=10-19", Wanted::Bytes(10, 20)),
            ("bytes=90-1000", Wanted::Bytes(90, 100)),
            ("bytes=99-99999999999999999999999", Wanted::Bytes(99, 100)),
            ("bytes=-10", Wanted::Bytes(90, 100)),
            ("bytes=-1000", Wanted::Bytes(0, 100)),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=100-", Wanted::Unsatisfiable),
            ("bytes=100-200", Wanted::Unsatisfiable),
            ("bytes=20-10", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(header), 100), expected, "{header}");
        }
        assert_eq!(wanted(None, 100), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
    }

    proptest! {
        #[test]
        fn a_range_always_lies_within(header in "(bytes=)?[0-9]{0,21}-?[0-9]{0,21}", len in 0u64..1_000) {
            if let Wanted::Bytes(first, end) = wanted(Some(&header), len) {
                prop_assert!(first < end && end <= len);
            }
        }
    }
}
