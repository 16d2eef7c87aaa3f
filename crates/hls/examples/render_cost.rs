//! What playlists of a three-hour session cost: `cargo run --release -p hls --example render_cost`.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a stop watch that prints its figures")]

use std::{hint::black_box, sync::Arc, time::Instant};

use chrono::{DateTime, TimeDelta};
use hls::{
    playlist::{Skip, View, media_playlist},
    window::{Figures, Part, Segment, SegmentList, Window},
};
use media::MediaTime;

const SEGMENTS: u64 = 2_700;
const RUNS: u32 = 200;

fn main() {
    let window = three_hours();
    for (name, view, skip) in [
        ("live window", View::Live, Skip::No),
        ("live delta", View::Live, Skip::Yes),
        ("whole EVENT list", View::Dvr, Skip::No),
        ("EVENT delta", View::Dvr, Skip::Yes),
    ] {
        let first = Instant::now();
        let bytes = media_playlist(&window, view, skip).len();
        let first = first.elapsed();
        // The fastest of many: other work on the machine only ever adds.
        let fastest = (0..RUNS).map(|_| {
            let began = Instant::now();
            black_box(media_playlist(black_box(&window), view, skip));
            began.elapsed()
        });
        let fastest = fastest.min().expect("at least one run");
        println!("{name}: {bytes} bytes, {fastest:?} (the first time {first:?})");
    }
}

fn three_hours() -> Window {
    let start = DateTime::from_timestamp(1_763_680_000, 0).expect("a date of our own");
    let part = Part { duration: MediaTime::from_ms(500), independent: true, gap: false, size_bytes: 100_000 };
    let segment = |msn: u64, parts| {
        let starts_ms = i64::try_from(msn * 4_000).expect("three hours");
        Segment {
            msn,
            starts_at: MediaTime::from_ms(starts_ms),
            program_date_time: start + TimeDelta::milliseconds(starts_ms),
            discontinuity: false,
            discontinuity_sequence: 0,
            init: 0,
            gap: false,
            unrecorded: false,
            slate: None,
            parts: vec![part.clone(); parts],
            duration: MediaTime::from_ms(4_000),
        }
    };
    let mut segments = SegmentList::default();
    (0..SEGMENTS).for_each(|msn| segments.push(Arc::new(segment(msn, 8))));
    Window {
        version: 1,
        rendition: "source".into(),
        figures: Figures::default(),
        segments,
        live_from_msn: SEGMENTS - 15,
        parts_from_msn: SEGMENTS - 3,
        open: Some(segment(SEGMENTS, 3)),
        hint: Some((SEGMENTS, 3)),
        reports: Vec::new(),
        ended: false,
    }
}
