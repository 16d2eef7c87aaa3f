use std::sync::Arc;

use chrono::DateTime;
use hls::{
    playlist::Skip,
    window::{self, Segment, SegmentList},
};
use media::MediaTime;
use proptest::prelude::*;

use super::*;

fn segment(msn: u64, parts: usize) -> Segment {
    let part =
        window::Part { duration: MediaTime::from_ms(500), independent: false, gap: false, size_bytes: 1 };
    Segment {
        msn,
        starts_at: MediaTime::from_ms(0),
        program_date_time: DateTime::UNIX_EPOCH,
        discontinuity: false,
        discontinuity_sequence: 0,
        init: 0,
        gap: false,
        unrecorded: false,
        slate: None,
        parts: vec![part; parts],
        duration: MediaTime::from_ms(2_000),
    }
}

/// Segments 5 to 7 of four parts are finished; of segment 8 there are `open_parts` (0: not begun).
fn window(open_parts: usize) -> Window {
    let mut segments = SegmentList::default();
    (5..8).for_each(|msn| segments.push(Arc::new(segment(msn, 4))));
    Window {
        version: 1,
        rendition: "720p".into(),
        figures: Figures::default(),
        segments,
        live_from_msn: 5,
        parts_from_msn: 5,
        open: (open_parts > 0).then(|| segment(8, open_parts)),
        hint: Some((8, u32::try_from(open_parts).unwrap())),
        reports: Vec::new(),
        ended: false,
    }
}

fn check(window: &Window, cases: &[(u64, Option<u64>, Reload)]) {
    for &(msn, part, expected) in cases {
        let directives = Directives { until: Some((msn, part)), skip: Skip::No };
        assert_eq!(reload(window, &directives), expected, "wants {msn} part {part:?}");
    }
}

#[test]
fn without_a_directive_the_playlist_is_served_at_once() {
    assert_eq!(reload(&window(2), &Directives { until: None, skip: Skip::Yes }), Reload::Serve);
}

#[test]
fn what_is_listed_or_gone_is_served_at_once_and_the_next_is_held() {
    check(
        &window(2),
        &[
            (0, None, Reload::Serve),
            (0, Some(99), Reload::Serve),
            (7, None, Reload::Serve),
            (7, Some(3), Reload::Serve),
            (8, Some(1), Reload::Serve),
            (8, Some(2), Reload::Hold),
            (8, None, Reload::Hold),
            (9, None, Reload::Hold),
            (9, Some(0), Reload::Hold),
        ],
    );
}

#[test]
fn a_part_past_the_end_of_its_segment_is_part_0_of_the_next() {
    check(&window(1), &[(7, Some(4), Reload::Serve), (7, Some(1_000), Reload::Serve)]);
    check(
        &window(0),
        &[(7, Some(3), Reload::Serve), (7, Some(4), Reload::Hold), (7, Some(1_000), Reload::Hold)],
    );
}

#[test]
fn what_no_player_can_want_yet_is_a_bad_request() {
    // 3 s over parts of 0.54 s: five parts ahead.
    check(
        &window(2),
        &[
            (10, None, Reload::TooFarAhead),
            (10, Some(0), Reload::TooFarAhead),
            (u64::MAX, None, Reload::TooFarAhead),
            (8, Some(6), Reload::Hold),
            (8, Some(7), Reload::TooFarAhead),
            (8, Some(u64::MAX), Reload::TooFarAhead),
            (9, Some(4), Reload::Hold),
            (9, Some(5), Reload::TooFarAhead),
        ],
    );
}

#[test]
fn before_the_first_part_the_first_ones_are_held() {
    let mut window = window(0);
    window.segments = SegmentList::default();
    window.hint = Some((0, 0));
    window.live_from_msn = 0;
    check(
        &window,
        &[
            (0, Some(0), Reload::Hold),
            (0, None, Reload::Hold),
            (1, None, Reload::Hold),
            (2, None, Reload::TooFarAhead),
        ],
    );
}

#[test]
fn after_the_end_directives_are_ignored() {
    let mut window = window(0);
    window.ended = true;
    window.hint = None;
    check(&window, &[(8, Some(0), Reload::Serve), (999, Some(999), Reload::Serve)]);
    assert_eq!(part(&window, 8, 0), Part::Unknown);
    assert_eq!(part(&window, 7, 3), Part::Serve);
}

#[test]
fn only_the_hinted_part_is_held() {
    for (msn, index, expected) in [
        (5, 0, Part::Serve),
        (7, 3, Part::Serve),
        (8, 1, Part::Serve),
        (8, 2, Part::Hold),
        (8, 3, Part::Unknown),
        (9, 0, Part::Unknown),
        (u64::MAX, u32::MAX, Part::Unknown),
    ] {
        assert_eq!(part(&window(2), msn, index), expected, "{msn}.{index}");
    }
}

#[test]
fn segments_restored_without_their_parts_count_as_finished() {
    let mut window = window(0);
    window.segments.push(Arc::new(segment(8, 0)));
    window.hint = Some((9, 0));
    check(
        &window,
        &[
            (8, None, Reload::Serve),
            (7, Some(3), Reload::Serve),
            (8, Some(0), Reload::Hold),
            (9, Some(0), Reload::Hold),
        ],
    );
}

#[test]
fn a_request_is_held_for_three_target_durations() {
    assert_eq!(hold_max(&Figures::default()), Duration::from_secs(12));
}

proptest! {
    #[test]
    fn a_held_request_is_served_by_some_later_window(
        open_parts in 0usize..6,
        msn in 0u64..12,
        part in prop::option::of(0u64..12),
    ) {
        let directives = Directives { until: Some((msn, part)), skip: Skip::No };
        if reload(&window(open_parts), &directives) == Reload::Hold {
            let mut later = window(0);
            (8..12).for_each(|msn| later.segments.push(Arc::new(segment(msn, 4))));
            prop_assert_eq!(reload(&later, &directives), Reload::Serve);
        }
    }

    #[test]
    fn a_served_request_stays_served_while_the_window_grows(
        open_parts in 0usize..6,
        msn in 0u64..12,
        part in prop::option::of(0u64..12),
    ) {
        let directives = Directives { until: Some((msn, part)), skip: Skip::No };
        if reload(&window(open_parts), &directives) == Reload::Serve {
            prop_assert_eq!(reload(&window(open_parts + 1), &directives), Reload::Serve);
        }
    }
}
