//! Publishers' clocks and encoders at their worst, over a timeline that must stay true: drift, uneven pictures, odd
//! composition times, pictures that come when nobody expects them any more.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

mod support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use events::HealthWarning;
use media::{AccessUnit, Item, MediaTime, TrackConfig, TrackKind};
use packager_core::{
    epoch::{Config, Epoch, Output, Start},
    journal::Record,
};
use support::{Publisher, World, numbers};

fn picture(dts: i64, pts: i64, key: bool, number: i64) -> Item {
    let mut payload = vec![0, 0, 0, 9, if key { 0x65 } else { 0x41 }];
    payload.extend_from_slice(&number.to_be_bytes());
    Item::Unit(AccessUnit {
        track: TrackKind::Video,
        decode_at: MediaTime::session(dts),
        present_at: MediaTime::session(pts),
        key,
        payload: Bytes::from(payload),
    })
}

/// Where the source's segments begin on the timeline, and the wall clock they show.
fn dates(epoch: &mut Epoch, found: &mut Vec<(i64, DateTime<Utc>)>) {
    while let Some(output) = epoch.poll_output() {
        if let Output::Journal(Record::Segment {
            rendition, starts_at, program_date_time, discontinuity, ..
        }) = output
            && rendition == "source"
        {
            assert!(!discontinuity);
            found.push((starts_at.ticks(), program_date_time));
        }
    }
}

/// A lecture of `hours` whose encoder's clock runs `ppm` fast, without pauses.
fn drift(hours: i64, ppm: i64) -> Vec<(i64, DateTime<Utc>)> {
    const FRAME: i64 = 9_000;
    #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made otherwise")]
    let origin = Instant::now();
    let wall = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    let mut epoch = Epoch::new(Config::default(), Start { now: origin, wall });
    let mut found = Vec::new();
    epoch.publication_started(origin);
    epoch.item(Item::Config(TrackConfig::Video(support::video_config())), origin);
    for number in 0..hours * 3_600 * 10 {
        // Captured every tenth of a second by true time; stamped by a clock that is a little off.
        let stamped = number * FRAME + number * FRAME * ppm / 1_000_000;
        let now = origin + MediaTime::session(number * FRAME).as_duration();
        while let Some(due) = epoch.poll_timeout().filter(|due| *due <= now) {
            epoch.timeout(due);
            dates(&mut epoch, &mut found);
        }
        epoch.item(picture(stamped, stamped, number % 20 == 0, number), now);
        dates(&mut epoch, &mut found);
    }
    found
}

#[test]
fn a_clock_that_drifts_for_six_hours_is_followed_by_the_date() {
    let wall = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
    for ppm in [-200, 200] {
        let segments = drift(6, ppm);
        assert!(segments.len() > 10_000, "{ppm}: {}", segments.len());
        let mut before: Option<(i64, DateTime<Utc>)> = None;
        for (at, date) in &segments {
            // The stamp tells which picture it is, and that, when it was captured.
            let captured = *at as f64 / (1.0 + ppm as f64 / 1e6) / 90_000.0;
            let shown = (*date - wall).num_microseconds().unwrap() as f64 / 1e6;
            assert!(
                (shown - captured).abs() <= 0.25,
                "{ppm} ppm: {shown} for what was captured at {captured}"
            );
            if let Some((before_at, before_date)) = before {
                let step = (*date - before_date).num_microseconds().unwrap() as f64 / 1e6;
                let played = (at - before_at) as f64 / 90_000.0;
                assert!((step - played).abs() <= 0.1, "{ppm} ppm: a step of {} s", step - played);
            }
            before = Some((*at, *date));
        }
    }
}

#[test]
fn pictures_at_uneven_distances_all_come_through() {
    const DISTANCES_MS: [i64; 8] = [16, 33, 50, 17, 100, 34, 83, 67];
    let mut world = World::new(Config::default());
    let from = world.now;
    world.start();
    let config = Item::Config(TrackConfig::Video(support::large_video_config()));
    world.item(config, from);
    let (mut at_ms, mut sent) = (0_i64, 0);
    while at_ms < 30_000 {
        // Every forty pictures, two seconds.
        let key = sent % 40 == 0;
        world.item(picture(at_ms * 90, at_ms * 90, key, sent), from + Duration::from_millis(at_ms as u64));
        at_ms += DISTANCES_MS[sent as usize % DISTANCES_MS.len()];
        sent += 1;
    }
    world.stop();
    world.end();
    world.check_renditions();
    assert!(world.windows["source"].segments.iter().all(|segment| !segment.gap && !segment.discontinuity));
    assert_eq!(numbers(&world.payloads("source")), (0..sent).collect::<Vec<_>>());
}

