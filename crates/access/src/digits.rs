//! Numbers as digits of base 36 and base 62, in one spelling each.

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// Fills `digits` with a big-endian number's lowest digits of base 62. `number` is used up.
///
/// Reducing random bytes so favours no digit by more than 62^digits / 256^bytes.
pub(crate) fn base62<const DIGITS: usize>(number: &mut [u8]) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0u32;
        for byte in number.iter_mut() {
            let value = remainder << 8 | u32::from(*byte);
            *byte = u8::try_from(value / 62).expect("a remainder under 62 leaves a quotient under 256");
            remainder = value % 62;
        }
        *digit = BASE62[usize::try_from(remainder).expect("under 62")];
    }
    digits
}

/// Is every byte a digit of base 62?
pub(crate) fn is_base62(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_alphanumeric)
}

/// Appends a number in lower-case base 36 without leading zeros.
pub(crate) fn push_base36(text: &mut String, mut number: u64) {
    let mut digits = [0u8; 13];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = BASE36[usize::try_from(number % 36).expect("under 36")];
        number /= 36;
        if number == 0 {
            break;
        }
    }
    text.extend(digits[at..].iter().map(|&digit| char::from(digit)));
}

/// Reads what [`push_base36`] writes and nothing else.
pub(crate) fn parse_base36(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > 13 || (bytes.len() > 1 && bytes[0] == b'0') {
        return None;
    }
    bytes.iter().try_fold(0u64, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'z' => byte - b'a' + 10,
            _ => return None,
        };
        number.checked_mul(36)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_number_fits_and_the_next_does_not() {
        let mut text = String::new();
        push_base36(&mut text, u64::MAX);
        assert_eq!(parse_base36(&text), Some(u64::MAX));
        assert_eq!(parse_base36("3w5e11264sgsg"), None);
        assert_eq!(parse_base36("zzzzzzzzzzzzz"), None);
    }

    #[test]
    fn base_62_counts_like_any_base() {
        assert_eq!(&base62::<3>(&mut [0, 61]), b"00z");
        assert_eq!(&base62::<3>(&mut [0, 62]), b"010");
        assert_eq!(&base62::<6>(&mut u32::MAX.to_be_bytes()), b"4gfFC3");
    }

    proptest! {
        #[test]
        fn a_number_reads_back(number: u64) {
            let mut text = String::new();
            push_base36(&mut text, number);
            prop_assert_eq!(parse_base36(&text), Some(number));
        }

        #[test]
        fn what_is_read_has_one_spelling(text in "[0-9a-zA-Z+_. -]{0,15}") {
            if let Some(number) = parse_base36(&text) {
                let mut again = String::new();
                push_base36(&mut again, number);
                prop_assert_eq!(again, text);
            }
        }
    }
}
