//! The worker: ends what is due, notes what is interrupted, sweeps what is over.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use events::{Ended, Programme};
use runtime::clock;
use tokio_util::sync::CancellationToken;

use super::{
    rows::{self, Session},
    rules::{self, Limits, Publisher, Status, Turn},
};
use crate::{Control, accounts, courses, playback};

/// Between two looks, unless a fact comes in.
const TICK: Duration = Duration::from_secs(1);
/// Every so many looks what is over is swept.
const SWEEP_TICKS: u32 = 60;
/// Expired tokens and grants are kept so long, for questions about them.
const KEEP: TimeDelta = TimeDelta::days(1);

impl Control {
    /// Runs until `shutdown`. One in a process, wherever the role `worker` is played.
    pub async fn run_worker(&self, shutdown: CancellationToken) {
        let mut ticks = 0_u32;
        loop {
            self.tick(clock::utc(), ticks.is_multiple_of(SWEEP_TICKS)).await;
            ticks = ticks.wrapping_add(1);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.wake().notified() => {}
                () = clock::sleep_until(clock::now() + TICK) => {}
            }
        }
    }

    /// The timelines on air, for the packager to resume at the start of the process. Previews that an
    /// earlier process left open are closed by it: nobody resumes a draft.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn on_air(&self) -> Result<Vec<Programme>, db::Error> {
        let now = clock::utc();
        for preview in rows::open_previews(self.db()).await? {
            rows::end_preview(self.db(), preview.id, now).await?;
        }
        let mut programmes = Vec::new();
        for session in rows::on_air(self.db()).await? {
            if let Some(epoch) = rows::epoch(self.db(), session.id).await? {
                let (course, session) = (session.course_id, session.id);
                programmes.push(Programme { course, session, epoch: epoch.id, on_air: true });
            }
        }
        Ok(programmes)
    }

    /// One look. A database that does not answer is asked again at the next.
    pub(crate) async fn tick(&self, now: DateTime<Utc>, sweep: bool) {
        let done = async {
            for session in rows::on_air(self.db()).await? {
                self.look_at(&session, now).await?;
            }
            self.end_left_previews(now).await?;
            self.end_due_enrolments(now).await?;
            if sweep { self.sweep(now).await } else { Ok(()) }
        };
        if let Err(error) = done.await {
            let error: db::Error = error;
            tracing::warn!(error = ?error, "the worker could not look after the sessions: {error}");
        }
    }

    async fn look_at(&self, session: &Session, now: DateTime<Utc>) -> Result<(), db::Error> {
        if let Some(epoch) = rows::epoch(self.db(), session.id).await?
            && epoch.playable_at.is_none()
            && self.board().is_playable(session.course_id, epoch.id)
        {
            rows::set_playable(self.db(), epoch.id, now).await?;
        }
        let publisher = self.board().publisher(session.course_id);
        match rules::turn(session.on_air(), publisher, self.limits(), now) {
            Some(Turn::End(reason)) => {
                self.end_session(session, reason, now).await?;
            }
            Some(Turn::Interrupt) => {
                self.turn(session, Status::Live, Status::Interrupted, now).await?;
            }
            Some(Turn::Resume) => {
                self.turn(session, Status::Interrupted, Status::Live, now).await?;
            }
            None => {}
        }
        Ok(())
    }

    async fn turn(
        &self,
        session: &Session,
        from: Status,
        to: Status,
        now: DateTime<Utc>,
    ) -> Result<(), db::Error> {
        if rows::turn(self.db(), session.id, from, to, now).await? {
            let (id, word) = (session.id, to.word());
            tracing::info!(session.id = %id, status = word, "session {id} is {word}");
        }
        Ok(())
    }

    /// A preview whose publisher is gone for the reconnect window is over.
    async fn end_left_previews(&self, now: DateTime<Utc>) -> Result<(), db::Error> {
        for preview in rows::open_previews(self.db()).await? {
            let Publisher::Absent { since, .. } = self.board().publisher(preview.course_id) else { continue };
            // One that was granted and has not begun yet is given as long.
            let since = since.max(self.board().admitted_at(preview.course_id).unwrap_or(since));
            if now < since + self.limits().reconnect_window {
                continue;
            }
            if rows::end_preview(self.db(), preview.id, now).await? {
                self.board().forget(preview.programme());
                self.media().ended(Ended { programme: preview.programme() });
            }
        }
        Ok(())
    }

    async fn sweep(&self, now: DateTime<Utc>) -> Result<(), db::Error> {
        rows::end_unheld(self.db(), now).await?;
        while courses::rows::fold_some(self.db()).await? {}
        rows::sweep_previews(self.db(), now).await?;
        accounts::rows::sweep_tokens(self.db(), now - KEEP).await?;
        playback::rows::sweep(self.db(), now - KEEP).await?;
        self.board().sweep(now - KEEP);
        Ok(())
    }

    fn limits(&self) -> Limits {
        let reconnect_window = TimeDelta::from_std(self.config().reconnect_window);
        Limits {
            session_max: self.session_max(),
            reconnect_window: reconnect_window.unwrap_or(TimeDelta::MAX),
        }
    }
}
