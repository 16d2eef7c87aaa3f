//! Accounts, refresh tokens and set-up tokens in the database.

use chrono::{DateTime, Utc};
use db::{Db, Error, On, Tx, q};
use ids::UserId;
use uuid::Uuid;

use super::rules;
use crate::{
    mail::Locale,
    rights::{Role, role_of, word},
};

#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct User {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) full_name: String,
    role: String,
    pub(crate) password_hash: Option<String>,
    pub(crate) active: bool,
    /// When he showed that he reads his address, or an operator vouched for it.
    pub(crate) email_verified_at: Option<DateTime<Utc>>,
    pub(crate) locale: String,
    pub(crate) time_zone: String,
    pub(crate) bio: String,
    /// Access tokens made before change nothing any more.
    pub(crate) tokens_from: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl User {
    pub(crate) fn role(&self) -> Role {
        role_of(&self.role).expect("the table takes the words of roles alone")
    }
}

pub(crate) async fn by_id<'a>(on: impl Into<On<'a>>, id: UserId) -> Result<Option<User>, Error> {
    q("select id, email, full_name, role, password_hash, active, email_verified_at, locale, time_zone, bio, \
       tokens_from, created_at, updated_at from users where id = $1")
    .bind(id.as_uuid())
    .opt(on)
    .await
}

pub(crate) async fn by_email<'a>(on: impl Into<On<'a>>, email: &str) -> Result<Option<User>, Error> {
    q("select id, email, full_name, role, password_hash, active, email_verified_at, locale, time_zone, bio, \
       tokens_from, created_at, updated_at from users where email_folded = $1")
    .bind(rules::fold_email(email))
    .opt(on)
    .await
}

/// A person as he is stored first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insert<'a> {
    pub(crate) id: UserId,
    pub(crate) email: &'a str,
    pub(crate) full_name: &'a str,
    pub(crate) role: Role,
    pub(crate) password_hash: &'a str,
    pub(crate) now: DateTime<Utc>,
}

/// An account that an operator makes: its address counts as confirmed. Fails with [`Error::Unique`] when the
/// address has an account.
pub(crate) async fn insert<'a>(on: impl Into<On<'a>>, user: Insert<'_>) -> Result<(), Error> {
    insert_with(on, user, Some(user.now), Locale::English).await
}

/// An account that somebody made for himself.
pub(crate) async fn insert_unverified(tx: &mut Tx, user: Insert<'_>, locale: Locale) -> Result<(), Error> {
    insert_with(tx, user, None, locale).await
}

async fn insert_with<'a>(
    on: impl Into<On<'a>>,
    user: Insert<'_>,
    verified_at: Option<DateTime<Utc>>,
    locale: Locale,
) -> Result<(), Error> {
    q("insert into users (id, email, email_folded, full_name, role, password_hash, active, created_at, updated_at, \
       email_verified_at, locale) values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10)")
    .bind(user.id.as_uuid())
    .bind(user.email)
    .bind(rules::fold_email(user.email))
    .bind(user.full_name)
    .bind(word(user.role))
    .bind(user.password_hash)
    .bind(true)
    .bind(user.now)
    .bind(verified_at)
    .bind(locale.word())
    .run(on)
    .await?;
    Ok(())
}

/// Somebody registers an address anew that nobody has confirmed.
pub(crate) async fn replace_unverified(
    tx: &mut Tx,
    id: UserId,
    by: Insert<'_>,
    locale: Locale,
) -> Result<(), Error> {
    q("update users set email = $2, full_name = $3, password_hash = $4, locale = $5, updated_at = $6 \
       where id = $1 and email_verified_at is null")
    .bind(id.as_uuid())
    .bind(by.email)
    .bind(by.full_name)
    .bind(by.password_hash)
    .bind(locale.word())
    .bind(by.now)
    .run(tx)
    .await?;
    Ok(())
}

/// He has shown that he reads his address.
pub(crate) async fn verified(tx: &mut Tx, id: UserId, now: DateTime<Utc>) -> Result<(), Error> {
    q("update users set email_verified_at = $2, updated_at = $2 where id = $1 and email_verified_at is null")
        .bind(id.as_uuid())
        .bind(now)
        .run(tx)
        .await?;
    Ok(())
}

/// What is to change of a profile; `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProfileUpdate<'a> {
    pub(crate) full_name: Option<&'a str>,
    pub(crate) locale: Option<&'a str>,
    pub(crate) time_zone: Option<&'a str>,
    pub(crate) bio: Option<&'a str>,
}

/// Changes a profile, if it is still as it was at `expected`; false when it is not, or there is none.
pub(crate) async fn update_profile(
    db: &Db,
    id: UserId,
    change: ProfileUpdate<'_>,
    expected: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let changed = q("update users set full_name = coalesce($2, full_name), locale = coalesce($3, locale), \
       time_zone = coalesce($4, time_zone), bio = coalesce($5, bio), updated_at = $6 \
       where id = $1 and active and ($7 is null or updated_at = $7)")
    .bind(id.as_uuid())
    .bind(change.full_name)
    .bind(change.locale)
    .bind(change.time_zone)
    .bind(change.bio)
    .bind(now)
    .bind(expected)
    .run(db)
    .await?;
    Ok(changed == 1)
}

