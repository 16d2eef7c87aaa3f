//! What can go wrong at the database, as far as callers tell it apart.

/// A failed statement, transaction or connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A row with this key exists already.
    #[error("a row with this key exists already ({constraint})")]
    Unique {
        /// Name of the constraint (PostgreSQL) or the columns (SQLite), for the log.
        constraint: String,
    },
    /// A row points to one that does not exist, or is still pointed to.
    #[error("a row that is referred to is missing, or one is still referred to")]
    Reference,
    /// A CHECK or NOT NULL of the table refused the row.
    #[error("the table refuses the row: {0}")]
    Refused(String),
    /// The database cannot be reached, or all connections are taken.
    #[error("the database cannot be reached in time")]
    Unavailable(#[source] sqlx::Error),
    /// A statement that promised one row found none.
    #[error("no such row")]
    NoRow,
    /// The database folder or file cannot be made.
    #[error("cannot open the database file {path}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The URL of the database is not one of `postgres://…` or `sqlite:…`.
    #[error("the database URL must begin with postgres:// or sqlite: (DATABASE_URL)")]
    Url,
    /// Anything else: a mistake of ours, or a broken server.
    #[error("database error")]
    Other(#[source] sqlx::Error),
}

impl Error {
    /// Whether a row with the same key exists already.
    #[must_use]
    pub const fn is_unique(&self) -> bool {
        matches!(self, Self::Unique { .. })
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        if let Some(database) = error.as_database_error() {
            let constraint = database.constraint().unwrap_or_else(|| database.message()).to_owned();
            let (kind, busy) = (database.kind(), is_busy(database));
            return if busy {
                Self::Unavailable(error)
            } else if kind == ErrorKind::UniqueViolation {
                Self::Unique { constraint }
            } else if kind == ErrorKind::ForeignKeyViolation {
                Self::Reference
            } else if matches!(kind, ErrorKind::NotNullViolation | ErrorKind::CheckViolation) {
                Self::Refused(constraint)
            } else {
                Self::Other(error)
            };
        }
        if matches!(error, sqlx::Error::RowNotFound) {
            return Self::NoRow;
        }
        let unreachable = matches!(
            error,
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::Tls(_)
        );
        if unreachable { Self::Unavailable(error) } else { Self::Other(error) }
    }
}

/// SQLite: another process holds the lock (5, 6); PostgreSQL: statement or lock time-out, shutting
/// down, or out of connections.
fn is_busy(database: &dyn sqlx::error::DatabaseError) -> bool {
    let code = database.code().unwrap_or_default();
    matches!(code.as_ref(), "5" | "6" | "261" | "517" | "57014" | "55P03" | "57P01" | "57P03" | "53300")
}
