//! The origin as its players and edges see it, under simulated time.

mod bench;
mod blocking;
mod media;
mod playlists;
mod security;
