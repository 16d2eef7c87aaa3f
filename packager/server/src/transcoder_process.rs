//! The child process that makes the rungs: started, fed, listened to, and killed when it is dead or hangs.
//! Never makes the source wait: what it cannot be given is its own loss.

use std::{io, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use media::{
    AccessUnit, Item, MediaTime, TrackConfig, TrackKind, h264,
    pipe::{Decoder, FromWorker, Message, ToWorker},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};

/// Packets that wait for the transcoder: over 17 s at 60 frames a second. One that is fuller than this does
/// not read at all, and is replaced.
const PACKETS_MAX: usize = 1024;
/// Units that wait for the programme task. Full: the transcoder waits, and lags.
const EVENTS_MAX: usize = 256;
/// A process may take this long to load its libraries before it says its first word.
const FIRST_WORD_WITHIN: Duration = Duration::from_secs(5);
const READ_BYTES: usize = 64 * 1024;
const LOG_BYTES_MAX: usize = 4 * 1024;

/// What the transcoder says.
#[derive(Debug)]
pub(crate) enum Event {
    /// A rung's configuration or its next picture.
    Item {
        /// The rung's name.
        rung: String,
        /// In decode order.
        item: Item,
    },
    /// It died, hung, or could not be started. Nothing more comes of it.
    Lost {
        /// For the log.
        reason: String,
    },
}

/// The transcoder did not take its packets for so long that the queue is full.
#[derive(Debug)]
pub(crate) struct QueueFull;

/// A programme's transcoder: at most one process at a time.
#[derive(Debug)]
pub(crate) struct Transcoder {
    executable: PathBuf,
    silence_max: Duration,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    packets: mpsc::Sender<ToWorker>,
    events: mpsc::Receiver<Event>,
    task: JoinHandle<()>,
}

impl Transcoder {
    pub(crate) fn new(executable: PathBuf, silence_max: Duration) -> Self {
        Self { executable, silence_max, running: None }
    }

    /// Starts a process, unless there is one. True when it did.
    pub(crate) fn start(&mut self) -> bool {
        if self.running.is_some() {
            return false;
        }
        let (packets, packets_in) = mpsc::channel(PACKETS_MAX);
        let (events_out, events) = mpsc::channel(EVENTS_MAX);
        let executable = self.executable.clone();
        let task = tokio::spawn(run(executable, self.silence_max, packets_in, events_out));
        self.running = Some(Running { packets, events, task });
        true
    }

    /// Queues a message. Without a process it is for nobody.
    pub(crate) fn send(&self, message: ToWorker) -> Result<(), QueueFull> {
        let Some(running) = &self.running else { return Ok(()) };
        match running.packets.try_send(message) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(QueueFull),
        }
    }

    /// What it says next; never, while there is none. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Event {
        let Some(running) = &mut self.running else { return std::future::pending().await };
        match running.events.recv().await {
            Some(event) => event,
            None => {
                self.running = None;
                Event::Lost { reason: "its task ended".to_owned() }
            }
        }
    }

    /// What it has said already.
    pub(crate) fn try_next(&mut self) -> Option<Event> {
        self.running.as_mut()?.events.try_recv().ok()
    }

    /// Ends the process without ceremony: there is nothing in it that is still wanted.
    pub(crate) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.task.abort();
        }
    }

    /// Ends the process and waits for it.
    pub(crate) async fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.task.abort();
        let _ = running.task.await;
    }
}

