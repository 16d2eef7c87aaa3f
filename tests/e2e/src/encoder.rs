//! An encoder that behaves like a good one: it sends in real time, reconnects at once when it is cut off, goes on
//! with the next keyframe of what happens now, and knows to the picture what it has sent. Its settings can be changed
//! while it sends, and its line can be cut.

use std::{
    fs,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{clip::Clip, rtmp};

/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(20);
const SOUND: u8 = 8;
const PICTURE: u8 = 9;

/// A running encoder; ended with the value.
pub struct Encoder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    stop: AtomicBool,
    /// It is away, and stays away.
    away: AtomicBool,
    /// It does not come back when it is cut off.
    yields: AtomicBool,
    shown: Mutex<Arc<Scene>>,
    log: Mutex<Log>,
}

/// A clip that is sent again and again.
struct Scene {
    headers: Vec<Tag>,
    tags: Vec<Tag>,
    length_ms: u64,
    pictures: u32,
    /// When its first round began or would have begun, since the encoder began; set when it is first sent.
    since_ms: OnceLock<u64>,
}

/// What became of it so far.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Every picture that was handed to the system, and when. Numbers grow on when the clip begins again, and begin
    /// again with another clip.
    pub sent: Vec<(u32, Instant)>,
    /// When publications began: the server has said so.
    pub began: Vec<Instant>,
    /// What the server said of a running publication, and when.
    pub said: Vec<(String, Instant)>,
}

struct Tag {
    kind: u8,
    at_ms: u32,
    key: bool,
    body: Vec<u8>,
}

impl Encoder {
    /// Sends a clip, again and again, until it is dropped. The clip must have no B-frames.
    ///
    /// # Errors
    /// When the clip cannot be made or read.
    pub fn start(clip: Clip, rtmp_url: &str, key: &str) -> Result<Self> {
        let scene = Scene::of(clip)?;
        scene.since_ms.get_or_init(|| 0);
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            away: AtomicBool::new(false),
            yields: AtomicBool::new(false),
            shown: Mutex::new(Arc::new(scene)),
            log: Mutex::default(),
        });
        let run = Run {
            shared: Arc::clone(&shared),
            url: rtmp_url.to_owned(),
            key: key.to_owned(),
            began: Instant::now(),
        };
        let thread = thread::spawn(move || run.run());
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Sends another clip from now on, in the same publication: as when settings are changed in mid-lecture.
    ///
    /// # Errors
    /// When the clip cannot be made or read.
    pub fn show(&self, clip: Clip) -> Result<()> {
        *self.shared.shown() = Arc::new(Scene::of(clip)?);
        Ok(())
    }

    /// Loses its line, without a goodbye, until [`Encoder::come_back`].
    pub fn go_away(&self) {
        self.shared.away.store(true, Ordering::SeqCst);
    }

    /// Has a line again.
    pub fn come_back(&self) {
        self.shared.away.store(false, Ordering::SeqCst);
    }

    /// From now on it takes no for an answer: cut off, it does not come back.
    pub fn yields(&self) {
        self.shared.yields.store(true, Ordering::SeqCst);
    }

    /// What became of it so far.
    #[must_use]
    pub fn log(&self) -> Log {
        self.shared.log().clone()
    }

    /// Pictures as they were decoded carry their number in a clip of `pictures`: the numbers that go on, by the
    /// order.
    #[must_use]
    pub fn unrolled(pictures: u32, numbers: &[u32]) -> Vec<u32> {
        let (mut round, mut before) = (0, 0);
        let unroll = |number: &u32| {
            if *number + pictures / 2 < before {
                round += pictures;
            }
            before = *number;
            round + number
        };
        numbers.iter().map(unroll).collect()
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("no holder panics")
    }

    fn shown(&self) -> MutexGuard<'_, Arc<Scene>> {
        self.shown.lock().expect("no holder panics")
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn is_away(&self) -> bool {
        self.is_over() || self.away.load(Ordering::SeqCst)
    }
}

impl Scene {
    fn of(clip: Clip) -> Result<Self> {
        ensure!(clip.b_frames == 0, "pictures are counted in the order they are sent");
        let (headers, tags) = read_tags(&fs::read(clip.file()?)?)?;
        let length_ms = u64::from(clip.seconds) * 1000;
        Ok(Self { headers, tags, length_ms, pictures: clip.frames(), since_ms: OnceLock::new() })
    }
}

struct Run {
    shared: Arc<Shared>,
    url: String,
    key: String,
    began: Instant,
}

