//! Log-in, renewal, log-out, set-up.

use std::net::IpAddr;

use access::jwt::Role;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use ids::UserId;
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    devices::{self, Device},
    hasher::Busy,
    passwords, profiles, registration, rows, rules, setup, tokens,
};
use crate::{
    Control,
    http::{Body, Data, HttpError, Peer, Success, error::Details, is_same_site, new_id},
    rights::word,
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(log_in))
        .routes(routes!(refresh))
        .routes(routes!(log_out))
        .routes(routes!(setup_needed, set_up))
        .merge(registration::router())
        .merge(passwords::router())
        .merge(profiles::router())
        .merge(devices::router())
}

const COOKIE: &str = "lectern_refresh";

/// A person, as others may see him who may see him at all.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct User {
    #[schema(value_type = Uuid)]
    pub(crate) id: UserId,
    #[schema(example = "anna@school.example")]
    pub(crate) email: String,
    #[schema(example = "Anna Nguyen")]
    pub(crate) full_name: String,
    /// `student`, `instructor` or `admin`.
    #[schema(example = "student")]
    pub(crate) role: &'static str,
}

impl From<rows::User> for User {
    fn from(user: rows::User) -> Self {
        let role = word(user.role());
        Self { id: user.id, email: user.email, full_name: user.full_name, role }
    }
}

/// Who is logged in, and with what.
#[derive(Serialize, ToSchema)]
pub(super) struct LogIn {
    /// For `Authorization: Bearer …`; lives ten minutes.
    access: String,
    /// For `POST /auth/refresh`, once. Browsers have it in a cookie as well, and need not read it.
    refresh: String,
    user: User,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Credentials {
    #[schema(example = "anna@school.example")]
    email: String,
    #[schema(format = Password)]
    password: String,
}

/// Log in.
#[utoipa::path(post, path = "/auth/login", operation_id = "logIn", tag = "accounts", security(()),
    request_body = Credentials, responses(
    (status = 200, description = "Logged in. Sets the cookie `lectern_refresh`.", body = Success<LogIn>),
    (status = 401, description = "Address or password wrong."),
    (status = 403, description = "`EMAIL_NOT_VERIFIED`: the address is not confirmed yet."),
    (status = 429, description = "Too many attempts from this address.")))]
async fn log_in(
    State(control): State<Control>,
    Peer(peer): Peer,
    device: Device,
    Body(given): Body<Credentials>,
) -> Result<Response, HttpError> {
    limit(&control, peer)?;
    if given.password.len() > rules::PASSWORD_BYTES_MAX {
        return Err(HttpError::WrongCredentials);
    }
    let user = rows::by_email(control.db(), &given.email).await?;
    let stored = user.as_ref().and_then(|user| user.password_hash.clone());
    let right = control.hasher().verify(given.password, stored).await?;
    let user = user.filter(|user| right && user.active).ok_or(HttpError::WrongCredentials)?;
    // Told to nobody but him who knows the password.
    if user.email_verified_at.is_none() {
        const UNVERIFIED: &str =
            "Confirm your e-mail address first: open the link in the e-mail we sent you.";
        return Err(HttpError::Refused("EMAIL_NOT_VERIFIED", UNVERIFIED));
    }
    let mut tx = control.db().begin().await?;
    let issued = tokens::issue(&control, &mut tx, user, &device, clock::utc()).await?;
    tx.commit().await?;
    Ok(logged_in(&control, issued))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RefreshToken {
    /// Left out by browsers, which send the cookie.
    refresh: Option<String>,
}

/// Renew the access token.
///
/// The refresh token is used up by it, and the answer holds the next. A token that comes a second time
/// ends the log-in everywhere, except within ten seconds, when the same answer is given again.
#[utoipa::path(post, path = "/auth/refresh", operation_id = "refresh", tag = "accounts", security(()),
    request_body = Option<RefreshToken>, responses(
    (status = 200, description = "Renewed. Sets the cookie again.", body = Success<LogIn>),
    (status = 401, description = "Log in again.")))]
async fn refresh(
    State(control): State<Control>,
    headers: HeaderMap,
    device: Device,
    body: Option<Body<RefreshToken>>,
) -> Result<Response, HttpError> {
    let token = presented(&control, &headers, body)?;
    let token = token.ok_or(HttpError::Unauthenticated("There is no refresh token."))?;
    let issued = tokens::rotate(&control, &token, &device, clock::utc()).await?;
    Ok(logged_in(&control, issued))
}

/// Log out here.
#[utoipa::path(post, path = "/auth/logout", operation_id = "logOut", tag = "accounts", security(()),
    request_body = Option<RefreshToken>, responses((status = 204, description = "Logged out.")))]
