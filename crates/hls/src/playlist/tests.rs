//! Golden texts, and the property that an independent parser reads back what the window says.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use media::Timescale;
use proptest::prelude::*;
use quick_m3u8::{
    HlsLine, Reader,
    config::ParsingOptionsBuilder,
    tag::{KnownTag, hls::Tag},
};

use super::*;
use crate::window::{Part, Report, Segment, SegmentList, Slate};

/// A segment of `parts` parts of half a second, the first one independent, and what `change` makes of it.
fn segment(msn: u64, parts: usize, change: impl FnOnce(&mut Segment)) -> Segment {
    let part =
        |independent| Part { duration: MediaTime::from_ms(500), independent, gap: false, size_bytes: 60_000 };
    let starts_ms = i64::try_from(msn).unwrap() * 2_000;
    let mut segment = Segment {
        msn,
        starts_at: MediaTime::from_ms(starts_ms),
        program_date_time: DateTime::from_timestamp(1_763_680_000, 120_000_000).unwrap()
            + TimeDelta::milliseconds(starts_ms),
        discontinuity: false,
        discontinuity_sequence: 0,
        init: 0,
        gap: false,
        unrecorded: false,
        slate: None,
        parts: (0..parts).map(|index| part(index == 0)).collect(),
        duration: MediaTime::from_ms(0),
    };
    change(&mut segment);
    segment.duration = segment.parts.iter().fold(MediaTime::from_ms(0), |sum, part| sum.plus(part.duration));
    segment
}

fn window(segments: impl IntoIterator<Item = Segment>, open: Option<Segment>) -> Window {
    let mut list = SegmentList::default();
    segments.into_iter().for_each(|segment| list.push(Arc::new(segment)));
    let end = list.last().map_or(0, |last| last.msn + 1);
    let first = list.first().map_or(0, |first| first.msn);
    let open_parts = open.as_ref().map_or(0, |open| u32::try_from(open.parts.len()).unwrap());
    Window {
        version: 1,
        rendition: "720p".into(),
        figures: Figures::default(),
        live_from_msn: end.saturating_sub(30).max(first),
        parts_from_msn: end.saturating_sub(6),
        hint: Some((end, open_parts)),
        reports: vec![Report {
            rendition: "audio".into(),
            last_msn: end,
            last_part: open_parts.checked_sub(1),
        }],
        segments: list,
        open,
        ended: false,
    }
}

#[test]
fn what_is_not_recorded_is_media_in_the_live_view_and_a_gap_in_the_others() {
    let mut list = SegmentList::default();
    (1..=200).for_each(|msn| {
        list.push(Arc::new(segment(msn, 4, |segment| segment.unrecorded = msn % 100 == 0)));
    });
    let window = Window {
        version: 1,
        rendition: "source".to_owned(),
        figures: Figures::default(),
        segments: list,
        live_from_msn: 1,
        parts_from_msn: 195,
        open: None,
        hint: None,
        reports: Vec::new(),
        ended: true,
    };
    let gaps = |view| media_playlist(&window, view, Skip::No).matches("#EXT-X-GAP").count();
    assert_eq!((gaps(View::Live), gaps(View::Dvr), gaps(View::Vod)), (0, 2, 2));
    let dvr = media_playlist(&window, View::Dvr, Skip::No);
    assert!(dvr.contains("200.3.m4s\"\n#EXT-X-GAP"), "its parts are there while they are listed");
}

#[test]
fn the_live_window_of_a_lecture_just_begun() {
    let window = window([segment(0, 4, |_| {})], Some(segment(1, 2, |_| {})));
    insta::assert_snapshot!(media_playlist(&window, View::Live, Skip::Yes));
}

#[test]
fn before_the_first_segment_is_finished_there_are_parts() {
    insta::assert_snapshot!(media_playlist(&window([], Some(segment(0, 1, |_| {}))), View::Live, Skip::No));
}

