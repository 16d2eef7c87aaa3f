//! Making an account oneself, and proving one's address.

use axum::extract::State;
use chrono::{DateTime, Utc};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    links::{self, Purpose},
    routes::{limit, new_account},
    rows, rules,
};
use crate::{
    Control,
    http::{Accepted, Body, Data, HttpError, Peer, Success, new_id},
    jobs::{self, Fault, Task},
    mail::{Kind, Locale},
    rights::Role,
};

pub(super) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(options))
        .routes(routes!(register))
        .routes(routes!(verify_email))
        .routes(routes!(resend_verification))
}

/// What this server offers to somebody without an account.
#[derive(Serialize, ToSchema)]
struct Options {
    /// Everybody may make an account (`LECTERN_REGISTRATION`).
    registration: bool,
    /// Letters are sent. Without a mail server the operator has them, and hands them on.
    mail: bool,
}

/// What can I do without an account?
#[utoipa::path(get, path = "/auth/options", operation_id = "options", tag = "accounts", security(()),
    responses((status = 200, description = "What this server offers.", body = Success<Options>)))]
async fn options(State(control): State<Control>) -> Data<Options> {
    let config = control.config();
    Data(Options { registration: config.registration_open, mail: config.mail.server.is_some() })
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewAccount {
    #[schema(example = "anna@school.example")]
    email: String,
    #[schema(format = Password)]
    password: String,
    #[schema(example = "Anna Nguyen")]
    full_name: String,
    /// The language of letters: `en` or `vi`; English unless said otherwise.
    #[schema(example = "vi")]
    locale: Option<String>,
}

/// That a letter is on its way, if there is a reason for one.
#[derive(Serialize, ToSchema)]
pub(super) struct Letter {
    /// `sent`, or `held` where this server has no mail server and its operator hands letters on.
    #[schema(example = "sent")]
    letter: &'static str,
}

/// The same answer for every address.
pub(super) fn letter(control: &Control) -> Accepted<Letter> {
    Accepted(Letter { letter: if control.config().mail.server.is_some() { "sent" } else { "held" } })
}

/// Make an account.
///
/// The answer is the same whether the address has an account or not; the letter says. The account can be
/// used once its address is confirmed.
#[utoipa::path(post, path = "/auth/register", operation_id = "register", tag = "accounts", security(()),
    request_body = NewAccount, responses(
    (status = 202, description = "Read the letter.", body = Success<Letter>),
    (status = 403, description = "`REGISTRATION_CLOSED`: this server's accounts are made by its admins."),
    (status = 429, description = "Too many attempts from this address.")))]
async fn register(
    State(control): State<Control>,
    Peer(peer): Peer,
    Body(given): Body<NewAccount>,
) -> Result<Accepted<Letter>, HttpError> {
    if !control.config().registration_open {
        const CLOSED: &str = "This server makes no accounts by itself. Ask your school for one.";
        return Err(HttpError::Refused("REGISTRATION_CLOSED", CLOSED));
    }
    limit(&control, peer)?;
    let (email, full_name) = new_account(&given.email, &given.full_name, &given.password)?;
    let locale = match given.locale.as_deref() {
        Some(tag) => Locale::of_tag(tag).ok_or_else(|| HttpError::invalid("locale", "Write en or vi."))?,
        None => Locale::English,
    };
    // Hashed for known addresses as well: the answer takes as long.
    let password_hash = control.hasher().hash(given.password.clone()).await?;
    let now = clock::utc();
    let id = new_id();
    let insert =
        rows::Insert { id, email, full_name, role: Role::Student, password_hash: &password_hash, now };
    match enter(&control, insert, locale).await {
        // Two at once: the other one's letter is on its way.
        Err(error) if error.is_unique() => {}
        entered => entered?,
    }
    control.wake_jobs();
    Ok(letter(&control))
}

