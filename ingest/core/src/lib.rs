//! Ingest decisions: what a publisher's bytes mean, and when his media plays. Does no IO, reads no clock.
//!
//! | Specification | Used for |
//! |---|---|
//! | Adobe RTMP 1.0, section 5.2 | [`rtmp::handshake`] |
//! | Adobe RTMP 1.0, sections 5.3 and 5.4 | [`rtmp::chunk`], [`rtmp::message`] |
//! | Adobe RTMP 1.0, section 7 | [`rtmp::command`], [`rtmp::session`], [`rtmp::client`] |
//! | AMF 0 (2007) | [`rtmp::amf0`] |
//! | Adobe FLV 10.1, annex E.4; Enhanced RTMP v2 | [`flv`] |
//!
//! One connection: bytes → [`rtmp::session::Session`] → [`flv::Sample`] → [`publication::Publication`]
//! (which owns a [`clock_sync::ClockSync`]) → [`media::Item`].

pub mod clock_sync;
pub mod flv;
pub mod publication;
pub mod rtmp;
