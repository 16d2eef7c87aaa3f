//! Grants to watch: who holds a playback token, and until when.

mod revoked;
pub(crate) mod routes;
pub(crate) mod rows;
mod rules;