async fn enter(control: &Control, insert: rows::Insert<'_>, locale: Locale) -> Result<(), db::Error> {
    let now = insert.now;
    let mut tx = control.db().begin().await?;
    let known = rows::by_email(&mut tx, insert.email).await?;
    match known {
        None => {
            rows::insert_unverified(&mut tx, insert, locale).await?;
            let user = rows::by_id(&mut tx, insert.id).await?.ok_or(db::Error::NoRow)?;
            links::send(control, &mut tx, &user, Purpose::VerifyEmail, new_id(), now).await?;
        }
        // Nobody has proved that this address is his: whoever asks last names himself anew, and the links of
        // those before him end, so that nobody's password is waiting for the owner.
        Some(user) if user.email_verified_at.is_none() && user.active => {
            // Without a letter the present links are the only ones: they stay, and so does all else.
            if !links::may_send(&mut tx, &user, Purpose::VerifyEmail, now).await? {
                return Ok(());
            }
            rows::replace_unverified(&mut tx, user.id, insert, locale).await?;
            links::end(&mut tx, user.id, Purpose::VerifyEmail, now).await?;
            let user = rows::by_id(&mut tx, user.id).await?.ok_or(db::Error::NoRow)?;
            links::send(control, &mut tx, &user, Purpose::VerifyEmail, new_id(), now).await?;
        }
        Some(user) if user.active => links::tell(&mut tx, &user, Kind::AlreadyRegistered, now).await?,
        Some(_) => {}
    }
    tx.commit().await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LinkSecret {
    /// From the link in the letter.
    token: String,
}

/// Whose address it is.
#[derive(Serialize, ToSchema)]
pub(super) struct Address {
    #[schema(example = "anna@school.example")]
    pub(super) email: String,
}

pub(super) const LINK_ENDED: &str = "This link is used up or has ended. Ask for a new one.";

/// Confirm an address by the link in the letter.
///
/// A second time is no mistake, as long as the link lives.
#[utoipa::path(post, path = "/auth/verify-email", operation_id = "verifyEmail", tag = "accounts", security(()),
    request_body = LinkSecret, responses(
    (status = 200, description = "Confirmed: log in.", body = Success<Address>),
    (status = 422, description = "The link has ended.")))]
async fn verify_email(
    State(control): State<Control>,
    Peer(peer): Peer,
    Body(given): Body<LinkSecret>,
) -> Result<Data<Address>, HttpError> {
    limit(&control, peer)?;
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    let ended = || HttpError::invalid("token", LINK_ENDED);
    let id =
        links::holder(&mut tx, &given.token, Purpose::VerifyEmail, true, now).await?.ok_or_else(ended)?;
    let first = links::take(&mut tx, &given.token, Purpose::VerifyEmail, id, now).await?;
    let user = rows::by_id(&mut tx, id).await?.filter(|user| user.active).ok_or_else(ended)?;
    if first {
        rows::verified(&mut tx, id, now).await?;
    } else if user.email_verified_at.is_none() {
        // It was ended by a later registration, not by use.
        return Err(ended());
    }
    tx.commit().await?;
    Ok(Data(Address { email: user.email }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    #[schema(example = "anna@school.example")]
    pub(super) email: String,
}

/// Send the letter that confirms an address once more.
///
/// The answer is the same for every address.
#[utoipa::path(post, path = "/auth/resend-verification", operation_id = "resendVerification", tag = "accounts",
    security(()), request_body = Who, responses(
    (status = 202, description = "Read the letter.", body = Success<Letter>),
    (status = 429, description = "Too many attempts from this address.")))]
async fn resend_verification(
    State(control): State<Control>,
    Peer(peer): Peer,
    Body(given): Body<Who>,
) -> Result<Accepted<Letter>, HttpError> {
    limit(&control, peer)?;
    let email = rules::email(&given.email).map_err(|fault| HttpError::invalid("email", fault))?.to_owned();
    jobs::enqueue(control.db(), &Task::ResendVerification { email }, clock::utc()).await?;
    control.wake_jobs();
    Ok(letter(&control))
}

/// The job behind it.
pub(crate) async fn send_again(
    control: &Control,
    job: Uuid,
    email: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let mut tx = control.db().begin().await?;
    let user = rows::by_email(&mut tx, email).await?;
    if let Some(user) = user.filter(|user| user.active && user.email_verified_at.is_none()) {
        links::send(control, &mut tx, &user, Purpose::VerifyEmail, job, now).await?;
        tx.commit().await?;
        control.wake_jobs();
    }
    Ok(())
}
