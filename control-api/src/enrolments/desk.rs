//! What those who give a course do with its enrolments.

use axum::extract::State as Shared;
use chrono::{DateTime, Utc};
use ids::{BatchId, CourseId, EnrolmentId};
use runtime::clock;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    act::{self, With},
    routes::{self, Enrolment, Student, answer, note},
    rows,
    state::Event,
};
use crate::{
    Control, accounts, batches,
    courses::{fields::given, routes::for_action},
    http::{Body, Caller, Data, HttpError, Id, Listing, Page, Paging, Params, Success},
    rights::Action,
};

pub(super) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(approve))
        .routes(routes!(reject))
        .routes(routes!(complete))
        .routes(routes!(change))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Chosen {
    /// Only those in this state.
    #[param(example = "requested")]
    status: Option<String>,
    /// Only those of this batch.
    #[param(value_type = Option<Uuid>)]
    batch_id: Option<BatchId>,
    /// Counted from 1.
    #[param(minimum = 1, maximum = 10_000, default = 1)]
    page: Option<u32>,
    /// Entries of a page, at most 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
}

/// A course's enrolments.
///
/// Those that want an answer come first, then the queue in its order.
#[utoipa::path(get, path = "/courses/{id}/enrolments", operation_id = "listEnrolments", tag = "enrolments",
    params(("id" = Uuid, Path), Chosen),
    responses((status = 200, description = "A page of enrolments.", body = Listing<Enrolment>)))]
async fn list(
    Shared(control): Shared<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Params(chosen): Params<Chosen>,
) -> Result<Page<Enrolment>, HttpError> {
    for_action(&control, &caller, course, Action::Enrol).await?;
    let state = routes::state(chosen.status.as_deref())?;
    let slice = Paging::of(chosen.page, chosen.per_page).checked()?;
    let limits = (slice.limit(), slice.offset());
    let (rows, total) = rows::list(control.db(), course, state, chosen.batch_id, limits).await?;
    let one = |row: rows::Listed| {
        let user = Student::new(row.enrolment.user_id, row.email, row.full_name);
        Enrolment::of(row.enrolment, user, row.batch_title)
    };
    let path = format!("/api/v1/courses/{course}/enrolments");
    Ok(slice.page(&path, rows.into_iter().map(one).collect(), total))
}

/// An answer to who asked.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// He reads it with the decision.
    #[schema(max_length = 1000)]
    message: Option<String>,
}

/// Grant a request.
///
/// He has a place then; where all are taken, he waits for one.
#[utoipa::path(post, path = "/enrolments/{id}/approve", operation_id = "approveEnrolment", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = Option<Answer>, responses(
    (status = 200, description = "Granted.", body = Success<Enrolment>),
    (status = 409, description = "`NOT_REQUESTED`: answered already. `COURSE_FULL`: no place, no waiting list.")))]
async fn approve(
    Shared(control): Shared<Control>,
    caller: Caller,
    Id(id): Id<EnrolmentId>,
    body: Option<Body<Answer>>,
) -> Result<Data<Enrolment>, HttpError> {
    decide(&control, &caller, id, Event::Approve, body).await
}

/// Decline a request, or a wait.
#[utoipa::path(post, path = "/enrolments/{id}/reject", operation_id = "rejectEnrolment", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = Option<Answer>, responses(
    (status = 200, description = "Declined.", body = Success<Enrolment>),
    (status = 409, description = "`NOT_REQUESTED`: answered already.")))]
async fn reject(
    Shared(control): Shared<Control>,
    caller: Caller,
    Id(id): Id<EnrolmentId>,
    body: Option<Body<Answer>>,
) -> Result<Data<Enrolment>, HttpError> {
    decide(&control, &caller, id, Event::Reject, body).await
}

/// Say that somebody has completed the course.
///
/// He may go on watching and takes no place any more. What requires the course is open to him.
#[utoipa::path(post, path = "/enrolments/{id}/complete", operation_id = "completeEnrolment", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = Option<Answer>, responses(
    (status = 200, description = "Completed.", body = Success<Enrolment>),
    (status = 409, description = "`NOT_ACTIVE`: he has no place.")))]
