use std::time::{Duration, Instant};

use media::{MediaTime, TrackKind};
use proptest::prelude::*;

use super::{ClockSync, Placement};

/// Drives a clock with frames in milliseconds; time stands still unless a test moves it.
struct Bench {
    clock: ClockSync,
    now: Instant,
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn new() -> Self {
        Self { clock: ClockSync::new(), now: Instant::now() }
    }

    fn video(&mut self, timestamp_ms: u32) -> i64 {
        self.place(TrackKind::Video, timestamp_ms, 0).decode_at.as_ms()
    }

    fn audio(&mut self, timestamp_ms: u32) -> i64 {
        self.place(TrackKind::Audio, timestamp_ms, 0).decode_at.as_ms()
    }

    fn place(&mut self, track: TrackKind, timestamp_ms: u32, composition_ms: i32) -> Placement {
        self.clock.place(track, timestamp_ms, composition_ms, self.now).expect("a frame with a time")
    }
}

/// What a steady publication would give, and what it gives with `change` applied to its timestamps.
fn check_video(timestamps: &[u32], expected_ms: &[i64]) -> ClockSync {
    let mut bench = Bench::new();
    let placed: Vec<i64> = timestamps.iter().map(|at| bench.video(*at)).collect();
    let near = placed.iter().zip(expected_ms).all(|(placed, expected)| (placed - expected).abs() <= 1);
    assert!(near && placed.len() == expected_ms.len(), "{placed:?} where {expected_ms:?} is right");
    bench.clock
}

#[test]
fn the_first_frame_lies_at_zero_and_the_rest_keep_their_distance() {
    let clock = check_video(&[5000, 5033, 5067, 5100], &[0, 33, 67, 100]);
    assert_eq!(clock.corrections(), 0);
}

#[test]
fn the_32_bit_clock_wraps_unnoticed() {
    let start = u32::MAX - 60;
    let wrapped: Vec<u32> = (0..10u32).map(|i| start.wrapping_add(i * 33)).collect();
    let straight: Vec<i64> = (0..10).map(|i| i * 33).collect();
    assert_eq!(check_video(&wrapped, &straight).corrections(), 0);
}

#[test]
fn a_clock_of_31_bits_as_ffmpeg_has_it_wraps_unnoticed_too() {
    let wrapped: Vec<u32> = (0..10u32).map(|i| (0x7fff_ffc0 + i * 33) & 0x7fff_ffff).collect();
    let straight: Vec<i64> = (0..10).map(|i| i * 33).collect();
    assert_eq!(check_video(&wrapped, &straight).corrections(), 0);
}

#[test]
fn sound_that_wraps_after_the_picture_stays_beside_it() {
    let mut bench = Bench::new();
    let start = u32::MAX - 10;
    assert_eq!(bench.video(start), 0);
    assert_eq!(bench.video(start.wrapping_add(33)), 33);
    assert_eq!(bench.audio(start), 0);
    assert_eq!(bench.audio(start.wrapping_add(21)), 21);
    assert_eq!(bench.video(start.wrapping_add(67)), 67);
    assert_eq!(bench.clock.corrections(), 0);
}

#[test]
fn the_offset_between_picture_and_sound_is_kept() {
    let mut bench = Bench::new();
    assert_eq!(bench.video(1000), 0);
    assert_eq!(bench.audio(980), -20);
    let mut bench = Bench::new();
    assert_eq!(bench.audio(0), 0);
    assert_eq!(bench.video(83), 83);
}

#[test]
fn sound_that_begins_ten_seconds_late_lies_where_it_belongs() {
    let mut bench = Bench::new();
    for i in 0..300 {
        bench.video(i * 33);
    }
    assert_eq!(bench.audio(299 * 33 + 5), 299 * 33 + 5);
}

#[test]
fn sound_on_a_clock_of_its_own_begins_beside_the_picture() {
    let mut bench = Bench::new();
    bench.video(7_000_000);
    assert_eq!(bench.video(7_000_033), 33);
    assert_eq!(bench.audio(0), 33);
    assert_eq!(bench.audio(21), 54);
}

#[test]
fn composition_offsets_of_either_sign_are_kept_and_absurd_ones_are_not() {
    let mut bench = Bench::new();
    let shown = |bench: &mut Bench, at, offset| bench.place(TrackKind::Video, at, offset).present_at.as_ms();
    assert_eq!(shown(&mut bench, 0, 66), 66);
    assert_eq!(shown(&mut bench, 33, -80), -47);
    assert_eq!(bench.clock.corrections(), 0);
    assert_eq!(shown(&mut bench, 66, 8_000_000), -14);
    assert_eq!(bench.clock.corrections(), 1);
}

