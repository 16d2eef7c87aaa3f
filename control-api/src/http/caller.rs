//! Who is calling.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use access::jwt::Claims;
use axum::extract::{ConnectInfo, FromRequestParts};
use http::{HeaderMap, Method, header, request::Parts};
use ids::UserId;
use runtime::clock;

use super::HttpError;
use crate::{Control, accounts, rights::Role};

/// A person with a valid access token.
///
/// Reading trusts the token for the ten minutes it lives. Everything that changes something reads the
/// account again, so that a lost role or a closed account counts at once.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) id: UserId,
    pub(crate) role: Role,
}

impl FromRequestParts<Control> for Caller {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, control: &Control) -> Result<Self, HttpError> {
        let claims = claimed(&parts.headers, control)?;
        if matches!(parts.method, Method::GET | Method::HEAD) {
            return Ok(Self { id: claims.user_id, role: claims.role });
        }
        let user = accounts::rows::by_id(control.db(), claims.user_id).await?;
        let user = user.filter(|user| user.active);
        let user = user.ok_or(HttpError::Unauthenticated("This account is closed."))?;
        let from = user.tokens_from.map_or(0, |from| u64::try_from(from.timestamp()).unwrap_or(0));
        if claims.iat < from {
            return Err(HttpError::Unauthenticated("You were logged out everywhere. Log in again."));
        }
        Ok(Self { id: user.id, role: user.role() })
    }
}

/// Who the request's access token says is calling.
pub(super) fn claimed(headers: &HeaderMap, control: &Control) -> Result<Claims, HttpError> {
    let header = headers.get(header::AUTHORIZATION);
    let header = header.ok_or(HttpError::Unauthenticated("Log in first."))?;
    let token = header.to_str().ok().and_then(bearer);
    let token = token.ok_or(HttpError::Unauthenticated("Send `Authorization: Bearer …`."))?;
    control.jwt().verify(token, clock::unix_s()).map_err(|refusal| {
        tracing::debug!("an access token was refused: {refusal}");
        HttpError::Unauthenticated("The access token is not valid any more. Renew it or log in.")
    })
}

/// An admin. His account is read on every request, also where he only reads: what admins see is more than
/// ten minutes of trust are worth.
#[derive(Clone, Debug)]
pub(crate) struct Admin;

impl FromRequestParts<Control> for Admin {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, control: &Control) -> Result<Self, HttpError> {
        let caller = Caller::from_request_parts(parts, control).await?;
        let user = accounts::rows::by_id(control.db(), caller.id).await?.filter(|user| user.active);
        let user = user.ok_or(HttpError::Unauthenticated("This account is closed."))?;
        match user.role() {
            Role::Admin => Ok(Self),
            Role::Student | Role::Instructor => Err(HttpError::Forbidden("That is for admins.")),
        }
    }
}

/// RFC 9110 section 11.1: the scheme is case-insensitive.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The address at the other end of the connection, put there by the listener.
pub(crate) struct Peer(pub(crate) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        // Without one (a test, a listener that forgot) all share one allowance: too strict, never too lax.
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Ok(Self(info.map_or(unknown, |ConnectInfo(peer)| peer.ip().to_canonical())))
    }
}
