//! Courses in the database, and what a person is to them.

use chrono::{DateTime, Utc};
use db::{Db, Error, On, Tx, q};
use ids::{CourseId, UserId};
use uuid::Uuid;

use super::rules::{Access, Chat};
use crate::rights::{Relation, Role};

/// A course as one person sees it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Course {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: CourseId,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) description: String,
    #[sqlx(try_from = "Uuid")]
    pub(crate) teacher_id: UserId,
    pub(crate) teacher_name: String,
    pub(crate) access: String,
    pub(crate) dvr: bool,
    pub(crate) chat: String,
    pub(crate) capacity: i64,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) enrolled: bool,
    pub(crate) on_air: bool,
}

impl Course {
    pub(crate) fn relation(&self, user: UserId) -> Relation {
        if self.teacher_id == user {
            Relation::Owner
        } else if self.enrolled {
            Relation::Enrolled
        } else {
            Relation::Stranger
        }
    }

    /// Everybody with an account may see it.
    pub(crate) fn is_open(&self) -> bool {
        self.access == "public"
    }
}

/// `$1` is the person who looks.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select c.id, c.slug, c.title, c.description, c.teacher_id, t.full_name as teacher_name, c.access, \
             c.dvr, c.chat, c.capacity, c.created_at, c.updated_at, \
             exists (select 1 from enrolments e where e.course_id = c.id and e.user_id = $1 \
                 and e.status = 'active') as enrolled, \
             exists (select 1 from sessions s where s.course_id = c.id \
                 and s.status in ('live', 'interrupted')) as on_air \
             from courses c join users t on t.id = c.teacher_id ",
            $rest
        )
    };
}

pub(crate) async fn by_id<'a>(
    on: impl Into<On<'a>>,
    viewer: UserId,
    id: CourseId,
) -> Result<Option<Course>, Error> {
    q(select!("where c.id = $2")).bind(viewer.as_uuid()).bind(id.as_uuid()).opt(on).await
}

/// Those the person may see, newest first, and how many they are.
pub(crate) async fn list(
    db: &Db,
    viewer: UserId,
    role: Role,
    limit: u32,
    offset: u32,
) -> Result<(Vec<Course>, i64), Error> {
    const SEEN: &str = "select count(*) from courses c where ($2 or c.access = 'public' or c.teacher_id = $1 \
        or exists (select 1 from enrolments e where e.course_id = c.id and e.user_id = $1 \
            and e.status = 'active'))";
    let all = role == Role::Admin;
    let (total,): (i64,) = q(SEEN).bind(viewer.as_uuid()).bind(all).one(db).await?;
    let courses = q(select!(
        "where ($2 or c.access = 'public' or c.teacher_id = $1 \
         or exists (select 1 from enrolments e where e.course_id = c.id and e.user_id = $1 \
             and e.status = 'active')) \
         order by c.created_at desc, c.id desc limit $3 offset $4"
    ))
    .bind(viewer.as_uuid())
    .bind(all)
    .bind(limit)
    .bind(offset)
    .all(db)
    .await?;
    Ok((courses, total))
}

/// A course as it is stored first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insert<'a> {
    pub(crate) id: CourseId,
    pub(crate) slug: &'a str,
    pub(crate) title: &'a str,
    pub(crate) description: &'a str,
    pub(crate) teacher: UserId,
    pub(crate) access: Access,
    pub(crate) dvr: bool,
    pub(crate) chat: Chat,
    pub(crate) capacity: u32,
    pub(crate) now: DateTime<Utc>,
}

pub(crate) async fn insert(db: &Db, course: Insert<'_>) -> Result<(), Error> {
    q("insert into courses (id, slug, title, description, teacher_id, access, dvr, chat, capacity, created_at, \
       updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)")
    .bind(course.id.as_uuid())
    .bind(course.slug)
    .bind(course.title)
    .bind(course.description)
    .bind(course.teacher.as_uuid())
    .bind(course.access.word())
    .bind(course.dvr)
    .bind(course.chat.word())
    .bind(course.capacity)
    .bind(course.now)
    .run(db)
    .await?;
    Ok(())
}

/// What is to change; `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Update<'a> {
    pub(crate) title: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    pub(crate) access: Option<Access>,
    pub(crate) dvr: Option<bool>,
    pub(crate) chat: Option<Chat>,
    pub(crate) capacity: Option<u32>,
}

pub(crate) async fn update(
    db: &Db,
    id: CourseId,
    change: Update<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    q("update courses set title = coalesce($2, title), description = coalesce($3, description), \
       access = coalesce($4, access), dvr = coalesce($5, dvr), chat = coalesce($6, chat), \
       capacity = coalesce($7, capacity), updated_at = $8 where id = $1")
    .bind(id.as_uuid())
    .bind(change.title)
    .bind(change.description)
    .bind(change.access.map(Access::word))
    .bind(change.dvr)
    .bind(change.chat.map(Chat::word))
    .bind(change.capacity)
    .bind(now)
    .run(db)
    .await?;
    Ok(())
}

/// Holds the course until the transaction ends: of two who change what belongs to it, one comes second.
/// Answers how many places it has, or none when it does not exist.
pub(crate) async fn lock(tx: &mut Tx, id: CourseId) -> Result<Option<i64>, Error> {
    let row: Option<(i64,)> =
        q("select capacity from courses where id = $1 for update").bind(id.as_uuid()).opt(tx).await?;
    Ok(row.map(|(capacity,)| capacity))
}

/// The course of this slug.
pub(crate) async fn by_slug(db: &Db, slug: &str) -> Result<Option<CourseId>, Error> {
    let row: Option<(Uuid,)> = q("select id from courses where slug = $1").bind(slug).opt(db).await?;
    Ok(row.map(|(id,)| id.into()))
}
