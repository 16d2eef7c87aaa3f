//! Who has a place in which course: a state machine, admission to it, the queue, lists of students.

pub(crate) mod act;
pub(crate) mod admission;
pub(crate) mod desk;
pub(crate) mod import;
pub(crate) mod queue;
pub(crate) mod roster;
pub(crate) mod routes;
pub(crate) mod rows;
pub(crate) mod state;
pub(crate) mod ties;
