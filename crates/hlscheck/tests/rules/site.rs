//! A web server that serves the stream of [`crate::stream`] as it grows, rightly or with something wrong. Plain
//! HTTP/1.1 over TCP; ended with the value.

use std::{
    fmt::Write as _,
    io::Write as _,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use runtime::clock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{
    made::{self, Bend},
    stream::{PARTS, Stream},
};

/// 30 frames a second, nine of them in a part.
const PART_MS: u64 = 300;
const FRAMES: u32 = 9;
const TARGET_S: u64 = 1;
/// Where the stream stands when the server begins, and how many parts later it ends.
const BEGINS: u64 = 30 * PARTS + 2;
const LASTS: u64 = 22;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// After a while the list begins four segments earlier than before.
    MediaSequenceFalls,
    /// The first part of one segment is listed and not there.
    PartIsMissing,
    /// Blocking reloads are answered at once, whatever they ask for.
    AnswersEarly,
    /// A blocking reload for what is there already is held.
    AnswersLate,
    /// Playlists may be kept for a minute.
    KeptTooLong,
    /// No part comes for this long in the middle.
    StandsStill(Duration),
    /// After a while nothing is answered any more.
    FallsSilent,
}

/// A running server.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Site {
    /// Serves the stream from now on.
    pub(crate) async fn open(fault: Fault) -> Self {
        let began = clock::now();
        Self::serve(move |stream| Show { fault, began }.connection(stream)).await
    }

    /// Does `talk` with whoever connects.
    pub(crate) async fn serve<F>(talk: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        let talk = Arc::new(talk);
        tasks.spawn(async move {
            let mut talks = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let talk = talk(stream);
                // Whoever asks may leave in the middle.
                talks.spawn(async move { drop(talk.await) });
            }
        });
        Self { address, _tasks: tasks }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// A head as it was asked with.
