//! Who has a place in which course.

pub(crate) mod routes;
pub(crate) mod rows;
