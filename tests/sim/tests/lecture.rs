//! A lecture from the teacher's bytes to a player that follows its playlists: ingest, packager and origin
//! cores joined, over a network that cuts, delays and breaks. A failing run prints its seed.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]
#![expect(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise; only differences count")]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::DateTime;
use hls::window::{Figures, Window};
use ingest_core::{
    publication::Publication,
    rtmp::{
        SecretKey,
        client::{self, Client},
        session::{self, Session},
    },
};
use media::{AccessUnit, AudioConfig, MediaTime, TrackKind, VideoConfig};
use origin_core::{
    blocking_reload::{self, Reload},
    directives::Directives,
};
use packager_core::{
    epoch::{Config, Epoch, Output, Start},
    ladder,
};
use proptest::prelude::*;

const FRAME_MS: i64 = 40;
const GOP: i64 = 50;

/// Numbers that look random and are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below.max(1)
    }
}

/// The way of bytes from the teacher to us.
struct Network {
    dice: Dice,
    delay_ms_max: u64,
    on_the_way: VecDeque<(Instant, Bytes)>,
}

impl Network {
    fn send(&mut self, mut bytes: Bytes, now: Instant) {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(1 + self.dice.roll(1_500) as usize));
            let arrives = now + Duration::from_millis(self.dice.roll(self.delay_ms_max + 1));
            // TCP keeps the order.
            let arrives = self.on_the_way.back().map_or(arrives, |(last, _)| arrives.max(*last));
            self.on_the_way.push_back((arrives, piece));
        }
    }
}

/// A connection as both ends see it.
struct Connection {
    client: Client,
    session: Session,
    publication: Publication,
    network: Network,
    publishing: bool,
    frame: i64,
    sound: i64,
    began: Instant,
    /// The encoder's clock at its start; close to 2^32 it wraps.
    clock_ms: i64,
}

/// A player that reloads by blocking, as hls.js does.
#[derive(Default)]
struct Player {
    wants: Option<(u64, u64)>,
    asked_at: Option<Instant>,
    parts: u64,
    media_parts: u64,
    longest_hold: Duration,
}

impl Player {
    fn look(&mut self, window: &Window, now: Instant) {
        let Some((msn, part)) = self.wants else {
            let Some((msn, part)) = window.newest() else { return };
            self.wants = Some((msn, part.map_or(0, |part| u64::from(part) + 1)));
            self.asked_at = Some(now);
            return;
        };
        let directives = Directives { until: Some((msn, Some(part))), skip: hls::playlist::Skip::No };
        match blocking_reload::reload(window, &directives) {
            Reload::Hold => {
                let held = self.asked_at.map_or(Duration::ZERO, |asked| now - asked);
                assert!(held <= blocking_reload::hold_max(&window.figures), "a hold of {held:?} ends in 503");
            }
            Reload::TooFarAhead => {
                panic!("{}: {msn}.{part} is refused at {:?}", window.rendition, window.newest())
            }
            Reload::Serve => {
                self.longest_hold =
                    self.longest_hold.max(self.asked_at.map_or(Duration::ZERO, |asked| now - asked));
                self.take(window, msn, part);
                self.asked_at = Some(now);
            }
        }
    }

    /// Everything listed from the wanted part on can be fetched.
    fn take(&mut self, window: &Window, msn: u64, part: u64) {
        let text = hls::playlist::media_playlist(window, hls::playlist::View::Live, hls::playlist::Skip::No);
        assert!(text.starts_with("#EXTM3U"));
        let segments = window.segments.from_msn(msn).map(|segment| &**segment).chain(window.open.iter());
        for segment in segments.filter(|segment| segment.msn >= msn) {
            for (index, listed) in segment.parts.iter().enumerate() {
                let index = u32::try_from(index).unwrap();
                if segment.msn == msn && u64::from(index) < part {
                    continue;
                }
                assert_eq!(blocking_reload::part(window, segment.msn, index), blocking_reload::Part::Serve);
                self.parts += 1;
                self.media_parts += u64::from(!listed.gap);
            }
        }
        self.wants = window.hint.map(|(msn, part)| (msn, u64::from(part)));
    }
}