fn with_a_slate() -> Window {
    let since = segment(8, 0, |_| {}).program_date_time;
    let slate = |segment: &mut Segment| {
        segment.slate = Some(Slate { first_msn: 8, since });
        segment.discontinuity = true;
        segment.discontinuity_sequence = 1;
        segment.init = 1;
    };
    let hole = |segment: &mut Segment| {
        segment.slate = Some(Slate { first_msn: 8, since });
        segment.discontinuity_sequence = 1;
        segment.init = 1;
        segment.gap = true;
        segment
            .parts
            .iter_mut()
            .for_each(|part| *part = Part { gap: true, independent: false, ..part.clone() });
    };
    let back = |segment: &mut Segment| {
        segment.discontinuity = true;
        segment.discontinuity_sequence = 2;
        segment.init = 2;
    };
    let mut window = window(
        [segment(7, 4, |_| {}), segment(8, 4, slate), segment(9, 4, hole), segment(10, 4, back)],
        Some(segment(11, 3, |open| {
            open.discontinuity_sequence = 2;
            open.init = 2;
        })),
    );
    window.parts_from_msn = 9;
    window
}

#[test]
fn a_slate_and_a_hole_stand_between_discontinuities() {
    insta::assert_snapshot!("slate_live", media_playlist(&with_a_slate(), View::Live, Skip::No));
    insta::assert_snapshot!("slate_dvr", media_playlist(&with_a_slate(), View::Dvr, Skip::No));
}

#[test]
fn discontinuities_that_left_the_window_are_counted() {
    let mut window = with_a_slate();
    for (from, sequence) in [(7, 0), (8, 0), (9, 1), (10, 1)] {
        window.live_from_msn = from;
        let text = media_playlist(&window, View::Live, Skip::No);
        assert!(text.contains(&format!("#EXT-X-DISCONTINUITY-SEQUENCE:{sequence}\n")), "from {from}");
    }
}

#[test]
fn an_ended_epoch_lists_nothing_more_to_come() {
    let mut window = with_a_slate();
    window.open = None;
    window.hint = None;
    window.ended = true;
    insta::assert_snapshot!("ended_live", media_playlist(&window, View::Live, Skip::Yes));
    insta::assert_snapshot!("ended_vod", media_playlist(&window, View::Vod, Skip::Yes));
}

fn long_session(segments: u64) -> Window {
    window((100..100 + segments).map(|msn| segment(msn, 4, |_| {})), Some(segment(100 + segments, 1, |_| {})))
}

#[test]
fn a_delta_update_of_a_whole_session() {
    insta::assert_snapshot!(media_playlist(&long_session(2_700), View::Dvr, Skip::Yes));
}

#[test]
fn the_skip_boundary_is_kept_exactly() {
    // Segments of 2 s and an open one of 0.5 s: the end of the 12th from the end is 22.5 s from the end,
    // that of the 13th 24.5 s, which is over the boundary of 24 s.
    let text = media_playlist(&long_session(100), View::Dvr, Skip::Yes);
    assert!(text.contains("#EXT-X-SKIP:SKIPPED-SEGMENTS=88\n"), "{text}");
    let few = media_playlist(&long_session(12), View::Dvr, Skip::Yes);
    assert_eq!(few, media_playlist(&long_session(12), View::Dvr, Skip::No));
}

#[test]
fn the_kept_text_of_old_segments_is_the_text_they_would_get_now() {
    let window = long_session(200);
    let first = media_playlist(&window, View::Dvr, Skip::No);
    assert_eq!(media_playlist(&window, View::Dvr, Skip::No), first);
    assert_eq!(first.matches("#EXTINF").count(), 200);
    let renamed = Window { rendition: "480p".into(), ..window.clone() };
    assert_eq!(media_playlist(&renamed, View::Dvr, Skip::No), first.replace("/720p/", "/480p/"));
    let mut ended = window;
    ended.ended = true;
    ended.open = None;
    assert!(!media_playlist(&ended, View::Vod, Skip::No).contains("EXT-X-PART"));
}

