//! Opening a database.

use std::{path::Path, str::FromStr, time::Duration};

use sqlx::{
    pool::PoolOptions,
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::{Db, Error, handle::Kind};

/// How long a statement waits for a free connection before it fails.
const ACQUIRE_S_MAX: u64 = 5;
/// How long SQLite waits for another process (a backup, a second server) to let go of the file.
const BUSY_S_MAX: u64 = 5;
/// How long one statement may run in PostgreSQL.
const STATEMENT_MS_MAX: &str = "10000";

/// Sizes of the pools.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Connections to PostgreSQL, or readers of the SQLite file.
    pub connections_max: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections_max: 8 }
    }
}

impl Db {
    /// Opens `postgres://…` or `sqlite:PATH` (the file and its folder are made when missing).
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::File`], or when the server does not answer.
    pub async fn open(url: &str, options: Options) -> Result<Self, Error> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let connect = PgConnectOptions::from_str(url).map_err(Error::Other)?;
            return Self::open_postgres(connect, options).await;
        }
        let path = url.strip_prefix("sqlite:").ok_or(Error::Url)?;
        Self::open_file(Path::new(path.strip_prefix("//").unwrap_or(path)), options).await
    }

    /// Opens a SQLite file, which is made when missing, with its folder.
    ///
    /// # Errors
    /// When the file cannot be made or is no database.
    pub async fn open_file(path: &Path, options: Options) -> Result<Self, Error> {
        if let Some(folder) = path.parent() {
            let failed = |cause| Error::File { path: path.display().to_string(), cause };
            tokio::fs::create_dir_all(folder).await.map_err(failed)?;
        }
        let connect = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(BUSY_S_MAX));
        // The writer first: it makes the file and turns WAL on, which readers cannot.
        let write = pool(1).test_before_acquire(false).connect_with(connect.clone()).await?;
        let read = pool(options.connections_max).test_before_acquire(false);
        let read = read.connect_with(connect.pragma("query_only", "on")).await?;
        Ok(Self(Kind::Lite { read, write }))
    }

    /// Opens a PostgreSQL database.
    ///
    /// # Errors
    /// When the server does not answer or does not let us in.
    pub async fn open_postgres(connect: PgConnectOptions, options: Options) -> Result<Self, Error> {
        let connect = connect
            .application_name("lectern")
            .options([("statement_timeout", STATEMENT_MS_MAX), ("lock_timeout", STATEMENT_MS_MAX)]);
        Ok(Self(Kind::Pg(pool(options.connections_max).connect_with(connect).await?)))
    }
}

fn pool<D: sqlx::Database>(connections_max: u32) -> PoolOptions<D> {
    PoolOptions::new().max_connections(connections_max).acquire_timeout(Duration::from_secs(ACQUIRE_S_MAX))
}
