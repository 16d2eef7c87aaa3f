use std::sync::Arc;

use chrono::DateTime;
use hls::window::{Figures, Segment, SegmentList};

use super::*;

#[expect(clippy::disallowed_methods, reason = "any instant will do to count from")]
fn start() -> Instant {
    Instant::now()
}

fn session(n: u8) -> SessionId {
    SessionId::from_parts(1, [n; 10])
}

#[test]
fn a_viewer_watches_until_half_a_minute_after_the_last_request() {
    let began = start();
    let at = |seconds| began + Duration::from_secs(seconds);
    let mut viewers = Viewers::default();
    viewers.seen(session(1), 7, at(0));
    viewers.seen(session(1), 8, at(0));
    viewers.seen(session(2), 7, at(0));
    viewers.seen(session(1), 7, at(20));
    assert_eq!((viewers.watching(session(1), at(30)), viewers.watching(session(2), at(30))), (2, 1));
    assert_eq!((viewers.watching(session(1), at(31)), viewers.watching(session(2), at(31))), (1, 0));
    assert_eq!(viewers.watching(session(1), at(50)), 1);
    assert_eq!(viewers.watching(session(1), at(51)), 0);
    assert!(viewers.last_seen.is_empty() && viewers.by_time.is_empty() && viewers.count.is_empty());
}

#[test]
fn no_more_viewers_are_counted_than_the_limit() {
    let now = start();
    let mut viewers = Viewers::default();
    (0..COUNTED_MAX as u64 + 5).for_each(|sid| viewers.seen(session(1), sid, now));
    assert_eq!(viewers.watching(session(1), now), COUNTED_MAX);
    viewers.seen(session(2), 1, now + SEEN_FOR + Duration::from_secs(1));
    assert_eq!(viewers.last_seen.len(), 1);
}

#[test]
fn holds_are_limited_in_all_and_for_each_viewer() {
    let mut holds = Holds::new(4, 2);
    assert!(holds.begin(Some(1)) && holds.begin(Some(1)));
    assert!(!holds.begin(Some(1)));
    assert!(holds.begin(None) && holds.begin(None));
    assert!(!holds.begin(Some(2)) && !holds.begin(None));
    holds.end(Some(1));
    assert!(holds.begin(Some(2)));
    for sid in [Some(1), Some(2), None, None] {
        holds.end(sid);
    }
    assert_eq!((holds.held(), holds.by_sid.len()), (0, 0));
}

fn window() -> Window {
    let mut segments = SegmentList::default();
    for msn in 0..200u64 {
        segments.push(Arc::new(Segment {
            msn,
            starts_at: MediaTime::from_ms(i64::try_from(msn).unwrap() * 2_000),
            program_date_time: DateTime::UNIX_EPOCH,
            discontinuity: false,
            discontinuity_sequence: 0,
            init: 0,
            gap: false,
            unrecorded: false,
            slate: None,
            parts: Vec::new(),
            duration: MediaTime::from_ms(2_000),
        }));
    }
    Window {
        version: 1,
        rendition: "720p".into(),
        figures: Figures::default(),
        segments,
        live_from_msn: 170,
        parts_from_msn: 190,
        open: None,
        hint: Some((200, 0)),
        reports: Vec::new(),
        ended: false,
    }
}

#[test]
fn the_live_view_reaches_back_as_far_as_its_list_promised() {
    let live = Classes::only(Class::Live);
    for (msn, open) in [(200, true), (170, true), (140, true), (138, true), (137, false), (0, false)] {
        assert_eq!(may_fetch(&window(), live, msn), open, "{msn}");
    }
    assert!(may_fetch(&window(), live.and(Class::Dvr), 0));
    assert!(may_fetch(&window(), Classes::only(Class::Vod), 0));
}
