//! The links in letters: each proves once, for a while, that somebody reads an address.

use chrono::{DateTime, TimeDelta, Utc};
use db::{Error, On, Tx, q};
use ids::UserId;
use uuid::Uuid;

use super::{rows::User, tokens};
use crate::{
    Control,
    mail::{self, Kind, Locale, NewLetter},
};

/// What a link is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    VerifyEmail,
    ResetPassword,
}

/// What is longer is no link's secret.
const TEXT_LEN_MAX: usize = 64;
/// So many letters of a kind an address gets in an hour, however often somebody asks.
const LETTERS_AN_HOUR: i64 = 3;

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }

    const fn life(self) -> TimeDelta {
        match self {
            Self::VerifyEmail => TimeDelta::hours(24),
            Self::ResetPassword => TimeDelta::minutes(30),
        }
    }

    const fn letter(self) -> Kind {
        match self {
            Self::VerifyEmail => Kind::ConfirmEmail,
            Self::ResetPassword => Kind::ResetPassword,
        }
    }
}

/// Writes a letter with such a link, unless its reader got enough of them in the last hour. `id` is the
/// link's; a job gives its own, so that one that is done twice writes one letter.
pub(super) async fn send(
    control: &Control,
    tx: &mut Tx,
    user: &User,
    purpose: Purpose,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let kind = purpose.letter();
    if is_flooded(tx, user, kind, now).await? {
        return Ok(());
    }
    let text = mail::secret(control.letter_key(), id);
    let stored = q("insert into account_tokens (id, user_id, purpose, hash, created_at, expires_at) \
                    values ($1, $2, $3, $4, $5, $6) on conflict (id) do nothing")
    .bind(id)
    .bind(user.id.as_uuid())
    .bind(purpose.word())
    .bind(&tokens::hash(&text)[..])
    .bind(now)
    .bind(now + purpose.life())
    .run(&mut *tx)
    .await?;
    if stored == 0 {
        return Ok(());
    }
    let letter = NewLetter { token: Some(id), life: purpose.life(), ..letter(user, kind) };
    mail::post(tx, letter, now).await?;
    Ok(())
}

/// Whether [`send`] would write such a letter now.
pub(super) async fn may_send(
    tx: &mut Tx,
    user: &User,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    Ok(!is_flooded(tx, user, purpose.letter(), now).await?)
}

/// Writes a letter without a secret, within the same limit.
pub(super) async fn tell(tx: &mut Tx, user: &User, kind: Kind, now: DateTime<Utc>) -> Result<(), Error> {
    if !is_flooded(tx, user, kind, now).await? {
        mail::post(tx, letter(user, kind), now).await?;
    }
    Ok(())
}

/// Whether this person got enough letters of this kind for an hour. Holds the account until the transaction
/// ends: of two who ask at once, the second sees the first one's letter.
async fn is_flooded(tx: &mut Tx, user: &User, kind: Kind, now: DateTime<Utc>) -> Result<bool, Error> {
    let _held: Option<(Uuid,)> = q("select id from users where id = $1 for no key update")
        .bind(user.id.as_uuid())
        .opt(&mut *tx)
        .await?;
    let since = now - TimeDelta::hours(1);
    Ok(mail::rows::sent_since(tx, &user.email, kind, since).await? >= LETTERS_AN_HOUR)
}

fn letter(user: &User, kind: Kind) -> NewLetter<'_> {
    let hours = Purpose::VerifyEmail.life().num_hours().to_string();
    let minutes = Purpose::ResetPassword.life().num_minutes().to_string();
    let mut fields =
        [("hours", hours), ("minutes", minutes)].map(|(name, text)| (name.to_owned(), text)).to_vec();
    // Who registers names himself: what he writes there is not for a stranger's mailbox.
    if kind != Kind::ConfirmEmail {
        fields.push(("name".to_owned(), user.full_name.clone()));
    }
    NewLetter {
        kind,
        locale: Locale::of_tag(&user.locale).unwrap_or(Locale::English),
        recipient: &user.email,
        user: Some(user.id),
        token: None,
        fields: fields.into_iter().collect(),
        life: TimeDelta::days(1),
    }
}

/// Whose link this is, if it works; also one that was used, where `used` allows it.
pub(super) async fn holder<'a>(
    on: impl Into<On<'a>>,
    text: &str,
    purpose: Purpose,
    used: bool,
    now: DateTime<Utc>,
) -> Result<Option<UserId>, Error> {
    if text.len() > TEXT_LEN_MAX {
        return Ok(None);
    }
    let row: Option<(Uuid,)> = q("select user_id from account_tokens where hash = $1 and purpose = $2 \
                                  and expires_at > $3 and (used_at is null or $4)")
    .bind(&tokens::hash(text)[..])
    .bind(purpose.word())
    .bind(now)
    .bind(used)
    .opt(on)
    .await?;
    Ok(row.map(|(id,)| id.into()))
}

/// Uses the link up; false when it was used, or has ended. The person's other links of the kind end with it.
pub(super) async fn take(
    tx: &mut Tx,
    text: &str,
    purpose: Purpose,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let taken = q("update account_tokens set used_at = $3 where hash = $1 and purpose = $2 \
                   and used_at is null and expires_at > $3")
    .bind(&tokens::hash(text)[..])
    .bind(purpose.word())
    .bind(now)
    .run(&mut *tx)
    .await?;
    if taken == 0 {
        return Ok(false);
    }
    end(tx, user, purpose, now).await?;
    Ok(true)
}

/// Ends all of a person's links of this kind.
pub(super) async fn end(
    tx: &mut Tx,
    user: UserId,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    q("update account_tokens set used_at = $3 where user_id = $1 and purpose = $2 and used_at is null")
        .bind(user.as_uuid())
        .bind(purpose.word())
        .bind(now)
        .run(tx)
        .await?;
    Ok(())
}
