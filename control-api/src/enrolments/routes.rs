//! Coming, going, giving and taking places.

use axum::extract::State as Shared;
use chrono::{DateTime, Utc};
use http::StatusCode;
use ids::{BatchId, CourseId, EnrolmentId, UserId};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    act::{self, Done, With},
    admission::{self, Applicant, Refusal},
    desk, import,
    rows::{self, Own},
    state::{Event, State},
};
use crate::{
    Control,
    accounts::{self, rows::User},
    batches, courses,
    courses::routes::for_action,
    http::{Body, Caller, Data, HttpError, Id, Listing, Page, Paging, Params, Success},
    invites,
    rights::Action,
    staff,
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(mine))
        .routes(routes!(join))
        .routes(routes!(leave))
        .routes(routes!(enrol))
        .routes(routes!(remove))
        .merge(desk::router())
        .merge(import::router())
}

const NOTE_CHARS_MAX: usize = 1000;

/// A note: a few lines of plain text; an empty one is none.
pub(super) fn note(text: Option<&str>) -> Result<Option<&str>, HttpError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    match text {
        Some(text) if text.chars().count() > NOTE_CHARS_MAX || text.chars().any(odd) => {
            Err(HttpError::invalid("message", format!("At most {NOTE_CHARS_MAX} characters of plain text.")))
        }
        Some(_) | None => Ok(text),
    }
}

/// Where somebody stands with a course.
#[derive(Serialize, ToSchema)]
pub(crate) struct Enrolment {
    #[schema(value_type = Uuid)]
    id: EnrolmentId,
    #[schema(value_type = Uuid)]
    course_id: CourseId,
    user: Student,
    /// `requested`, `awaiting_payment` (a place is kept), `waitlisted`, `active`, `completed`, `rejected`,
    /// `expired`, `removed`.
    #[schema(example = "active")]
    status: &'static str,
    #[schema(required)]
    batch: Option<InBatch>,
    /// What he wrote when he asked.
    #[schema(required, example = "I have read the first two chapters.")]
    message: Option<String>,
    /// What he was answered.
    #[schema(required)]
    answer: Option<String>,
    /// Until then the place is kept for who is to pay.
    #[schema(required)]
    held_until: Option<DateTime<Utc>>,
    /// Since when he has the place.
    #[schema(required)]
    placed_at: Option<DateTime<Utc>>,
    /// Until when; nothing: as long as the course.
    #[schema(required)]
    expires_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
}

/// Who learns.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Student {
    #[schema(value_type = Uuid)]
    id: UserId,
    #[schema(example = "anna@school.example")]
    email: String,
    #[schema(example = "Anna Nguyen")]
    full_name: String,
}

/// In which batch.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct InBatch {
    #[schema(value_type = Uuid)]
    id: BatchId,
    #[schema(required, example = "Spring 2027")]
    title: Option<String>,
}

impl Enrolment {
    pub(super) fn of(row: rows::Enrolment, user: Student, batch_title: Option<String>) -> Self {
        Self {
            id: row.id,
            course_id: row.course_id,
            user,
            status: row.state().word(),
            batch: row.batch().map(|id| InBatch { id, title: batch_title }),
            message: row.request_note,
            answer: row.answer_note,
            held_until: row.held_until,
            placed_at: row.placed_at,
            expires_at: row.expires_at,
            updated_at: row.updated_at,
        }
    }
}

impl Student {
    pub(super) fn new(id: UserId, email: String, full_name: String) -> Self {
        Self { id, email, full_name }
    }
}

/// The answer to a step, with the batch's title read for it.
pub(super) async fn answer(control: &Control, done: Done, user: User) -> Result<Enrolment, HttpError> {
    let title = match done.enrolment.batch() {
        Some(batch) => batches::rows::by_id(control.db(), batch).await?.map(|batch| batch.title),
        None => None,
    };
    Ok(Enrolment::of(done.enrolment, Student::new(user.id, user.email, user.full_name), title))
}

/// My place in a course, or my wait for one.
#[derive(Serialize, ToSchema)]
struct OwnEnrolment {
    #[schema(value_type = Uuid)]
    id: EnrolmentId,
    course: OwnCourse,
    /// See `Enrolment`.
    #[schema(example = "waitlisted")]
    status: &'static str,
    /// In the queue: how many are before me.
    #[schema(required)]
    before: Option<i64>,
    #[schema(required)]
    message: Option<String>,
    /// What I was answered.
    #[schema(required)]
    answer: Option<String>,
    #[schema(required)]
    held_until: Option<DateTime<Utc>>,
    #[schema(required)]
    expires_at: Option<DateTime<Utc>>,
    updated_at: DateTime<Utc>,
}

