//! The worker as the packager sees it: a process with two pipes.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod support;

use std::fs;

use bytes::Bytes;
use media::pipe::{FrameRate, FromWorker, Packet, ToWorker};
use support::{Clip, Worker, filter, transcode};

const LADDER: &[(&str, u32, u32, u32)] =
    &[("720p", 1280, 720, 2500), ("480p", 854, 480, 1200), ("240p", 426, 240, 400)];
const SMALL: &[(&str, u32, u32, u32)] = &[("240p", 426, 240, 400), ("120p", 214, 120, 150)];
const PLAIN: &str = "-preset ultrafast -tune zerolatency -g 50 -sc_threshold 0";

#[test]
fn every_picture_comes_out_of_every_rung_at_its_time_and_cuts_are_the_only_idrs() {
    let clip = Clip::encode("1280x720", "25", 5, PLAIN);
    assert_eq!((clip.packets.len(), clip.cuts().len()), (125, 3));
    let answer = transcode(clip.config(&LADDER[1..]), &clip.packets);
    assert!(answer.success);
    for (name, width, height, _) in &LADDER[1..] {
        let made = answer.rung(name);
        assert_eq!(made.times(), clip.times());
        assert_eq!(made.keys(), clip.cuts());
        assert_eq!(made.avcc.len(), 1);
        let raw =
            filter("ffmpeg", "-v error -xerror -f h264 -i - -f rawvideo -pix_fmt gray -", &made.annex_b());
        assert_eq!(raw.len(), 125 * (width * height) as usize);
    }
}

#[test]
fn a_picture_comes_out_before_the_next_goes_in() {
    let clip = Clip::encode("426x240", "30", 1, PLAIN);
    let mut worker = Worker::start();
    worker.tell(ToWorker::Config(clip.config(SMALL)));
    worker.tell(ToWorker::Packet(clip.packets[0].clone()));
    let first = worker.next(|message| matches!(message, FromWorker::RungUnit { .. }));
    assert!(matches!(first, FromWorker::RungUnit { pts, key: true, .. } if pts == clip.packets[0].pts));
    worker.finish();
}

#[test]
fn pictures_that_were_reordered_keep_their_times_and_cuts() {
    for flags in
        ["-bf 3 -b_strategy 0", "-bf 3 -x264-params b-pyramid=normal", "-bf 2 -x264-params open-gop=1"]
    {
        let clip = Clip::encode(
            "640x360",
            "30000/1001",
            4,
            &format!("-preset veryfast -g 48 -sc_threshold 0 {flags}"),
        );
        assert!(clip.packets.iter().any(|packet| packet.pts != packet.dts));
        let made = transcode(clip.config(SMALL), &clip.packets).rung("240p");
        assert_eq!(made.times(), clip.times(), "{flags}");
        assert_eq!(made.keys(), clip.cuts(), "{flags}");
    }
}

#[test]
fn reordering_that_the_stream_does_not_announce_loses_nothing() {
    let clip = Clip::encode("640x360", "30", 3, "-preset veryfast -bf 7 -b_strategy 0 -g 60");
    let avcc = without_bitstream_restriction(&clip.avcc);
    let config = media::pipe::Config { video: avcc, ..clip.config(SMALL) };
    let made = transcode(config, &clip.packets).rung("120p");
    assert_eq!(made.times(), clip.times());
    // A lost picture would be filled with the one before it.
    let raw = filter("ffmpeg", "-v error -f h264 -i - -f rawvideo -pix_fmt gray -", &made.annex_b());
    let pictures: Vec<_> = raw.chunks(214 * 120).collect();
    let moved = |pair: &[&[u8]]| pair[0].iter().zip(pair[1]).filter(|(a, b)| a.abs_diff(**b) > 8).count();
    assert!(pictures.windows(2).all(|pair| moved(pair) > 100));
}

#[test]
fn a_cut_may_stand_where_the_source_has_no_keyframe() {
    let mut clip = Clip::encode("426x240", "30", 4, "-preset ultrafast -tune zerolatency -g 500");
    for (at, packet) in clip.packets.iter_mut().enumerate() {
        packet.cut = at % 45 == 0;
    }
    let made = transcode(clip.config(SMALL), &clip.packets).rung("120p");
    assert_eq!(made.keys(), clip.cuts());
    assert_eq!(made.keys().len(), 3);
}

#[test]
fn a_restarted_worker_writes_the_same_headers() {
    let clip = Clip::encode("1280x720", "30", 2, PLAIN);
    let first = transcode(clip.config(LADDER), &clip.packets);
    let second = transcode(clip.config(LADDER), &clip.packets[50..]);
    for (name, ..) in LADDER {
        assert_eq!(first.rung(name).avcc, second.rung(name).avcc);
        assert_eq!(first.rung(name).avcc.len(), 1);
    }
}

