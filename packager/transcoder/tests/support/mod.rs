//! What the tests of the executable share: clips made by ffmpeg, and a worker at the other end of two pipes.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
};

use bytes::Bytes;
use media::{
    TrackKind,
    pipe::{Config, Decoder, FrameRate, FromWorker, Message, Packet, Rung, ToWorker},
};

pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_lectern-transcoder");

/// An encoded clip, its packets in decoding order with times in session ticks.
pub(crate) struct Clip {
    pub avcc: Bytes,
    pub packets: Vec<Packet>,
    pub width: u32,
    pub height: u32,
    pub frame_rate: f64,
}

impl Clip {
    /// `seconds` of ffmpeg's test picture as `encoder` (arguments of ffmpeg) makes it; every keyframe is a cut.
    pub(crate) fn encode(size: &str, rate: &str, seconds: u32, encoder: &str) -> Self {
        let source = format!("testsrc2=size={size}:rate={rate}:duration={seconds}");
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p", "-c:v", "libx264"]);
        command.args(encoder.split_whitespace()).args(["-f", "flv", "-"]);
        let output = command.stderr(Stdio::inherit()).output().expect("ffmpeg is installed");
        assert!(output.status.success());
        let (avcc, packets) = video_of_flv(Bytes::from(output.stdout));
        let (width, height) = size.split_once('x').unwrap();
        let frame_rate = match rate.split_once('/') {
            Some((over, under)) => over.parse::<f64>().unwrap() / under.parse::<f64>().unwrap(),
            None => rate.parse().unwrap(),
        };
        Self { avcc, packets, width: width.parse().unwrap(), height: height.parse().unwrap(), frame_rate }
    }

    /// What a packager would say before it sends the packets.
    pub(crate) fn config(&self, rungs: &[(&str, u32, u32, u32)]) -> Config {
        let rung = |&(name, width, height, bitrate_kbps): &(&str, u32, u32, u32)| Rung {
            name: name.into(),
            width,
            height,
            bitrate_kbps,
            maxrate_kbps: bitrate_kbps * 5 / 4,
            buffer_kbit: bitrate_kbps,
        };
        Config {
            video: self.avcc.clone(),
            width: self.width,
            height: self.height,
            frame_rate: Some(self.frame_rate),
            constant_rate: None,
            rungs: rungs.iter().map(rung).collect(),
        }
    }

    /// As [`Clip::config`], for a constant rate.
    pub(crate) fn config_at(&self, rate: FrameRate, rungs: &[(&str, u32, u32, u32)]) -> Config {
        Config { constant_rate: Some(rate), ..self.config(rungs) }
    }

    /// The presentation times in order.
    pub(crate) fn times(&self) -> Vec<i64> {
        let mut times: Vec<_> = self.packets.iter().map(|packet| packet.pts).collect();
        times.sort_unstable();
        times
    }

    /// The presentation times of the cuts.
    pub(crate) fn cuts(&self) -> Vec<i64> {
        self.packets.iter().filter(|packet| packet.cut).map(|packet| packet.pts).collect()
    }
}

/// One rung as the worker gave it.
#[derive(Default, Debug)]
pub(crate) struct Made {
    pub avcc: Vec<Bytes>,
    pub units: Vec<(i64, bool, Bytes)>,
}

impl Made {
    pub(crate) fn times(&self) -> Vec<i64> {
        self.units.iter().map(|unit| unit.0).collect()
    }

    pub(crate) fn keys(&self) -> Vec<i64> {
        self.units.iter().filter(|unit| unit.1).map(|unit| unit.0).collect()
    }

    /// The rung as Annex B, for ffmpeg.
    pub(crate) fn annex_b(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let record = &self.avcc[0];
        let sps_len = usize::from(u16::from_be_bytes([record[6], record[7]]));
        let pps_at = 8 + sps_len + 1;
        let pps_len = usize::from(u16::from_be_bytes([record[pps_at], record[pps_at + 1]]));
        for set in [&record[8..8 + sps_len], &record[pps_at + 2..pps_at + 2 + pps_len]] {
            out.extend([0, 0, 0, 1]);
            out.extend(set);
        }
        for (_, _, payload) in &self.units {
            let mut rest = &payload[..];
            while let Some((length, after)) = rest.split_first_chunk::<4>() {
                let (unit, after) = after.split_at(u32::from_be_bytes(*length) as usize);
                out.extend([0, 0, 0, 1]);
                out.extend(unit);
                rest = after;
            }
        }
        out
    }
}

/// All a worker said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub messages: Vec<FromWorker>,
    pub success: bool,
}