fn variants() -> Multivariant {
    let variant = |rendition: &str, bandwidth, codec: &str, width, height, frame_rate| Variant {
        rendition: rendition.into(),
        bandwidth,
        average_bandwidth: bandwidth * 8 / 10,
        codec: codec.into(),
        width,
        height,
        frame_rate,
    };
    Multivariant {
        figures: Figures::default(),
        variants: vec![
            variant("source", 6_200_000, "avc1.640028", 1920, 1080, 60.0),
            variant("720p", 2_900_000, "avc1.64001F", 1280, 720, 30_000.0 / 1_001.0),
        ],
        audio: Some(Audio {
            rendition: "audio".into(),
            bandwidth: 140_000,
            average_bandwidth: 130_000,
            codec: "mp4a.40.2".into(),
            channels: 2,
        }),
    }
}

#[test]
fn the_multivariant_playlists() {
    insta::assert_snapshot!("multivariant", multivariant(&variants()));
    insta::assert_snapshot!("multivariant_silent", multivariant(&Multivariant { audio: None, ..variants() }));
    let audio = Multivariant { variants: Vec::new(), ..variants() };
    insta::assert_snapshot!("multivariant_audio", multivariant(&audio));
    assert_eq!(audio_only(&variants()), Some(multivariant(&audio)));
    assert_eq!(audio_only(&Multivariant { audio: None, ..variants() }), None);
}

