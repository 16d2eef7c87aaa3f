//! Media that was damaged on its way, or made to do damage. A worker may die of it; it may not grow, hang, or try
//! anything that its jail forbids.
//!
//! The damage is done by a flipper of our own, the same for the same seed on every machine. `make fuzz` goes through
//! 10,000 seeds (`LECTERN_FLIP_SEEDS`).

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod support;

use std::{fs, os::unix::process::ExitStatusExt, process::ExitStatus, sync::mpsc, thread, time::Duration};

use bytes::Bytes;
use media::pipe::{Config, Packet, ToWorker};
use support::{Clip, Worker};

const RUNGS: &[(&str, u32, u32, u32)] = &[("90p", 160, 90, 100), ("48p", 64, 48, 50)];
const SEEDS: u64 = 300;
/// A worker gets so many seeds, one after the other.
const SEEDS_OF_ONE_WORKER: u64 = 100;
/// Over a hundred times what they take.
const HANGS: Duration = Duration::from_secs(120);
const RESIDENT_MIB_MAX: u64 = 400;
/// The kernel's answer to what the jail forbids.
const SIGSYS: i32 = 31;

#[test]
fn flipped_bits_end_a_worker_at_most() {
    let clips = [
        Clip::encode("160x90", "15", 2, "-preset ultrafast -g 10 -sc_threshold 0"),
        Clip::encode("176x144", "15", 2, "-preset veryfast -bf 2 -g 15 -x264-params slices=4"),
        Clip::encode("160x96", "15", 2, "-preset veryfast -g 10 -x264-params interlaced=1:cabac=0"),
    ];
    let seeds =
        std::env::var_os("LECTERN_FLIP_SEEDS").map_or(SEEDS, |n| n.to_str().unwrap().parse().unwrap());
    let (mut seed, mut deaths) = (0, 0);
    while seed < seeds {
        let end = seeds.min(seed + SEEDS_OF_ONE_WORKER);
        let outcome = through_one_worker(seed..end, &clips);
        assert_ne!(outcome.status.signal(), Some(SIGSYS), "seeds from {seed} made it try what is forbidden");
        assert_ne!(outcome.status.signal(), Some(libc::SIGKILL), "seeds from {seed} made it hang");
        assert!(outcome.resident_mib < RESIDENT_MIB_MAX, "{} MiB from seed {seed}", outcome.resident_mib);
        if !outcome.status.success() {
            println!("a worker ended with {} at seeds {seed}..{}", outcome.status, outcome.next_seed);
            deaths += 1;
        }
        seed = outcome.next_seed;
    }
    println!("{deaths} workers ended by {seeds} seeds");
}

#[test]
fn a_picture_size_bomb_in_mid_stream_costs_one_picture() {
    let mut clip = Clip::encode("160x90", "15", 2, "-preset ultrafast -g 10 -sc_threshold 0");
    let bomb = sps_of(4096, 4096);
    let whole = clip.packets[12].payload.clone();
    clip.packets[12].payload = [&prefixed(&bomb)[..], &whole].concat().into();
    // A whole new record where a picture belongs, which libav would take for one.
    clip.packets[15].payload = record(&bomb).into();
    // More parameter sets than there are numbers for.
    clip.packets[18].payload = prefixed(&[0x68, 0xce]).repeat(1_000_000).into();
    let answer = support::transcode(clip.config(RUNGS), &clip.packets);
    assert!(answer.success);
    for (name, ..) in RUNGS {
        assert_eq!(answer.rung(name).times(), clip.times());
    }
}

#[test]
fn a_bomb_in_the_configuration_is_refused_in_words() {
    let clip = Clip::encode("160x90", "15", 1, "-preset ultrafast");
    for video in [record(&sps_of(4096, 4096)), record(&sps_of(257, 144)), record(&sps_of(4096, 1))] {
        let config = Config { video: video.into(), ..clip.config(RUNGS) };
        let answer = support::transcode(config, &clip.packets);
        assert!(!answer.success);
        assert!(
            answer.fatal().is_some_and(|word| word.contains("is over 4096x2304")),
            "{:?}",
            answer.fatal()
        );
    }
}

struct Outcome {
    next_seed: u64,
    status: ExitStatus,
    resident_mib: u64,
}

