//! What is told to the checker: requests and their answers.

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::attributes;

/// What is known of an answer beyond its body. Simulations have none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Http {
    /// Status code.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// HTTP/2 or later.
    pub is_http2: bool,
}

impl Http {
    /// A header's value; the first, if it stands more than once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| &**value)
    }
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Where it went, query included.
    pub url: String,
    /// When the request was sent.
    pub asked_at: Instant,
    /// When the first byte of the answer's body (of an empty body: of its head) was there.
    pub first_byte_at: Instant,
    /// When all of it was there.
    pub answered_at: Instant,
    /// The answer's head; none in simulations, where all goes well.
    pub http: Option<Http>,
    /// The body, unpacked if it was sent with a content coding.
    pub body: Bytes,
}

/// Why media was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It was listed for the first time.
    FirstSight,
    /// Shortly before the end of the time for which it must be there.
    Promise,
    /// It was hinted; the answer is held until it is there.
    Hint,
}

impl Exchange {
    /// An answer that was simply there: for simulations.
    #[must_use]
    pub fn simple(url: &str, at: Instant, body: Bytes) -> Self {
        let url = url.to_owned();
        Self { url, asked_at: at, first_byte_at: at, answered_at: at, http: None, body }
    }

    pub(crate) fn succeeded(&self) -> bool {
        self.http.as_ref().is_none_or(|http| (200..300).contains(&http.status))
    }

    pub(crate) fn status(&self) -> u16 {
        self.http.as_ref().map_or(200, |http| http.status)
    }

    /// How long the answer was waited for.
    pub(crate) fn waited(&self) -> Duration {
        self.first_byte_at.saturating_duration_since(self.asked_at)
    }
}

/// The delivery directives in a URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    pub(crate) msn: Option<u64>,
    pub(crate) part: Option<u64>,
    pub(crate) skip: bool,
}

/// A URL without its delivery directives and its fragment, and those directives.
pub(crate) fn split(url: &str) -> (String, Directives) {
    let url = url.split('#').next().unwrap_or_default();
    let Some((path, query)) = url.split_once('?') else { return (url.to_owned(), Directives::default()) };
    let mut found = Directives::default();
    let mut rest = Vec::new();
    for pair in query.split('&') {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("_HLS_msn", value) => found.msn = attributes::integer(value),
            ("_HLS_part", value) => found.part = attributes::integer(value),
            ("_HLS_skip", _) => found.skip = true,
            _ => rest.push(pair),
        }
    }
    let bare = if rest.is_empty() { path.to_owned() } else { format!("{path}?{}", rest.join("&")) };
    (bare, found)
}
