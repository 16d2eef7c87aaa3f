//! One epoch's media for its readers, and the queue between its packager and its disk.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    io,
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::{Notify, OnceCell, Semaphore, watch},
    time::timeout,
};

use crate::{
    Error, Extent, Index, Object, QUEUED_BYTES_MAX, blocking,
    disk::{self, Folder},
    index::Piece,
};

/// The bytes of an object, as the chunks they were made of. Cloning shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// In order; shared with the packager and with every other reader.
    pub chunks: Vec<Bytes>,
    /// Their length together.
    pub len: u64,
}

/// The media of one epoch: recent parts in memory, everything on disk.
#[derive(Debug)]
pub struct EpochMedia {
    pub(crate) folder: Folder,
    pub(crate) state: Mutex<State>,
    /// There is something in the queue, or it was closed.
    pub(crate) wake: Notify,
    /// The number of the newest job that is on disk, or whose media was given up.
    pub(crate) settled: watch::Sender<u64>,
    pub(crate) degraded: watch::Sender<bool>,
    reads: Arc<Semaphore>,
    readers: Mutex<Readers>,
}

/// The reading side of the rendition's files.
#[derive(Debug, Default)]
struct Readers {
    files: BTreeMap<String, Arc<File>>,
    /// Reads under way: whoever wants the same bytes meanwhile waits for them and shares them.
    reads: BTreeMap<(String, Vec<Extent>), Weak<Read>>,
}

type Read = OnceCell<Vec<Bytes>>;

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) index: Index,
    pub(crate) queue: VecDeque<Job>,
    /// Written, and not yet forced to the disk: what a failed sync takes back.
    pub(crate) unsynced: VecDeque<Job>,
    /// Of the queue and of what is not synced.
    pub(crate) waiting_bytes: u64,
    /// There is no more room until half of what waits is on disk.
    pub(crate) full: bool,
    pub(crate) newest_job: u64,
    pub(crate) given_up: u64,
    pub(crate) closed: bool,
}

/// Something to be written: media and the journal's record of it, or a record alone.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) media: Option<JobMedia>,
    pub(crate) record: Bytes,
}

#[derive(Clone, Debug)]
pub(crate) struct JobMedia {
    pub(crate) rendition: String,
    pub(crate) object: Object,
    pub(crate) offset: u64,
    pub(crate) chunks: Vec<Bytes>,
    /// Goes into the journal in the record's place when the media had to be given up.
    pub(crate) record_if_lost: Bytes,
}

/// How long a reader waits for the disk.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Where a run of an object's bytes is taken from.
enum Source {
    Memory(Vec<Bytes>),
    Disk(Extent),
}

impl EpochMedia {
    pub(crate) fn new(folder: Folder, index: Index, reads: Arc<Semaphore>) -> Self {
        let state = State {
            index,
            queue: VecDeque::new(),
            unsynced: VecDeque::new(),
            waiting_bytes: 0,
            full: false,
            newest_job: 0,
            given_up: 0,
            closed: false,
        };
        Self {
            folder,
            state: Mutex::new(state),
            wake: Notify::new(),
            settled: watch::Sender::new(0),
            degraded: watch::Sender::new(false),
            reads,
            readers: Mutex::default(),
        }
    }

    /// An object's bytes; none when there is no such object (an unfinished segment is none yet, its parts
    /// are). What left memory is read from disk, at most [`crate::READS_MAX`] reads at a time.
    ///
    /// # Errors
    /// When the disk fails the read, or the file is shorter than the journal says.
    pub async fn get(&self, rendition: &str, object: Object) -> Result<Option<Body>, Error> {
        let Some(sources) = self.state().sources(rendition, object) else { return Ok(None) };
        let extents: Vec<Extent> = sources.iter().filter_map(Source::on_disk).collect();
        let mut from_disk = Vec::new().into_iter();
        if !extents.is_empty() {
            from_disk = self.read(rendition, extents).await?.into_iter();
        }
        let mut body = Body::default();
        for source in sources {
            match source {
                Source::Memory(chunks) => body.chunks.extend(chunks),
                Source::Disk(_) => body.chunks.extend(from_disk.next()),
            }
        }
        body.len = body.chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Ok(Some(body))
    }

    /// How long an object is, without reading it.
    #[must_use]
    pub fn size_bytes(&self, rendition: &str, object: Object) -> Option<u64> {
        let state = self.state();
        Some(state.index.pieces(rendition, object)?.iter().map(|piece| piece.extent.len).sum())
    }

    /// Says whether the disk is behind or failing now. Live goes on either way.
    #[must_use]
    pub fn degraded(&self) -> watch::Receiver<bool> {
        self.degraded.subscribe()
    }

    /// Is there room to keep what is recorded until the disk takes it? Without, [`crate::Writer::live_part`] is
    /// the way to go on.
    #[must_use]
    pub fn has_room(&self) -> bool {
        !self.state().full
    }

    /// Parts that never reach the disk: holes in the recording.
    #[must_use]
    pub fn parts_given_up(&self) -> u64 {
        self.state().given_up
    }

