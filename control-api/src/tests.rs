//! The control plane as a whole: the router in process, a database of its own, the media rooms recorded.

mod accounts;
mod catalogue;
mod concurrency;
mod enrolments;
mod idempotency;
mod jobs;
mod letters;
mod live;
mod manners;
mod people;
mod post_office;
mod registration;
mod rights;
mod world;
