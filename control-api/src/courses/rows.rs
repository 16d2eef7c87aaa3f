//! Courses in the database, and what a person is to them.

use chrono::{DateTime, Utc};
use db::{Db, Error, On, Tx, q};
use ids::{CategoryId, CourseId, UserId};
use uuid::Uuid;

use super::{
    rules::{Access, Chat, Level, Mode, Stage},
    search,
};
use crate::{
    enrolments::ties::{Ties, tie_columns, tie_joins},
    rights::Relation,
};

/// Whether everybody with an account finds the course `c`.
macro_rules! listed {
    () => {
        "(c.stage = 'published' and coalesce(c.listed, c.access <> 'private'))"
    };
}
pub(crate) use listed;

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
    category_id: Option<Uuid>,
    category_name: Option<String>,
    category_slug: Option<String>,
    access: String,
    stage: String,
    pub(crate) listed: bool,
    pub(crate) price_minor: i64,
    pub(crate) currency: String,
    level: String,
    pub(crate) language: Option<String>,
    mode: String,
    pub(crate) dvr: bool,
    chat: String,
    pub(crate) record: bool,
    pub(crate) recording_days: Option<i64>,
    pub(crate) capacity: i64,
    pub(crate) waiting_list: bool,
    pub(crate) access_days: Option<i64>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) title_folded: String,
    /// How many places are taken.
    pub(crate) taken: i64,
    pub(crate) on_air: bool,
    pub(crate) next_session_at: Option<DateTime<Utc>>,
    #[sqlx(flatten)]
    pub(crate) ties: Ties,
}

/// Where a course stands in the tree.
#[derive(Clone, Debug)]
pub(crate) struct InCategory {
    pub(crate) id: CategoryId,
    pub(crate) name: String,
    pub(crate) slug: String,
}

impl Course {
    pub(crate) fn relation(&self, user: UserId) -> Relation {
        self.ties.relation(self.teacher_id == user)
    }

    /// Everybody with an account may see it.
    pub(crate) fn is_open(&self) -> bool {
        self.listed
    }

    pub(crate) fn access(&self) -> Access {
        Access::of(&self.access).expect("the table takes the words of access levels alone")
    }

    pub(crate) fn stage(&self) -> Stage {
        Stage::of(&self.stage).expect("the table takes the words of stages alone")
    }

    pub(crate) fn level(&self) -> Level {
        Level::of(&self.level).expect("the table takes the words of levels alone")
    }

    pub(crate) fn mode(&self) -> Mode {
        Mode::of(&self.mode).expect("the table takes the words of modes alone")
    }

    pub(crate) fn chat(&self) -> Chat {
        Chat::of(&self.chat).expect("the table takes the words of chat modes alone")
    }

    pub(crate) fn category(&self) -> Option<InCategory> {
        let (id, name, slug) =
            (self.category_id?.into(), self.category_name.clone()?, self.category_slug.clone()?);
        Some(InCategory { id, name, slug })
    }
}

/// `$1` is the person who looks.
macro_rules! select {
    ($($rest:tt)*) => {
        concat!(
            "select c.id, c.slug, c.title, c.description, c.teacher_id, t.full_name as teacher_name, \
             c.category_id, k.name as category_name, k.slug as category_slug, c.access, c.stage, ",
            listed!(),
            " as listed, c.price_minor, c.currency, c.level, c.language, c.mode, c.dvr, c.chat, c.record, \
             c.recording_days, c.capacity, c.waiting_list, c.access_days, c.created_at, c.updated_at, \
             coalesce(c.title_folded, '') as title_folded, \
             (select count(*) from enrolments p where p.course_id = c.id and ",
            taken!(),
            ") as taken, \
             exists (select 1 from sessions s where s.course_id = c.id \
                 and s.status in ('live', 'interrupted')) as on_air, \
             (select s.starts_at from sessions s where s.course_id = c.id and s.status = 'scheduled' \
                 order by s.starts_at limit 1) as next_session_at, ",
            tie_columns!(),
            " from courses c join users t on t.id = c.teacher_id \
              left join categories k on k.id = c.category_id ",
            tie_joins!(),
            " ",
            $($rest)*
        )
    };
}
pub(super) use select;

/// Whether the enrolment `p` takes a place: as [`crate::enrolments::state::State::takes_a_place`] says, and an
/// older server's rows, which have no state.
macro_rules! taken {
    () => {
        "((p.status = 'active' and coalesce(p.state, 'active') <> 'completed') \
          or (p.status = 'removed' and p.state = 'awaiting_payment'))"
    };
}
pub(crate) use taken;

pub(crate) async fn by_id<'a>(
    on: impl Into<On<'a>>,
    viewer: UserId,
    id: CourseId,
) -> Result<Option<Course>, Error> {
    q(select!("where c.id = $2")).bind(viewer.as_uuid()).bind(id.as_uuid()).opt(on).await
}

/// A course as it is stored first; [`update`] says the rest of it.
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

pub(crate) async fn insert<'a>(on: impl Into<On<'a>>, course: Insert<'_>) -> Result<(), Error> {
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
    .run(on)
    .await?;
    Ok(())
}

