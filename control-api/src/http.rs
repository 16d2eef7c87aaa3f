//! The manners that all routes share: envelope, errors, who is calling, limits, the document.

mod caller;
pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod extract;
mod guard;
mod health;
mod ids;
pub(crate) mod openapi;
mod router;

pub(crate) use caller::{Caller, Peer};
pub(crate) use envelope::{Created, Data, Listing, Page, Paging, Success};
pub(crate) use error::HttpError;
pub(crate) use extract::{Body, Id, Params};
pub(crate) use guard::is_same_site;
pub(crate) use ids::new_id;
pub(crate) use router::router;
