//! Playback tokens: `{kid}.{exp}.{class}.{sid}.{mac}`, a prefix of every media path.
//!
//! They stand in the path (`/p/{token}/s/{session}/{epoch}/…`), so relative URIs inherit them and playlists
//! are the same bytes for all viewers. The edge or the origin checks and strips them.
//!
//! | Field | Spelling |
//! |---|---|
//! | kid | 1 to 8 of `a-z0-9`: which key signed |
//! | exp | seconds since 1970, base 36 |
//! | class | capability letters, ascending: see [`Class`] |
//! | sid | the viewer session, 64 random bits, base 36 |
//! | mac | first 128 bits of HMAC-SHA-256, base64url without padding |
//!
//! The MAC is over `play.{kid}.{exp}.{class}.{sid}.{session}.{epoch}`: session and epoch are bound without
//! being named twice, since they follow in the path. Base 36 is lower case without leading zeros, so a
//! token has one spelling and any other is refused before a key is looked at.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;
use ids::{EpochId, SessionId};
use subtle::ConstantTimeEq;

use crate::{
    digits,
    root::{Prf, Purpose, Root},
};

/// No token is longer, in characters.
pub const TEXT_LEN_MAX: usize = 120;
/// How far the clocks of signer and checker may be apart, in seconds.
pub const CLOCK_SKEW_S: u64 = 60;

const KID_LEN_MAX: usize = 8;
const MAC_BYTES: usize = 16;
const MAC_LEN: usize = 22;

/// One thing a token lets its holder fetch. Its letter is in the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `d`: the playlists since the beginning (`dvr/`).
    Dvr,
    /// `l`: the live window.
    Live,
    /// `p`: an off-air preview, for its owner alone.
    Preview,
    /// `v`: the recording afterwards (`vod/`).
    Vod,
}

impl Class {
    const ALL: [Self; 4] = [Self::Dvr, Self::Live, Self::Preview, Self::Vod];

    const fn letter(self) -> char {
        match self {
            Self::Dvr => 'd',
            Self::Live => 'l',
            Self::Preview => 'p',
            Self::Vod => 'v',
        }
    }
}

/// A set of [`Class`]es, never empty.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Classes(u8);

impl Classes {
    /// A set of one.
    #[must_use]
    pub const fn only(class: Class) -> Self {
        Self(1 << class as u8)
    }

    /// This set and one more.
    #[must_use]
    pub const fn and(self, class: Class) -> Self {
        Self(self.0 | 1 << class as u8)
    }

    /// Is it in the set?
    #[must_use]
    pub const fn has(self, class: Class) -> bool {
        self.0 & 1 << class as u8 != 0
    }

    fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut bits = 0;
        for class in Class::ALL {
            if let Some(after) = rest.strip_prefix(class.letter()) {
                bits |= 1 << class as u8;
                rest = after;
            }
        }
        (rest.is_empty() && bits != 0).then_some(Self(bits))
    }
}

impl fmt::Display for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Class::ALL
            .into_iter()
            .filter(|&class| self.has(class))
            .try_for_each(|class| write!(f, "{}", class.letter()))
    }
}

impl fmt::Debug for Classes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Classes({self})")
    }
}

/// What a token says, once its MAC is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// When it ends, seconds since 1970.
    pub exp_unix_s: u64,
    /// What it opens.
    pub classes: Classes,
    /// The viewer session: random, one for each answer of `POST /sessions/{id}/playback`, the only thing of
    /// a token that may be logged.
    pub sid: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Kid {
    bytes: [u8; KID_LEN_MAX],
    len: u8,
}

impl Kid {
    fn parse(text: &str) -> Option<Self> {
        let known = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if text.is_empty() || text.len() > KID_LEN_MAX || !text.as_bytes().iter().all(known) {
            return None;
        }
        let mut bytes = [0; KID_LEN_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self { bytes, len: u8::try_from(text.len()).expect("at most eight") })
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).expect("letters and digits are ASCII")
    }
}

/// A token in its one spelling; nothing is proved yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token {
    kid: Kid,
    claims: Claims,
    mac: [u8; MAC_BYTES],
}

/// The text is no token, or not in its one spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a playback token")]
pub struct Malformed;

