//! Sessions, epochs and previews in the database.

use chrono::{DateTime, Utc};
use db::{Db, Error, On, Tx, q};
use ids::{CourseId, EpochId, SessionId, UserId};
use uuid::Uuid;

use super::rules::{EndReason, Kind, OnAir, Plan, Status};
use crate::{
    courses::rows::listed,
    enrolments::ties::{Ties, tie_columns, tie_joins},
    rights::{Relation, Role},
};

/// A session as one person sees it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Session {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: SessionId,
    #[sqlx(try_from = "Uuid")]
    pub(crate) course_id: CourseId,
    pub(crate) course_title: String,
    #[sqlx(try_from = "Uuid")]
    pub(crate) teacher_id: UserId,
    pub(crate) teacher_name: String,
    pub(crate) dvr: bool,
    pub(crate) title: String,
    pub(crate) kind: String,
    status: String,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) lobby_minutes: i64,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) ended_at: Option<DateTime<Utc>>,
    course_listed: bool,
    #[sqlx(flatten)]
    pub(crate) ties: Ties,
}

impl Session {
    pub(crate) fn status(&self) -> Status {
        Status::of(&self.status).expect("the table takes the words of states alone")
    }

    pub(crate) fn kind(&self) -> Kind {
        if self.kind == "ad_hoc" { Kind::AdHoc } else { Kind::Scheduled }
    }

    pub(crate) fn relation(&self, user: UserId) -> Relation {
        self.ties.relation(self.teacher_id == user)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.course_listed
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan {
            status: self.status(),
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            lobby_minutes: self.lobby_minutes,
        }
    }

    /// What the rules of ending look at.
    pub(crate) fn on_air(&self) -> OnAir {
        OnAir {
            kind: self.kind(),
            status: self.status(),
            started_at: self.started_at.unwrap_or(self.starts_at),
            ends_at: self.ends_at,
        }
    }
}

/// `$1` is the person who looks.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select s.id, s.course_id, c.title as course_title, c.teacher_id, \
             t.full_name as teacher_name, c.dvr, s.title, s.kind, s.status, s.starts_at, s.ends_at, \
             s.lobby_minutes, s.started_at, s.ended_at, ",
            listed!(),
            " as course_listed, ",
            tie_columns!(),
            " from sessions s join courses c on c.id = s.course_id join users t on t.id = c.teacher_id ",
            tie_joins!(),
            " ",
            $rest
        )
    };
}

/// Nobody: for looks that are not a person's.
const NOBODY: Uuid = Uuid::nil();

pub(crate) async fn by_id<'a>(
    on: impl Into<On<'a>>,
    viewer: UserId,
    id: SessionId,
) -> Result<Option<Session>, Error> {
    q(select!("where s.id = $2")).bind(viewer.as_uuid()).bind(id.as_uuid()).opt(on).await
}

/// Those of the courses the person teaches or has a place in (an admin: all), with what is on air first,
/// then what comes, then what was.
pub(crate) async fn mine(
    db: &Db,
    viewer: UserId,
    role: Role,
    limit: u32,
    offset: u32,
) -> Result<(Vec<Session>, i64), Error> {
    let all = role == Role::Admin;
    let (total,): (i64,) = q(concat!(
        "select count(*) from sessions s join courses c on c.id = s.course_id ",
        tie_joins!(),
        " where ($2 or c.teacher_id = $1 or cs.duty is not null or e.status = 'active')"
    ))
    .bind(viewer.as_uuid())
    .bind(all)
    .one(db)
    .await?;
    let sessions = q(select!(
        "where ($2 or c.teacher_id = $1 or cs.duty is not null or e.status = 'active') \
         order by case when s.status in ('live', 'interrupted') then 0 \
             when s.status = 'scheduled' then 1 else 2 end, \
         case when s.status in ('ended', 'cancelled') then null else s.starts_at end, \
         s.starts_at desc, s.id limit $3 offset $4"
    ))
    .bind(viewer.as_uuid())
    .bind(all)
    .bind(limit)
    .bind(offset)
    .all(db)
    .await?;
    Ok((sessions, total))
}

