//! Letters: what the server tells people by e-mail. One outbox, one delivery log.
//!
//! A letter is stored with the change that causes it, in one transaction, with the job that delivers it.
//! What is stored are the template's fields and the id of a link, never a link's secret. Before the mail
//! server is handed the text, the letter is noted as *offered*; one whose answer was lost is *doubtful*
//! and not sent again by itself, so that nobody gets a letter twice.

pub(crate) mod config;
mod deliver;
mod outbox;
pub(crate) mod routes;
pub(crate) mod rows;
mod smtp;
mod template;

pub use config::{Mail, MailServer};
pub(crate) use deliver::{deliver, release_held, secret};
pub use outbox::{LetterLine, MailState};
pub(crate) use rows::{NewLetter, post};
pub(crate) use template::{Kind, Locale};
