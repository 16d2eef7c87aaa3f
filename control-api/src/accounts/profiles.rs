//! What people say of themselves.

use axum::extract::State;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use ids::UserId;
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{routes::User, rows, rules};
use crate::{
    Control,
    http::{Body, Caller, HttpError, Id, Success, Versioned, error::Details, if_match},
    mail::Locale,
    rights::Role,
};

pub(super) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(mine, put_mine, change_mine)).routes(routes!(read, put, change))
}

/// A person, as he and admins see him.
#[derive(Serialize, ToSchema)]
struct Profile {
    #[serde(flatten)]
    user: User,
    /// He has shown that he reads this address.
    email_verified: bool,
    /// The language of letters to him: `en` or `vi`.
    #[schema(example = "vi")]
    locale: String,
    /// By which clock he lives: a name of the IANA time zone database.
    #[schema(example = "Asia/Ho_Chi_Minh")]
    time_zone: String,
    bio: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// All that can be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WholeProfile {
    #[schema(example = "Anna Nguyen", max_length = 120)]
    full_name: String,
    #[schema(example = "vi")]
    locale: String,
    #[schema(example = "Asia/Ho_Chi_Minh", max_length = 64)]
    time_zone: String,
    #[schema(max_length = 2000)]
    bio: String,
}

/// What is to change; what is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProfileChange {
    #[schema(example = "Anna Nguyen", max_length = 120)]
    full_name: Option<String>,
    #[schema(example = "vi")]
    locale: Option<String>,
    #[schema(example = "Asia/Ho_Chi_Minh", max_length = 64)]
    time_zone: Option<String>,
    #[schema(max_length = 2000)]
    bio: Option<String>,
}

impl From<WholeProfile> for ProfileChange {
    fn from(whole: WholeProfile) -> Self {
        Self {
            full_name: Some(whole.full_name),
            locale: Some(whole.locale),
            time_zone: Some(whole.time_zone),
            bio: Some(whole.bio),
        }
    }
}

/// Who am I?
#[utoipa::path(get, path = "/auth/profile", operation_id = "profile", tag = "accounts",
    responses((status = 200, description = "The caller. Its `ETag` is for `If-Match`.", body = Success<Profile>)))]
async fn mine(State(control): State<Control>, caller: Caller) -> Result<Versioned<Profile>, HttpError> {
    found(&control, caller.id).await
}

/// Replace what I say of myself.
#[utoipa::path(put, path = "/auth/profile", operation_id = "replaceProfile", tag = "accounts",
    request_body = WholeProfile, responses(
    (status = 200, description = "Changed.", body = Success<Profile>),
    (status = 412, description = "`If-Match` names an older state.")))]
async fn put_mine(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    Body(given): Body<WholeProfile>,
) -> Result<Versioned<Profile>, HttpError> {
    changed(&control, caller.id, &headers, given.into()).await
}

/// Change what I say of myself; what is left out stays.
#[utoipa::path(patch, path = "/auth/profile", operation_id = "changeProfile", tag = "accounts",
    request_body = ProfileChange, responses(
    (status = 200, description = "Changed.", body = Success<Profile>),
    (status = 412, description = "`If-Match` names an older state.")))]
async fn change_mine(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
    Body(given): Body<ProfileChange>,
) -> Result<Versioned<Profile>, HttpError> {
    changed(&control, caller.id, &headers, given).await
}

/// A person's profile, for himself and for admins.
#[utoipa::path(get, path = "/users/{id}/profile", operation_id = "readProfile", tag = "accounts",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The person.", body = Success<Profile>)))]
async fn read(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<UserId>,
) -> Result<Versioned<Profile>, HttpError> {
    found(&control, whose(&control, &caller, id).await?).await
}

/// Replace a person's profile, for himself and for admins.
#[utoipa::path(put, path = "/users/{id}/profile", operation_id = "replaceProfileOf", tag = "accounts",
    params(("id" = Uuid, Path)), request_body = WholeProfile, responses(
    (status = 200, description = "Changed.", body = Success<Profile>),
    (status = 412, description = "`If-Match` names an older state.")))]
async fn put(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<UserId>,
    headers: HeaderMap,
    Body(given): Body<WholeProfile>,
) -> Result<Versioned<Profile>, HttpError> {
    changed(&control, whose(&control, &caller, id).await?, &headers, given.into()).await
}

/// Change a person's profile, for himself and for admins; what is left out stays.
#[utoipa::path(patch, path = "/users/{id}/profile", operation_id = "changeProfileOf", tag = "accounts",
    params(("id" = Uuid, Path)), request_body = ProfileChange, responses(
    (status = 200, description = "Changed.", body = Success<Profile>),
    (status = 412, description = "`If-Match` names an older state.")))]
async fn change(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<UserId>,
    headers: HeaderMap,
    Body(given): Body<ProfileChange>,
) -> Result<Versioned<Profile>, HttpError> {
    changed(&control, whose(&control, &caller, id).await?, &headers, given).await
}

const NONE: HttpError = HttpError::NotFound("account");

/// Others hear that there is no such account. An admin's role is read anew, also where he only reads.
async fn whose(control: &Control, caller: &Caller, id: UserId) -> Result<UserId, HttpError> {
    if caller.id == id {
        return Ok(id);
    }
    let admin = rows::by_id(control.db(), caller.id).await?;
    let admin = admin.is_some_and(|user| user.active && user.role() == Role::Admin);
    if admin { Ok(id) } else { Err(NONE) }
}

async fn found(control: &Control, id: UserId) -> Result<Versioned<Profile>, HttpError> {
    let user = rows::by_id(control.db(), id).await?.filter(|user| user.active).ok_or(NONE)?;
    let profile = Profile {
        email_verified: user.email_verified_at.is_some(),
        locale: user.locale.clone(),
        time_zone: user.time_zone.clone(),
        bio: user.bio.clone(),
        created_at: user.created_at,
        updated_at: user.updated_at,
        user: user.into(),
    };
    Ok(Versioned(profile.updated_at, profile))
}

async fn changed(
    control: &Control,
    id: UserId,
    headers: &HeaderMap,
    given: ProfileChange,
) -> Result<Versioned<Profile>, HttpError> {
    let mut details = Details::new();
    let mut fault = |field: &str, message: String| {
        details.insert(field.into(), vec![message]);
    };
    let full_name = match given.full_name.as_deref().map(rules::name).transpose() {
        Ok(name) => name,
        Err(message) => {
            fault("full_name", message);
            None
        }
    };
    let locale = given.locale.as_deref().map(Locale::of_tag);
    if locale == Some(None) {
        fault("locale", "Write en or vi.".into());
    }
    if given.time_zone.as_deref().is_some_and(|zone| !rules::is_time_zone(zone)) {
        fault("time_zone", "Write a name of the time zone database, such as Asia/Ho_Chi_Minh.".into());
    }
    if given.bio.as_deref().is_some_and(|bio| bio.chars().count() > rules::BIO_CHARS_MAX) {
        fault("bio", format!("At most {} characters.", rules::BIO_CHARS_MAX));
    }
    if !details.is_empty() {
        return Err(HttpError::Invalid(details));
    }
    let expected = if_match(headers)?;
    let change = rows::ProfileUpdate {
        full_name,
        locale: locale.flatten().map(Locale::word),
        time_zone: given.time_zone.as_deref(),
        bio: given.bio.as_deref(),
    };
    if !rows::update_profile(control.db(), id, change, expected, clock::utc()).await? {
        return Err(if expected.is_some() { HttpError::Stale } else { NONE });
    }
    found(control, id).await
}
