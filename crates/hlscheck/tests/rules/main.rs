//! Each rule by a history that breaks it and is reported under exactly its number, and by one that keeps it.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

mod across;
mod fetched;
mod live;
mod made;
mod over_time;
mod sent;
mod site;
mod stream;
mod written;