async fn complete(
    Shared(control): Shared<Control>,
    caller: Caller,
    Id(id): Id<EnrolmentId>,
    body: Option<Body<Answer>>,
) -> Result<Data<Enrolment>, HttpError> {
    decide(&control, &caller, id, Event::Complete, body).await
}

async fn decide(
    control: &Control,
    caller: &Caller,
    id: EnrolmentId,
    event: Event,
    body: Option<Body<Answer>>,
) -> Result<Data<Enrolment>, HttpError> {
    let given = body.map(|Body(body)| body).unwrap_or_default();
    let found = found(control, caller, id).await?;
    let answer_note = note(given.message.as_deref())?;
    let with = With { by: Some(caller.id), answer_note, ..With::default() };
    let done = act::once(control, found.course_id, found.user_id, event, with).await?;
    let user = accounts::rows::by_id(control.db(), found.user_id).await?;
    Ok(Data(answer(control, done, user.ok_or(HttpError::NotFound("account"))?).await?))
}

/// The enrolment, if the caller may decide about it; who may not even see the course hears that there is none.
async fn found(control: &Control, caller: &Caller, id: EnrolmentId) -> Result<rows::Enrolment, HttpError> {
    const NONE: HttpError = HttpError::NotFound("enrolment");
    let found = rows::by_id(control.db(), id).await?.ok_or(NONE)?;
    match for_action(control, caller, found.course_id, Action::Enrol).await {
        Ok(_) => Ok(found),
        Err(HttpError::NotFound(_)) => Err(NONE),
        Err(other) => Err(other),
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EnrolmentChange {
    /// Another batch of the course; null: none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    batch_id: Option<Option<BatchId>>,
    /// Until when he has the place; null: as long as the course.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    expires_at: Option<Option<DateTime<Utc>>>,
}

/// Change somebody's batch, or how long he has his place.
#[utoipa::path(patch, path = "/enrolments/{id}", operation_id = "changeEnrolment", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = EnrolmentChange, responses(
    (status = 200, description = "Changed.", body = Success<Enrolment>),
    (status = 409, description = "`BATCH_FULL`: no place in that batch.")))]
async fn change(
    Shared(control): Shared<Control>,
    caller: Caller,
    Id(id): Id<EnrolmentId>,
    Body(given): Body<EnrolmentChange>,
) -> Result<Data<Enrolment>, HttpError> {
    let found = found(&control, &caller, id).await?;
    if let Some(Some(batch)) = given.batch_id {
        batches::rows::of_course(&control, batch, found.course_id).await?;
    }
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    let held = rows::hold_course(&mut tx, found.course_id).await?.ok_or(HttpError::NotFound("course"))?;
    let before = rows::by_id(&mut tx, id).await?.ok_or(HttpError::NotFound("enrolment"))?;
    if let Some(Some(batch)) = given.batch_id.filter(|batch| *batch != before.batch()) {
        let (_, of_batches) = rows::free_places(&mut tx, &held).await?;
        if before.state().takes_a_place() && of_batches.get(&batch) == Some(&0) {
            return Err(HttpError::Conflict("BATCH_FULL", "All places of this batch are taken."));
        }
    }
    let batch = given.batch_id.unwrap_or_else(|| before.batch());
    let expires_at = given.expires_at.unwrap_or(before.expires_at);
    rows::move_to(&mut tx, id, batch, expires_at, now).await?;
    act::fill(&mut tx, &held, now).await?;
    let enrolment = rows::by_id(&mut tx, id).await?.ok_or(db::Error::NoRow)?;
    tx.commit().await?;
    let user = accounts::rows::by_id(control.db(), found.user_id).await?;
    let user = user.ok_or(HttpError::NotFound("account"))?;
    let title = match batch {
        Some(batch) => batches::rows::by_id(control.db(), batch).await?.map(|batch| batch.title),
        None => None,
    };
    Ok(Data(Enrolment::of(enrolment, Student::new(user.id, user.email, user.full_name), title)))
}
