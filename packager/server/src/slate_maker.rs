//! Has the slate's stills made, ahead of need: the transcoder's executable, run once for all renditions of a programme.
//! Never makes the programme wait; without it holes are listed as gaps.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use media::{
    VideoConfig, h264,
    pipe::{self, Decoder, FromWorker, Message},
};
use packager_core::{
    epoch::Name,
    slate::{Still, Wanted},
};
use runtime::clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::Child,
    task::JoinHandle,
    time::timeout,
};

use crate::transcoder_process::command;

/// The argument that makes the transcoder's executable a slate's maker.
const ARGUMENT: &str = "--slate";
/// A run takes a fraction of a second; on a machine under full load, some seconds.
const MADE_WITHIN: Duration = Duration::from_secs(20);
/// Runs before it is given up; each waits twice as long as the one before.
const RUNS_MAX: u32 = 6;
const BACKOFF: Duration = Duration::from_millis(500);
/// Stills are far smaller than this together.
const OUTPUT_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// A title's length in the pipe.
const TITLE_BYTES_MAX: usize = 255;

/// What was made: a still for each rendition.
pub(crate) type Made = Vec<(Name, Still)>;

/// A programme's slate in the making.
#[derive(Debug)]
pub(crate) struct SlateMaker {
    executable: PathBuf,
    title: String,
    wanted: Vec<Wanted>,
    run: Option<JoinHandle<Option<Made>>>,
}

impl SlateMaker {
    pub(crate) fn new(executable: PathBuf) -> Self {
        Self { executable, title: String::new(), wanted: Vec::new(), run: None }
    }

    /// What stands in the picture from now on. True when it is new.
    pub(crate) fn title_is(&mut self, title: &str) -> bool {
        if self.title == title {
            return false;
        }
        title.clone_into(&mut self.title);
        self.start();
        true
    }

    /// Makes these, and no others that may still be in the making.
    pub(crate) fn want(&mut self, wanted: Vec<Wanted>) {
        self.wanted = wanted;
        self.start();
    }

