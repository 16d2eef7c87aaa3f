//! Delivery directives (rfc8216bis 6.2.5): the `_HLS_` parameters of a media playlist's query.

use hls::playlist::Skip;

/// What a player asked of a media playlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directives {
    /// `_HLS_msn`, and `_HLS_part` within it: do not answer before this is there.
    pub until: Option<(u64, Option<u64>)>,
    /// `_HLS_skip`.
    pub skip: Skip,
}

/// A directive that makes no sense: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// Not a number, or not a known value.
    #[error("{0} has no such value")]
    Value(&'static str),
    /// Stands twice.
    #[error("{0} stands twice")]
    Twice(&'static str),
    /// 6.2.5.2: "If the client specifies _HLS_part without _HLS_msn, the Server MUST return 400".
    #[error("_HLS_part needs _HLS_msn")]
    PartAlone,
}

const MSN: &str = "_HLS_msn";
const PART: &str = "_HLS_part";
const SKIP: &str = "_HLS_skip";

/// Reads the query of a media playlist's request. Other parameters change nothing.
///
/// # Errors
/// When a directive is doubled or makes no sense.
pub fn parse(query: Option<&str>) -> Result<Directives, Bad> {
    let (mut msn, mut part, mut skip) = (None, None, None);
    for pair in query.unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            MSN => set(&mut msn, MSN, number(MSN, value)?)?,
            PART => set(&mut part, PART, number(PART, value)?)?,
            // v2 may leave out EXT-X-DATERANGE too; there are none here.
            SKIP if matches!(value, "YES" | "v2") => set(&mut skip, SKIP, Skip::Yes)?,
            SKIP => return Err(Bad::Value(SKIP)),
            _ => {}
        }
    }
    let until = match (msn, part) {
        (Some(msn), part) => Some((msn, part)),
        (None, Some(_)) => return Err(Bad::PartAlone),
        (None, None) => None,
    };
    Ok(Directives { until, skip: skip.unwrap_or(Skip::No) })
}

fn set<T>(place: &mut Option<T>, name: &'static str, value: T) -> Result<(), Bad> {
    match place.replace(value) {
        Some(_) => Err(Bad::Twice(name)),
        None => Ok(()),
    }
}

/// A decimal-integer (4.2): one to twenty digits up to 2^64-1.
fn number(name: &'static str, value: &str) -> Result<u64, Bad> {
    let digits = (1..=20).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| digits).ok_or(Bad::Value(name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Until = Option<(u64, Option<u64>)>;

    fn check(query: &str, expected: Result<(Until, Skip), Bad>) {
        let got = parse(Some(query)).map(|directives| (directives.until, directives.skip));
        assert_eq!(got, expected, "{query}");
    }

    #[test]
    fn directives_are_read_in_any_order_and_others_are_ignored() {
        check("", Ok((None, Skip::No)));
        check("&&", Ok((None, Skip::No)));
        check("_HLS_msn=7", Ok((Some((7, None)), Skip::No)));
        check("_HLS_msn=7&_HLS_part=3&_HLS_skip=YES", Ok((Some((7, Some(3))), Skip::Yes)));
        check("x=1&_HLS_skip=v2&_HLS_part=0&t&_HLS_msn=0&_HLS_push=1", Ok((Some((0, Some(0))), Skip::Yes)));
        check("_hls_msn=x&%5FHLS_msn=x", Ok((None, Skip::No)));
        check("_HLS_msn=18446744073709551615", Ok((Some((u64::MAX, None)), Skip::No)));
        assert_eq!(parse(None).map(|directives| directives.until), Ok(None));
    }

    #[test]
    fn what_makes_no_sense_is_a_bad_request() {
        check("_HLS_part=1", Err(Bad::PartAlone));
        check("_HLS_msn=1&_HLS_msn=1", Err(Bad::Twice(MSN)));
        check("_HLS_msn=1&_HLS_part=1&_HLS_part=2", Err(Bad::Twice(PART)));
        check("_HLS_skip=YES&_HLS_skip=v2", Err(Bad::Twice(SKIP)));
        for value in
            ["", "-1", "+1", "1.0", "0x1", "18446744073709551616", "000000000000000000001", "%31", "١"]
        {
            check(&format!("_HLS_msn={value}"), Err(Bad::Value(MSN)));
        }
        check("_HLS_msn", Err(Bad::Value(MSN)));
        check("_HLS_skip=no", Err(Bad::Value(SKIP)));
        check("_HLS_skip=yes", Err(Bad::Value(SKIP)));
    }

    proptest! {
        #[test]
        fn nothing_a_peer_sends_panics(query in "(_HLS_(msn|part|skip)=|&|\\PC){0,20}") {
            let _ = parse(Some(&query));
        }
    }
}
