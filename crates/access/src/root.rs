//! The root secret and the keys that are derived from it: one key for one purpose, never shared.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A MAC with its key already taken in.
pub(crate) type Prf = Hmac<Sha256>;

/// The shortest root secret that is accepted, in bytes.
pub const ROOT_BYTES_MIN: usize = 32;

/// What a derived key is for. Two purposes never have the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Playback tokens.
    Playback,
    /// The pepper of stored stream keys.
    StreamKey,
    /// JSON web tokens of one `typ`.
    Jwt(&'static str),
    /// Anything else a room signs for itself; the label is its own.
    Other(&'static str),
}

impl Purpose {
    fn label(self) -> (&'static str, &'static str) {
        match self {
            Self::Playback => ("play", ""),
            Self::StreamKey => ("stream-key", ""),
            Self::Jwt(typ) => ("jwt", typ),
            Self::Other(label) => ("other", label),
        }
    }
}

/// The root secret. It lives in a file or a key service, never in the database, a log or an answer.
#[derive(Clone)]
pub struct Root(Prf);

/// The root secret is too short to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret key has {bytes} bytes; it needs at least {ROOT_BYTES_MIN} random ones")]
pub struct TooShort {
    /// How many bytes were given.
    pub bytes: usize,
}

impl Root {
    /// Takes over the root secret.
    ///
    /// # Errors
    /// When it is shorter than [`ROOT_BYTES_MIN`].
    pub fn new(secret: &[u8]) -> Result<Self, TooShort> {
        if secret.len() < ROOT_BYTES_MIN {
            return Err(TooShort { bytes: secret.len() });
        }
        Ok(Self(prf(secret)))
    }

    /// The key for a purpose. `kid` names one of several generations of it (empty where there is one).
    #[must_use]
    pub fn derive(&self, purpose: Purpose, kid: &str) -> Key {
        let (label, detail) = purpose.label();
        let mut mac = self.0.clone();
        for text in [label, detail, kid] {
            // Lengths first, so that no two triples run together into the same bytes.
            mac.update(&u64::try_from(text.len()).expect("a label is short").to_be_bytes());
            mac.update(text.as_bytes());
        }
        Key(Zeroizing::new(mac.finalize().into_bytes().into()))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root(redacted)")
    }
}

/// A derived key.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// The key's bytes, for an edge that checks tokens by itself or a cipher of the caller's.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn prf(&self) -> Prf {
        prf(&*self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

fn prf(key: &[u8]) -> Prf {
    Prf::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Root {
        Root::new(&[7; 32]).unwrap()
    }

    #[test]
    fn no_two_purposes_share_a_key() {
        let keys = [
            root().derive(Purpose::Playback, "a"),
            root().derive(Purpose::Playback, "b"),
            root().derive(Purpose::Playback, ""),
            root().derive(Purpose::StreamKey, "a"),
            root().derive(Purpose::Jwt("a"), ""),
            root().derive(Purpose::Jwt(""), "a"),
            root().derive(Purpose::Other("play"), "a"),
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(keys[at + 1..].iter().all(|other| other.expose() != key.expose()));
        }
        assert_eq!(root().derive(Purpose::Playback, "a").expose(), keys[0].expose());
    }

    #[test]
    fn a_short_secret_is_refused_and_none_is_printed() {
        assert_eq!(Root::new(&[1; 31]).err(), Some(TooShort { bytes: 31 }));
        assert_eq!(
            format!("{:?} {:?}", root(), root().derive(Purpose::StreamKey, "")),
            "Root(redacted) Key(redacted)"
        );
    }
}