async fn log_out(
    State(control): State<Control>,
    headers: HeaderMap,
    body: Option<Body<RefreshToken>>,
) -> Result<Response, HttpError> {
    if let Some(token) = presented(&control, &headers, body)? {
        tokens::revoke(&control, &token, clock::utc()).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie(&control, "", 0));
    Ok(response)
}

#[derive(Serialize, ToSchema)]
struct Setup {
    /// The server has no admin yet: use the link that it printed at its start.
    needed: bool,
}

/// Is the server still to be set up?
#[utoipa::path(get, path = "/setup", operation_id = "setupNeeded", tag = "accounts", security(()),
    responses((status = 200, description = "Whether there is no admin yet.", body = Success<Setup>)))]
async fn setup_needed(State(control): State<Control>) -> Result<Data<Setup>, HttpError> {
    Ok(Data(Setup { needed: !rows::has_admin(control.db()).await? }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstAdmin {
    /// From the link that the server printed.
    token: String,
    #[schema(example = "admin@school.example")]
    email: String,
    #[schema(format = Password)]
    password: String,
    #[schema(example = "Anna Nguyen")]
    full_name: String,
}

/// Make the first admin.
#[utoipa::path(post, path = "/setup", operation_id = "setUp", tag = "accounts", security(()),
    request_body = FirstAdmin, responses(
    (status = 200, description = "Made, and logged in.", body = Success<LogIn>),
    (status = 403, description = "The link is used up.")))]
async fn set_up(
    State(control): State<Control>,
    Peer(peer): Peer,
    device: Device,
    Body(given): Body<FirstAdmin>,
) -> Result<Response, HttpError> {
    limit(&control, peer)?;
    let (email, full_name) = new_account(&given.email, &given.full_name, &given.password)?;
    let password_hash = control.hasher().hash(given.password.clone()).await?;
    let now = clock::utc();
    let admin = rows::Insert {
        id: new_id(),
        email,
        full_name,
        role: Role::Admin,
        password_hash: &password_hash,
        now,
    };
    let issued = setup::set_up(&control, &given.token, admin, &device, now).await?;
    Ok(logged_in(&control, issued))
}

/// Counts a try of this address at whatever could be guessed or flooded.
pub(super) fn limit(control: &Control, peer: IpAddr) -> Result<(), HttpError> {
    let attempt = control.attempts().take(peer, clock::now());
    attempt.map_err(|retry_after_s| HttpError::TooMany { retry_after_s })
}

/// Address and name of a new account; all faults at once, field by field.
pub(super) fn new_account<'a>(
    email: &'a str,
    full_name: &'a str,
    password: &str,
) -> Result<(&'a str, &'a str), HttpError> {
    let mut details = Details::new();
    let faults = rules::password_faults(password, email, full_name);
    let email = rules::email(email);
    if let Err(fault) = email {
        details.insert("email".into(), vec![fault.into()]);
    }
    let name = rules::name(full_name);
    if let Err(fault) = &name {
        details.insert("full_name".into(), vec![fault.clone()]);
    }
    if !faults.is_empty() {
        details.insert("password".into(), faults);
    }
    match (email, name) {
        (Ok(email), Ok(name)) if details.is_empty() => Ok((email, name)),
        _ => Err(HttpError::Invalid(details)),
    }
}

impl From<Busy> for HttpError {
    fn from(_: Busy) -> Self {
        Self::Busy { retry_after_s: 2 }
    }
}

/// The refresh token of the body, else of the cookie, which counts only from our own pages.
fn presented(
    control: &Control,
    headers: &HeaderMap,
    body: Option<Body<RefreshToken>>,
) -> Result<Option<String>, HttpError> {
    if let Some(token) = body.and_then(|Body(body)| body.refresh) {
        return Ok(Some(token));
    }
    let Some(token) = from_cookie(headers) else { return Ok(None) };
    if !is_same_site(control.config(), headers) {
        return Err(HttpError::Forbidden("Another site may not renew or end this log-in."));
    }
    Ok(Some(token))
}

pub(super) fn from_cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, token)| *name == COOKIE && !token.is_empty())?;
    Some(token.to_owned())
}

pub(super) fn logged_in(control: &Control, issued: tokens::Issued) -> Response {
    let life_s = control.config().refresh_life.as_secs();
    let cookie = cookie(control, &issued.refresh, life_s);
    let body = LogIn { access: issued.access, refresh: issued.refresh, user: issued.user.into() };
    let mut response = Data(body).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

pub(super) fn cookie(control: &Control, token: &str, life_s: u64) -> HeaderValue {
    let secure = if control.config().is_https() { "; Secure" } else { "" };
    let text = format!("{COOKIE}={token}; HttpOnly; SameSite=Lax; Path=/api; Max-Age={life_s}{secure}");
    HeaderValue::from_str(&text).expect("tokens are made of letters, digits, dashes and underscores")
}