#[test]
fn broken_packets_leave_neither_holes_nor_missing_cuts() {
    let mut clip = Clip::encode("426x240", "30", 4, "-preset ultrafast -tune zerolatency -g 30");
    let whole = clip.times();
    for (at, packet) in clip.packets.iter_mut().enumerate() {
        let damaged = match at {
            33 => Bytes::from_static(b"\x00\x00\x00\x05hello"),
            36 => Bytes::from_static(b"\xff\xff\xff\xff\x65"),
            39 => packet.payload.slice(..packet.payload.len() / 2),
            42 => Bytes::new(),
            45 => noise(packet.payload.len()),
            // A keyframe.
            90 => noise(packet.payload.len()),
            _ => continue,
        };
        packet.payload = damaged;
    }
    let answer = transcode(clip.config(SMALL), &clip.packets);
    assert!(answer.success);
    let made = answer.rung("120p");
    assert_eq!(made.times(), whole);
    assert_eq!(made.keys(), clip.cuts());
}

#[test]
fn an_irregular_source_becomes_constant() {
    let clip = Clip::encode("426x240", "30", 4, PLAIN);
    let kept = |at: &usize| at % 7 != 3 && !(40..49).contains(at);
    let packets: Vec<Packet> = (0..clip.packets.len())
        .filter(kept)
        .map(|at| Packet { cut: at % 60 == 0, ..clip.packets[at].clone() })
        .collect();
    let rate = FrameRate { numerator: 15, denominator: 1 };
    let answer = transcode(clip.config_at(rate, SMALL), &packets);
    let made = answer.rung("240p");
    assert_eq!(made.units.len(), 60);
    assert_eq!(made.keys(), [packets[0].pts, clip.packets[60].pts]);
    assert!(made.times().windows(2).all(|pair| (5400..=6600).contains(&(pair[1] - pair[0]))));
}

#[test]
fn time_without_pictures_is_filled_at_a_constant_rate() {
    let clip = Clip::encode("426x240", "30", 1, PLAIN);
    let rate = FrameRate { numerator: 30, denominator: 1 };
    let start = clip.packets[0].pts;
    let mut worker = Worker::start();
    worker.tell(ToWorker::Config(clip.config_at(rate, SMALL)));
    worker.tell(ToWorker::Packet(clip.packets[0].clone()));
    worker.tell(ToWorker::Advance { pts: start + 180_000, cut: true });
    worker.tell(ToWorker::Advance { pts: start + 225_000, cut: false });
    let made = worker.finish().rung("120p");
    assert_eq!(made.keys(), [start, start + 180_000]);
    assert_eq!(made.units.len(), 60 + 1 + 15);
}

#[test]
fn a_dropped_rung_ends_and_the_others_go_on() {
    let clip = Clip::encode("426x240", "30", 4, PLAIN);
    let mut worker = Worker::start();
    worker.tell(ToWorker::Config(clip.config(SMALL)));
    for packet in &clip.packets[..30] {
        worker.tell(ToWorker::Packet(packet.clone()));
    }
    worker.tell(ToWorker::DropRung { name: "240p".into() });
    for packet in &clip.packets[30..] {
        worker.tell(ToWorker::Packet(packet.clone()));
    }
    let answer = worker.finish();
    assert!(answer.success);
    assert!(answer.rung("240p").units.len() <= 30);
    assert_eq!(answer.rung("120p").times(), clip.times());
}

#[test]
fn a_new_configuration_begins_after_the_old_one_is_given_out() {
    let first = Clip::encode("426x240", "30", 1, "-preset veryfast -bf 2");
    let second = Clip::encode("640x360", "25", 1, PLAIN);
    let later: Vec<_> =
        second.packets.iter().map(|packet| Packet { pts: packet.pts + 900_000, ..packet.clone() }).collect();
    let mut worker = Worker::start();
    worker.tell(ToWorker::Config(first.config(SMALL)));
    first.packets.iter().for_each(|packet| worker.tell(ToWorker::Packet(packet.clone())));
    worker.tell(ToWorker::Config(second.config(SMALL)));
    later.iter().for_each(|packet| worker.tell(ToWorker::Packet(packet.clone())));
    let made = worker.finish().rung("120p");
    assert_eq!(made.avcc.len(), 2);
    assert_eq!(made.units.len(), 55);
    assert!(made.times().is_sorted());
}

