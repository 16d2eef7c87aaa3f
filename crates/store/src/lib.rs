//! Media objects of an epoch: recent ones in memory, all of them on disk, read back by name and number.
//!
//! On disk an epoch is a folder `media/{session}/{epoch}/` with one file per rendition, written once and
//! front to back, and a `journal` that says what lies where. The store keeps bytes; what the journal's
//! records mean is the packager's business, which hands the store an [`Index`] of the extents.
//!
//! No path is ever made of a viewer's text: a rendition is looked up in the index, and only names that the
//! packager gave can be in there.

mod disk;
mod epoch;
mod faults;
mod index;
mod reserve;
mod writer;

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, Weak},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use ids::{EpochId, SessionId};
use tokio::sync::Semaphore;

use crate::reserve::Reserve;

pub use crate::{
    epoch::{Body, EpochMedia},
    faults::{Fault, Faults, Step},
    index::{Extent, Index, Object},
    writer::{Part, Writer, Written},
};

/// How much waits in memory for a disk that fails or hangs, in bytes per epoch; what comes after is not recorded.
/// Seventeen minutes of a 2 Mbit/s source, or three of a 6 Mbit/s one with its ladder.
pub const QUEUED_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Reads from disk at one time, over all epochs; the rest wait their turn.
pub const READS_MAX: usize = 16;
/// How often written bytes are forced to the disk (decision: one fdatasync a second).
pub const SYNC_EVERY: Duration = Duration::from_secs(1);
/// How long to wait before a failed write is tried again.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the store cannot do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error("{what} of epoch {epoch}: {source}")]
    Disk {
        /// What was tried.
        what: &'static str,
        /// Which epoch's folder.
        epoch: EpochId,
        /// What the system said.
        source: io::Error,
    },
    /// A name that cannot be a rendition's: 1 to 32 of `a-z`, `0-9`, `_` and `-` are accepted.
    #[error("{0:?} cannot name a rendition")]
    RenditionName(String),
}

/// May students see it? Decides how long it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A session's public timeline.
    Public,
    /// A teacher's rehearsal, deleted after a day.
    Preview,
}

/// An epoch's folder on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its session.
    pub session: SessionId,
    /// Itself.
    pub epoch: EpochId,
    /// Public or preview.
    pub kind: Kind,
    /// When its journal was last written.
    pub last_written: SystemTime,
}

/// All epochs below one folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    root: PathBuf,
    open: Mutex<HashMap<(SessionId, EpochId), Weak<EpochMedia>>>,
    reads: Arc<Semaphore>,
    reserve: Arc<Reserve>,
    faults: Option<Arc<dyn Faults>>,
}

