//! Grants in the database. A `sid` is 64 random bits; the tables keep it as a signed number.

use chrono::{DateTime, Utc};
use db::{Db, Error, Tx, q};
use events::AccessRevoked;
use ids::{CourseId, EpochId, SessionId, UserId};

/// A grant to be stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insert {
    pub(crate) sid: u64,
    pub(crate) user: UserId,
    pub(crate) course: CourseId,
    pub(crate) session: SessionId,
    pub(crate) epoch: EpochId,
    pub(crate) now: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

pub(crate) async fn insert(tx: &mut Tx, grant: Insert) -> Result<(), Error> {
    q("insert into playback_grants (sid, user_id, course_id, session_id, epoch_id, created_at, expires_at) \
       values ($1, $2, $3, $4, $5, $6, $7)")
    .bind(grant.sid.cast_signed())
    .bind(grant.user.as_uuid())
    .bind(grant.course.as_uuid())
    .bind(grant.session.as_uuid())
    .bind(grant.epoch.as_uuid())
    .bind(grant.now)
    .bind(grant.expires_at)
    .run(tx)
    .await?;
    Ok(())
}

/// Revokes what the person holds of the course and has not ended by itself.
pub(crate) async fn revoke(
    tx: &mut Tx,
    course: CourseId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<AccessRevoked>, Error> {
    let rows: Vec<(i64, DateTime<Utc>)> = q("update playback_grants set revoked_at = $3 \
         where user_id = $1 and course_id = $2 and revoked_at is null and expires_at > $4 \
         returning sid, expires_at")
    .bind(user.as_uuid())
    .bind(course.as_uuid())
    .bind(now)
    .bind(now - skew())
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(fact).collect())
}

/// All that is revoked and has not ended by itself.
pub(crate) async fn revoked(db: &Db, now: DateTime<Utc>) -> Result<Vec<AccessRevoked>, Error> {
    let rows: Vec<(i64, DateTime<Utc>)> =
        q("select sid, expires_at from playback_grants where revoked_at is not null and expires_at > $1")
            .bind(now - skew())
            .all(db)
            .await?;
    Ok(rows.into_iter().map(fact).collect())
}

pub(crate) async fn sweep(db: &Db, before: DateTime<Utc>) -> Result<u64, Error> {
    q("delete from playback_grants where expires_at < $1").bind(before).run(db).await
}

/// A token counts a little longer than it says.
fn skew() -> chrono::TimeDelta {
    chrono::TimeDelta::seconds(i64::try_from(access::playback::CLOCK_SKEW_S).unwrap_or(0))
}

fn fact((sid, expires_at): (i64, DateTime<Utc>)) -> AccessRevoked {
    let until = expires_at + skew();
    AccessRevoked::ViewerSession {
        sid: sid.cast_unsigned(),
        until_unix_s: u64::try_from(until.timestamp()).unwrap_or(0) + 1,
    }
}
