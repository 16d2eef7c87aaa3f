//! The worker: claims jobs, does a few at once, renews its claims, settles.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use db::Db;
use runtime::clock;
use tokio::{sync::Notify, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Fault, Job, periodic,
    rows::{self, Claimed},
    rules,
};

/// Jobs of other nodes are seen after so long at the latest; our own ring a bell.
const POLL: Duration = Duration::from_secs(5);
/// Between two looks at jobs that are due but in somebody else's transaction.
const POLL_MIN: Duration = Duration::from_millis(200);
/// Jobs under way get so long when the process is told to stop. What is left lapses.
const PATIENCE: Duration = Duration::from_secs(4);

/// Who knows how to do a job.
pub(crate) trait Handler: Clone + Send + Sync + 'static {
    /// Does it. It may be dropped at any await, and a job may come a second time.
    fn run(&self, job: Job) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Does jobs until it is told to stop. One in a process; several processes share the table.
pub(crate) struct Worker<H> {
    pub(crate) db: Db,
    pub(crate) handler: H,
    /// Rung when a job was enqueued in this process.
    pub(crate) wake: Arc<Notify>,
    /// Jobs at once.
    pub(crate) concurrency: u32,
}

impl<H: Handler> Worker<H> {
    /// Runs until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut running = JoinSet::new();
        let mut seen = periodic::UNSEEN;
        loop {
            let free = self.concurrency.saturating_sub(u32::try_from(running.len()).unwrap_or(u32::MAX));
            let pause = if free == 0 { None } else { Some(self.look(&mut running, &mut seen, free).await) };
            let wake_at = pause.map(|pause| clock::now() + pause);
            tokio::select! {
                () = stop.cancelled() => break,
                Some(done) = running.join_next() => log_panic(done),
                () = self.wake.notified(), if free > 0 => {}
                () = clock::sleep_until_some(wake_at) => {}
            }
        }
        let rest = async {
            while let Some(done) = running.join_next().await {
                log_panic(done)
            }
        };
        if timeout(PATIENCE, rest).await.is_err() {
            tracing::warn!(
                "{} jobs did not end in time; they are done again when their claim lapses",
                running.len()
            );
        }
    }

    /// Starts what is due; how long nothing more will be, as far as is known.
    async fn look(
        &self,
        running: &mut JoinSet<()>,
        seen: &mut [i64; periodic::UNSEEN.len()],
        free: u32,
    ) -> Duration {
        let now = clock::utc();
        let looked = async {
            periodic::enqueue_due(&self.db, seen, now).await?;
            let claimed = rows::claim(&self.db, free, now).await?;
            Ok::<_, db::Error>((claimed, rows::next_due(&self.db).await?))
        };
        match looked.await {
            Ok((claimed, due)) => {
                for claimed in claimed {
                    running.spawn(work(self.db.clone(), self.handler.clone(), claimed));
                }
                due.map_or(POLL, |due| (due - now).to_std().unwrap_or_default().clamp(POLL_MIN, POLL))
            }
            Err(error) => {
                tracing::warn!(error = ?error, "the worker could not look for jobs: {error}");
                POLL
            }
        }
    }
}

/// Does one job and notes what came of it, unless the claim is lost meanwhile.
pub(crate) async fn work<H: Handler>(db: Db, handler: H, claimed: Claimed) {
    let (id, kind) = (claimed.job.id, claimed.job.kind.clone());
    // A task of its own: a job that panics is a job that failed. Dropped, it is aborted.
    let mut task = JoinSet::new();
    let job = claimed.job.clone();
    task.spawn(async move { handler.run(job).await });
    let outcome = tokio::select! {
        ended = task.join_next() => match ended {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) | None => Err(Fault::Again("It panicked; the log says where.".into())),
        },
        () = lost(&db, &claimed) => {
            tracing::info!(job.id = %id, job.kind = kind, "{kind} job {id} was called off or taken over");
            return;
        }
    };
    note(&db, &claimed, &outcome, clock::utc()).await;
}

async fn note(db: &Db, claimed: &Claimed, outcome: &Result<(), Fault>, now: DateTime<Utc>) {
    let (id, kind) = (claimed.job.id, &claimed.job.kind);
    match outcome {
        Ok(()) => tracing::debug!(job.id = %id, job.kind = kind, "{kind} job {id} is done"),
        Err(Fault::Again(why)) => {
            tracing::info!(job.id = %id, job.kind = kind, "{kind} job {id} failed for now: {why}");
        }
        Err(Fault::Hopeless(why)) => {
            tracing::warn!(job.id = %id, job.kind = kind, "{kind} job {id} failed for good: {why}");
        }
    }
    if let Err(error) = rows::settle(db, claimed, outcome, now).await {
        // Its claim lapses, and it is done again.
        tracing::warn!(job.id = %id, error = ?error, "what came of job {id} could not be noted: {error}");
    }
}

/// Ends when the claim is somebody else's. A database that does not answer ends nothing by itself.
async fn lost(db: &Db, claimed: &Claimed) {
    loop {
        clock::sleep_until(clock::now() + rules::RENEW_EVERY).await;
        if let Ok(false) = rows::renew(db, claimed, clock::utc()).await {
            return;
        }
    }
}

fn log_panic(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done {
        tracing::error!("a job's keeper ended badly: {error}");
    }
}
