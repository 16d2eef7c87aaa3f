//! A stream key on its way to the one who judges it; never on its way to a log.

use std::fmt;

/// The text that a publisher sent as his stream key. Not yet checked in any way.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

impl SecretKey {
    /// Takes over the text of a key.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the check alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_printed() {
        let key = SecretKey::new("lk_abc_secret".to_owned());
        assert!(!format!("{key:?}").contains("secret"));
        assert_eq!(key.expose(), "lk_abc_secret");
    }
}
