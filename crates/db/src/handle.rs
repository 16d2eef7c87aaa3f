//! The handle and its transactions.

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::Error;

/// A database: many connections to PostgreSQL, or one SQLite file with many readers and one writer.
/// Cloning is cheap and shares the connections.
#[derive(Clone, Debug)]
pub struct Db(pub(crate) Kind);

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Pg(PgPool),
    Lite {
        read: SqlitePool,
        /// One connection: SQLite has one writer at a time, and a queue here is fairer than its lock.
        write: SqlitePool,
    },
}

impl Db {
    /// Begins a transaction that may write. On SQLite it excludes every other writer from its first
    /// statement on, so that what it reads cannot change before it writes.
    ///
    /// # Errors
    /// When no connection is free in time.
    pub async fn begin(&self) -> Result<Tx, Error> {
        Ok(match &self.0 {
            Kind::Pg(pool) => Tx::Pg(pool.begin().await?),
            Kind::Lite { write, .. } => Tx::Lite(write.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// Which database this is, for people.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match &self.0 {
            Kind::Pg(_) => "PostgreSQL",
            Kind::Lite { .. } => "SQLite",
        }
    }

    /// Closes the connections, after the statements under way.
    pub async fn close(&self) {
        match &self.0 {
            Kind::Pg(pool) => pool.close().await,
            Kind::Lite { read, write } => {
                read.close().await;
                write.close().await;
            }
        }
    }
}

/// A transaction. Dropped without [`Tx::commit`], nothing of it has happened.
#[derive(Debug)]
#[must_use = "a transaction that is not committed is rolled back"]
#[expect(missing_docs, reason = "the two databases")]
pub enum Tx {
    Pg(Transaction<'static, Postgres>),
    Lite(Transaction<'static, Sqlite>),
}

impl Tx {
    /// Makes what was done durable and visible.
    ///
    /// # Errors
    /// When the database refuses or is gone; then nothing of it has happened.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Pg(tx) => tx.commit().await?,
            Self::Lite(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

/// Where a statement runs: on the database at large, or within a transaction.
#[derive(Debug)]
#[expect(missing_docs, reason = "said by the type")]
pub enum On<'a> {
    Db(&'a Db),
    Tx(&'a mut Tx),
}

impl<'a> From<&'a Db> for On<'a> {
    fn from(db: &'a Db) -> Self {
        Self::Db(db)
    }
}

impl<'a> From<&'a mut Tx> for On<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}
