//! Enrolments in the database.

use chrono::{DateTime, Utc};
use db::{Error, Tx, q};
use ids::{CourseId, EnrolmentId, UserId};
use uuid::Uuid;

use crate::courses;

/// What came of an attempt to enrol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// He has a place now.
    Enrolled(EnrolmentId),
    /// He had one.
    Already(EnrolmentId),
    /// All places are taken.
    Full,
}

/// Gives a place, if one is free. The course is held meanwhile, so no place is given twice.
pub(crate) async fn enrol(
    tx: &mut Tx,
    id: EnrolmentId,
    course: CourseId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<Outcome, Error> {
    let capacity = courses::rows::lock(tx, course).await?.ok_or(Error::NoRow)?;
    let existing: Option<(Uuid, String)> =
        q("select id, status from enrolments where course_id = $1 and user_id = $2")
            .bind(course.as_uuid())
            .bind(user.as_uuid())
            .opt(&mut *tx)
            .await?;
    if let Some((id, status)) = &existing
        && status == "active"
    {
        return Ok(Outcome::Already((*id).into()));
    }
    let (taken,): (i64,) = q("select count(*) from enrolments where course_id = $1 and status = 'active'")
        .bind(course.as_uuid())
        .one(&mut *tx)
        .await?;
    if taken >= capacity {
        return Ok(Outcome::Full);
    }
    let id = existing.map_or(id, |(id, _)| id.into());
    q("insert into enrolments (id, course_id, user_id, status, created_at, updated_at) \
       values ($1, $2, $3, 'active', $4, $4) \
       on conflict (course_id, user_id) do update set status = 'active', updated_at = $4")
    .bind(id.as_uuid())
    .bind(course.as_uuid())
    .bind(user.as_uuid())
    .bind(now)
    .run(tx)
    .await?;
    Ok(Outcome::Enrolled(id))
}

/// Takes the place away; whether there was one.
pub(crate) async fn remove(
    tx: &mut Tx,
    course: CourseId,
    user: UserId,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let removed = q("update enrolments set status = 'removed', updated_at = $3 \
                     where course_id = $1 and user_id = $2 and status = 'active'")
    .bind(course.as_uuid())
    .bind(user.as_uuid())
    .bind(now)
    .run(tx)
    .await?;
    Ok(removed == 1)
}

/// Holds the student's place until the transaction ends, so that a grant to watch and a removal do not
/// pass each other; whether he has one.
pub(crate) async fn hold(tx: &mut Tx, course: CourseId, user: UserId) -> Result<bool, Error> {
    let row: Option<(Uuid,)> = q("select id from enrolments where course_id = $1 and user_id = $2 \
                                  and status = 'active' for update")
    .bind(course.as_uuid())
    .bind(user.as_uuid())
    .opt(tx)
    .await?;
    Ok(row.is_some())
}
