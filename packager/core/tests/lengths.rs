//! No segment rounds above the target duration (rule 7), however long its pictures last and whenever they stop.
//! The suspicious player in `support` looks at every window.

mod support;

use std::time::Duration;

use media::Item;
use packager_core::epoch::Config;
use support::{Publisher, World};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Publishes for `length`, but what is sent in `hole` never arrives.
fn publish_with_hole(world: &mut World, publisher: &Publisher, length: Duration, hole: (Duration, Duration)) {
    let from = world.now;
    world.start();
    for (at, item) in publisher.items(length) {
        let lost = at >= hole.0 && at < hole.1;
        if !lost || matches!(item, Item::Config(_)) {
            world.item(item, from + at);
        }
    }
    world.advance_to(from + length);
}

#[test]
fn a_rung_that_was_behind_at_a_crash_begins_no_segment_too_early() {
    for (delay, gop) in [(120, 60), (500, 60), (1_500, 119), (2_500, 90)] {
        for length in (2_000..9_000).step_by(227) {
            let publisher = Publisher { gop, large: true, ..Publisher::default() };
            let mut world = World::without_slate(Config { drop_rungs: false, ..Config::default() });
            world.transcoder.delay = ms(delay);
            publisher.publish(&mut world, ms(length));
            world.crash(ms(700));
            world.advance_to(world.now + ms(9_000));
            world.check_renditions();
        }
    }
}

#[test]
fn pictures_that_come_too_seldom_are_repeated_no_further_than_a_segment_may_last() {
    // Every second picture is lost, so that the source is withheld and the rungs repeat what is missing.
    let publisher = Publisher {
        fps: (22, 1),
        gop: 98,
        audio: None,
        large: true,
        milliseconds: false,
        lose_every: Some(2),
        ..Publisher::default()
    };
    for from in (3_900..4_600).step_by(53) {
        for lasts in [200, 454, 900, 1_500] {
            let mut world = World::without_slate(Config { drop_rungs: false, ..Config::default() });
            Publisher { gop: 7, fps: (25, 1), lose_every: None, ..publisher.clone() }
                .publish(&mut world, ms(2_620));
            world.stop();
            publish_with_hole(&mut world, &publisher, ms(7_000), (ms(from), ms(from + lasts)));
            world.stop();
            world.end();
            world.check_renditions();
        }
    }
}

#[test]
fn a_process_that_was_stopped_for_a_while_makes_up_for_it_in_segments_of_a_legal_length() {
    let screen = Publisher { fps: (1, 1), gop: 4, large: true, ..Publisher::default() };
    for (stopped_for, length) in [(1_000, 9_300), (2_900, 10_400), (7_000, 11_900), (20_000, 9_300)] {
        let mut world = World::without_slate(Config { drop_rungs: false, ..Config::default() });
        screen.publish(&mut world, ms(length));
        world.sleep_through(ms(stopped_for));
        world.advance_to(world.now + ms(6_000));
        world.stop();
        world.end();
        world.check_renditions();
    }
}

#[test]
fn pictures_of_any_duration_are_cut_into_segments_of_a_legal_length() {
    let rates =
        [(1, 2), (1, 1), (3, 2), (19, 10), (2, 1), (21, 10), (5, 2), (7, 2), (9, 2), (11, 1), (120, 1)];
    for fps in rates {
        for gop in [1, 9, 44, 1_000] {
            for (milliseconds, b_frames) in [(true, 0), (false, 0), (true, 2)] {
                let publisher =
                    Publisher { fps, gop, milliseconds, b_frames, large: true, ..Publisher::default() };
                let mut world = World::new(Config::default());
                publisher.publish(&mut world, ms(12_000));
                world.stop();
                world.end();
                world.check_renditions();
            }
        }
    }
}

#[test]
fn sound_that_comes_back_later_than_the_cut_begins_after_a_gap_where_the_segment_before_is_full() {
    // No silence is known for this rate, so that its absence is listed as gaps.
    let rate = Some((16_000, 2));
    let pictures = Publisher { fps: (30, 1), gop: 132, audio: None, large: true, ..Publisher::default() };
    for length in (4_300..4_600).step_by(7) {
        for b_frames in [0, 2] {
            let mut world = World::without_slate(Config::default());
            Publisher { gop: 131, audio: rate, ..pictures.clone() }.publish(&mut world, ms(513));
            world.stop();
            Publisher { b_frames, milliseconds: false, ..pictures.clone() }.publish(&mut world, ms(length));
            world.stop();
            Publisher { video: false, audio: rate, ..pictures.clone() }.publish(&mut world, ms(500));
            world.stop();
            world.end();
            world.check_renditions();
        }
    }
}
