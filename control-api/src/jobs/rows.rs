//! Jobs in the database: enqueue, claim, renew, settle.

use chrono::{DateTime, Utc};
use db::{Db, Error, On, Tx, q};
use runtime::random;
use uuid::Uuid;

use super::{
    Fault, Task,
    rules::{self, Next},
};
use crate::http::new_id;

/// No message of a failure is kept longer, in characters.
const ERROR_CHARS_MAX: usize = 500;

/// A job as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Job {
    pub(crate) id: Uuid,
    pub(crate) kind: String,
    pub(crate) payload: String,
    pub(crate) status: String,
    pub(crate) run_at: DateTime<Utc>,
    pub(crate) attempts: i64,
    pub(crate) attempts_max: i64,
    pub(crate) last_error: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Notes a job, to be done as soon as the transaction is committed. Ring [`crate::Control::wake_jobs`]
/// afterwards; unrung, it begins within seconds.
pub(crate) async fn enqueue<'a>(
    on: impl Into<On<'a>>,
    task: &Task,
    now: DateTime<Utc>,
) -> Result<Uuid, Error> {
    let (kind, payload) = task.parts();
    let id: Uuid = new_id();
    q("insert into jobs (id, kind, payload, status, run_at, attempts, attempts_max, created_at, updated_at) \
       values ($1, $2, $3, 'ready', $4, 0, $5, $4, $4)")
    .bind(id)
    .bind(kind)
    .bind(payload)
    .bind(now)
    .bind(rules::ATTEMPTS_MAX)
    .run(on)
    .await?;
    Ok(id)
}

/// Notes a job unless one of this kind and key was noted before; whether it was noted now.
pub(crate) async fn enqueue_once(
    db: &Db,
    task: &Task,
    once: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let (kind, payload) = task.parts();
    let noted =
        q("insert into jobs (id, kind, payload, once, status, run_at, attempts, attempts_max, created_at, \
       updated_at) values ($1, $2, $3, $4, 'ready', $5, 0, $6, $5, $5) on conflict (kind, once) do nothing")
        .bind(new_id::<Uuid>())
        .bind(kind)
        .bind(payload)
        .bind(once)
        .bind(now)
        .bind(rules::ATTEMPTS_MAX)
        .run(db)
        .await?;
    Ok(noted == 1)
}

/// A job in somebody's hands.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) job: Job,
    claim: Uuid,
}

/// When the next job is due, or the next claim lapses.
pub(crate) async fn next_due(db: &Db) -> Result<Option<DateTime<Utc>>, Error> {
    let ready: Option<(DateTime<Utc>,)> =
        q("select run_at from jobs where status = 'ready' order by run_at limit 1").opt(db).await?;
    let lapsing: Option<(Option<DateTime<Utc>>,)> =
        q("select claimed_until from jobs where status = 'running' order by claimed_until limit 1")
            .opt(db)
            .await?;
    let lapsing = lapsing.and_then(|(until,)| until);
    Ok([ready.map(|(at,)| at), lapsing].into_iter().flatten().min())
}

/// Takes up to `limit` jobs that are due, the oldest first, and those whose holder is gone. Of several
/// workers each job goes to one.
pub(crate) async fn claim(db: &Db, limit: u32, now: DateTime<Utc>) -> Result<Vec<Claimed>, Error> {
    // Most looks find nothing, and looking costs no write lock.
    if next_due(db).await?.is_none_or(|due| due > now) {
        return Ok(Vec::new());
    }
    let mut tx = db.begin().await?;
    let lapsed: Vec<Job> =
        q("select id, kind, payload, status, run_at, attempts, attempts_max, last_error, created_at, updated_at \
           from jobs where status = 'running' and claimed_until <= $1 \
           order by claimed_until limit $2 for update skip locked")
        .bind(now)
        .bind(limit)
        .all(&mut tx)
        .await?;
    let mut taken = Vec::new();
    for job in lapsed {
        if job.attempts >= job.attempts_max {
            bury(&mut tx, job.id, "Whoever worked on it never came back.", now).await?;
        } else {
            taken.push(job);
        }
    }
    let free = limit.saturating_sub(u32::try_from(taken.len()).unwrap_or(limit));
    let due: Vec<Job> =
        q("select id, kind, payload, status, run_at, attempts, attempts_max, last_error, created_at, updated_at \
           from jobs where status = 'ready' and run_at <= $1 \
           order by run_at, id limit $2 for update skip locked")
        .bind(now)
        .bind(free)
        .all(&mut tx)
        .await?;
    taken.extend(due);
    let mut claimed = Vec::new();
    for mut job in taken {
        let claim = Uuid::from_bytes(random::bytes());
        job.attempts += 1;
        q("update jobs set status = 'running', attempts = $2, claim = $3, claimed_until = $4, updated_at = $5 \
           where id = $1")
        .bind(job.id)
        .bind(job.attempts)
        .bind(claim)
        .bind(now + rules::CLAIM)
        .bind(now)
        .run(&mut tx)
        .await?;
        claimed.push(Claimed { job, claim });
    }
    tx.commit().await?;
    Ok(claimed)
}