/// Of which course.
#[derive(Serialize, ToSchema)]
struct OwnCourse {
    #[schema(value_type = Uuid)]
    id: CourseId,
    slug: String,
    title: String,
    teacher_name: String,
}

impl From<Own> for OwnEnrolment {
    fn from(own: Own) -> Self {
        let row = own.enrolment;
        Self {
            id: row.id,
            course: OwnCourse {
                id: row.course_id,
                slug: own.course_slug,
                title: own.course_title,
                teacher_name: own.teacher_name,
            },
            status: row.state().word(),
            before: own.before,
            message: row.request_note,
            answer: row.answer_note,
            held_until: row.held_until,
            expires_at: row.expires_at,
            updated_at: row.updated_at,
        }
    }
}

/// My enrolments, whatever their state, the latest change first.
#[utoipa::path(get, path = "/enrolments", operation_id = "listMyEnrolments", tag = "enrolments", params(Paging),
    responses((status = 200, description = "A page of enrolments.", body = Listing<OwnEnrolment>)))]
async fn mine(
    Shared(control): Shared<Control>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Page<OwnEnrolment>, HttpError> {
    let slice = paging.checked()?;
    let (rows, total) = rows::mine(control.db(), caller.id, (slice.limit(), slice.offset())).await?;
    Ok(slice.page("/api/v1/enrolments", rows.into_iter().map(Into::into).collect(), total))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Application {
    /// To the teacher, who reads it before he answers.
    #[schema(max_length = 1000)]
    message: Option<String>,
    /// One of the course's open batches.
    #[schema(value_type = Option<Uuid>)]
    batch_id: Option<BatchId>,
}

/// Enrol myself, or ask for a place.
///
/// What comes of it is in `status`: at once a place in a public course; a request where the teacher decides; a
/// place that is kept for the payment in a paid course; a wait where all places are taken. Asking again changes
/// nothing.
#[utoipa::path(post, path = "/courses/{id}/enroll", operation_id = "enrolMyself", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = Option<Application>, responses(
    (status = 200, description = "Where I stand now.", body = Success<Enrolment>),
    (status = 409, description = "`COURSE_FULL`, `COURSE_CLOSED`, `PREREQUISITES_MISSING`, `NOT_ELIGIBLE`, \
        `DECLINED`, `REMOVED`, `EXPIRED`, `IS_TEACHER`: the message says why.")))]
async fn join(
    Shared(control): Shared<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    body: Option<Body<Application>>,
) -> Result<Data<Enrolment>, HttpError> {
    let given = body.map(|Body(body)| body).unwrap_or_default();
    for_action(&control, &caller, course, Action::See).await?;
    let message = note(given.message.as_deref())?;
    Ok(Data(take_in(&control, caller.id, course, given.batch_id, message, None).await?))
}

/// Takes in somebody who comes by himself, with or without an invite, as the course's terms say.
pub(crate) async fn take_in(
    control: &Control,
    user: UserId,
    course: CourseId,
    batch: Option<BatchId>,
    message: Option<&str>,
    invite: Option<&invites::rows::Invite>,
) -> Result<Enrolment, HttpError> {
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    let held = rows::hold_course(&mut tx, course).await?.ok_or(HttpError::NotFound("course"))?;
    if held.teacher_id == user || staff::rows::duty(&mut tx, course, user).await?.is_some() {
        return Err(HttpError::Conflict("IS_TEACHER", "Who gives the course needs no place in it."));
    }
    let person = accounts::rows::by_id(&mut tx, user).await?.ok_or(HttpError::NotFound("account"))?;
    if let Some(batch) = batch {
        let found = batches::rows::by_id(&mut tx, batch).await?.filter(|found| found.course_id == course);
        let open = found.is_some_and(|found| {
            invite.is_some() || (found.open && found.ends_at.is_none_or(|ends_at| now < ends_at))
        });
        if !open {
            return Err(HttpError::invalid("batch_id", "Choose one of the course's open batches."));
        }
    }
    let places = rows::places_of(&mut tx, user).await?;
    let required = courses::admission::required(&mut tx, course).await?;
    let criteria = courses::admission::criteria(&mut tx, course).await?;
    let applicant = Applicant { email: &person.email, invited: invite.is_some(), places: &places };
    let way = admission::way(held.terms(), &required, &criteria, applicant, now).map_err(refused)?;
    let with = With { by: Some(user), request_note: message, batch, ..With::default() };
    let done = act::step(&mut tx, &held, user, Event::Join(way), with, now).await?;
    if let Some(invite) = invite.filter(|_| done.changed)
        && !invites::rows::use_up(&mut tx, invite.id, now).await?
    {
        return Err(invites::routes::GONE);
    }
    tx.commit().await?;
    act::tell(control, &done);
    answer(control, done, person).await
}

