//! Enrolments in the database. Whoever changes one holds its course first ([`hold_course`]).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use db::{Db, Error, On, Tx, q};
use ids::{BatchId, CourseId, EnrolmentId, UserId};
use uuid::Uuid;

use super::{
    admission::{Place, Terms},
    queue::Waiting,
    state::{Standing, State},
    ties::state_of,
};
use crate::courses::{
    rows::taken,
    rules::{Access, Stage},
};

/// A course that is held until the transaction ends, as far as places go.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Held {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: CourseId,
    #[sqlx(try_from = "Uuid")]
    pub(crate) teacher_id: UserId,
    access: String,
    stage: String,
    price_minor: i64,
    capacity: i64,
    pub(crate) waiting_list: bool,
    pub(crate) access_days: Option<i64>,
    access_until: Option<DateTime<Utc>>,
}

impl Held {
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            access: Access::of(&self.access).expect("the table takes the words of access levels alone"),
            stage: Stage::of(&self.stage).expect("the table takes the words of stages alone"),
            free: self.price_minor == 0,
            access_until: self.access_until,
        }
    }
}

/// Not `for update`: see [`crate::courses::rows::lock`].
pub(crate) async fn hold_course(tx: &mut Tx, id: CourseId) -> Result<Option<Held>, Error> {
    q("select id, teacher_id, access, stage, price_minor, capacity, waiting_list, access_days, access_until \
       from courses where id = $1 for no key update")
    .bind(id.as_uuid())
    .opt(tx)
    .await
}

/// An enrolment as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Enrolment {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: EnrolmentId,
    #[sqlx(try_from = "Uuid")]
    pub(crate) course_id: CourseId,
    #[sqlx(try_from = "Uuid")]
    pub(crate) user_id: UserId,
    status: String,
    state: Option<String>,
    batch_id: Option<Uuid>,
    pub(crate) request_note: Option<String>,
    pub(crate) answer_note: Option<String>,
    changed_by: Option<Uuid>,
    pub(crate) held_until: Option<DateTime<Utc>>,
    pub(crate) placed_at: Option<DateTime<Utc>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl Enrolment {
    pub(crate) fn state(&self) -> State {
        state_of(&self.status, self.state.as_deref())
    }

    pub(crate) fn standing(&self) -> Standing {
        Standing { state: self.state(), by_himself: self.changed_by == Some(self.user_id.as_uuid()) }
    }

    pub(crate) fn batch(&self) -> Option<BatchId> {
        self.batch_id.map(Into::into)
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select e.id, e.course_id, e.user_id, e.status, e.state, e.batch_id, e.request_note, e.answer_note, \
             e.changed_by, e.held_until, e.placed_at, e.expires_at, e.updated_at from enrolments e ",
            $rest
        )
    };
}

pub(crate) async fn of<'a>(
    on: impl Into<On<'a>>,
    course: CourseId,
    user: UserId,
) -> Result<Option<Enrolment>, Error> {
    q(select!("where e.course_id = $1 and e.user_id = $2"))
        .bind(course.as_uuid())
        .bind(user.as_uuid())
        .opt(on)
        .await
}

pub(crate) async fn by_id<'a>(on: impl Into<On<'a>>, id: EnrolmentId) -> Result<Option<Enrolment>, Error> {
    q(select!("where e.id = $1")).bind(id.as_uuid()).opt(on).await
}

/// How many places are free in the course, and in each of its batches that has a number of its own.
pub(crate) async fn free_places(tx: &mut Tx, course: &Held) -> Result<(u64, BTreeMap<BatchId, u64>), Error> {
    let (taken,): (i64,) =
        q(concat!("select count(*) from enrolments p where p.course_id = $1 and ", taken!()))
            .bind(course.id.as_uuid())
            .one(&mut *tx)
            .await?;
    let batches: Vec<(Uuid, i64, i64)> = q(concat!(
        "select b.id, b.capacity, (select count(*) from enrolments p where p.batch_id = b.id and ",
        taken!(),
        ") from batches b where b.course_id = $1 and b.capacity is not null"
    ))
    .bind(course.id.as_uuid())
    .all(tx)
    .await?;
    let left = |capacity: i64, taken: i64| u64::try_from(capacity - taken).unwrap_or(0);
    let of_batches = batches.into_iter().map(|(id, capacity, taken)| (id.into(), left(capacity, taken)));
    Ok((left(course.capacity, taken), of_batches.collect()))
}

