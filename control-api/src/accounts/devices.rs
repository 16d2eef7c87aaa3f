//! Where somebody is logged in: one row for each browser or app, known by its family of refresh tokens.

use axum::{
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use db::{Db, Error, Tx, q};
use http::{HeaderMap, StatusCode, header, request::Parts};
use ids::UserId;
use runtime::clock;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{routes as accounts, rows, tokens};
use crate::{
    Control,
    http::{Caller, Data, HttpError, Id, Peer, Success},
};

pub(super) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(end)).routes(routes!(log_out_everywhere))
}

/// What is kept of a `User-Agent`.
const USER_AGENT_CHARS_MAX: usize = 200;

/// What a request says of the device it comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Device {
    pub(crate) user_agent: String,
    pub(crate) address: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Device {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Peer(peer) = Peer::from_request_parts(parts, state).await?;
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let user_agent = agent.unwrap_or_default().chars().take(USER_AGENT_CHARS_MAX).collect();
        Ok(Self { user_agent, address: peer.to_string() })
    }
}

/// A browser or an app that is logged in.
#[derive(Serialize, ToSchema)]
struct LoggedIn {
    id: Uuid,
    /// What it calls itself, in short.
    #[schema(example = "Firefox on Linux")]
    name: String,
    /// Where it was seen last.
    #[schema(example = "192.0.2.7")]
    address: String,
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    /// This request comes from it.
    current: bool,
}

#[derive(Clone, Debug, sqlx::FromRow)]
struct Row {
    id: Uuid,
    user_agent: String,
    address: String,
    created_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
}

/// Where am I logged in?
#[utoipa::path(get, path = "/auth/devices", operation_id = "listDevices", tag = "accounts",
    responses((status = 200, description = "The last seen first.", body = Success<Vec<LoggedIn>>)))]
async fn list(
    State(control): State<Control>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Data<Vec<LoggedIn>>, HttpError> {
    let here = match accounts::from_cookie(&headers) {
        Some(token) => rows::family_of(control.db(), &tokens::hash(&token)).await?,
        None => None,
    };
    let alive_since = clock::utc() - control.config().refresh_life;
    let rows: Vec<Row> = q("select id, user_agent, address, created_at, last_seen_at from devices \
         where user_id = $1 and ended_at is null and last_seen_at > $2 order by last_seen_at desc, id limit 100")
    .bind(caller.id.as_uuid())
    .bind(alive_since)
    .all(control.db())
    .await?;
    let device = |row: Row| LoggedIn {
        name: name(&row.user_agent),
        current: Some(row.id) == here,
        id: row.id,
        address: row.address,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
    };
    Ok(Data(rows.into_iter().map(device).collect()))
}

/// Log a device of mine out.
///
/// It cannot renew its access any more; what it has ends within ten minutes.
#[utoipa::path(delete, path = "/auth/devices/{id}", operation_id = "endDevice", tag = "accounts",
    params(("id" = Uuid, Path)), responses((status = 204, description = "Logged out.")))]
async fn end(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<Uuid>,
) -> Result<StatusCode, HttpError> {
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    let ended = q("update devices set ended_at = $3 where id = $1 and user_id = $2 and ended_at is null")
        .bind(id)
        .bind(caller.id.as_uuid())
        .bind(now)
        .run(&mut tx)
        .await?;
    if ended == 0 {
        return Err(HttpError::NotFound("device"));
    }
    rows::revoke_family(&mut tx, id, now).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Log out everywhere.
///
/// No device can renew its access any more, and what they have changes nothing from now on.
#[utoipa::path(post, path = "/auth/logout-all", operation_id = "logOutEverywhere", tag = "accounts",
    responses((status = 204, description = "Logged out, here too.")))]
async fn log_out_everywhere(State(control): State<Control>, caller: Caller) -> Result<Response, HttpError> {
    let mut tx = control.db().begin().await?;
    end_all(&mut tx, caller.id, clock::utc()).await?;
    tx.commit().await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.headers_mut().insert(header::SET_COOKIE, accounts::cookie(&control, "", 0));
    Ok(response)
}

/// Notes that somebody has logged in there.
pub(super) async fn begin(
    tx: &mut Tx,
    id: Uuid,
    user: UserId,
    device: &Device,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    q("insert into devices (id, user_id, user_agent, address, created_at, last_seen_at) \
       values ($1, $2, $3, $4, $5, $5)")
    .bind(id)
    .bind(user.as_uuid())
    .bind(device.user_agent.as_str())
    .bind(device.address.as_str())
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that it was seen.
pub(super) async fn seen(tx: &mut Tx, id: Uuid, device: &Device, now: DateTime<Utc>) -> Result<(), Error> {
    q("update devices set last_seen_at = $2, address = $3 where id = $1")
        .bind(id)
        .bind(now)
        .bind(device.address.as_str())
        .run(tx)
        .await?;
    Ok(())
}

/// Logs a person out everywhere; access tokens made until now change nothing any more.
pub(super) async fn end_all(tx: &mut Tx, user: UserId, now: DateTime<Utc>) -> Result<(), Error> {
    q("update devices set ended_at = $2 where user_id = $1 and ended_at is null")
        .bind(user.as_uuid())
        .bind(now)
        .run(&mut *tx)
        .await?;
    q("update refresh_tokens set revoked_at = $2 where user_id = $1 and revoked_at is null")
        .bind(user.as_uuid())
        .bind(now)
        .run(&mut *tx)
        .await?;
    q("update users set tokens_from = $2 where id = $1").bind(user.as_uuid()).bind(now).run(tx).await?;
    Ok(())
}

/// Removes what was not seen since `before`.
pub(crate) async fn sweep(db: &Db, before: DateTime<Utc>) -> Result<(), Error> {
    q("delete from devices where last_seen_at < $1").bind(before).run(db).await?;
    Ok(())
}

/// A name that a person recognises. What does not call itself a browser is named by its first word.
fn name(user_agent: &str) -> String {
    // In this order: later ones also call themselves by the earlier ones' names.
    let browser = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]
    .into_iter()
    .find(|(sign, _)| user_agent.contains(sign));
    let system = [
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]
    .into_iter()
    .find(|(sign, _)| user_agent.contains(sign));
    match (browser, system) {
        (Some((_, browser)), Some((_, system))) => format!("{browser} on {system}"),
        (Some((_, browser)), None) => browser.to_owned(),
        (None, _) => {
            let first = user_agent.split([' ', '/']).next().unwrap_or_default();
            if first.is_empty() { "Unknown device".to_owned() } else { first.chars().take(40).collect() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names_that_people_recognise() {
        let check = |agent, expected| assert_eq!(name(agent), expected);
        check("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux");
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        );
        check(
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0 Safari/537.36 Edg/143.0",
            "Edge on Windows",
        );
        check(
            "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/143.0 Mobile Safari/537.36",
            "Chrome on Android",
        );
        check("curl/8.9", "curl");
        check("", "Unknown device");
    }
}