impl Store {
    /// A store in `root`, which need not exist yet. It may fill the disk.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self::with(root, 0, None)
    }

    /// A store that keeps `reserve_bytes` of the disk free for others, with a file that takes the room up. When
    /// the disk is nearly full the file goes, and nothing is recorded until there is room again.
    #[must_use]
    pub fn with_reserve(root: PathBuf, reserve_bytes: u64) -> Self {
        Self::with(root, reserve_bytes, None)
    }

    /// A store on a worse disk than there is, for tests.
    #[must_use]
    pub fn with_faults(root: PathBuf, faults: Arc<dyn Faults>) -> Self {
        Self::with(root, 0, Some(faults))
    }

    fn with(root: PathBuf, reserve_bytes: u64, faults: Option<Arc<dyn Faults>>) -> Self {
        let reads = Arc::new(Semaphore::new(READS_MAX));
        let reserve = Arc::new(Reserve::new(&root, reserve_bytes));
        Self { shared: Arc::new(Shared { root, open: Mutex::default(), reads, reserve, faults }) }
    }

    /// Looks after the room that is kept for others. To be called every second or so: the disk may be filled by
    /// anyone.
    ///
    /// # Errors
    /// While nothing can be recorded: the disk is nearly full, or fails.
    pub async fn look_after_reserve(&self) -> io::Result<()> {
        let reserve = Arc::clone(&self.shared.reserve);
        blocking(move || reserve.look()).await
    }

    /// The room that is kept for others is there.
    #[must_use]
    pub fn has_reserve(&self) -> bool {
        self.shared.reserve.is_held()
    }

    /// An epoch that somebody holds open: on air, or opened from its journal a moment ago.
    #[must_use]
    pub fn epoch(&self, session: SessionId, epoch: EpochId) -> Option<Arc<EpochMedia>> {
        self.open_epochs().get(&(session, epoch)).and_then(Weak::upgrade)
    }

    /// Begins a new epoch. Never fails: with a broken disk it lives in memory, and says that it is degraded.
    /// The epoch's own task writes to the disk; call this within a tokio runtime.
    #[must_use]
    pub fn create(&self, session: SessionId, epoch: EpochId, kind: Kind) -> (Arc<EpochMedia>, Writer) {
        self.begin(session, epoch, kind, Index::default(), 0)
    }

    /// Goes on with an epoch after a restart. What stands in the journal behind `journal_bytes` (a torn
    /// tail) is cut off; `index` says what the records before it named.
    #[must_use]
    pub fn resume(
        &self,
        session: SessionId,
        epoch: EpochId,
        kind: Kind,
        index: Index,
        journal_bytes: u64,
    ) -> (Arc<EpochMedia>, Writer) {
        self.begin(session, epoch, kind, index, journal_bytes)
    }

    /// Opens a finished epoch for reading.
    #[must_use]
    pub fn open(&self, session: SessionId, epoch: EpochId, index: Index) -> Arc<EpochMedia> {
        let folder = self.folder(session, epoch);
        let media = Arc::new(EpochMedia::new(folder, index, Arc::clone(&self.shared.reads)));
        self.remember(session, epoch, &media);
        media
    }

    /// The journal as it stands on disk; none when there is no such epoch.
    ///
    /// # Errors
    /// When the file is there but cannot be read.
    pub async fn journal(&self, session: SessionId, epoch: EpochId) -> Result<Option<Bytes>, Error> {
        let folder = self.folder(session, epoch);
        blocking(move || folder.read_journal()).await.map_err(|source| Error::Disk {
            what: "reading the journal",
            epoch,
            source,
        })
    }

    /// How many bytes of a rendition are really in its file: a journal may know of more after a power cut.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn lengths(
        &self,
        session: SessionId,
        epoch: EpochId,
    ) -> Result<std::collections::BTreeMap<String, u64>, Error> {
        let folder = self.folder(session, epoch);
        blocking(move || folder.lengths()).await.map_err(|source| Error::Disk {
            what: "listing the files",
            epoch,
            source,
        })
    }

    /// Every epoch on disk, in the order of their ids.
    ///
    /// # Errors
    /// When the folders cannot be listed. Folders that are not ours are passed over.
    pub async fn epochs(&self) -> io::Result<Vec<Stored>> {
        let root = self.shared.root.clone();
        blocking(move || disk::epochs(&root)).await
    }

    /// Public or preview, by its folder; none when there is no such epoch.
    pub async fn kind(&self, session: SessionId, epoch: EpochId) -> Option<Kind> {
        let folder = self.folder(session, epoch);
        blocking(move || Ok(folder.kind())).await.ok().flatten()
    }

    /// Deletes an epoch from disk for good. An open one goes on in memory; close it first.
    ///
    /// # Errors
    /// When something of it remains.
    pub async fn delete(&self, session: SessionId, epoch: EpochId) -> Result<(), Error> {
        self.open_epochs().remove(&(session, epoch));
        let folder = self.folder(session, epoch);
        blocking(move || folder.delete()).await.map_err(|source| Error::Disk {
            what: "deleting the files",
            epoch,
            source,
        })
    }

    fn begin(
        &self,
        session: SessionId,
        epoch: EpochId,
        kind: Kind,
        index: Index,
        journal_bytes: u64,
    ) -> (Arc<EpochMedia>, Writer) {
        let folder = self.folder(session, epoch);
        let media = Arc::new(EpochMedia::new(folder, index, Arc::clone(&self.shared.reads)));
        self.remember(session, epoch, &media);
        let reserve = Arc::clone(&self.shared.reserve);
        let writer = Writer::start(Arc::clone(&media), reserve, kind, journal_bytes);
        (media, writer)
    }

    fn folder(&self, session: SessionId, epoch: EpochId) -> disk::Folder {
        disk::Folder::new(&self.shared.root, session, epoch, self.shared.faults.clone())
    }

    fn remember(&self, session: SessionId, epoch: EpochId, media: &Arc<EpochMedia>) {
        let mut open = self.open_epochs();
        open.retain(|_, media| media.strong_count() > 0);
        open.insert((session, epoch), Arc::downgrade(media));
    }

    fn open_epochs(&self) -> std::sync::MutexGuard<'_, HashMap<(SessionId, EpochId), Weak<EpochMedia>>> {
        self.shared.open.lock().expect("no holder of this lock panics")
    }
}

