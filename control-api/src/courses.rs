//! What is taught, and by whom.

pub(crate) mod admission;
pub(crate) mod fields;
pub(crate) mod listing;
pub(crate) mod routes;
pub(crate) mod rows;
pub(crate) mod rules;
pub(crate) mod search;
