//! A course's stream key over HTTP.

use axum::extract::State;
use chrono::{DateTime, Utc};
use ids::CourseId;
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::keys;
use crate::{
    Control,
    courses::routes::for_action,
    http::{Body, Caller, Data, HttpError, Id, Success},
    rights::Action,
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(read)).routes(routes!(rotate))
}

/// What can be shown of a key again.
#[derive(Serialize, ToSchema)]
struct StreamKey {
    /// What to type into OBS as the server.
    #[schema(example = "rtmp://live.school.example:1935/live")]
    server_url: String,
    /// The half of the key that is no secret.
    #[schema(example = "7Kq2mX9a")]
    key_id: String,
    #[schema(example = "lk_7Kq2mX9a_…")]
    masked: String,
    created_at: DateTime<Utc>,
    #[schema(required)]
    last_used_at: Option<DateTime<Utc>>,
}

/// A course's stream key, without its secret.
#[utoipa::path(get, path = "/courses/{id}/stream-key", operation_id = "readStreamKey", tag = "publications",
    params(("id" = Uuid, Path)), responses(
    (status = 200, description = "The newest key.", body = Success<StreamKey>),
    (status = 404, description = "There is none yet: rotate makes the first.")))]
async fn read(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
) -> Result<Data<StreamKey>, HttpError> {
    for_action(&control, &caller, course, Action::StreamKey).await?;
    let key = keys::newest(control.db(), course).await?.ok_or(HttpError::NotFound("stream key"))?;
    Ok(Data(StreamKey {
        server_url: control.config().rtmp_url.clone(),
        masked: format!("lk_{}_…", key.public_id),
        key_id: key.public_id,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
    }))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// The key so far keeps working until the next rotation; without it, it stops at once.
    #[serde(default)]
    keep_previous: bool,
}

/// A key with its secret, shown this once.
#[derive(Serialize, ToSchema)]
struct FreshStreamKey {
    /// What to type into OBS as the server.
    #[schema(example = "rtmp://live.school.example:1935/live")]
    server_url: String,
    /// What to type into OBS as the key.
    stream_key: String,
}

/// Make a new stream key.
///
/// It is shown this once. A publisher that is connected stays.
#[utoipa::path(post, path = "/courses/{id}/stream-key/rotate", operation_id = "rotateStreamKey",
    tag = "publications", params(("id" = Uuid, Path)), request_body = Option<Rotation>,
    responses((status = 200, description = "The new key.", body = Success<FreshStreamKey>)))]
async fn rotate(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    body: Option<Body<Rotation>>,
) -> Result<Data<FreshStreamKey>, HttpError> {
    for_action(&control, &caller, course, Action::StreamKey).await?;
    let overlap = body.is_some_and(|Body(body)| body.keep_previous);
    let mut tx = control.db().begin().await?;
    let key = keys::rotate(&mut tx, control.pepper(), course, overlap, clock::utc()).await?;
    tx.commit().await?;
    let server_url = control.config().rtmp_url.clone();
    Ok(Data(FreshStreamKey { server_url, stream_key: key.expose().to_string() }))
}