#[test]
fn equal_decoding_times_are_moved_apart_by_a_tick_and_shown_as_meant() {
    let mut bench = Bench::new();
    bench.place(TrackKind::Video, 0, 0);
    bench.place(TrackKind::Video, 33, 0);
    let placed = bench.place(TrackKind::Video, 33, 40);
    assert_eq!(placed.decode_at, MediaTime::session(33 * 90 + 1));
    assert_eq!(placed.present_at, MediaTime::from_ms(73));
    assert!(placed.corrected);
    assert_eq!(bench.place(TrackKind::Video, 66, 0).decode_at, MediaTime::from_ms(66));
}

#[test]
fn one_or_two_outliers_are_restamped_and_nothing_else_is_moved() {
    for outlier in [1_000_000, 900, 300, 0, u32::MAX / 2 + 7, u32::MAX - 4000] {
        for run in 1..=2 {
            let mut bench = Bench::new();
            let truth = |i: u32| 400 + i * 33;
            for i in 0..60 {
                let hit = (30..30 + run).contains(&i);
                let at = if hit { outlier + (i - 30) * 33 } else { truth(i) };
                let placed = bench.video(at);
                let expected = i64::from(truth(i) - truth(0));
                assert!((placed - expected).abs() <= 40, "{outlier} at frame {i}: {placed} not {expected}");
                assert!(hit || placed == expected, "only the outlier is moved");
            }
            assert_eq!(bench.clock.corrections(), u64::from(run));
        }
    }
}

#[test]
fn an_outlier_in_sound_is_restamped() {
    for outlier in [1_000_000, 0, 900, 650] {
        let mut bench = Bench::new();
        for i in 0..60u32 {
            bench.video(i * 21);
            let at = if i == 30 { outlier } else { (i * 64).div_ceil(3) };
            let placed = bench.audio(at);
            assert!((placed - i64::from(i * 64 / 3)).abs() <= 1, "{outlier} at frame {i}: {placed}");
        }
    }
}

#[test]
fn a_jump_far_forward_is_closed_after_two_frames() {
    check_video(&[0, 33, 66, 3_600_000, 3_600_033, 3_600_066, 3_600_099], &[0, 33, 66, 99, 132, 165, 198]);
}

#[test]
fn a_jump_back_is_closed_after_two_frames() {
    check_video(&[90_000, 90_033, 90_066, 0, 33, 66, 99], &[0, 33, 66, 99, 132, 165, 198]);
}

#[test]
fn a_gap_of_three_seconds_stays_a_gap() {
    check_video(&[0, 33, 66, 3066, 3099, 3132, 3165], &[0, 33, 66, 99, 132, 3132, 3165]);
}

#[test]
fn a_pause_that_the_wall_clock_saw_is_believed_at_once() {
    let mut bench = Bench::new();
    bench.video(0);
    bench.now += Duration::from_millis(33);
    bench.video(33);
    bench.now += Duration::from_secs(20);
    assert_eq!(bench.video(20_033), 20_033);
    assert_eq!(bench.clock.corrections(), 0);
}

#[test]
fn pictures_that_were_left_out_leave_a_gap_when_the_sound_went_on() {
    let mut bench = Bench::new();
    for i in 0..1000u32 {
        let at = (i * 64).div_ceil(3);
        bench.audio(at);
        // OBS drops pictures, not sound, on a slow line: eight seconds of them here.
        if i % 2 == 0 && !(2000..10_000).contains(&at) {
            assert_eq!(bench.video(at), i64::from(at));
        }
    }
    assert_eq!(bench.clock.corrections(), 0);
}

#[test]
fn both_tracks_jump_and_stay_together() {
    for (before, after) in [(0u32, 50_000_000u32), (50_000_000, 0), (40_000, 30_000), (40_000, 39_400)] {
        let mut bench = Bench::new();
        let (mut pictures, mut sounds) = (Vec::new(), Vec::new());
        for i in 0..300u32 {
            let base = if i < 150 { before } else { after };
            let since = if i < 150 { 0 } else { 150 };
            pictures.push(bench.clock.place(TrackKind::Video, base + (i - since) * 32, 0, bench.now));
            for half in 0..3u32 {
                let at = base + ((i - since) * 96 + half * 64).div_ceil(3);
                if (i * 3 + half) % 2 == 0 {
                    sounds.push((i, bench.clock.place(TrackKind::Audio, at, 0, bench.now)));
                }
            }
        }
        let picture = pictures[299].expect("pictures are never left out").decode_at.as_ms();
        let (_, sound) = sounds.last().copied().unwrap();
        let apart = sound.expect("at the end all is calm").decode_at.as_ms() - picture;
        assert!(apart.abs() <= 62, "{before} to {after}: {apart} ms apart");
    }
}