/// A course's sessions, the latest first; `open`: without those that are over.
pub(crate) async fn of_course(
    db: &Db,
    viewer: UserId,
    course: CourseId,
    open: bool,
    limit: u32,
    offset: u32,
) -> Result<(Vec<Session>, i64), Error> {
    let (total,): (i64,) = q("select count(*) from sessions s where s.course_id = $1 \
                              and (not $2 or s.status in ('scheduled', 'live', 'interrupted'))")
    .bind(course.as_uuid())
    .bind(open)
    .one(db)
    .await?;
    let sessions = q(select!(
        "where s.course_id = $2 and (not $3 or s.status in ('scheduled', 'live', 'interrupted')) \
         order by s.starts_at desc, s.id desc limit $4 offset $5"
    ))
    .bind(viewer.as_uuid())
    .bind(course.as_uuid())
    .bind(open)
    .bind(limit)
    .bind(offset)
    .all(db)
    .await?;
    Ok((sessions, total))
}

/// The course's sessions that may be the current one ([`super::rules::current`] says which is).
pub(crate) async fn candidates<'a>(
    on: impl Into<On<'a>>,
    course: CourseId,
    now: DateTime<Utc>,
) -> Result<Vec<Session>, Error> {
    q(select!(
        "where s.course_id = $2 and (s.status in ('live', 'interrupted') \
         or (s.status = 'scheduled' and s.ends_at >= $3 and s.starts_at <= $4)) \
         order by s.starts_at limit 100"
    ))
    .bind(NOBODY)
    .bind(course.as_uuid())
    .bind(now - super::rules::AFTER_END)
    .bind(now + chrono::TimeDelta::minutes(super::rules::LOBBY_MINUTES_MAX.into()))
    .all(on)
    .await
}

/// The course's session that ended last, if that was after `since`.
pub(crate) async fn just_ended(
    db: &Db,
    course: CourseId,
    since: DateTime<Utc>,
) -> Result<Option<Session>, Error> {
    q(select!(
        "where s.course_id = $2 and s.status = 'ended' and s.ended_at >= $3 order by s.ended_at desc limit 1"
    ))
    .bind(NOBODY)
    .bind(course.as_uuid())
    .bind(since)
    .opt(db)
    .await
}

/// All sessions on air.
pub(crate) async fn on_air(db: &Db) -> Result<Vec<Session>, Error> {
    q(select!("where s.status in ('live', 'interrupted') order by s.id")).bind(NOBODY).all(db).await
}

/// A session as it is stored first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insert<'a> {
    pub(crate) id: SessionId,
    pub(crate) course: CourseId,
    pub(crate) title: &'a str,
    pub(crate) kind: Kind,
    pub(crate) starts_at: DateTime<Utc>,
    pub(crate) ends_at: DateTime<Utc>,
    pub(crate) lobby_minutes: u32,
    pub(crate) now: DateTime<Utc>,
}

pub(crate) async fn insert<'a>(on: impl Into<On<'a>>, session: Insert<'_>) -> Result<(), Error> {
    let kind = match session.kind {
        Kind::Scheduled => "scheduled",
        Kind::AdHoc => "ad_hoc",
    };
    q("insert into sessions (id, course_id, title, kind, status, starts_at, ends_at, lobby_minutes, created_at, \
       updated_at) values ($1, $2, $3, $4, 'scheduled', $5, $6, $7, $8, $8)")
    .bind(session.id.as_uuid())
    .bind(session.course.as_uuid())
    .bind(session.title)
    .bind(kind)
    .bind(session.starts_at)
    .bind(session.ends_at)
    .bind(session.lobby_minutes)
    .bind(session.now)
    .run(on)
    .await?;
    Ok(())
}

/// Puts a scheduled session on air, with its public timeline.
pub(crate) async fn go_live(
    tx: &mut Tx,
    id: SessionId,
    epoch: EpochId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    q("update sessions set status = 'live', started_at = $2, updated_at = $2 where id = $1 and status = 'scheduled'")
        .bind(id.as_uuid())
        .bind(now)
        .run(&mut *tx)
        .await?;
    q("insert into epochs (id, session_id, created_at) values ($1, $2, $3)")
        .bind(epoch.as_uuid())
        .bind(id.as_uuid())
        .bind(now)
        .run(tx)
        .await?;
    Ok(())
}

/// Moves a session from one state to another; whether it was in the first.
pub(crate) async fn turn(
    db: &Db,
    id: SessionId,
    from: Status,
    to: Status,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let turned = q("update sessions set status = $3, updated_at = $4 where id = $1 and status = $2")
        .bind(id.as_uuid())
        .bind(from.word())
        .bind(to.word())
        .bind(now)
        .run(db)
        .await?;
    Ok(turned == 1)
}

