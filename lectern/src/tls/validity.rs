//! From when until when a certificate is valid: the one field of X.509 that an operator must hear about.

use std::fmt;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, NaiveDateTime, Utc};

mod tag {
    pub(super) const INTEGER: u8 = 0x02;
    pub(super) const UTC_TIME: u8 = 0x17;
    pub(super) const GENERALIZED_TIME: u8 = 0x18;
    pub(super) const SEQUENCE: u8 = 0x30;
    /// `[0] EXPLICIT Version`.
    pub(super) const VERSION: u8 = 0xa0;
}

const DAY_S: i64 = 24 * 3600;

/// RFC 5280, 4.1.2.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    /// Seconds since 1970.
    pub(crate) not_before_s: i64,
    /// Seconds since 1970.
    pub(crate) not_after_s: i64,
}

impl Validity {
    /// Reads it from a certificate in DER.
    ///
    /// # Errors
    /// When the bytes are no X.509 certificate.
    pub(crate) fn of(certificate: &[u8]) -> Result<Self> {
        Self::find(certificate).context("is no X.509 certificate")
    }

    /// Whole days from `now_s` to its end; negative afterwards.
    pub(crate) fn days_left(self, now_s: u64) -> i64 {
        (self.not_after_s - seconds(now_s)).div_euclid(DAY_S)
    }

    /// Is it good at this moment?
    pub(crate) fn holds(self, now_s: u64) -> bool {
        (self.not_before_s..=self.not_after_s).contains(&seconds(now_s))
    }

    fn find(certificate: &[u8]) -> Result<Self> {
        let mut outer = certificate;
        let mut whole = element(&mut outer, tag::SEQUENCE)?;
        let mut fields = element(&mut whole, tag::SEQUENCE)?;
        if fields.first() == Some(&tag::VERSION) {
            element(&mut fields, tag::VERSION)?;
        }
        // Serial number, signature algorithm, issuer.
        for tag in [tag::INTEGER, tag::SEQUENCE, tag::SEQUENCE] {
            element(&mut fields, tag)?;
        }
        let mut times = element(&mut fields, tag::SEQUENCE)?;
        Ok(Self { not_before_s: time(&mut times)?, not_after_s: time(&mut times)? })
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = |s| DateTime::<Utc>::from_timestamp(s, 0).map(|time| time.format("%Y-%m-%d %H:%M UTC"));
        match (date(self.not_before_s), date(self.not_after_s)) {
            (Some(from), Some(until)) => write!(f, "from {from} until {until}"),
            _ => f.write_str("for ever"),
        }
    }
}

fn seconds(unsigned: u64) -> i64 {
    i64::try_from(unsigned).unwrap_or(i64::MAX)
}

/// Takes an element of this type from the front; answers what is in it.
fn element<'a>(from: &mut &'a [u8], tag: u8) -> Result<&'a [u8]> {
    let (found, rest) = from.split_first().context("ends early")?;
    ensure!(*found == tag, "type {found:#04x} where {tag:#04x} belongs");
    let (first, rest) = rest.split_first().context("ends early")?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        // Certificates are shorter than 16 MiB.
        long @ 0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(long & 0x7f)).context("ends early")?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => anyhow::bail!("a length that no certificate has"),
    };
    let (inside, rest) = rest.split_at_checked(length).context("ends early")?;
    *from = rest;
    Ok(inside)
}

/// RFC 5280: `YYMMDDHHMMSSZ` up to 2049, `YYYYMMDDHHMMSSZ` from 2050 on.
fn time(from: &mut &[u8]) -> Result<i64> {
    let short = from.first() == Some(&tag::UTC_TIME);
    let text = element(from, if short { tag::UTC_TIME } else { tag::GENERALIZED_TIME })?;
    let text = std::str::from_utf8(text)?;
    let text = match text.get(..2).filter(|_| short) {
        Some(year) if year < "50" => format!("20{text}"),
        Some(_) => format!("19{text}"),
        None => text.to_owned(),
    };
    Ok(NaiveDateTime::parse_from_str(&text, "%Y%m%d%H%M%SZ")?.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(from: i32, until: i32) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["live.school.example".to_owned()]).expect("a name");
        (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().to_vec()
    }

    #[test]
    fn the_dates_are_found_in_either_form_of_time() {
        let near = Validity::of(&certificate(2026, 2027)).expect("read");
        assert_eq!(near.to_string(), "from 2026-01-01 00:00 UTC until 2027-01-01 00:00 UTC");
        let far = Validity::of(&certificate(1999, 2061)).expect("read");
        assert_eq!(far.to_string(), "from 1999-01-01 00:00 UTC until 2061-01-01 00:00 UTC");
    }

    #[test]
    fn days_are_counted_down_and_below_nothing() {
        let validity = Validity { not_before_s: 0, not_after_s: 10 * DAY_S };
        assert_eq!((validity.days_left(0), validity.holds(0)), (10, true));
        assert_eq!(validity.days_left(9 * 86_400 + 1), 0);
        assert_eq!((validity.days_left(10 * 86_400 + 1), validity.holds(10 * 86_400 + 1)), (-1, false));
    }

    #[test]
    fn what_is_no_certificate_is_refused_wherever_it_is_cut_or_damaged() {
        let whole = certificate(2026, 2027);
        for end in 0..whole.len().min(200) {
            assert!(Validity::of(&whole[..end]).is_err(), "cut after {end} bytes");
        }
        for at in 0..150 {
            let mut damaged = whole.clone();
            damaged[at] ^= 0xff;
            // Whatever it says, it says it without a panic.
            let _ = Validity::of(&damaged);
        }
    }
}
