//! How far the worker has come, for its heartbeat, and which rungs are still wanted.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use media::pipe::Rung;

/// What all threads know of one rung.
#[derive(Default)]
pub(crate) struct RungState {
    name: String,
    dropped: AtomicBool,
    newest_out: Mutex<Option<i64>>,
}

impl RungState {
    /// Nobody wants it any more.
    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Relaxed)
    }

    /// A picture of `pts` has been encoded.
    pub(crate) fn made(&self, pts: i64) {
        *self.newest_out.lock().expect("no holder panics") = Some(pts);
    }

    fn newest_out(&self) -> Option<i64> {
        *self.newest_out.lock().expect("no holder panics")
    }
}

/// What all threads know of the worker.
#[derive(Default)]
pub(crate) struct Progress {
    newest_in: Mutex<Option<i64>>,
    rungs: Mutex<Vec<Arc<RungState>>>,
}

impl Progress {
    /// From now on these rungs are made.
    pub(crate) fn configure(&self, rungs: &[Rung]) -> Vec<Arc<RungState>> {
        let state = |rung: &Rung| Arc::new(RungState { name: rung.name.clone(), ..RungState::default() });
        let states: Vec<_> = rungs.iter().map(state).collect();
        (*self.rungs.lock().expect("no holder panics")).clone_from(&states);
        states
    }

    /// A picture of `pts` has come in.
    pub(crate) fn read(&self, pts: i64) {
        let mut newest = self.newest_in.lock().expect("no holder panics");
        *newest = (*newest).max(Some(pts));
    }

    /// A rung is not wanted any more. An unknown name is that of a rung already forgotten.
    pub(crate) fn drop_rung(&self, name: &str) {
        for rung in self.rungs.lock().expect("no holder panics").iter().filter(|rung| rung.name == name) {
            rung.dropped.store(true, Ordering::Relaxed);
        }
    }

    /// The newest picture that came in.
    pub(crate) fn newest_in(&self) -> Option<i64> {
        *self.newest_in.lock().expect("no holder panics")
    }

    /// The newest picture that every wanted rung has given out.
    pub(crate) fn newest_out(&self) -> Option<i64> {
        let rungs = self.rungs.lock().expect("no holder panics");
        rungs.iter().filter(|rung| !rung.is_dropped()).map(|rung| rung.newest_out()).min().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_wanted_rung_tells_how_far_the_worker_is() {
        let progress = Progress::default();
        assert_eq!(progress.newest_out(), None);
        let states = progress.configure(&[rung("720p"), rung("240p")]);
        states[1].made(300);
        assert_eq!(progress.newest_out(), None);
        states[0].made(100);
        assert_eq!(progress.newest_out(), Some(100));
        progress.drop_rung("720p");
        assert_eq!(progress.newest_out(), Some(300));
    }

    #[test]
    fn reordered_pictures_do_not_turn_the_newest_back() {
        let progress = Progress::default();
        progress.read(300);
        progress.read(100);
        assert_eq!(progress.newest_in(), Some(300));
    }

    fn rung(name: &str) -> Rung {
        let (width, height, bitrate_kbps, maxrate_kbps, buffer_kbit) = (16, 16, 1, 1, 1);
        Rung { name: name.into(), width, height, bitrate_kbps, maxrate_kbps, buffer_kbit }
    }
}
