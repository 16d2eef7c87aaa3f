//! What can be set.

/// The origin's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Pages that may fetch playlists and media from another origin: `scheme://host[:port]`, compared
    /// exactly. Pages of our own origin need not stand here.
    pub cors_origins: Vec<String>,
    /// Requests held at one time, in all. A player holds two; over the limit it gets 503 and asks again.
    pub held_max: usize,
    /// Requests held at one time for one viewer session.
    pub held_per_viewer_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { cors_origins: Vec::new(), held_max: 20_000, held_per_viewer_max: 12 }
    }
}
