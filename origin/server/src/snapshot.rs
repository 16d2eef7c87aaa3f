//! The text of playlists, made once for each version of their facts and shared by all who ask.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hasher},
    io::Write,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hls::{
    multivariant::Multivariant,
    playlist::{self, Skip, View},
    window::Window,
};
use http::HeaderValue;
use origin_core::encoding::Encoding;
use tokio::sync::watch;

use crate::feed::EpochFeed;

/// A delta of 3 kB packs in some 50 µs at this level, and no other gains a tenth of its size.
const GZIP_LEVEL: u32 = 6;

/// How often text was made: a figure of the whole origin.
#[derive(Debug, Default)]
pub(crate) struct Renders {
    texts: AtomicU64,
}

impl Renders {
    pub(crate) fn texts(&self) -> u64 {
        self.texts.load(Ordering::Relaxed)
    }

    fn count(&self, what: &'static str) {
        metrics::counter!("lectern_origin_renders_total", "what" => what).increment(1);
        if what == "text" {
            self.texts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An epoch that was opened, with the text that was made of it.
#[derive(Debug)]
pub(crate) struct Epoch {
    pub(crate) feed: EpochFeed,
    renditions: Mutex<BTreeMap<String, Arc<Rendition>>>,
    multivariant: Mutex<Option<MultivariantText>>,
    renders: Arc<Renders>,
}

#[derive(Debug)]
struct MultivariantText {
    of: Arc<Multivariant>,
    all: Arc<Text>,
    audio_only: Option<Arc<Text>>,
}

impl Epoch {
    pub(crate) fn new(feed: EpochFeed, renders: Arc<Renders>) -> Self {
        Self { feed, renditions: Mutex::default(), multivariant: Mutex::default(), renders }
    }

    /// Closed by its packager before its end: somebody else may have it now.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.feed.multivariant.has_changed().is_err() && !self.has_ended()
    }

    /// All its playlists say ENDLIST.
    pub(crate) fn has_ended(&self) -> bool {
        let renditions = Arc::clone(&self.feed.renditions.borrow());
        !renditions.is_empty() && renditions.values().all(|window| window.borrow().ended)
    }

    pub(crate) fn rendition(&self, name: &str) -> Option<Arc<Rendition>> {
        let mut known = lock(&self.renditions);
        if let Some(rendition) = known.get(name) {
            return Some(Arc::clone(rendition));
        }
        let window = self.feed.renditions.borrow().get(name).cloned()?;
        let rendition = Arc::new(Rendition::new(window, Arc::clone(&self.renders)));
        known.insert(name.to_owned(), Arc::clone(&rendition));
        Some(rendition)
    }

    /// The facts and the text of the multivariant playlist, or of the one with audio alone.
    pub(crate) fn multivariant(&self, audio_only: bool) -> Option<(Arc<Multivariant>, Arc<Text>)> {
        let newest = self.feed.multivariant.borrow().clone()?;
        let mut made = lock(&self.multivariant);
        let fresh = made.take().filter(|made| Arc::ptr_eq(&made.of, &newest));
        let text = made.insert(fresh.unwrap_or_else(|| self.render(&newest)));
        let wanted = if audio_only { text.audio_only.clone()? } else { Arc::clone(&text.all) };
        Some((newest, wanted))
    }

    fn render(&self, multivariant: &Arc<Multivariant>) -> MultivariantText {
        self.renders.count("text");
        let audio_only = playlist::audio_only(multivariant);
        MultivariantText {
            of: Arc::clone(multivariant),
            all: Arc::new(Text::new(playlist::multivariant(multivariant))),
            audio_only: audio_only.map(|text| Arc::new(Text::new(text))),
        }
    }
}

/// A rendition's windows, and the text of the newest one.
#[derive(Debug)]
pub(crate) struct Rendition {
    pub(crate) window: watch::Receiver<Arc<Window>>,
    made: Mutex<Made>,
    renders: Arc<Renders>,
}

#[derive(Debug, Default)]
struct Made {
    version: Option<u64>,
    texts: BTreeMap<(View, Skip), Arc<OnceLock<Text>>>,
}

/// A text that somebody makes: [`Rendition::text`].
pub(crate) struct Shared {
    window: Arc<Window>,
    text: Arc<OnceLock<Text>>,
}

impl Rendition {
    fn new(window: watch::Receiver<Arc<Window>>, renders: Arc<Renders>) -> Self {
        Self { window, made: Mutex::default(), renders }
    }

    /// The newest window.
    pub(crate) fn newest(&self) -> Arc<Window> {
        Arc::clone(&self.window.borrow())
    }

    /// The playlist of the newest window. The first one to ask makes it; whoever asks meanwhile waits for
    /// that instead of making it too.
    pub(crate) fn text(&self, view: View, skip: Skip, encoding: Encoding) -> Encoded {
        let shared = self.shared(view, skip);
        let text = shared.text.get_or_init(|| {
            self.renders.count("text");
            Text::new(playlist::media_playlist(&shared.window, view, skip))
        });
        text.encoded(encoding, || self.renders.count("gzip"))
    }

    fn shared(&self, view: View, skip: Skip) -> Shared {
        let mut made = lock(&self.made);
        let window = self.newest();
        if made.version != Some(window.version) {
            *made = Made { version: Some(window.version), texts: BTreeMap::new() };
        }
        Shared { text: Arc::clone(made.texts.entry((view, skip)).or_default()), window }
    }
}

/// A playlist's text, as it is and packed.
#[derive(Debug)]
pub(crate) struct Text {
    plain: Encoded,
    gzip: OnceLock<Encoded>,
}

/// Bytes that are sent, and their entity tag.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) etag: HeaderValue,
}

impl Text {
    fn new(text: String) -> Self {
        let bytes = Bytes::from(text);
        Self { plain: Encoded { etag: etag(&bytes, ""), bytes }, gzip: OnceLock::new() }
    }

    pub(crate) fn encoded(&self, encoding: Encoding, made: impl FnOnce()) -> Encoded {
        match encoding {
            Encoding::Identity => self.plain.clone(),
            Encoding::Gzip => self.gzip.get_or_init(|| self.pack(made)).clone(),
        }
    }

    fn pack(&self, made: impl FnOnce()) -> Encoded {
        made();
        let mut packer = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
        packer.write_all(&self.plain.bytes).expect("writing to memory cannot fail");
        let packed = packer.finish().expect("writing to memory cannot fail");
        Encoded { bytes: packed.into(), etag: etag(&self.plain.bytes, "-gz") }
    }
}

/// The same text has the same tag in every process, also after a restart.
fn etag(bytes: &[u8], suffix: &str) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    let tag = format!("\"{:016x}{suffix}\"", hasher.finish());
    HeaderValue::try_from(tag).expect("hexadecimal digits make a header")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}