/// What is to change. `None` stays; `Some(None)` becomes nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Update<'a> {
    pub(crate) slug: Option<&'a str>,
    pub(crate) title: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    pub(crate) category: Option<Option<CategoryId>>,
    pub(crate) access: Option<Access>,
    pub(crate) stage: Option<Stage>,
    pub(crate) listed: Option<Option<bool>>,
    pub(crate) price_minor: Option<i64>,
    pub(crate) currency: Option<&'a str>,
    pub(crate) level: Option<Level>,
    pub(crate) language: Option<Option<&'a str>>,
    pub(crate) mode: Option<Mode>,
    pub(crate) dvr: Option<bool>,
    pub(crate) chat: Option<Chat>,
    pub(crate) record: Option<bool>,
    pub(crate) recording_days: Option<Option<i64>>,
    pub(crate) capacity: Option<u32>,
    pub(crate) waiting_list: Option<bool>,
    pub(crate) access_from: Option<Option<DateTime<Utc>>>,
    pub(crate) access_until: Option<Option<DateTime<Utc>>>,
    pub(crate) access_days: Option<Option<i64>>,
}

/// Fails with [`Error::Unique`] when another course has the slug, and with [`Error::Reference`] when there is no
/// such category.
pub(crate) async fn update(
    tx: &mut Tx,
    id: CourseId,
    change: Update<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    q("update courses set title = coalesce($2, title), description = coalesce($3, description), \
       access = coalesce($4, access), dvr = coalesce($5, dvr), chat = coalesce($6, chat), \
       capacity = coalesce($7, capacity), updated_at = $8, slug = coalesce($9, slug), \
       category_id = case when $10 then $11 else category_id end, stage = coalesce($12, stage), \
       listed = case when $13 then $14 else listed end, price_minor = coalesce($15, price_minor), \
       currency = coalesce($16, currency), level = coalesce($17, level), \
       language = case when $18 then $19 else language end, mode = coalesce($20, mode), \
       record = coalesce($21, record), \
       recording_days = case when $22 then $23 else recording_days end, \
       waiting_list = coalesce($24, waiting_list), \
       access_from = case when $25 then $26 else access_from end, \
       access_until = case when $27 then $28 else access_until end, \
       access_days = case when $29 then $30 else access_days end where id = $1")
    .bind(id.as_uuid())
    .bind(change.title)
    .bind(change.description)
    .bind(change.access.map(Access::word))
    .bind(change.dvr)
    .bind(change.chat.map(Chat::word))
    .bind(change.capacity)
    .bind(now)
    .bind(change.slug)
    .bind(change.category.is_some())
    .bind(change.category.flatten().map(|id| id.as_uuid()))
    .bind(change.stage.map(Stage::word))
    .bind(change.listed.is_some())
    .bind(change.listed.flatten())
    .bind(change.price_minor)
    .bind(change.currency)
    .bind(change.level.map(Level::word))
    .bind(change.language.is_some())
    .bind(change.language.flatten())
    .bind(change.mode.map(Mode::word))
    .bind(change.record)
    .bind(change.recording_days.is_some())
    .bind(change.recording_days.flatten())
    .bind(change.waiting_list)
    .bind(change.access_from.is_some())
    .bind(change.access_from.flatten())
    .bind(change.access_until.is_some())
    .bind(change.access_until.flatten())
    .bind(change.access_days.is_some())
    .bind(change.access_days.flatten())
    .run(&mut *tx)
    .await?;
    fold(tx, id).await
}

/// Writes what the course is found by.
async fn fold(tx: &mut Tx, id: CourseId) -> Result<(), Error> {
    let (title, description, teacher): (String, String, String) =
        q("select c.title, c.description, t.full_name from courses c join users t on t.id = c.teacher_id \
           where c.id = $1")
        .bind(id.as_uuid())
        .one(&mut *tx)
        .await?;
    let title_folded = search::fold(&title);
    let text = format!("{title_folded}\n{}\n{}", search::fold(&teacher), search::fold(&description));
    q("update courses set title_folded = $2, search_text = $3 where id = $1")
        .bind(id.as_uuid())
        .bind(title_folded)
        .bind(text)
        .run(tx)
        .await?;
    Ok(())
}

/// Writes it for courses that an older server made; whether some may be left.
pub(crate) async fn fold_some(db: &Db) -> Result<bool, Error> {
    const AT_ONCE: u32 = 100;
    let mut tx = db.begin().await?;
    let some: Vec<(Uuid,)> =
        q("select id from courses where search_text is null order by id limit $1 for no key update")
            .bind(AT_ONCE)
            .all(&mut tx)
            .await?;
    for (id,) in &some {
        fold(&mut tx, (*id).into()).await?;
    }
    tx.commit().await?;
    Ok(some.len() >= AT_ONCE as usize)
}

/// Holds the course until the transaction ends: of two who change what belongs to it, one comes second.
/// Answers how many places it has, or none when it does not exist.
///
/// Not `for update`: whoever stores something that points to the course, such as a playback grant, need not wait.
pub(crate) async fn lock(tx: &mut Tx, id: CourseId) -> Result<Option<i64>, Error> {
    let row: Option<(i64,)> =
        q("select capacity from courses where id = $1 for no key update").bind(id.as_uuid()).opt(tx).await?;
    Ok(row.map(|(capacity,)| capacity))
}

/// The course of this slug.
pub(crate) async fn by_slug(db: &Db, slug: &str) -> Result<Option<CourseId>, Error> {
    let row: Option<(Uuid,)> = q("select id from courses where slug = $1").bind(slug).opt(db).await?;
    Ok(row.map(|(id,)| id.into()))
}

/// Removes a course that nothing has happened in yet: nobody was on air, and nobody has or wants a place.
/// Whether it did.
pub(crate) async fn delete_unused(tx: &mut Tx, id: CourseId) -> Result<bool, Error> {
    let deleted = q("delete from courses where id = $1 \
           and not exists (select 1 from sessions s where s.course_id = $1 and s.started_at is not null) \
           and not exists (select 1 from enrolments e where e.course_id = $1)")
    .bind(id.as_uuid())
    .run(tx)
    .await?;
    Ok(deleted == 1)
}
