//! The manners that all routes share: envelope, errors, who is calling, limits, the document.

mod caller;
pub(crate) mod envelope;
pub(crate) mod error;
pub(crate) mod extract;
mod guard;
mod health;
mod idempotency;
mod ids;
pub(crate) mod openapi;
mod precondition;
mod router;

pub(crate) use caller::{Admin, Caller, Peer};
pub(crate) use envelope::{Accepted, Created, Data, Listing, Page, Paging, Success};
pub(crate) use error::HttpError;
pub(crate) use extract::{Body, Id, Params};
pub(crate) use guard::is_same_site;
pub(crate) use idempotency::sweep as sweep_idempotency;
pub(crate) use ids::new_id;
pub(crate) use precondition::{Versioned, if_match};
pub(crate) use router::router;
