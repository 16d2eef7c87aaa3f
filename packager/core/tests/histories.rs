//! Generated histories: publishers who drop, encoders set in odd ways, sound that comes and goes, transcoders
//! that die, servers that crash. The suspicious player in `support` checks every window of every rendition.

mod support;

use std::time::Duration;

use media::{Item, TrackKind};
use packager_core::epoch::Config;
use proptest::prelude::*;
use support::{Publisher, World};

#[derive(Clone, Debug)]
enum Event {
    /// Publishes for this long, and then stops.
    Publish {
        publisher: Publisher,
        length_ms: u64,
        trouble: Trouble,
        /// kill -9 in the midst of it instead, and back after this long.
        crash_ms: Option<u64>,
    },
    /// Nobody publishes.
    Away {
        ms: u64,
    },
    /// kill -9, and back after this long.
    Crash {
        ms: u64,
    },
    KillTranscoder,
    ReviveTranscoder,
    /// From here on the transcoder's pictures come this late.
    Delay {
        ms: u64,
    },
}

/// What the network and the encoder do to a publication.
#[derive(Clone, Debug)]
struct Trouble {
    /// From when on nothing arrives, and for how long; what was sent then arrives at once.
    stall: Option<(u64, u64)>,
    /// As above, but only pictures.
    pictures_stall: Option<(u64, u64)>,
    /// What was sent then never arrives.
    hole: Option<(u64, u64)>,
    /// Every unit arrives up to this much later than it was sent, in order.
    jitter_ms: u64,
}

fn publisher() -> impl Strategy<Value = Publisher> {
    let fps = prop::sample::select(vec![
        (25, 1),
        (30_000, 1001),
        (30, 1),
        (60, 1),
        (24, 1),
        (15, 1),
        (10, 1),
        (5, 1),
        (20, 1),
        (22, 1),
    ]);
    let audio = prop::sample::select(vec![
        None,
        Some((48_000, 2)),
        Some((44_100, 2)),
        Some((44_100, 1)),
        Some((22_050, 1)),
        Some((16_000, 2)),
    ]);
    let gop_ms = prop::sample::select(vec![
        300_u32, 500, 1_000, 1_900, 2_000, 2_500, 3_900, 4_400, 4_480, 5_000, 8_333,
    ]);
    let video = prop::bool::weighted(0.9);
    let times = (
        prop::sample::select(vec![0_u64, 0, 0, 1_500, 7_000]),
        prop::sample::select(vec![u64::MAX, u64::MAX, 9_000]),
    );
    let lose = prop::option::weighted(0.3, prop::sample::select(vec![2_u32, 3, 5, 7, 11, 31]));
    (fps, audio, gop_ms, 0..3_u32, video, times, lose, any::<bool>()).prop_map(
        |(fps, audio, gop_ms, b_frames, video, times, lose_every, milliseconds)| Publisher {
            fps,
            gop: (gop_ms * fps.0 / fps.1 / 1000).max(1),
            b_frames,
            video: video || audio.is_none(),
            audio,
            audio_from_ms: times.0,
            audio_until_ms: times.1,
            large: true,
            milliseconds,
            lose_every,
        },
    )
}

fn trouble() -> impl Strategy<Value = Trouble> {
    let span = || prop::option::weighted(0.25, (0..12_000_u64, 100..5_000_u64));
    (span(), span(), span(), prop::sample::select(vec![0_u64, 0, 40, 200])).prop_map(
        |(stall, pictures_stall, hole, jitter_ms)| Trouble { stall, pictures_stall, hole, jitter_ms },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (publisher(), 500..18_000_u64, trouble(), prop::option::weighted(0.3, 0..20_000_u64)).prop_map(
            |(publisher, length_ms, trouble, crash_ms)| Event::Publish { publisher, length_ms, trouble, crash_ms }
        ),
        2 => (1..9_000_u64).prop_map(|ms| Event::Away { ms }),
        1 => (0..40_000_u64).prop_map(|ms| Event::Crash { ms }),
        1 => Just(Event::KillTranscoder),
        1 => Just(Event::ReviveTranscoder),
        1 => (0..2_500_u64).prop_map(|ms| Event::Delay { ms }),
    ]
}

fn within(span: Option<(u64, u64)>, at: Duration) -> Option<Duration> {
    let (from, length) = span?;
    let (from, until) = (Duration::from_millis(from), Duration::from_millis(from + length));
    (at >= from && at < until).then_some(until)
}

