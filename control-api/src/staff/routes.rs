//! Appointing co-teachers and assistants.

use axum::extract::State;
use http::StatusCode;
use ids::{CourseId, UserId};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::rows;
use crate::{
    Control,
    courses::routes::for_action,
    enrolments::routes::{Somebody, find},
    http::{Body, Caller, Data, HttpError, Id, Success},
    playback,
    rights::{Action, Role},
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list, appoint)).routes(routes!(dismiss))
}

/// What somebody does in a course beside its teacher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Duty {
    /// Teaches: changes the course and goes on air.
    CoTeacher,
    /// Looks after the students: requests, lists, invites.
    Assistant,
}

impl Duty {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::CoTeacher => "co_teacher",
            Self::Assistant => "assistant",
        }
    }
}

/// One of a course's staff.
#[derive(Serialize, ToSchema)]
struct Member {
    #[schema(value_type = Uuid)]
    user_id: UserId,
    #[schema(example = "Lan Pham")]
    full_name: String,
    email: String,
    /// `co_teacher` or `assistant`.
    #[schema(example = "assistant")]
    duty: String,
}

/// Who helps to give the course.
#[utoipa::path(get, path = "/courses/{id}/staff", operation_id = "listStaff", tag = "courses",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Everybody but its teacher.", body = Success<Vec<Member>>)))]
async fn list(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
) -> Result<Data<Vec<Member>>, HttpError> {
    for_action(&control, &caller, course, Action::Enrol).await?;
    let member = |row: rows::Member| Member {
        user_id: row.user_id,
        full_name: row.full_name,
        email: row.email,
        duty: row.duty,
    };
    Ok(Data(rows::list(control.db(), course).await?.into_iter().map(member).collect()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Appointment {
    #[schema(example = "lan@school.example")]
    email: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
    duty: Duty,
}

/// Appoint a co-teacher or an assistant.
///
/// A co-teacher is a teacher or an admin; an assistant may be anybody, such as a student of last year.
#[utoipa::path(post, path = "/courses/{id}/staff", operation_id = "appointStaff", tag = "courses",
    params(("id" = Uuid, Path)), request_body = Appointment, responses(
    (status = 200, description = "Appointed; somebody who was has the new duty.", body = Success<Member>),
    (status = 409, description = "`IS_TEACHER`: the course is his. `NOT_A_TEACHER`: students do not teach.")))]
async fn appoint(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Body(given): Body<Appointment>,
) -> Result<Data<Member>, HttpError> {
    let found = for_action(&control, &caller, course, Action::Own).await?;
    let user = find(&control, &Somebody::new(given.email, given.user_id)).await?;
    if user.id == found.teacher_id {
        return Err(HttpError::Conflict("IS_TEACHER", "The course is this person's already."));
    }
    if given.duty == Duty::CoTeacher && user.role() == Role::Student {
        return Err(HttpError::Conflict(
            "NOT_A_TEACHER",
            "Only a teacher can be a co-teacher. Appoint an assistant, or ask an admin for the role.",
        ));
    }
    rows::appoint(control.db(), course, user.id, given.duty, clock::utc()).await?;
    let duty = given.duty.word().to_owned();
    Ok(Data(Member { user_id: user.id, full_name: user.full_name, email: user.email, duty }))
}

/// Dismiss a co-teacher or an assistant.
///
/// What he watches as such ends within a second.
#[utoipa::path(post, path = "/courses/{id}/remove-staff", operation_id = "dismissStaff", tag = "courses",
    params(("id" = Uuid, Path)), request_body = Somebody, responses(
    (status = 204, description = "Dismissed."),
    (status = 404, description = "He had no duty.")))]
async fn dismiss(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Body(given): Body<Somebody>,
) -> Result<StatusCode, HttpError> {
    for_action(&control, &caller, course, Action::Own).await?;
    let user = find(&control, &given).await?;
    if !rows::dismiss(control.db(), course, user.id).await? {
        return Err(HttpError::NotFound("helper of this course"));
    }
    let mut tx = control.db().begin().await?;
    let revoked = playback::rows::revoke(&mut tx, course, user.id, clock::utc()).await?;
    tx.commit().await?;
    for fact in revoked {
        control.media().revoke(fact);
    }
    Ok(StatusCode::NO_CONTENT)
}
