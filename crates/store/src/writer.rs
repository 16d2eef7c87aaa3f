//! From memory to disk: one writer per epoch, media first, then the journal's records of it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, timeout},
};

use crate::{
    EpochMedia, Error, Kind, Object, RETRY_AFTER, SYNC_EVERY, blocking,
    disk::{self, Files},
    epoch::{Job, JobMedia},
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

/// Resolves when everything added before it is on disk.
#[derive(Debug)]
pub struct Written {
    number: u64,
    settled: watch::Receiver<u64>,
}

impl Writer {
    pub(crate) fn start(media: Arc<EpochMedia>, kind: Kind, journal_bytes: u64) -> Self {
        let files = Files::new(media.folder.clone(), kind, journal_bytes);
        let task = tokio::spawn(run(Arc::clone(&media), files));
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

async fn run(media: Arc<EpochMedia>, mut files: Files) {
    let mut unsynced = false;
    let mut syncing: Option<JoinHandle<()>> = None;
    let mut tick = interval(SYNC_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = media.wake.notified() => {}
            _ = tick.tick() => {
                // A sync that hangs must not hold up the writes; nor shall a second one pile up on it.
                if unsynced && syncing.as_ref().is_none_or(JoinHandle::is_finished) {
                    unsynced = false;
                    syncing = Some(sync_beside(&media, &files));
                }
                continue;
            }
        }
        let Some(same) = write_queued(&media, files).await else { return };
        files = same;
        unsynced = true;
        if media.state().closed {
            break;
        }
    }
    if let Some(syncing) = syncing {
        let _ = syncing.await;
    }
    if let Err(error) = sync_beside(&media, &files).await {
        tracing::debug!("last sync of epoch {} was cut off: {error}", media.folder.epoch);
    }
}

/// Writes until the queue is empty, however often the disk refuses. None when it was given up.
async fn write_queued(media: &Arc<EpochMedia>, mut files: Files) -> Option<Files> {
    let epoch = media.folder.epoch;
    let mut retries_left = CLOSE_RETRIES;
    loop {
        let batch: Vec<Job> = media.state().queue.iter().take(BATCH_JOBS_MAX).cloned().collect();
        let Some(last) = batch.last().map(|job| job.number) else {
            if !media.sync_failed.load(Ordering::Relaxed) && media.degraded.send_replace(false) {
                tracing::info!(epoch.id = %epoch, "recording of epoch {epoch} has caught up");
            }
            return Some(files);
        };
        let write = blocking(move || {
            let result = write_batch(&mut files, &batch);
            Ok((files, result))
        });
        // An error here: the runtime is shutting down and has no thread left to write with.
        let (same, result) = write.await.ok()?;
        files = same;
        let Err(error) = result else {
            settle(media, last);
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

fn settle(media: &EpochMedia, number: u64) {
    media.state().settle(number);
    media.settled.send_replace(number);
}

fn write_batch(files: &mut Files, batch: &[Job]) -> std::io::Result<()> {
    for media in batch.iter().filter_map(|job| job.media.as_ref()) {
        files.write_media(&media.rendition, media.offset, &media.chunks)?;
    }
    let records: Vec<Bytes> = batch.iter().map(|job| job.record.clone()).collect();
    files.append_journal(&records)
}

fn sync_beside(media: &Arc<EpochMedia>, files: &Files) -> JoinHandle<()> {
    let handles = files.handles();
    let media = Arc::clone(media);
    tokio::spawn(async move {
        let synced = blocking(move || disk::sync(&handles?)).await;
        media.sync_failed.store(synced.is_err(), Ordering::Relaxed);
        if let Err(error) = synced {
            let epoch = media.folder.epoch;
            media.degraded.send_replace(true);
            tracing::error!(epoch.id = %epoch, "forcing epoch {epoch} to the disk failed: {error}");
        }
    })
}
