//! One rung: its encoder in its own thread.

use std::sync::{Arc, mpsc};

use anyhow::{Context, Result};
use ffmpeg_next::frame;
use media::pipe::{FrameRate, FromWorker, Rung};

use super::progress::RungState;
use crate::libav::{Colour, Effort, Encoder, Settings, Unit};

/// A picture in the rung's size.
pub(crate) struct Task {
    /// Its pixels, shared with other rungs and with repeats; `None` where they could not be made.
    pub frame: Option<Arc<frame::Video>>,
    /// When it is shown.
    pub pts: i64,
    /// To be made an IDR.
    pub cut: bool,
    /// What its numbers mean.
    pub colour: Colour,
}

/// Encodes until there are no more tasks or the rung is dropped.
///
/// # Errors
/// When x264 cannot be opened with what the rung asks for.
pub(crate) fn run(
    rung: &Rung,
    rate: FrameRate,
    state: &RungState,
    tasks: &mpsc::Receiver<Task>,
    output: &mpsc::SyncSender<FromWorker>,
) -> Result<()> {
    let mut encoder = None;
    // A cut whose picture could not be encoded passes to the next.
    let mut cut_owed = false;
    for task in tasks {
        if state.is_dropped() {
            return Ok(());
        }
        let encoder = match &mut encoder {
            Some(encoder) => encoder,
            none => {
                let opened = Encoder::new(&settings(rung, rate, task.colour))
                    .with_context(|| format!("open x264 for rung {}", rung.name))?;
                let config = FromWorker::RungConfig { rung: rung.name.clone(), avcc: opened.avcc() };
                if output.send(config).is_err() {
                    return Ok(());
                }
                none.insert(opened)
            }
        };
        cut_owed |= task.cut;
        let Some(frame) = &task.frame else { continue };
        match encoder.encode(frame, task.pts, cut_owed) {
            Ok(unit) => {
                cut_owed = false;
                if unit.is_some_and(|unit| !give(rung, state, unit, output)) {
                    return Ok(());
                }
            }
            Err(error) => eprintln!("rung {} left out a picture at {}: {error}", rung.name, task.pts),
        }
    }
    while let Some(unit) = encoder.as_mut().and_then(Encoder::drain) {
        if !give(rung, state, unit, output) {
            return Ok(());
        }
    }
    Ok(())
}

/// Sends a unit; false when nobody reads any more.
fn give(rung: &Rung, state: &RungState, unit: Unit, output: &mpsc::SyncSender<FromWorker>) -> bool {
    let Unit { pts, key, payload } = unit;
    let sent = output.send(FromWorker::RungUnit { rung: rung.name.clone(), pts, dts: pts, key, payload });
    state.made(pts);
    sent.is_ok()
}

fn settings(rung: &Rung, frame_rate: FrameRate, colour: Colour) -> Settings {
    Settings {
        width: rung.width,
        height: rung.height,
        frame_rate,
        bitrate_kbps: rung.bitrate_kbps,
        maxrate_kbps: rung.maxrate_kbps,
        buffer_kbit: rung.buffer_kbit,
        colour,
        effort: Effort::Watched,
    }
}
