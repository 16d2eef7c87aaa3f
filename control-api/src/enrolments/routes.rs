//! Giving and taking places.

use axum::extract::State;
use events::AccessRevoked;
use http::StatusCode;
use ids::{CourseId, EnrolmentId, UserId};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::rows::{self, Outcome};
use crate::{
    Control,
    accounts::{self, routes::User},
    courses::routes::for_action,
    http::{Body, Caller, Data, HttpError, Id, Success, new_id},
    playback,
    rights::Action,
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(enrol)).routes(routes!(remove))
}

/// A person, by address or id.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Student {
    #[schema(example = "anna@school.example")]
    email: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
}

/// A place in a course.
#[derive(Serialize, ToSchema)]
struct Enrolment {
    #[schema(value_type = Uuid)]
    id: EnrolmentId,
    user: User,
    #[schema(example = "active")]
    status: &'static str,
}

/// Give somebody a place.
#[utoipa::path(post, path = "/courses/{id}/enroll-student", operation_id = "enrolStudent", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = Student, responses(
    (status = 200, description = "He has a place, now or already.", body = Success<Enrolment>),
    (status = 409, description = "`COURSE_FULL`: all places are taken.")))]
async fn enrol(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Body(given): Body<Student>,
) -> Result<Data<Enrolment>, HttpError> {
    let found = for_action(&control, &caller, course, Action::Enrol).await?;
    let user = find(&control, &given).await?;
    if user.id == found.teacher_id {
        return Err(HttpError::Conflict("IS_TEACHER", "The teacher needs no place in his course."));
    }
    let mut tx = control.db().begin().await?;
    let outcome = rows::enrol(&mut tx, new_id(), course, user.id, clock::utc()).await?;
    tx.commit().await?;
    match outcome {
        Outcome::Enrolled(id) | Outcome::Already(id) => {
            Ok(Data(Enrolment { id, user: user.into(), status: "active" }))
        }
        Outcome::Full => Err(HttpError::Conflict("COURSE_FULL", "All places of this course are taken.")),
    }
}

/// Take somebody's place away.
///
/// He may not watch any more within a second, not even what he is watching.
#[utoipa::path(post, path = "/courses/{id}/remove-student", operation_id = "removeStudent", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = Student, responses(
    (status = 204, description = "Gone."),
    (status = 404, description = "He had no place.")))]
async fn remove(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Body(given): Body<Student>,
) -> Result<StatusCode, HttpError> {
    for_action(&control, &caller, course, Action::Enrol).await?;
    let user = find(&control, &given).await?;
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    if !rows::remove(&mut tx, course, user.id, now).await? {
        return Err(HttpError::NotFound("place in this course"));
    }
    let revoked: Vec<AccessRevoked> = playback::rows::revoke(&mut tx, course, user.id, now).await?;
    tx.commit().await?;
    for fact in revoked {
        control.media().revoke(fact);
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn find(control: &Control, given: &Student) -> Result<accounts::rows::User, HttpError> {
    let user = match (&given.email, given.user_id) {
        (Some(email), None) => accounts::rows::by_email(control.db(), email).await?,
        (None, Some(id)) => accounts::rows::by_id(control.db(), id).await?,
        (None, None) | (Some(_), Some(_)) => {
            return Err(HttpError::invalid("email", "Give either an address or a user_id."));
        }
    };
    user.filter(|user| user.active).ok_or(HttpError::NotFound("account"))
}