/// What is stored when an enrolment comes into a state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write<'a> {
    /// Of a new row; one that there is keeps its own.
    pub(crate) id: EnrolmentId,
    pub(crate) course: CourseId,
    pub(crate) user: UserId,
    pub(crate) state: State,
    pub(crate) batch: Option<BatchId>,
    pub(crate) request_note: Option<&'a str>,
    pub(crate) answer_note: Option<&'a str>,
    pub(crate) changed_by: Option<UserId>,
    pub(crate) queued_at: Option<DateTime<Utc>>,
    pub(crate) held_until: Option<DateTime<Utc>>,
    pub(crate) placed_at: Option<DateTime<Utc>>,
    pub(crate) expires_at: Option<DateTime<Utc>>,
    pub(crate) now: DateTime<Utc>,
}

pub(crate) async fn write(tx: &mut Tx, row: Write<'_>) -> Result<(), Error> {
    let status = if row.state.watches() { "active" } else { "removed" };
    q("insert into enrolments (id, course_id, user_id, status, state, batch_id, request_note, answer_note, \
       changed_by, queued_at, held_until, placed_at, expires_at, created_at, updated_at) \
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14) \
       on conflict (course_id, user_id) do update set status = $4, state = $5, batch_id = $6, request_note = $7, \
       answer_note = $8, changed_by = $9, queued_at = $10, held_until = $11, placed_at = $12, expires_at = $13, \
       updated_at = $14")
    .bind(row.id.as_uuid())
    .bind(row.course.as_uuid())
    .bind(row.user.as_uuid())
    .bind(status)
    .bind(row.state.word())
    .bind(row.batch.map(|id| id.as_uuid()))
    .bind(row.request_note)
    .bind(row.answer_note)
    .bind(row.changed_by.map(|id| id.as_uuid()))
    .bind(row.queued_at)
    .bind(row.held_until)
    .bind(row.placed_at)
    .bind(row.expires_at)
    .bind(row.now)
    .run(tx)
    .await?;
    Ok(())
}

/// Who waits for a place, the first first.
pub(crate) async fn queue(tx: &mut Tx, course: CourseId) -> Result<Vec<Waiting>, Error> {
    let rows: Vec<(Uuid, Option<Uuid>)> = q("select id, batch_id from enrolments where course_id = $1 \
         and status = 'removed' and state = 'waitlisted' order by queued_at, id")
    .bind(course.as_uuid())
    .all(tx)
    .await?;
    Ok(rows.into_iter().map(|(id, batch)| Waiting { id: id.into(), batch: batch.map(Into::into) }).collect())
}

/// What a person has a place in, anywhere: for criteria and prerequisites.
pub(crate) async fn places_of(tx: &mut Tx, user: UserId) -> Result<Vec<Place>, Error> {
    let rows: Vec<(Uuid, Option<Uuid>, Option<String>)> =
        q("select course_id, batch_id, state from enrolments where user_id = $1 and status = 'active'")
            .bind(user.as_uuid())
            .all(tx)
            .await?;
    let place = |(course, batch, state): (Uuid, Option<Uuid>, Option<String>)| Place {
        course: course.into(),
        batch: batch.map(Into::into),
        completed: state_of("active", state.as_deref()) == State::Completed,
    };
    Ok(rows.into_iter().map(place).collect())
}

/// Places whose time is over, or that were not paid for in time.
pub(crate) async fn due(db: &Db, now: DateTime<Utc>) -> Result<Vec<Enrolment>, Error> {
    q(select!(
        "where (e.status = 'active' and coalesce(e.state, 'active') = 'active' and e.expires_at <= $1) \
         or (e.status = 'removed' and e.state = 'awaiting_payment' and e.held_until <= $1) \
         order by e.id limit 200"
    ))
    .bind(now)
    .all(db)
    .await
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

/// An enrolment with the person, for those who give the course.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Listed {
    #[sqlx(flatten)]
    pub(crate) enrolment: Enrolment,
    pub(crate) email: String,
    pub(crate) full_name: String,
    pub(crate) batch_title: Option<String>,
}