impl Token {
    /// Reads a token as it stands in a path.
    ///
    /// # Errors
    /// For everything that [`Token::expose`] would not have written.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text.len() > TEXT_LEN_MAX {
            return Err(Malformed);
        }
        let mut fields = text.split('.');
        let mut field = || fields.next().ok_or(Malformed);
        let (kid, exp, class, sid, mac) = (field()?, field()?, field()?, field()?, field()?);
        if fields.next().is_some() || mac.len() != MAC_LEN {
            return Err(Malformed);
        }
        let mut bytes = [0; MAC_BYTES];
        // The engine refuses padding, other alphabets and trailing bits that are not zero.
        let written = URL_SAFE_NO_PAD.decode_slice(mac, &mut bytes).map_err(|_| Malformed)?;
        if written != MAC_BYTES {
            return Err(Malformed);
        }
        Ok(Self {
            kid: Kid::parse(kid).ok_or(Malformed)?,
            claims: Claims {
                exp_unix_s: digits::parse_base36(exp).ok_or(Malformed)?,
                classes: Classes::parse(class).ok_or(Malformed)?,
                sid: digits::parse_base36(sid).ok_or(Malformed)?,
            },
            mac: bytes,
        })
    }

    /// The token's text, for the one viewer it is made for. It must not be logged.
    #[must_use]
    pub fn expose(&self) -> String {
        let mut text = String::with_capacity(TEXT_LEN_MAX);
        push_fields(&mut text, self.kid, &self.claims);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(self.mac, &mut text);
        text
    }

    /// What it says of its viewer session, not proved: for a log line about a refusal.
    #[must_use]
    pub const fn unproved_sid(&self) -> u64 {
        self.claims.sid
    }
}

/// Redacted: the viewer session alone.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(sid {:x})", self.claims.sid)
    }
}

/// Why a token does not open this path. Players get 403 for each; the reason is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Signed by a key that is not (or no longer) here.
    #[error("the token names an unknown key")]
    UnknownKey,
    /// Forged, or made for another session or epoch.
    #[error("the token is not for this path")]
    WrongMac,
    /// Its time is over.
    #[error("the token ended {ago_s} s ago")]
    Expired {
        /// Seconds since its end.
        ago_s: u64,
    },
}

/// The keys by which tokens are signed (the newest) and checked (all of them).
#[derive(Clone)]
pub struct Keyring {
    newest: (Kid, Prf),
    older: Vec<(Kid, Prf)>,
}

/// A key cannot be called that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// No kid at all.
    #[error("a keyring needs at least one key")]
    Empty,
    /// Not 1 to 8 of `a-z0-9`.
    #[error("a key is named by 1 to 8 lower-case letters or digits")]
    BadKid,
    /// Two of the same name.
    #[error("two keys have the same name")]
    Doubled,
}

impl Keyring {
    /// Derives the keys of these names, newest first. While a rotation lasts (at least as long as the longest
    /// token) there are two.
    ///
    /// # Errors
    /// When a name is none, there is none, or one stands twice.
    pub fn new<'a>(root: &Root, kids: impl IntoIterator<Item = &'a str>) -> Result<Self, KeyringError> {
        let mut keys: Vec<(Kid, Prf)> = Vec::new();
        for name in kids {
            let kid = Kid::parse(name).ok_or(KeyringError::BadKid)?;
            if keys.iter().any(|(known, _)| *known == kid) {
                return Err(KeyringError::Doubled);
            }
            keys.push((kid, root.derive(Purpose::Playback, name).prf()));
        }
        if keys.is_empty() {
            return Err(KeyringError::Empty);
        }
        let newest = keys.remove(0);
        Ok(Self { newest, older: keys })
    }

    /// Makes a token for one epoch of one session.
    #[must_use]
    pub fn sign(&self, claims: Claims, session: SessionId, epoch: EpochId) -> Token {
        let (kid, prf) = &self.newest;
        Token { kid: *kid, claims, mac: mac(prf, *kid, &claims, session, epoch) }
    }

    /// Does the token open this epoch of this session now?
    ///
    /// # Errors
    /// When it does not; the MAC is compared in constant time and before the end is looked at.
    pub fn verify(
        &self,
        token: &Token,
        session: SessionId,
        epoch: EpochId,
        now_unix_s: u64,
    ) -> Result<Claims, Refusal> {
        let (_, prf) = std::iter::once(&self.newest)
            .chain(&self.older)
            .find(|(kid, _)| *kid == token.kid)
            .ok_or(Refusal::UnknownKey)?;
        let expected = mac(prf, token.kid, &token.claims, session, epoch);
        if !bool::from(expected.ct_eq(&token.mac)) {
            return Err(Refusal::WrongMac);
        }
        let end = token.claims.exp_unix_s.saturating_add(CLOCK_SKEW_S);
        if now_unix_s > end {
            return Err(Refusal::Expired { ago_s: now_unix_s - token.claims.exp_unix_s });
        }
        Ok(token.claims)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids = std::iter::once(&self.newest).chain(&self.older).map(|(kid, _)| kid.as_str());
        f.debug_tuple("Keyring").field(&kids.collect::<Vec<_>>()).finish()
    }
}

