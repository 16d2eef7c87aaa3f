//! What the end-to-end tests are made of: the real executable, a real encoder, a client that follows playlists
//! by the rules, and a browser. Shares no code with the server, so that it cannot share its mistakes.

// These tests live in real time, and their switches come from the environment.
#![allow(clippy::disallowed_methods, reason = "real time is what these tests are about")]
#![allow(clippy::print_stdout, reason = "a test says what it measured")]
#![allow(clippy::unwrap_in_result, reason = "a test that panics has failed")]

pub mod api;
pub mod boxes;
pub mod browser;
pub mod clip;
pub mod decode;
pub mod encoder;
pub mod follow;
pub mod hlscheck;
pub mod hostile;
pub mod http;
pub mod machine;
pub mod playlist;
pub mod publisher;
pub mod rtmp;
pub mod rules;
pub mod secrets;
pub mod server;
