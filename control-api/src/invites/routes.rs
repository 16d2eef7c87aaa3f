//! Invites over HTTP. The code stands behind the `#` of a link, so that it enters no server's log; the page sends
//! it in a body.

use axum::extract::State;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use ids::{BatchId, CourseId, InviteId};
use runtime::{clock, random};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::rows;
use crate::{
    Control, batches, courses,
    courses::routes::for_action,
    enrolments::routes::{Enrolment, take_in},
    http::{Body, Caller, Created, Data, HttpError, Id, Success, new_id},
    rights::Action,
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
        .routes(routes!(look))
        .routes(routes!(redeem))
}

const LIFE_DAYS: u32 = 14;
const LIFE_DAYS_MAX: u32 = 366;
const USES_MAX: u32 = 100_000;
/// What is longer is no code.
const CODE_LEN_MAX: usize = 64;

/// The same whether there never was such an invite, or it is used up, over or revoked.
pub(crate) const GONE: HttpError = HttpError::Conflict(
    "INVITE_GONE",
    "This invite does not work (any more). Ask whoever sent it for a new one.",
);

/// An invite, without its code.
#[derive(Serialize, ToSchema)]
struct Invite {
    #[schema(value_type = Uuid)]
    id: InviteId,
    #[schema(required, value_type = Option<Uuid>)]
    batch_id: Option<BatchId>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    /// How many it lets in; nothing: all who come.
    #[schema(required)]
    uses_max: Option<i64>,
    uses: i64,
    /// It lets somebody in now.
    good: bool,
}

/// An invite with its link, shown this once.
#[derive(Serialize, ToSchema)]
struct FreshInvite {
    invite: Invite,
    /// To be sent to who is invited.
    #[schema(example = "https://live.school.example/join#kX2v…")]
    link: String,
    code: String,
}

impl Invite {
    fn of(row: &rows::Invite, now: DateTime<Utc>) -> Self {
        Self {
            id: row.id,
            batch_id: row.batch(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            uses_max: row.uses_max,
            uses: row.uses,
            good: row.is_good(now),
        }
    }
}

/// A course's invites that are not revoked, the latest first.
#[utoipa::path(get, path = "/courses/{id}/invites", operation_id = "listInvites", tag = "enrolments",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "Without their codes.", body = Success<Vec<Invite>>)))]
async fn list(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
) -> Result<Data<Vec<Invite>>, HttpError> {
    for_action(&control, &caller, course, Action::Enrol).await?;
    let now = clock::utc();
    let rows = rows::list(control.db(), course).await?;
    Ok(Data(rows.iter().map(|row| Invite::of(row, now)).collect()))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInvite {
    /// For so many days; 14 unless said otherwise.
    #[schema(minimum = 1, maximum = 366)]
    days: Option<u32>,
    /// It lets in so many; all who come, unless said otherwise.
    #[schema(minimum = 1, maximum = 100_000)]
    uses_max: Option<u32>,
    /// They come into this batch, open or not.
    #[schema(value_type = Option<Uuid>)]
    batch_id: Option<BatchId>,
}

/// Make an invite link.
///
/// Who holds it is let in without being asked for more, as far as there are places; a price is to be paid all
/// the same, and prerequisites count.
#[utoipa::path(post, path = "/courses/{id}/invites", operation_id = "createInvite", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = Option<NewInvite>,
    responses((status = 201, description = "The link is shown this once.", body = Success<FreshInvite>)))]
async fn create(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    body: Option<Body<NewInvite>>,
) -> Result<Created<FreshInvite>, HttpError> {
    let given = body.map(|Body(body)| body).unwrap_or_default();
    for_action(&control, &caller, course, Action::Enrol).await?;
    let days = given.days.unwrap_or(LIFE_DAYS);
    if !(1..=LIFE_DAYS_MAX).contains(&days) {
        return Err(HttpError::invalid("days", format!("From 1 to {LIFE_DAYS_MAX}.")));
    }
    if given.uses_max.is_some_and(|uses| !(1..=USES_MAX).contains(&uses)) {
        return Err(HttpError::invalid("uses_max", format!("From 1 to {USES_MAX}.")));
    }
    if let Some(batch) = given.batch_id {
        batches::rows::of_course(&control, batch, course).await?;
    }
    let now = db::to_micros(clock::utc());
    let code = URL_SAFE_NO_PAD.encode(random::bytes::<18>());
    let id: InviteId = new_id();
    let insert = rows::Insert {
        id,
        course,
        batch: given.batch_id,
        hash: &hash(&code),
        by: caller.id,
        now,
        expires_at: now + TimeDelta::days(days.into()),
        uses_max: given.uses_max.map(i64::from),
    };
    rows::insert(control.db(), insert).await?;
    let row = rows::by_id(control.db(), id).await?.ok_or(db::Error::NoRow)?;
    let link = format!("{}/join#{code}", control.config().public_url);
    Ok(Created(FreshInvite { invite: Invite::of(&row, now), link, code }))
}