async fn bury(tx: &mut Tx, id: Uuid, why: &str, now: DateTime<Utc>) -> Result<(), Error> {
    q("update jobs set status = 'dead', claim = null, claimed_until = null, last_error = $2, updated_at = $3 \
       where id = $1")
    .bind(id)
    .bind(why)
    .bind(now)
    .run(tx)
    .await?;
    Ok(())
}

/// Says that the holder still works on it; false when it is not his any more (cancelled, or lapsed).
pub(crate) async fn renew(db: &Db, claimed: &Claimed, now: DateTime<Utc>) -> Result<bool, Error> {
    let renewed = q("update jobs set claimed_until = $3 where id = $1 and claim = $2 and status = 'running'")
        .bind(claimed.job.id)
        .bind(claimed.claim)
        .bind(now + rules::CLAIM)
        .run(db)
        .await?;
    Ok(renewed == 1)
}

/// Notes what came of it; false when the job was not the holder's any more, and nothing was noted.
pub(crate) async fn settle(
    db: &Db,
    claimed: &Claimed,
    outcome: &Result<(), Fault>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let job = &claimed.job;
    let (status, run_at, error) = match outcome {
        Ok(()) => ("done", job.run_at, None),
        Err(Fault::Hopeless(why)) => ("dead", job.run_at, Some(why)),
        Err(Fault::Again(why)) => match rules::next(job.attempts, job.attempts_max, random::u64(), now) {
            Next::At(at) => ("ready", at, Some(why)),
            Next::Dead => ("dead", job.run_at, Some(why)),
        },
    };
    let error = error.map(|why| why.chars().take(ERROR_CHARS_MAX).collect::<String>());
    let settled = q("update jobs set status = $3, run_at = $4, last_error = $5, claim = null, \
       claimed_until = null, updated_at = $6 where id = $1 and claim = $2 and status = 'running'")
    .bind(job.id)
    .bind(claimed.claim)
    .bind(status)
    .bind(run_at)
    .bind(error)
    .bind(now)
    .run(db)
    .await?;
    Ok(settled == 1)
}

/// Which jobs an admin wants to see.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Filter<'a> {
    pub(crate) status: Option<&'a str>,
    pub(crate) kind: Option<&'a str>,
}

/// A page of jobs, the latest change first, and how many there are.
pub(crate) async fn list(
    db: &Db,
    filter: Filter<'_>,
    limit: u32,
    offset: u32,
) -> Result<(Vec<Job>, i64), Error> {
    let (total,): (i64,) =
        q("select count(*) from jobs where ($1 is null or status = $1) and ($2 is null or kind = $2)")
            .bind(filter.status)
            .bind(filter.kind)
            .one(db)
            .await?;
    let jobs =
        q("select id, kind, payload, status, run_at, attempts, attempts_max, last_error, created_at, \
         updated_at from jobs where ($1 is null or status = $1) and ($2 is null or kind = $2) \
         order by updated_at desc, id desc limit $3 offset $4")
        .bind(filter.status)
        .bind(filter.kind)
        .bind(limit)
        .bind(offset)
        .all(db)
        .await?;
    Ok((jobs, total))
}

pub(crate) async fn by_id(db: &Db, id: Uuid) -> Result<Option<Job>, Error> {
    q("select id, kind, payload, status, run_at, attempts, attempts_max, last_error, created_at, updated_at \
       from jobs where id = $1")
    .bind(id)
    .opt(db)
    .await
}

/// Puts a job back to the start, at once; false when it runs, or is done.
pub(crate) async fn retry(db: &Db, id: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
    let changed = q("update jobs set status = 'ready', run_at = $2, attempts = 0, updated_at = $2 \
       where id = $1 and status in ('ready', 'dead', 'cancelled')")
    .bind(id)
    .bind(now)
    .run(db)
    .await?;
    Ok(changed == 1)
}

/// Calls a job off; false when it is done or was called off before. One that runs is dropped when its
/// holder renews his claim, and nothing that it reports counts any more.
pub(crate) async fn cancel(db: &Db, id: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
    let changed =
        q("update jobs set status = 'cancelled', claim = null, claimed_until = null, updated_at = $2 \
       where id = $1 and status in ('ready', 'running', 'dead')")
        .bind(id)
        .bind(now)
        .run(db)
        .await?;
    Ok(changed == 1)
}

/// Removes what ended before `done`, and the dead before `dead`.
pub(crate) async fn sweep(db: &Db, done: DateTime<Utc>, dead: DateTime<Utc>) -> Result<u64, Error> {
    let ended = q("delete from jobs where status in ('done', 'cancelled') and updated_at < $1")
        .bind(done)
        .run(db)
        .await?;
    let dead = q("delete from jobs where status = 'dead' and updated_at < $1").bind(dead).run(db).await?;
    Ok(ended + dead)
}
