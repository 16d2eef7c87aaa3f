//! Who may publish where, and what is received now.

mod admit;
mod board;
mod keys;
pub(crate) mod routes;

pub use admit::Refusal;
pub use board::ProgrammeState;
pub(crate) use board::{Board, PreviewGrant};
pub(crate) use keys::rotate;