fn refused(refusal: Refusal) -> HttpError {
    let (code, message) = match refusal {
        Refusal::Closed => ("COURSE_CLOSED", "This course takes nobody in at the moment."),
        Refusal::PrerequisitesMissing => (
            "PREREQUISITES_MISSING",
            "Other courses have to be completed first. The course's page names them.",
        ),
        Refusal::NotForYou => {
            ("NOT_ELIGIBLE", "This course is for a certain group. Ask the teacher for an invite.")
        }
    };
    HttpError::Conflict(code, message)
}

/// Leave a course, or withdraw my request or my wait.
#[utoipa::path(post, path = "/courses/{id}/leave", operation_id = "leaveCourse", tag = "enrolments",
    params(("id" = Uuid, Path)), responses(
    (status = 204, description = "Left."),
    (status = 404, description = "I had no place and did not wait for one.")))]
async fn leave(
    Shared(control): Shared<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
) -> Result<StatusCode, HttpError> {
    for_action(&control, &caller, course, Action::See).await?;
    let with = With { by: Some(caller.id), ..With::default() };
    act::once(&control, course, caller.id, Event::Leave, with).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A person, by address or id.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Somebody {
    #[schema(example = "anna@school.example")]
    email: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
}

impl Somebody {
    pub(crate) fn new(email: Option<String>, user_id: Option<UserId>) -> Self {
        Self { email, user_id }
    }
}

/// A person who is to have a place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewStudent {
    #[schema(example = "anna@school.example")]
    email: Option<String>,
    #[schema(value_type = Option<Uuid>)]
    user_id: Option<UserId>,
    /// One of the course's batches, open or not.
    #[schema(value_type = Option<Uuid>)]
    batch_id: Option<BatchId>,
}

/// Give somebody a place.
///
/// Whoever gives it answers for it: neither the access level nor prerequisites are asked for. Capacity is.
#[utoipa::path(post, path = "/courses/{id}/enroll-student", operation_id = "enrolStudent", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = NewStudent, responses(
    (status = 200, description = "He has a place, now or already.", body = Success<Enrolment>),
    (status = 409, description = "`COURSE_FULL`: all places are taken.")))]
async fn enrol(
    Shared(control): Shared<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Body(given): Body<NewStudent>,
) -> Result<Data<Enrolment>, HttpError> {
    let found = for_action(&control, &caller, course, Action::Enrol).await?;
    let user = find(&control, &Somebody::new(given.email, given.user_id)).await?;
    if user.id == found.teacher_id {
        return Err(HttpError::Conflict("IS_TEACHER", "The teacher needs no place in his course."));
    }
    if let Some(batch) = given.batch_id {
        batches::rows::of_course(&control, batch, course).await?;
    }
    let with = With { by: Some(caller.id), batch: given.batch_id, ..With::default() };
    let done = act::once(&control, course, user.id, Event::Give, with).await?;
    Ok(Data(answer(&control, done, user).await?))
}

/// Take somebody's place, request or wait away.
///
/// He may not watch any more within a second, not even what he is watching. Who waits for a place moves up.
#[utoipa::path(post, path = "/courses/{id}/remove-student", operation_id = "removeStudent", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = Somebody, responses(
    (status = 204, description = "Gone."),
    (status = 404, description = "He had no place.")))]
async fn remove(
    Shared(control): Shared<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Body(given): Body<Somebody>,
) -> Result<StatusCode, HttpError> {
    for_action(&control, &caller, course, Action::Enrol).await?;
    let user = find(&control, &given).await?;
    let with = With { by: Some(caller.id), ..With::default() };
    act::once(&control, course, user.id, Event::Remove, with).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The account that is meant.
pub(crate) async fn find(control: &Control, given: &Somebody) -> Result<User, HttpError> {
    let user = match (&given.email, given.user_id) {
        (Some(email), None) => accounts::rows::by_email(control.db(), email).await?,
        (None, Some(id)) => accounts::rows::by_id(control.db(), id).await?,
        (None, None) | (Some(_), Some(_)) => {
            return Err(HttpError::invalid("email", "Give either an address or a user_id."));
        }
    };
    user.filter(|user| user.active).ok_or(HttpError::NotFound("account"))
}

/// One state's word in a query, or none.
pub(super) fn state(word: Option<&str>) -> Result<Option<State>, HttpError> {
    let known = || State::ALL.map(State::word).join(", ");
    word.map(|word| {
        State::of(word).ok_or_else(|| HttpError::invalid("status", format!("One of {}.", known())))
    })
    .transpose()
}
