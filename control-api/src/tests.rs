//! The control plane as a whole: the router in process, a database of its own, the media rooms recorded.

mod accounts;
mod concurrency;
mod live;
mod manners;
mod people;
mod rights;
mod world;
