//! A database of its own for each test, on SQLite and on PostgreSQL. For tests alone.
//!
//! PostgreSQL is the server that `LECTERN_TEST_POSTGRES_URL` names (its user may create databases),
//! else one that is started here, shared by all test processes of the machine's user, and stopped a
//! few seconds after the last of them has ended. A test fails where no server can be had: a
//! repository test that ran on one database only has not run.

mod postgres;

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Db, Options, migrate};

/// Runs the test once on each database, tables made, rows none. The name of the database stands in
/// the output when the test fails.
///
/// # Panics
/// When a database cannot be had, and with the test itself.
pub async fn on_both<F: Future<Output = ()>>(test: impl Fn(Db) -> F) {
    let (db, folder) = sqlite().await;
    on("SQLite", test(db.clone())).await;
    db.close().await;
    drop(folder);

    let database = postgres::Database::create().await;
    on("PostgreSQL", test(database.db.clone())).await;
    database.remove().await;
}

/// A SQLite database with tables, for tests that are not about the database; it lives as long as
/// the folder does.
///
/// # Panics
/// When the file cannot be made.
pub async fn sqlite() -> (Db, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let db = Db::open_file(&folder.path().join("lectern.sqlite"), Options::default())
        .await
        .expect("a SQLite file can be made in a temporary folder");
    migrate::run(&db).await.expect("migrations run on SQLite");
    (db, folder)
}

async fn on(name: &'static str, test: impl Future<Output = ()>) {
    let _which = Which(name);
    test.await;
}

/// Says on which database a test was when it failed.
struct Which(&'static str);

impl Drop for Which {
    fn drop(&mut self) {
        if std::thread::panicking() {
            #[expect(clippy::print_stderr, reason = "beside the panic's own message")]
            {
                eprintln!("the test failed on {}", self.0);
            }
        }
    }
}

/// A name that no other test has.
fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