struct Lecture {
    now: Instant,
    epoch: Epoch,
    windows: BTreeMap<String, Arc<Window>>,
    players: BTreeMap<String, Player>,
    connection: Option<Connection>,
    seed: u64,
    delay_ms_max: u64,
    sequence: u64,
}

impl Lecture {
    fn new(seed: u64, delay_ms_max: u64) -> Self {
        let now = Instant::now();
        let config = Config {
            ladder: ladder::Config { enabled: false, ..ladder::Config::default() },
            ..Config::default()
        };
        let wall = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Self {
            now,
            epoch: Epoch::new(config, Start { now, wall }),
            windows: BTreeMap::new(),
            players: BTreeMap::new(),
            connection: None,
            seed,
            delay_ms_max,
            sequence: 0,
        }
    }

    fn connect(&mut self, clock_ms: i64) {
        self.sequence += 1;
        let target = client::Config {
            app: "live".to_owned(),
            url: "rtmp://localhost/live".to_owned(),
            key: SecretKey::new("lk_simulated".to_owned()),
        };
        self.connection = Some(Connection {
            client: Client::new(target, [7; 32]),
            session: Session::new(session::Config::default(), [3; 32], self.now),
            publication: Publication::new(self.now),
            network: Network {
                dice: Dice(self.seed ^ self.sequence),
                delay_ms_max: self.delay_ms_max,
                on_the_way: VecDeque::new(),
            },
            publishing: false,
            frame: 0,
            sound: 0,
            began: self.now,
            clock_ms,
        });
    }

    fn disconnect(&mut self) {
        if self.connection.take().is_some_and(|connection| connection.publishing) {
            self.epoch.publication_ended(self.now);
            self.drain();
        }
    }

    /// A millisecond at a time.
    fn run(&mut self, length: Duration) {
        let until = self.now + length;
        while self.now < until {
            self.now += Duration::from_millis(1);
            self.step_connection();
            if self.epoch.poll_timeout().is_some_and(|at| at <= self.now) {
                self.epoch.timeout(self.now);
            }
            self.drain();
            for (name, window) in &self.windows {
                self.players.entry(name.clone()).or_default().look(window, self.now);
            }
        }
    }

    fn step_connection(&mut self) {
        let Some(connection) = &mut self.connection else { return };
        let started = connection.publishing;
        let items = connection.step(self.now);
        if connection.publishing && !started {
            self.epoch.publication_started(self.now);
        }
        for item in items {
            self.epoch.item(item, self.now);
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.epoch.poll_output() {
            if let Output::Window(window) = output {
                self.windows.insert(window.rendition.clone(), window);
            }
        }
    }
}

impl Connection {
    fn step(&mut self, now: Instant) -> Vec<media::Item> {
        while let Some(output) = self.client.poll_output() {
            match output {
                client::Output::Send(bytes) => self.network.send(bytes, now),
                client::Output::Publishing => {
                    self.publishing = true;
                    self.began = now;
                    let at = MediaTime::from_ms(self.clock_ms);
                    self.client.video_config(&video_config(), at);
                    self.client.audio_config(&audio_config(), at);
                }
                client::Output::Ended { code, description } => panic!("{code}: {description}"),
            }
        }
        if self.publishing {
            self.encode(now);
        }
        let mut items = Vec::new();
        while self.network.on_the_way.front().is_some_and(|(arrives, _)| *arrives <= now) {
            let (_, bytes) = self.network.on_the_way.pop_front().unwrap();
            self.session.handle_input(&bytes, now);
            while let Some(output) = self.session.poll_output() {
                match output {
                    session::Output::Send(bytes) => self.client.handle_input(&bytes),
                    session::Output::Admit(_) => self.session.admitted(now),
                    session::Output::Media(sample) => self.publication.push(sample, now),
                    session::Output::Stopped => {}
                    session::Output::Close(reason) => panic!("{reason}"),
                }
            }
            while let Some(item) = self.publication.poll_item() {
                items.push(item);
            }
        }
        items
    }

