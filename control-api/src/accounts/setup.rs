//! The first start: a one-time link makes the first admin.

use access::jwt::Role;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use runtime::{clock, random};

use super::{devices::Device, rows, tokens};
use crate::{
    Control,
    http::{HttpError, new_id},
};

impl Control {
    /// A new one-time link to set the server up, while it has no admin; none afterwards. Earlier links
    /// stop working. The executable prints it at its start and nowhere else.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn setup_link(&self) -> Result<Option<String>, db::Error> {
        let token = self.setup_token().await?;
        Ok(token.map(|token| format!("{}/setup?token={token}", self.config().public_url)))
    }

    /// The token of [`Control::setup_link`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn setup_token(&self) -> Result<Option<String>, db::Error> {
        let mut tx = self.db().begin().await?;
        if rows::has_admin(&mut tx).await? {
            return Ok(None);
        }
        let token = URL_SAFE_NO_PAD.encode(random::bytes::<24>());
        rows::replace_setup_token(&mut tx, new_id(), &tokens::hash(&token), clock::utc()).await?;
        tx.commit().await?;
        Ok(Some(token))
    }
}

/// Makes the first admin for whoever holds the link. Of two at once one succeeds.
pub(super) async fn set_up(
    control: &Control,
    token: &str,
    admin: rows::Insert<'_>,
    device: &Device,
    now: DateTime<Utc>,
) -> Result<tokens::Issued, HttpError> {
    const GONE: HttpError =
        HttpError::Forbidden("This set-up link is used up or replaced. Restart the server for a new one.");
    debug_assert_eq!(admin.role, Role::Admin);
    let mut tx = control.db().begin().await?;
    if !rows::take_setup_token(&mut tx, &tokens::hash(token), now).await? || rows::has_admin(&mut tx).await? {
        return Err(GONE);
    }
    match rows::insert(&mut tx, admin).await {
        Err(error) if error.is_unique() => {
            return Err(HttpError::invalid("email", "This address has an account already."));
        }
        inserted => inserted?,
    }
    let user = rows::by_id(&mut tx, admin.id).await?.ok_or(db::Error::NoRow)?;
    let issued = tokens::issue(control, &mut tx, user, device, now).await?;
    tx.commit().await?;
    tracing::info!(user.id = %admin.id, "the server was set up by its first admin {}", admin.id);
    Ok(issued)
}
