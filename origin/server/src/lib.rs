//! The origin's shell: answers `/p/…` and `/s/…` over HTTP. What is answered, `origin-core` decides.
//!
//! [`Origin::handle`] takes a request's head and gives a response; sockets, TLS and time-outs belong to
//! whoever listens. What there is to serve comes through [`Feed`].
//!
//! A playlist is rendered, and packed, once for each version of a window, whoever asks and however many: all
//! of them get the same shared bytes. Media bytes are the chunks that the packager stored, shared too.

mod answer;
mod body;
mod caller;
mod config;
mod epochs;
mod feed;
mod hold;
mod media;
mod origin;
mod playlist;
mod snapshot;

pub use self::{
    body::{Body, Chunks},
    config::Config,
    feed::{EpochFeed, Feed, Opening, Renditions},
    origin::Origin,
};

#[cfg(test)]
mod tests;