/// Runs disk work on a thread of its own.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(io::Error::other("the disk task was cancelled by the shutdown")),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const RECORD: &[u8] = b"record;";

    #[tokio::test(start_paused = true)]
    async fn a_part_is_read_at_once_and_a_segment_when_it_is_finished() {
        let (store, _folder) = store();
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        put(&writer, 7, 0, "ab");
        assert_eq!(text(&media, Object::Part(7, 0)).await.as_deref(), Some("ab"));
        assert_eq!(text(&media, Object::Segment(7)).await, None);
        put(&writer, 7, 1, "cd");
        writer.finish_segment("source", 7);
        assert_eq!(text(&media, Object::Segment(7)).await.as_deref(), Some("abcd"));
        assert_eq!(text(&media, Object::Part(7, 1)).await.as_deref(), Some("cd"));
        assert_eq!(media.size_bytes("source", Object::Segment(7)), Some(4));
        writer.init("source", 0, Bytes::from_static(b"moov")).unwrap();
        writer.release_before("source", 9);
        assert_eq!(text(&media, Object::Init(0)).await.as_deref(), Some("moov"));
        for nothing in [Object::Init(1), Object::Segment(8), Object::Part(7, 2), Object::Part(6, 0)] {
            assert_eq!(text(&media, nothing).await, None);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn chunks_are_shared_and_never_copied() {
        let (store, _folder) = store();
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        let payload = Bytes::from_static(b"payload");
        writer.part("source", part(1, 0, 0, payload.clone())).unwrap();
        let body = media.get("source", Object::Part(1, 0)).await.unwrap().unwrap();
        assert_eq!(body.chunks[0].as_ptr(), payload.as_ptr());
    }

    #[tokio::test(start_paused = true)]
    async fn what_left_memory_is_read_from_disk() {
        let (store, _folder) = store();
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        for (msn, part) in [(1, 0), (1, 1), (2, 0), (2, 1)] {
            put(&writer, msn, part, &format!("{msn}{part}"));
        }
        writer.finish_segment("source", 1);
        stored(&writer).await;
        writer.release_before("source", 2);
        assert_eq!(media.memory_bytes(), 4);
        assert_eq!(text(&media, Object::Segment(1)).await.as_deref(), Some("1011"));
        assert_eq!(text(&media, Object::Part(1, 1)).await.as_deref(), Some("11"));
        assert_eq!(text(&media, Object::Part(2, 1)).await.as_deref(), Some("21"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_wants_the_same_bytes_at_once_shares_one_read() {
        let (store, _folder) = store();
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        put(&writer, 1, 0, "shared");
        stored(&writer).await;
        writer.release_before("source", 2);
        let object = Object::Part(1, 0);
        // The disk is kept busy until both have asked; else the first may have its bytes before the second asks.
        let busy = store.shared.reads.acquire_many(u32::try_from(READS_MAX).unwrap()).await.unwrap();
        let (one, other, ()) =
            tokio::join!(media.get("source", object), media.get("source", object), async { drop(busy) });
        let [one, other] = [one, other].map(|body| body.unwrap().unwrap());
        assert_eq!(one.chunks[0].as_ptr(), other.chunks[0].as_ptr());
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_released_before_it_is_written_leaves_when_it_is() {
        let (store, _folder) = store();
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        put(&writer, 1, 0, "early");
        writer.release_before("source", 9);
        assert_eq!(media.memory_bytes(), 5);
        stored(&writer).await;
        assert_eq!(media.memory_bytes(), 0);
        assert_eq!(text(&media, Object::Part(1, 0)).await.as_deref(), Some("early"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_epoch_is_opened_again_by_its_journal_and_goes_on_behind_the_torn_tail() {
        let (store, _folder) = store();
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        put(&writer, 1, 0, "one");
        put(&writer, 1, 1, "two");
        writer.close().await;
        drop(media);
        assert!(store.epoch(session(), epoch()).is_none());
        let journal = store.journal(session(), epoch()).await.unwrap().unwrap();
        assert_eq!(&journal[..], b"record;record;");
        assert_eq!(store.lengths(session(), epoch()).await.unwrap()["source"], 103);

        // The second record counts as torn: its part is forgotten and its place is used again.
        let mut index = Index::default();
        index.part("source", 1, 0, Extent { offset: 0, len: 3 }).unwrap();
        let first = RECORD.len() as u64;
        let (media, writer) = store.resume(session(), epoch(), Kind::Public, index, first);
        assert_eq!(text(&media, Object::Part(1, 0)).await.as_deref(), Some("one"));
        let again =
            Part { record: Bytes::from_static(b"again"), ..part(1, 1, 3, Bytes::from_static(b"TWO")) };
        writer.part("source", again).unwrap();
        writer.finish_segment("source", 1);
        stored(&writer).await;
        writer.release_before("source", 2);
        assert_eq!(text(&media, Object::Segment(1)).await.as_deref(), Some("oneTWO"));
        let journal = store.journal(session(), epoch()).await.unwrap().unwrap();
        assert_eq!(&journal[..], b"record;again");
        assert!(store.epoch(session(), epoch()).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_broken_disk_costs_nothing_live_and_catches_up_when_it_is_well() {
        let (store, folder) = store();
        let in_the_way = folder.path().join("media");
        std::fs::write(&in_the_way, "a file where the folder should be").unwrap();
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        let mut degraded = media.degraded();
        put(&writer, 1, 0, "live");
        degraded.wait_for(|degraded| *degraded).await.unwrap();
        assert_eq!(text(&media, Object::Part(1, 0)).await.as_deref(), Some("live"));

        std::fs::remove_file(&in_the_way).unwrap();
        degraded.wait_for(|degraded| !*degraded).await.unwrap();
        writer.release_before("source", 2);
        assert_eq!((media.memory_bytes(), media.parts_given_up()), (0, 0));
        assert_eq!(text(&media, Object::Part(1, 0)).await.as_deref(), Some("live"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_a_broken_disk_is_limited_and_what_was_taken_is_kept() {
        let (store, folder) = store();
        std::fs::write(folder.path().join("media"), "in the way").unwrap();
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        let mebibyte = Bytes::from(vec![0; 1024 * 1024]);
        let limit = QUEUED_BYTES_MAX >> 20;
        let add = |msn: u64| writer.part("source", part(msn, 0, msn << 20, mebibyte.clone())).unwrap();
        (0..limit / 2).for_each(add);
        assert!(media.has_room());
        (limit / 2..limit + 2).for_each(add);
        assert!(!media.has_room());
        assert_eq!(media.parts_given_up(), 2);
        writer.live_part("source", part(limit + 2, 0, 0, mebibyte.clone())).unwrap();
        assert_eq!(media.parts_given_up(), 3);

        // What is taken stays, however far the live window moves on; what is not goes with it.
        let there = async |msn| media.get("source", Object::Part(msn, 0)).await.unwrap().is_some();
        assert!(there(0).await && there(limit).await && there(limit + 2).await);
        writer.release_before("source", limit + 2);
        assert!(there(0).await && there(limit - 1).await && there(limit + 2).await);
        assert!(!there(limit).await && !there(limit + 1).await);

        let mut degraded = media.degraded();
        degraded.wait_for(|degraded| *degraded).await.unwrap();
        std::fs::remove_file(folder.path().join("media")).unwrap();
        degraded.wait_for(|degraded| !*degraded).await.unwrap();
        assert!(media.has_room());
        // Listed until the end, and nowhere else.
        writer.release_all();
        assert_eq!(media.memory_bytes(), mebibyte.len() as u64);
        writer.close().await;
        let journal = store.journal(session(), epoch()).await.unwrap().unwrap();
        assert!(journal.starts_with(b"record;record;") && journal.ends_with(b"record;lost;lost;lost;"));
        assert!(there(0).await && there(limit - 1).await);
    }

    /// Fails, tears or holds up what it is told to.
    #[derive(Debug, Default)]
    struct BadDisk {
        steps: AtomicU64,
        /// From this step on nothing works; the write it hits is torn after so many bytes.
        power_cut: Option<(u64, u64)>,
        sync_fails: AtomicU64,
        write_fails: AtomicU64,
    }

    impl Faults for BadDisk {
        fn meet(&self, step: Step<'_>) -> Result<(), Fault> {
            let now = self.steps.fetch_add(1, Ordering::SeqCst);
            if let Some((at, torn)) = self.power_cut.filter(|(at, _)| now >= *at) {
                let written = if now == at { torn } else { 0 };
                return Err(Fault { written, error: io::Error::other("there is no power") });
            }
            let (left, error) = match step {
                Step::Sync(_) => (&self.sync_fails, "input/output error on sync"),
                Step::Write(..) => (&self.write_fails, "input/output error on write"),
                Step::Open(_) | Step::Rename(_) | Step::Read(_) => return Ok(()),
            };
            let fails = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            fails.map_or(Ok(()), |_| Err(Fault { written: 1, error: io::Error::other(error) }))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_failed_sync_may_have_lost_is_written_once_more() {
        let (disk, folder) = (Arc::new(BadDisk::default()), tempfile::tempdir().unwrap());
        disk.sync_fails.store(2, Ordering::SeqCst);
        let store = Store::with_faults(folder.path().to_owned(), Arc::clone(&disk) as Arc<dyn Faults>);
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        let mut degraded = media.degraded();
        put(&writer, 1, 0, "here");
        writer.written().wait().await;
        // The system forgets what it could not force out, and says so but once.
        let file = folder.path().join(format!("media/{}/{}/source.cmaf", session(), epoch()));
        std::fs::write(&file, "....").unwrap();
        degraded.wait_for(|degraded| *degraded).await.unwrap();
        degraded.wait_for(|degraded| !*degraded).await.unwrap();
        writer.close().await;
        assert_eq!(std::fs::read(&file).unwrap(), b"here");
        let journal = store.journal(session(), epoch()).await.unwrap().unwrap();
        assert_eq!(&journal[..], RECORD);
    }

    #[tokio::test(start_paused = true)]
    async fn writes_that_fail_in_the_middle_are_made_good() {
        let (disk, folder) = (Arc::new(BadDisk::default()), tempfile::tempdir().unwrap());
        let store = Store::with_faults(folder.path().to_owned(), Arc::clone(&disk) as Arc<dyn Faults>);
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        for n in 0..20 {
            disk.write_fails.store(n % 3, Ordering::SeqCst);
            put(&writer, 2, u32::try_from(n).unwrap(), "sound and picture");
            writer.written().wait().await;
        }
        writer.release_all();
        writer.close().await;
        assert_eq!(media.memory_bytes(), 0);
        for n in 0..20 {
            assert_eq!(text(&media, Object::Part(2, n)).await.as_deref(), Some("sound and picture"));
        }
        let journal = store.journal(session(), epoch()).await.unwrap().unwrap();
        assert_eq!(&journal[..], RECORD.repeat(20));
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_the_journal_names_after_a_power_cut_at_any_step_is_there() {
        for step in 0..40 {
            for torn in [0, 3, 9] {
                let folder = tempfile::tempdir().unwrap();
                let disk = BadDisk { power_cut: Some((step, torn)), ..BadDisk::default() };
                let store = Store::with_faults(folder.path().to_owned(), Arc::new(disk));
                let (media, writer) = store.create(session(), epoch(), Kind::Public);
                for n in 0..12 {
                    put(&writer, 1, n, &format!("part {n:05}"));
                    // Either it is written, or the power is gone.
                    let mut degraded = media.degraded();
                    tokio::select! {
                        () = writer.written().wait() => {}
                        _ = degraded.wait_for(|degraded| *degraded) => break,
                    }
                }
                writer.close().await;

                let store = Store::new(folder.path().to_owned());
                let journal = store.journal(session(), epoch()).await.unwrap().unwrap_or_default();
                let records = journal.len() / RECORD.len();
                assert!(RECORD.repeat(13).starts_with(&journal), "step {step}");
                let mut index = Index::default();
                for n in 0..u32::try_from(records).unwrap() {
                    index.part("source", 1, n, Extent { offset: u64::from(n) * 100, len: 10 }).unwrap();
                }
                let bytes = (records * RECORD.len()) as u64;
                let (media, writer) = store.resume(session(), epoch(), Kind::Public, index, bytes);
                for n in 0..u32::try_from(records).unwrap() {
                    assert_eq!(
                        text(&media, Object::Part(1, n)).await,
                        Some(format!("part {n:05}")),
                        "step {step}"
                    );
                }
                put(&writer, 2, 0, "after");
                writer.release_all();
                writer.close().await;
                assert_eq!(text(&media, Object::Part(2, 0)).await.as_deref(), Some("after"));
                let journal = store.journal(session(), epoch()).await.unwrap().unwrap();
                assert_eq!(&journal[..], RECORD.repeat(records + 1), "step {step}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_journal_that_nobody_can_go_on_with_is_kept_under_another_name() {
        let (store, folder) = store();
        for text in ["first", "second", "third"] {
            let (_media, writer) = store.create(session(), epoch(), Kind::Public);
            writer.record(Bytes::from_static(text.as_bytes()));
            writer.close().await;
        }
        let read = |name: &str| {
            std::fs::read_to_string(folder.path().join(format!("media/{}/{}/{name}", session(), epoch())))
                .unwrap()
        };
        assert_eq!(
            [read("journal.aside-1"), read("journal.aside-2"), read("journal")],
            ["first", "second", "third"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn closing_ends_even_on_a_broken_disk() {
        let (store, folder) = store();
        std::fs::write(folder.path().join("media"), "in the way").unwrap();
        let (_media, writer) = store.create(session(), epoch(), Kind::Public);
        put(&writer, 1, 0, "lost");
        writer.close().await;
    }

    #[tokio::test(start_paused = true)]
    async fn epochs_are_listed_and_deleted() {
        let (store, folder) = store();
        assert_eq!(store.epochs().await.unwrap(), []);
        let (_media, writer) = store.create(session(), epoch(), Kind::Preview);
        put(&writer, 1, 0, "draft");
        writer.close().await;
        std::fs::create_dir_all(folder.path().join("media/not-an-id")).unwrap();
        let stored = store.epochs().await.unwrap();
        assert_eq!(stored.len(), 1);
        assert_eq!((stored[0].epoch, stored[0].kind), (epoch(), Kind::Preview));
        store.delete(session(), epoch()).await.unwrap();
        assert_eq!(store.epochs().await.unwrap(), []);
        assert_eq!(store.journal(session(), epoch()).await.unwrap(), None);
        store.delete(session(), epoch()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_could_leave_the_folder_is_refused() {
        let (store, _folder) = store();
        let (media, writer) = store.create(session(), epoch(), Kind::Public);
        for name in ["", "..", "a/b", "a.b", "Ä", &"a".repeat(33)] {
            let init = writer.init(name, 0, Bytes::new());
            assert!(matches!(init, Err(Error::RenditionName(_))), "{name:?}");
            assert!(writer.part(name, part(0, 0, 0, Bytes::new())).is_err());
            assert_eq!(media.get(name, Object::Init(0)).await.unwrap(), None);
        }
    }

    /// Waits until all is on disk for good.
    async fn stored(writer: &Writer) {
        writer.written().wait().await;
        tokio::time::sleep(3 * SYNC_EVERY).await;
    }

    fn store() -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Store::new(folder.path().to_owned()), folder)
    }

    /// Part `n` of any segment lies at 100 times `n`.
    fn put(writer: &Writer, msn: u64, part: u32, text: &str) {
        let offset = if msn == 1 { u64::from(part) * 100 } else { msn * 1000 + u64::from(part) * 100 };
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        writer.part("source", self::part(msn, part, offset, bytes)).unwrap();
    }

    fn part(msn: u64, index: u32, offset: u64, bytes: Bytes) -> Part {
        let record = Bytes::from_static(RECORD);
        Part { msn, index, offset, chunks: vec![bytes], record, record_if_lost: Bytes::from_static(b"lost;") }
    }

    async fn text(media: &EpochMedia, object: Object) -> Option<String> {
        let body = media.get("source", object).await.unwrap()?;
        assert_eq!(body.len, body.chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>());
        Some(String::from_utf8(body.chunks.concat()).unwrap())
    }

    fn session() -> SessionId {
        SessionId::from_parts(1, [1; 10])
    }

    fn epoch() -> EpochId {
        EpochId::from_parts(2, [2; 10])
    }
}
