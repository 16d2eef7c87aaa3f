//! Reading requests, with our errors instead of axum's.

use std::str::FromStr;

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, OptionalFromRequest, Query, RawPathParams, Request,
        rejection::JsonRejection,
    },
};
use http::{header, request::Parts};
use serde::de::DeserializeOwned;

use super::HttpError;

/// A JSON body. Unknown fields are refused by the types themselves.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &S) -> Result<Self, HttpError> {
        match <Json<T> as FromRequest<S>>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(JsonRejection::JsonDataError(error)) => Err(wrong_data(&error.body_text())),
            Err(JsonRejection::JsonSyntaxError(_)) => {
                Err(HttpError::Malformed("The body is not JSON.".into()))
            }
            Err(JsonRejection::MissingJsonContentType(_)) => Err(HttpError::NotJson),
            Err(other) if other.status() == http::StatusCode::PAYLOAD_TOO_LARGE => Err(HttpError::TooLarge),
            Err(_) => Err(HttpError::Malformed("The body could not be read.".into())),
        }
    }
}

/// A body that may be left out: neither a length nor a type is declared then, or the length is zero.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Body<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, HttpError> {
        let headers = request.headers();
        let length = headers.get(header::CONTENT_LENGTH).map(http::HeaderValue::as_bytes);
        let typed = headers.contains_key(header::CONTENT_TYPE);
        let streamed = headers.contains_key(header::TRANSFER_ENCODING);
        if length == Some(b"0") || (length.is_none() && !typed && !streamed) {
            return Ok(None);
        }
        <Self as FromRequest<S>>::from_request(request, state).await.map(Some)
    }
}

/// Makes `{field: [message]}` of serde's sentence, which begins with the path to the field, or names the
/// field in back-quotes.
fn wrong_data(text: &str) -> HttpError {
    let text =
        text.strip_prefix("Failed to deserialize the JSON body into the target type: ").unwrap_or(text);
    let text = text.rfind(" at line ").map_or(text, |end| &text[..end]);
    let quoted = || text.split('`').nth(1).unwrap_or("body");
    if text.contains("unknown field `") {
        return HttpError::invalid(quoted(), "There is no such field.");
    }
    if text.contains("missing field `") {
        return HttpError::invalid(quoted(), "This field is required.");
    }
    let is_name = |text: &str| !text.is_empty() && !text.contains(' ');
    match text.split_once(": ") {
        Some((path, message)) if is_name(path) => HttpError::invalid(path, message),
        Some(_) | None => HttpError::invalid("body", text),
    }
}

/// The id in the path. What is not an id names nothing: 404.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let none = || HttpError::NotFound("thing");
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| none())?;
        // By name: the router that this one is mounted in leaves its own parameters here as well.
        let (_, text) = params.iter().find(|(name, _)| *name == "id").ok_or_else(none)?;
        text.parse().map(Self).map_err(|_| none())
    }
}

/// The query.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(error) => {
                let text = error.body_text();
                let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
                Err(wrong_data(text))
            }
        }
    }
}
