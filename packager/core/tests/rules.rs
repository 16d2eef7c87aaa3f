//! The rules of HLS that concern windows, over simulated publications. Numbers in messages are those of the
//! project's conformance checklist.

mod support;

use std::time::Duration;

use events::HealthWarning;
use hls::window::Segment;
use media::{Item, TrackKind};
use packager_core::epoch::Config;
use support::{Publisher, World, coded_again, numbers};

const PART_WAIT_MAX: Duration = Duration::from_millis(600);

fn check_all(found: &[i64], sent: i64, what: &str) {
    let odd = (0..sent).zip(found).find(|(expected, found)| expected != *found);
    assert!(odd.is_none() && found.len() as i64 == sent, "{} of {sent}, {odd:?}: {what}", found.len());
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_steady_publication_loses_no_frame_and_keeps_the_pace() {
    for b_frames in [0, 1, 2] {
        for (fps, gop) in
            [((25, 1), 50), ((30_000, 1001), 60), ((30, 1), 30), ((60, 1), 120), ((24, 1), 96), ((15, 1), 30)]
        {
            let publisher = Publisher { fps, gop, b_frames, large: true, ..Publisher::default() };
            let mut world = World::new(Config::default());
            publisher.publish(&mut world, seconds(40));
            assert!(world.health.is_empty(), "{publisher:?}: {:?}", world.health);
            for (name, wait) in &world.longest_wait {
                assert!(*wait <= PART_WAIT_MAX, "(44) {publisher:?} {name} {wait:?}");
            }
            for (name, wait) in &world.longest_segment_wait {
                assert!(*wait <= seconds(6), "(43) {publisher:?} {name} {wait:?}");
            }
            world.stop();
            world.end();
            world.check_renditions();
            let sent = 40 * i64::from(fps.0) / i64::from(fps.1);
            check_all(&numbers(&world.payloads("source")), sent, &format!("source {publisher:?}"));
            let mut shown = numbers(&world.payloads("240p"));
            shown.sort_unstable();
            check_all(&shown, sent, &format!("{publisher:?}"));
            let heard = numbers(&world.payloads("audio"));
            assert!(heard.windows(2).all(|pair| pair[1] == pair[0] + 1), "{publisher:?}");
            assert_eq!(
                heard.len(),
                (40 * 48_000_usize).div_ceil(1024)
                    - usize::from(heard[0] > 0) * usize::try_from(heard[0]).unwrap(),
                "{publisher:?}"
            );
            let discontinuities = world.windows["source"].segments.last().unwrap().discontinuity_sequence;
            assert_eq!(discontinuities, 0);
            for window in world.windows.values() {
                for segment in window.segments.iter() {
                    assert!(!segment.gap, "{publisher:?}: {} {segment:?}", window.rendition);
                }
            }
        }
    }
}

#[test]
fn segments_of_every_rendition_begin_at_the_same_moment() {
    let mut world = World::new(Config::default());
    Publisher { large: true, b_frames: 2, ..Publisher::default() }.publish(&mut world, seconds(20));
    for msn in 1..8 {
        let source = world.windows["source"].segments.by_msn(msn).unwrap().starts_at;
        let rung = world.windows["480p"].segments.by_msn(msn).unwrap().starts_at;
        let audio = world.windows["audio"].segments.by_msn(msn).unwrap().starts_at;
        assert_eq!(source, rung);
        let behind = audio.minus(source.rescale(audio.scale())).ticks();
        assert!((-1..1024).contains(&behind), "{behind} samples");
    }
}

/// Seconds of a rendition that are gaps, and that are a slate's.
fn gaps_and_slates(world: &World, rendition: &str) -> (f64, f64) {
    let sum = |counts: fn(&Segment) -> bool| {
        let segments = world.windows[rendition].segments.iter();
        segments.filter(|segment| counts(segment)).map(|segment| segment.duration.seconds()).sum()
    };
    (sum(|segment| segment.gap), sum(|segment| segment.slate.is_some()))
}

fn discontinuities(world: &World, rendition: &str) -> usize {
    world.windows[rendition].segments.iter().filter(|segment| segment.discontinuity).count()
}

#[test]
fn a_publisher_who_drops_and_returns_is_bridged_by_a_slate() {
    for outage_ms in [200, 1_000, 2_500, 10_000, 59_000] {
        let mut world = World::new(Config::default());
        let publisher = Publisher { large: true, ..Publisher::default() };
        publisher.publish(&mut world, seconds(15));
        world.stop();
        world.forget_waits();
        let back = world.now + Duration::from_millis(outage_ms);
        world.advance_to(back);
        for (name, wait) in &world.longest_wait {
            assert!(*wait <= Duration::from_millis(590), "{name}: {wait:?} without a part in {outage_ms} ms");
        }
        publisher.publish(&mut world, seconds(15));
        for (name, wait) in &world.longest_wait {
            assert!(*wait <= Duration::from_millis(800), "(44) {name} {wait:?} after {outage_ms} ms");
        }
        let outage = outage_ms as f64 / 1000.0;
        for name in ["source", "480p", "240p", "audio"] {
            let (gaps, slates) = gaps_and_slates(&world, name);
            assert!(gaps < 1e-6, "{name}: {gaps} s of gaps in {outage} s");
            assert!((slates - outage).abs() < 0.1, "{name}: {slates} s of slate for {outage} s");
            assert_eq!(discontinuities(&world, name), 2, "{name}: one at each end");
        }
        world.stop();
        world.end();
        world.check_renditions();
        assert_eq!(numbers(&world.payloads("source")).len(), 900, "nothing of what was sent is lost");
        assert_eq!(numbers(&world.payloads("240p")).len(), 900);
    }
}

#[test]
fn where_no_slate_can_be_made_a_hole_is_listed_as_gaps_without_a_discontinuity() {
    for outage_ms in [200, 1_000, 5_000, 30_000] {
        let mut world = World::without_slate(Config::default());
        let publisher = Publisher { large: true, ..Publisher::default() };
        publisher.publish(&mut world, seconds(15));
        world.stop();
        let back = world.now + Duration::from_millis(outage_ms);
        world.advance_to(back);
        publisher.publish(&mut world, seconds(15));
        assert_eq!(discontinuities(&world, "source"), 0);
        let (gaps, slates) = gaps_and_slates(&world, "source");
        let outage = outage_ms as f64 / 1000.0;
        assert!((gaps - outage).abs() < 0.3 && slates < 1e-9, "{gaps} s of gaps for {outage} s (50)");
        for (name, wait) in &world.longest_wait {
            let limit = if name == "source" || name == "audio" { 900 } else { 2_300 };
            assert!(*wait <= Duration::from_millis(limit), "(44) {name} {wait:?} after {outage_ms} ms");
        }
        world.stop();
        world.end();
        world.check_renditions();
        assert_eq!(numbers(&world.payloads("source")).len(), 900, "nothing of what was sent is lost");
        assert!(numbers(&world.payloads("240p")).len() >= 898);
    }
}

#[test]
fn a_connection_that_stands_but_carries_nothing_is_bridged_by_a_slate() {
    let mut world = World::new(Config::default());
    let publisher = Publisher { large: true, ..Publisher::default() };
    let from = world.now;
    world.start();
    for (at, item) in publisher.items(seconds(40)) {
        // Nothing arrives between 10 and 16 s; then all of it at once.
        let arrives = if at > seconds(10) && at < seconds(16) { seconds(16) } else { at };
        world.item(item, from + arrives);
    }
    world.advance_to(from + seconds(40));
    for name in ["source", "480p", "240p", "audio"] {
        // Media is waited for by a second, and a part may have been half made.
        assert!(world.longest_wait[name] <= Duration::from_millis(1_600), "{:?}", world.longest_wait);
        let (gaps, slates) = gaps_and_slates(&world, name);
        assert!(gaps < 1e-6, "{name}: {gaps} s of gaps");
        // Pictures of 10 to 16 s are dropped, up to the keyframe after them.
        assert!((5.9..8.1).contains(&slates), "{name}: {slates} s of slate");
        assert_eq!(discontinuities(&world, name), 2);
    }
    world.end();
    world.check_renditions();
}

#[test]
fn a_slate_that_is_ready_late_ends_the_gaps_in_the_middle_of_a_hole() {
    let mut world = World::new(Config::default());
    world.slate_takes = Some(seconds(20));
    let publisher = Publisher { large: true, ..Publisher::default() };
    publisher.publish(&mut world, seconds(12));
    world.stop();
    world.advance_to(world.now + seconds(20));
    publisher.publish(&mut world, seconds(12));
    for name in ["source", "480p", "240p", "audio"] {
        let (gaps, slates) = gaps_and_slates(&world, name);
        assert!((6.0..11.0).contains(&gaps), "{name}: {gaps} s of gaps");
        assert!((gaps + slates - 20.0).abs() < 0.5, "{name}: {gaps} and {slates}");
        assert!(discontinuities(&world, name) <= 4, "{name}");
    }
    world.stop();
    world.end();
    world.check_renditions();
}

#[test]
fn sound_alone_is_bridged_by_silence() {
    let mut world = World::without_slate(Config::default());
    let publisher = Publisher { video: false, ..Publisher::default() };
    publisher.publish(&mut world, seconds(12));
    world.stop();
    world.forget_waits();
    world.advance_to(world.now + seconds(7));
    assert!(world.longest_wait["audio"] <= Duration::from_millis(590), "{:?}", world.longest_wait);
    publisher.publish(&mut world, seconds(12));
    let (gaps, slates) = gaps_and_slates(&world, "audio");
    assert!(gaps < 1e-9 && (slates - 7.0).abs() < 0.2, "{gaps} {slates}");
    assert_eq!(discontinuities(&world, "audio"), 2);
    world.end();
}

#[test]
fn pictures_that_stay_away_are_replaced_by_a_slate_that_is_not_marked() {
    let mut world = World::new(Config::default());
    let from = world.now;
    world.start();
    for (at, item) in (Publisher { large: true, ..Publisher::default() }).items(seconds(30)) {
        let video = matches!(&item, Item::Unit(unit) if unit.track == TrackKind::Video);
        if !(video && (seconds(10)..seconds(18)).contains(&at)) {
            world.item(item, from + at);
        }
    }
    for name in ["source", "480p", "240p", "audio"] {
        let (gaps, marked) = gaps_and_slates(&world, name);
        assert!(gaps < 1e-9, "{name}: {gaps} s of gaps");
        assert!(marked < 1e-9, "{name}: he is heard, so nothing may be skipped");
        assert_eq!(discontinuities(&world, name), 2);
    }
    world.end();
    world.check_renditions();
    let heard = numbers(&world.payloads("audio"));
    assert!(heard.windows(2).all(|pair| pair[1] == pair[0] + 1), "no sound is lost");
}

#[test]
fn a_slate_goes_on_for_as_long_as_the_publisher_is_away_and_ends_with_the_session() {
    let mut world = World::new(Config::default());
    Publisher { large: true, ..Publisher::default() }.publish(&mut world, seconds(10));
    world.stop();
    world.forget_waits();
    world.advance_to(world.now + seconds(900));
    assert!(world.longest_wait.values().all(|wait| *wait <= Duration::from_millis(590)));
    assert!(world.longest_segment_wait.values().all(|wait| *wait <= Duration::from_millis(4_100)));
    world.end();
    world.check_renditions();
    for name in ["source", "480p", "240p", "audio"] {
        assert_eq!(discontinuities(&world, name), 1, "{name}: nothing follows the slate");
    }
}

#[test]
fn a_lecture_that_ends_ends_without_a_slate() {
    let mut world = World::new(Config::default());
    Publisher { large: true, ..Publisher::default() }.publish(&mut world, seconds(15));
    world.end();
    for name in ["source", "480p", "240p", "audio"] {
        assert_eq!(discontinuities(&world, name), 0, "{name}");
    }
}

#[test]
fn a_crash_before_or_within_a_slate_is_gone_on_from() {
    // Just after the publisher has gone, within a part, within a segment, and long after; and then again.
    for (gone_ms, away_ms) in [(0, 500), (40, 500), (700, 300), (2_100, 3_000), (9_000, 20_000)] {
        let mut world = World::new(Config::default());
        let publisher = Publisher { large: true, b_frames: 1, ..Publisher::default() };
        publisher.publish(&mut world, Duration::from_millis(15_700));
        world.stop();
        for _ in 0..2 {
            world.advance_to(world.now + Duration::from_millis(gone_ms));
            world.crash(Duration::from_millis(away_ms));
        }
        world.advance_to(world.now + seconds(5));
        for name in ["source", "480p", "240p", "audio"] {
            let window = &world.windows[name];
            let newest = window.open.as_ref().or(window.segments.last().map(|last| &**last)).unwrap();
            assert!(!newest.gap && newest.slate.is_some(), "{name}: the slate is back: {newest:?}");
        }
        publisher.publish(&mut world, seconds(15));
        for name in ["source", "480p", "240p", "audio"] {
            let last = world.windows[name].segments.last().unwrap();
            assert!(!last.gap && last.slate.is_none(), "{name}");
            if name != "audio" {
                assert_eq!(last.init, 0, "{name}: the media is coded as before");
            }
        }
        world.stop();
        world.end();
        world.check_renditions();
    }
}

#[test]
fn an_ended_epoch_with_slates_is_read_from_its_journal_as_it_was() {
    let mut world = World::new(Config::default());
    let publisher = Publisher { large: true, ..Publisher::default() };
    publisher.publish(&mut world, seconds(10));
    world.stop();
    world.advance_to(world.now + seconds(9));
    publisher.publish(&mut world, seconds(10));
    world.stop();
    world.end();
    let records = packager_core::journal::Reader::new(&world.journal);
    let archive =
        packager_core::epoch::Archive::open(records, |name| world.files[name].len() as u64).unwrap();
    for window in &archive.windows {
        let live = &world.windows[&window.rendition];
        assert_eq!(window.segments.len(), live.segments.len());
        for (read, was) in window.segments.iter().zip(live.segments.iter()) {
            assert_eq!(
                (read.slate.map(|s| s.first_msn), read.init),
                (was.slate.map(|s| s.first_msn), was.init)
            );
            assert_eq!((read.discontinuity, &read.parts), (was.discontinuity, &was.parts));
        }
    }
}

#[test]
fn a_publisher_who_stays_late_is_moved_forward() {
    let mut world = World::new(Config::default());
    let publisher = Publisher::default();
    let from = world.now;
    world.start();
    for (at, item) in publisher.items(seconds(40)) {
        let arrives = if at > seconds(10) { at + seconds(7) } else { at };
        world.item(item, from + arrives);
    }
    let last = world.windows["source"].segments.last().unwrap();
    assert!(!last.gap, "media is shown again");
    world.end();
    world.check_renditions();
}

/// The longest stretch of a rendition that is a slate's or a gap, in seconds.
fn longest_hole(world: &World, rendition: &str) -> f64 {
    let mut longest: f64 = 0.0;
    let mut hole = 0.0;
    for segment in world.windows[rendition].segments.iter() {
        let shown = !segment.gap && segment.slate.is_none();
        hole = if shown { 0.0 } else { hole + segment.duration.seconds() };
        longest = longest.max(hole);
    }
    longest
}

#[test]
fn a_publisher_whose_encoder_is_too_slow_is_seen_again_and_again() {
    for (video, audio) in [(true, Some((48_000, 2))), (true, None), (false, Some((48_000, 2)))] {
        let mut world = World::new(Config::default());
        let publisher = Publisher { video, audio, ..Publisher::default() };
        let from = world.now;
        world.start();
        for (at, item) in publisher.items(seconds(120)) {
            world.item(item, from + at * 5 / 4);
        }
        for rendition in world.windows.keys() {
            // A second until it is late, three of lateness, up to 2.5 s to a keyframe, and a part to round up.
            let hole = longest_hole(&world, rendition);
            assert!(hole < 7.1, "{rendition}: {hole} s without the lecture");
        }
        world.end();
        world.check_renditions();
    }
}

#[test]
fn keyframes_too_far_apart_withhold_the_source_and_a_rung_takes_its_place() {
    let mut world = World::new(Config::default());
    Publisher { gop: 250, large: true, ..Publisher::default() }.publish(&mut world, seconds(30));
    assert_eq!(world.health, [HealthWarning::GopTooLong]);
    let names: Vec<_> =
        world.multivariant.as_ref().unwrap().variants.iter().map(|v| v.rendition.as_str()).collect();
    assert_eq!(names, ["720p", "480p", "240p"]);
    assert!(world.windows["720p"].segments.iter().all(|segment| !segment.gap));
    assert!((world.windows["720p"].segments.last().unwrap().duration.seconds() - 2.0).abs() < 0.05);
    world.stop();
    world.end();
    world.check_renditions();
    assert_eq!(numbers(&world.payloads("720p")).len(), 900);
}

#[test]
fn a_source_whose_keyframes_stop_lists_gaps_until_they_come_again() {
    let mut world = World::new(Config::default());
    let from = world.now;
    world.start();
    let publisher = Publisher { large: true, ..Publisher::default() };
    for (at, item) in publisher.items(seconds(60)) {
        let item = match item {
            Item::Unit(mut unit) if unit.track == TrackKind::Video => {
                // No keyframes between 10 and 30 s.
                if (seconds(10)..seconds(30)).contains(&at) {
                    unit.key = false;
                    unit.payload = coded_again(&unit.payload, false);
                }
                Item::Unit(unit)
            }
            other @ (Item::Config(_) | Item::Unit(_)) => other,
        };
        world.item(item, from + at);
    }
    let source = &world.windows["source"];
    assert!(source.segments.iter().any(|segment| segment.gap));
    assert!(!source.segments.last().unwrap().gap, "listed again");
    assert!(
        world.windows["480p"].segments.iter().all(|segment| !segment.gap),
        "the rungs know nothing of it"
    );
    assert!(world.health.is_empty());
    world.end();
    world.check_renditions();
}

#[test]
fn too_few_pictures_a_second_withhold_the_source() {
    for (fps, gop) in [((5, 1), 10), ((7, 1), 14), ((3, 1), 6)] {
        let mut world = World::new(Config::default());
        Publisher { fps, gop, large: true, ..Publisher::default() }.publish(&mut world, seconds(20));
        assert_eq!(world.health, [HealthWarning::FrameRateIrregular], "{fps:?}");
        assert!(!world.windows.contains_key("source"));
    }
}

#[test]
fn one_picture_a_second_is_repeated_for_the_rungs() {
    let mut world = World::new(Config::default());
    Publisher { fps: (1, 1), gop: 2, large: true, ..Publisher::default() }.publish(&mut world, seconds(30));
    assert_eq!(world.health, [HealthWarning::FrameRateIrregular]);
    // What was held at the start is not repeated: that is the transcoder's part.
    let gaps: Vec<_> = world.windows["720p"].segments.iter().skip(1).filter(|segment| segment.gap).collect();
    assert!(gaps.is_empty(), "{gaps:?}");
    assert!(world.longest_wait["720p"] <= Duration::from_millis(1_100), "{:?}", world.longest_wait);
    world.end();
    world.check_renditions();
}

#[test]
fn a_lost_picture_now_and_then_breaks_no_rule() {
    for lose_every in [7, 13, 29] {
        let mut world = World::new(Config::default());
        let publisher = Publisher { lose_every: Some(lose_every), large: true, ..Publisher::default() };
        publisher.publish(&mut world, seconds(30));
        assert!(world.health.is_empty(), "{lose_every}: {:?}", world.health);
        assert!(world.windows["source"].segments.iter().all(|segment| !segment.gap));
        world.end();
    }
}

#[test]
fn without_sound_silence_is_made_and_late_sound_is_a_discontinuity_everywhere() {
    let mut world = World::new(Config::default());
    Publisher { audio_from_ms: 10_000, large: true, ..Publisher::default() }.publish(&mut world, seconds(30));
    let audio = &world.windows["audio"];
    assert!(audio.segments.iter().all(|segment| !segment.gap));
    assert_eq!(audio.segments.iter().filter(|segment| segment.discontinuity).count(), 1);
    // The filler happens to be coded as the sound is.
    assert_eq!(audio.segments.last().unwrap().init, 0);
    assert!(world.health.is_empty());
    world.end();
    world.check_renditions();
}

#[test]
fn without_any_sound_the_pace_is_kept() {
    let mut world = World::new(Config::default());
    Publisher { audio: None, ..Publisher::default() }.publish(&mut world, seconds(20));
    assert_eq!(world.health, [HealthWarning::AudioMissing]);
    assert!(world.longest_wait["audio"] <= PART_WAIT_MAX, "{:?}", world.longest_wait);
    assert!(world.windows["audio"].segments.iter().all(|segment| !segment.gap));
    world.end();
}

#[test]
fn sound_that_stops_becomes_silence() {
    let mut world = World::new(Config::default());
    Publisher { audio_until_ms: 10_000, ..Publisher::default() }.publish(&mut world, seconds(20));
    assert_eq!(world.health, [HealthWarning::AudioMissing]);
    assert!(world.windows["audio"].segments.iter().all(|segment| !segment.gap && !segment.discontinuity));
    world.end();
}

#[test]
fn sound_alone_is_cut_by_its_own_clock() {
    for rate in [48_000, 44_100, 22_050, 16_000, 11_025] {
        let mut world = World::new(Config::default());
        Publisher { video: false, audio: Some((rate, 1)), ..Publisher::default() }
            .publish(&mut world, seconds(20));
        assert!(world.multivariant.as_ref().unwrap().variants.is_empty());
        assert!(world.windows["audio"].segments.len() >= 8);
        let frame = Duration::from_millis(1024 * 1000 / u64::from(rate));
        assert!(world.longest_wait["audio"] <= PART_WAIT_MAX + frame, "{:?}", world.longest_wait);
        world.end();
        let heard = numbers(&world.payloads("audio"));
        assert!(heard.windows(2).all(|pair| pair[1] == pair[0] + 1), "{rate}");
    }
}

#[test]
fn a_transcoder_that_dies_and_comes_back_costs_nothing_but_time() {
    let mut world = World::new(Config::default());
    let publisher = Publisher { large: true, b_frames: 1, ..Publisher::default() };
    let from = world.now;
    world.start();
    let (mut dead, mut back) = (false, false);
    for (at, item) in publisher.items(seconds(30)) {
        if at > Duration::from_millis(11_300) && !dead {
            dead = true;
            world.kill_transcoder();
        }
        if at > Duration::from_millis(12_500) && !back {
            back = true;
            world.revive_transcoder();
        }
        world.item(item, from + at);
    }
    world.stop();
    world.end();
    world.check_renditions();
    assert!(world.windows["480p"].segments.iter().all(|segment| !segment.gap), "it goes on where it stood");
    let mut shown = numbers(&world.payloads("480p"));
    shown.sort_unstable();
    assert_eq!(shown, (0..900).collect::<Vec<_>>());
}

#[test]
fn a_transcoder_that_stays_away_leaves_gaps_in_the_rungs_alone() {
    let mut world = World::new(Config::default());
    let publisher = Publisher { large: true, ..Publisher::default() };
    let from = world.now;
    world.start();
    let (mut dead, mut back) = (false, false);
    for (at, item) in publisher.items(seconds(40)) {
        if at > Duration::from_millis(11_300) && !dead {
            dead = true;
            world.kill_transcoder();
        }
        if at > Duration::from_millis(22_500) && !back {
            back = true;
            world.revive_transcoder();
        }
        world.item(item, from + at);
    }
    assert!(world.longest_wait["480p"] <= Duration::from_millis(2_300), "{:?}", world.longest_wait);
    assert!(world.windows["source"].segments.iter().all(|segment| !segment.gap));
    assert!(world.windows["480p"].segments.iter().any(|segment| segment.gap));
    assert!(!world.windows["480p"].segments.last().unwrap().gap);
    world.end();
    world.check_renditions();
}

#[test]
fn a_transcoder_that_cannot_keep_up_loses_its_top_rung() {
    let mut world = World::new(Config::default());
    world.transcoder.delay = Duration::from_millis(1_300);
    Publisher { large: true, ..Publisher::default() }.publish(&mut world, seconds(30));
    assert_eq!(world.health, [HealthWarning::TranscoderBehind]);
    assert!(world.epoch.rungs().len() < 2);
    world.end();
    world.check_renditions();
}

#[test]
fn without_dropping_slow_rungs_lose_nothing() {
    let mut world = World::new(Config { drop_rungs: false, ..Config::default() });
    world.transcoder.delay = seconds(6);
    Publisher { large: true, ..Publisher::default() }.publish(&mut world, seconds(30));
    world.stop();
    world.advance_to(world.now + seconds(10));
    world.end();
    assert_eq!(numbers(&world.payloads("480p")).len(), 900);
}

#[test]
fn a_changed_picture_size_is_a_discontinuity_in_all_renditions() {
    let mut world = World::new(Config::default());
    let from = world.now;
    world.start();
    for (at, item) in (Publisher { large: true, ..Publisher::default() }).items(seconds(30)) {
        if at >= seconds(14)
            && matches!(&item, Item::Unit(unit) if unit.key && unit.track == TrackKind::Video)
            && at < Duration::from_millis(14_020)
        {
            let mut config = (*support::video_config()).clone();
            let mut avcc = config.avcc.to_vec();
            *avcc.last_mut().unwrap() ^= 1;
            config.avcc = avcc.into();
            world.item(Item::Config(media::TrackConfig::Video(config.into())), from + at);
        }
        world.item(item, from + at);
    }
    assert_eq!(world.windows["source"].segments.iter().filter(|segment| segment.discontinuity).count(), 1);
    assert_eq!(world.windows["source"].segments.last().unwrap().init, 1);
    assert_eq!(world.windows["480p"].segments.last().unwrap().init, 0);
    world.end();
    world.check_renditions();
    assert_eq!(numbers(&world.payloads("source")).len(), 900);
}

#[test]
fn after_a_crash_the_numbers_go_on_above_what_was_listed() {
    for away in [1, 3, 20, 400] {
        let mut world = World::new(Config::default());
        let publisher = Publisher { large: true, b_frames: 1, ..Publisher::default() };
        publisher.publish(&mut world, Duration::from_millis(15_700));
        let before = world.windows["source"].newest().unwrap();
        world.crash(seconds(away));
        let after = world.windows["source"].newest().unwrap();
        assert!(after > before, "{before:?} {after:?}");
        world.advance_to(world.now + seconds(2));
        publisher.publish(&mut world, seconds(15));
        let source = &world.windows["source"];
        assert!(!source.segments.last().unwrap().gap);
        let newest = source.segments.last().unwrap();
        let off = (world.wall_now() - newest.program_date_time).num_milliseconds() - newest.duration.as_ms();
        assert!((0..2_600).contains(&off), "PROGRAM-DATE-TIME is {off} ms off");
        world.stop();
        world.end();
        world.check_renditions();
        assert!(!world.windows["480p"].segments.iter().rev().nth(2).unwrap().gap, "the rungs are made again");
    }
}

#[test]
fn a_torn_journal_and_lost_bytes_become_gaps() {
    let mut world = World::new(Config::default());
    Publisher::default().publish(&mut world, Duration::from_millis(15_700));
    // The last seconds of both never reached the disk.
    world.journal.truncate(world.journal.len() - 2_001);
    let valid = {
        let mut reader = packager_core::journal::Reader::new(&world.journal);
        reader.by_ref().count();
        reader.valid_bytes()
    };
    world.journal.truncate(valid);
    let file = world.files.get_mut("source").unwrap();
    file.truncate(file.len() - 1_500);
    let before = world.windows["source"].newest().unwrap();
    world.windows.clear();
    world.crash(seconds(10));
    assert!(world.windows["source"].newest().unwrap().0 > before.0);
    assert!(world.windows["source"].segments.iter().any(|segment| segment.gap));
}

#[test]
fn an_ended_epoch_is_read_from_its_journal_as_it_was() {
    let mut world = World::new(Config::default());
    Publisher { large: true, ..Publisher::default() }.publish(&mut world, seconds(21));
    world.stop();
    world.end();
    let records = packager_core::journal::Reader::new(&world.journal);
    let files = &world.files;
    let archive = packager_core::epoch::Archive::open(records, |name| files[name].len() as u64).unwrap();
    assert_eq!(archive.multivariant.as_deref(), world.multivariant.as_deref());
    for window in &archive.windows {
        let live = &world.windows[&window.rendition];
        assert!(window.ended);
        assert_eq!(window.segments.len(), live.segments.len());
        for (a, b) in window.segments.iter().zip(live.segments.iter()) {
            assert_eq!((a.msn, &a.parts, a.duration, a.gap), (b.msn, &b.parts, b.duration, b.gap));
            assert_eq!(a.program_date_time.timestamp_micros(), b.program_date_time.timestamp_micros());
        }
    }
}

#[test]
fn a_publication_of_a_second_leaves_no_rendition_behind() {
    let mut world = World::new(Config::default());
    let publisher = Publisher { audio: Some((44_100, 2)), large: true, ..Publisher::default() };
    let from = world.now;
    world.start();
    for (at, item) in publisher.items(seconds(1)) {
        world.item(item, from + at);
    }
    world.advance_to(from + Duration::from_millis(2_200));
    world.stop();
    world.advance_to(from + seconds(12));
    for name in ["source", "audio"] {
        assert!(world.longest_wait[name] <= PART_WAIT_MAX, "{:?}", world.longest_wait);
    }
    world.end();
    world.check_renditions();
}

#[test]
fn a_beginning_that_was_never_announced_is_forgotten_after_a_crash() {
    let mut world = World::new(Config::default());
    let publisher = Publisher { audio: None, large: true, ..Publisher::default() };
    publisher.publish(&mut world, Duration::from_millis(500));
    world.stop();
    world.crash(seconds(0));
    publisher.publish(&mut world, Duration::from_millis(4_600));
    world.stop();
    world.crash(seconds(0));
    world.end();
    assert!(world.windows["source"].segments.first().unwrap().msn >= 65);
}

#[test]
fn a_rung_begins_where_the_publisher_returns_and_its_last_picture_is_not_drawn_out_to_there() {
    for outage_ms in [200, 350, 1_000] {
        let mut world = World::without_slate(Config::default());
        let publisher = Publisher { large: true, ..Publisher::default() };
        publisher.publish(&mut world, seconds(15));
        world.stop();
        world.advance_to(world.now + Duration::from_millis(outage_ms));
        publisher.publish(&mut world, seconds(6));
        world.stop();
        world.end();
        for segment in world.windows["240p"].segments.iter().filter(|segment| !segment.gap) {
            let source = world.windows["source"].segments.by_msn(segment.msn).unwrap();
            let apart = segment.starts_at.seconds() - source.starts_at.seconds();
            assert!(apart.abs() < 0.0025, "(33) {} begins {apart} s later after {outage_ms} ms", segment.msn);
        }
    }
}

#[test]
fn every_part_with_a_keyframe_in_it_is_said_to_be_independent() {
    // One in 0.32 s: every part that lasts as long has one, seldom as its first picture.
    let publisher = Publisher { fps: (25, 1), gop: 8, ..Publisher::default() };
    let mut world = World::new(Config::default());
    publisher.publish(&mut world, seconds(10));
    let parts = world.windows["source"].segments.iter().flat_map(|segment| &segment.parts);
    let long: Vec<_> = parts.filter(|part| part.duration.seconds() > 0.33).collect();
    assert!(long.len() > 10);
    assert!(long.iter().all(|part| part.independent), "(18) {long:?}");
}

#[test]
fn what_rungs_are_coded_as_is_known_after_a_crash() {
    let mut world = World::new(Config::default());
    Publisher { large: true, ..Publisher::default() }.publish(&mut world, seconds(10));
    let codecs = |world: &World| {
        let variants = &world.multivariant.as_ref().unwrap().variants;
        variants.iter().map(|variant| variant.codec.clone()).collect::<Vec<_>>()
    };
    let before = codecs(&world);
    world.crash(Duration::from_millis(700));
    world.advance_to(world.now + seconds(2));
    assert_eq!(codecs(&world), before, "(28)");
}
