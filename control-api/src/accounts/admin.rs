//! What an operator does to accounts from the command line.

use axum::http::HeaderValue;
use ids::UserId;
use runtime::clock;

use super::{devices::Device, routes, rows, rules, tokens};
use crate::{Control, http::new_id, rights::role_of};

/// Why an account was not made.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Each in words for the operator.
    #[error("{}", .0.join(" "))]
    Invalid(Vec<String>),
    /// The address has one.
    #[error("this address has an account already")]
    Exists,
    /// Too many passwords are being hashed at once.
    #[error("the server is busy hashing passwords; try again")]
    Busy,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl Control {
    /// Logs a person in without a password: the `Set-Cookie` value that makes a browser him. For whoever
    /// runs the executable; no route of the API leads here. None when there is no such active account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cookie_of(&self, email: &str) -> Result<Option<HeaderValue>, db::Error> {
        let user = rows::by_email(self.db(), email).await?;
        let Some(user) = user.filter(|user| user.active) else { return Ok(None) };
        let mut tx = self.db().begin().await?;
        let issued = tokens::issue(self, &mut tx, user, &Device::default(), clock::utc()).await?;
        tx.commit().await?;
        let life_s = self.config().refresh_life.as_secs();
        Ok(Some(routes::cookie(self, &issued.refresh, life_s)))
    }

    /// Makes an account. `role` is `student`, `instructor` or `admin` (or `teacher`, `staff`); without a
    /// name, what stands before the `@` serves as one. The password is given in plain and hashed here.
    ///
    /// # Errors
    /// [`UserError`]; all that is wrong with the data at once.
    pub async fn create_user(
        &self,
        email: &str,
        role: &str,
        full_name: Option<&str>,
        password: &str,
    ) -> Result<UserId, UserError> {
        let name = full_name.unwrap_or_else(|| email.split('@').next().unwrap_or_default());
        let mut faults = rules::password_faults(password, email, full_name.unwrap_or_default());
        let role = role_of(role).ok_or("The role is student, instructor or admin.".to_owned());
        let email = rules::email(email).map_err(str::to_owned);
        let name = rules::name(name);
        faults.extend(
            [role.as_ref().err(), email.as_ref().err(), name.as_ref().err()].into_iter().flatten().cloned(),
        );
        let (Ok(role), Ok(email), Ok(full_name), true) = (role, email, name, faults.is_empty()) else {
            return Err(UserError::Invalid(faults));
        };
        let hash = self.hasher().hash(password.to_owned()).await.map_err(|_| UserError::Busy)?;
        let id: UserId = new_id();
        let user = rows::Insert { id, email, full_name, role, password_hash: &hash, now: clock::utc() };
        match rows::insert(self.db(), user).await {
            Ok(()) => Ok(id),
            Err(error) if error.is_unique() => Err(UserError::Exists),
            Err(error) => Err(error.into()),
        }
    }
}
