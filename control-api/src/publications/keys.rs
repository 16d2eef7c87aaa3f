//! Stream keys in the database. Only the HMAC of a key is there; the key is shown once.

use access::stream_key::{Digest, Pepper, RANDOM_BYTES, StreamKey};
use chrono::{DateTime, Utc};
use db::{Db, Error, Tx, q};
use ids::{CourseId, StreamKeyId};
use runtime::random;
use uuid::Uuid;

use crate::{courses, http::new_id};

/// A course's key as it can be shown again.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Shown {
    pub(crate) public_id: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_used_at: Option<DateTime<Utc>>,
}

/// The newest key of the course.
pub(crate) async fn newest(db: &Db, course: CourseId) -> Result<Option<Shown>, Error> {
    q("select public_id, created_at, last_used_at from stream_keys where course_id = $1 and revoked_at is null \
       order by created_at desc, id desc limit 1")
    .bind(course.as_uuid())
    .opt(db)
    .await
}

/// Makes a new key. The former stops working, or, when `overlap` is wanted, the newest of them keeps
/// working until the next time: never more than two work.
pub(crate) async fn rotate(
    tx: &mut Tx,
    pepper: &Pepper,
    course: CourseId,
    overlap: bool,
    now: DateTime<Utc>,
) -> Result<StreamKey, Error> {
    courses::rows::lock(tx, course).await?.ok_or(Error::NoRow)?;
    let active: Vec<(Uuid,)> = q("select id from stream_keys where course_id = $1 and revoked_at is null \
                                  order by created_at desc, id desc")
    .bind(course.as_uuid())
    .all(&mut *tx)
    .await?;
    for (id,) in active.into_iter().skip(usize::from(overlap)) {
        q("update stream_keys set revoked_at = $2 where id = $1").bind(id).bind(now).run(&mut *tx).await?;
    }
    let key = StreamKey::generate(&random::bytes::<RANDOM_BYTES>());
    let id: StreamKeyId = new_id();
    q("insert into stream_keys (id, course_id, public_id, hmac, created_at) values ($1, $2, $3, $4, $5)")
        .bind(id.as_uuid())
        .bind(course.as_uuid())
        .bind(key.id().as_str())
        .bind(pepper.digest(&key).as_slice())
        .bind(now)
        .run(tx)
        .await?;
    Ok(key)
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: Uuid,
    course_id: Uuid,
    hmac: Vec<u8>,
}

/// The course whose key this is; none when it is nobody's, or revoked.
pub(crate) async fn course_of(
    db: &Db,
    pepper: &Pepper,
    key: &StreamKey,
) -> Result<Option<(StreamKeyId, CourseId)>, Error> {
    let stored: Option<Stored> =
        q("select id, course_id, hmac from stream_keys where public_id = $1 and revoked_at is null")
            .bind(key.id().as_str())
            .opt(db)
            .await?;
    let digest: Option<Digest> = stored.as_ref().and_then(|stored| stored.hmac.as_slice().try_into().ok());
    // An unknown id costs the same as a wrong secret.
    let right = pepper.verify(key, digest.as_ref());
    Ok(stored.filter(|_| right).map(|stored| (stored.id.into(), stored.course_id.into())))
}

pub(crate) async fn used(tx: &mut Tx, id: StreamKeyId, now: DateTime<Utc>) -> Result<(), Error> {
    q("update stream_keys set last_used_at = $2 where id = $1").bind(id.as_uuid()).bind(now).run(tx).await?;
    Ok(())
}
