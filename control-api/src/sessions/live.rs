//! On air and off: what `start-live`, `end-live` and the worker do, and what they tell the media rooms.

use chrono::TimeDelta;
use events::{Ended, Programme, WentLive};
use ids::{CourseId, EpochId, SessionId};
use runtime::clock;

use super::{
    rows::{self, Session},
    rules::{self, EndReason, Kind},
};
use crate::{Control, courses, http::new_id};

/// Why a course did not go on air, or off.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// There is no such course.
    #[error("there is no such course")]
    NoCourse,
    /// Nothing of it is on air.
    #[error("no session of this course is on air")]
    NotLive,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] db::Error),
}

impl Control {
    /// Puts the course's current session on air, or makes one if none is due. The public timeline is open
    /// then, whether somebody publishes yet or not. A course that is on air stays as it is.
    ///
    /// # Errors
    /// [`LiveError::NoCourse`], or when the database fails.
    pub async fn start_live(&self, course: CourseId, title: Option<&str>) -> Result<SessionId, LiveError> {
        let now = clock::utc();
        let mut tx = self.db().begin().await?;
        courses::rows::lock(&mut tx, course).await?.ok_or(LiveError::NoCourse)?;
        let sessions = rows::candidates(&mut tx, course, now).await?;
        let plans: Vec<_> = sessions.iter().map(Session::plan).collect();
        let current = rules::current(&plans, now).map(|place| &sessions[place]);
        if let Some(session) = current.filter(|session| session.status().is_on_air()) {
            return Ok(session.id);
        }
        let session = match current {
            Some(session) => session.id,
            None => self.insert_ad_hoc(&mut tx, course, title, now).await?,
        };
        let programme = Programme { course, session, epoch: new_id::<EpochId>(), on_air: true };
        rows::go_live(&mut tx, session, programme.epoch, now).await?;
        let preview = rows::open_preview(&mut tx, course).await?;
        if let Some(preview) = preview {
            rows::end_preview(&mut tx, preview.id, now).await?;
        }
        tx.commit().await?;
        // The publication moves first, so that it never stands on a closed timeline.
        self.media().went_live(WentLive { programme });
        if let Some(preview) = preview {
            self.board().forget(preview.programme());
            self.media().ended(Ended { programme: preview.programme() });
        }
        self.wake().notify_one();
        tracing::info!(session.id = %session, course.id = %course, "session {session} is on air");
        Ok(session)
    }

    async fn insert_ad_hoc(
        &self,
        tx: &mut db::Tx,
        course: CourseId,
        title: Option<&str>,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<SessionId, db::Error> {
        let ad_hoc = rows::Insert {
            id: new_id(),
            course,
            title: title.unwrap_or("Live session"),
            kind: Kind::AdHoc,
            starts_at: now,
            ends_at: now + self.session_max(),
            lobby_minutes: 0,
            now,
        };
        rows::insert(tx, ad_hoc).await?;
        Ok(ad_hoc.id)
    }

    /// Takes the course off air for good: what is published afterwards is a preview again.
    ///
    /// # Errors
    /// [`LiveError::NotLive`], or when the database fails.
    pub async fn end_live(&self, course: CourseId) -> Result<SessionId, LiveError> {
        let sessions = rows::candidates(self.db(), course, clock::utc()).await?;
        let session = sessions.into_iter().find(|session| session.status().is_on_air());
        let session = session.ok_or(LiveError::NotLive)?;
        if !self.end_session(&session, EndReason::Teacher, clock::utc()).await? {
            return Err(LiveError::NotLive);
        }
        Ok(session.id)
    }

    /// Whether it was on air until now.
    pub(crate) async fn end_session(
        &self,
        session: &Session,
        reason: EndReason,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<bool, db::Error> {
        let (id, course) = (session.id, session.course_id);
        let mut tx = self.db().begin().await?;
        let Some(epoch) = rows::end(&mut tx, id, reason, now).await? else { return Ok(false) };
        tx.commit().await?;
        let programme = Programme { course, session: id, epoch, on_air: true };
        self.board().forget(programme);
        self.media().ended(Ended { programme });
        tracing::info!(session.id = %id, reason = reason.word(), "session {id} ended: {}", reason.word());
        Ok(true)
    }

    pub(crate) fn session_max(&self) -> TimeDelta {
        TimeDelta::from_std(self.config().session_max).unwrap_or(TimeDelta::MAX)
    }
}
