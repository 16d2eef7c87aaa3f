//! Lectures from an encoder to a player, through the real executable.

#![allow(clippy::disallowed_methods, reason = "real time is what these tests are about")]
#![allow(clippy::print_stdout, reason = "a test says what it measured")]
#![allow(clippy::unwrap_in_result, reason = "a test that panics has failed")]

mod access;
mod commands;
mod conformance;
mod crashes;
mod disks;
mod door;
mod encodings;
mod interruptions;
mod memory;
mod pages;
mod places;
mod playlists;
mod secrets;
mod siege;
mod stage;
mod transcoder;
