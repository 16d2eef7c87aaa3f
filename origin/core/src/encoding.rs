//! Which content coding a player accepts (RFC 9110 12.5.3).

/// How a playlist is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// gzip.
    Gzip,
}

/// Chooses gzip wherever the header allows it.
#[must_use]
pub fn accepted(header: Option<&str>) -> Encoding {
    let (mut gzip, mut any) = (None, None);
    for one in header.unwrap_or_default().split(',') {
        let (coding, parameters) = one.split_once(';').unwrap_or((one, ""));
        let coding = coding.trim();
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            gzip = Some(is_wanted(parameters));
        } else if coding == "*" {
            any = Some(is_wanted(parameters));
        }
    }
    if gzip.or(any).unwrap_or(false) { Encoding::Gzip } else { Encoding::Identity }
}

/// `q=0` means "not acceptable"; everything else is a wish of some strength.
fn is_wanted(parameters: &str) -> bool {
    parameters.split(';').filter_map(|one| one.split_once('=')).all(|(name, value)| {
        let zero = value.trim().bytes().all(|byte| matches!(byte, b'0' | b'.'));
        !(name.trim().eq_ignore_ascii_case("q") && zero)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_chosen_where_it_is_accepted() {
        for (header, expected) in [
            ("gzip", Encoding::Gzip),
            ("gzip, deflate, br, zstd", Encoding::Gzip),
            ("br;q=1.0, GZIP;q=0.1", Encoding::Gzip),
            ("*", Encoding::Gzip),
            ("identity;q=0, *;q=0.5", Encoding::Gzip),
            ("gzip;q=0, *", Encoding::Identity),
            ("gzip; q=0.000", Encoding::Identity),
            ("br", Encoding::Identity),
            ("gzipped", Encoding::Identity),
            ("", Encoding::Identity),
        ] {
            assert_eq!(accepted(Some(header)), expected, "{header}");
        }
        assert_eq!(accepted(None), Encoding::Identity);
    }
}