pub(crate) async fn set_password<'a>(
    on: impl Into<On<'a>>,
    id: UserId,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    q("update users set password_hash = $2, active = $3, updated_at = $4 where id = $1")
        .bind(id.as_uuid())
        .bind(hash)
        .bind(true)
        .bind(now)
        .run(on)
        .await?;
    Ok(())
}

/// Removes accounts that somebody began and nobody confirmed, and links that ended, before that moment. One
/// that a teacher gave a place meanwhile is kept.
pub(crate) async fn sweep_unverified(db: &Db, before: DateTime<Utc>) -> Result<(), Error> {
    q("delete from users where email_verified_at is null and role = 'student' and created_at < $1 \
       and not exists (select 1 from enrolments where enrolments.user_id = users.id)")
    .bind(before)
    .run(db)
    .await?;
    q("delete from account_tokens where expires_at < $1").bind(before).run(db).await?;
    Ok(())
}

pub(crate) async fn logged_in(tx: &mut Tx, id: UserId, now: DateTime<Utc>) -> Result<(), Error> {
    q("update users set last_login_at = $2 where id = $1").bind(id.as_uuid()).bind(now).run(tx).await?;
    Ok(())
}

pub(crate) async fn has_admin<'a>(on: impl Into<On<'a>>) -> Result<bool, Error> {
    let row: Option<(i64,)> = q("select count(*) from users where role = 'admin'").opt(on).await?;
    Ok(row.is_some_and(|(admins,)| admins > 0))
}

/// A stored refresh token.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct RefreshToken {
    pub(crate) family_id: Uuid,
    #[sqlx(try_from = "Uuid")]
    pub(crate) user_id: UserId,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) used_at: Option<DateTime<Utc>>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// The row is held until the transaction ends, so that of two who come at once one comes second.
pub(crate) async fn refresh_token(tx: &mut Tx, hash: &[u8]) -> Result<Option<RefreshToken>, Error> {
    q("select family_id, user_id, expires_at, used_at, revoked_at from refresh_tokens where hash = $1 for update")
        .bind(hash)
        .opt(tx)
        .await
}

/// A refresh token to be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InsertToken<'a> {
    pub(crate) id: Uuid,
    pub(crate) family_id: Uuid,
    pub(crate) user_id: UserId,
    pub(crate) hash: &'a [u8],
    pub(crate) now: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

pub(crate) async fn insert_token(tx: &mut Tx, token: InsertToken<'_>) -> Result<(), Error> {
    q("insert into refresh_tokens (id, family_id, user_id, hash, created_at, expires_at) \
       values ($1, $2, $3, $4, $5, $6)")
    .bind(token.id)
    .bind(token.family_id)
    .bind(token.user_id.as_uuid())
    .bind(token.hash)
    .bind(token.now)
    .bind(token.expires_at)
    .run(tx)
    .await?;
    Ok(())
}

/// The device that a refresh token belongs to.
pub(crate) async fn family_of(db: &Db, hash: &[u8]) -> Result<Option<Uuid>, Error> {
    let row: Option<(Uuid,)> =
        q("select family_id from refresh_tokens where hash = $1").bind(hash).opt(db).await?;
    Ok(row.map(|(id,)| id))
}

pub(crate) async fn use_token(tx: &mut Tx, hash: &[u8], now: DateTime<Utc>) -> Result<(), Error> {
    q("update refresh_tokens set used_at = $2 where hash = $1").bind(hash).bind(now).run(tx).await?;
    Ok(())
}

/// Ends a device's log-in.
pub(crate) async fn revoke_family(tx: &mut Tx, family: Uuid, now: DateTime<Utc>) -> Result<u64, Error> {
    q("update devices set ended_at = $2 where id = $1 and ended_at is null")
        .bind(family)
        .bind(now)
        .run(&mut *tx)
        .await?;
    q("update refresh_tokens set revoked_at = $2 where family_id = $1 and revoked_at is null")
        .bind(family)
        .bind(now)
        .run(tx)
        .await
}

/// What nobody can use any more is kept a day, to tell reuse from nonsense.
pub(crate) async fn sweep_tokens(db: &Db, before: DateTime<Utc>) -> Result<u64, Error> {
    q("delete from refresh_tokens where expires_at < $1").bind(before).run(db).await
}

/// Only the newest set-up link works.
pub(crate) async fn replace_setup_token(
    tx: &mut Tx,
    id: Uuid,
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    q("delete from setup_tokens where used_at is null").run(&mut *tx).await?;
    q("insert into setup_tokens (id, hash, created_at) values ($1, $2, $3)")
        .bind(id)
        .bind(hash)
        .bind(now)
        .run(tx)
        .await?;
    Ok(())
}

/// Whether the token was good; it is not any more.
pub(crate) async fn take_setup_token(tx: &mut Tx, hash: &[u8], now: DateTime<Utc>) -> Result<bool, Error> {
    let taken = q("update setup_tokens set used_at = $2 where hash = $1 and used_at is null")
        .bind(hash)
        .bind(now)
        .run(tx)
        .await?;
    Ok(taken == 1)
}
