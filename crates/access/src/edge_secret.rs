//! The secret by which our own edge shows itself. Two values, so that it can be changed without a gap.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// The values that are accepted now; possibly none.
#[derive(Clone, Default)]
pub struct EdgeSecrets(Vec<[u8; 32]>);

impl EdgeSecrets {
    /// Takes over the configured values; empty ones are left out and so never match.
    #[must_use]
    pub fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let filled = values.into_iter().filter(|value| !value.is_empty());
        Self(filled.map(|value| Sha256::digest(value.as_bytes()).into()).collect())
    }

    /// Is it one of them? Takes the same time whichever byte differs and whatever the length.
    #[must_use]
    pub fn matches(&self, presented: &[u8]) -> bool {
        let presented = Sha256::digest(presented);
        let none = Choice::from(0);
        self.0.iter().fold(none, |found, value| found | value.ct_eq(presented.as_slice())).into()
    }
}

impl fmt::Debug for EdgeSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EdgeSecrets({} redacted)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_values_match_and_nothing_else_does() {
        let secrets = EdgeSecrets::new(["old-value", "new-value", ""]);
        assert!(secrets.matches(b"old-value") && secrets.matches(b"new-value"));
        for wrong in [&b""[..], b"old-valu", b"old-value ", b"Old-value", b"old-valuenew-value"] {
            assert!(!secrets.matches(wrong));
        }
        assert!(!EdgeSecrets::default().matches(b""));
        assert_eq!(format!("{secrets:?}"), "EdgeSecrets(2 redacted)");
    }
}
