//! Proofs of who may do what: made, parsed and checked. Does no IO, reads no clock, draws no randomness.
//!
//! | Module | What it proves | Kept by us as |
//! |---|---|---|
//! | [`stream_key`] | a publisher belongs to a course | HMAC of the secret |
//! | [`playback`] | a viewer may watch one epoch | nothing: the token carries its MAC |
//! | [`jwt`] | a person is logged in | nothing: the token carries its MAC |
//! | [`edge_secret`] | a request comes from our own edge | configuration |
//! | [`root`] | (the keys of all of them, one for each purpose) | the root secret, outside the database |
//!
//! No type here prints a secret: `Debug` and `Display` redact, and what must be shown is asked for by a
//! function called `expose`.

pub mod edge_secret;
pub mod jwt;
pub mod playback;
pub mod root;
pub mod stream_key;

mod digits;
