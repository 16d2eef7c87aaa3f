//! The epochs that somebody watches, opened once for all.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use ids::{EpochId, SessionId};

use crate::{
    feed::Feed,
    snapshot::{Epoch, Renders},
};

/// An epoch that nobody asked for so long is closed.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// At most so many are open; the one that waited longest for a question makes room.
const OPEN_MAX: usize = 1_024;

type Key = (SessionId, EpochId);

#[derive(Debug, Default)]
pub(crate) struct Epochs {
    open: Mutex<BTreeMap<Key, Used>>,
    renders: Arc<Renders>,
}

#[derive(Debug)]
struct Used {
    epoch: Arc<Epoch>,
    at: Instant,
}

impl Epochs {
    /// The epoch, opened if it was not; none when the feed has none.
    pub(crate) async fn get(&self, feed: &dyn Feed, key: Key, now: Instant) -> Option<Arc<Epoch>> {
        if let Some(epoch) = self.known(key, now) {
            return Some(epoch);
        }
        let opened = feed.open(key.0, key.1).await?;
        Some(self.insert(key, Epoch::new(opened, Arc::clone(&self.renders)), now))
    }

    pub(crate) fn renders(&self) -> &Renders {
        &self.renders
    }

    /// Closes an epoch: what it still serves, nobody may have.
    pub(crate) fn close(&self, epoch: EpochId) {
        self.lock().retain(|key, _| key.1 != epoch);
    }

    fn known(&self, key: Key, now: Instant) -> Option<Arc<Epoch>> {
        let mut open = self.lock();
        let used = open.get_mut(&key)?;
        if used.epoch.is_abandoned() {
            open.remove(&key);
            return None;
        }
        used.at = now;
        Some(Arc::clone(&used.epoch))
    }

    /// Whoever opened it first has it; two who did so at once share one.
    fn insert(&self, key: Key, epoch: Epoch, now: Instant) -> Arc<Epoch> {
        let mut open = self.lock();
        open.retain(|_, used| now.saturating_duration_since(used.at) <= IDLE_MAX);
        if open.len() >= OPEN_MAX
            && let Some(oldest) = open.iter().min_by_key(|(_, used)| used.at).map(|(key, _)| *key)
        {
            open.remove(&oldest);
        }
        let used = open.entry(key).or_insert_with(|| Used { epoch: Arc::new(epoch), at: now });
        Arc::clone(&used.epoch)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Used>> {
        self.open.lock().expect("no holder of this lock panics")
    }
}