fn live(world: &mut World, event: &Event) {
    match event {
        Event::Publish { publisher, length_ms, trouble, crash_ms } => {
            let from = world.now;
            world.start();
            let length = Duration::from_millis(*length_ms);
            let mut arrivals: Vec<(Duration, Item)> = Vec::new();
            let mut newest = [Duration::ZERO; 2];
            for (index, (at, item)) in publisher.items(length).into_iter().enumerate() {
                let video = match &item {
                    Item::Unit(unit) => unit.track == TrackKind::Video,
                    Item::Config(_) => false,
                };
                if matches!(item, Item::Unit(_)) && within(trouble.hole, at).is_some() {
                    continue;
                }
                let mut arrives = within(trouble.stall, at).unwrap_or(at);
                if video {
                    arrives = within(trouble.pictures_stall, arrives).unwrap_or(arrives);
                }
                arrives += Duration::from_millis(index as u64 * 7_919 % (trouble.jitter_ms + 1));
                let track = usize::from(video);
                newest[track] = newest[track].max(arrives);
                arrivals.push((newest[track], item));
            }
            arrivals.sort_by_key(|(at, _)| *at);
            for (at, item) in arrivals {
                world.item(item, from + at);
            }
            world.advance_to((from + length).max(world.now));
            match crash_ms {
                Some(ms) => world.crash(Duration::from_millis(*ms)),
                None => world.stop(),
            }
        }
        Event::Away { ms } => world.advance_to(world.now + Duration::from_millis(*ms)),
        Event::Crash { ms } => world.crash(Duration::from_millis(*ms)),
        Event::KillTranscoder => world.kill_transcoder(),
        Event::ReviveTranscoder => world.revive_transcoder(),
        Event::Delay { ms } => world.transcoder.delay = Duration::from_millis(*ms),
    }
}

/// These cases are long: fewer of them than proptest's own default, unless `PROPTEST_CASES` asks for more.
fn config(cases_usual: u32) -> ProptestConfig {
    const CASES_DEFAULT: u32 = 256;
    let asked = ProptestConfig::default();
    let cases = if asked.cases == CASES_DEFAULT { cases_usual } else { asked.cases };
    ProptestConfig { cases, max_shrink_iters: 400, failure_persistence: None, ..asked }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn no_history_breaks_a_rule(
        events in prop::collection::vec(event(), 1..7),
        drop_rungs: bool,
        slate_takes_ms in prop::option::weighted(0.8, prop::sample::select(vec![0_u64, 400, 6_000])),
    ) {
        let mut world = World::new(Config { drop_rungs, ..Config::default() });
        world.slate_takes = slate_takes_ms.map(Duration::from_millis);
        world.apart_max_s = 1.1;
        for event in &events {
            live(&mut world, event);
        }
        world.end();
        world.check_renditions();
        for name in ["source", "audio"] {
            // 44 and 43; media is waited for up to a second by the plan, then by its rendition.
            if let Some(wait) = world.longest_wait.get(name) {
                prop_assert!(*wait <= Duration::from_millis(2_600), "{} {:?}", name, wait);
            }
            if let Some(wait) = world.longest_segment_wait.get(name) {
                prop_assert!(*wait <= Duration::from_millis(6_500), "{} {:?}", name, wait);
            }
        }
        for name in world.files.keys() {
            world.payloads(name);
        }
    }
}

#[test]
fn a_crash_at_any_moment_costs_at_most_a_second_of_what_is_recorded() {
    let publisher = Publisher { large: true, ..Publisher::default() };
    for step in 0..25_u64 {
        let length = Duration::from_millis(7_000 + step * 163);
        let mut world = World::new(Config::default());
        let from = world.now;
        world.start();
        for (at, item) in publisher.items(length) {
            world.item(item, from + at);
        }
        world.crash(Duration::from_millis(700));
        // The rungs are waited for a while.
        world.advance_to(world.now + Duration::from_secs(5));
        world.check_renditions();
        for window in world.windows.values() {
            let whole = window.segments.iter().filter(|segment| !segment.gap);
            let seconds: f64 = whole.map(|segment| segment.duration.seconds()).sum();
            let lost = length.as_secs_f64() - seconds;
            assert!(lost <= 1.0, "{}: {lost} of {length:?} lost", window.rendition);
        }
    }
}

#[test]
fn a_rotten_byte_anywhere_in_the_journal_leaves_a_timeline_that_goes_on() {
    let publisher = Publisher { large: true, ..Publisher::default() };
    let length = Duration::from_secs(10);
    let mut seen = World::new(Config::default());
    let from = seen.now;
    seen.start();
    for (at, item) in publisher.items(length) {
        seen.item(item, from + at);
    }
    let newest = seen.windows["source"].newest();
    let mut tolerated = 0;
    for rotten in (0..seen.journal.len()).step_by(23) {
        let mut journal = seen.journal.clone();
        journal[rotten] ^= 0x55;
        let records: Vec<_> = packager_core::journal::Reader::new(&journal).collect();
        let start = packager_core::epoch::Start { now: seen.now, wall: seen.wall_now() };
        let lengths = |name: &str| seen.files.get(name).map_or(0, |file| file.len() as u64);
        let recovered = packager_core::epoch::Epoch::recover(seen.config.clone(), records, lengths, start);
        // The first record is what all others hang on.
        let Ok(mut epoch) = recovered else { continue };
        tolerated += 1;
        while let Some(output) = epoch.poll_output() {
            if let packager_core::epoch::Output::Window(window) = output
                && window.rendition == "source"
            {
                assert!(window.newest() >= newest, "byte {rotten}: {:?} after {newest:?}", window.newest());
                let gaps = window.segments.iter().filter(|segment| segment.gap).count();
                assert!(gaps <= 1, "byte {rotten}: {gaps} gaps");
            }
        }
    }
    assert!(tolerated * 23 > seen.journal.len() * 9 / 10, "{tolerated} of {}", seen.journal.len());
}
