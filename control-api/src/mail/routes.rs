//! The outbox over HTTP, for admins.

use axum::extract::State;
use chrono::{DateTime, Utc};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{deliver, rows};
use crate::{
    Control,
    http::{Admin, Data, HttpError, Id, Listing, Page, Paging, Params, Success},
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read)).routes(routes!(send))
}

/// A letter by e-mail.
#[derive(Serialize, ToSchema)]
struct Letter {
    id: Uuid,
    #[schema(example = "reset_password")]
    kind: String,
    #[schema(example = "vi")]
    locale: String,
    #[schema(example = "anna@school.example")]
    recipient: String,
    /// `queued`; `held` (no mail server is set: hand it on yourself); `offered` (the mail server has it in its
    /// hands); `sent`; `refused`; `doubtful` (its answer was lost: it may have arrived); `expired`.
    #[schema(example = "held")]
    status: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<rows::Letter> for Letter {
    fn from(letter: rows::Letter) -> Self {
        Self {
            id: letter.id,
            kind: letter.kind,
            locale: letter.locale,
            recipient: letter.recipient,
            status: letter.status,
            created_at: letter.created_at,
            updated_at: letter.updated_at,
            expires_at: letter.expires_at,
        }
    }
}

/// A letter with its delivery log.
#[derive(Serialize, ToSchema)]
struct WholeLetter {
    #[serde(flatten)]
    letter: Letter,
    /// Each try and what the mail server said.
    deliveries: Vec<Delivery>,
    /// What it says, while it is held: then you are the one who hands it on. Whoever reads it has the link.
    #[schema(required)]
    text: Option<String>,
}

/// A try to deliver a letter.
#[derive(Serialize, ToSchema)]
struct Delivery {
    /// `held`, `deferred`, `refused`, `sent`, `doubtful` or `expired`.
    #[schema(example = "sent")]
    outcome: String,
    detail: String,
    at: DateTime<Utc>,
}

/// Which letters, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct WhichLetters {
    /// Those of this status alone.
    status: Option<String>,
    /// Counted from 1.
    #[param(minimum = 1, maximum = 10_000, default = 1)]
    page: Option<u32>,
    /// Entries of a page, at most 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
}

/// Letters, the newest first.
#[utoipa::path(get, path = "/admin/letters", operation_id = "listLetters", tag = "operations",
    params(WhichLetters), responses((status = 200, description = "A page of letters.", body = Listing<Letter>)))]
async fn list(
    State(control): State<Control>,
    _: Admin,
    Params(which): Params<WhichLetters>,
) -> Result<Page<Letter>, HttpError> {
    let slice = Paging::of(which.page, which.per_page).checked()?;
    let (letters, total) =
        rows::list(control.db(), which.status.as_deref(), slice.limit(), slice.offset()).await?;
    Ok(slice.page("/api/v1/admin/letters", letters.into_iter().map(Letter::from).collect(), total))
}

const NONE: HttpError = HttpError::NotFound("letter");

/// One letter with its delivery log.
#[utoipa::path(get, path = "/admin/letters/{id}", operation_id = "readLetter", tag = "operations",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The letter.", body = Success<WholeLetter>)))]
async fn read(
    State(control): State<Control>,
    _: Admin,
    Id(id): Id<Uuid>,
) -> Result<Data<WholeLetter>, HttpError> {
    let letter = rows::by_id(control.db(), id).await?.ok_or(NONE)?;
    let deliveries = rows::deliveries(control.db(), id).await?.into_iter();
    let useful = letter.status == "held" && clock::utc() < letter.expires_at;
    let text = useful.then(|| deliver::write(&control, &letter).ok()).flatten().map(|written| written.text);
    let delivery = |one: rows::Delivery| Delivery { outcome: one.outcome, detail: one.detail, at: one.at };
    Ok(Data(WholeLetter { deliveries: deliveries.map(delivery).collect(), text, letter: letter.into() }))
}

/// Send a letter once more.
#[utoipa::path(post, path = "/admin/letters/{id}/send", operation_id = "sendLetter", tag = "operations",
    params(("id" = Uuid, Path)), responses(
    (status = 200, description = "It is queued.", body = Success<Letter>),
    (status = 409, description = "`LETTER_EXPIRED` or `LETTER_UNDER_WAY`.")))]
async fn send(State(control): State<Control>, _: Admin, Id(id): Id<Uuid>) -> Result<Data<Letter>, HttpError> {
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    let queued = rows::requeue(&mut tx, id, now).await?;
    tx.commit().await?;
    control.wake_jobs();
    let letter = rows::by_id(control.db(), id).await?.ok_or(NONE)?;
    if queued {
        return Ok(Data(letter.into()));
    }
    Err(if now >= letter.expires_at || letter.status == "expired" {
        HttpError::Conflict("LETTER_EXPIRED", "This letter came too late to be of use.")
    } else {
        HttpError::Conflict("LETTER_UNDER_WAY", "This letter is on its way.")
    })
}