#[test]
fn flushing_gives_out_what_reordering_holds() {
    let clip = Clip::encode("426x240", "30", 2, "-preset veryfast -bf 3 -g 30 -sc_threshold 0");
    let mut worker = Worker::start();
    worker.tell(ToWorker::Config(clip.config(SMALL)));
    for (at, packet) in clip.packets.iter().enumerate() {
        if at == 30 {
            worker.tell(ToWorker::Flush);
        }
        worker.tell(ToWorker::Packet(packet.clone()));
    }
    assert_eq!(worker.finish().rung("120p").times(), clip.times());
}

#[test]
fn the_heart_beats_without_media() {
    let mut worker = Worker::start();
    for _ in 0..2 {
        let beat = worker.next(|message| matches!(message, FromWorker::Heartbeat { .. }));
        assert_eq!(beat, FromWorker::Heartbeat { newest_pts_in: None, newest_pts_out: None });
    }
    assert!(worker.finish().success);
}

#[test]
fn what_cannot_be_done_is_said_and_ends_the_worker() {
    let clip = Clip::encode("426x240", "30", 1, PLAIN);
    let refused = |config, word: &str| {
        let answer = transcode(config, &clip.packets);
        assert!(!answer.success);
        assert!(answer.fatal().is_some_and(|message| message.contains(word)), "{:?}", answer.fatal());
    };
    refused(media::pipe::Config { width: 65_535, height: 65_535, ..clip.config(SMALL) }, "too large");
    refused(clip.config(&[("1p", 33, 1, 10)]), "33x1");
    refused(clip.config(&[("a", 64, 64, 10), ("a", 32, 32, 10)]), "twice");
    refused(media::pipe::Config { video: Bytes::from_static(b"\x01zzz"), ..clip.config(SMALL) }, "Record");
}

#[test]
fn a_pipe_of_nonsense_ends_the_worker_with_a_word() {
    let mut worker = Worker::start();
    std::io::Write::write_all(worker.stdin.as_mut().unwrap(), &[0xff; 64]).unwrap();
    let answer = worker.finish();
    assert!(!answer.success);
    assert!(answer.fatal().is_some_and(|message| message.contains("over the limit")));
}

#[test]
fn memory_stays_small() {
    let clip = Clip::encode("1920x1080", "30", 3, "-preset ultrafast -g 60");
    let mut worker = Worker::start();
    worker.tell(ToWorker::Config(clip.config(LADDER)));
    clip.packets.iter().for_each(|packet| worker.tell(ToWorker::Packet(packet.clone())));
    let last = *clip.times().last().unwrap();
    worker.tell(ToWorker::Flush);
    worker.next(
        |message| matches!(message, FromWorker::Heartbeat { newest_pts_out: Some(out), .. } if *out == last),
    );
    let status = fs::read_to_string(format!("/proc/{}/status", worker.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak_mib = peak.trim().trim_end_matches(" kB").parse::<u32>().unwrap() / 1024;
    println!("peak resident memory {peak_mib} MiB");
    assert!(peak_mib < 400, "{peak_mib} MiB");
    assert!(worker.finish().success);
}

fn noise(length: usize) -> Bytes {
    let mut state = 0x1234_5678_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(next).collect::<Vec<_>>().into()
}

/// The record with an SPS that is silent on reordering, as some hardware encoders write it: its last VUI fields (E.1.1)
/// are found from the end, since x264 writes "1 1 ue(0) ue(0) ue ue ue ue" and then the stop bit.
fn without_bitstream_restriction(avcc: &Bytes) -> Bytes {
    let sps_len = usize::from(u16::from_be_bytes([avcc[6], avcc[7]]));
    let (sps, rest) = avcc[8..].split_at(sps_len);
    let mut bits: Vec<bool> =
        sps.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    let stop = bits.iter().rposition(|&bit| bit).unwrap();
    let exp_golomb_end = |at: usize| {
        let zeros = bits[at..].iter().take_while(|bit| !**bit).count();
        at + 2 * zeros + 1
    };
    let fields_end = |at: usize| (0..4).fold(at + 4, |at, _| if at < stop { exp_golomb_end(at) } else { at });
    let flag =
        (0..stop - 4).rev().find(|&at| bits[at..at + 4] == [true; 4] && fields_end(at) == stop).unwrap();
    bits.truncate(flag);
    bits.extend([false, true]);
    bits.resize(bits.len().next_multiple_of(8), false);
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
    let sps: Vec<u8> = bits.chunks(8).map(byte).collect();
    let length = u16::try_from(sps.len()).unwrap().to_be_bytes();
    [&avcc[..6], &length, &sps, rest].concat().into()
}
