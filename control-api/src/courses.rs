//! What is taught, and by whom.

pub(crate) mod routes;
pub(crate) mod rows;
pub(crate) mod rules;
