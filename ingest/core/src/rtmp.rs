//! RTMP, both sides, without sockets: [`session`] takes publications in, [`client`] makes one.

mod amf;
pub mod amf0;
pub mod amf3;
pub mod chunk;
pub mod client;
pub mod command;
pub mod handshake;
mod key;
pub mod message;
pub mod session;

pub use key::SecretKey;
