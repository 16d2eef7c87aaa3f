//! One epoch's media for its readers, and the queue between its packager and its disk.

use std::{
    collections::{BTreeMap, VecDeque},
    fs::File,
    sync::{Arc, Mutex, MutexGuard, Weak, atomic::AtomicBool},
};

use bytes::Bytes;
use tokio::sync::{Notify, OnceCell, Semaphore, watch};

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
    /// The last attempt to force bytes to the disk failed.
    pub(crate) sync_failed: AtomicBool,
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
    pub(crate) queued_bytes: u64,
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
            queued_bytes: 0,
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
            sync_failed: AtomicBool::new(false),
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

    /// Parts that never reached the disk: holes in the recording.
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
        let _permit = self.reads.acquire().await.expect("this semaphore is never closed");
        let known = self.readers().files.get(rendition).cloned();
        let (folder, name) = (self.folder.clone(), rendition.to_owned());
        let read = blocking(move || {
            let file = match known {
                Some(file) => file,
                None => Arc::new(folder.open_media(&name)?),
            };
            Ok((disk::read(&file, &extents)?, file))
        });
        let (bytes, file) = read.await.map_err(|source| Error::Disk {
            what: "reading the media",
            epoch: self.folder.epoch,
            source,
        })?;
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
    /// Takes over a piece and queues it for the disk; returns the job's number.
    pub(crate) fn put(&mut self, media: JobMedia, record: Bytes) -> Result<u64, Error> {
        let len = media.chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let extent = Extent { offset: media.offset, len };
        let piece = Piece { extent, memory: Some(media.chunks.clone()), on_disk: false };
        self.index.insert(&media.rendition, media.object, piece)?;
        Ok(self.enqueue(Some(media), record))
    }

    /// Queues a job. A queue over its limit loses its oldest media: those parts will be missing from the
    /// recording, and from memory once the live window has passed them. Records are small and stay.
    pub(crate) fn enqueue(&mut self, media: Option<JobMedia>, record: Bytes) -> u64 {
        self.newest_job += 1;
        let job = Job { number: self.newest_job, media, record };
        self.queued_bytes += job.media_bytes();
        self.queue.push_back(job);
        while self.queued_bytes > QUEUED_BYTES_MAX
            && let Some(oldest) = self.queue.iter_mut().find(|job| job.media.is_some())
        {
            self.queued_bytes -= oldest.media_bytes();
            let media = oldest.media.take().expect("looked for just above");
            self.given_up += 1;
            self.index.given_up(&media.rendition, media.object);
            oldest.record = media.record_if_lost;
        }
        self.newest_job
    }

    /// Jobs up to `number` are on disk.
    pub(crate) fn settle(&mut self, number: u64) {
        while let Some(job) = self.queue.pop_front_if(|job| job.number <= number) {
            self.queued_bytes -= job.media_bytes();
            if let Some(media) = job.media {
                self.index.written(&media.rendition, media.object);
            }
        }
    }

    pub(crate) fn release_before(&mut self, rendition: &str, msn: u64) {
        let queue = &self.queue;
        self.index.release_before(rendition, msn, |object| {
            let waits = |media: &JobMedia| media.rendition == rendition && media.object == object;
            queue.iter().any(|job| job.media.as_ref().is_some_and(waits))
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
        self.media.as_ref().map_or(0, |media| media.chunks.iter().map(|chunk| chunk.len() as u64).sum())
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
