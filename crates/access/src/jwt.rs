//! JSON web tokens (RFC 7519) of people who are logged in: HS256, one header, one issuer, one audience.
//!
//! The header is compared as bytes with the only one we write, so no algorithm, key id or URL in it is ever
//! looked at (RFC 8725 section 3.1). The key is derived for the `typ`, so a token of another kind fails at
//! its MAC before its claims are read (section 3.11).

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;
use ids::UserId;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::root::{Prf, Purpose, Root};

/// How far the clocks of signer and checker may be apart, in seconds.
pub const CLOCK_SKEW_S: u64 = 60;
/// No token is longer, in bytes.
pub const TEXT_LEN_MAX: usize = 2048;

// {"typ":"JWT","alg":"HS256"}
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9";

/// The `typ` of the tokens that open the API.
pub const TYP_ACCESS: &str = "access";

/// What a person may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Enrols and watches.
    Student,
    /// Teaches.
    #[serde(alias = "teacher")]
    Instructor,
    /// Runs the installation.
    #[serde(alias = "staff")]
    Admin,
}

/// Who is logged in, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who.
    pub user_id: UserId,
    /// His address.
    pub email: String,
    /// His role when the token was made; dangerous acts read it again.
    pub role: Role,
    /// When it ends, seconds since 1970.
    pub exp: u64,
    /// When it was made, seconds since 1970.
    pub iat: u64,
    /// The token's own id, random.
    pub jti: String,
}

/// What stands in the token: the claims and for whom they are.
#[derive(Serialize, Deserialize)]
struct Wire {
    user_id: UserId,
    email: String,
    role: Role,
    exp: u64,
    iat: u64,
    iss: String,
    aud: String,
    jti: String,
    typ: String,
}

/// Why a token proves nothing. All of them are 401 to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not three parts of base64url, too long, or claims that are not ours.
    #[error("not an access token")]
    Malformed,
    /// Another header than the one we write: another algorithm, type or key.
    #[error("the token's header is not ours")]
    ForeignHeader,
    /// Not signed by us for this purpose.
    #[error("the token's signature is wrong")]
    WrongMac,
    /// For another issuer, audience or kind.
    #[error("the token is meant for something else")]
    WrongAudience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It says it was made in the future.
    #[error("the token is not valid yet")]
    NotYet,
}

/// Signs and checks tokens of one kind.
#[derive(Clone)]
pub struct Authority {
    prf: Prf,
    typ: &'static str,
    issuer: String,
    audience: String,
}

impl Authority {
    /// For tokens of kind `typ` ([`TYP_ACCESS`]) made by `issuer` (the public URL) for `audience`.
    #[must_use]
    pub fn new(root: &Root, typ: &'static str, issuer: &str, audience: &str) -> Self {
        let prf = root.derive(Purpose::Jwt(typ), "").prf();
        Self { prf, typ, issuer: issuer.to_owned(), audience: audience.to_owned() }
    }