    /// Bytes of media held in memory.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.state().index.memory_bytes()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    async fn read(&self, rendition: &str, extents: Vec<Extent>) -> Result<Vec<Bytes>, Error> {
        let read = self.readers().read(rendition, &extents);
        read.get_or_try_init(|| self.read_from_disk(rendition, extents)).await.cloned()
    }

    async fn read_from_disk(&self, rendition: &str, extents: Vec<Extent>) -> Result<Vec<Bytes>, Error> {
        let known = self.readers().files.get(rendition).cloned();
        let (folder, name, reads) = (self.folder.clone(), rendition.to_owned(), Arc::clone(&self.reads));
        let read = async {
            let permit = reads.acquire_owned().await.expect("this semaphore is never closed");
            blocking(move || {
                // A disk that does not answer keeps its permits; it shall not get more threads.
                let _permit = permit;
                let file = match known {
                    Some(file) => file,
                    None => Arc::new(folder.open_media(&name)?),
                };
                Ok((disk::read(&file, &extents)?, file))
            })
            .await
        };
        let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "the disk does not answer"));
        let (bytes, file) = timeout(READ_WITHIN, read)
            .await
            .unwrap_or_else(late)
            .map_err(|source| Error::Disk { what: "reading the media", epoch: self.folder.epoch, source })?;
        self.readers().files.entry(rendition.to_owned()).or_insert(file);
        Ok(bytes)
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().expect("no holder of this lock panics")
    }
}

impl Readers {
    fn read(&mut self, rendition: &str, extents: &[Extent]) -> Arc<Read> {
        self.reads.retain(|_, read| read.strong_count() > 0);
        let key = (rendition.to_owned(), extents.to_vec());
        if let Some(read) = self.reads.get(&key).and_then(Weak::upgrade) {
            return read;
        }
        let read = Arc::new(Read::new());
        self.reads.insert(key, Arc::downgrade(&read));
        read
    }
}

impl State {
    /// Takes over a piece and queues it for the disk; returns the job's number. Where the queue has no room left
    /// it is kept for live alone.
    pub(crate) fn put(&mut self, media: JobMedia, record: Bytes) -> Result<u64, Error> {
        let bytes = media.bytes();
        let extent = Extent { offset: media.offset, len: bytes };
        let piece = Piece { extent, memory: Some(media.chunks.clone()), on_disk: false };
        self.index.insert(&media.rendition, media.object, piece)?;
        if self.waiting_bytes.saturating_add(bytes) > QUEUED_BYTES_MAX {
            self.given_up += 1;
            return Ok(self.enqueue(None, media.record_if_lost));
        }
        Ok(self.enqueue(Some(media), record))
    }

    /// Takes over a piece that is not written.
    pub(crate) fn put_live(&mut self, media: JobMedia) -> Result<u64, Error> {
        let extent = Extent { offset: media.offset, len: media.bytes() };
        let piece = Piece { extent, memory: Some(media.chunks), on_disk: false };
        self.index.insert(&media.rendition, media.object, piece)?;
        self.given_up += 1;
        Ok(self.enqueue(None, media.record_if_lost))
    }

    /// Queues a job. Records are small and always find room.
    pub(crate) fn enqueue(&mut self, media: Option<JobMedia>, record: Bytes) -> u64 {
        self.newest_job += 1;
        let job = Job { number: self.newest_job, media, record };
        self.waiting_bytes += job.media_bytes();
        // Before the limit: who asks whether there is room has parts of all renditions under way.
        self.full |= self.waiting_bytes > QUEUED_BYTES_MAX / 8 * 7;
        self.queue.push_back(job);
        self.newest_job
    }

    /// Jobs up to `number` are written, and not yet forced to the disk.
    pub(crate) fn written(&mut self, number: u64) {
        while let Some(job) = self.queue.pop_front_if(|job| job.number <= number) {
            self.unsynced.push_back(job);
        }
    }

    /// Jobs up to `number` are on disk for good.
    pub(crate) fn synced(&mut self, number: u64) {
        while let Some(job) = self.unsynced.pop_front_if(|job| job.number <= number) {
            self.waiting_bytes -= job.media_bytes();
            if let Some(media) = job.media {
                self.index.written(&media.rendition, media.object);
            }
        }
        self.full &= self.waiting_bytes > QUEUED_BYTES_MAX / 2;
    }

    /// The disk may have lost what was not synced: it is written once more. Returns how many bytes of the journal
    /// those are.
    pub(crate) fn take_back(&mut self) -> u64 {
        let bytes = self.unsynced.iter().map(|job| job.record.len() as u64).sum();
        while let Some(job) = self.unsynced.pop_back() {
            self.queue.push_front(job);
        }
        bytes
    }

    pub(crate) fn release_before(&mut self, rendition: &str, msn: u64) {
        let waiting = self.queue.iter().chain(&self.unsynced);
        self.index.release_before(rendition, msn, |object| {
            let waits = |media: &JobMedia| media.rendition == rendition && media.object == object;
            waiting.clone().any(|job| job.media.as_ref().is_some_and(waits))
        });
    }

    fn sources(&self, rendition: &str, object: Object) -> Option<Vec<Source>> {
        let mut sources: Vec<Source> = Vec::new();
        for piece in self.index.pieces(rendition, object)? {
            match (&piece.memory, sources.last_mut()) {
                (Some(chunks), _) => sources.push(Source::Memory(chunks.clone())),
                (None, Some(Source::Disk(run))) if run.offset + run.len == piece.extent.offset => {
                    run.len += piece.extent.len;
                }
                (None, _) => sources.push(Source::Disk(piece.extent)),
            }
        }
        Some(sources)
    }
}

impl Job {
    fn media_bytes(&self) -> u64 {
        self.media.as_ref().map_or(0, JobMedia::bytes)
    }
}

impl JobMedia {
    fn bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }
}

impl Source {
    fn on_disk(&self) -> Option<Extent> {
        match self {
            Self::Memory(_) => None,
            Self::Disk(extent) => Some(*extent),
        }
    }
}