#[test]
fn pictures_shown_before_they_are_decoded_keep_their_order_and_times() {
    let mut world = World::new(Config::default());
    let from = world.now;
    world.start();
    let config = Item::Config(TrackConfig::Video(support::large_video_config()));
    world.item(config, from);
    for number in 0..600_i64 {
        let at = number * 3_000;
        // Composition times of minus 80 ms, as some encoders write them.
        world.item(
            picture(at, at - 7_200, number % 60 == 0, number),
            from + MediaTime::session(at).as_duration(),
        );
    }
    world.stop();
    world.end();
    world.check_renditions();
    assert!(world.windows["source"].segments.iter().all(|segment| !segment.gap && !segment.discontinuity));
    assert_eq!(numbers(&world.payloads("source")), (0..600).collect::<Vec<_>>());
    let mut shown = numbers(&world.payloads("480p"));
    shown.sort_unstable();
    assert_eq!(shown, (0..600).collect::<Vec<_>>());
}

#[test]
fn decode_times_that_stand_still_or_step_back_lose_no_picture() {
    let mut world = World::new(Config::default());
    let from = world.now;
    world.start();
    let config = Item::Config(TrackConfig::Video(support::video_config()));
    world.item(config, from);
    for number in 0..600_i64 {
        let at = number * 3_000;
        let stamped = match number % 60 {
            20 => at - 3_000,
            40 => at - 4_500,
            _ => at,
        };
        world.item(
            picture(stamped, stamped, number % 60 == 0, number),
            from + MediaTime::session(at).as_duration(),
        );
    }
    world.stop();
    world.end();
    assert!(world.windows["source"].segments.iter().all(|segment| !segment.gap && !segment.discontinuity));
    assert_eq!(numbers(&world.payloads("source")).len(), 600);
}

#[test]
fn ten_changes_of_size_in_a_minute_are_ten_discontinuities_and_nothing_is_lost() {
    let mut world = World::new(Config::default());
    let from = world.now;
    world.start();
    let mut flips = 0_u8;
    for (at, item) in (Publisher { large: true, ..Publisher::default() }).items(Duration::from_secs(64)) {
        let key = matches!(&item, Item::Unit(unit) if unit.key && unit.track == TrackKind::Video);
        if key && at > Duration::from_secs(6 * (u64::from(flips) + 1) - 3) && flips < 10 {
            flips += 1;
            let mut config = (*support::large_video_config()).clone();
            let mut avcc = config.avcc.to_vec();
            *avcc.last_mut().unwrap() ^= flips;
            config.avcc = avcc.into();
            config.height = 700 + u32::from(flips) * 4;
            world.item(Item::Config(TrackConfig::Video(config.into())), from + at);
        }
        world.item(item, from + at);
    }
    world.stop();
    world.end();
    world.check_renditions();
    for (name, window) in &world.windows {
        let count = window.segments.iter().filter(|segment| segment.discontinuity).count();
        assert_eq!(count, 10, "{name}");
        assert!(window.segments.iter().all(|segment| !segment.gap), "{name}");
    }
    assert_eq!(world.windows["source"].segments.last().unwrap().init, 10);
    assert_eq!(world.windows["480p"].segments.last().unwrap().init, 0, "a rung keeps its size");
    assert_eq!(numbers(&world.payloads("source")).len(), 64 * 30);
}

#[test]
fn silence_of_any_aac_that_is_published_is_known() {
    for (codec, channels) in [("mp4a.40.2", 1), ("mp4a.40.2", 2)] {
        let mut world = World::new(Config::default());
        let publisher =
            Publisher { audio: Some((48_000, channels)), audio_until_ms: 6_000, ..Publisher::default() };
        publisher.publish(&mut world, Duration::from_secs(14));
        assert_eq!(world.health, [HealthWarning::AudioMissing]);
        assert!(world.windows["audio"].segments.iter().all(|segment| !segment.gap), "{codec}");
        world.end();
    }
}

#[test]
fn pictures_that_come_after_sound_alone_has_begun_are_reported() {
    let mut world = World::new(Config::default());
    let from = world.now;
    world.start();
    for (at, item) in (Publisher { large: true, ..Publisher::default() }).items(Duration::from_secs(20)) {
        let video = match &item {
            Item::Unit(unit) => unit.track == TrackKind::Video,
            Item::Config(config) => matches!(config, TrackConfig::Video(_)),
        };
        // Its configuration comes with the first picture.
        if !video || at >= Duration::from_secs(8) {
            world.item(item, from + at);
        } else if matches!(item, Item::Config(_)) {
            assert!(world.health.is_empty());
        }
        if at < Duration::from_secs(7) && at > Duration::from_secs(4) {
            assert_eq!(world.health, [HealthWarning::VideoMissing]);
        }
    }
    assert!(world.windows.contains_key("audio") && world.windows.len() == 1);
    assert_eq!(world.health, [HealthWarning::VideoTooLate]);
    world.stop();
    assert!(world.health.is_empty(), "{:?}", world.health);
    // Whoever publishes again from the start with sound alone is told again what is missing.
    Publisher { video: false, ..Publisher::default() }.publish(&mut world, Duration::from_secs(6));
    assert_eq!(world.health, [HealthWarning::VideoMissing]);
    world.end();
}
