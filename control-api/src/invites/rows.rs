//! Invites in the database. Of a code, only the hash is kept.

use chrono::{DateTime, Utc};
use db::{Db, Error, Tx, q};
use ids::{BatchId, CourseId, InviteId, UserId};
use uuid::Uuid;

/// An invite as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Invite {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: InviteId,
    #[sqlx(try_from = "Uuid")]
    pub(crate) course_id: CourseId,
    batch_id: Option<Uuid>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) uses_max: Option<i64>,
    pub(crate) uses: i64,
    revoked_at: Option<DateTime<Utc>>,
}

impl Invite {
    pub(crate) fn batch(&self) -> Option<BatchId> {
        self.batch_id.map(Into::into)
    }

    /// Lets somebody in at this moment.
    pub(crate) fn is_good(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none()
            && now < self.expires_at
            && self.uses_max.is_none_or(|uses_max| self.uses < uses_max)
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, course_id, batch_id, created_at, expires_at, uses_max, uses, revoked_at from invites ",
            $rest
        )
    };
}

pub(crate) async fn by_hash(db: &Db, hash: &[u8]) -> Result<Option<Invite>, Error> {
    q(select!("where hash = $1")).bind(hash).opt(db).await
}

pub(crate) async fn by_id(db: &Db, id: InviteId) -> Result<Option<Invite>, Error> {
    q(select!("where id = $1")).bind(id.as_uuid()).opt(db).await
}

/// Those of a course that are not revoked, the latest first.
pub(crate) async fn list(db: &Db, course: CourseId) -> Result<Vec<Invite>, Error> {
    q(select!("where course_id = $1 and revoked_at is null order by created_at desc, id limit 200"))
        .bind(course.as_uuid())
        .all(db)
        .await
}

/// An invite to be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insert<'a> {
    pub(crate) id: InviteId,
    pub(crate) course: CourseId,
    pub(crate) batch: Option<BatchId>,
    pub(crate) hash: &'a [u8],
    pub(crate) by: UserId,
    pub(crate) now: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) uses_max: Option<i64>,
}

pub(crate) async fn insert(db: &Db, invite: Insert<'_>) -> Result<(), Error> {
    q("insert into invites (id, course_id, batch_id, hash, created_by, created_at, expires_at, uses_max, uses) \
       values ($1, $2, $3, $4, $5, $6, $7, $8, 0)")
    .bind(invite.id.as_uuid())
    .bind(invite.course.as_uuid())
    .bind(invite.batch.map(|id| id.as_uuid()))
    .bind(invite.hash)
    .bind(invite.by.as_uuid())
    .bind(invite.now)
    .bind(invite.expires_at)
    .bind(invite.uses_max)
    .run(db)
    .await?;
    Ok(())
}

/// Counts one use; whether it was still good.
pub(crate) async fn use_up(tx: &mut Tx, id: InviteId, now: DateTime<Utc>) -> Result<bool, Error> {
    let used =
        q("update invites set uses = uses + 1 where id = $1 and revoked_at is null and expires_at > $2 \
                  and (uses_max is null or uses < uses_max)")
        .bind(id.as_uuid())
        .bind(now)
        .run(tx)
        .await?;
    Ok(used == 1)
}

/// Whether it was not revoked yet.
pub(crate) async fn revoke(db: &Db, id: InviteId, now: DateTime<Utc>) -> Result<bool, Error> {
    let revoked = q("update invites set revoked_at = $2 where id = $1 and revoked_at is null")
        .bind(id.as_uuid())
        .bind(now)
        .run(db)
        .await?;
    Ok(revoked == 1)
}
