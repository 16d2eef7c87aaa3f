//! If-None-Match and If-Range (RFC 9110 13.1.2, 13.1.5).

/// Does an `If-None-Match` name this entity tag? Then the answer is 304. Weak comparison, as for all reads.
#[must_use]
pub fn none_match_names(header: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    header.trim() == "*" || header.split(',').any(|one| opaque(one.trim()) == opaque(etag))
}

/// Does an `If-Range` still hold? Strong comparison; a date never does, since no answer has one.
#[must_use]
pub fn range_still_holds(header: Option<&str>, etag: &str) -> bool {
    header.is_none_or(|header| header.trim() == etag && !etag.starts_with("W/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_tag_is_found_in_any_list() {
        for (header, found) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("\"b\",W/\"a\"", true),
            ("*", true),
            ("\"b\"", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(none_match_names(header, "\"a\""), found, "{header}");
        }
    }

    #[test]
    fn a_range_holds_for_the_same_strong_tag_alone() {
        assert!(range_still_holds(None, "\"a\"") && range_still_holds(Some("\"a\""), "\"a\""));
        for header in ["\"b\"", "W/\"a\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
            assert!(!range_still_holds(Some(header), "\"a\""), "{header}");
        }
    }
}
