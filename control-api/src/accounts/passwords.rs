//! Forgotten and changed passwords.

use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use runtime::clock;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    devices::{self, Device},
    links::{self, Purpose},
    registration::{Address, LINK_ENDED, Letter, Who, letter},
    routes::{LogIn, limit, logged_in},
    rows, rules, tokens,
};
use crate::{
    Control,
    http::{Accepted, Body, Caller, Data, HttpError, Peer, Success, error::Details},
    jobs::{self, Fault, Task},
    mail::Kind,
};

pub(super) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(forgot)).routes(routes!(reset)).routes(routes!(change))
}

/// Ask for a letter to choose a new password.
///
/// The answer, and the time it takes, are the same for every address: the letter is a job's business.
#[utoipa::path(post, path = "/auth/forgot-password", operation_id = "forgotPassword", tag = "accounts",
    security(()), request_body = Who, responses(
    (status = 202, description = "Read the letter.", body = Success<Letter>),
    (status = 429, description = "Too many attempts from this address.")))]
async fn forgot(
    State(control): State<Control>,
    Peer(peer): Peer,
    Body(given): Body<Who>,
) -> Result<Accepted<Letter>, HttpError> {
    limit(&control, peer)?;
    let email = rules::email(&given.email).map_err(|fault| HttpError::invalid("email", fault))?.to_owned();
    jobs::enqueue(control.db(), &Task::ForgotPassword { email }, clock::utc()).await?;
    control.wake_jobs();
    Ok(letter(&control))
}

/// The job behind it.
pub(crate) async fn send_reset(
    control: &Control,
    job: Uuid,
    email: &str,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    let mut tx = control.db().begin().await?;
    if let Some(user) = rows::by_email(&mut tx, email).await?.filter(|user| user.active) {
        links::send(control, &mut tx, &user, Purpose::ResetPassword, job, now).await?;
        tx.commit().await?;
        control.wake_jobs();
    }
    Ok(())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// From the link in the letter.
    token: String,
    #[schema(format = Password)]
    password: String,
}

/// Choose a new password by the link in the letter.
///
/// Every device is logged out. The address counts as confirmed: its owner has read the letter.
#[utoipa::path(post, path = "/auth/reset-password", operation_id = "resetPassword", tag = "accounts",
    security(()), request_body = NewPassword, responses(
    (status = 200, description = "Changed: log in.", body = Success<Address>),
    (status = 422, description = "The link has ended (`token`), or the password will not do (`password`).")))]
async fn reset(
    State(control): State<Control>,
    Peer(peer): Peer,
    Body(given): Body<NewPassword>,
) -> Result<Data<Address>, HttpError> {
    limit(&control, peer)?;
    let ended = || HttpError::invalid("token", LINK_ENDED);
    let now = clock::utc();
    let holder = links::holder(control.db(), &given.token, Purpose::ResetPassword, false, now).await?;
    let user = match holder {
        Some(id) => rows::by_id(control.db(), id).await?.filter(|user| user.active).ok_or_else(ended)?,
        None => return Err(ended()),
    };
    check(&given.password, &user)?;
    let hash = control.hasher().hash(given.password).await?;
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    if !links::take(&mut tx, &given.token, Purpose::ResetPassword, user.id, now).await? {
        return Err(ended());
    }
    rows::set_password(&mut tx, user.id, &hash, now).await?;
    rows::verified(&mut tx, user.id, now).await?;
    devices::end_all(&mut tx, user.id, now).await?;
    links::tell(&mut tx, &user, Kind::PasswordChanged, now).await?;
    tx.commit().await?;
    control.wake_jobs();
    Ok(Data(Address { email: user.email }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordChange {
    #[schema(format = Password)]
    current_password: String,
    #[schema(format = Password)]
    password: String,
}

/// Change my password.
///
/// Every other device is logged out; this one gets new tokens.
#[utoipa::path(post, path = "/auth/change-password", operation_id = "changePassword", tag = "accounts",
    request_body = PasswordChange, responses(
    (status = 200, description = "Changed, and logged in anew.", body = Success<LogIn>),
    (status = 422, description = "The present password is wrong, or the new one will not do."),
    (status = 429, description = "Too many attempts from this address.")))]
async fn change(
    State(control): State<Control>,
    caller: Caller,
    Peer(peer): Peer,
    device: Device,
    Body(given): Body<PasswordChange>,
) -> Result<Response, HttpError> {
    limit(&control, peer)?;
    let user = rows::by_id(control.db(), caller.id).await?.ok_or(db::Error::NoRow)?;
    let wrong = || HttpError::invalid("current_password", "This is not your present password.");
    if given.current_password.len() > rules::PASSWORD_BYTES_MAX {
        return Err(wrong());
    }
    if !control.hasher().verify(given.current_password, user.password_hash.clone()).await? {
        return Err(wrong());
    }
    check(&given.password, &user)?;
    let hash = control.hasher().hash(given.password).await?;
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    rows::set_password(&mut tx, user.id, &hash, now).await?;
    devices::end_all(&mut tx, user.id, now).await?;
    links::end(&mut tx, user.id, Purpose::ResetPassword, now).await?;
    links::tell(&mut tx, &user, Kind::PasswordChanged, now).await?;
    let issued = tokens::issue(&control, &mut tx, user, &device, now).await?;
    tx.commit().await?;
    control.wake_jobs();
    Ok(logged_in(&control, issued))
}

fn check(password: &str, user: &rows::User) -> Result<(), HttpError> {
    let faults = rules::password_faults(password, &user.email, &user.full_name);
    if faults.is_empty() {
        Ok(())
    } else {
        Err(HttpError::Invalid(Details::from([("password".into(), faults)])))
    }
}
