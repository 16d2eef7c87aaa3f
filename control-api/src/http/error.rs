//! The one place where an error becomes a status. Its message is for the caller; the cause goes to the log.

use std::collections::BTreeMap;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::guard;

/// What is wrong with which field of a request.
pub(crate) type Details = BTreeMap<String, Vec<String>>;

/// Everything a route may fail with.
#[derive(Debug)]
pub(crate) enum HttpError {
    /// 400: not JSON, not a query we can read.
    Malformed(String),
    /// 401: no token, or one that proves nothing.
    Unauthenticated(&'static str),
    /// 401: e-mail or password wrong; it does not say which.
    WrongCredentials,
    /// 403: known, but not allowed.
    Forbidden(&'static str),
    /// 403, with a code of its own for programs.
    Refused(&'static str, &'static str),
    /// 404: there is none, or none that the caller may know of.
    NotFound(&'static str),
    /// 405.
    MethodNotAllowed,
    /// 409: it cannot be done in the present state; the code says why to programs.
    Conflict(&'static str, &'static str),
    /// 412: somebody has changed it since the caller read it.
    Stale,
    /// 413.
    TooLarge,
    /// 415: a body that is not declared as JSON.
    NotJson,
    /// 422: an Idempotency-Key that came with another body before.
    KeyReused,
    /// 422: read, but wrong.
    Invalid(Details),
    /// 429.
    TooMany { retry_after_s: u64 },
    /// 503: all busy, or the database is away; nothing has happened.
    Busy { retry_after_s: u64 },
    /// 500.
    Internal(anyhow::Error),
}

impl HttpError {
    /// One field, one message.
    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(Details::from([(field.to_owned(), vec![message.into()])]))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated(_) | Self::WrongCredentials => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) | Self::Refused(..) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(..) => StatusCode::CONFLICT,
            Self::Stale => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) | Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Code, message, details.
    fn parts(self) -> (&'static str, String, Details) {
        let none = Details::new();
        match self {
            Self::Malformed(message) => ("BAD_REQUEST", message, none),
            Self::Unauthenticated(message) => ("UNAUTHENTICATED", message.into(), none),
            Self::WrongCredentials => {
                ("INVALID_CREDENTIALS", "The e-mail address or the password is wrong.".into(), none)
            }
            Self::Forbidden(message) => ("FORBIDDEN", message.into(), none),
            Self::NotFound(what) => ("NOT_FOUND", format!("There is no such {what}."), none),
            Self::MethodNotAllowed => {
                ("METHOD_NOT_ALLOWED", "This address does not take that method.".into(), none)
            }
            Self::Refused(code, message) | Self::Conflict(code, message) => (code, message.into(), none),
            Self::Stale => (
                "PRECONDITION_FAILED",
                "Somebody has changed this since you read it. Read it again.".into(),
                none,
            ),
            Self::TooLarge => ("PAYLOAD_TOO_LARGE", "The request is too large.".into(), none),
            Self::NotJson => {
                ("UNSUPPORTED_MEDIA_TYPE", "Send JSON, declared as application/json.".into(), none)
            }
            Self::KeyReused => (
                "IDEMPOTENCY_KEY_REUSED",
                "This Idempotency-Key came with another request before.".into(),
                none,
            ),
            Self::Invalid(details) => ("VALIDATION_ERROR", "The data are not valid.".into(), details),
            Self::TooMany { retry_after_s } => {
                ("RATE_LIMITED", format!("Too many attempts. Try again in {retry_after_s} s."), none)
            }
            Self::Busy { .. } => ("UNAVAILABLE", "The server is busy. Try again shortly.".into(), none),
            Self::Internal(cause) => {
                let request = guard::request_id();
                tracing::error!(request.id = %request, error = ?cause, "request {request} failed: {cause}");
                ("INTERNAL_ERROR", "Something went wrong on the server.".into(), none)
            }
        }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry_after = match &self {
            Self::TooMany { retry_after_s } | Self::Busy { retry_after_s } => Some(*retry_after_s),
            Self::Malformed(_)
            | Self::Unauthenticated(_)
            | Self::WrongCredentials
            | Self::Forbidden(_)
            | Self::Refused(..)
            | Self::NotFound(_)
            | Self::MethodNotAllowed
            | Self::Conflict(..)
            | Self::Stale
            | Self::TooLarge
            | Self::NotJson
            | Self::KeyReused
            | Self::Invalid(_)
            | Self::Internal(_) => None,
        };
        let (code, message, details) = self.parts();
        let body = Failure {
            success: false,
            error: FailureError { code: code.into(), message, details },
            meta: FailureMeta { timestamp: runtime::clock::utc(), request_id: guard::request_id() },
        };
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<db::Error> for HttpError {
    fn from(error: db::Error) -> Self {
        match error {
            db::Error::Unavailable(cause) => {
                tracing::warn!(error = %cause, "the database did not answer in time: {cause}");
                Self::Busy { retry_after_s: 2 }
            }
            db::Error::Unique { .. }
            | db::Error::Reference
            | db::Error::Refused(_)
            | db::Error::NoRow
            | db::Error::File { .. }
            | db::Error::Url
            | db::Error::Other(_) => Self::Internal(error.into()),
        }
    }
}

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Failure {
    /// Always false.
    success: bool,
    error: FailureError,
    meta: FailureMeta,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
struct FailureError {
    /// For programs; it does not change.
    #[schema(example = "VALIDATION_ERROR")]
    code: String,
    /// For people.
    #[schema(example = "The data are not valid.")]
    message: String,
    /// Field by field, where that makes sense.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = Object)]
    details: Details,
}

/// When, and in which request.
#[derive(Debug, Serialize, ToSchema)]
struct FailureMeta {
    timestamp: chrono::DateTime<chrono::Utc>,
    /// Also in the header `x-request-id` and in the server's log.
    #[schema(example = "req_0199f0a2")]
    request_id: String,
}
