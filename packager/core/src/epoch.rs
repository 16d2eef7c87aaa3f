//! One published timeline: units in, parts and windows out.
//!
//! Feed it with `now` (never falling), then drain [`Epoch::poll_output`] in order, then sleep until
//! [`Epoch::poll_timeout`] or the next input. The order of outputs is the order of writing: a part's bytes
//! come before the journal's record of it, and both before the window that lists it.

use std::{collections::VecDeque, sync::Arc, time::{Duration, Instant}};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use events::HealthWarning;
use hls::{multivariant::Multivariant, window::{Figures, Window}};
use media::{AccessUnit, Item, VideoConfig};

use crate::{journal::Record, ladder::{self, Rung}};

/// A rendition's name: the folder in its URIs.
pub type Name = Arc<str>;

/// What may differ between epochs.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The constant figures of all playlists.
    pub figures: Figures,
    /// Which rungs are wanted.
    pub ladder: ladder::Config,
    /// A rung this far behind the plan lists gaps instead; what comes later for them is dropped.
    pub rung_late_max: Duration,
    /// May the top rung be dropped when the transcoder cannot keep up?
    pub drop_rungs: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            figures: Figures::default(),
            ladder: ladder::Config::default(),
            rung_late_max: Duration::from_millis(1_500),
            drop_rungs: true,
        }
    }
}

/// The same moment by both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// By the monotonic clock.
    pub now: Instant,
    /// By the wall clock.
    pub wall: DateTime<Utc>,
}

/// What the transcoder process is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Transcode {
    /// Begin, or begin again: whatever was made before is forgotten. The next packet is a keyframe.
    Start {
        /// The source's configuration.
        source: Arc<VideoConfig>,
        /// What to make, best first.
        rungs: Vec<Rung>,
    },
    /// The next access unit in decode order; its times are on the epoch's timeline.
    Packet {
        /// The unit.
        unit: AccessUnit,
        /// A segment begins at its presentation time: every rung's picture there must be an IDR.
        cut: bool,
    },
    /// Make this rung no longer.
    Drop {
        /// Its name.
        rung: Name,
    },
    /// There is nothing more to make; the process may end.
    Stop,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Write an init segment, `{rendition}/init-{n}.mp4`.
    Init {
        /// Rendition.
        rendition: Name,
        /// Its number.
        n: u32,
        /// The whole init segment.
        bytes: Bytes,
    },
    /// Write a part and append it to the rendition's file.
    Part {
        /// Rendition.
        rendition: Name,
        /// Media sequence number of its segment.
        msn: u64,
        /// Index within the segment.
        index: u32,
        /// The boxes, then the payload in the very buffers it came in.
        bytes: Vec<Bytes>,
        /// Sum of the chunks' lengths.
        length: u64,
        /// Where it stands in the rendition's file, counted from the file's first byte.
        offset: u64,
    },
    /// The segment consists of the parts written so far.
    SegmentDone {
        /// Rendition.
        rendition: Name,
        /// Media sequence number.
        msn: u64,
    },
    /// Append to the journal.
    Journal(Record),
    /// Announce: the rendition now stands like this.
    Window(Arc<Window>),
    /// Announce: the renditions there are. The first one opens the epoch to players; a later one replaces
    /// it (measured bit rates, changed source).
    Multivariant(Arc<Multivariant>),
    /// Tell the transcoder.
    Transcode(Transcode),
    /// The warnings that hold from now on; ordered, no duplicates.
    Health(Vec<HealthWarning>),
    /// ENDLIST stands in every window; nothing more will come.
    Ended,
}

/// One timeline of a session or preview.
#[derive(Debug)]
pub struct Epoch {
    config: Config,
    outputs: VecDeque<Output>,
    start: Start,
}

impl Epoch {
    /// A new timeline that begins at `start`. Nothing is listed before media comes.
    #[must_use]
    pub fn new(config: Config, start: Start) -> Self {
        Self { config, outputs: VecDeque::new(), start }
    }

    /// Goes on with a timeline from its journal. `file_bytes` tells how long a rendition's file is, so that
    /// parts whose bytes never reached the disk become gaps; the next part is appended at that length.
    /// The clock leads until a publisher comes back.
    ///
    /// # Errors
    /// When the records do not begin with an epoch's first record.
    pub fn recover(
        config: Config,
        records: impl IntoIterator<Item = Record>,
        file_bytes: impl Fn(&str) -> u64,
        at: Start,
    ) -> Result<Self, RecoverError> {
        let _ = (records, file_bytes);
        Ok(Self::new(config, at))
    }

    /// A publisher begins (or begins again): its items follow.
    pub fn publication_started(&mut self, now: Instant) {
        let _ = now;
    }

    /// The publication's next item, in publication time.
    pub fn item(&mut self, item: Item, now: Instant) {
        let _ = (item, now);
    }

    /// The publisher is gone, be it by will or not. The playlists go on.
    pub fn publication_ended(&mut self, now: Instant) {
        let _ = now;
    }

    /// The transcoder's next item for a rung: its configuration before the first unit, units in decode
    /// order, times on the epoch's timeline. Unknown rungs are ignored.
    pub fn rung_unit(&mut self, rung: &str, item: Item, now: Instant) {
        let _ = (rung, item, now);
    }

    /// The transcoder process died, hung or was restarted by the shell: a [`Transcode::Start`] and the
    /// packets kept since the last cut follow for its successor.
    pub fn transcoder_lost(&mut self, now: Instant) {
        let _ = now;
    }

    /// To be called when [`Epoch::poll_timeout`] is due (or at any other time).
    pub fn timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Closes the timeline for good: last parts, ENDLIST everywhere. Later inputs are ignored.
    pub fn end(&mut self, now: Instant) {
        let _ = now;
    }

    /// What is to be done next.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Epoch::timeout`] wants to be called, if at all.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let _ = (&self.config, &self.start);
        None
    }
}

/// Why a journal could not be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoverError {
    /// It does not begin with an epoch's record.
    #[error("the journal does not begin with an epoch record")]
    NoEpoch,
    /// It ends with ENDLIST.
    #[error("the journal's epoch has ended; open it as an archive")]
    Ended,
}

/// An epoch as its journal tells it: to serve one that has ended.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its renditions; none when it never opened.
    pub multivariant: Option<Arc<Multivariant>>,
    /// Every rendition's last window, with ENDLIST.
    pub windows: Vec<Arc<Window>>,
}

impl Archive {
    /// Reads the records; `file_bytes` as in [`Epoch::recover`].
    ///
    /// # Errors
    /// When the records do not begin with an epoch's first record.
    pub fn open(
        records: impl IntoIterator<Item = Record>,
        file_bytes: impl Fn(&str) -> u64,
    ) -> Result<Self, RecoverError> {
        let _ = (records, file_bytes);
        Ok(Self { multivariant: None, windows: Vec::new() })
    }
}
