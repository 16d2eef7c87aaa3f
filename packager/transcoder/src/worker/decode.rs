//! The thread that decodes once and scales for every rung.

use std::{
    cmp::Reverse,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use ffmpeg_next::frame;
use media::{
    SESSION_SCALE, h264,
    pipe::{Config, FrameRate, FromWorker, ToWorker},
};

use super::{
    Job,
    progress::RungState,
    resample::{Resampler, Slot},
    rung::{self, Task},
};
use crate::libav::{Colour, Decoder, Picture, Scaler};

/// Pictures between the decoder and a rung's encoder.
const PICTURES_MAX: usize = 4;
/// What is taken for the frame rate of a source that does not say.
const FRAME_RATE_DEFAULT: f64 = 30.0;

/// Decodes until there are no more jobs; then every rung has ended.
///
/// # Errors
/// When the source's or a rung's configuration is of no use.
pub(crate) fn run(jobs: &mpsc::Receiver<Job>, output: &mpsc::SyncSender<FromWorker>) -> Result<()> {
    let mut stage: Option<Stage> = None;
    for job in jobs {
        match job {
            Job::Configure(config, states) => {
                if let Some(old) = stage.take() {
                    old.finish()?;
                }
                stage = Some(Stage::new(config, states, output)?);
            }
            Job::Message(message) => {
                let Some(stage) = &mut stage else { continue };
                stage.take(message)?;
            }
        }
    }
    stage.map_or(Ok(()), Stage::finish)
}

/// All that depends on one configuration.
struct Stage {
    decoder: Decoder,
    resampler: Option<Resampler>,
    /// From the largest to the smallest.
    rungs: Vec<Lane>,
    /// The newest picture in every rung's size, kept for repeats.
    newest: Option<(Vec<Option<Arc<frame::Video>>>, Colour)>,
    pictures: Vec<Picture>,
    slots: Vec<Slot>,
}

/// The way to one rung's encoder.
struct Lane {
    width: u32,
    height: u32,
    state: Arc<RungState>,
    scaler: Scaler,
    tasks: mpsc::SyncSender<Task>,
    thread: JoinHandle<Result<()>>,
}

impl Stage {
    fn new(
        config: Config,
        states: Vec<Arc<RungState>>,
        output: &mpsc::SyncSender<FromWorker>,
    ) -> Result<Self> {
        let rate = config
            .constant_rate
            .unwrap_or_else(|| FrameRate::nearest(config.frame_rate.unwrap_or(FRAME_RATE_DEFAULT)));
        let source_rate = FrameRate::nearest(config.frame_rate.unwrap_or(FRAME_RATE_DEFAULT));
        let frame_ticks = u64::from(SESSION_SCALE.ticks_per_second()) * u64::from(source_rate.denominator)
            / u64::from(source_rate.numerator);
        let frame_ticks = i64::try_from(frame_ticks).unwrap_or(i64::MAX);
        let video = h264::parse_avcc(config.video).context("read the AVCDecoderConfigurationRecord")?;
        let decoder = Decoder::new(&video, frame_ticks).context("open the H.264 decoder")?;

        let mut wanted: Vec<_> = config.rungs.into_iter().zip(states).collect();
        wanted.sort_by_key(|(rung, _)| Reverse(u64::from(rung.width) * u64::from(rung.height)));
        let lanes = wanted.into_iter().map(|(rung, state)| {
            let (tasks, queue) = mpsc::sync_channel(PICTURES_MAX);
            let (width, height) = (rung.width, rung.height);
            let thread = thread::Builder::new().name(format!("rung {}", rung.name)).spawn({
                let (state, output) = (Arc::clone(&state), output.clone());
                move || rung::run(&rung, rate, &state, &queue, &output)
            })?;
            Ok(Lane { width, height, state, scaler: Scaler::new(width, height), tasks, thread })
        });
        let rungs = lanes.collect::<Result<_>>()?;
        Ok(Self {
            decoder,
            resampler: config.constant_rate.map(Resampler::new),
            rungs,
            newest: None,
            pictures: Vec::new(),
            slots: Vec::new(),
        })
    }

    fn take(&mut self, message: ToWorker) -> Result<()> {
        match message {
            ToWorker::Packet(packet) => {
                let broken = self.decoder.broken();
                self.decoder.decode(&packet, &mut self.pictures);
                if self.decoder.broken() > broken && self.decoder.broken().is_power_of_two() {
                    eprintln!("packet at {} could not be decoded; {} so far", packet.pts, broken + 1);
                }
                self.pass_on()
            }
            ToWorker::Flush => {
                self.decoder.flush(&mut self.pictures);
                self.pass_on()
            }
            ToWorker::Advance { pts, cut } => self.advance(pts, cut),
            ToWorker::Config(_) | ToWorker::DropRung { .. } => Ok(()),
        }
    }

    fn finish(mut self) -> Result<()> {
        self.decoder.flush(&mut self.pictures);
        self.pass_on()?;
        self.rungs.into_iter().try_for_each(Lane::finish)
    }

    fn pass_on(&mut self) -> Result<()> {
        for picture in std::mem::take(&mut self.pictures) {
            self.drop_unwanted()?;
            let colour = Colour::of(&picture.frame);
            let Picture { frame, pts, cut } = picture;
            let Some(resampler) = &mut self.resampler else {
                let frames = scale(&mut self.rungs, &frame);
                self.give(&frames, colour, pts, cut);
                continue;
            };
            resampler.picture(pts, cut, &mut self.slots);
            self.give_slots(true);
            // Scaled even when left out: it may be wanted as a repeat.
            let frames = scale(&mut self.rungs, &frame);
            self.newest = Some((frames, colour));
            self.give_slots(false);
        }
        Ok(())
    }

    fn advance(&mut self, pts: i64, cut: bool) -> Result<()> {
        let Some(resampler) = &mut self.resampler else { return Ok(()) };
        resampler.advance(pts, cut, &mut self.slots);
        self.drop_unwanted()?;
        self.give_slots(true);
        Ok(())
    }

    /// Gives the slots that stand first and are repeats, or are none, from the newest picture.
    fn give_slots(&mut self, repeats: bool) {
        let count = self.slots.iter().take_while(|slot| slot.repeat == repeats).count();
        let slots: Vec<_> = self.slots.drain(..count).collect();
        let Some((frames, colour)) = &self.newest else { return };
        for slot in slots {
            self.give(frames, *colour, slot.pts, slot.cut);
        }
    }

    fn give(&self, frames: &[Option<Arc<frame::Video>>], colour: Colour, pts: i64, cut: bool) {
        for (lane, frame) in self.rungs.iter().zip(frames) {
            // Fails only when the rung has ended; the next round finds out why.
            let _ = lane.tasks.send(Task { frame: frame.clone(), pts, cut, colour });
        }
    }

    /// Lets go of rungs that were dropped, and reports one that ended by itself.
    fn drop_unwanted(&mut self) -> Result<()> {
        let mut at = 0;
        while at < self.rungs.len() {
            if !self.rungs[at].state.is_dropped() && !self.rungs[at].thread.is_finished() {
                at += 1;
                continue;
            }
            if let Some((frames, _)) = &mut self.newest {
                frames.remove(at);
            }
            self.rungs.remove(at).finish()?;
        }
        Ok(())
    }
}

impl Lane {
    fn finish(self) -> Result<()> {
        drop(self.tasks);
        self.thread.join().expect("a panic aborts the process")
    }
}

/// The picture in every rung's size, each made from the smallest that is still large enough: halving twice costs less
/// than quartering, and looks the same. `None` where libav could not (it is out of memory).
fn scale(rungs: &mut [Lane], source: &Arc<frame::Video>) -> Vec<Option<Arc<frame::Video>>> {
    let mut scaled: Vec<Option<Arc<frame::Video>>> = Vec::with_capacity(rungs.len());
    for lane in rungs {
        let large_enough =
            |frame: &&Arc<frame::Video>| frame.width() >= lane.width && frame.height() >= lane.height;
        let last = scaled.last().and_then(Option::as_ref);
        let from = last.filter(large_enough).unwrap_or(source);
        let frame = if lane.scaler.is_idle(from) {
            Some(Arc::clone(from))
        } else {
            lane.scaler.scale(from).ok().map(Arc::new)
        };
        scaled.push(frame);
    }
    scaled
}
