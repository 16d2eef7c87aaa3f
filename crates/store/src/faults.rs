//! Where a test may put a worse disk in the place of the one there is.

use std::{io, path::Path};

/// What is about to be done to the disk.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A file is opened or made, or a folder is.
    Open(&'a Path),
    /// So many bytes are about to be written.
    Write(&'a Path, u64),
    /// What was written is forced to the disk.
    Sync(&'a Path),
    /// A file gets another name.
    Rename(&'a Path),
    /// A file is read.
    Read(&'a Path),
}

/// A step that does not come to its end.
#[derive(Debug)]
pub struct Fault {
    /// How many bytes of a write reach the disk before it fails.
    pub written: u64,
    /// What the system says.
    pub error: io::Error,
}

/// A disk with faults. It is asked on threads of the disk's own: it may block, as a slow disk does.
pub trait Faults: std::fmt::Debug + Send + Sync + 'static {
    /// Lets a step pass, or not.
    ///
    /// # Errors
    /// With what becomes of the step instead.
    fn meet(&self, step: Step<'_>) -> Result<(), Fault>;
}

impl From<io::Error> for Fault {
    /// Fails at once.
    fn from(error: io::Error) -> Self {
        Self { written: 0, error }
    }
}
