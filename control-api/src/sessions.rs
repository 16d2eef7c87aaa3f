//! When a course meets, and whether it is on air.

mod admin;
mod live;
pub(crate) mod routes;
pub(crate) mod rows;
pub(crate) mod rules;
mod worker;

pub use live::LiveError;