    /// The stills when they are made; never, while none are. May be dropped and called again.
    pub(crate) async fn next(&mut self) -> Made {
        let Some(run) = &mut self.run else { return std::future::pending().await };
        let made = run.await;
        self.run = None;
        match made {
            Ok(Some(made)) => made,
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Ends what is still in the making and waits for it.
    pub(crate) async fn stop(&mut self) {
        let Some(run) = self.run.take() else { return };
        run.abort();
        let _ = run.await;
    }

    fn start(&mut self) {
        if let Some(before) = self.run.take() {
            before.abort();
        }
        if self.wanted.is_empty() {
            return;
        }
        let stills = self.wanted.iter().take(pipe::RUNGS_MAX).map(|wanted| pipe::Still {
            name: wanted.rendition.to_string(),
            width: wanted.width,
            height: wanted.height,
        });
        let mut title = self.title.clone();
        title.truncate(title.floor_char_boundary(TITLE_BYTES_MAX));
        let slate = pipe::Slate { title, stills: stills.collect() };
        self.run = Some(tokio::spawn(make(self.executable.clone(), slate)));
    }
}

impl Drop for SlateMaker {
    fn drop(&mut self) {
        if let Some(run) = &self.run {
            run.abort();
        }
    }
}

/// Tries until it is made, or has failed too often.
async fn make(executable: PathBuf, slate: pipe::Slate) -> Option<Made> {
    for run in 0..RUNS_MAX {
        let failed = match timeout(MADE_WITHIN, make_once(&executable, &slate)).await {
            Ok(Ok(made)) => return Some(made),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => format!("it took over {MADE_WITHIN:?}"),
        };
        metrics::counter!("lectern_slate_failures_total").increment(1);
        tracing::warn!("slate could not be made: {failed}");
        clock::sleep_until(clock::now() + BACKOFF * (1 << run)).await;
    }
    tracing::error!("slate was given up after {RUNS_MAX} runs: holes are listed as gaps");
    None
}

async fn make_once(executable: &Path, slate: &pipe::Slate) -> Result<Made> {
    let started = command(executable).and_then(|mut command| {
        command.arg(ARGUMENT).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
    });
    let mut child = started.with_context(|| format!("cannot start {}", executable.display()))?;
    let output = converse(&mut child, slate).await?;
    let status = child.wait().await?;
    let stills = read(output.into())?;
    ensure!(status.success(), "it ended with {status}");
    Ok(stills)
}

async fn converse(child: &mut Child, slate: &pipe::Slate) -> Result<Vec<u8>> {
    let mut stdin = child.stdin.take().context("the process has no input")?;
    let stdout = child.stdout.take().context("the process has no output")?;
    let frame = slate.encode()?;
    // One that ends at once says why in its output, or its status.
    if stdin.write_all(&frame.head).await.is_ok() {
        let _ = stdin.shutdown().await;
    }
    drop(stdin);
    let mut output = Vec::new();
    stdout.take(OUTPUT_BYTES_MAX).read_to_end(&mut output).await.context("reading its output failed")?;
    Ok(output)
}

#[derive(Default)]
struct Reading {
    config: Option<VideoConfig>,
    groups: Vec<Vec<Bytes>>,
}

/// The stills in what the process wrote.
fn read(output: Bytes) -> Result<Made> {
    let mut decoder = Decoder::<FromWorker>::new();
    decoder.push(&output);
    let mut read: BTreeMap<String, Reading> = BTreeMap::new();
    while let Some(message) = decoder.poll().context("its output is no frame")? {
        match message {
            FromWorker::RungConfig { rung, avcc } => {
                let config = h264::parse_avcc(avcc).with_context(|| format!("configuration for {rung}"))?;
                read.entry(rung).or_default().config = Some(config);
            }
            FromWorker::RungUnit { rung, key, payload, .. } => {
                let groups = &mut read.entry(rung).or_default().groups;
                if key {
                    groups.push(Vec::new());
                }
                groups.last_mut().context("a still does not begin with a key")?.push(payload);
            }
            FromWorker::Fatal { message } => bail!("it gave up: {message}"),
            FromWorker::Heartbeat { .. } => {}
        }
    }
    ensure!(!decoder.is_midway(), "its output ended inside a frame");
    let still = |(rung, reading): (String, Reading)| {
        let config = reading.config.with_context(|| format!("no configuration for {rung}"))?;
        let groups: [Vec<Bytes>; 2] =
            reading.groups.try_into().ok().with_context(|| format!("{rung} has not two groups"))?;
        let still =
            Still::new(Arc::new(config), groups).with_context(|| format!("{rung} has no pictures"))?;
        Ok((Name::from(rung), still))
    };
    read.into_iter().map(still).collect()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    /// Main profile, 64x48, as x264 wrote it for the maker.
    const AVCC: [u8; 36] = [
        1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, 0x17, //
        0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e, 0x7c, 0x04, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 3,
        0xc5, 0x0a, 0xa8, //
        1, 0, 4, 0x68, 0xce,
    ];

    fn output(messages: &[FromWorker]) -> Vec<u8> {
        let frames = messages.iter().map(|message| message.encode().unwrap());
        frames.flat_map(|frame| [frame.head, frame.payload].concat()).collect()
    }

    fn avcc() -> Bytes {
        Bytes::from([&AVCC[..], &[0x0f, 0xc8]].concat())
    }

    fn unit(key: bool, payload: &'static [u8]) -> FromWorker {
        let rung = "source".to_owned();
        FromWorker::RungUnit { rung, pts: 0, dts: 0, key, payload: Bytes::from_static(payload) }
    }

    fn whole() -> Vec<FromWorker> {
        let config = FromWorker::RungConfig { rung: "source".to_owned(), avcc: avcc() };
        vec![config, unit(true, b"a"), unit(false, b"b"), unit(true, b"c"), unit(false, b"d")]
    }

    async fn made_by(script: &str, output: &[u8]) -> Result<Made> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("out"), output).unwrap();
        let executable = folder.path().join("transcoder");
        fs::write(&executable, format!("#!/bin/sh\ncd {}\n{script}\n", folder.path().display())).unwrap();
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o700)).unwrap();
        let still = pipe::Still { name: "source".to_owned(), width: 64, height: 48 };
        make_once(&executable, &pipe::Slate { title: "Algebra".to_owned(), stills: vec![still] }).await
    }

    #[tokio::test]
    async fn what_the_process_says_becomes_stills() {
        let made = made_by("cat >in; cat out", &output(&whole())).await.unwrap();
        let config = Arc::new(h264::parse_avcc(avcc()).unwrap());
        let groups = [vec!["a".into(), "b".into()], vec!["c".into(), "d".into()]];
        assert_eq!(made, [(Name::from("source"), Still::new(config, groups).unwrap())]);
    }

    #[tokio::test]
    async fn whatever_goes_wrong_is_named() {
        let check = async |script: &str, messages: &[FromWorker], expected: &str| {
            let error = format!("{:#}", made_by(script, &output(messages)).await.unwrap_err());
            assert!(error.contains(expected), "{error}");
        };
        let fatal = FromWorker::Fatal { message: "too small".to_owned() };
        check("cat >in; cat out; exit 1", &[fatal], "it gave up: too small").await;
        check("cat >in; cat out; exit 3", &whole(), "exit status: 3").await;
        check("cat >in; cat out", &whole()[..3], "has not two groups").await;
        check("cat >in; cat out", &whole()[1..], "no configuration").await;
        check("cat >in; cat out", &[unit(false, b"x")], "does not begin with a key").await;
        check("cat >in; printf '\\000\\000\\000\\004\\024b'", &[], "ended inside a frame").await;
        let nowhere = make_once(Path::new("/nowhere/transcoder"), &pipe::Slate::default()).await;
        assert!(format!("{:#}", nowhere.unwrap_err()).starts_with("cannot start /nowhere/transcoder"));
    }
}
