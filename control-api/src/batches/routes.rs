//! Batches over HTTP.

use axum::extract::State;
use chrono::{DateTime, Utc};
use http::StatusCode;
use ids::{BatchId, CourseId};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::rows;
use crate::{
    Control,
    courses::{fields::given, routes::for_action, rules},
    enrolments,
    http::{Body, Caller, Created, Data, HttpError, Id, Success, error::Details, new_id},
    rights::Action,
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(change, delete))
}

/// A class that takes a course together.
#[derive(Serialize, ToSchema)]
struct Batch {
    #[schema(value_type = Uuid)]
    id: BatchId,
    #[schema(example = "Spring 2027")]
    title: String,
    /// From then on its members may watch.
    #[schema(required)]
    starts_at: Option<DateTime<Utc>>,
    /// Until then.
    #[schema(required)]
    ends_at: Option<DateTime<Utc>>,
    /// Places of its own, within the course's.
    #[schema(required)]
    capacity: Option<i64>,
    /// Students may choose it.
    open: bool,
    /// Places that are taken.
    taken: i64,
}

impl From<rows::Batch> for Batch {
    fn from(row: rows::Batch) -> Self {
        Self {
            id: row.id,
            title: row.title,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            capacity: row.capacity,
            open: row.open,
            taken: row.taken,
        }
    }
}

/// A course's batches.
#[utoipa::path(get, path = "/courses/{id}/batches", operation_id = "listBatches", tag = "courses",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The earliest first.", body = Success<Vec<Batch>>)))]
async fn list(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
) -> Result<Data<Vec<Batch>>, HttpError> {
    for_action(&control, &caller, course, Action::See).await?;
    Ok(Data(rows::list(control.db(), course).await?.into_iter().map(Into::into).collect()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewBatch {
    #[schema(example = "Spring 2027", max_length = 200)]
    title: String,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    #[schema(minimum = 1, maximum = 100_000)]
    capacity: Option<u32>,
    /// Students may choose it; unless said otherwise, yes.
    open: Option<bool>,
}

/// Make a batch.
#[utoipa::path(post, path = "/courses/{id}/batches", operation_id = "createBatch", tag = "courses",
    params(("id" = Uuid, Path)), request_body = NewBatch,
    responses((status = 201, description = "Made.", body = Success<Batch>)))]
async fn create(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Body(given): Body<NewBatch>,
) -> Result<Created<Batch>, HttpError> {
    for_action(&control, &caller, course, Action::Change).await?;
    let id: BatchId = new_id();
    let write = rows::Write {
        id,
        course,
        title: &given.title,
        starts_at: given.starts_at.map(db::to_micros),
        ends_at: given.ends_at.map(db::to_micros),
        capacity: given.capacity.map(i64::from),
        open: given.open.unwrap_or(true),
        now: clock::utc(),
    };
    Ok(Created(store(&control, write).await?))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct BatchChange {
    #[schema(max_length = 200)]
    title: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    starts_at: Option<Option<DateTime<Utc>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    ends_at: Option<Option<DateTime<Utc>>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 100_000)]
    capacity: Option<Option<u32>>,
    open: Option<bool>,
}

/// Change a batch; what is left out stays, null takes a bound away.
#[utoipa::path(patch, path = "/batches/{id}", operation_id = "changeBatch", tag = "courses",
    params(("id" = Uuid, Path)), request_body = BatchChange,
    responses((status = 200, description = "Changed.", body = Success<Batch>)))]
async fn change(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<BatchId>,
    Body(given): Body<BatchChange>,
) -> Result<Data<Batch>, HttpError> {
    let found = found(&control, &caller, id).await?;
    let title = given.title.unwrap_or(found.title);
    let write = rows::Write {
        id,
        course: found.course_id,
        title: &title,
        starts_at: given.starts_at.map_or(found.starts_at, |at| at.map(db::to_micros)),
        ends_at: given.ends_at.map_or(found.ends_at, |at| at.map(db::to_micros)),
        capacity: given.capacity.map_or(found.capacity, |places| places.map(i64::from)),
        open: given.open.unwrap_or(found.open),
        now: clock::utc(),
    };
    Ok(Data(store(&control, write).await?))
}

/// Remove a batch that nobody is in.
#[utoipa::path(delete, path = "/batches/{id}", operation_id = "deleteBatch", tag = "courses",
    params(("id" = Uuid, Path)), responses(
    (status = 204, description = "Removed."),
    (status = 409, description = "`BATCH_IN_USE`: close it instead.")))]
async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<BatchId>,
) -> Result<StatusCode, HttpError> {
    found(&control, &caller, id).await?;
    if rows::delete_empty(control.db(), id).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(HttpError::Conflict("BATCH_IN_USE", "Students are or were in this batch. Close it instead."))
}

async fn found(control: &Control, caller: &Caller, id: BatchId) -> Result<rows::Batch, HttpError> {
    const NONE: HttpError = HttpError::NotFound("batch");
    let batch = rows::by_id(control.db(), id).await?.ok_or(NONE)?;
    match for_action(control, caller, batch.course_id, Action::Change).await {
        Ok(_) => Ok(batch),
        Err(HttpError::NotFound(_)) => Err(NONE),
        Err(other) => Err(other),
    }
}

/// Checks and stores; who waits may move up by it.
async fn store(control: &Control, write: rows::Write<'_>) -> Result<Batch, HttpError> {
    let mut details = Details::new();
    let title = rules::title(write.title);
    if let Err(message) = &title {
        details.insert("title".into(), vec![message.clone()]);
    }
    if let (Some(starts_at), Some(ends_at)) = (write.starts_at, write.ends_at)
        && ends_at <= starts_at
    {
        details.insert("ends_at".into(), vec!["The end is after the start.".into()]);
    }
    let capacity = write.capacity.map(|places| rules::capacity(u32::try_from(places).unwrap_or(0)));
    if let Some(Err(message)) = capacity {
        details.insert("capacity".into(), vec![message]);
    }
    let (Ok(title), true) = (title, details.is_empty()) else { return Err(HttpError::Invalid(details)) };
    let mut tx = control.db().begin().await?;
    let course = enrolments::rows::hold_course(&mut tx, write.course).await?;
    let course = course.ok_or(HttpError::NotFound("course"))?;
    rows::write(&mut tx, rows::Write { title, ..write }).await?;
    enrolments::act::fill(&mut tx, &course, write.now).await?;
    let batch = rows::by_id(&mut tx, write.id).await?.ok_or(db::Error::NoRow)?;
    tx.commit().await?;
    Ok(batch.into())
}