fn through_one_worker(seeds: std::ops::Range<u64>, clips: &[Clip]) -> Outcome {
    let mut worker = Worker::start();
    let pid = worker.child.id();
    let (done, still_running) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if still_running.recv_timeout(HANGS) == Err(mpsc::RecvTimeoutError::Timeout) {
            // SAFETY: takes numbers; the process is our child, and nobody has waited for it.
            unsafe { libc::kill(pid.cast_signed(), libc::SIGKILL) };
        }
    });
    let mut next_seed = seeds.start;
    while next_seed < seeds.end && worker.is_running() {
        feed(&mut worker, next_seed, &clips[(next_seed % clips.len() as u64) as usize]);
        next_seed += 1;
    }
    // What it needed at its worst; nothing, where it has ended already.
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak_kib = peak.map_or(0, |peak| peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap());
    let (answer, status) = worker.end();
    done.send(()).unwrap();
    watch.join().unwrap();
    for (name, ..) in RUNGS {
        let made = answer.rung(name);
        assert!(made.units.iter().all(|(.., payload)| is_well_formed(payload)), "what is made is whole");
    }
    Outcome { next_seed, status, resident_mib: peak_kib / 1024 }
}

fn feed(worker: &mut Worker, seed: u64, clip: &Clip) {
    let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    // From one bit in ten thousand to one in a hundred.
    let one_in = [10_000, 1_000, 100][(noise.next() % 3) as usize];
    let mut config = clip.config(RUNGS);
    if noise.next().is_multiple_of(4) {
        config.video = flipped(&clip.avcc, 100, &mut noise);
    }
    let may_be_refused = config.video != clip.avcc && media::h264::parse_avcc(config.video.clone()).is_err();
    if may_be_refused {
        // That ends the worker in words, which another test looks at.
        config.video = clip.avcc.clone();
    }
    worker.tell(ToWorker::Config(config));
    for packet in &clip.packets {
        let payload = flipped(&packet.payload, one_in, &mut noise);
        worker.tell(ToWorker::Packet(Packet { payload, ..packet.clone() }));
    }
}

/// Flips about one bit in `one_in`, and now and then cuts the end off.
fn flipped(bytes: &Bytes, one_in: u64, noise: &mut Noise) -> Bytes {
    let mut bytes = bytes.to_vec();
    let bits = bytes.len() as u64 * 8;
    for _ in 0..(bits + noise.next() % one_in) / one_in {
        let bit = noise.next() % bits;
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
    }
    if noise.next().is_multiple_of(50) {
        bytes.truncate((noise.next() % bits / 8) as usize);
    }
    bytes.into()
}

/// xorshift64*: the same numbers for the same seed.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8
    }
}

fn is_well_formed(payload: &[u8]) -> bool {
    media::h264::nal_units(payload, 4).all(|nal| nal.is_ok_and(|nal| !nal.is_empty()))
}

fn prefixed(nal: &[u8]) -> Vec<u8> {
    [&u32::try_from(nal.len()).unwrap().to_be_bytes()[..], nal].concat()
}

/// An AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3) of this set and a small picture parameter set.
fn record(sps: &[u8]) -> Vec<u8> {
    let length = u16::try_from(sps.len()).unwrap().to_be_bytes();
    [&[1, sps[1], sps[2], sps[3], 0xff, 0xe1], &length[..], sps, &[1, 0, 2, 0x68, 0xce]].concat()
}

/// A sequence parameter set of the baseline profile (ISO/IEC 14496-10 7.3.2.1) with a size in macroblocks.
fn sps_of(width: u32, height: u32) -> Vec<u8> {
    let mut bits = String::from("010000101100000000011111");
    let golomb = |value: u32| {
        let code = format!("{:b}", u64::from(value) + 1);
        "0".repeat(code.len() - 1) + &code
    };
    [0, 0, 2, 1].into_iter().for_each(|value| bits += &golomb(value));
    bits += "0";
    bits += &golomb(width - 1);
    bits += &golomb(height - 1);
    // Frames only, no cropping, no VUI, the stop bit.
    bits += "11001";
    bits += &"0".repeat(bits.len().next_multiple_of(8) - bits.len());
    let bytes =
        bits.as_bytes().chunks(8).map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | (bit - b'0')));
    let mut nal = vec![0x67];
    for byte in bytes {
        if nal.ends_with(&[0, 0]) && byte <= 3 {
            nal.push(3);
        }
        nal.push(byte);
    }
    nal
}
