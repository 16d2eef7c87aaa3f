//! What the packager tells the rest of the house about its programmes.

use events::{HealthWarning, Programme};

/// Where a programme stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgrammeState {
    /// Open, and no media came yet.
    Waiting,
    /// Media comes, or its publisher is away for less than the reconnect window.
    Playing,
    /// The publisher is away for longer; the playlists go on without media.
    Interrupted,
    /// Closed for good.
    Ended,
}

/// A programme's state as players see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgrammeStatus {
    /// Where it stands.
    pub state: ProgrammeState,
    /// Its multivariant playlist can be fetched.
    pub playable: bool,
}

/// What the packager adds to a publication's health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgrammeHealth {
    /// What is wrong now; ordered, no duplicates.
    pub warnings: Vec<HealthWarning>,
    /// Names of the rungs that are made now, best first.
    pub rungs: Vec<String>,
}

/// Who wants to know. Called from the programmes' tasks: must return at once, and never block.
pub trait ProgrammeSink: Send + Sync + 'static {
    /// A programme's state has changed. Nothing is heard of a programme after its end.
    fn status(&self, programme: Programme, status: ProgrammeStatus);

    /// A programme's health has changed.
    fn health(&self, programme: Programme, health: ProgrammeHealth);
}
