//! The outbox and the delivery log in the database.

use chrono::{DateTime, TimeDelta, Utc};
use db::{Db, Error, Tx, q};
use ids::UserId;
use uuid::Uuid;

use super::template::{Fields, Kind, Locale};
use crate::{
    http::new_id,
    jobs::{self, Task},
};

/// A letter to be written.
#[derive(Clone, Debug)]
pub(crate) struct NewLetter<'a> {
    pub(crate) kind: Kind,
    pub(crate) locale: Locale,
    pub(crate) recipient: &'a str,
    pub(crate) user: Option<UserId>,
    /// The link in it, when it is a secret one.
    pub(crate) token: Option<Uuid>,
    /// What fills the template, besides `site` and `link`. No secrets.
    pub(crate) fields: Fields,
    /// Of no use to its reader afterwards.
    pub(crate) life: TimeDelta,
}

/// Puts a letter into the outbox, with the job that delivers it.
pub(crate) async fn post(tx: &mut Tx, letter: NewLetter<'_>, now: DateTime<Utc>) -> Result<Uuid, Error> {
    let id: Uuid = new_id();
    let fields = serde_json::to_string(&letter.fields).expect("a map of strings is JSON");
    q("insert into letters (id, kind, locale, recipient, user_id, fields, token_id, status, created_at, \
       updated_at, expires_at) values ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, $8, $9)")
    .bind(id)
    .bind(letter.kind.word())
    .bind(letter.locale.word())
    .bind(letter.recipient)
    .bind(letter.user.map(|user| user.as_uuid()))
    .bind(fields)
    .bind(letter.token)
    .bind(now)
    .bind(now + letter.life)
    .run(&mut *tx)
    .await?;
    jobs::enqueue(tx, &Task::DeliverLetter { letter: id }, now).await?;
    Ok(id)
}

/// A letter as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Letter {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) locale: String,
    pub(crate) recipient: String,
    pub(crate) fields: String,
    pub(crate) token_id: Option<Uuid>,
    pub(crate) status: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

pub(crate) async fn by_id(db: &Db, id: Uuid) -> Result<Option<Letter>, Error> {
    q("select id, kind, locale, recipient, fields, token_id, status, created_at, updated_at, expires_at \
       from letters where id = $1")
    .bind(id)
    .opt(db)
    .await
}

/// A page of letters, the newest first, and how many there are.
pub(crate) async fn list(
    db: &Db,
    status: Option<&str>,
    limit: u32,
    offset: u32,
) -> Result<(Vec<Letter>, i64), Error> {
    let (total,): (i64,) =
        q("select count(*) from letters where ($1 is null or status = $1)").bind(status).one(db).await?;
    let letters = q("select id, kind, locale, recipient, fields, token_id, status, created_at, updated_at, \
         expires_at from letters where ($1 is null or status = $1) \
         order by created_at desc, id desc limit $2 offset $3")
    .bind(status)
    .bind(limit)
    .bind(offset)
    .all(db)
    .await?;
    Ok((letters, total))
}

/// How many letters have each status.
pub(crate) async fn count(db: &Db) -> Result<Vec<(String, i64)>, Error> {
    q("select status, count(*) from letters group by status order by status").all(db).await
}

/// How many letters of this kind this address got since then: nobody's mailbox is flooded through us.
pub(crate) async fn sent_since(
    tx: &mut Tx,
    recipient: &str,
    kind: Kind,
    since: DateTime<Utc>,
) -> Result<i64, Error> {
    let (letters,): (i64,) =
        q("select count(*) from letters where recipient = $1 and kind = $2 and created_at > $3")
            .bind(recipient)
            .bind(kind.word())
            .bind(since)
            .one(tx)
            .await?;
    Ok(letters)
}

/// The letter is about to be handed to the mail server; false when somebody else did so.
pub(crate) async fn offer(db: &Db, id: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
    let changed = q("update letters set status = 'offered', updated_at = $2 \
                     where id = $1 and status in ('queued', 'held')")
    .bind(id)
    .bind(now)
    .run(db)
    .await?;
    Ok(changed == 1)
}

/// What became of a try: the letter's status, and a line in the delivery log.
pub(crate) async fn note(
    db: &Db,
    id: Uuid,
    status: &'static str,
    outcome: &'static str,
    detail: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    q("update letters set status = $2, updated_at = $3 where id = $1")
        .bind(id)
        .bind(status)
        .bind(now)
        .run(&mut tx)
        .await?;
    let detail: String = detail.chars().take(500).collect();
    q("insert into deliveries (id, letter_id, outcome, detail, at) values ($1, $2, $3, $4, $5)")
        .bind(new_id::<Uuid>())
        .bind(id)
        .bind(outcome)
        .bind(detail)
        .bind(now)
        .run(&mut tx)
        .await?;
    tx.commit().await
}

/// A line of the delivery log.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Delivery {
    pub(crate) outcome: String,
    pub(crate) detail: String,
    pub(crate) at: DateTime<Utc>,
}

pub(crate) async fn deliveries(db: &Db, letter: Uuid) -> Result<Vec<Delivery>, Error> {
    q("select outcome, detail, at from deliveries where letter_id = $1 order by at, id")
        .bind(letter)
        .all(db)
        .await
}

/// Queues a letter once more; false when it is on its way, or of no use any more.
pub(crate) async fn requeue(tx: &mut Tx, id: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
    let changed = q("update letters set status = 'queued', updated_at = $2 \
       where id = $1 and status in ('held', 'sent', 'refused', 'doubtful') and expires_at > $2")
    .bind(id)
    .bind(now)
    .run(&mut *tx)
    .await?;
    if changed == 1 {
        jobs::enqueue(tx, &Task::DeliverLetter { letter: id }, now).await?;
    }
    Ok(changed == 1)
}

/// The letters that waited for a mail server and are still of use.
pub(crate) async fn held(tx: &mut Tx, now: DateTime<Utc>) -> Result<Vec<Uuid>, Error> {
    let rows: Vec<(Uuid,)> = q(
        "select id from letters where status = 'held' and expires_at > $1 order by id limit 1000 for update",
    )
    .bind(now)
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Marks what came too late, and removes what is older than `before`.
pub(crate) async fn sweep(db: &Db, now: DateTime<Utc>, before: DateTime<Utc>) -> Result<(), Error> {
    q("update letters set status = 'expired', updated_at = $1 \
       where status in ('queued', 'held') and expires_at <= $1")
    .bind(now)
    .run(db)
    .await?;
    q("delete from letters where created_at < $1").bind(before).run(db).await?;
    Ok(())
}
