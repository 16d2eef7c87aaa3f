//! The tree that courses are found by.

pub(crate) mod routes;
pub(crate) mod rows;
pub(crate) mod tree;
