//! Access and refresh tokens: issue, rotate, revoke.
//!
//! A refresh token's successor is computed from it under a key of the server's, so that the answer to a
//! token that was just used can be given again without the token itself being stored anywhere.

use access::jwt::Claims;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use db::Tx;
use hmac::{Hmac, KeyInit as _, Mac as _};
use runtime::random;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    devices::{self, Device},
    rows::{self, InsertToken, User},
    rules::{self, Presented, Verdict},
};
use crate::{
    Control,
    http::{HttpError, new_id},
};

const PREFIX: &str = "rt_";
/// What is longer is none.
const TEXT_LEN_MAX: usize = 64;

/// Both tokens of one log-in.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) user: User,
}

/// A new family, for somebody who has just proved who he is.
pub(crate) async fn issue(
    control: &Control,
    tx: &mut Tx,
    user: User,
    device: &Device,
    now: DateTime<Utc>,
) -> Result<Issued, db::Error> {
    let refresh = encode(&random::bytes());
    let family = new_id();
    devices::begin(tx, family, user.id, device, now).await?;
    store(control, tx, &user, family, &refresh, now).await?;
    rows::logged_in(tx, user.id, now).await?;
    Ok(Issued { access: access(control, &user, now), refresh, user })
}

/// The next tokens of the family, or nothing.
pub(crate) async fn rotate(
    control: &Control,
    text: &str,
    device: &Device,
    now: DateTime<Utc>,
) -> Result<Issued, HttpError> {
    const REFUSED: HttpError = HttpError::Unauthenticated("Log in again.");
    if text.len() > TEXT_LEN_MAX || !text.starts_with(PREFIX) {
        return Err(REFUSED);
    }
    let successor = successor(control.refresh_key(), text);
    let mut tx = control.db().begin().await?;
    let Some(token) = rows::refresh_token(&mut tx, &hash(text)).await? else { return Err(REFUSED) };
    let next = rows::refresh_token(&mut tx, &hash(&successor)).await?;
    let presented = Presented {
        expires_at: token.expires_at,
        used_at: token.used_at,
        revoked: token.revoked_at.is_some(),
        successor_used: next.is_some_and(|next| next.used_at.is_some()),
    };
    match rules::verdict(presented, now) {
        Verdict::Refuse => return Err(REFUSED),
        Verdict::Revoke => {
            rows::revoke_family(&mut tx, token.family_id, now).await?;
            tx.commit().await?;
            tracing::warn!(
                user.id = %token.user_id,
                "a refresh token of user {} came twice; all tokens of that log-in are revoked", token.user_id
            );
            return Err(REFUSED);
        }
        Verdict::Rotate | Verdict::Repeat => {}
    }
    let user = rows::by_id(&mut tx, token.user_id).await?.filter(|user| user.active).ok_or(REFUSED)?;
    if token.used_at.is_none() {
        rows::use_token(&mut tx, &hash(text), now).await?;
        store(control, &mut tx, &user, token.family_id, &successor, now).await?;
        devices::seen(&mut tx, token.family_id, device, now).await?;
    }
    tx.commit().await?;
    Ok(Issued { access: access(control, &user, now), refresh: successor, user })
}

/// Ends the log-in that the token belongs to. A token that is none ends nothing.
pub(crate) async fn revoke(control: &Control, text: &str, now: DateTime<Utc>) -> Result<(), HttpError> {
    let mut tx = control.db().begin().await?;
    if let Some(token) = rows::refresh_token(&mut tx, &hash(text)).await? {
        rows::revoke_family(&mut tx, token.family_id, now).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// What is stored of an opaque token of 256 random bits: its hash, which needs no salt.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

async fn store(
    control: &Control,
    tx: &mut Tx,
    user: &User,
    family_id: Uuid,
    text: &str,
    now: DateTime<Utc>,
) -> Result<(), db::Error> {
    let token = InsertToken {
        id: new_id(),
        family_id,
        user_id: user.id,
        hash: &hash(text),
        now,
        expires_at: now + control.config().refresh_life,
    };
    rows::insert_token(tx, token).await
}

fn access(control: &Control, user: &User, now: DateTime<Utc>) -> String {
    let now = u64::try_from(now.timestamp()).unwrap_or(0);
    control.jwt().sign(&Claims {
        user_id: user.id,
        email: user.email.clone(),
        role: user.role(),
        iat: now,
        exp: now + control.config().access_life.as_secs(),
        jti: URL_SAFE_NO_PAD.encode(random::bytes::<12>()),
    })
}

fn successor(key: &[u8; 32], text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    encode(&mac.finalize().into_bytes().into())
}

fn encode(bytes: &[u8; 32]) -> String {
    let mut text = PREFIX.to_owned();
    URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    text
}
