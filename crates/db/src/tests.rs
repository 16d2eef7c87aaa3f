//! The layer on both databases.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Db, Error, migrate, q, testing::on_both};

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Sample {
    id: Uuid,
    text: String,
    number: i64,
    flag: bool,
    at: DateTime<Utc>,
    bytes: Vec<u8>,
    empty: Option<DateTime<Utc>>,
}

async fn sample_table(db: &Db) {
    q("create table samples (id uuid primary key, text text not null unique, number bigint not null, \
       flag boolean not null, at timestamptz not null, bytes bytea not null, empty timestamptz)")
    .run(db)
    .await
    .unwrap();
}

async fn insert(db: &Db, sample: &Sample) -> Result<u64, Error> {
    q("insert into samples (id, text, number, flag, at, bytes, empty) values ($1, $2, $3, $4, $5, $6, $7)")
        .bind(sample.id)
        .bind(sample.text.as_str())
        .bind(sample.number)
        .bind(sample.flag)
        .bind(sample.at)
        .bind(sample.bytes.as_slice())
        .bind(sample.empty)
        .run(db)
        .await
}

fn sample(n: u8) -> Sample {
    Sample {
        id: Uuid::from_bytes([n; 16]),
        text: format!("Bài giảng {n}"),
        number: i64::MIN + i64::from(n),
        flag: n.is_multiple_of(2),
        at: DateTime::from_timestamp(1_700_000_000 + i64::from(n), 5_000).unwrap(),
        bytes: vec![0, n, 255],
        empty: None,
    }
}

#[tokio::test]
async fn every_kind_of_value_is_read_back_as_it_was_written() {
    on_both(async |db: Db| {
        sample_table(&db).await;
        insert(&db, &sample(1)).await.unwrap();
        let read: Sample =
            q("select * from samples where id = $1").bind(sample(1).id).one(&db).await.unwrap();
        assert_eq!(read, sample(1));
    })
    .await;
}

#[tokio::test]
async fn times_compare_and_sort_alike() {
    on_both(async |db: Db| {
        sample_table(&db).await;
        for n in [3, 1, 2] {
            insert(&db, &sample(n)).await.unwrap();
        }
        let later: Vec<Sample> = q("select * from samples where at > $1 and flag = $2 order by at desc")
            .bind(sample(1).at)
            .bind(false)
            .all(&db)
            .await
            .unwrap();
        assert_eq!(later, [sample(3)]);
        // Fractions of different length are the trap of times kept as text.
        let whole: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let odd = whole + Duration::from_micros(1);
        let half = whole + Duration::from_millis(500);
        for (n, at) in [(10, half), (11, whole), (12, odd)] {
            insert(&db, &Sample { at, ..sample(n) }).await.unwrap();
        }
        let sorted: Vec<(DateTime<Utc>,)> =
            q("select at from samples where at >= $1 order by at").bind(whole).all(&db).await.unwrap();
        assert_eq!(sorted, [(whole,), (odd,), (half,)]);
    })
    .await;
}

#[tokio::test]
async fn a_second_row_with_the_same_key_is_told_apart_from_other_errors() {
    on_both(async |db: Db| {
        sample_table(&db).await;
        insert(&db, &sample(1)).await.unwrap();
        let again = insert(&db, &Sample { text: "other".into(), ..sample(1) }).await;
        assert!(again.unwrap_err().is_unique());
        let none = q("select * from samples where id = $1").bind(Uuid::nil()).one::<Sample>(&db).await;
        assert!(matches!(none, Err(Error::NoRow)));
        let missing = q("insert into refresh_tokens (id, family_id, user_id, hash, created_at, expires_at) \
                         values ($1, $1, $1, $2, $3, $3)")
        .bind(Uuid::nil())
        .bind([1_u8].as_slice())
        .bind(sample(1).at)
        .run(&db)
        .await;
        assert!(matches!(missing, Err(Error::Reference)));
    })
    .await;
}

#[tokio::test]
async fn a_dropped_transaction_has_not_happened() {
    on_both(async |db: Db| {
        sample_table(&db).await;
        insert(&db, &sample(1)).await.unwrap();
        {
            let mut tx = db.begin().await.unwrap();
            assert_eq!(q("delete from samples").run(&mut tx).await.unwrap(), 1);
        }
        let (rows,): (i64,) = q("select count(*) from samples").one(&db).await.unwrap();
        assert_eq!(rows, 1);
        let mut tx = db.begin().await.unwrap();
        q("delete from samples").run(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let (rows,): (i64,) = q("select count(*) from samples").one(&db).await.unwrap();
        assert_eq!(rows, 0);
    })
    .await;
}

#[tokio::test]
async fn read_modify_write_in_twenty_transactions_loses_nothing() {
    on_both(async |db: Db| {
        sample_table(&db).await;
        insert(&db, &Sample { number: 0, ..sample(1) }).await.unwrap();
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let db = db.clone();
                tokio::spawn(async move {
                    let mut tx = db.begin().await.unwrap();
                    let (number,): (i64,) =
                        q("select number from samples for update").one(&mut tx).await.unwrap();
                    q("update samples set number = $1").bind(number + 1).run(&mut tx).await.unwrap();
                    tx.commit().await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let (number,): (i64,) = q("select number from samples").one(&db).await.unwrap();
        assert_eq!(number, 20);
    })
    .await;
}

#[tokio::test]
async fn migrations_run_twice_without_harm_and_none_is_pending_then() {
    on_both(async |db: Db| {
        assert_eq!(migrate::pending(&db).await.unwrap(), 0);
        migrate::run(&db).await.unwrap();
        q("drop table _sqlx_migrations").run(&db).await.unwrap();
        assert!(migrate::pending(&db).await.unwrap() > 0);
    })
    .await;
}

#[tokio::test]
async fn a_url_that_names_no_database_we_know_is_refused() {
    let refused = Db::open("mysql://localhost/lectern", crate::Options::default()).await;
    assert!(matches!(refused, Err(Error::Url)));
}