macro_rules! of_course {
    () => {
        "e.course_id = $1 and ($2 is null or coalesce(e.state, e.status) = $2) \
         and ($3 is null or e.batch_id = $3)"
    };
}

/// A course's enrolments, those that want an answer first, and how many they are.
pub(crate) async fn list(
    db: &Db,
    course: CourseId,
    state: Option<State>,
    batch: Option<BatchId>,
    (limit, offset): (u32, u32),
) -> Result<(Vec<Listed>, i64), Error> {
    let asked = |statement| {
        q(statement).bind(course.as_uuid()).bind(state.map(State::word)).bind(batch.map(|id| id.as_uuid()))
    };
    let (total,): (i64,) =
        asked(concat!("select count(*) from enrolments e where ", of_course!())).one(db).await?;
    let rows = asked(concat!(
        "select e.id, e.course_id, e.user_id, e.status, e.state, e.batch_id, e.request_note, e.answer_note, \
         e.changed_by, e.held_until, e.placed_at, e.expires_at, e.updated_at, u.email, u.full_name, \
         b.title as batch_title from enrolments e join users u on u.id = e.user_id \
         left join batches b on b.id = e.batch_id where ",
        of_course!(),
        " order by case e.state when 'requested' then 0 when 'waitlisted' then 1 when 'awaiting_payment' then 2 \
          else 3 end, case when e.state = 'waitlisted' then e.queued_at end, e.updated_at desc, e.id \
          limit $4 offset $5"
    ))
    .bind(limit)
    .bind(offset)
    .all(db)
    .await?;
    Ok((rows, total))
}

/// An enrolment with its course, for the student.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Own {
    #[sqlx(flatten)]
    pub(crate) enrolment: Enrolment,
    pub(crate) course_title: String,
    pub(crate) course_slug: String,
    pub(crate) teacher_name: String,
    /// In the queue, those before him; none outside of it.
    pub(crate) before: Option<i64>,
}

/// A person's enrolments, the latest first, and how many they are.
pub(crate) async fn mine(
    db: &Db,
    user: UserId,
    (limit, offset): (u32, u32),
) -> Result<(Vec<Own>, i64), Error> {
    let (total,): (i64,) =
        q("select count(*) from enrolments where user_id = $1").bind(user.as_uuid()).one(db).await?;
    let rows = q("select e.id, e.course_id, e.user_id, e.status, e.state, e.batch_id, e.request_note, \
           e.answer_note, e.changed_by, e.held_until, e.placed_at, e.expires_at, e.updated_at, \
           c.title as course_title, c.slug as course_slug, t.full_name as teacher_name, \
           case when e.state = 'waitlisted' then (select count(*) from enrolments w \
               where w.course_id = e.course_id and w.status = 'removed' and w.state = 'waitlisted' \
               and (w.queued_at, w.id) < (e.queued_at, e.id)) end as before \
           from enrolments e join courses c on c.id = e.course_id join users t on t.id = c.teacher_id \
           where e.user_id = $1 order by e.updated_at desc, e.id limit $2 offset $3")
    .bind(user.as_uuid())
    .bind(limit)
    .bind(offset)
    .all(db)
    .await?;
    Ok((rows, total))
}

/// Changes the batch of an enrolment, and how long it lasts.
pub(crate) async fn move_to(
    tx: &mut Tx,
    id: EnrolmentId,
    batch: Option<BatchId>,
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    q("update enrolments set batch_id = $2, expires_at = $3, updated_at = $4 where id = $1")
        .bind(id.as_uuid())
        .bind(batch.map(|id| id.as_uuid()))
        .bind(expires_at)
        .bind(now)
        .run(tx)
        .await?;
    Ok(())
}