impl Run {
    fn run(&self) {
        while !self.shared.is_over() {
            if !self.shared.is_away() {
                // Whatever ends a publication, an encoder begins the next.
                let ended = self.publish();
                if ended.is_err() && self.shared.yields.load(Ordering::SeqCst) {
                    return;
                }
            }
            thread::sleep(RETRY);
        }
    }

    fn publish(&self) -> Result<()> {
        let (mut sender, mut listener) = rtmp::publish(&self.url, &self.key)?;
        self.shared.log().began.push(Instant::now());
        let shared = Arc::clone(&self.shared);
        let hearing = thread::spawn(move || {
            while let Ok(said) = listener.hear() {
                shared.log().said.push((said, Instant::now()));
            }
        });
        let sent = self.send(&mut sender);
        sender.cut();
        let _panicked = hearing.join();
        sent
    }

    fn send(&self, sender: &mut rtmp::Sender) -> Result<()> {
        let mut first_ms = None;
        while !self.shared.is_away() {
            let scene = Arc::clone(&self.shared.shown());
            self.play(&scene, &mut first_ms, sender)?;
        }
        Ok(())
    }

    /// Sends a scene until there is another one or none; timestamps count from `first_ms`.
    fn play(&self, scene: &Arc<Scene>, first_ms: &mut Option<u64>, sender: &mut rtmp::Sender) -> Result<()> {
        let now_ms = u64::try_from(self.began.elapsed().as_millis())?;
        let since_ms = *scene.since_ms.get_or_init(|| now_ms);
        let header_ms = first_ms.map_or(0, |first_ms| now_ms.saturating_sub(first_ms));
        for header in &scene.headers {
            sender.media(header.kind, u32::try_from(header_ms)?, &header.body)?;
        }
        let mut round = (now_ms - since_ms) / scene.length_ms;
        loop {
            for (number, tag) in numbered(&scene.tags) {
                let at_ms = since_ms + round * scene.length_ms + u64::from(tag.at_ms);
                let begins = tag.key && tag.kind == PICTURE && at_ms >= now_ms;
                if first_ms.is_none() && !begins {
                    continue;
                }
                let first_ms = *first_ms.get_or_insert(at_ms);
                let due = self.began + Duration::from_millis(at_ms);
                thread::sleep(due.saturating_duration_since(Instant::now()));
                if self.shared.is_away() || !Arc::ptr_eq(scene, &self.shared.shown()) {
                    return Ok(());
                }
                // Sound may be older than the first picture by its own frame.
                sender.media(tag.kind, u32::try_from(at_ms.saturating_sub(first_ms))?, &tag.body)?;
                if tag.kind == PICTURE {
                    let number = u32::try_from(round)? * scene.pictures + number;
                    self.shared.log().sent.push((number, Instant::now()));
                }
            }
            round += 1;
        }
    }
}

/// Each tag with its picture's number (a sound's is the one of the picture after it).
fn numbered(tags: &[Tag]) -> impl Iterator<Item = (u32, &Tag)> {
    let mut next = 0;
    tags.iter().map(move |tag| {
        let number = next;
        next += u32::from(tag.kind == PICTURE);
        (number, tag)
    })
}

/// The configurations and the media of an FLV file.
fn read_tags(flv: &[u8]) -> Result<(Vec<Tag>, Vec<Tag>)> {
    let (mut headers, mut media) = (Vec::new(), Vec::new());
    let mut rest = flv.get(13..).context("an FLV file has a header")?;
    while let Some((head, after)) = rest.split_at_checked(11) {
        let length = usize::try_from(u32::from_be_bytes([0, head[1], head[2], head[3]]))?;
        let body = after.get(..length).context("a whole tag")?.to_vec();
        rest = after.get(length + 4..).context("a tag's length follows it")?;
        let at_ms = u32::from_be_bytes([head[7], head[4], head[5], head[6]]);
        let (kind, configures) = (head[0], body.get(1) == Some(&0));
        let key = body.first().is_some_and(|first| first >> 4 == 1);
        let tag = Tag { kind, at_ms, key, body };
        match kind {
            SOUND | PICTURE if configures => headers.push(tag),
            // The end of the sequence (AVC packet type 2) is not for a clip that begins again.
            PICTURE if tag.body.get(1) == Some(&1) => media.push(tag),
            SOUND => media.push(tag),
            _ => {}
        }
    }
    ensure!(!headers.is_empty() && !media.is_empty(), "an FLV file with media");
    Ok((headers, media))
}
