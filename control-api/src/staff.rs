//! Who helps to give a course: co-teachers and assistants.

pub(crate) mod routes;
pub(crate) mod rows;
