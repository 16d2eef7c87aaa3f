//! What windows hold, as text that a person can read.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

mod support;

use std::{fmt::Write as _, time::Duration};

use hls::window::{Segment, Window};
use media::{Item, TrackKind};
use packager_core::epoch::Config;
use support::{Publisher, World};

fn segment(segment: &Segment, listed: bool, text: &mut String) {
    let marks =
        [("gap", segment.gap), ("discontinuity", segment.discontinuity), ("slate", segment.slate.is_some())];
    let marks: String = marks.iter().filter(|(_, is)| *is).map(|(mark, _)| format!(" {mark}")).collect();
    let date = segment.program_date_time.format("%H:%M:%S%.3f");
    let (start, length) = (segment.starts_at.seconds(), segment.duration.seconds());
    writeln!(text, "{} at {start:.4} for {length:.4}, {date}, init {}{marks}", segment.msn, segment.init)
        .unwrap();
    for part in segment.parts.iter().filter(|_| listed) {
        let kind = if part.gap {
            "gap"
        } else if part.independent {
            "independent"
        } else {
            ""
        };
        writeln!(text, "  {:.4} {} bytes {kind}", part.duration.seconds(), part.size_bytes).unwrap();
    }
}

fn text(window: &Window) -> String {
    let mut text = String::new();
    writeln!(
        text,
        "{}: live from {}, parts from {}",
        window.rendition, window.live_from_msn, window.parts_from_msn
    )
    .unwrap();
    for finished in window.segments.iter() {
        segment(finished, finished.msn >= window.parts_from_msn, &mut text);
    }
    if let Some(open) = &window.open {
        text.push_str("open ");
        segment(open, true, &mut text);
    }
    writeln!(text, "hint {:?}, ended {}", window.hint, window.ended).unwrap();
    for report in &window.reports {
        writeln!(text, "{} stands at {}.{:?}", report.rendition, report.last_msn, report.last_part).unwrap();
    }
    text
}

#[test]
fn a_steady_publication() {
    let mut world = World::new(Config::default());
    Publisher { fps: (25, 1), gop: 50, large: true, ..Publisher::default() }
        .publish(&mut world, Duration::from_millis(9_700));
    for name in ["source", "480p", "audio"] {
        insta::assert_snapshot!(format!("steady_{name}"), text(&world.windows[name]));
    }
    let multivariant = world.multivariant.as_ref().unwrap();
    insta::assert_snapshot!("steady_multivariant", format!("{multivariant:#?}"));
}

#[test]
fn a_publisher_who_was_away_for_three_seconds() {
    away_for_three_seconds("away", World::new(Config::default()));
}

#[test]
fn a_publisher_who_was_away_where_no_slate_can_be_made() {
    away_for_three_seconds("away_gaps", World::without_slate(Config::default()));
}

#[test]
fn pictures_that_stay_away_while_sound_goes_on() {
    let mut world = World::new(Config::default());
    let publisher = Publisher { fps: (25, 1), gop: 50, large: true, ..Publisher::default() };
    let from = world.now;
    world.start();
    for (at, item) in publisher.items(Duration::from_secs(20)) {
        let lost = (Duration::from_millis(7_300)..Duration::from_millis(11_100)).contains(&at);
        if !(lost && matches!(&item, Item::Unit(unit) if unit.track == TrackKind::Video)) {
            world.item(item, from + at);
        }
    }
    for name in ["source", "480p", "audio"] {
        insta::assert_snapshot!(format!("pictures_away_{name}"), text(&world.windows[name]));
    }
}

fn away_for_three_seconds(named: &str, mut world: World) {
    let publisher = Publisher { fps: (25, 1), gop: 50, large: true, ..Publisher::default() };
    publisher.publish(&mut world, Duration::from_millis(7_300));
    world.stop();
    world.advance_to(world.now + Duration::from_secs(3));
    publisher.publish(&mut world, Duration::from_millis(5_000));
    for name in ["source", "480p", "audio"] {
        insta::assert_snapshot!(format!("{named}_{name}"), text(&world.windows[name]));
    }
    world.stop();
    world.end();
    insta::assert_snapshot!(format!("{named}_source_ended"), text(&world.windows["source"]));
}
