//! Write first, announce after: an epoch's outputs on their way to memory, disk and readers.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use hls::{multivariant::Multivariant, window::Window};
use packager_core::{
    epoch::Name,
    journal::{self, Record},
};
use runtime::clock;
use store::{EpochMedia, Part, Writer};
use tokio::{sync::watch, time::timeout};

use crate::feed::{Announcer, EpochFeed};

/// How long an announcement waits for the disk; then it goes out anyway, and the recording is degraded.
const DISK_WITHIN: Duration = Duration::from_millis(100);
/// Segments kept in memory behind the live window, for those who are a little late.
const SEGMENTS_KEPT_BEHIND: u64 = 2;

/// An epoch's way out.
#[derive(Debug)]
pub(crate) struct Outlet {
    media: Arc<EpochMedia>,
    writer: Writer,
    announcer: Announcer,
    degraded: watch::Receiver<bool>,
    /// A part whose record comes next.
    part: Option<PendingPart>,
    news: Vec<News>,
}

#[derive(Debug)]
struct PendingPart {
    rendition: Name,
    msn: u64,
    index: u32,
    offset: u64,
    chunks: Vec<Bytes>,
}

#[derive(Debug)]
enum News {
    Window(Arc<Window>),
    Multivariant(Arc<Multivariant>),
}

impl Outlet {
    pub(crate) fn new(media: Arc<EpochMedia>, writer: Writer) -> Self {
        let degraded = media.degraded();
        let announcer = Announcer::new(Arc::clone(&media));
        Self { media, writer, announcer, degraded, part: None, news: Vec::new() }
    }

    pub(crate) fn feed(&self) -> EpochFeed {
        self.announcer.feed()
    }

    pub(crate) fn is_playable(&self) -> bool {
        self.announcer.is_playable()
    }

    pub(crate) fn is_degraded(&self) -> bool {
        *self.degraded.borrow()
    }

    pub(crate) fn init(&self, rendition: &str, n: u32, bytes: Bytes) {
        if let Err(error) = self.writer.init(rendition, n, bytes) {
            tracing::error!("init {n} is not stored: {error}");
        }
    }

    /// A part, whose record comes next.
    pub(crate) fn part(&mut self, rendition: Name, msn: u64, index: u32, offset: u64, chunks: Vec<Bytes>) {
        self.part = Some(PendingPart { rendition, msn, index, offset, chunks });
    }

    pub(crate) fn record(&mut self, record: &Record) {
        let bytes = encoded(record);
        let Some(part) = self.part.take_if(|part| part.is_meant_by(record)) else {
            return self.writer.record(bytes);
        };
        count_part(&part);
        let rendition = part.rendition;
        let recorded = matches!(record, Record::Part { gap: false, .. });
        let part = Part {
            msn: part.msn,
            index: part.index,
            offset: part.offset,
            chunks: part.chunks,
            record: bytes,
            record_if_lost: encoded(&as_gap(record)),
        };
        let put =
            if recorded { self.writer.part(&rendition, part) } else { self.live_part(&rendition, part) };
        if let Err(error) = put {
            tracing::error!("part is not stored: {error}");
        }
    }

    /// Can more be recorded? While the disk takes nothing, memory is the limit.
    pub(crate) fn has_room(&self) -> bool {
        self.media.has_room()
    }

    fn live_part(&self, rendition: &str, part: Part) -> Result<(), store::Error> {
        metrics::counter!("lectern_packager_parts_unrecorded_total").increment(1);
        self.writer.live_part(rendition, part)
    }

    pub(crate) fn segment_done(&self, rendition: &str, msn: u64) {
        metrics::counter!("lectern_packager_segments_total").increment(1);
        self.writer.finish_segment(rendition, msn);
    }

    pub(crate) fn window(&mut self, window: Arc<Window>) {
        self.news.push(News::Window(window));
    }

    pub(crate) fn multivariant(&mut self, multivariant: Arc<Multivariant>) {
        self.news.push(News::Multivariant(multivariant));
    }

    /// Tells readers what has become of the epoch, once it is written or has waited long enough for that.
    pub(crate) async fn announce(&mut self) {
        if self.news.is_empty() {
            return;
        }
        self.wait_for_disk().await;
        for news in self.news.drain(..) {
            match news {
                News::Window(window) => {
                    let keep_from_msn = window.live_from_msn.saturating_sub(SEGMENTS_KEPT_BEHIND);
                    self.writer.release_before(&window.rendition, keep_from_msn);
                    self.announcer.window(window);
                }
                News::Multivariant(multivariant) => self.announcer.multivariant(multivariant),
            }
        }
    }

    /// Writes all there is and lets go of the files. The last announcement stays with its readers.
    pub(crate) async fn close(self) {
        self.writer.release_all();
        self.writer.close().await;
    }

    async fn wait_for_disk(&self) {
        // A disk that is known to be behind would hold up every part for nothing.
        if self.is_degraded() {
            return;
        }
        let asked_at = clock::now();
        if timeout(DISK_WITHIN, self.writer.written().wait()).await.is_err() {
            self.writer.mark_degraded();
            tracing::warn!("parts are announced before they are on disk: it took over {DISK_WITHIN:?}");
        }
        let took = clock::now().saturating_duration_since(asked_at);
        metrics::histogram!("lectern_packager_part_write_seconds").record(took);
    }
}

impl PendingPart {
    fn is_meant_by(&self, record: &Record) -> bool {
        matches!(record, Record::Part { rendition, msn, index, .. }
            if **rendition == *self.rendition && *msn == self.msn && *index == self.index)
    }
}

/// A record's bytes: twice where all that follows would be of no use without it. Reading it twice changes nothing.
fn encoded(record: &Record) -> Bytes {
    let mut bytes = Vec::new();
    journal::encode(record, &mut bytes);
    if matches!(record, Record::Epoch { .. } | Record::Init { .. } | Record::Multivariant(_)) {
        journal::encode(record, &mut bytes);
    }
    bytes.into()
}

/// What the journal says of a part whose bytes no disk would take.
fn as_gap(record: &Record) -> Record {
    let mut record = record.clone();
    if let Record::Part { gap, length, .. } = &mut record {
        (*gap, *length) = (true, 0);
    }
    record
}

fn count_part(part: &PendingPart) {
    let bytes = part.chunks.iter().map(|chunk| chunk.len() as u64).sum();
    metrics::counter!("lectern_packager_parts_total").increment(1);
    metrics::counter!("lectern_packager_bytes_total").increment(bytes);
}
