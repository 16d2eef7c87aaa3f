//! What is done every so often, once for all nodes: the tick is the job's key, and a key is taken once.
//! A tick that nobody saw, because no worker ran, is left out.

use chrono::{DateTime, Utc};
use db::{Db, Error};

use super::{Task, rows};

/// One task and its interval, counted from 1970 so that all nodes agree on the ticks.
struct Periodic {
    task: Task,
    every_s: i64,
}

const ALL: [Periodic; 1] = [Periodic { task: Task::Sweep {}, every_s: 600 }];

/// Enqueues what is due and was not enqueued by anybody. `seen` is this worker's memory, so that it
/// asks the database once a tick.
pub(crate) async fn enqueue_due(
    db: &Db,
    seen: &mut [i64; ALL.len()],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    for (periodic, seen) in ALL.iter().zip(seen) {
        let tick = now.timestamp().div_euclid(periodic.every_s);
        if tick != *seen {
            rows::enqueue_once(db, &periodic.task, &tick.to_string(), now).await?;
            *seen = tick;
        }
    }
    Ok(())
}

/// A worker that has seen nothing yet.
pub(crate) const UNSEEN: [i64; ALL.len()] = [i64::MIN; ALL.len()];
