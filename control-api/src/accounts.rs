//! People: accounts, log-in, refresh tokens, and the one-time set-up of the first start.

mod admin;
mod attempts;
pub(crate) mod devices;
mod hasher;
mod links;
pub(crate) mod passwords;
mod profiles;
pub(crate) mod registration;
pub(crate) mod routes;
pub(crate) mod rows;
mod rules;
mod setup;
mod tokens;

pub use admin::UserError;
pub(crate) use attempts::Attempts;
pub(crate) use hasher::Hasher;
