//! Links that let in who holds one.

pub(crate) mod routes;
pub(crate) mod rows;
