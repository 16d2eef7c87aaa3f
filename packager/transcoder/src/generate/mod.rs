//! The demo's lecture: pictures and sound made here, encoded, and written as pipe frames at the pace of a camera.

mod barcode;
pub(crate) mod canvas;
mod clock;
pub(crate) mod font;
mod scene;
mod sound;

use std::{
    io::{self, BufWriter, Read, Write},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use canvas::Canvas;
use ffmpeg_next::{format::Pixel, frame};
use media::{
    MediaTime, TrackKind,
    pipe::{FrameRate, FromGenerator, Packet},
};
use scene::{Moment, Scene};

use crate::{
    libav::{
        self,
        aac::{self, FRAME_SAMPLES, SAMPLE_RATE},
    },
    worker,
};

const AUDIO_KBPS: u32 = 96;

/// What to generate.
#[derive(Clone, Debug)]
pub(crate) struct Lecture {
    /// Width in pixels; even, 128 or more.
    pub(crate) width: u32,
    /// Height in pixels; even, 96 or more.
    pub(crate) height: u32,
    /// Pictures a second.
    pub(crate) frame_rate: FrameRate,
    /// From one keyframe to the next.
    pub(crate) gop_seconds: f64,
    /// Bit rate of the picture.
    pub(crate) bitrate_kbps: u32,
    /// At the pace of the clock, or as fast as it goes.
    pub(crate) realtime: bool,
    /// Ends after this; `None` when the reader does.
    pub(crate) seconds: Option<f64>,
}

/// Writes the lecture to standard output until it ends or nobody reads any more.
pub(crate) fn run(lecture: &Lecture) -> Result<()> {
    libav::init().context("initialise libav")?;
    let mut output = worker::stdout().context("open the output pipe")?;
    match write(lecture, &mut output) {
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result,
    }
}

/// Reads pictures of 8-bit luma from standard input and prints what each says of itself: its number, then the
/// milliseconds at which it was drawn if they can be read; `?` when it says nothing.
pub(crate) fn read_barcodes(width: usize, height: usize) -> Result<()> {
    ensure!(width > 0 && height > 0 && width * height <= libav::PIXELS_MAX as usize, "no such size");
    let mut input = io::stdin().lock();
    let mut output = BufWriter::new(io::stdout().lock());
    let mut luma = vec![0; width * height];
    while read_whole(&mut input, &mut luma)? {
        match barcode::read(&luma, width, height) {
            Some(barcode::Stamp { frame, unix_ms: Some(ms) }) => writeln!(output, "{frame} {ms}")?,
            Some(barcode::Stamp { frame, unix_ms: None }) => writeln!(output, "{frame}")?,
            None => writeln!(output, "?")?,
        }
        output.flush()?;
    }
    Ok(())
}

fn write(lecture: &Lecture, output: &mut impl Write) -> Result<()> {
    let mut picture = PictureTrack::new(lecture)?;
    let mut sound = SoundTrack::new()?;
    worker::put(output, &config(TrackKind::Video, picture.encoder.avcc()))?;
    worker::put(output, &config(TrackKind::Audio, sound.encoder.asc()))?;

    let (start, start_ms) = (clock::now(), clock::unix_ms());
    let end = lecture.seconds.map(|seconds| MediaTime::from_duration(Duration::from_secs_f64(seconds)));
    let mut number = 0;
    loop {
        if lecture.realtime {
            number = picture.caught_up(number, clock::now().saturating_duration_since(start));
        }
        let time = picture.time(number);
        if end.is_some_and(|end| time >= end) {
            sound.write_until(time.ticks(), output)?;
            return Ok(());
        }
        let unix_ms = if lecture.realtime {
            clock::sleep_until(start + time.as_duration());
            clock::unix_ms()
        } else {
            start_ms + u64::try_from(time.as_ms()).unwrap_or(0)
        };
        let packet = picture.make(number, unix_ms)?;
        sound.write_until(time.ticks(), output)?;
        worker::put(output, &FromGenerator::Packet(packet))?;
        number += 1;
    }
}

/// A camera whose computer is this far behind does not take the pictures between (0.2 s).
const BEHIND_MAX: Duration = Duration::from_millis(200);

struct PictureTrack {
    scene: Scene,
    encoder: libav::Encoder,
    frame_rate: FrameRate,
    gop_frames: u64,
    /// The first picture of the next group.
    next_key: u64,
}

impl PictureTrack {
    fn new(lecture: &Lecture) -> Result<Self> {
        let &Lecture { width, height, frame_rate, bitrate_kbps, .. } = lecture;
        ensure!(width % 2 == 0 && height % 2 == 0, "{width}x{height}: both must be even");
        ensure!(width >= 128 && height >= 96, "{width}x{height} is too small for the bar code");
        ensure!(
            u64::from(width) * u64::from(height) <= libav::PIXELS_MAX.into(),
            "{width}x{height} is too large"
        );
        ensure!(bitrate_kbps >= 50, "{bitrate_kbps} kbit/s is too little");
        ensure!((0.1..=3600.0).contains(&lecture.gop_seconds), "no such distance of keyframes");
        let settings = libav::Settings {
            width,
            height,
            frame_rate,
            bitrate_kbps,
            maxrate_kbps: bitrate_kbps,
            buffer_kbit: bitrate_kbps,
            colour: libav::Colour::BT709,
            effort: libav::Effort::Drawn,
        };
        let encoder = libav::Encoder::new(&settings).context("open x264")?;
        let rate = f64::from(frame_rate.numerator) / f64::from(frame_rate.denominator);
        let gop_frames = (lecture.gop_seconds * rate).round().max(1.0) as u64;
        Ok(Self {
            scene: Scene::new(width as usize, height as usize),
            encoder,
            frame_rate,
            gop_frames,
            next_key: 0,
        })
    }

    /// The picture to make next when `number` is due and so much time has passed: on a machine that is too slow
    /// pictures are left out, as by a camera, and the lecture stays at its time.
    fn caught_up(&self, number: u64, elapsed: Duration) -> u64 {
        if elapsed < self.time(number).as_duration() + BEHIND_MAX {
            return number;
        }
        let rate = (u128::from(self.frame_rate.numerator), u128::from(self.frame_rate.denominator) * 1_000);
        u64::try_from(elapsed.as_millis() * rate.0 / rate.1).map_or(number, |due| due.max(number))
    }

    /// When a picture is shown.
    fn time(&self, number: u64) -> MediaTime {
        let ticks = u128::from(number) * 90_000 * u128::from(self.frame_rate.denominator)
            / u128::from(self.frame_rate.numerator);
        MediaTime::session(i64::try_from(ticks).unwrap_or(i64::MAX))
    }

    fn make(&mut self, number: u64, unix_ms: u64) -> Result<Packet> {
        let time = self.time(number);
        let media_ms = u64::try_from(time.as_ms()).unwrap_or(0);
        let frame = to_frame(self.scene.draw(Moment { frame: number, media_ms, unix_ms }))?;
        let key = number >= self.next_key;
        if key {
            self.next_key = (number / self.gop_frames + 1) * self.gop_frames;
        }
        let unit = self.encoder.encode(&frame, time.ticks(), key)?;
        let libav::Unit { pts, key, payload } = unit.context("x264 held a picture back")?;
        Ok(Packet { track: TrackKind::Video, pts, dts: pts, key, cut: key, payload })
    }
}

struct SoundTrack {
    encoder: aac::Encoder,
    next_sample: u64,
    waiting: Option<Packet>,
}

impl SoundTrack {
    fn new() -> Result<Self> {
        let encoder = aac::Encoder::new(AUDIO_KBPS).context("open the AAC encoder")?;
        Ok(Self { encoder, next_sample: 0, waiting: None })
    }

    /// Writes all frames that begin before `ticks`.
    fn write_until(&mut self, ticks: i64, output: &mut impl Write) -> Result<()> {
        loop {
            let packet = match self.waiting.take() {
                Some(packet) => packet,
                None => self.make()?,
            };
            if packet.dts >= ticks {
                self.waiting = Some(packet);
                return Ok(());
            }
            worker::put(output, &FromGenerator::Packet(packet))?;
        }
    }

    fn make(&mut self) -> Result<Packet> {
        loop {
            let samples = sound::frame(self.next_sample);
            self.next_sample += FRAME_SAMPLES as u64;
            let Some(unit) = self.encoder.encode(&samples)? else { continue };
            let pts = unit.first_sample * 90_000 / i64::from(SAMPLE_RATE);
            // The encoder's run-up: sound from before the beginning.
            if pts < 0 {
                continue;
            }
            let (track, payload) = (TrackKind::Audio, unit.payload);
            return Ok(Packet { track, pts, dts: pts, key: true, cut: false, payload });
        }
    }
}

fn config(track: TrackKind, record: bytes::Bytes) -> FromGenerator {
    FromGenerator::TrackConfig { track, record }
}

/// The picture as libav takes it.
pub(crate) fn to_frame(canvas: &Canvas) -> Result<frame::Video> {
    let (width, height) = (u32::try_from(canvas.width())?, u32::try_from(canvas.height())?);
    let mut frame = frame::Video::new(Pixel::YUV420P, width, height);
    for plane in 0..3 {
        let stride = frame.stride(plane);
        for (to, from) in frame.data_mut(plane).chunks_mut(stride).zip(canvas.rows(plane)) {
            to[..from.len()].copy_from_slice(from);
        }
    }
    Ok(frame)
}

/// Fills the buffer; false when the input ends before its first byte.
fn read_whole(input: &mut impl Read, buffer: &mut [u8]) -> Result<bool> {
    let mut filled = 0;
    while filled < buffer.len() {
        let count = input.read(&mut buffer[filled..])?;
        if count == 0 {
            ensure!(filled == 0, "the input ends inside a picture");
            return Ok(false);
        }
        filled += count;
    }
    Ok(true)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_left_out_when_the_machine_is_too_slow() {
        let frame_rate = FrameRate { numerator: 30, denominator: 1 };
        let (gop_seconds, bitrate_kbps, seconds) = (2.0, 100, None);
        let lecture = Lecture {
            width: 128,
            height: 96,
            frame_rate,
            gop_seconds,
            bitrate_kbps,
            realtime: true,
            seconds,
        };
        let mut picture = PictureTrack::new(&lecture).expect("a small encoder opens");
        assert_eq!(picture.caught_up(30, Duration::from_millis(1_190)), 30, "hurrying is enough");
        assert_eq!(picture.caught_up(30, Duration::from_millis(3_010)), 90, "the picture of now");
        let mut keys = Vec::new();
        for number in [0, 1, 59, 90, 91, 119, 120, 121] {
            if picture.make(number, 0).expect("it encodes").key {
                keys.push(number);
            }
        }
        assert_eq!(keys, [0, 90, 120], "the first picture of each group that is begun");
    }
}