/// Ends a session on air and its timeline, which is answered; none when it was not on air any more.
pub(crate) async fn end(
    tx: &mut Tx,
    id: SessionId,
    reason: EndReason,
    now: DateTime<Utc>,
) -> Result<Option<EpochId>, Error> {
    let ended = q("update sessions set status = 'ended', ended_at = $2, end_reason = $3, updated_at = $2 \
                   where id = $1 and status in ('live', 'interrupted')")
    .bind(id.as_uuid())
    .bind(now)
    .bind(reason.word())
    .run(&mut *tx)
    .await?;
    if ended == 0 {
        return Ok(None);
    }
    let epoch: Option<(Uuid,)> =
        q("update epochs set ended_at = $2 where session_id = $1 and ended_at is null returning id")
            .bind(id.as_uuid())
            .bind(now)
            .opt(tx)
            .await?;
    Ok(epoch.map(|(epoch,)| epoch.into()))
}

/// Closes what was planned and never held.
pub(crate) async fn end_unheld(db: &Db, now: DateTime<Utc>) -> Result<u64, Error> {
    q("update sessions set status = 'ended', ended_at = $1, end_reason = $2, updated_at = $1 \
       where status = 'scheduled' and ends_at < $3")
    .bind(now)
    .bind(EndReason::NotHeld.word())
    .bind(now - super::rules::AFTER_END)
    .run(db)
    .await
}

/// A session's open timeline.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(crate) struct Epoch {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: EpochId,
    pub(crate) playable_at: Option<DateTime<Utc>>,
}

pub(crate) async fn epoch<'a>(on: impl Into<On<'a>>, session: SessionId) -> Result<Option<Epoch>, Error> {
    q("select id, playable_at from epochs where session_id = $1 and ended_at is null")
        .bind(session.as_uuid())
        .opt(on)
        .await
}

pub(crate) async fn set_playable(db: &Db, epoch: EpochId, now: DateTime<Utc>) -> Result<(), Error> {
    q("update epochs set playable_at = $2 where id = $1 and playable_at is null")
        .bind(epoch.as_uuid())
        .bind(now)
        .run(db)
        .await?;
    Ok(())
}

/// A timeline for the owner alone.
#[derive(Clone, Copy, Debug, sqlx::FromRow)]
pub(crate) struct Preview {
    /// Stands where a session's id does.
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: SessionId,
    #[sqlx(try_from = "Uuid")]
    pub(crate) course_id: CourseId,
    #[sqlx(try_from = "Uuid")]
    pub(crate) epoch_id: EpochId,
}

impl Preview {
    pub(crate) const fn programme(self) -> events::Programme {
        events::Programme { course: self.course_id, session: self.id, epoch: self.epoch_id, on_air: false }
    }
}

pub(crate) async fn open_preview<'a>(
    on: impl Into<On<'a>>,
    course: CourseId,
) -> Result<Option<Preview>, Error> {
    q("select id, course_id, epoch_id from previews where course_id = $1 and ended_at is null")
        .bind(course.as_uuid())
        .opt(on)
        .await
}

pub(crate) async fn preview(db: &Db, id: SessionId) -> Result<Option<Preview>, Error> {
    q("select id, course_id, epoch_id from previews where id = $1 and ended_at is null")
        .bind(id.as_uuid())
        .opt(db)
        .await
}

pub(crate) async fn open_previews(db: &Db) -> Result<Vec<Preview>, Error> {
    q("select id, course_id, epoch_id from previews where ended_at is null").all(db).await
}

pub(crate) async fn insert_preview(
    tx: &mut Tx,
    preview: Preview,
    now: DateTime<Utc>,
    delete_at: DateTime<Utc>,
) -> Result<(), Error> {
    q("insert into previews (id, course_id, epoch_id, created_at, delete_at) values ($1, $2, $3, $4, $5)")
        .bind(preview.id.as_uuid())
        .bind(preview.course_id.as_uuid())
        .bind(preview.epoch_id.as_uuid())
        .bind(now)
        .bind(delete_at)
        .run(tx)
        .await?;
    Ok(())
}

/// Whether it was open.
pub(crate) async fn end_preview<'a>(
    on: impl Into<On<'a>>,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let ended = q("update previews set ended_at = $2 where id = $1 and ended_at is null")
        .bind(id.as_uuid())
        .bind(now)
        .run(on)
        .await?;
    Ok(ended == 1)
}

/// Forgets ended previews whose media is gone.
pub(crate) async fn sweep_previews(db: &Db, now: DateTime<Utc>) -> Result<u64, Error> {
    q("delete from previews where ended_at is not null and delete_at <= $1").bind(now).run(db).await
}
