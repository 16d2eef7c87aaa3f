//! What an operator may set of the server's side.

use std::time::Duration;

/// Settings of every [`super::Session`]; the defaults are the documented ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The application that publishers name in the URL: `rtmp://HOST/{app}`.
    pub app: String,
    /// From the accept (or the end of a publication) to `publish`.
    pub publish_deadline: Duration,
    /// A publication without media for so long has ended.
    pub silence: Duration,
    /// Window that the publisher is told, in bytes; also when ours are acknowledged until he says otherwise.
    pub window_bytes: u32,
    /// Size of the chunks that are sent, in bytes.
    pub chunk_bytes: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            app: "live".to_owned(),
            publish_deadline: Duration::from_secs(10),
            silence: Duration::from_secs(30),
            window_bytes: 2_500_000,
            chunk_bytes: 4096,
        }
    }
}
