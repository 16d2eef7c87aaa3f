//! Versions of what can be changed: an `ETag` with every answer, `If-Match` with every change that must not
//! overwrite somebody else's (RFC 9110 sections 8.8.3 and 13.1.1).

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, header};
use serde::Serialize;

use super::{Data, HttpError};

/// 200 with data, and when it was changed last as its version.
pub(crate) struct Versioned<T>(pub(crate) DateTime<Utc>, pub(crate) T);

impl<T: Serialize> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let mut response = Data(self.1).into_response();
        let tag = HeaderValue::from_str(&tag(self.0)).expect("a tag is digits between quotes");
        response.headers_mut().insert(header::ETAG, tag);
        response
    }
}

fn tag(version: DateTime<Utc>) -> String {
    format!("\"{}\"", version.timestamp_micros())
}

/// The version that the caller wants to change; none when he does not say, or says `*`.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<DateTime<Utc>>, HttpError> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    // A tag that is none of ours matches nothing.
    let micros =
        text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    micros.and_then(DateTime::from_timestamp_micros).map(Some).ok_or(HttpError::Stale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_back_from_its_tag() {
        let version: DateTime<Utc> = "2026-11-20T10:00:00.123456Z".parse().unwrap();
        let of = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            if_match(&HeaderMap::from_iter([(header::IF_MATCH, value)]))
        };
        assert_eq!(of(&tag(version)).unwrap(), Some(version));
        assert_eq!(of("*").unwrap(), None);
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        for other in ["\"abc\"", "W/\"1\"", "1", "\"99999999999999999999\""] {
            assert!(matches!(of(other), Err(HttpError::Stale)), "{other}");
        }
    }
}
