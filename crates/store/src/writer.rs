//! From memory to disk: one writer per epoch, media first, then the journal's records of it.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    EpochMedia, Error, Kind, Object, RETRY_AFTER, SYNC_EVERY, blocking,
    disk::Files,
    epoch::{Job, JobMedia},
    reserve::Reserve,
};

/// Jobs written in one go: media of all of them, then one append to the journal.
const BATCH_JOBS_MAX: usize = 64;
/// How often a closed epoch's last writes are tried on a disk that refuses them.
const CLOSE_RETRIES: u32 = 3;
/// How long closing waits for a disk that does not answer.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// The one who may add to an epoch. Held by the epoch's programme task.
#[derive(Debug)]
pub struct Writer {
    media: Arc<EpochMedia>,
    task: Option<JoinHandle<()>>,
}

/// A part on its way to memory and disk.
#[derive(Clone, Debug)]
pub struct Part {
    /// Media sequence number of its segment.
    pub msn: u64,
    /// Index within the segment.
    pub index: u32,
    /// Where it belongs in the rendition's file.
    pub offset: u64,
    /// Its bytes.
    pub chunks: Vec<Bytes>,
    /// What the journal says of it.
    pub record: Bytes,
    /// What the journal says instead when a failing disk never took the bytes.
    pub record_if_lost: Bytes,
}

/// Resolves when everything added before it is written.
#[derive(Debug)]
pub struct Written {
    number: u64,
    settled: watch::Receiver<u64>,
}

impl Writer {
    pub(crate) fn start(
        media: Arc<EpochMedia>,
        reserve: Arc<Reserve>,
        kind: Kind,
        journal_bytes: u64,
    ) -> Self {
        let files = Files::new(media.folder.clone(), kind, journal_bytes);
        let task = tokio::spawn(run(Arc::clone(&media), reserve, files));
        Self { media, task: Some(task) }
    }

    /// Adds an initialisation section. It stays in memory; the journal's record of it must hold its bytes.
    ///
    /// # Errors
    /// When the name cannot be a rendition's.
    pub fn init(&self, rendition: &str, n: u32, bytes: Bytes) -> Result<(), Error> {
        self.media.state().index.init(rendition, n, bytes)
    }

    /// Adds a part. It can be read at once; its bytes go to the rendition's file, then the journal's record
    /// of it is appended.
    ///
    /// # Errors
    /// When the name cannot be a rendition's. The disk's errors show in [`EpochMedia::degraded`].
    pub fn part(&self, rendition: &str, part: Part) -> Result<(), Error> {
        let media = JobMedia {
            rendition: rendition.to_owned(),
            object: Object::Part(part.msn, part.index),
            offset: part.offset,
            chunks: part.chunks,
            record_if_lost: part.record_if_lost,
        };
        self.media.state().put(media, part.record)?;
        self.media.wake.notify_one();
        Ok(())
    }

    /// Adds a part that is not recorded, because [`EpochMedia::has_room`] says no: it can be read until
    /// [`Writer::release_before`] passes it. The journal gets `record_if_lost`.
    ///
    /// # Errors
    /// When the name cannot be a rendition's.
    pub fn live_part(&self, rendition: &str, part: Part) -> Result<(), Error> {
        let media = JobMedia {
            rendition: rendition.to_owned(),
            object: Object::Part(part.msn, part.index),
            offset: part.offset,
            chunks: part.chunks,
            record_if_lost: part.record_if_lost,
        };
        self.media.state().put_live(media)?;
        self.media.wake.notify_one();
        Ok(())
    }

    /// Appends a record to the journal after all that was added before.
    pub fn record(&self, record: Bytes) {
        self.media.state().enqueue(None, record);
        self.media.wake.notify_one();
    }

    /// All parts of the segment were put: from now on it may be fetched as a whole.
    pub fn finish_segment(&self, rendition: &str, msn: u64) {
        self.media.state().index.finish(rendition, msn);
    }

    /// Segments before `msn` may leave memory as soon as they are on disk.
    pub fn release_before(&self, rendition: &str, msn: u64) {
        self.media.state().release_before(rendition, msn);
    }

    /// The windows stand still from here on: what is on disk leaves memory. What never came there stays, for as
    /// long as somebody holds the epoch open.
    pub fn release_all(&self) {
        self.media.state().index.release_all();
    }

    /// Waits for what was added so far.
    #[must_use]
    pub fn written(&self) -> Written {
        Written { number: self.media.state().newest_job, settled: self.media.settled.subscribe() }
    }

    /// Marks the recording degraded until the disk has caught up.
    pub fn mark_degraded(&self) {
        self.media.degraded.send_replace(true);
    }

    /// Writes what is queued, forces it to the disk and stops.
    /// A disk that does not answer is given five seconds, then the rest is given up.
    pub async fn close(mut self) {
        self.stop();
        let Some(task) = self.task.take() else { return };
        let abort = task.abort_handle();
        if timeout(CLOSE_WITHIN, task).await.is_err() {
            tracing::error!(epoch.id = %self.media.folder.epoch, "disk did not take the end of epoch {}", self.media.folder.epoch);
            abort.abort();
        }
    }

