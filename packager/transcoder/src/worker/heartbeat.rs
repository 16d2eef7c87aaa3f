//! The sign of life, in a thread of its own so that no slow picture delays it.

use std::{
    os::unix::process::parent_id,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use media::pipe::FromWorker;

use super::progress::Progress;

/// From one sign of life to the next.
const INTERVAL: Duration = Duration::from_millis(250);

/// Beats until it is dropped.
pub(crate) struct Heartbeat {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Starts to beat.
pub(crate) fn spawn(progress: Arc<Progress>, output: mpsc::SyncSender<FromWorker>) -> Heartbeat {
    let (stop, stopped) = mpsc::channel::<()>();
    let parent = parent_id();
    let beat = move || {
        while stopped.recv_timeout(INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
            // The end of standard input says the same, unless another process holds the pipe open. (The kernel's
            // parent-death signal is no help: it follows the thread that started this process, which a runtime's
            // pool may end at any time.)
            if parent_id() != parent {
                std::process::abort();
            }
            let newest_pts_in = progress.newest_in();
            let newest_pts_out = progress.newest_out();
            if output.send(FromWorker::Heartbeat { newest_pts_in, newest_pts_out }).is_err() {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("heartbeat".into()).spawn(beat);
    Heartbeat { stop: Some(stop), thread: Some(thread.expect("a new process may start a few threads")) }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a panic aborts the process");
        }
    }
}
