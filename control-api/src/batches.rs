//! Classes that take a course together, each in its own time.

pub(crate) mod routes;
pub(crate) mod rows;
