//! A course's staff in the database, its teacher aside.

use chrono::{DateTime, Utc};
use db::{Db, Error, On, q};
use ids::{CourseId, UserId};
use uuid::Uuid;

use super::routes::Duty;

/// One of the staff.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Member {
    #[sqlx(try_from = "Uuid")]
    pub(crate) user_id: UserId,
    pub(crate) full_name: String,
    pub(crate) email: String,
    pub(crate) duty: String,
}

/// What the person does in the course, if anything.
pub(crate) async fn duty<'a>(
    on: impl Into<On<'a>>,
    course: CourseId,
    user: UserId,
) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = q("select duty from course_staff where course_id = $1 and user_id = $2")
        .bind(course.as_uuid())
        .bind(user.as_uuid())
        .opt(on)
        .await?;
    Ok(row.map(|(duty,)| duty))
}

pub(crate) async fn list(db: &Db, course: CourseId) -> Result<Vec<Member>, Error> {
    q("select s.user_id, u.full_name, u.email, s.duty from course_staff s join users u on u.id = s.user_id \
       where s.course_id = $1 order by s.duty desc, s.created_at, s.user_id")
    .bind(course.as_uuid())
    .all(db)
    .await
}

/// Gives the person a duty, instead of the one he had.
pub(crate) async fn appoint(
    db: &Db,
    course: CourseId,
    user: UserId,
    duty: Duty,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    q("insert into course_staff (course_id, user_id, duty, created_at) values ($1, $2, $3, $4) \
       on conflict (course_id, user_id) do update set duty = $3")
    .bind(course.as_uuid())
    .bind(user.as_uuid())
    .bind(duty.word())
    .bind(now)
    .run(db)
    .await?;
    Ok(())
}

/// Whether he had one.
pub(crate) async fn dismiss(db: &Db, course: CourseId, user: UserId) -> Result<bool, Error> {
    let gone = q("delete from course_staff where course_id = $1 and user_id = $2")
        .bind(course.as_uuid())
        .bind(user.as_uuid())
        .run(db)
        .await?;
    Ok(gone == 1)
}
