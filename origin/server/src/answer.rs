//! What every answer has in common: headers, conditions, CORS.

use hls::window::Figures;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{self, Entry},
};
use origin_core::{
    cache_policy::{Answer, Asker, cache_control},
    condition::none_match_names,
};

use crate::{body::Body, config::Config};

/// The methods there are.
pub(crate) const ALLOW: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static("Range, If-None-Match, If-Range");
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("Age, Content-Length, Content-Range, Date, ETag");
const PREFLIGHT_S: HeaderValue = HeaderValue::from_static("86400");

/// The head of an answer that succeeds: for 304 as for 200.
pub(crate) fn head(etag: HeaderValue, asker: Asker, answer: Answer, figures: &Figures) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let cache = cache_control(asker, answer, figures).to_string();
    let cache = HeaderValue::try_from(cache).expect("directives and digits make a header");
    let urgency = match answer {
        Answer::BlockingPlaylist | Answer::Playlist => "u=1",
        Answer::Part | Answer::Segment | Answer::Error => "u=3",
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, cache);
    // RFC 9218; B.1 asks for playlists before media.
    headers.insert(HeaderName::from_static("priority"), HeaderValue::from_static(urgency));
    response
}

/// Makes a 304 of an answer whose tag the player has.
pub(crate) fn is_unchanged(request: &HeaderMap, response: &Response<Body>) -> bool {
    let known = text(request, header::IF_NONE_MATCH);
    let etag = text(response.headers(), header::ETAG);
    known.zip(etag).is_some_and(|(known, etag)| none_match_names(known, etag))
}

/// A refusal; nobody keeps it.
pub(crate) fn refusal(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    let cache = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(0));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        response.headers_mut().insert(header::ALLOW, ALLOW);
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(1));
    }
    response
}

/// The answer to OPTIONS: the same for every path, proved or not.
pub(crate) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, ALLOW);
    response
}

/// The headers that stand in every answer, of success and of refusal.
pub(crate) fn finish(method: &Method, request: &HeaderMap, config: &Config, response: &mut Response<Body>) {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The token stands in the URL: it must not be told to anybody.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if config.cors_origins.is_empty() {
        return;
    }
    vary(headers, "Origin");
    let Some(origin) = request.get(header::ORIGIN) else { return };
    if !config.cors_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()) {
        return;
    }
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    if method == Method::OPTIONS {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_S);
    }
}

/// Adds a name to `Vary`.
pub(crate) fn vary(headers: &mut HeaderMap, name: &'static str) {
    match headers.entry(header::VARY) {
        Entry::Vacant(vacant) => {
            vacant.insert(HeaderValue::from_static(name));
        }
        Entry::Occupied(mut occupied) => {
            occupied.append(HeaderValue::from_static(name));
        }
    }
}

/// A header as text; none when there is none or it is not ASCII.
pub(crate) fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