/// What an independent parser found, in whole numbers.
#[derive(Debug, Default, PartialEq)]
struct Read {
    media_sequence: u64,
    discontinuity_sequence: u64,
    skipped: u64,
    segments: Vec<ReadSegment>,
    /// What follows the last URI: the growing segment.
    open: ReadSegment,
    hint: Option<String>,
    reports: Vec<(String, u64, Option<u64>)>,
    ended: bool,
    /// EXT-X-DATERANGE: ID, START-DATE, END-DATE.
    slates: Vec<(String, String, Option<String>)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct ReadSegment {
    uri: String,
    duration_us10: i64,
    discontinuity: bool,
    map: Option<String>,
    program_date_time: Option<String>,
    gap: bool,
    parts: Vec<(String, i64, bool, bool)>,
}

#[expect(clippy::cast_possible_truncation, reason = "durations of a test")]
fn us10(seconds: f64) -> i64 {
    (seconds * 100_000.0).round() as i64
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every tag that we do not write is a failure")]
fn parse(text: &str) -> Read {
    let mut options = ParsingOptionsBuilder::new();
    options.with_parsing_for_all_tags();
    let mut reader = Reader::from_str(text, options.build());
    let mut read = Read::default();
    let mut now = ReadSegment::default();
    while let Some(line) = reader.read_line().unwrap() {
        match line {
            HlsLine::Uri(uri) => {
                now.uri = uri.into_owned();
                read.segments.push(std::mem::take(&mut now));
            }
            HlsLine::KnownTag(KnownTag::Hls(tag)) => match tag {
                Tag::M3u(_) | Tag::Version(_) | Tag::IndependentSegments(_) | Tag::PlaylistType(_) => {}
                Tag::Targetduration(tag) => assert_eq!(tag.target_duration(), 4),
                Tag::ServerControl(tag) => {
                    assert!(tag.can_block_reload() && !tag.can_skip_dateranges());
                    assert_eq!(tag.part_hold_back(), Some(1.62));
                    assert_eq!((tag.hold_back(), tag.can_skip_until()), (Some(12.0), Some(24.0)));
                }
                Tag::PartInf(tag) => assert!((tag.part_target() - 0.54).abs() < 1e-9),
                Tag::MediaSequence(tag) => read.media_sequence = tag.media_sequence(),
                Tag::DiscontinuitySequence(tag) => {
                    read.discontinuity_sequence = tag.discontinuity_sequence();
                }
                Tag::Skip(tag) => read.skipped = tag.skipped_segments(),
                Tag::Discontinuity(_) => now.discontinuity = true,
                Tag::Map(tag) => now.map = Some(tag.uri().to_owned()),
                Tag::ProgramDateTime(tag) => {
                    now.program_date_time = Some(tag.program_date_time().to_string())
                }
                Tag::Gap(_) => now.gap = true,
                Tag::Inf(tag) => now.duration_us10 = us10(tag.duration()),
                Tag::Part(tag) => {
                    now.parts.push((tag.uri().to_owned(), us10(tag.duration()), tag.independent(), tag.gap()))
                }
                Tag::PreloadHint(tag) => {
                    assert_eq!(read.hint.replace(tag.uri().to_owned()), None);
                    read.open = std::mem::take(&mut now);
                }
                Tag::RenditionReport(tag) => {
                    read.reports.push((tag.uri().to_owned(), tag.last_msn(), tag.last_part()));
                }
                Tag::Daterange(tag) => {
                    assert_eq!(tag.class(), Some("lectern.slate"));
                    let (start, end) = (tag.start_date().unwrap().to_string(), tag.end_date());
                    read.slates.push((tag.id().to_owned(), start, end.map(|end| end.to_string())));
                }
                Tag::Endlist(_) => read.ended = true,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
    if now != ReadSegment::default() {
        read.open = now;
    }
    read
}

/// What a parser should find in the full playlist of a window.
fn expected(window: &Window, view: View) -> Read {
    let folder = match view {
        View::Live => String::new(),
        View::Dvr | View::Vod => format!("../../{}/", window.rendition),
    };
    let listed: Vec<&Segment> = window
        .segments
        .iter()
        .map(AsRef::as_ref)
        .filter(|segment| view != View::Live || segment.msn >= window.live_from_msn)
        .collect();
    let ticks = |time: MediaTime| time.rescale(Timescale::new(100_000)).ticks();
    let mut init = None;
    let mut say = |segment: &Segment, finished: bool| {
        let changed = init.replace(segment.init) != Some(segment.init);
        let listed = view != View::Vod && (!finished || segment.msn >= window.parts_from_msn);
        let parts = segment.parts.iter().enumerate().filter(|_| listed);
        ReadSegment {
            uri: if finished { format!("{folder}{}.m4s", segment.msn) } else { String::new() },
            duration_us10: if finished { ticks(segment.duration) } else { 0 },
            discontinuity: segment.discontinuity,
            map: changed.then(|| format!("{folder}init-{}.mp4", segment.init)),
            program_date_time: Some(quick_time(segment.program_date_time)),
            gap: finished && segment.gap,
            parts: parts
                .map(|(index, part)| {
                    let uri = format!("{folder}{}.{index}.m4s", segment.msn);
                    (uri, ticks(part.duration), part.independent, part.gap)
                })
                .collect(),
        }
    };
    let segments = listed.iter().map(|segment| say(segment, true)).collect();
    let open = window.open.as_ref().filter(|_| view != View::Vod).map(|open| say(open, false));
    let first = listed.first().copied().or(window.open.as_ref());
    Read {
        media_sequence: first.map_or(window.live_from_msn, |first| first.msn),
        discontinuity_sequence: first
            .map_or(0, |first| first.discontinuity_sequence - u64::from(first.discontinuity)),
        skipped: 0,
        segments,
        open: open.unwrap_or_default(),
        hint: window
            .hint
            .filter(|_| view != View::Vod && !window.ended)
            .map(|(msn, part)| format!("{folder}{msn}.{part}.m4s")),
        reports: window
            .reports
            .iter()
            .filter(|_| view != View::Vod)
            .map(|report| {
                let uri = format!("../{}/index.m3u8", report.rendition);
                (uri, report.last_msn, report.last_part.map(u64::from))
            })
            .collect(),
        ended: window.ended || view == View::Vod,
        slates: expected_slates(window, view),
    }
}

/// Every slate when it begins (or where the playlist begins with it), and once more with its end.
fn expected_slates(window: &Window, view: View) -> Vec<(String, String, Option<String>)> {
    let in_view = |segment: &&Segment| view != View::Live || segment.msn >= window.live_from_msn;
    let finished = window.segments.iter().map(AsRef::as_ref).filter(in_view);
    let growing = window.open.iter().filter(|open| view != View::Vod && !open.parts.is_empty());
    let mut slates = Vec::new();
    let mut now: Option<Slate> = None;
    let say = |slate: Slate, end: Option<DateTime<chrono::Utc>>| {
        (format!("slate-{}", slate.first_msn), quick_time(slate.since), end.map(quick_time))
    };
    for segment in finished.chain(growing) {
        if now != segment.slate {
            slates.extend(now.map(|slate| say(slate, Some(segment.program_date_time))));
            slates.extend(segment.slate.map(|slate| say(slate, None)));
            now = segment.slate;
        }
    }
    if let (Some(last), true) =
        (window.segments.last().and_then(|last| Some((last, last.slate?))), window.ended)
    {
        let length = TimeDelta::from_std(last.0.duration.as_duration()).unwrap();
        slates.push(say(last.1, Some(last.0.program_date_time + length)));
    }
    slates
}

fn quick_time(time: DateTime<chrono::Utc>) -> String {
    let text =
        format!("#EXT-X-PROGRAM-DATE-TIME:{}", time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
    parse_time(&text)
}

fn parse_time(text: &str) -> String {
    let mut options = ParsingOptionsBuilder::new();
    options.with_parsing_for_all_tags();
    let mut reader = Reader::from_str(text, options.build());
    match reader.read_line().unwrap() {
        Some(HlsLine::KnownTag(KnownTag::Hls(Tag::ProgramDateTime(tag)))) => {
            tag.program_date_time().to_string()
        }
        other => panic!("{other:?}"),
    }
}

prop_compose! {
    fn any_part()(ticks in 1i64..48_600, independent: bool, gap: bool) -> Part {
        Part { duration: MediaTime::session(ticks), independent, gap, size_bytes: 1 }
    }
}

prop_compose! {
    fn any_segment()(
        parts in prop::collection::vec(any_part(), 1..8),
        cut in prop::bool::weighted(0.1),
        gap in prop::bool::weighted(0.1),
        slate in prop::bool::weighted(0.2),
    ) -> (Vec<Part>, bool, bool, bool) {
        (parts, cut, gap, slate)
    }
}

prop_compose! {
    fn any_window()(
        segments in prop::collection::vec(any_segment(), 0..200),
        open in prop::option::of(any_segment()),
        first in 0u64..1_000_000,
        live_back in 0u64..40,
        parts_back in 0u64..10,
        ended: bool,
    ) -> Window {
        let mut cuts = 0;
        let mut at = DateTime::from_timestamp(1_763_680_000, 0).unwrap();
        let mut hole = None;
        let mut all: Vec<Segment> = segments
            .into_iter()
            .chain(open.clone())
            .zip(first..)
            .map(|((parts, cut, gap, slate), msn)| {
                cuts += u64::from(cut);
                let made = segment(msn, 0, |segment| {
                    segment.parts = parts;
                    segment.discontinuity = cut;
                    segment.discontinuity_sequence = cuts;
                    segment.init = u32::try_from(cuts).unwrap();
                    segment.gap = gap;
                    segment.program_date_time = at;
                    segment.slate = slate.then(|| *hole.get_or_insert(Slate { first_msn: msn, since: at }));
                });
                hole = hole.filter(|_| slate);
                at += TimeDelta::microseconds(made.duration.ticks() * 100 / 9);
                made
            })
            .collect();
        let open = if open.is_some() && !ended { all.pop() } else { None };
        let end = all.last().map_or(first, |last| last.msn + 1);
        let mut window = window(all, open);
        window.live_from_msn = end.saturating_sub(live_back).max(first);
        window.parts_from_msn = end.saturating_sub(parts_back);
        window.ended = ended;
        window
    }
}

const MAP: &str = "#EXT-X-MAP";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_independent_parser_reads_what_the_window_says(window in any_window()) {
        for view in [View::Live, View::Dvr, View::Vod] {
            let text = media_playlist(&window, view, Skip::No);
            prop_assert_eq!(parse(&text), expected(&window, view), "{}", text);
        }
    }

    #[test]
    fn a_delta_is_the_full_playlist_without_the_skipped_lines(window in any_window()) {
        for view in [View::Live, View::Dvr] {
            let full = media_playlist(&window, view, Skip::No);
            let delta = media_playlist(&window, view, Skip::Yes);
            let Some(skipped) = skipped(&delta) else {
                prop_assert_eq!(&delta, &full);
                continue;
            };
            prop_assert!(skipped > 0 && !window.ended);
            let tag = format!("#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}\n");
            let (head, tail) = delta.split_once(&tag).unwrap();
            let kept_slates = tail.split_inclusive('\n').take_while(|line| line.starts_with(DATERANGE));
            // Those that stand in the skipped lines come first, then those of the first segment that is kept.
            let most = kept_slates.map(str::len).scan(0, |sum, length| { *sum += length; Some(*sum) });
            let splits = std::iter::once(0).chain(most);
            let split = splits.into_iter().find_map(|at| {
                let (slates, tail) = tail.split_at(at);
                let (said, tail) = match tail.split_inclusive('\n').next() {
                    Some(line) if line.starts_with(MAP) => (Some(line), &tail[line.len()..]),
                    Some(_) | None => (None, tail),
                };
                let middle = full.strip_prefix(head)?.strip_suffix(tail)?;
                // The init segment in force is said again, unless the first segment that is kept says its own.
                let in_force = middle.split_inclusive('\n').rfind(|line| line.starts_with(MAP));
                let own = tail.split("#EXTINF").next()?.contains(MAP);
                if said != in_force.filter(|_| !own) {
                    return None;
                }
                let skipped: String =
                    middle.split_inclusive('\n').filter(|line| line.starts_with(DATERANGE)).collect();
                (skipped == slates).then_some((middle, tail))
            });
            prop_assert!(split.is_some(), "{}\n{}", full, delta);
            let (middle, tail) = split.unwrap();
            prop_assert_eq!(middle.matches("#EXTINF").count(), skipped);
            prop_assert!(middle.ends_with(".m4s\n") && !tail.is_empty());
            let kept: i64 = parse(&delta).segments.iter().map(|segment| segment.duration_us10).sum();
            let growing: i64 = parse(&delta).open.parts.iter().map(|part| part.1).sum();
            prop_assert!(kept + growing > 2_400_000 - 100);
        }
    }

    #[test]
    fn no_part_is_over_the_target_and_every_line_is_plain(window in any_window()) {
        let text = media_playlist(&window, View::Dvr, Skip::No);
        prop_assert!(text.starts_with("#EXTM3U\n") && text.ends_with('\n') && text.is_ascii());
        prop_assert!(!text.contains(['\r', '\t']) && !text.contains("\n\n"));
        let read = parse(&text);
        prop_assert!(read.segments.iter().flat_map(|segment| &segment.parts).all(|part| part.1 <= 54_000));
    }
}

const DATERANGE: &str = "#EXT-X-DATERANGE:";

fn skipped(delta: &str) -> Option<usize> {
    let (_, rest) = delta.split_once("#EXT-X-SKIP:SKIPPED-SEGMENTS=")?;
    rest.lines().next()?.parse().ok()
}
