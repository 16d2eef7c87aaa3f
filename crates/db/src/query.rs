//! A statement: text, parameters, and the four ways to run it.

use std::borrow::Cow;

use sqlx::{AssertSqlSafe, FromRow, postgres::PgRow, sqlite::SqliteRow};

use crate::{
    Error, Value,
    handle::{Kind, On, Tx},
};

/// A row that reads from both databases; `#[derive(sqlx::FromRow)]` gives it.
pub trait Row: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}
impl<T> Row for T where T: for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow> + Send + Unpin {}

/// A statement for both databases, with `$1` … for its parameters.
pub fn q(sql: &'static str) -> Query {
    Query { sql, values: Vec::new() }
}

/// See [`q`].
#[derive(Clone, Debug)]
#[must_use = "a statement does nothing until it is run"]
pub struct Query {
    sql: &'static str,
    values: Vec<Value>,
}

/// Binds the parameters and runs one of sqlx's fetchers on whatever connection the place gives.
macro_rules! run {
    ($self:expr, $on:expr, |$query:ident, $executor:ident| $run:expr, $make:path) => {{
        let this = $self;
        let reads = this.reads_only();
        match $on.into() {
            On::Db(db) => match &db.0 {
                Kind::Pg(pool) => {
                    let ($query, $executor) = (bind!($make, this.sql, this.values), pool);
                    $run
                }
                Kind::Lite { read, write } => {
                    let sql = for_sqlite(this.sql);
                    let pool = if reads { read } else { write };
                    let ($query, $executor) = (bind!($make, AssertSqlSafe(sql), this.values), pool);
                    $run
                }
            },
            On::Tx(Tx::Pg(tx)) => {
                let ($query, $executor) = (bind!($make, this.sql, this.values), &mut **tx);
                $run
            }
            On::Tx(Tx::Lite(tx)) => {
                let sql = for_sqlite(this.sql);
                let ($query, $executor) = (bind!($make, AssertSqlSafe(sql), this.values), &mut **tx);
                $run
            }
        }
    }};
}

macro_rules! bind {
    ($make:path, $sql:expr, $values:expr) => {{
        let mut query = $make($sql);
        for value in $values {
            query = match value {
                Value::Text(value) => query.bind(value),
                Value::Int(value) => query.bind(value),
                Value::Float(value) => query.bind(value),
                Value::Bool(value) => query.bind(value),
                Value::Uuid(value) => query.bind(value),
                Value::Time(value) => query.bind(value),
                Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

impl Query {
    /// The next parameter.
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// All rows, in the statement's order.
    ///
    /// # Errors
    /// [`Error`]; also when a column does not fit the row's type.
    pub async fn all<'a, R: Row>(self, on: impl Into<On<'a>>) -> Result<Vec<R>, Error> {
        let rows = run!(self, on, |query, on| query.fetch_all(on).await, sqlx::query_as::<_, R>)?;
        Ok(rows)
    }

    /// The first row, if there is one.
    ///
    /// # Errors
    /// [`Error`]; also when a column does not fit the row's type.
    pub async fn opt<'a, R: Row>(self, on: impl Into<On<'a>>) -> Result<Option<R>, Error> {
        let row = run!(self, on, |query, on| query.fetch_optional(on).await, sqlx::query_as::<_, R>)?;
        Ok(row)
    }

    /// The one row.
    ///
    /// # Errors
    /// [`Error::NoRow`] when there is none, else [`Error`].
    pub async fn one<'a, R: Row>(self, on: impl Into<On<'a>>) -> Result<R, Error> {
        self.opt(on).await?.ok_or(Error::NoRow)
    }

    /// Runs a statement without rows; answers how many it changed.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn run<'a>(self, on: impl Into<On<'a>>) -> Result<u64, Error> {
        let changed = run!(
            self,
            on,
            |query, on| query.execute(on).await.map(|done| done.rows_affected()),
            sqlx::query
        )?;
        Ok(changed)
    }

    /// Whether SQLite's readers may run it; everything else goes to the one writer.
    fn reads_only(&self) -> bool {
        let start = self.sql.trim_start().as_bytes();
        start.len() >= 6 && start[..6].eq_ignore_ascii_case(b"select")
    }
}

/// SQLite has no row locks: a transaction that writes has the whole file to itself.
fn for_sqlite(sql: &'static str) -> Cow<'static, str> {
    let lock =
        [" for update", " for no key update"].into_iter().find_map(|lock| Some((sql.find(lock)?, lock)));
    let Some((at, lock)) = lock else { return Cow::Borrowed(sql) };
    let rest = &sql[at + lock.len()..];
    let rest = rest.strip_prefix(" skip locked").unwrap_or(rest);
    Cow::Owned(format!("{}{rest}", &sql[..at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_locks_are_cut_out_for_sqlite() {
        let check = |sql, expected: &str| assert_eq!(for_sqlite(sql), expected);
        check("select a from b", "select a from b");
        check("select a from b for update", "select a from b");
        check("select a from b for no key update", "select a from b");
        check("select a from b limit $1 for update skip locked", "select a from b limit $1");
        check(
            "update b set c = 1 where a in (select a from b for update skip locked) returning a",
            "update b set c = 1 where a in (select a from b) returning a",
        );
    }

    #[test]
    fn only_a_plain_select_goes_to_the_readers() {
        assert!(q("select 1").reads_only());
        assert!(q("\n  select 1").reads_only());
        assert!(!q("insert into a values (1) returning b").reads_only());
        assert!(!q("with a as (select 1) delete from b").reads_only());
    }
}