impl Drop for Transcoder {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process's life. Aborting it kills the process.
async fn run(
    executable: PathBuf,
    silence_max: Duration,
    packets: mpsc::Receiver<ToWorker>,
    events: mpsc::Sender<Event>,
) {
    let reason = match spawn(&executable) {
        Ok((mut child, pipes)) => {
            let reason = converse(pipes, silence_max, packets, &events).await;
            let _ = child.kill().await;
            reason
        }
        Err(error) => format!("cannot start {}: {error}", executable.display()),
    };
    let _ = events.send(Event::Lost { reason }).await;
}

struct Pipes {
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

fn spawn(executable: &PathBuf) -> io::Result<(Child, Pipes)> {
    let mut child = Command::new(executable)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(io::Error::other("the process has no pipes"));
    };
    Ok((child, Pipes { stdin, stdout, stderr }))
}

/// Talks with the process until one side is gone; says why it ended.
async fn converse(
    pipes: Pipes,
    silence_max: Duration,
    packets: mpsc::Receiver<ToWorker>,
    events: &mpsc::Sender<Event>,
) -> String {
    let log = log(pipes.stderr);
    tokio::pin!(log);
    let mut talk = std::pin::pin!(async {
        tokio::select! {
            reason = write(pipes.stdin, packets) => reason,
            reason = read(pipes.stdout, silence_max, events) => reason,
        }
    });
    tokio::select! {
        reason = &mut talk => reason,
        // The log's end is no reason to stop listening.
        () = &mut log => talk.await,
    }
}

async fn write(mut stdin: ChildStdin, mut packets: mpsc::Receiver<ToWorker>) -> String {
    while let Some(message) = packets.recv().await {
        let frame = match message.encode() {
            Ok(frame) => frame,
            Err(error) => return format!("a message does not fit the pipe: {error}"),
        };
        if let Err(error) = stdin.write_all_buf(&mut frame.head.chain(frame.payload)).await {
            // The reason is better known to the reader, who sees the end of the output.
            tracing::debug!("transcoder takes no more input: {error}");
            break;
        }
    }
    std::future::pending().await
}

async fn read(mut stdout: ChildStdout, silence_max: Duration, events: &mpsc::Sender<Event>) -> String {
    let mut decoder = Decoder::<FromWorker>::new();
    let mut patience = FIRST_WORD_WITHIN.max(silence_max);
    loop {
        let mut bytes = BytesMut::with_capacity(READ_BYTES);
        match timeout(patience, stdout.read_buf(&mut bytes)).await {
            Err(_) => return format!("it said nothing for {patience:?}"),
            Ok(Err(error)) => return format!("reading its output failed: {error}"),
            Ok(Ok(0)) => return "it ended".to_owned(),
            Ok(Ok(_)) => {}
        }
        patience = silence_max;
        decoder.push(&bytes);
        loop {
            let message = match decoder.poll() {
                Ok(None) => break,
                Ok(Some(message)) => message,
                Err(error) => return format!("its output is no frame: {error}"),
            };
            match event(message) {
                Ok(None) => {}
                Ok(Some(event)) => {
                    if events.send(event).await.is_err() {
                        return "nobody listens".to_owned();
                    }
                }
                Err(reason) => return reason,
            }
        }
    }
}

/// What a message means to the programme; a heartbeat has done its work by arriving.
fn event(message: FromWorker) -> Result<Option<Event>, String> {
    let (rung, item) = match message {
        FromWorker::RungConfig { rung, avcc } => {
            let config =
                h264::parse_avcc(avcc).map_err(|error| format!("configuration of rung {rung}: {error}"))?;
            (rung, Item::Config(TrackConfig::Video(Arc::new(config))))
        }
        FromWorker::RungUnit { rung, pts, dts, key, payload } => {
            let (decode_at, present_at) = (MediaTime::session(dts), MediaTime::session(pts));
            (rung, Item::Unit(AccessUnit { track: TrackKind::Video, decode_at, present_at, key, payload }))
        }
        FromWorker::Heartbeat { .. } => return Ok(None),
        FromWorker::Fatal { message } => return Err(format!("it gave up: {message}")),
    };
    Ok(Some(Event::Item { rung, item }))
}

/// The process's own log, line by line (a line cut where the pipe cut it). libav talks much and means little.
async fn log(mut stderr: ChildStderr) {
    let mut bytes = Vec::with_capacity(LOG_BYTES_MAX);
    while stderr.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        for line in String::from_utf8_lossy(&bytes).lines() {
            let serious = ["ERROR", "WARN", "panicked"].iter().any(|word| line.contains(word));
            if serious {
                tracing::warn!("transcoder: {line}");
            } else {
                tracing::debug!("transcoder: {line}");
            }
        }
        bytes = Vec::with_capacity(LOG_BYTES_MAX);
    }
}