    /// Makes a token.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let wire = Wire {
            user_id: claims.user_id,
            email: claims.email.clone(),
            role: claims.role,
            exp: claims.exp,
            iat: claims.iat,
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            jti: claims.jti.clone(),
            typ: self.typ.to_owned(),
        };
        let body = serde_json::to_vec(&wire).expect("strings and numbers are JSON");
        let mut text = String::from(HEADER);
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(body, &mut text);
        let mac = self.mac(text.as_bytes());
        text.push('.');
        URL_SAFE_NO_PAD.encode_string(mac, &mut text);
        text
    }

    /// Whom does the token prove, now?
    ///
    /// # Errors
    /// When it proves nobody.
    pub fn verify(&self, text: &str, now_unix_s: u64) -> Result<Claims, Refusal> {
        if text.len() > TEXT_LEN_MAX {
            return Err(Refusal::Malformed);
        }
        let (signed, mac) = text.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, body) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        if header != HEADER {
            return Err(Refusal::ForeignHeader);
        }
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| Refusal::Malformed)?;
        if !bool::from(self.mac(signed.as_bytes()).as_slice().ct_eq(&mac)) {
            return Err(Refusal::WrongMac);
        }
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| Refusal::Malformed)?;
        let wire: Wire = serde_json::from_slice(&body).map_err(|_| Refusal::Malformed)?;
        if wire.typ != self.typ || wire.iss != self.issuer || wire.aud != self.audience {
            return Err(Refusal::WrongAudience);
        }
        if now_unix_s > wire.exp.saturating_add(CLOCK_SKEW_S) {
            return Err(Refusal::Expired);
        }
        if wire.iat > now_unix_s.saturating_add(CLOCK_SKEW_S) {
            return Err(Refusal::NotYet);
        }
        let Wire { user_id, email, role, exp, iat, jti, iss: _, aud: _, typ: _ } = wire;
        Ok(Claims { user_id, email, role, exp, iat, jti })
    }

    fn mac(&self, signed: &[u8]) -> [u8; 32] {
        let mut mac = self.prf.clone();
        mac.update(signed);
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({} of {} for {})", self.typ, self.issuer, self.audience)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_763_680_000;

    fn authority_of(typ: &'static str, issuer: &str, audience: &str) -> Authority {
        Authority::new(&Root::new(&[9; 32]).unwrap(), typ, issuer, audience)
    }

    fn authority() -> Authority {
        authority_of(TYP_ACCESS, "https://school.example", "api")
    }

    fn claims() -> Claims {
        Claims {
            user_id: UserId::from_parts(1, [1; 10]),
            email: "a@school.example".into(),
            role: Role::Instructor,
            exp: NOW + 600,
            iat: NOW,
            jti: "jti".into(),
        }
    }

    fn forge(authority: &Authority, header: &str, body: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(body));
        let mac = URL_SAFE_NO_PAD.encode(authority.mac(signed.as_bytes()));
        format!("{signed}.{mac}")
    }

    #[test]
    fn a_token_proves_whom_it_was_made_for() {
        let text = authority().sign(&claims());
        assert_eq!(authority().verify(&text, NOW), Ok(claims()));
        let header = URL_SAFE_NO_PAD.decode(text.split('.').next().unwrap()).unwrap();
        assert_eq!(header, br#"{"typ":"JWT","alg":"HS256"}"#);
    }

    #[test]
    fn its_time_is_kept_with_a_minute_of_skew() {
        let text = authority().sign(&claims());
        assert!(authority().verify(&text, NOW + 660).is_ok());
        assert_eq!(authority().verify(&text, NOW + 661), Err(Refusal::Expired));
        assert!(authority().verify(&text, NOW - 60).is_ok());
        assert_eq!(authority().verify(&text, NOW - 61), Err(Refusal::NotYet));
    }

    #[test]
    fn other_headers_are_refused_even_when_signed_with_our_key() {
        let body = authority().sign(&claims());
        let body = URL_SAFE_NO_PAD.decode(body.split('.').nth(1).unwrap()).unwrap();
        let body = std::str::from_utf8(&body).unwrap();
        for header in [
            r#"{"typ":"JWT","alg":"none"}"#,
            r#"{"typ":"JWT","alg":"None"}"#,
            r#"{"typ":"JWT","alg":"HS512"}"#,
            r#"{"typ":"JWT","alg":"RS256"}"#,
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"typ":"JWT","alg":"HS256","kid":"../../dev/null"}"#,
            r#"{"typ":"JWT","alg":"HS256","jku":"https://evil.example/k"}"#,
            r#"{"typ":"JWT","alg":"HS256","jwk":{"kty":"oct","k":""}}"#,
            r#"{"typ":"at+jwt","alg":"HS256"}"#,
            "",
        ] {
            let text = forge(&authority(), header, body);
            assert_eq!(authority().verify(&text, NOW), Err(Refusal::ForeignHeader), "{header}");
        }
        assert!(
            authority().verify(&forge(&authority(), r#"{"typ":"JWT","alg":"HS256"}"#, body), NOW).is_ok()
        );
    }

    #[test]
    fn another_kind_issuer_or_audience_is_refused() {
        let text = authority().sign(&claims());
        let cases = [
            (authority_of("ticket", "https://school.example", "api"), Refusal::WrongMac),
            (authority_of(TYP_ACCESS, "https://other.example", "api"), Refusal::WrongAudience),
            (authority_of(TYP_ACCESS, "https://school.example", "chat"), Refusal::WrongAudience),
            (
                Authority::new(&Root::new(&[8; 32]).unwrap(), TYP_ACCESS, "https://school.example", "api"),
                Refusal::WrongMac,
            ),
        ];
        for (authority, expected) in cases {
            assert_eq!(authority.verify(&text, NOW), Err(expected), "{authority:?}");
        }
    }

    #[test]
    fn texts_that_are_no_token_are_refused() {
        let text = authority().sign(&claims());
        let (signed, _) = text.rsplit_once('.').unwrap();
        for (case, expected) in [
            (String::new(), Refusal::Malformed),
            ("..".into(), Refusal::ForeignHeader),
            (signed.to_owned(), Refusal::ForeignHeader),
            (format!("{signed}."), Refusal::WrongMac),
            (format!("{text}="), Refusal::Malformed),
            (format!("{text}.{HEADER}"), Refusal::WrongMac),
            ("x".repeat(TEXT_LEN_MAX + 1), Refusal::Malformed),
            (forge(&authority(), r#"{"typ":"JWT","alg":"HS256"}"#, "{}"), Refusal::Malformed),
        ] {
            let got = authority().verify(&case, NOW);
            assert!(got.is_err(), "{case}");
            if case != signed {
                assert_eq!(got, Err(expected), "{case}");
            }
        }
    }

    proptest! {
        #[test]
        fn one_changed_character_proves_nobody(at: usize, with in "[ -~]") {
            let mut text = authority().sign(&claims());
            let at = at % text.len();
            prop_assume!(text[at..=at] != with);
            text.replace_range(at..=at, &with);
            prop_assert!(authority().verify(&text, NOW).is_err());
        }

        #[test]
        fn nothing_a_peer_sends_panics(text in "\\PC{0,200}") {
            prop_assert!(authority().verify(&text, NOW).is_err());
        }
    }
}