#[test]
fn sound_is_sample_exact_although_its_clock_has_milliseconds() {
    let mut bench = Bench::new();
    bench.clock.set_audio_format(44_100, 1024);
    for i in 0..20_000i64 {
        let exact = i * 1024 * 90_000 / 44_100;
        let at = u32::try_from((i * 1024 * 1000 + 22_050) / 44_100).unwrap();
        let placed = bench.place(TrackKind::Audio, at, 0).decode_at;
        assert!((placed.ticks() - exact).abs() <= 1, "frame {i}");
        let samples = placed.rescale(media::Timescale::new(44_100));
        assert_eq!(samples.ticks(), i * 1024, "the count reads back");
    }
    assert_eq!(bench.clock.corrections(), 0);
}

#[test]
fn a_gap_in_the_sound_is_kept() {
    let mut bench = Bench::new();
    for i in 0..50u32 {
        bench.audio((i * 64).div_ceil(3));
    }
    let placed: Vec<i64> = (0..5u32).map(|i| bench.audio(2000 + (i * 64).div_ceil(3))).collect();
    assert_eq!(placed, [1067, 1088, 2043, 2064, 2086], "two frames are outliers until the third proves them");
}

#[test]
fn sound_that_drifts_is_brought_back_within_forty_milliseconds() {
    for drift_per_mille in [-2i64, 2] {
        let mut bench = Bench::new();
        for i in 0..5000i64 {
            let truth = i * 64 / 3;
            let at = u32::try_from(truth + truth * drift_per_mille / 1000).unwrap();
            bench.video(at);
            let placed = bench.clock.place(TrackKind::Audio, at, 0, bench.now);
            if let Some(placed) = placed {
                let off = placed.decode_at.as_ms() - i64::from(at);
                assert!(off.abs() <= 45, "{off} ms off at frame {i}");
            }
        }
        // Sound that comes too fast has frames too many; sound that comes too slowly leaves gaps.
        assert_eq!(bench.clock.corrections() > 0, drift_per_mille < 0);
    }
}

fn any_timestamps() -> impl Strategy<Value = Vec<(bool, u32, i32, u64)>> {
    let step = prop_oneof![
        8 => Just(33u32),
        2 => 0u32..100,
        1 => 0u32..10_000,
        1 => any::<u32>(),
    ];
    let frame = (any::<bool>(), step, prop_oneof![Just(0i32), -200i32..500, any::<i32>()], 0u64..100);
    proptest::collection::vec(frame, 1..400)
}

proptest! {
    #[test]
    fn decoding_times_never_go_back_whatever_comes(frames in any_timestamps(), start in any::<u32>()) {
        let mut bench = Bench::new();
        let mut clock_ms = start;
        let (mut last_video, mut last_audio) = (None, None);
        for (is_video, step, composition_ms, waited_ms) in frames {
            clock_ms = clock_ms.wrapping_add(step);
            bench.now += Duration::from_millis(waited_ms);
            let (track, last) = if is_video {
                (TrackKind::Video, &mut last_video)
            } else {
                (TrackKind::Audio, &mut last_audio)
            };
            let Some(placed) = bench.clock.place(track, clock_ms, composition_ms, bench.now) else { continue };
            prop_assert!(last.is_none_or(|last| placed.decode_at > last));
            let offset = placed.present_at.minus(placed.decode_at).as_ms();
            prop_assert!(offset.abs() <= 20_000, "shown {} ms from decoding", offset);
            *last = Some(placed.decode_at);
        }
    }

    #[test]
    fn a_wrap_anywhere_changes_nothing(frames in any_timestamps(), start in any::<u32>()) {
        let place_all = |start: u32| {
            let mut bench = Bench::new();
            let mut clock_ms = start;
            frames.iter().map(|(is_video, step, composition_ms, waited_ms)| {
                clock_ms = clock_ms.wrapping_add(*step);
                bench.now += Duration::from_millis(*waited_ms);
                let track = if *is_video { TrackKind::Video } else { TrackKind::Audio };
                bench.clock.place(track, clock_ms, *composition_ms, bench.now)
            }).collect::<Vec<_>>()
        };
        prop_assert_eq!(place_all(0), place_all(start));
    }
}
