//! Stream keys: `lk_{8 letters of id}_{32 of secret}{6 of checksum}`, all base 62.
//!
//! The prefix lets leak scanners find them, the checksum tells a mistyped key from a wrong one without a
//! look-up, and the id finds the row. The secret (190 bits) is stored as an HMAC; it is shown once.

use std::{fmt, str::FromStr};

use hmac::Mac;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    digits,
    root::{Prf, Purpose, Root},
};

const PREFIX: &str = "lk_";
const ID_LEN: usize = 8;
const SECRET_LEN: usize = 32;
const CHECKSUM_LEN: usize = 6;

/// The length of a whole key's text.
pub const TEXT_LEN: usize = PREFIX.len() + ID_LEN + 1 + SECRET_LEN + CHECKSUM_LEN;
/// How many random bytes a new key is made from.
pub const RANDOM_BYTES: usize = 48;

/// The public half of a key: finds its row, may be logged and shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicId([u8; ID_LEN]);

impl PublicId {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base 62 digits are ASCII")
    }
}

impl FromStr for PublicId {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let id: [u8; ID_LEN] = text.as_bytes().try_into().map_err(|_| Malformed::Length)?;
        if digits::is_base62(&id) { Ok(Self(id)) } else { Err(Malformed::Alphabet) }
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicId({})", self.as_str())
    }
}

/// A stream key whose checksum is right. Whether it is *valid* only [`Pepper::verify`] says.
#[derive(Clone)]
pub struct StreamKey {
    id: PublicId,
    secret: Zeroizing<[u8; SECRET_LEN]>,
}

/// Why a text is no stream key. It never says what the text was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not the length of a key.
    #[error("a stream key has {TEXT_LEN} characters")]
    Length,
    /// Not `lk_…_…`.
    #[error("a stream key begins with lk_, eight characters and an underscore")]
    Shape,
    /// A character that no key has.
    #[error("a stream key holds letters and digits alone")]
    Alphabet,
    /// Mistyped or cut.
    #[error("the stream key is mistyped or cut: its checksum is wrong")]
    Checksum,
}

impl StreamKey {
    /// Makes a key from random bytes of a cryptographic generator.
    #[must_use]
    pub fn generate(random: &[u8; RANDOM_BYTES]) -> Self {
        let mut random = Zeroizing::new(*random);
        let (id, secret) = random.split_at_mut(RANDOM_BYTES - 32);
        Self { id: PublicId(digits::base62(id)), secret: Zeroizing::new(digits::base62(secret)) }
    }

    /// Reads a key as a publisher sends it.
    ///
    /// # Errors
    /// When it is no key at all or mistyped. Costs nothing like a look-up.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() != TEXT_LEN {
            return Err(Malformed::Length);
        }
        let rest = text.as_bytes().strip_prefix(PREFIX.as_bytes()).ok_or(Malformed::Shape)?;
        let (id, rest) = rest.split_first_chunk().ok_or(Malformed::Length)?;
        let rest = rest.strip_prefix(b"_").ok_or(Malformed::Shape)?;
        let (secret, checksum) = rest.split_first_chunk().ok_or(Malformed::Length)?;
        if ![&id[..], &secret[..], checksum].into_iter().all(digits::is_base62) {
            return Err(Malformed::Alphabet);
        }
        let key = Self { id: PublicId(*id), secret: Zeroizing::new(*secret) };
        if key.checksum().ct_eq(checksum).into() { Ok(key) } else { Err(Malformed::Checksum) }
    }

    /// The public half.
    #[must_use]
    pub fn id(&self) -> PublicId {
        self.id
    }

    /// The whole text, to be shown once to the one it belongs to.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(TEXT_LEN));
        text.push_str(PREFIX);
        text.push_str(self.id.as_str());
        text.push('_');
        text.extend(self.secret.iter().chain(&self.checksum()).map(|&digit| char::from(digit)));
        text
    }

    fn checksum(&self) -> [u8; CHECKSUM_LEN] {
        let mut crc = crc32fast::Hasher::new();
        crc.update(PREFIX.as_bytes());
        crc.update(&self.id.0);
        crc.update(b"_");
        crc.update(&*self.secret);
        digits::base62(&mut crc.finalize().to_be_bytes())
    }
}

/// Redacted: `lk_{id}_…`, as a page shows a key that it may not show.
impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&masked(self.id))
    }
}

