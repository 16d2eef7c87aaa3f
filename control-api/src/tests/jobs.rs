//! Jobs: claims, retries, the dead, the periodic, and what admins do with them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use access::jwt::Role;
use chrono::{DateTime, TimeDelta, Utc};
use db::{Db, testing::on_both};
use http::{Method, StatusCode};
use runtime::clock;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::world::World;
use crate::jobs::{
    Fault, Handler, Job, Task, Worker, enqueue, periodic,
    rows::{self, Claimed},
    rules,
};

async fn status(db: &Db, id: Uuid) -> (String, i64) {
    let job = rows::by_id(db, id).await.unwrap().unwrap();
    (job.status, job.attempts)
}

async fn claim_one(db: &Db, now: DateTime<Utc>) -> Option<Claimed> {
    let mut claimed = rows::claim(db, 1, now).await.unwrap();
    assert!(claimed.len() <= 1);
    claimed.pop()
}

#[tokio::test]
async fn a_job_is_there_only_when_its_transaction_is_committed() {
    on_both(async |db| {
        let now = clock::utc();
        let mut tx = db.begin().await.unwrap();
        enqueue(&mut tx, &Task::Sweep {}, now).await.unwrap();
        drop(tx);
        assert!(claim_one(&db, now).await.is_none());
        let mut tx = db.begin().await.unwrap();
        let id = enqueue(&mut tx, &Task::Sweep {}, now).await.unwrap();
        tx.commit().await.unwrap();
        let claimed = claim_one(&db, now).await.unwrap();
        assert_eq!((claimed.job.id, claimed.job.attempts), (id, 1));
        assert!(claim_one(&db, now).await.is_none(), "it is in somebody's hands");
        assert!(rows::settle(&db, &claimed, &Ok(()), now).await.unwrap());
        assert_eq!(status(&db, id).await, ("done".into(), 1));
    })
    .await;
}

#[tokio::test]
async fn the_jobs_of_a_worker_that_died_are_taken_over_and_his_late_word_counts_no_more() {
    on_both(async |db| {
        let now = clock::utc();
        let id = enqueue(&db, &Task::Sweep {}, now).await.unwrap();
        let dead = claim_one(&db, now).await.unwrap();
        let almost = now + rules::CLAIM - TimeDelta::seconds(1);
        assert!(claim_one(&db, almost).await.is_none());
        assert!(rows::renew(&db, &dead, almost).await.unwrap());
        assert!(claim_one(&db, now + rules::CLAIM).await.is_none(), "he gave a sign of life");
        let later = almost + rules::CLAIM;
        let heir = claim_one(&db, later).await.unwrap();
        assert_eq!((heir.job.id, heir.job.attempts), (id, 2));
        assert!(!rows::renew(&db, &dead, later).await.unwrap());
        assert!(!rows::settle(&db, &dead, &Ok(()), later).await.unwrap());
        assert_eq!(status(&db, id).await, ("running".into(), 2));
        assert!(rows::settle(&db, &heir, &Ok(()), later).await.unwrap());
        assert_eq!(status(&db, id).await, ("done".into(), 2));
    })
    .await;
}

