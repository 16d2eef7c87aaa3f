//! Epochs that have ended, opened from their journal when somebody asks for them.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard},
};

use ids::{EpochId, SessionId};
use packager_core::epoch::Archive;
use store::Store;
use tokio::sync::Semaphore;

use crate::{
    feed::{Announcer, EpochFeed},
    recover::Recovered,
};

/// How many stay open: a three-hour epoch's windows and index take some 20 MiB.
const OPEN_MAX: usize = 8;
/// Journals read at one time; the rest wait, and then mostly find theirs open.
const READS_MAX: usize = 2;

type Key = (SessionId, EpochId);

/// The epochs opened last.
#[derive(Debug)]
pub(crate) struct Archives {
    store: Store,
    /// The least recently used first.
    open: Mutex<VecDeque<(Key, EpochFeed)>>,
    reads: Semaphore,
}

impl Archives {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, open: Mutex::default(), reads: Semaphore::new(READS_MAX) }
    }

    /// An epoch that has ended. None when there is none, or when its journal says that it goes on: then it
    /// waits for its programme to be resumed.
    pub(crate) async fn open(&self, session: SessionId, epoch: EpochId) -> Option<EpochFeed> {
        if let Some(feed) = self.get((session, epoch)) {
            return Some(feed);
        }
        let _permit = self.reads.acquire().await.expect("this semaphore is never closed");
        if let Some(feed) = self.get((session, epoch)) {
            return Some(feed);
        }
        match self.read(session, epoch).await {
            Ok(feed) => {
                self.insert(session, epoch, feed.clone()?);
                feed
            }
            Err(error) => {
                tracing::error!(epoch.id = %epoch, "epoch {epoch} cannot be opened: {error:#}");
                None
            }
        }
    }

    /// Keeps an epoch that has just ended.
    pub(crate) fn insert(&self, session: SessionId, epoch: EpochId, feed: EpochFeed) {
        let mut open = self.lock();
        open.retain(|(key, _)| *key != (session, epoch));
        open.push_back(((session, epoch), feed));
        if open.len() > OPEN_MAX {
            open.pop_front();
        }
    }

    pub(crate) fn forget(&self, session: SessionId, epoch: EpochId) {
        self.lock().retain(|(key, _)| *key != (session, epoch));
    }

    fn get(&self, key: Key) -> Option<EpochFeed> {
        let mut open = self.lock();
        let at = open.iter().position(|(open, _)| *open == key)?;
        let entry = open.remove(at)?;
        let feed = entry.1.clone();
        open.push_back(entry);
        Some(feed)
    }

    async fn read(&self, session: SessionId, epoch: EpochId) -> anyhow::Result<Option<EpochFeed>> {
        let Some(recovered) = Recovered::read(&self.store, session, epoch).await? else { return Ok(None) };
        if !recovered.has_ended() {
            return Ok(None);
        }
        let parse = tokio::task::spawn_blocking(move || {
            let index = recovered.index()?;
            let file_bytes = recovered.file_bytes;
            let length = |rendition: &str| file_bytes.get(rendition).copied().unwrap_or(0);
            anyhow::Ok((index, Archive::open(recovered.records, length)?))
        });
        let (index, archive) = parse.await??;
        let mut announcer = Announcer::new(self.store.open(session, epoch, index));
        archive.windows.into_iter().for_each(|window| announcer.window(window));
        if let Some(multivariant) = archive.multivariant {
            announcer.multivariant(multivariant);
        }
        Ok(Some(announcer.feed()))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Key, EpochFeed)>> {
        self.open.lock().expect("no holder of this lock panics")
    }
}