/// Revoke an invite. Who came by it stays.
#[utoipa::path(delete, path = "/invites/{id}", operation_id = "revokeInvite", tag = "enrolments",
    params(("id" = Uuid, Path)), responses(
    (status = 204, description = "Revoked."),
    (status = 404, description = "There is none, or it was revoked.")))]
async fn revoke(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<InviteId>,
) -> Result<StatusCode, HttpError> {
    const NONE: HttpError = HttpError::NotFound("invite");
    let invite = rows::by_id(control.db(), id).await?.ok_or(NONE)?;
    match for_action(&control, &caller, invite.course_id, Action::Enrol).await {
        Err(HttpError::NotFound(_)) => return Err(NONE),
        other => drop(other?),
    }
    if rows::revoke(control.db(), id, clock::utc()).await? { Ok(StatusCode::NO_CONTENT) } else { Err(NONE) }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Code {
    /// What stands behind the `#` of the link.
    code: String,
}

/// What an invite invites to.
#[derive(Serialize, ToSchema)]
struct Invitation {
    #[schema(value_type = Uuid)]
    course_id: CourseId,
    #[schema(example = "Linear Algebra")]
    title: String,
    description: String,
    teacher_name: String,
    #[schema(required)]
    batch_title: Option<String>,
    expires_at: DateTime<Utc>,
    /// I have a place already, or wait for one: see `Enrolment`.
    #[schema(required)]
    status: Option<&'static str>,
}

/// What does this invite invite to?
#[utoipa::path(post, path = "/invites/look", operation_id = "lookAtInvite", tag = "enrolments",
    request_body = Code, responses(
    (status = 200, description = "It is good.", body = Success<Invitation>),
    (status = 409, description = "`INVITE_GONE`: it is not.")))]
async fn look(
    State(control): State<Control>,
    caller: Caller,
    Body(given): Body<Code>,
) -> Result<Data<Invitation>, HttpError> {
    let invite = good(&control, &given.code).await?;
    let course = courses::rows::by_id(control.db(), caller.id, invite.course_id).await?.ok_or(GONE)?;
    let batch = match invite.batch() {
        Some(batch) => batches::rows::by_id(control.db(), batch).await?,
        None => None,
    };
    Ok(Data(Invitation {
        course_id: course.id,
        status: course.ties.state().map(crate::enrolments::state::State::word),
        title: course.title,
        description: course.description,
        teacher_name: course.teacher_name,
        batch_title: batch.map(|batch| batch.title),
        expires_at: invite.expires_at,
    }))
}

/// Come in by an invite.
#[utoipa::path(post, path = "/invites/redeem", operation_id = "redeemInvite", tag = "enrolments",
    request_body = Code, responses(
    (status = 200, description = "Where I stand now.", body = Success<Enrolment>),
    (status = 409, description = "`INVITE_GONE`, or what `enrolMyself` may answer.")))]
async fn redeem(
    State(control): State<Control>,
    caller: Caller,
    Body(given): Body<Code>,
) -> Result<Data<Enrolment>, HttpError> {
    let invite = good(&control, &given.code).await?;
    let (course, batch) = (invite.course_id, invite.batch());
    Ok(Data(take_in(&control, caller.id, course, batch, None, Some(&invite)).await?))
}

async fn good(control: &Control, code: &str) -> Result<rows::Invite, HttpError> {
    if code.len() > CODE_LEN_MAX {
        return Err(GONE);
    }
    let invite = rows::by_hash(control.db(), &hash(code)).await?;
    invite.filter(|invite| invite.is_good(clock::utc())).ok_or(GONE)
}

/// 144 random bits need no salt.
fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}
