//! Programmes from publication to disk and back, with generated units, simulated time and real files.

use std::{
    io::Read,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use events::{Ended, Grant, Programme, Takeover, WentLive};
use hls::window::Window;
use ids::{CourseId, EpochId, PublicationId, SessionId};
use media::{AccessUnit, AudioConfig, Item, MediaTime, TrackConfig, TrackKind, VideoConfig, pipe::ToWorker};
use runtime::{clock, shutdown::Shutdown};
use store::{Object, Store};
use tokio::{sync::mpsc, task::JoinHandle};
use uuid::Uuid;

use crate::{Config, EpochFeed, Packager, ProgrammeHealth, ProgrammeSink, ProgrammeState, ProgrammeStatus};

/// 640x360 at 30 frames a second, as an encoder wrote it.
const AVCC: [u8; 42] = [
    1, 0x42, 0xc0, 0x1e, 0xff, 0xe1, 0, 27, //
    0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x5a, 0x80, 0x80, 0x80, 0xa0, 0x00, 0x00,
    0x03, 0x00, 0x20, 0x00, 0x00, 0x07, 0x91, 0xe2, 0xc5, 0xd4, //
    1, 0, 4, 0x68, 0xce, 0x3c, 0x80,
];
const FRAMES_A_SECOND: i64 = 30;
const FRAME_TICKS: i64 = 90_000 / FRAMES_A_SECOND;
const SOUND_TICKS: i64 = 1_920;

#[tokio::test(start_paused = true)]
async fn whatever_is_listed_can_be_fetched() {
    let world = World::new();
    let packager = world.packager();
    let publisher = world.publish(&packager, PUBLIC, 12);
    let feed = playable(&packager, PUBLIC).await;
    for _ in 0..12 {
        changed(&feed, "source").await;
        for window in windows(&feed) {
            check_window(&feed, &window).await;
        }
    }
    assert_eq!(windows(&feed).len(), 2, "the source and its sound");
    publisher.await.unwrap();
    packager.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_absent_publisher_interrupts_a_programme_and_his_return_goes_on_with_it() {
    let world = World::new();
    let packager = world.packager();
    let publisher = world.publish(&packager, PUBLIC, 8);
    let feed = playable(&packager, PUBLIC).await;
    publisher.await.unwrap();
    let before = newest_msn(&feed);
    world.wait_for(ProgrammeState::Interrupted).await;
    let away = newest_msn(&feed);
    assert!(away >= before + 10, "playlists go on for the reconnect window: {before}, {away}");
    let publisher = world.publish(&packager, PUBLIC, 8);
    world.wait_for(ProgrammeState::Playing).await;
    publisher.await.unwrap();
    assert!(newest_msn(&feed) > away);
    let [waiting, playing, interrupted] =
        [ProgrammeState::Waiting, ProgrammeState::Playing, ProgrammeState::Interrupted];
    assert_eq!(world.states(), [waiting, playing, interrupted, playing]);
    packager.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn an_ended_programme_is_opened_again_from_its_journal_byte_for_byte() {
    let world = World::new();
    let packager = world.packager();
    world.publish(&packager, PUBLIC, 9).await.unwrap();
    let live = playable(&packager, PUBLIC).await;
    packager.ended(Ended { programme: PUBLIC });
    world.wait_for(ProgrammeState::Ended).await;
    let window = window(&live, "source");
    assert!(window.ended && window.open.is_none() && window.hint.is_none());
    let told = bodies(&live, &window).await;
    packager.shutdown().await;

    let again = world.packager();
    let feed = again.open(PUBLIC.session, PUBLIC.epoch).await.unwrap();
    let archived = self::window(&feed, "source");
    assert!(archived.ended);
    assert_eq!(archived.segments.len(), window.segments.len());
    assert_eq!(bodies(&feed, &archived).await, told);
    assert_eq!(feed.multivariant.borrow().as_ref().map(|m| m.variants.len()), Some(1));
    // A publication cannot wake it.
    let publisher = world.publish(&again, PUBLIC, 1);
    publisher.await.unwrap();
    assert!(again.open(PUBLIC.session, PUBLIC.epoch).await.is_some());
    again.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_the_same_timeline() {
    let world = World::new();
    let packager = world.packager();
    let publisher = world.publish(&packager, PUBLIC, 60);
    let feed = playable(&packager, PUBLIC).await;
    while newest_msn(&feed) < 4 {
        changed(&feed, "source").await;
    }
    packager.shutdown().await;
    publisher.await.unwrap();
    let before = window(&feed, "source");
    assert!(!before.ended);
    let told = bodies(&feed, &before).await;

    let again = world.packager();
    assert!(again.open(PUBLIC.session, PUBLIC.epoch).await.is_none(), "it waits to be resumed");
    again.resume(PUBLIC).await;
    let feed = again.open(PUBLIC.session, PUBLIC.epoch).await.unwrap();
    let resumed = window(&feed, "source");
    assert!(feed.multivariant.borrow().is_some());
    assert!(newest_msn(&feed) + 1 >= before.newest().unwrap().0, "media sequence never falls");
    let kept = bodies(&feed, &resumed).await;
    assert_eq!(kept[..told.len()], told);

    let publisher = world.publish(&again, PUBLIC, 8);
    let goal = newest_msn(&feed) + 4;
    while newest_msn(&feed) < goal {
        changed(&feed, "source").await;
        check_window(&feed, &window(&feed, "source")).await;
    }
    publisher.abort();
    again.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_crash_tore_off_is_a_gap_and_the_rest_goes_on() {
    let world = World::new();
    let packager = world.packager();
    world.publish(&packager, PUBLIC, 9).await.unwrap();
    let before = newest_msn(&playable(&packager, PUBLIC).await);
    packager.shutdown().await;
    let stored = PUBLIC.session.to_string() + "/" + &PUBLIC.epoch.to_string();
    let folder = world.folder.path().join("media").join(stored);
    shorten(&folder.join("journal"), 7);
    shorten(&folder.join("source.cmaf"), 3);

    let again = world.packager();
    again.resume(PUBLIC).await;
    let feed = again.open(PUBLIC.session, PUBLIC.epoch).await.unwrap();
    assert!(newest_msn(&feed) >= before);
    let gaps = |window: &Window| window.segments.iter().filter(|segment| segment.gap).count();
    let torn = window(&feed, "source");
    check_window(&feed, &torn).await;

    world.publish(&again, PUBLIC, 9).await.unwrap();
    for window in windows(&feed) {
        check_window(&feed, &window).await;
    }
    let source = window(&feed, "source");
    assert!(gaps(&source) > 0);
    assert!(source.segments.len() - gaps(&source) > torn.segments.len() - gaps(&torn));
    again.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_preview_moves_to_the_public_timeline_at_a_keyframe_and_ends() {
    let world = World::new();
    let packager = world.packager();
    let publisher = world.publish(&packager, PREVIEW, 20);
    let preview = playable(&packager, PREVIEW).await;
    packager.went_live(WentLive { programme: PUBLIC });
    // Control says both at once; the publication must come through.
    packager.ended(Ended { programme: PREVIEW });
    let public = playable(&packager, PUBLIC).await;
    check_window(&public, &window(&public, "source")).await;
    assert!(window(&preview, "source").ended);
    let first = window(&public, "source").segments.first().cloned().unwrap();
    assert!(first.parts.first().unwrap().independent);
    // Whoever was let in for the preview while it went live is on air too.
    world.publish(&packager, PREVIEW, 4).await.unwrap();
    assert!(!window(&public, "source").ended);
    publisher.await.unwrap();
    packager.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_preview_ends_by_itself_and_is_deleted_a_day_later() {
    let world = World::new();
    let config = Config { preview_kept: Duration::ZERO, ..world.config() };
    let packager = world.packager_with(config);
    world.publish(&packager, PREVIEW, 8).await.unwrap();
    world.wait_for(ProgrammeState::Ended).await;
    let store = Store::new(world.folder.path().to_owned());
    while !store.epochs().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    packager.shutdown().await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_disk_is_told_and_costs_nothing_live() {
    let world = World::new();
    std::fs::write(world.folder.path().join("media"), "a file where the folder should be").unwrap();
    let packager = world.packager();
    let publisher = world.publish(&packager, PUBLIC, 12);
    let feed = playable(&packager, PUBLIC).await;
    for _ in 0..6 {
        changed(&feed, "source").await;
        check_window(&feed, &window(&feed, "source")).await;
    }
    assert!(world.sink.degraded());
    std::fs::remove_file(world.folder.path().join("media")).unwrap();
    publisher.await.unwrap();
    while world.sink.degraded() {
        changed(&feed, "source").await;
    }
    packager.shutdown().await;
}

#[tokio::test]
async fn a_transcoder_that_dies_is_replaced_and_fed_from_a_keyframe_on() {
    let world = World::new();
    let folder = world.folder.path();
    let told = folder.join("told");
    assert!(std::process::Command::new("mkfifo").arg(&told).status().unwrap().success());
    // Held open at both ends, so that no process waits for us or we for it.
    let mut told = std::fs::OpenOptions::new().read(true).write(true).open(told).unwrap();
    // It passes on what it is told first, and dies of it.
    let script = format!(
        "#!/bin/sh\n[ $# = 0 ] || exit 1\ncd {}\nhead -c {TOLD_BYTES} >told; kill -9 $$\n",
        folder.display()
    );
    let executable = folder.join("transcoder");
    std::fs::write(&executable, script).unwrap();
    std::fs::set_permissions(&executable, std::fs::Permissions::from_mode(0o700)).unwrap();
    let packager = world.packager_with(Config { transcoder: executable, ..Config::default() });
    let (sender, items) = mpsc::channel(1024);
    packager.publish(&grant(PUBLIC), items);
    for item in lecture(8) {
        sender.send(item).await.unwrap();
    }
    let read = tokio::task::spawn_blocking(move || {
        let mut both = [0; 2 * TOLD_BYTES];
        told.read_exact(&mut both).map(|()| both)
    });
    let second = &read.await.unwrap().unwrap()[TOLD_BYTES..];
    assert_eq!(world.sink.health.lock().unwrap().rungs, ["240p"]);
    let mut decoder = media::pipe::Decoder::<ToWorker>::new();
    decoder.push(second);
    let Ok(Some(ToWorker::Config(config))) = decoder.poll() else { panic!("a configuration comes first") };
    assert_eq!((config.height, config.rungs.len()), (360, 1));
    let Ok(Some(ToWorker::Packet(packet))) = decoder.poll() else { panic!("then packets") };
    assert!(packet.key && packet.cut);
    packager.shutdown().await;
}

const TOLD_BYTES: usize = 3000;
const PUBLIC: Programme = programme(2, true);
const PREVIEW: Programme = programme(3, false);

const fn programme(id: u128, on_air: bool) -> Programme {
    Programme {
        course: CourseId::from_uuid(Uuid::from_u128(1)),
        session: SessionId::from_uuid(Uuid::from_u128(id)),
        epoch: EpochId::from_uuid(Uuid::from_u128(id)),
        on_air,
    }
}

struct World {
    folder: tempfile::TempDir,
    sink: Arc<Sink>,
}

#[derive(Default)]
struct Sink {
    statuses: Mutex<Vec<(Programme, ProgrammeStatus)>>,
    health: Mutex<ProgrammeHealth>,
    news: tokio::sync::Notify,
}

impl ProgrammeSink for Sink {
    fn status(&self, programme: Programme, status: ProgrammeStatus) {
        self.statuses.lock().unwrap().push((programme, status));
        self.news.notify_one();
    }

    fn health(&self, _: Programme, health: ProgrammeHealth) {
        *self.health.lock().unwrap() = health;
    }
}

impl Sink {
    fn degraded(&self) -> bool {
        self.health.lock().unwrap().warnings.contains(&events::HealthWarning::RecordingDegraded)
    }
}

impl World {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), sink: Arc::default() }
    }

    fn config(&self) -> Config {
        let mut config = Config::default();
        config.epoch.ladder.enabled = false;
        config
    }

    fn packager(&self) -> Packager {
        self.packager_with(self.config())
    }

    fn packager_with(&self, config: Config) -> Packager {
        let store = Store::new(self.folder.path().to_owned());
        let sink: Arc<Sink> = Arc::clone(&self.sink);
        Packager::new(config, store, sink, Shutdown::new())
    }

    /// Publishes at the pace of a camera for some seconds.
    fn publish(&self, packager: &Packager, programme: Programme, seconds: i64) -> JoinHandle<()> {
        let (sender, items) = mpsc::channel(512);
        packager.publish(&grant(programme), items);
        tokio::spawn(async move {
            let start = clock::now();
            for item in lecture(seconds) {
                if let Item::Unit(unit) = &item {
                    clock::sleep_until(start + unit.decode_at.as_duration()).await;
                }
                if sender.send(item).await.is_err() {
                    return;
                }
            }
        })
    }

    async fn wait_for(&self, state: ProgrammeState) {
        while self.states().last() != Some(&state) {
            self.sink.news.notified().await;
        }
    }

    /// Without repetitions.
    fn states(&self) -> Vec<ProgrammeState> {
        let statuses = self.sink.statuses.lock().unwrap();
        let mut states: Vec<ProgrammeState> = statuses.iter().map(|(_, status)| status.state).collect();
        states.dedup();
        states
    }
}

fn grant(programme: Programme) -> Grant {
    Grant {
        publication: PublicationId::from_parts(clock::unix_ms(), runtime::random::bytes()),
        course: programme.course,
        course_title: "Algebra".to_owned(),
        programme,
        takeover: Takeover::NewestWins,
    }
}

async fn playable(packager: &Packager, programme: Programme) -> EpochFeed {
    loop {
        if let Some(mut feed) = packager.open(programme.session, programme.epoch).await {
            feed.multivariant.wait_for(Option::is_some).await.unwrap();
            return feed;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn changed(feed: &EpochFeed, rendition: &str) {
    let mut window = feed.renditions.borrow()[rendition].clone();
    window.mark_unchanged();
    window.changed().await.unwrap();
}

fn window(feed: &EpochFeed, rendition: &str) -> Arc<Window> {
    Arc::clone(&feed.renditions.borrow()[rendition].borrow())
}

fn windows(feed: &EpochFeed) -> Vec<Arc<Window>> {
    feed.renditions.borrow().values().map(|window| Arc::clone(&window.borrow())).collect()
}

fn newest_msn(feed: &EpochFeed) -> u64 {
    window(feed, "source").newest().map_or(0, |(msn, _)| msn)
}

/// Everything a window lists is there, and as long as it says.
async fn check_window(feed: &EpochFeed, window: &Window) {
    let rendition = &window.rendition;
    for segment in window.segments.iter().map(AsRef::as_ref).chain(&window.open) {
        for (index, part) in (0..).zip(&segment.parts).filter(|(_, part)| !part.gap) {
            let body = feed.media.get(rendition, Object::Part(segment.msn, index)).await.unwrap();
            let body = body.unwrap_or_else(|| panic!("{rendition} {}.{index} is listed", segment.msn));
            assert_eq!(body.len, part.size_bytes, "{rendition} {}.{index}", segment.msn);
        }
        let init = feed.media.get(rendition, Object::Init(segment.init)).await.unwrap();
        assert!(init.is_some_and(|init| init.len > 0));
    }
    for segment in window.segments.iter().filter(|segment| !segment.gap) {
        let body = feed.media.get(rendition, Object::Segment(segment.msn)).await.unwrap();
        let size = segment.parts.iter().map(|part| part.size_bytes).sum::<u64>();
        let body = body.unwrap_or_else(|| panic!("{rendition} {} is listed", segment.msn));
        assert!(segment.parts.is_empty() || body.len == size, "{rendition} {}", segment.msn);
    }
}

fn shorten(path: &Path, by: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - by).unwrap();
}

/// The bytes of all finished segments; empty for gaps.
async fn bodies(feed: &EpochFeed, window: &Window) -> Vec<Vec<u8>> {
    let mut bodies = Vec::new();
    for segment in window.segments.iter() {
        let body = feed.media.get(&window.rendition, Object::Segment(segment.msn)).await.unwrap();
        bodies.push(body.map(|body| body.chunks.concat()).unwrap_or_default());
    }
    bodies
}

/// Picture and sound in the order an encoder sends them; a keyframe every two seconds.
fn lecture(seconds: i64) -> Vec<Item> {
    let video = VideoConfig {
        avcc: Bytes::from_static(&AVCC),
        width: 640,
        height: 360,
        sample_aspect: (1, 1),
        frame_rate: Some(30.0),
        codec: "avc1.42c01e".to_owned(),
        nal_length_size: 4,
    };
    let audio = AudioConfig {
        asc: Bytes::from_static(&[0x11, 0x90]),
        sample_rate: 48_000,
        channels: 2,
        samples_per_frame: 1_024,
        codec: "mp4a.40.2".to_owned(),
    };
    let pictures = (0..seconds * FRAMES_A_SECOND).map(|n| {
        let key = n % (2 * FRAMES_A_SECOND) == 0;
        unit(TrackKind::Video, n * FRAME_TICKS, key, &[0, 0, 0, 2, if key { 0x65 } else { 0x41 }, n as u8])
    });
    let sounds = (0..seconds * 90_000 / SOUND_TICKS)
        .map(|n| unit(TrackKind::Audio, n * SOUND_TICKS, true, &[0x21, 0x10, n as u8]));
    let mut units: Vec<AccessUnit> = pictures.chain(sounds).collect();
    units.sort_by_key(|unit| unit.decode_at);
    let configs = [TrackConfig::Video(Arc::new(video)), TrackConfig::Audio(Arc::new(audio))];
    configs.into_iter().map(Item::Config).chain(units.into_iter().map(Item::Unit)).collect()
}

fn unit(track: TrackKind, ticks: i64, key: bool, payload: &[u8]) -> AccessUnit {
    let at = MediaTime::session(ticks);
    AccessUnit { track, decode_at: at, present_at: at, key, payload: Bytes::copy_from_slice(payload) }
}
