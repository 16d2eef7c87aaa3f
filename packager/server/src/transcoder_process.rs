//! The child process that makes the rungs: started, fed, listened to, and killed when it is dead or hangs.
//! Never makes the source wait: what it cannot be given is its own loss.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    path::{self, Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::{Buf, BytesMut};
use media::{
    AccessUnit, Item, MediaTime, TrackConfig, TrackKind, h264,
    pipe::{Decoder, FromWorker, Message, ToWorker},
};
use runtime::clock;
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
/// A process that lives, has work and gets nowhere is given up after so many times the silence it may keep.
const STANDSTILL_SILENCES: u32 = 3;
/// A process this close to what it was asked has caught up: it holds some pictures back to sort them (1 s).
const IDLE_TICKS: i64 = 90_000;
const READ_BYTES: usize = 64 * 1024;
/// All of our environment that the process is given: where programs and libraries lie. The rest holds secrets, and
/// the process decodes what strangers send.
const ENVIRONMENT_KEPT: [&str; 2] = ["PATH", "LD_LIBRARY_PATH"];
/// The signal by which the kernel ends a process for a system call it may not make (signal(7)).
const SIGSYS: i32 = 31;
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
    newest_asked: NewestAsked,
    task: JoinHandle<()>,
}

/// Presentation time of the newest picture that was queued, in session ticks; `i64::MIN` before the first.
type NewestAsked = Arc<AtomicI64>;

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
        let newest_asked = Arc::new(AtomicI64::new(i64::MIN));
        let watch = Watch::new(self.silence_max, Arc::clone(&newest_asked));
        let task = tokio::spawn(run(self.executable.clone(), watch, packets_in, events_out));
        self.running = Some(Running { packets, events, newest_asked, task });
        true
    }

    /// Queues a message. Without a process it is for nobody.
    pub(crate) fn send(&self, message: ToWorker) -> Result<(), QueueFull> {
        let Some(running) = &self.running else { return Ok(()) };
        if let ToWorker::Packet(packet) = &message {
            running.newest_asked.fetch_max(packet.pts, Ordering::Relaxed);
        }
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

/// Is a process alive, and does it get on?
struct Watch {
    silence_max: Duration,
    newest_asked: NewestAsked,
    /// The newest picture that all rungs gave out, and since when nothing newer came.
    progress: Option<(Option<i64>, Instant)>,
}

impl Watch {
    fn new(silence_max: Duration, newest_asked: NewestAsked) -> Self {
        Self { silence_max, newest_asked, progress: None }
    }

    /// Takes a heartbeat; true when the process has had work for a while and got nowhere with it. What it
    /// has read says little: it may read on while its encoder hangs.
    fn stands_still(&mut self, newest_out: Option<i64>, now: Instant) -> bool {
        let asked = self.newest_asked.load(Ordering::Relaxed);
        let caught_up = newest_out.unwrap_or(i64::MIN).saturating_add(IDLE_TICKS) >= asked;
        let since = match self.progress {
            Some((before, since)) if before == newest_out && !caught_up => since,
            Some(_) | None => now,
        };
        self.progress = Some((newest_out, since));
        now.saturating_duration_since(since) > self.silence_max * STANDSTILL_SILENCES
    }
}

/// A process's life. Aborting it kills the process.
async fn run(
    executable: PathBuf,
    watch: Watch,
    packets: mpsc::Receiver<ToWorker>,
    events: mpsc::Sender<Event>,
) {
    let reason = match spawn(&executable) {
        Ok((mut child, pipes)) => {
            let reason = converse(pipes, watch, packets, &events).await;
            let _ = child.kill().await;
            match child.wait().await {
                Ok(status) if reason == ENDED => ended(status),
                Ok(_) | Err(_) => reason,
            }
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

/// Why nothing more comes, when nobody had to end it.
const ENDED: &str = "it ended";

/// How a process ended by itself.
fn ended(status: ExitStatus) -> String {
    match status.signal() {
        Some(SIGSYS) => format!(
            "{ENDED} ({status}): it tried something that its jail forbids. A publisher may have tried to take it \
             over; look who publishes, and keep what was recorded"
        ),
        Some(_) | None => format!("{ENDED} ({status})"),
    }
}

/// The executable as it is run: in a place of its own, with an environment that says nothing, and killed when nobody
/// holds it any more. Its pipes are the caller's to choose.
pub(crate) fn command(executable: &Path) -> io::Result<Command> {
    // A path with folders in it would otherwise be looked for from the folder the process works in.
    let executable = match executable.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => path::absolute(executable)?,
        Some(_) | None => executable.to_owned(),
    };
    let kept = ENVIRONMENT_KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut command = Command::new(executable);
    command
        .env_clear()
        .envs(kept)
        .current_dir("/")
        .kill_on_drop(true)
        // Ctrl-C at the terminal is for the server, which ends the transcoder when it is through.
        .process_group(0);
    Ok(command)
}

fn spawn(executable: &Path) -> io::Result<(Child, Pipes)> {
    let mut command = command(executable)?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(io::Error::other("the process has no pipes"));
    };
    Ok((child, Pipes { stdin, stdout, stderr }))
}

/// Talks with the process until one side is gone; says why it ended.
async fn converse(
    pipes: Pipes,
    watch: Watch,
    packets: mpsc::Receiver<ToWorker>,
    events: &mpsc::Sender<Event>,
) -> String {
    let log = log(pipes.stderr);
    tokio::pin!(log);
    let mut talk = std::pin::pin!(async {
        tokio::select! {
            reason = write(pipes.stdin, packets) => reason,
            reason = read(pipes.stdout, watch, events) => reason,
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

async fn read(mut stdout: ChildStdout, mut watch: Watch, events: &mpsc::Sender<Event>) -> String {
    let mut decoder = Decoder::<FromWorker>::new();
    let mut patience = FIRST_WORD_WITHIN.max(watch.silence_max);
    loop {
        let mut bytes = BytesMut::with_capacity(READ_BYTES);
        match timeout(patience, stdout.read_buf(&mut bytes)).await {
            Err(_) => return format!("it said nothing for {patience:?}"),
            Ok(Err(error)) => return format!("reading its output failed: {error}"),
            Ok(Ok(0)) => return ENDED.to_owned(),
            Ok(Ok(_)) => {}
        }
        patience = watch.silence_max;
        decoder.push(&bytes);
        loop {
            let message = match decoder.poll() {
                Ok(None) => break,
                Ok(Some(message)) => message,
                Err(error) => return format!("its output is no frame: {error}"),
            };
            let event = match event(message, &mut watch) {
                Ok(None) => continue,
                Ok(Some(event)) => event,
                Err(reason) => return reason,
            };
            if events.send(event).await.is_err() {
                return "nobody listens".to_owned();
            }
        }
    }
}

/// What a message means to the programme; or why it is the last.
fn event(message: FromWorker, watch: &mut Watch) -> Result<Option<Event>, String> {
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
        FromWorker::Heartbeat { newest_pts_in: _, newest_pts_out } => {
            if watch.stands_still(newest_pts_out, clock::now()) {
                return Err("it lives but gets nowhere".to_owned());
            }
            return Ok(None);
        }
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

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use bytes::Bytes;
    use media::pipe::Packet;

    use super::*;

    /// A heartbeat without progress, for `printf`.
    const BEAT: &str = r"printf '\000\000\000\003\023\000\000'";

    #[tokio::test]
    async fn what_is_sent_is_read_and_what_it_says_is_heard() {
        let folder = tempfile::tempdir().unwrap();
        let sent = [packet(0), packet(3000)];
        let bytes = bytes_of(&sent);
        let unit = FromWorker::RungUnit {
            rung: "240p".to_owned(),
            pts: 3000,
            dts: 3000,
            key: true,
            payload: Bytes::from_static(b"picture"),
        };
        fs::write(folder.path().join("out"), bytes_of(&[unit])).unwrap();
        let script = format!("head -c {} >in; cat out; while :; do {BEAT}; sleep 0.05; done", bytes.len());
        let mut transcoder = start(folder.path(), &script, Duration::from_secs(10));
        sent.into_iter().for_each(|message| transcoder.send(message).unwrap());
        let Event::Item { rung, item: Item::Unit(unit) } = transcoder.next().await else { panic!("no unit") };
        assert_eq!((rung.as_str(), unit.key, &unit.payload[..]), ("240p", true, &b"picture"[..]));
        assert_eq!(unit.present_at, MediaTime::session(3000));
        assert_eq!(fs::read(folder.path().join("in")).unwrap(), bytes);
        transcoder.stop().await;
    }

    #[tokio::test]
    async fn however_it_ends_it_is_lost_and_the_reason_known() {
        let patient = Duration::from_secs(30);
        let hasty = Duration::from_millis(50);
        check("kill -9 $$", patient, "it ended (signal: 9").await;
        check("exit 7", patient, "it ended (exit status: 7)").await;
        check("kill -SYS $$", patient, "it ended (signal: 31 (SIGSYS)): it tried something").await;
        check(&format!("{BEAT}; exec sleep 30"), hasty, "it said nothing for").await;
        check("echo this is no frame; exec sleep 30", patient, "its output is no frame").await;
        check("printf '\\000\\000\\000\\004\\024bad'; exec sleep 30", patient, "it gave up: bad").await;
        let mut missing = Transcoder::new("/nowhere/lectern-transcoder".into(), patient);
        missing.start();
        assert!(lost(&mut missing).await.starts_with("cannot start /nowhere/lectern-transcoder"));
    }

    #[tokio::test]
    async fn it_is_told_nothing_of_what_the_server_knows() {
        let folder = tempfile::tempdir().unwrap();
        let executable = folder.path().join("transcoder");
        let script = format!("#!/bin/sh\npwd >{0}/place\nenv >{0}/env\nexec cat\n", folder.path().display());
        fs::write(&executable, script).unwrap();
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o700)).unwrap();
        let mut transcoder = Transcoder::new(executable, Duration::from_secs(30));
        transcoder.start();
        // What it is sent comes back, and is nothing that a transcoder says: by then all is written.
        transcoder.send(packet(1)).unwrap();
        assert!(lost(&mut transcoder).await.starts_with("its output is no frame"));
        assert_eq!(fs::read_to_string(folder.path().join("place")).unwrap(), "/\n");
        let environment = fs::read_to_string(folder.path().join("env")).unwrap();
        // The shell adds some of its own.
        let known = ["PATH", "LD_LIBRARY_PATH", "PWD", "OLDPWD", "SHLVL", "_"];
        let strange = environment
            .lines()
            .filter(|line| !known.iter().any(|name| line.split('=').next() == Some(*name)));
        assert_eq!(strange.collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[test]
    fn a_process_that_beats_but_gets_nowhere_stands_still() {
        let start = clock::now();
        let asked = NewestAsked::new(AtomicI64::new(i64::MIN));
        let mut watch = Watch::new(Duration::from_secs(1), Arc::clone(&asked));
        let mut stands_still = |at_s, newest_out_s: Option<i64>| {
            let newest_out = newest_out_s.map(|seconds| seconds * 90_000);
            watch.stands_still(newest_out, start + Duration::from_secs(at_s))
        };
        assert!(!stands_still(0, None));
        assert!(!stands_still(60, None), "nothing was asked of it");
        asked.store(9 * 90_000, Ordering::Relaxed);
        assert!(!stands_still(63, None));
        assert!(!stands_still(66, Some(3)), "it got on");
        assert!(!stands_still(69, Some(3)));
        assert!(stands_still(70, Some(3)));
        assert!(!stands_still(71, Some(8)), "it gets on");
        assert!(!stands_still(99, Some(8)), "it has caught up");
    }

    #[tokio::test]
    async fn a_process_that_does_not_read_never_makes_the_source_wait() {
        let folder = tempfile::tempdir().unwrap();
        let transcoder = start(folder.path(), "exec sleep 30", Duration::from_secs(30));
        let full = (0..2 * PACKETS_MAX as i64).position(|n| transcoder.send(packet(n)).is_err());
        assert_eq!(full, Some(PACKETS_MAX));
    }

    async fn check(script: &str, silence_max: Duration, expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let mut transcoder = start(folder.path(), script, silence_max);
        transcoder.send(packet(1)).unwrap();
        let reason = lost(&mut transcoder).await;
        assert!(reason.starts_with(expected), "{script}: {reason}");
    }

    async fn lost(transcoder: &mut Transcoder) -> String {
        match transcoder.next().await {
            Event::Lost { reason } => reason,
            Event::Item { .. } => panic!("it made something"),
        }
    }

    fn start(folder: &Path, script: &str, silence_max: Duration) -> Transcoder {
        let executable = folder.join("transcoder");
        fs::write(&executable, format!("#!/bin/sh\ncd {}\n{script}\n", folder.display())).unwrap();
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o700)).unwrap();
        let mut transcoder = Transcoder::new(executable, silence_max);
        assert!(transcoder.start());
        assert!(!transcoder.start(), "one at a time");
        transcoder
    }

    fn packet(pts: i64) -> ToWorker {
        let payload = Bytes::from_static(b"coded");
        ToWorker::Packet(Packet { track: TrackKind::Video, pts, dts: pts, key: true, cut: true, payload })
    }

    fn bytes_of<M: Message>(messages: &[M]) -> Vec<u8> {
        let frames = messages.iter().map(|message| message.encode().unwrap());
        frames.flat_map(|frame| [frame.head, frame.payload].concat()).collect()
    }
}