impl fmt::Debug for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamKey({self})")
    }
}

/// How a key is shown where its secret is not known (any more).
#[must_use]
pub fn masked(id: PublicId) -> String {
    format!("{PREFIX}{id}_…")
}

/// What is stored of a key's secret.
pub type Digest = [u8; 32];

/// The secret without which stored digests say nothing.
#[derive(Clone)]
pub struct Pepper(Prf);

impl Pepper {
    /// The pepper of this installation.
    #[must_use]
    pub fn new(root: &Root) -> Self {
        Self(root.derive(Purpose::StreamKey, "").prf())
    }

    /// What to store of a key.
    #[must_use]
    pub fn digest(&self, key: &StreamKey) -> Digest {
        let mut mac = self.0.clone();
        mac.update(&key.id.0);
        mac.update(&*key.secret);
        mac.finalize().into_bytes().into()
    }

    /// Is this the key of which `stored` was kept? In constant time; `None` (no such id) costs the same and
    /// is false.
    #[must_use]
    pub fn verify(&self, key: &StreamKey, stored: Option<&Digest>) -> bool {
        let equal = self.digest(key).ct_eq(stored.unwrap_or(&[0; 32]));
        bool::from(equal) && stored.is_some()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pepper() -> Pepper {
        Pepper::new(&Root::new(&[1; 32]).unwrap())
    }

    fn key() -> StreamKey {
        StreamKey::generate(&std::array::from_fn(|at| u8::try_from(at * 5).unwrap()))
    }

    #[test]
    fn a_key_looks_like_one() {
        let text = key().expose();
        assert_eq!(text.len(), 50);
        assert!(text.starts_with(&format!("lk_{}_", key().id())));
        assert_eq!(*StreamKey::parse(&text).unwrap().expose(), *text);
    }

    #[test]
    fn the_secret_is_never_printed() {
        let text = key().expose();
        let secret = &text[12..];
        let shown = format!("{} {:?} {:?} {}", key(), key(), pepper(), masked(key().id()));
        assert!(!shown.contains(secret) && !shown.contains(&secret[..8]));
        assert!(shown.contains(key().id().as_str()));
    }

    #[test]
    fn texts_that_are_no_key_say_what_is_wrong() {
        let text = key().expose();
        let cases = [
            ("", Malformed::Length),
            ("stream", Malformed::Length),
            (&text[..49], Malformed::Length),
            (&text.replacen("lk_", "lk-", 1), Malformed::Shape),
            (&format!("{}-{}", &text[..11], &text[12..]), Malformed::Shape),
            (&format!("{}+{}", &text[..20], &text[21..]), Malformed::Alphabet),
            (&format!("{}é{}", &text[..20], &text[22..]), Malformed::Alphabet),
        ];
        for (given, expected) in cases {
            assert_eq!(StreamKey::parse(given).err(), Some(expected), "{given}");
        }
    }

    #[test]
    fn only_the_right_secret_verifies_and_an_unknown_id_never_does() {
        let stored = pepper().digest(&key());
        let other = StreamKey { id: key().id(), secret: Zeroizing::new([b'x'; SECRET_LEN]) };
        assert!(pepper().verify(&key(), Some(&stored)));
        assert!(!pepper().verify(&other, Some(&stored)));
        assert!(!pepper().verify(&key(), None));
        let elsewhere = Pepper::new(&Root::new(&[2; 32]).unwrap());
        assert!(!elsewhere.verify(&key(), Some(&stored)));
    }

    proptest! {
        #[test]
        fn every_generated_key_reads_back(random in prop::collection::vec(any::<u8>(), RANDOM_BYTES)) {
            let key = StreamKey::generate(&random.try_into().unwrap());
            let read = StreamKey::parse(&key.expose()).unwrap();
            prop_assert_eq!(read.id(), key.id());
            prop_assert!(pepper().verify(&read, Some(&pepper().digest(&key))));
        }

        #[test]
        fn one_mistyped_character_is_noticed(at in 0..TEXT_LEN, with in "[ -~]") {
            let mut text = key().expose().to_string();
            prop_assume!(text[at..=at] != with);
            text.replace_range(at..=at, &with);
            prop_assert!(StreamKey::parse(&text).is_err());
        }

        #[test]
        fn nothing_a_peer_sends_panics(text in "\\PC{0,60}") {
            let _ = StreamKey::parse(&text);
        }
    }
}
