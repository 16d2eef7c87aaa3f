//! `Idempotency-Key` on POST: a client that lost the answer asks again and gets the same one, byte for byte.
//!
//! A key belongs to its caller, method and path, for a day. The same key with another body is 422; with the
//! same body while the first is under way, 409. The first runs to its end although its client has gone away.
//! Answers that hold a secret (log-in, stream keys, invites, playback) are not kept, so there the key does nothing.
//! A process that dies between the change and the note leaves the key free after half a minute.

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use db::{Db, Error, q};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use runtime::clock;
use sha2::{Digest as _, Sha256};

use super::{HttpError, caller::claimed, guard};
use crate::Control;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const KEY_LEN_MAX: usize = 255;
/// A request under way holds its key so long: longer than any request takes.
const HOLD: TimeDelta = TimeDelta::seconds(30);
const KEEP: TimeDelta = TimeDelta::days(1);
/// A longer answer is not kept.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Around every route.
pub(super) async fn idempotent(State(control): State<Control>, request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(KEY).cloned() else { return next.run(request).await };
    if request.method() != Method::POST || holds_secret(request.uri().path()) {
        return next.run(request).await;
    }
    match once(control, key, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

/// Whether the answers of this path may not be kept.
pub(super) fn holds_secret(path: &str) -> bool {
    let rest = path.strip_prefix("/api/v1/").unwrap_or(path);
    rest.starts_with("auth/")
        || rest == "setup"
        || ["/rotate", "/playback", "/invites"].iter().any(|end| rest.ends_with(end))
}

async fn once(
    control: Control,
    key: HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, HttpError> {
    let visible =
        !key.is_empty() && key.len() <= KEY_LEN_MAX && key.as_bytes().iter().all(u8::is_ascii_graphic);
    if !visible {
        let message = format!("Idempotency-Key takes 1 to {KEY_LEN_MAX} visible ASCII characters.");
        return Err(HttpError::Malformed(message));
    }
    // Whoever is nobody is told so by the route itself.
    let Some(claims) = claimed(request.headers(), &control).ok() else { return Ok(next.run(request).await) };
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, super::router::BODY_BYTES_MAX).await.map_err(|_| HttpError::TooLarge)?;
    let id = digest(&[claims.user_id.as_uuid().as_bytes(), parts.uri.path().as_bytes(), key.as_bytes()]);
    let fingerprint = digest(&[&body]);
    if let Some(kept) = take(control.db(), &id, &fingerprint, clock::utc()).await? {
        return Ok(replay(kept));
    }
    let request = Request::from_parts(parts, Body::from(body));
    let tasks = control.requests().clone();
    // A task of its own, waited for at the end of the process: it is not dropped with its client.
    let run = guard::within(guard::request_id(), async move {
        let response = guard::limited(next.run(request)).await;
        keep(control.db(), &id, response).await
    });
    tasks.spawn(run).await.map_err(|error| HttpError::Internal(error.into()))
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

/// What was kept of an answer.
struct Kept {
    status: StatusCode,
    body: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct Row {
    fingerprint: Vec<u8>,
    status: Option<i64>,
    body: Option<Vec<u8>>,
    created_at: DateTime<Utc>,
    held_until: DateTime<Utc>,
}

/// The kept answer; none when the key is ours now and the request is to be run.
async fn take(db: &Db, id: &[u8], fingerprint: &[u8], now: DateTime<Utc>) -> Result<Option<Kept>, HttpError> {
    let mut tx = db.begin().await?;
    let held =
        q("insert into idempotency_keys (id, fingerprint, created_at, held_until) values ($1, $2, $3, $4) \
                  on conflict (id) do nothing")
        .bind(id)
        .bind(fingerprint)
        .bind(now)
        .bind(now + HOLD)
        .run(&mut tx)
        .await?;
    if held == 1 {
        tx.commit().await?;
        return Ok(None);
    }
    let row: Option<Row> =
        q("select fingerprint, status, body, created_at, held_until from idempotency_keys where id = $1 for update")
            .bind(id)
            .opt(&mut tx)
            .await?;
    let gone = HttpError::Conflict(
        "IDEMPOTENCY_KEY_IN_USE",
        "A request with this key is under way. Ask again shortly.",
    );
    let Some(row) = row else { return Err(gone) };
    let over = row.created_at + KEEP <= now || (row.status.is_none() && row.held_until <= now);
    if over {
        q("update idempotency_keys set fingerprint = $2, status = null, body = null, created_at = $3, \
           held_until = $4 where id = $1")
        .bind(id)
        .bind(fingerprint)
        .bind(now)
        .bind(now + HOLD)
        .run(&mut tx)
        .await?;
        tx.commit().await?;
        return Ok(None);
    }
    if row.fingerprint != fingerprint {
        return Err(HttpError::KeyReused);
    }
    match (row.status, row.body) {
        (Some(status), Some(body)) => {
            let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
            Ok(Some(Kept { status: status.unwrap_or(StatusCode::OK), body }))
        }
        _ => Err(gone),
    }
}

fn replay(kept: Kept) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if !kept.body.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    (kept.status, headers, kept.body).into_response()
}

/// Keeps an answer that would be the same again; frees the key of one that would not (our own failures, too
/// many requests, a log-in that has ended).
async fn keep(db: &Db, id: &[u8], response: Response) -> Response {
    let (parts, body) = response.into_parts();
    let lasting = !parts.status.is_server_error()
        && !matches!(parts.status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS);
    let body = match to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(body) => body,
        Err(error) => {
            free(db, id).await;
            return HttpError::Internal(error.into()).into_response();
        }
    };
    if lasting {
        if let Err(error) = store(db, id, parts.status, &body).await {
            tracing::warn!(error = ?error, "an answer could not be kept for its Idempotency-Key: {error}");
        }
    } else {
        free(db, id).await;
    }
    Response::from_parts(parts, Body::from(body))
}

async fn store(db: &Db, id: &[u8], status: StatusCode, body: &Bytes) -> Result<u64, Error> {
    q("update idempotency_keys set status = $2, body = $3 where id = $1")
        .bind(id)
        .bind(i32::from(status.as_u16()))
        .bind(&body[..])
        .run(db)
        .await
}

async fn free(db: &Db, id: &[u8]) {
    if let Err(error) = q("delete from idempotency_keys where id = $1").bind(id).run(db).await {
        tracing::warn!(error = ?error, "an Idempotency-Key could not be freed, it frees itself: {error}");
    }
}

/// Removes what is older than a day.
pub(crate) async fn sweep(db: &Db, now: DateTime<Utc>) -> Result<u64, Error> {
    q("delete from idempotency_keys where created_at < $1").bind(now - KEEP).run(db).await
}
