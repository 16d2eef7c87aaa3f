//! The worker: packets on standard input, rungs on standard output, until the input ends.
//!
//! ```text
//!  stdin → reader ─8─→ decode and scale ─4─→ encode (a thread per rung) ─┐
//!            └ drop rung: a flag                                         ├─64─→ writer → stdout
//!                                          heartbeat (each 250 ms) ──────┘
//! ```
//! Every queue is bounded (its length stands in the drawing) and blocks when full, so a slow rung slows the reader and
//! with it the packager's end of the pipe. Nobody but the writer waits for standard output, and nobody whom the writer
//! waits for; so there is no ring to lock up as long as the packager reads.

mod decode;
mod heartbeat;
mod progress;
mod resample;
mod rung;
mod writer;

pub(crate) use writer::{put, stdout};

use std::{
    io::Read,
    sync::{Arc, mpsc},
    thread,
};

use anyhow::{Context, Result, bail, ensure};
use media::{
    TrackKind, h264,
    pipe::{Config, Decoder, FromWorker, ToWorker},
};
use progress::{Progress, RungState};

use crate::libav;

/// Packets between the reader and the decoder.
const PACKETS_MAX: usize = 8;
/// Bytes taken from the pipe at once.
const READ_BYTES: usize = 64 * 1024;

/// What the reader hands to the decoding thread.
enum Job {
    Configure(Config, Vec<Arc<RungState>>),
    Message(ToWorker),
}

/// Runs until standard input ends; then all that was still inside has been written.
///
/// # Errors
/// When the input is not what [`media::pipe`] says, or libav cannot do what it is asked for. The same message has been
/// written as [`FromWorker::Fatal`].
pub(crate) fn run() -> Result<()> {
    libav::init().context("initialise libav")?;
    abort_on_panic();

    let progress = Arc::new(Progress::default());
    let (output, writer) = writer::spawn();
    let heartbeat = heartbeat::spawn(Arc::clone(&progress), output.clone());
    let result = work(&progress, &output);
    drop(heartbeat);
    if let Err(error) = &result {
        let _ = output.send(FromWorker::Fatal { message: format!("{error:#}") });
    }
    drop(output);
    let written = writer.join().expect("a panic aborts the process");
    result.and(written)
}

fn work(progress: &Progress, output: &mpsc::SyncSender<FromWorker>) -> Result<()> {
    let (jobs, queue) = mpsc::sync_channel(PACKETS_MAX);
    let decoding = thread::Builder::new().name("decode".into()).spawn({
        let output = output.clone();
        move || decode::run(&queue, &output)
    })?;
    let read = read(progress, &jobs);
    drop(jobs);
    // Its error is the cause when the reader's is only that nobody listens any more.
    decoding.join().expect("a panic aborts the process")?;
    read
}

fn read(progress: &Progress, jobs: &mpsc::SyncSender<Job>) -> Result<()> {
    let mut stdin = std::io::stdin().lock();
    let mut decoder = Decoder::<ToWorker>::new();
    let mut portion = vec![0; READ_BYTES];
    loop {
        let count = stdin.read(&mut portion).context("read the pipe")?;
        if count == 0 {
            break;
        }
        decoder.push(&portion[..count]);
        while let Some(message) = decoder.poll().context("read the pipe")? {
            if !take(progress, jobs, message)? {
                return Ok(());
            }
        }
    }
    ensure!(!decoder.is_midway(), "the pipe ended inside a frame");
    Ok(())
}

/// Hands a message on; false when the decoding thread has ended.
fn take(progress: &Progress, jobs: &mpsc::SyncSender<Job>, message: ToWorker) -> Result<bool> {
    let job = match message {
        ToWorker::Config(config) => {
            check(&config)?;
            let rungs = progress.configure(&config.rungs);
            Job::Configure(config, rungs)
        }
        ToWorker::Packet(packet) => match packet.track {
            TrackKind::Video => {
                progress.read(packet.pts);
                Job::Message(ToWorker::Packet(packet))
            }
            TrackKind::Audio => return Ok(true),
        },
        // Overtakes the packets that wait, since it comes when there are too many.
        ToWorker::DropRung { name } => {
            progress.drop_rung(&name);
            return Ok(true);
        }
        message @ (ToWorker::Flush | ToWorker::Advance { .. }) => Job::Message(message),
    };
    Ok(jobs.send(job).is_ok())
}

fn check(config: &Config) -> Result<()> {
    let pixels = |width: u32, height: u32| u64::from(width) * u64::from(height);
    // libav would take anything and then decode nothing. What the record says counts, whatever stands beside it.
    h264::parse_avcc(config.video.clone()).context("read the AVCDecoderConfigurationRecord")?;
    let source = pixels(config.width, config.height);
    ensure!(
        source <= libav::PIXELS_MAX.into(),
        "a source of {}x{} is too large",
        config.width,
        config.height
    );
    for (at, rung) in config.rungs.iter().enumerate() {
        let (name, width, height) = (&rung.name, rung.width, rung.height);
        ensure!(
            width % 2 == 0
                && height % 2 == 0
                && (16..=4096).contains(&width)
                && (16..=4096).contains(&height),
            "rung {name} cannot have {width}x{height} pixels"
        );
        ensure!(
            pixels(width, height) <= libav::PIXELS_MAX.into(),
            "rung {name} of {width}x{height} is too large"
        );
        ensure!(rung.bitrate_kbps > 0 && rung.maxrate_kbps > 0, "rung {name} has no bit rate");
        if config.rungs[..at].iter().any(|other| other.name == *name) {
            bail!("rung {name} is asked for twice");
        }
    }
    Ok(())
}

/// A worker without one of its threads would hang; better it is gone and replaced.
fn abort_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        print(info);
        std::process::abort();
    }));
}
