//! The only thread that waits for standard output.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    os::fd::AsFd,
    sync::mpsc,
    thread::{self, JoinHandle},
};

use anyhow::{Context, Result};
use media::pipe::{Error, FromWorker, Message};

/// Messages that wait for the packager to read.
const MESSAGES_MAX: usize = 64;
/// What a small message is gathered in, so that it is one write.
const BUFFER_BYTES: usize = 64 * 1024;

/// Starts the writer; it ends when all senders are gone, or the packager has closed the pipe.
pub(crate) fn spawn() -> (mpsc::SyncSender<FromWorker>, JoinHandle<Result<()>>) {
    let (output, messages) = mpsc::sync_channel(MESSAGES_MAX);
    let thread = thread::Builder::new().name("writer".into()).spawn(move || write(&messages));
    (output, thread.expect("a new process may start a few threads"))
}

/// Standard output without the line buffering that comes with it.
pub(crate) fn stdout() -> io::Result<BufWriter<File>> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    Ok(BufWriter::with_capacity(BUFFER_BYTES, file))
}

/// Writes a message whole and at once.
pub(crate) fn put(pipe: &mut impl Write, message: &impl Message) -> Result<()> {
    let frame = message.encode()?;
    pipe.write_all(&frame.head)?;
    pipe.write_all(&frame.payload)?;
    pipe.flush()?;
    Ok(())
}

fn write(messages: &mpsc::Receiver<FromWorker>) -> Result<()> {
    let mut pipe = stdout().context("open the output pipe")?;
    for message in messages {
        match put(&mut pipe, &message) {
            Ok(()) => {}
            // One monstrous picture is left out; the next keyframe mends it.
            Err(error) if matches!(error.downcast_ref(), Some(Error::TooLarge { .. })) => {}
            Err(error) => return Err(error).context("write the pipe"),
        }
    }
    Ok(())
}
