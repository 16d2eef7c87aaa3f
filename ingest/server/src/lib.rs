//! Ingest shell: sockets and tasks around [`ingest_core`]. Decides who may publish by asking, never by
//! itself, and hands media on through a bounded channel.
//!
//! [`serve`] takes bound listeners, the [`Config`], a [`World`] (what this room needs of others) and a
//! token that ends it. One connection is one task ([`connection_task`]).

pub mod admission;
mod config;
mod connection_task;
mod guesses;
mod places;
mod registry;
mod rtmp_listener;
mod transport;
mod world;

pub use config::Config;
pub use ingest_core::rtmp::SecretKey;
pub use rtmp_listener::{Door, serve};
pub use world::{HealthSink, PublicationSink, PublishPolicy, Refusal, World};
