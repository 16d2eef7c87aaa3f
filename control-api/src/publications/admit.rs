//! A publisher's key, and where his media goes.

use std::net::IpAddr;

use access::stream_key::StreamKey;
use chrono::TimeDelta;
use events::{Grant, Programme, Takeover};
use ids::{CourseId, PublicationId, UserId};
use runtime::clock;

use super::keys;
use crate::{
    Control, courses,
    http::new_id,
    sessions::{
        rows::{self, Preview, Session},
        rules,
    },
};

/// A preview's media is removed after this.
const PREVIEW_LIFE: TimeDelta = TimeDelta::days(1);

/// Why a publisher is turned away, in words for him. None of them says what the key was.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No key of ours, mistyped, or revoked.
    #[error("This stream key is not valid. Copy it again from the studio page.")]
    WrongKey,
    /// The database did not answer.
    #[error("The server cannot check stream keys at the moment. Try again shortly.")]
    Unavailable,
}

impl Control {
    /// May who brings this key publish, and where does his media go? Into the course's session when it
    /// is on air, else into a preview that its owner alone can watch.
    ///
    /// Guessing is limited by the caller, who knows connections; here it costs one indexed look.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn admit(&self, key: &str, peer: IpAddr) -> Result<Grant, Refusal> {
        let key = StreamKey::parse(key).map_err(|_| Refusal::WrongKey)?;
        let found = keys::course_of(self.db(), self.pepper(), &key).await.map_err(unavailable)?;
        let Some((key_id, course)) = found else {
            tracing::debug!(key.id = %key.id(), %peer, "a publisher from {peer} brought a wrong stream key");
            return Err(Refusal::WrongKey);
        };
        let now = clock::utc();
        let granted = async {
            let mut tx = self.db().begin().await?;
            keys::used(&mut tx, key_id, now).await?;
            let programme = self.programme(&mut tx, course, now).await?;
            let course_row = courses::rows::by_id(&mut tx, NOBODY, course).await?;
            tx.commit().await?;
            let course_title = course_row.ok_or(db::Error::NoRow)?.title;
            let (publication, takeover) = (new_id::<PublicationId>(), Takeover::NewestWins);
            Ok(Grant { publication, course, course_title, programme, takeover })
        };
        let grant = granted.await.map_err(unavailable)?;
        self.board().admitted(course, now);
        tracing::info!(
            course.id = %course, publication.id = %grant.publication, %peer, on_air = grant.programme.on_air,
            "publication {} of course {course} is admitted", grant.publication
        );
        Ok(grant)
    }

    /// Holds the course, so that `start-live` comes before or after, never in between.
    async fn programme(
        &self,
        tx: &mut db::Tx,
        course: CourseId,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<Programme, db::Error> {
        courses::rows::lock(tx, course).await?.ok_or(db::Error::NoRow)?;
        let sessions = rows::candidates(&mut *tx, course, now).await?;
        let plans: Vec<_> = sessions.iter().map(Session::plan).collect();
        let current = rules::current(&plans, now).map(|place| &sessions[place]);
        if let Some(session) = current.filter(|session| session.status().is_on_air())
            && let Some(epoch) = rows::epoch(&mut *tx, session.id).await?
        {
            return Ok(Programme { course, session: session.id, epoch: epoch.id, on_air: true });
        }
        if let Some(preview) = rows::open_preview(&mut *tx, course).await? {
            return Ok(preview.programme());
        }
        let preview = Preview { id: new_id(), course_id: course, epoch_id: new_id() };
        rows::insert_preview(tx, preview, now, now + PREVIEW_LIFE).await?;
        Ok(preview.programme())
    }
}

fn unavailable(error: db::Error) -> Refusal {
    tracing::warn!(error = ?error, "a stream key could not be checked: {error}");
    Refusal::Unavailable
}

const NOBODY: UserId = UserId::from_uuid(uuid::Uuid::nil());