impl Answer {
    pub(crate) fn rung(&self, name: &str) -> Made {
        let mut made = Made::default();
        for message in &self.messages {
            match message {
                FromWorker::RungConfig { rung, avcc } if rung == name => made.avcc.push(avcc.clone()),
                FromWorker::RungUnit { rung, pts, dts, key, payload } if rung == name => {
                    assert_eq!(pts, dts);
                    made.units.push((*pts, *key, payload.clone()));
                }
                _ => {}
            }
        }
        made
    }

    pub(crate) fn fatal(&self) -> Option<&str> {
        self.messages.iter().find_map(|message| match message {
            FromWorker::Fatal { message } => Some(message.as_str()),
            _ => None,
        })
    }
}

/// A worker process, its answers gathered by a thread.
pub(crate) struct Worker {
    pub child: Child,
    pub stdin: Option<ChildStdin>,
    answers: mpsc::Receiver<FromWorker>,
    heard: Vec<FromWorker>,
    /// Reads to the end; did that come inside a message?
    reader: thread::JoinHandle<bool>,
}

impl Worker {
    pub(crate) fn start() -> Self {
        let mut child =
            Command::new(EXECUTABLE).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (stdin, mut stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        let (heard, answers) = mpsc::channel();
        let reader = thread::spawn(move || {
            let mut decoder = Decoder::new();
            let mut portion = vec![0; 65_536];
            loop {
                let count = stdout.read(&mut portion).unwrap();
                if count == 0 {
                    return decoder.is_midway();
                }
                decoder.push(&portion[..count]);
                while let Some(message) = decoder.poll().unwrap() {
                    let _ = heard.send(message);
                }
            }
        });
        Self { child, stdin, answers, heard: Vec::new(), reader }
    }

    pub(crate) fn tell(&mut self, message: ToWorker) {
        let frame = message.encode().unwrap();
        let stdin = self.stdin.as_mut().unwrap();
        // A worker that has given up reads no more; its last words tell.
        let _ = stdin.write_all(&frame.head).and_then(|()| stdin.write_all(&frame.payload));
    }

    /// Waits for an answer of a kind.
    pub(crate) fn next(&mut self, wanted: impl Fn(&FromWorker) -> bool) -> FromWorker {
        loop {
            let message = self.answers.recv().expect("the worker goes on");
            self.heard.push(message.clone());
            if wanted(&message) {
                return message;
            }
        }
    }

    /// Has it not ended yet?
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends the input and hears the worker out.
    pub(crate) fn finish(self) -> Answer {
        self.end().0
    }

    /// As [`Worker::finish`], with how it ended.
    pub(crate) fn end(mut self) -> (Answer, ExitStatus) {
        drop(self.stdin.take());
        let mut messages = std::mem::take(&mut self.heard);
        messages.extend(self.answers.iter());
        let status = self.child.wait().unwrap();
        // One that was killed may leave half a message.
        assert!(!self.reader.join().unwrap() || !status.success());
        (Answer { messages, success: status.success() }, status)
    }
}

/// A clip through a worker of its own.
pub(crate) fn transcode(config: Config, packets: &[Packet]) -> Answer {
    let mut worker = Worker::start();
    worker.tell(ToWorker::Config(config));
    for packet in packets {
        worker.tell(ToWorker::Packet(packet.clone()));
    }
    worker.finish()
}

/// Runs a filter of bytes, such as ffmpeg, to its end.
pub(crate) fn filter(program: &str, arguments: &str, input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    })
}

/// The H.264 of an FLV file (Adobe's FLV specification, annex E.4).
fn video_of_flv(mut file: Bytes) -> (Bytes, Vec<Packet>) {
    let (mut avcc, mut packets) = (Bytes::new(), Vec::new());
    let _header = file.split_to(9 + 4);
    while file.len() >= 11 {
        let header = file.split_to(11);
        let size = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
        let dts_ms = i64::from(u32::from_be_bytes([header[7], header[4], header[5], header[6]]));
        let mut body = file.split_to(size);
        let _back = file.split_to(4);
        if header[0] != 9 {
            continue;
        }
        let start = body.split_to(5);
        let offset_ms = i64::from(i32::from_be_bytes([start[2], start[3], start[4], 0]) >> 8);
        let key = start[0] >> 4 == 1;
        match start[1] {
            0 => avcc = body,
            1 => packets.push(Packet {
                track: TrackKind::Video,
                pts: (dts_ms + offset_ms) * 90,
                dts: dts_ms * 90,
                key,
                cut: key,
                payload: body,
            }),
            _ => {}
        }
    }
    (avcc, packets)
}