#[tokio::test]
async fn a_job_that_kills_every_worker_is_buried() {
    on_both(async |db| {
        let mut now = clock::utc();
        let id = enqueue(&db, &Task::Sweep {}, now).await.unwrap();
        for attempt in 1..=rules::ATTEMPTS_MAX {
            let claimed = claim_one(&db, now).await.unwrap();
            assert_eq!(claimed.job.attempts, i64::from(attempt));
            now += rules::CLAIM;
        }
        assert!(claim_one(&db, now).await.is_none());
        assert_eq!(status(&db, id).await.0, "dead");
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_tried_again_later_and_later_until_the_job_is_dead() {
    on_both(async |db| {
        let mut now = clock::utc();
        let id = enqueue(&db, &Task::Sweep {}, now).await.unwrap();
        let failed = Err(Fault::Again("nobody answered".into()));
        for _ in 1..rules::ATTEMPTS_MAX {
            let claimed = claim_one(&db, now).await.unwrap();
            assert!(rows::settle(&db, &claimed, &failed, now).await.unwrap());
            assert!(claim_one(&db, now).await.is_none(), "not at once");
            let due = rows::next_due(&db).await.unwrap().unwrap();
            assert!(now < due && due <= now + TimeDelta::hours(1));
            now = due;
        }
        let last = claim_one(&db, now).await.unwrap();
        assert!(rows::settle(&db, &last, &failed, now).await.unwrap());
        assert_eq!(status(&db, id).await, ("dead".into(), i64::from(rules::ATTEMPTS_MAX)));
        let hopeless = enqueue(&db, &Task::Sweep {}, now).await.unwrap();
        let claimed = claim_one(&db, now).await.unwrap();
        let why = "x".repeat(5000);
        assert!(rows::settle(&db, &claimed, &Err(Fault::Hopeless(why)), now).await.unwrap());
        let job = rows::by_id(&db, hopeless).await.unwrap().unwrap();
        assert_eq!((job.status.as_str(), job.last_error.unwrap().len()), ("dead", 500));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_workers_that_race_each_job_goes_to_one() {
    on_both(async |db| {
        let now = clock::utc();
        for _ in 0..40 {
            enqueue(&db, &Task::Sweep {}, now).await.unwrap();
        }
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    let mut mine = Vec::new();
                    // A look may come back empty while another holds the rows it saw.
                    while rows::next_due(&db).await.unwrap().is_some_and(|due| due <= now) {
                        mine.extend(
                            rows::claim(&db, 3, now).await.unwrap().into_iter().map(|one| one.job.id),
                        );
                    }
                    mine
                })
            })
            .collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(worker.await.unwrap());
        }
        assert_eq!(all.len(), 40);
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 40);
    })
    .await;
}

#[tokio::test]
async fn a_tick_is_enqueued_once_by_however_many_nodes() {
    on_both(async |db| {
        let now = clock::utc();
        let count = async || rows::list(&db, rows::Filter::default(), 1, 0).await.unwrap().1;
        let (mut one, mut other) = (periodic::UNSEEN, periodic::UNSEEN);
        for _ in 0..3 {
            periodic::enqueue_due(&db, &mut one, now).await.unwrap();
            periodic::enqueue_due(&db, &mut other, now).await.unwrap();
        }
        assert_eq!(count().await, 1);
        periodic::enqueue_due(&db, &mut one, now + TimeDelta::seconds(600)).await.unwrap();
        periodic::enqueue_due(&db, &mut other, now + TimeDelta::seconds(600)).await.unwrap();
        assert_eq!(count().await, 2);
    })
    .await;
}

/// Panics the first time, then succeeds and rings.
#[derive(Clone)]
struct Clumsy {
    seen: Arc<Mutex<Vec<i64>>>,
    bell: Arc<Notify>,
}

impl Handler for Clumsy {
    async fn run(&self, job: Job) -> Result<(), Fault> {
        self.seen.lock().unwrap().push(job.attempts);
        self.bell.notify_one();
        assert!(job.attempts > 1, "the first try goes wrong");
        Ok(())
    }
}

#[tokio::test]
async fn a_worker_outlives_a_job_that_panics_and_begins_at_once_when_it_is_rung() {
    on_both(async |db| {
        let (wake, stop, bell) = (Arc::new(Notify::new()), CancellationToken::new(), Arc::new(Notify::new()));
        let handler = Clumsy { seen: Arc::default(), bell: Arc::clone(&bell) };
        let worker = Worker { db: db.clone(), handler, wake: Arc::clone(&wake), concurrency: 1 };
        let running = tokio::spawn(worker.run(stop.clone()));
        // Its own periodic sweep comes first, and panics.
        bell.notified().await;
        let settled = async |expected: &str| {
            while rows::list(&db, rows::Filter { status: Some(expected), kind: None }, 1, 0).await.unwrap().1
                == 0
            {
                tokio::task::yield_now().await;
            }
        };
        settled("ready").await;
        let (jobs, _) = rows::list(&db, rows::Filter::default(), 9, 0).await.unwrap();
        assert!(jobs[0].last_error.as_ref().unwrap().contains("panicked"), "{jobs:?}");
        db::q("update jobs set run_at = $1").bind(clock::utc()).run(&db).await.unwrap();
        wake.notify_one();
        bell.notified().await;
        settled("done").await;
        stop.cancel();
        running.await.unwrap();
    })
    .await;
}

