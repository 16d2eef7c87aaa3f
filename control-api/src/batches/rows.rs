//! Batches in the database.

use chrono::{DateTime, Utc};
use db::{Db, Error, On, Tx, q};
use ids::{BatchId, CourseId};
use uuid::Uuid;

use crate::{Control, courses::rows::taken, http::HttpError};

/// A batch as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Batch {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: BatchId,
    #[sqlx(try_from = "Uuid")]
    pub(crate) course_id: CourseId,
    pub(crate) title: String,
    pub(crate) starts_at: Option<DateTime<Utc>>,
    pub(crate) ends_at: Option<DateTime<Utc>>,
    pub(crate) capacity: Option<i64>,
    pub(crate) open: bool,
    /// Places that are taken.
    pub(crate) taken: i64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select b.id, b.course_id, b.title, b.starts_at, b.ends_at, b.capacity, b.open, \
             (select count(*) from enrolments p where p.batch_id = b.id and ",
            taken!(),
            ") as taken from batches b ",
            $rest
        )
    };
}

pub(crate) async fn by_id<'a>(on: impl Into<On<'a>>, id: BatchId) -> Result<Option<Batch>, Error> {
    q(select!("where b.id = $1")).bind(id.as_uuid()).opt(on).await
}

/// The batch, if it is one of this course; else the field is wrong.
pub(crate) async fn of_course(control: &Control, id: BatchId, course: CourseId) -> Result<Batch, HttpError> {
    let batch = by_id(control.db(), id).await?.filter(|batch| batch.course_id == course);
    batch.ok_or_else(|| HttpError::invalid("batch_id", "Choose one of the course's batches."))
}

/// A course's batches, the earliest first.
pub(crate) async fn list(db: &Db, course: CourseId) -> Result<Vec<Batch>, Error> {
    q(select!(
        "where b.course_id = $1 order by case when b.starts_at is null then 1 else 0 end, b.starts_at, b.id"
    ))
    .bind(course.as_uuid())
    .all(db)
    .await
}

/// A batch as it is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write<'a> {
    pub(crate) id: BatchId,
    pub(crate) course: CourseId,
    pub(crate) title: &'a str,
    pub(crate) starts_at: Option<DateTime<Utc>>,
    pub(crate) ends_at: Option<DateTime<Utc>>,
    pub(crate) capacity: Option<i64>,
    pub(crate) open: bool,
    pub(crate) now: DateTime<Utc>,
}

pub(crate) async fn write(tx: &mut Tx, batch: Write<'_>) -> Result<(), Error> {
    q("insert into batches (id, course_id, title, starts_at, ends_at, capacity, open, created_at, updated_at) \
       values ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
       on conflict (id) do update set title = $3, starts_at = $4, ends_at = $5, capacity = $6, open = $7, \
       updated_at = $8")
    .bind(batch.id.as_uuid())
    .bind(batch.course.as_uuid())
    .bind(batch.title)
    .bind(batch.starts_at)
    .bind(batch.ends_at)
    .bind(batch.capacity)
    .bind(batch.open)
    .bind(batch.now)
    .run(tx)
    .await?;
    Ok(())
}

/// Removes a batch that nobody is or was in; whether it did.
pub(crate) async fn delete_empty(db: &Db, id: BatchId) -> Result<bool, Error> {
    let gone = q("delete from batches where id = $1 \
                  and not exists (select 1 from enrolments e where e.batch_id = $1)")
    .bind(id.as_uuid())
    .run(db)
    .await?;
    Ok(gone == 1)
}
