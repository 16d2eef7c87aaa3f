//! The control plane: it knows people, courses, sessions and rights, and says who may publish and watch.
//!
//! Cut by domain, each with its `routes` (HTTP), `rules` (pure) and `rows` (SQL):
//! - [`accounts`]: people, log-in, refresh tokens, the first set-up.
//! - [`categories`], [`courses`], [`batches`], [`staff`]: what is taught, and by whom.
//! - [`enrolments`], [`invites`]: who learns it.
//! - [`sessions`]: when, and whether it is on air; the worker that ends them.
//! - [`publications`]: stream keys, who may publish where, what is received now.
//! - [`playback`]: grants to watch.
//! - [`jobs`]: what is slow or leaves the house, done by a worker. [`mail`]: letters.
//!
//! [`rights`] is the one table of who may do what; `http` the manners that all routes share.
//! [`Control`] is the door: the executable makes one, mounts its router and feeds it facts.

mod accounts;
mod batches;
mod categories;
mod config;
mod control;
mod courses;
mod demo;
mod enrolments;
mod http;
mod invites;
mod jobs;
mod mail;
mod playback;
mod publications;
mod rights;
mod sessions;
mod staff;

pub use accounts::UserError;
pub use config::Config;
pub use control::{Checking, Control, MediaControl, ReadyCheck};
pub use demo::{DemoSeed, DemoUser};
pub use http::openapi::openapi_json;
pub use mail::{LetterLine, Mail, MailServer, MailState};
pub use publications::{ProgrammeState, Refusal};
pub use rights::Role;
pub use sessions::LiveError;

#[cfg(test)]
mod tests;