    /// What the encoder has made by now.
    fn encode(&mut self, now: Instant) {
        let elapsed = i64::try_from((now - self.began).as_millis()).unwrap();
        while self.frame * FRAME_MS <= elapsed {
            let key = self.frame % GOP == 0;
            let at = MediaTime::from_ms(self.clock_ms + self.frame * FRAME_MS);
            let nal = [0, 0, 0, 3, if key { 0x65 } else { 0x41 }, 0x88, 0x80];
            self.client.unit(&unit(TrackKind::Video, at, key, &nal));
            self.frame += 1;
        }
        while self.sound * 1024 * 1000 / 48_000 <= elapsed {
            let at = MediaTime::from_ms(self.clock_ms + self.sound * 1024 * 1000 / 48_000);
            self.client.unit(&unit(TrackKind::Audio, at, true, &[0x21, 0x00, 0x49, 0x90]));
            self.sound += 1;
        }
    }
}

fn unit(track: TrackKind, at: MediaTime, key: bool, payload: &[u8]) -> AccessUnit {
    AccessUnit { track, decode_at: at, present_at: at, key, payload: Bytes::copy_from_slice(payload) }
}

fn video_config() -> VideoConfig {
    let avcc = [
        1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, 23, 0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e, 0x7c, 0x04,
        0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 3, 0xc5, 0x0a, 0xa8, 1, 0, 4, 0x68, 0xce, 0x0f, 0xc8,
    ];
    media::h264::parse_avcc(Bytes::copy_from_slice(&avcc)).unwrap()
}

fn audio_config() -> AudioConfig {
    media::aac::parse_asc(Bytes::from_static(&[0x11, 0x90])).unwrap()
}

#[test]
fn a_lecture_is_followed_part_by_part() {
    let mut lecture = Lecture::new(1, 60);
    lecture.connect(0);
    lecture.run(Duration::from_secs(30));
    for name in ["source", "audio"] {
        let player = &lecture.players[name];
        assert!(player.parts >= 50, "{name}: {}", player.parts);
        assert_eq!(player.parts, player.media_parts, "{name}: no gap");
        assert!(player.longest_hold <= Duration::from_millis(800), "{name}: {:?}", player.longest_hold);
    }
    assert_eq!(lecture.windows["source"].figures, Figures::default());
}

#[test]
fn the_clock_of_the_encoder_may_wrap() {
    let mut lecture = Lecture::new(2, 20);
    lecture.connect((1 << 32) - 12_000);
    lecture.run(Duration::from_secs(25));
    let source = &lecture.windows["source"];
    assert!(source.segments.iter().all(|segment| !segment.gap && !segment.discontinuity));
    assert_eq!(lecture.players["source"].parts, lecture.players["source"].media_parts);
}

/// These cases are long: fewer of them than proptest's own default, unless `PROPTEST_CASES` asks for more.
fn config(cases_usual: u32) -> ProptestConfig {
    const CASES_DEFAULT: u32 = 256;
    let asked = ProptestConfig::default();
    let cases = if asked.cases == CASES_DEFAULT { cases_usual } else { asked.cases };
    ProptestConfig { cases, max_shrink_iters: 400, failure_persistence: None, ..asked }
}

proptest! {
    #![proptest_config(config(24))]

    #[test]
    fn players_follow_whatever_the_network_does(
        seed: u64,
        delay_ms_max in prop::sample::select(vec![0_u64, 50, 300, 900]),
        turns in prop::collection::vec((2_000_u64..12_000, 0_u64..9_000, 0_i64..1 << 32), 1..4),
    ) {
        let mut lecture = Lecture::new(seed, delay_ms_max);
        for (on_ms, off_ms, clock_ms) in turns {
            lecture.connect(clock_ms);
            lecture.run(Duration::from_millis(on_ms));
            lecture.disconnect();
            lecture.run(Duration::from_millis(off_ms));
        }
        lecture.epoch.end(lecture.now);
        lecture.run(Duration::from_millis(1_500));
        for window in lecture.windows.values() {
            prop_assert!(window.ended);
        }
    }
}