pub(crate) async fn read_head(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

struct Answer {
    status: u16,
    kind: &'static str,
    cache: &'static str,
    body: Vec<u8>,
}

impl Answer {
    fn error(status: u16) -> Self {
        Self { status, kind: "text/plain", cache: "no-store", body: Vec::new() }
    }
}

struct Show {
    fault: Fault,
    began: Instant,
}

impl Show {
    async fn connection(self, mut stream: TcpStream) -> std::io::Result<()> {
        loop {
            let head = read_head(&mut stream).await?;
            let target = head.split(' ').nth(1).unwrap_or_default();
            let answer = self.answer(target).await;
            let packed =
                head.to_ascii_lowercase().contains("accept-encoding: gzip") && !answer.body.is_empty();
            let body = if packed { gzip(&answer.body) } else { answer.body };
            let mut said = format!(
                "HTTP/1.1 {} OK\r\nContent-Type: {}\r\nCache-Control: {}\r\nContent-Length: {}\r\n",
                answer.status,
                answer.kind,
                answer.cache,
                body.len()
            );
            if packed {
                said.push_str("Content-Encoding: gzip\r\n");
            }
            said.push_str("\r\n");
            stream.write_all(&[said.as_bytes(), &body].concat()).await?;
        }
    }

    async fn answer(&self, target: &str) -> Answer {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if self.fault == Fault::FallsSilent && self.parts() > BEGINS + 4 {
            return std::future::pending().await;
        }
        match path.rsplit_once('/').unwrap_or(("", path)) {
            ("", "index.m3u8") => Answer {
                status: 200,
                kind: "application/vnd.apple.mpegurl",
                cache: "no-cache",
                body: multivariant().into_bytes(),
            },
            (folder @ ("/a" | "/b"), "index.m3u8") => self.playlist(folder, query).await,
            ("/a" | "/b", "init.mp4") => media(made::init(100)),
            ("/a" | "/b", name) => self.media(name).await,
            _ => Answer::error(404),
        }
    }

    async fn playlist(&self, folder: &str, query: &str) -> Answer {
        let value = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse::<u64>().ok())
        };
        let (msn, part) = (value("_HLS_msn"), value("_HLS_part"));
        let newest = self.parts() / PARTS;
        match (msn, part) {
            (None, Some(_)) => return Answer::error(400),
            (Some(msn), _) if msn > newest + 2 && !self.is_over() => return Answer::error(400),
            (Some(msn), _) if msn < newest && self.fault == Fault::AnswersLate => {
                wait(clock::now() + Duration::from_millis(1_500)).await;
            }
            (Some(msn), part) if self.fault != Fault::AnswersEarly => {
                let asked = msn * PARTS + part.map_or(PARTS, |part| part + 1);
                wait(self.due(asked.min(BEGINS + LASTS))).await;
            }
            _ => {}
        }
        let mut stream = self.stream();
        let other = if folder == "/a" { "b" } else { "a" };
        let last = stream.parts - 1;
        stream.reports = vec![(format!("../{other}/index.m3u8"), last / PARTS, last % PARTS)];
        if query.contains("_HLS_skip=YES") && !stream.ended {
            let whole = stream.parts / PARTS - stream.first;
            // Six target durations stay.
            stream.skip = whole.saturating_sub((6_000 * TARGET_S).div_ceil(PARTS * PART_MS));
        }
        let cache = match (self.fault, msn) {
            (Fault::KeptTooLong, _) => "max-age=60",
            (_, Some(_)) => "max-age=6",
            (_, None) => "no-cache",
        };
        let body = stream.text().into_bytes();
        Answer { status: 200, kind: "application/vnd.apple.mpegurl", cache, body }
    }

    async fn media(&self, name: &str) -> Answer {
        let Some(numbers) = name.strip_suffix(".m4s") else { return Answer::error(404) };
        let mut numbers = numbers.split('.').map(str::parse::<u64>);
        let bend = Bend { grid: FRAMES, frames: FRAMES, ..Bend::default() };
        match (numbers.next(), numbers.next()) {
            (Some(Ok(msn)), None) if msn < self.parts() / PARTS => media(made::segment(msn, &bend)),
            (Some(Ok(msn)), Some(Ok(index))) if index < PARTS => {
                let number = msn * PARTS + index;
                if self.fault == Fault::PartIsMissing && number == 32 * PARTS {
                    return Answer::error(404);
                }
                if number > self.parts() || number >= BEGINS + LASTS {
                    return Answer::error(404);
                }
                wait(self.due(number + 1)).await;
                media(made::part(msn, index, &bend))
            }
            _ => Answer::error(404),
        }
    }

    fn stream(&self) -> Stream {
        let begins = Stream {
            first: 20,
            parts: BEGINS,
            part_ms: PART_MS,
            target_s: TARGET_S,
            window: 10,
            with_parts: 3,
            ..Stream::default()
        };
        let mut stream = begins.later(self.parts() - BEGINS);
        stream.ended = self.is_over();
        if self.fault == Fault::MediaSequenceFalls && stream.parts > BEGINS + LASTS / 2 {
            stream.first -= 4;
        }
        stream
    }

    fn is_over(&self) -> bool {
        self.parts() == BEGINS + LASTS
    }

    /// When so many parts are there.
    fn due(&self, parts: u64) -> Instant {
        let since = parts.saturating_sub(BEGINS);
        let still = if let Fault::StandsStill(length) = self.fault
            && since > LASTS / 2
        {
            length
        } else {
            Duration::ZERO
        };
        self.began + Duration::from_millis(since * PART_MS) + still
    }

    fn parts(&self) -> u64 {
        let now = clock::now();
        (BEGINS..=BEGINS + LASTS).rev().find(|parts| self.due(*parts) <= now).unwrap_or(BEGINS)
    }
}

async fn wait(until: Instant) {
    clock::sleep_until(until).await;
}

fn media(body: Vec<u8>) -> Answer {
    Answer { status: 200, kind: "video/mp4", cache: "max-age=60", body }
}

fn multivariant() -> String {
    let mut text = String::from("#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for (name, bandwidth) in [("a", 40_000), ("b", 50_000)] {
        writeln!(
            text,
            "#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},CODECS=\"avc1.64001f\",RESOLUTION=320x180,FRAME-RATE=30\n\
             {name}/index.m3u8"
        )
        .unwrap();
    }
    text
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}
