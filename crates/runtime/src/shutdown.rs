//! Ending in order: one token that says "stop", and a tracker that waits for whoever was told.

use std::{future::Future, time::Duration};

use tokio::task::JoinHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The end of a process or of a part of it. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// Nothing is told to stop yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A part that stops with this one, or before it, and has tasks of its own.
    #[must_use]
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), tasks: TaskTracker::new() }
    }

    /// For `select!`: cancelled when it is time to stop.
    #[must_use]
    pub const fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Starts a task that [`Shutdown::finish`] waits for.
    pub fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tasks.spawn(task)
    }

    /// Says "stop" without waiting.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Says "stop" and waits for every task, at most for `patience`.
    ///
    /// # Errors
    /// How many tasks had not ended by then.
    pub async fn finish(&self, patience: Duration) -> Result<(), usize> {
        self.token.cancel();
        self.tasks.close();
        tokio::time::timeout(patience, self.tasks.wait()).await.map_err(|_| self.tasks.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_hears_the_token_is_waited_for() {
        let shutdown = Shutdown::new();
        let token = shutdown.token().clone();
        shutdown.spawn(async move { token.cancelled().await });
        assert_eq!(shutdown.finish(Duration::from_secs(1)).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_is_counted() {
        let shutdown = Shutdown::new();
        shutdown.spawn(std::future::pending::<()>());
        assert_eq!(shutdown.finish(Duration::from_secs(1)).await, Err(1));
    }

    #[tokio::test]
    async fn a_child_stops_with_its_parent_but_not_the_other_way() {
        let parent = Shutdown::new();
        let child = parent.child();
        child.cancel();
        assert!(!parent.token().is_cancelled());
        let second = parent.child();
        parent.cancel();
        assert!(second.token().is_cancelled());
    }
}
