//! What every request passes: an id, a time limit, CORS, security headers, one spelling of paths.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, uri::PathAndQuery};
use runtime::random;

use super::HttpError;
use crate::{Config, Control};

/// No request takes longer: what waits behind it (a database, a queue of password checks) has limits below.
const REQUEST_S_MAX: u64 = 20;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_LEN_MAX: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that is being answered; empty outside of one.
pub(crate) fn request_id() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Does the work under the id of a request.
pub(super) async fn within<T>(id: String, work: impl Future<Output = T>) -> T {
    CURRENT.scope(id, work).await
}

/// The answer, or that it took too long.
pub(super) async fn limited(answer: impl Future<Output = Response>) -> Response {
    let answered = tokio::time::timeout(Duration::from_secs(REQUEST_S_MAX), answer).await;
    answered.unwrap_or_else(|_| HttpError::Busy { retry_after_s: 5 }.into_response())
}

/// The outermost layer.
pub(crate) async fn guard(State(control): State<Control>, request: Request, next: Next) -> Response {
    let id = given_id(request.headers()).unwrap_or_else(fresh_id);
    let header = HeaderValue::from_str(&id).expect("an id is made of letters, digits and dashes");
    let cors = cors(control.config(), request.headers());
    let mut response = CURRENT
        .scope(id, async {
            if is_preflight(&request) {
                return preflight(cors.is_some());
            }
            limited(next.run(request)).await
        })
        .await;
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, header);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = cors {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        headers.insert(
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            HeaderValue::from_static("etag, idempotency-replayed, retry-after, x-request-id"),
        );
    }
    secure(headers, control.config().is_https_alone());
    response
}

/// Headers that no answer of an API should lack. A route's own word counts first.
fn secure(headers: &mut HeaderMap, https_alone: bool) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::CACHE_CONTROL, "no-store");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if https_alone {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

/// The caller's origin, when the list has exactly it.
fn cors(config: &Config, headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let listed = config.cors_allowed_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes());
    listed.then(|| origin.clone())
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight(allowed: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if allowed {
        let headers = response.headers_mut();
        let set = HeaderValue::from_static;
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, set("GET, POST, PUT, PATCH, DELETE"));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            set("authorization, content-type, idempotency-key, if-match, x-request-id"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, set("600"));
    }
    response
}

/// A proxy's id is kept, so that one request has one id in all logs; anything that could forge a log
/// line is not.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!text.is_empty() && text.len() <= REQUEST_ID_LEN_MAX && text.bytes().all(plain)).then(|| text.to_owned())
}

fn fresh_id() -> String {
    format!("req_{:016x}", random::u64())
}

/// Whether a request that rides on a cookie comes from our own pages: a browser says where it is from.
pub(crate) fn is_same_site(config: &Config, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        // No origin: not a cross-site POST of a browser, unless it says so.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        return matches!(site, None | Some(b"same-origin" | b"none"));
    };
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let host_of_origin = |origin: &[u8]| {
        let at = origin.windows(3).position(|three| three == b"://")?;
        Some(origin[at + 3..].to_vec())
    };
    config.public_url.as_bytes() == origin.as_bytes()
        || cors(config, headers).is_some()
        || host_of_origin(origin.as_bytes()).is_some_and(|from| !host.is_empty() && from == host)
}

/// One spelling of a path: without a slash at the end, and `/api/…` for `/api/v1/…`.
pub(crate) fn one_spelling<B>(mut request: http::Request<B>) -> http::Request<B> {
    let path = request.uri().path();
    let trimmed = path.trim_end_matches('/');
    let rest = trimmed.strip_prefix("/api/").unwrap_or("");
    let own = |name: &str| rest == name || rest.strip_prefix(name).is_some_and(|more| more.starts_with('/'));
    let short = !rest.is_empty() && !["v1", "docs", "openapi.json"].into_iter().any(own);
    if trimmed.len() == path.len() && !short {
        return request;
    }
    let mut spelling = if short { format!("/api/v1/{rest}") } else { trimmed.to_owned() };
    if spelling.is_empty() {
        spelling.push('/');
    }
    if let Some(query) = request.uri().query() {
        spelling.push('?');
        spelling.push_str(query);
    }
    // Cut from a valid path, or begun with plain letters: it stays valid.
    if let Ok(path_and_query) = PathAndQuery::try_from(spelling) {
        let mut parts = request.uri().clone().into_parts();
        parts.path_and_query = Some(path_and_query);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_spelling() {
        let check = |given: &str, expected: &str| {
            let request = http::Request::builder().uri(given).body(()).unwrap();
            assert_eq!(one_spelling(request).uri().to_string(), expected);
        };
        check("/api/v1/courses", "/api/v1/courses");
        check("/api/v1/courses/?page=2", "/api/v1/courses?page=2");
        check("/api/courses/", "/api/v1/courses");
        check("/api/courses?page=2", "/api/v1/courses?page=2");
        check("/api/docs/", "/api/docs");
        check("/api/docs/page.js", "/api/docs/page.js");
        check("/api/openapi.json", "/api/openapi.json");
        check("/api/v1", "/api/v1");
        check("/api/v10/x", "/api/v1/v10/x");
        check("/healthz/", "/healthz");
        check("/api/", "/api");
    }

    #[test]
    fn an_id_that_could_forge_a_log_line_is_not_taken_over() {
        let given = |text: &'static str| {
            given_id(&HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static(text))]))
        };
        assert_eq!(given("abc-123_X").as_deref(), Some("abc-123_X"));
        assert_eq!(given("a b"), None);
        assert_eq!(given(""), None);
        assert_eq!(given("0123456789012345678901234567890123456789012345678901234567890123456789"), None);
    }
}
