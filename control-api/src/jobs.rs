//! Work that is slow or leaves the house: enqueued in the transaction that causes it, done by a worker.
//!
//! A job is a row. A worker claims it for a minute and renews the claim while it works, so the jobs of a
//! process that died are anybody's a minute later. A job may therefore be done twice: what it does must
//! bear that, or keep its own books, as letters do. Failures are tried again, later and later; one that
//! stays is *dead* and waits for an admin.

mod handle;
pub(crate) mod periodic;
pub(crate) mod routes;
pub(crate) mod rows;
pub(crate) mod rules;
mod task;
mod worker;

pub(crate) use rows::{Job, enqueue};
pub(crate) use task::Task;
#[cfg(test)]
pub(crate) use worker::work;
pub(crate) use worker::{Handler, Worker};

/// Why a job was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It may succeed later. In words for an admin, without secrets.
    Again(String),
    /// It never will.
    Hopeless(String),
}

impl From<db::Error> for Fault {
    fn from(error: db::Error) -> Self {
        Self::Again(error.to_string())
    }
}
