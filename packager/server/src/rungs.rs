//! The transcoder as a programme uses it: the core's wishes as messages, and how fast a lost one is replaced.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use media::{
    AccessUnit, MediaTime, SESSION_SCALE,
    pipe::{self, FrameRate, Packet, ToWorker},
};
use packager_core::{epoch::Transcode, ladder};

use crate::transcoder_process::{QueueFull, Transcoder};

/// A process that lived for so long is replaced at once; one that dies sooner, later and later.
const LIVES: Duration = Duration::from_secs(10);
const BACKOFF: Duration = Duration::from_millis(250);
const BACKOFF_DOUBLINGS_MAX: u32 = 5;
/// Pictures a second where a constant rate is wanted and the source's own is not known.
const FRAME_RATE_UNKNOWN: f64 = 30.0;

/// A programme's rungs.
#[derive(Debug)]
pub(crate) struct Rungs {
    pub(crate) transcoder: Transcoder,
    names: Vec<String>,
    started_at: Option<Instant>,
    /// Processes in a row that died young.
    failures: u32,
}

impl Rungs {
    pub(crate) fn new(executable: PathBuf, silence_max: Duration) -> Self {
        let transcoder = Transcoder::new(executable, silence_max);
        Self { transcoder, names: Vec::new(), started_at: None, failures: 0 }
    }

    /// Those that are made now, best first.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Does what the core wants of the transcoder. A process that runs is told the new source and goes on;
    /// what it still held was asked for before.
    pub(crate) fn perform(&mut self, transcode: Transcode, now: Instant) -> Result<(), QueueFull> {
        match transcode {
            Transcode::Start { source, rungs, frame_rate, constant_rate } => {
                self.set_names(rungs.iter().map(|rung| rung.name.to_string()).collect());
                if self.transcoder.start() {
                    self.started_at = Some(now);
                }
                let nearest = || FrameRate::nearest(frame_rate.unwrap_or(FRAME_RATE_UNKNOWN));
                self.transcoder.send(ToWorker::Config(pipe::Config {
                    video: source.avcc.clone(),
                    width: source.width,
                    height: source.height,
                    frame_rate,
                    constant_rate: constant_rate.then(nearest),
                    rungs: rungs.iter().map(pipe_rung).collect(),
                }))
            }
            Transcode::Packet { unit, cut } => self.transcoder.send(ToWorker::Packet(packet(unit, cut))),
            Transcode::Advance { at, cut } => self.transcoder.send(ToWorker::Advance { pts: ticks(at), cut }),
            Transcode::Flush => self.transcoder.send(ToWorker::Flush),
            Transcode::Drop { rung } => {
                metrics::counter!("lectern_transcoder_rungs_dropped_total").increment(1);
                tracing::warn!("rung {rung} is dropped: the transcoder is slower than real time");
                self.set_names(self.names.iter().filter(|name| **name != *rung).cloned().collect());
                self.transcoder.send(ToWorker::DropRung { name: rung.to_string() })
            }
            Transcode::Stop => {
                self.set_names(Vec::new());
                self.transcoder.kill();
                Ok(())
            }
        }
    }

    /// The process is gone, or to go: how long to wait before the next one. The first replacement comes at
    /// once.
    pub(crate) fn lost(&mut self, now: Instant) -> Duration {
        self.transcoder.kill();
        metrics::counter!("lectern_transcoder_restarts_total").increment(1);
        let lived = self.started_at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        if lived >= LIVES {
            self.failures = 0;
        }
        self.failures += 1;
        match self.failures {
            1 => Duration::ZERO,
            failures => BACKOFF * (1 << (failures - 2).min(BACKOFF_DOUBLINGS_MAX)),
        }
    }

    /// Ends the process and waits for it.
    pub(crate) async fn stop(&mut self) {
        self.set_names(Vec::new());
        self.transcoder.stop().await;
    }

    #[expect(clippy::cast_precision_loss, reason = "a handful of rungs")]
    fn set_names(&mut self, names: Vec<String>) {
        metrics::gauge!("lectern_transcoder_rungs").increment(names.len() as f64 - self.names.len() as f64);
        self.names = names;
    }
}

fn ticks(time: MediaTime) -> i64 {
    time.rescale(SESSION_SCALE).ticks()
}

fn packet(unit: AccessUnit, cut: bool) -> Packet {
    Packet {
        track: unit.track,
        pts: ticks(unit.present_at),
        dts: ticks(unit.decode_at),
        key: unit.key,
        cut,
        payload: unit.payload,
    }
}

/// Rate control: over two seconds, the shortest segment, a rung exceeds its bit rate by a quarter at most.
fn pipe_rung(rung: &ladder::Rung) -> pipe::Rung {
    pipe::Rung {
        name: rung.name.to_string(),
        width: rung.width,
        height: rung.height,
        bitrate_kbps: rung.bitrate_kbps,
        maxrate_kbps: rung.bitrate_kbps,
        buffer_kbit: rung.bitrate_kbps / 2,
    }
}

#[cfg(test)]
mod tests {
    use runtime::clock;

    use super::*;

    #[test]
    fn a_process_that_dies_young_is_replaced_later_and_later() {
        let mut rungs = Rungs::new(PathBuf::new(), Duration::ZERO);
        let waits: Vec<u128> = (0..9).map(|_| rungs.lost(clock::now()).as_millis()).collect();
        assert_eq!(waits, [0, 250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
        rungs.started_at = Some(clock::now());
        assert_eq!(rungs.lost(clock::now() + LIVES), Duration::ZERO);
    }
}