/// Never ends by itself.
#[derive(Clone)]
struct Endless(Arc<Notify>);

impl Handler for Endless {
    async fn run(&self, _: Job) -> Result<(), Fault> {
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_worker_that_is_stopped_leaves_what_hangs_to_the_next() {
    on_both(async |db| {
        let (stop, bell) = (CancellationToken::new(), Arc::new(Notify::new()));
        let handler = Endless(Arc::clone(&bell));
        let worker = Worker { db: db.clone(), handler, wake: Arc::default(), concurrency: 1 };
        let running = tokio::spawn(worker.run(stop.clone()));
        bell.notified().await;
        stop.cancel();
        running.await.unwrap();
        let now = clock::utc();
        assert!(claim_one(&db, now).await.is_none());
        assert_eq!(claim_one(&db, now + rules::CLAIM).await.unwrap().job.attempts, 2);
    })
    .await;
}

#[tokio::test]
async fn admins_see_retry_and_call_off() {
    on_both(async |db| {
        let world = World::on(db.clone());
        let admin = world.person("root", Role::Admin).await;
        let now = clock::utc();
        let id = enqueue(&db, &Task::Sweep {}, now).await.unwrap();
        let claimed = claim_one(&db, now).await.unwrap();
        let act =
            async |what: &str| world.post(&admin, &format!("/admin/jobs/{id}/{what}"), Value::Null).await;
        assert_eq!(act("retry").await.code(), "JOB_RUNNING");
        assert_eq!(act("cancel").await.data()["status"], "cancelled");
        assert_eq!(act("cancel").await.code(), "JOB_CANCELLED");
        assert!(!rows::settle(&db, &claimed, &Ok(()), now).await.unwrap(), "its holder has lost it");
        let ready = act("retry").await;
        assert_eq!((&ready.data()["status"], &ready.data()["attempts"]), (&"ready".into(), &0.into()));
        let claimed = claim_one(&db, clock::utc()).await.unwrap();
        assert!(rows::settle(&db, &claimed, &Ok(()), now).await.unwrap());
        assert_eq!(act("retry").await.code(), "JOB_DONE");
        assert_eq!(act("cancel").await.code(), "JOB_DONE");
        let listed = async |query: &str| {
            world.get(&admin, &format!("/admin/jobs{query}")).await.body["meta"]["total"].clone()
        };
        assert_eq!(listed("").await, 1);
        assert_eq!(listed("?status=done&kind=sweep").await, 1);
        assert_eq!(listed("?status=dead").await, 0);
        let read = world.get(&admin, &format!("/admin/jobs/{id}")).await;
        assert_eq!(read.data()["payload"], serde_json::json!({}));
        let unknown = world.call(Method::GET, Some(&admin.token), "/admin/jobs/0", Value::Null).await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test]
async fn what_ended_long_ago_is_swept() {
    on_both(async |db| {
        let now = clock::utc();
        for outcome in [Ok(()), Err(Fault::Hopeless("no".into()))] {
            enqueue(&db, &Task::Sweep {}, now).await.unwrap();
            let claimed = claim_one(&db, now).await.unwrap();
            assert!(rows::settle(&db, &claimed, &outcome, now).await.unwrap());
        }
        enqueue(&db, &Task::Sweep {}, now).await.unwrap();
        let (soon, day) = (now + TimeDelta::seconds(1), now - TimeDelta::days(1));
        assert_eq!(rows::sweep(&db, day, day).await.unwrap(), 0);
        assert_eq!(rows::sweep(&db, soon, day).await.unwrap(), 1);
        assert_eq!(rows::sweep(&db, soon, soon).await.unwrap(), 1);
        assert_eq!(rows::list(&db, rows::Filter::default(), 9, 0).await.unwrap().1, 1);
    })
    .await;
}
