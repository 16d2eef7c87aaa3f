//! Two databases, one SQL text: a thin layer over sqlx for PostgreSQL and SQLite.
//!
//! A statement is written once, with `$1`, `$2` … for its parameters, which both databases read.
//! What the text may not use, because only one of them has it: `now()`, `ilike`, `= any`, jsonb
//! operators. `for update [skip locked]` is cut out for SQLite, whose transactions begin IMMEDIATE
//! and so exclude each other anyway. Times and ids are parameters; times are kept to the microsecond.
//!
//! - [`Db`] is the handle, [`Tx`] a transaction, [`q`] a statement.
//! - [`migrate`] brings the tables of `migrations/` (embedded) up to date.
//! - `testing` (feature of that name) gives each test a database of its own, on both.

mod connect;
mod error;
mod handle;
pub mod migrate;
mod query;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod value;

pub use connect::Options;
pub use error::Error;
pub use handle::{Db, On, Tx};
pub use query::{Query, Row, q};
pub use value::{Value, to_micros};