fn push_fields(text: &mut String, kid: Kid, claims: &Claims) {
    text.push_str(kid.as_str());
    text.push('.');
    digits::push_base36(text, claims.exp_unix_s);
    text.push('.');
    text.extend(Class::ALL.into_iter().filter(|&class| claims.classes.has(class)).map(Class::letter));
    text.push('.');
    digits::push_base36(text, claims.sid);
}

fn mac(prf: &Prf, kid: Kid, claims: &Claims, session: SessionId, epoch: EpochId) -> [u8; MAC_BYTES] {
    let mut text = String::with_capacity(2 * TEXT_LEN_MAX);
    text.push_str("play.");
    push_fields(&mut text, kid, claims);
    for id in [session.as_uuid(), epoch.as_uuid()] {
        text.push('.');
        text.push_str(id.hyphenated().encode_lower(&mut [0; 36]));
    }
    let mut mac = prf.clone();
    mac.update(text.as_bytes());
    let whole = mac.finalize().into_bytes();
    std::array::from_fn(|at| whole[at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_763_680_000;

    fn root() -> Root {
        Root::new(&[3; 32]).unwrap()
    }

    fn ring(kids: &[&str]) -> Keyring {
        Keyring::new(&root(), kids.iter().copied()).unwrap()
    }

    fn session(n: u8) -> SessionId {
        SessionId::from_parts(1, [n; 10])
    }

    fn epoch(n: u8) -> EpochId {
        EpochId::from_parts(1, [n; 10])
    }

    fn claims() -> Claims {
        Claims { exp_unix_s: NOW + 3600, classes: Classes::only(Class::Live).and(Class::Dvr), sid: u64::MAX }
    }

    #[test]
    fn a_token_reads_back_and_opens_its_epoch_alone() {
        let ring = ring(&["k1"]);
        let text = ring.sign(claims(), session(1), epoch(1)).expose();
        assert!(text.len() <= TEXT_LEN_MAX);
        let token = Token::parse(&text).unwrap();
        assert_eq!(token.expose(), text);
        assert_eq!(ring.verify(&token, session(1), epoch(1), NOW), Ok(claims()));
        assert_eq!(ring.verify(&token, session(2), epoch(1), NOW), Err(Refusal::WrongMac));
        assert_eq!(ring.verify(&token, session(1), epoch(2), NOW), Err(Refusal::WrongMac));
    }

    // An edge checks the same MAC by itself (njs, a CDN function), so its text must not change by accident.
    #[test]
    fn the_spelling_and_the_mac_stay_as_edges_know_them() {
        let text = ring(&["k1"]).sign(claims(), session(1), epoch(2)).expose();
        let (fields, mac) = text.rsplit_once('.').unwrap();
        assert_eq!(fields, "k1.t61uz4.dl.3w5e11264sgsf");
        let mut by_hand = root().derive(Purpose::Playback, "k1").prf();
        by_hand.update(format!("play.{fields}.{}.{}", session(1), epoch(2)).as_bytes());
        assert_eq!(mac, URL_SAFE_NO_PAD.encode(&by_hand.finalize().into_bytes()[..16]));
    }

    #[test]
    fn the_end_is_kept_with_a_minute_of_skew() {
        let ring = ring(&["k1"]);
        let token = ring.sign(claims(), session(1), epoch(1));
        let end = claims().exp_unix_s;
        assert!(ring.verify(&token, session(1), epoch(1), end + 60).is_ok());
        let late = ring.verify(&token, session(1), epoch(1), end + 61);
        assert_eq!(late, Err(Refusal::Expired { ago_s: 61 }));
    }

    #[test]
    fn keys_rotate_without_a_gap() {
        let old = ring(&["a"]).sign(claims(), session(1), epoch(1));
        let during = ring(&["b", "a"]);
        assert!(during.verify(&old, session(1), epoch(1), NOW).is_ok());
        let new = during.sign(claims(), session(1), epoch(1));
        assert!(new.expose().starts_with("b."));
        assert_eq!(ring(&["b"]).verify(&old, session(1), epoch(1), NOW), Err(Refusal::UnknownKey));
        assert_eq!(Keyring::new(&root(), []).err(), Some(KeyringError::Empty));
        assert_eq!(Keyring::new(&root(), ["K"]).err(), Some(KeyringError::BadKid));
        assert_eq!(Keyring::new(&root(), ["k", "k"]).err(), Some(KeyringError::Doubled));
    }

    #[test]
    fn a_token_has_one_spelling() {
        let text = ring(&["k1"]).sign(claims(), session(1), epoch(1)).expose();
        let fields: Vec<&str> = text.split('.').collect();
        let with = |at: usize, other: &str| {
            let mut fields = fields.clone();
            fields[at] = other;
            fields.join(".")
        };
        let mac = fields[4];
        let cases = [
            String::new(),
            text.to_uppercase(),
            format!("{text}."),
            format!(".{text}"),
            format!("{text}="),
            format!("{text}=="),
            format!(" {text}"),
            text.replace('.', "%2e"),
            text[..text.len() - 1].to_owned(),
            with(0, ""),
            with(0, "K1"),
            with(0, "toolongkid"),
            with(1, &format!("0{}", fields[1])),
            with(1, &fields[1].to_uppercase()),
            with(1, "-1"),
            with(1, "+1"),
            with(1, "zzzzzzzzzzzzz"),
            with(2, ""),
            with(2, "ld"),
            with(2, "dd"),
            with(2, "dlx"),
            with(3, ""),
            with(3, "00"),
            with(3, "3w5e11264sgsg"),
            with(4, &mac.replace(|_: char| true, "+")),
            with(4, &format!("{}B", &"A".repeat(21))),
            with(4, &format!("{mac}A")),
            "k".repeat(121),
        ];
        for case in cases {
            assert_eq!(Token::parse(&case), Err(Malformed), "{case}");
        }
    }

    #[test]
    fn nothing_of_a_token_is_printed_but_its_viewer_session() {
        let token = ring(&["k1"]).sign(Claims { sid: 0xabc, ..claims() }, session(1), epoch(1));
        assert_eq!(format!("{token:?} {:?}", ring(&["k1"])), "Token(sid abc) Keyring([\"k1\"])");
    }

    fn any_claims() -> impl Strategy<Value = Claims> {
        (any::<u64>(), 1u8..16, any::<u64>()).prop_map(|(exp_unix_s, bits, sid)| Claims {
            exp_unix_s,
            classes: Classes(bits),
            sid,
        })
    }

    proptest! {
        #[test]
        fn what_is_signed_is_verified(claims in any_claims(), s: u8, e: u8) {
            let ring = ring(&["newest", "older"]);
            let text = ring.sign(claims, session(s), epoch(e)).expose();
            prop_assert!(text.len() <= TEXT_LEN_MAX);
            let token = Token::parse(&text).unwrap();
            prop_assert_eq!(ring.verify(&token, session(s), epoch(e), claims.exp_unix_s), Ok(claims));
        }

        #[test]
        fn one_changed_character_opens_nothing(claims in any_claims(), at in 0usize..120, with in "[ -~]") {
            let ring = ring(&["newest", "older"]);
            let mut text = ring.sign(claims, session(1), epoch(1)).expose();
            let at = at % text.len();
            prop_assume!(text[at..=at] != with);
            text.replace_range(at..=at, &with);
            if let Ok(token) = Token::parse(&text) {
                prop_assert!(ring.verify(&token, session(1), epoch(1), 0).is_err());
            }
        }

        #[test]
        fn what_parses_is_what_we_would_write(text in "[a-z0-9]{1,3}\\.[a-z0-9]{1,3}\\.[dlpv]{1,4}\\.[a-z0-9]{1,3}\\.[A-Za-z0-9_-]{22}") {
            if let Ok(token) = Token::parse(&text) {
                prop_assert_eq!(token.expose(), text);
            }
        }

        #[test]
        fn nothing_a_peer_sends_panics(text in "\\PC{0,130}") {
            let _ = Token::parse(&text);
        }
    }
}