    fn stop(&self) {
        self.media.state().closed = true;
        self.media.wake.notify_one();
    }
}

impl Drop for Writer {
    /// Without [`Writer::close`] the task still writes what is queued, but nobody waits for it.
    fn drop(&mut self) {
        self.stop();
    }
}

impl Written {
    /// Returns when it is on disk, or was given up by a full queue, or the writer is gone.
    pub async fn wait(mut self) {
        let number = self.number;
        let _ = self.settled.wait_for(|settled| *settled >= number).await;
    }
}

/// A sync under way: the newest job it forces to the disk, and its end.
type Syncing = (u64, JoinHandle<io::Result<()>>);

async fn run(media: Arc<EpochMedia>, reserve: Arc<Reserve>, mut files: Files) {
    let mut syncing: Option<Syncing> = None;
    let mut tick = interval(SYNC_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !media.state().closed {
        tokio::select! {
            () = media.wake.notified() => {}
            synced = ended(&mut syncing) => {
                if let Err(error) = synced {
                    lose(&media, &mut files, &error);
                    tokio::time::sleep(RETRY_AFTER).await;
                }
            }
            // A sync that hangs must not hold up the writes; nor shall a second one pile up on it.
            _ = tick.tick() => {
                if syncing.is_none() {
                    syncing = sync_beside(&media, &files);
                }
                continue;
            }
        }
        let Some(same) = write_queued(&media, &reserve, files).await else { return };
        files = same;
    }
    finish(&media, &reserve, files, syncing).await;
}

/// The last writes and the last sync, each tried a few times.
async fn finish(media: &Arc<EpochMedia>, reserve: &Arc<Reserve>, files: Files, syncing: Option<Syncing>) {
    let mut files = files;
    let mut syncing = syncing;
    for _ in 0..=CLOSE_RETRIES {
        if syncing.is_some()
            && let Err(error) = ended(&mut syncing).await
        {
            lose(media, &mut files, &error);
        }
        let Some(same) = write_queued(media, reserve, files).await else { return };
        files = same;
        syncing = sync_beside(media, &files);
        if syncing.is_none() {
            return;
        }
    }
}

/// Waits for a sync under way, and says what became of it; with none, for ever.
async fn ended(syncing: &mut Option<Syncing>) -> io::Result<()> {
    let Some((_, task)) = syncing else { return std::future::pending().await };
    let result = task.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    *syncing = None;
    result
}

/// A sync failed: nobody knows what of the last writes is on disk (the system forgets them after such an error),
/// so they are made once more.
fn lose(media: &EpochMedia, files: &mut Files, error: &io::Error) {
    let epoch = media.folder.epoch;
    media.degraded.send_replace(true);
    tracing::error!(
        epoch.id = %epoch,
        "forcing epoch {epoch} to the disk failed, its last writes are made once more: {error}"
    );
    files.take_back(media.state().take_back());
}

/// Writes until the queue is empty, however often the disk refuses. None when it was given up.
async fn write_queued(media: &Arc<EpochMedia>, reserve: &Arc<Reserve>, mut files: Files) -> Option<Files> {
    let epoch = media.folder.epoch;
    let mut retries_left = CLOSE_RETRIES;
    loop {
        let batch: Vec<Job> = media.state().queue.iter().take(BATCH_JOBS_MAX).cloned().collect();
        let Some(last) = batch.last().map(|job| job.number) else { return Some(files) };
        let reserve = Arc::clone(reserve);
        let write = blocking(move || {
            let result = reserve.look().and_then(|()| write_batch(&mut files, &batch));
            Ok((files, result))
        });
        // An error here: the runtime is shutting down and has no thread left to write with.
        let (same, result) = write.await.ok()?;
        files = same;
        let Err(error) = result else {
            media.state().written(last);
            media.settled.send_replace(last);
            continue;
        };
        if !media.degraded.send_replace(true) {
            tracing::error!(epoch.id = %epoch, "recording of epoch {epoch} is degraded, live goes on: {error}");
        }
        if media.state().closed {
            retries_left = retries_left.checked_sub(1)?;
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

fn write_batch(files: &mut Files, batch: &[Job]) -> io::Result<()> {
    for media in batch.iter().filter_map(|job| job.media.as_ref()) {
        files.write_media(&media.rendition, media.offset, &media.chunks)?;
    }
    let records: Vec<Bytes> = batch.iter().map(|job| job.record.clone()).collect();
    files.append_journal(&records)
}

/// Forces what is written to the disk; none when all of it is there already.
fn sync_beside(media: &Arc<EpochMedia>, files: &Files) -> Option<Syncing> {
    let newest = media.state().unsynced.back()?.number;
    let unsynced = files.unsynced();
    let media = Arc::clone(media);
    let sync = async move {
        blocking(move || unsynced?.force()).await?;
        let epoch = media.folder.epoch;
        let caught_up = {
            let mut state = media.state();
            state.synced(newest);
            state.queue.is_empty() && !state.full
        };
        if caught_up && media.degraded.send_replace(false) {
            tracing::info!(epoch.id = %epoch, "recording of epoch {epoch} has caught up");
        }
        Ok(())
    };
    Some((newest, tokio::spawn(sync)))
}
