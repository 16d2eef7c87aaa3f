//! An origin with one epoch of two renditions, whose windows the tests push on.

use std::{collections::BTreeMap, sync::Arc};

use access::{
    edge_secret::EdgeSecrets,
    playback::{Claims, Class, Classes, Keyring},
    root::Root,
};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta};
use hls::{
    multivariant::{Audio, Multivariant, Variant},
    window::{Figures, Part, Report, Segment, SegmentList, Window},
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use ids::{EpochId, SessionId};
use media::MediaTime;
use store::{EpochMedia, Kind, Store, Writer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{Body, Config, EpochFeed, Feed, Opening, Origin, Renditions};

pub(super) const EDGE_SECRET: &str = "the edge's secret";
pub(super) const PAGE: &str = "https://school.example";
/// Parts of half a second, four to a segment.
const PARTS: u32 = 4;

/// How far the epoch is: everything of the segments before `msn`, and `parts` of that one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) msn: u64,
    pub(super) parts: u32,
}

pub(super) struct Bench {
    pub(super) origin: Arc<Origin>,
    pub(super) stop: CancellationToken,
    windows: BTreeMap<&'static str, watch::Sender<Arc<Window>>>,
    channels: Channels,
    writer: Writer,
    segments: SegmentList,
    version: u64,
    keys: Keyring,
    _folder: tempfile::TempDir,
}

struct Channels {
    multivariant: watch::Sender<Option<Arc<Multivariant>>>,
    _renditions: watch::Sender<Arc<Renditions>>,
}

pub(super) const RENDITIONS: [&str; 2] = ["720p", "audio"];

pub(super) fn session() -> SessionId {
    SessionId::from_parts(1_763_680_000_000, [1; 10])
}

pub(super) fn epoch() -> EpochId {
    EpochId::from_parts(1_763_680_000_000, [2; 10])
}

impl Bench {
    pub(super) fn new(at: At) -> Self {
        Self::with(Config { cors_origins: vec![PAGE.into()], ..Config::default() }, at)
    }

    pub(super) fn with(config: Config, at: At) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (media, writer) = Store::new(folder.path().into()).create(session(), epoch(), Kind::Public);
        let (multivariant, multivariant_receiver) = watch::channel(Some(Arc::new(variants())));
        let windows: BTreeMap<_, _> = RENDITIONS
            .into_iter()
            .map(|rendition| (rendition, watch::Sender::new(Arc::new(empty(rendition)))))
            .collect();
        let receivers = windows.iter().map(|(name, sender)| ((*name).to_owned(), sender.subscribe()));
        let (renditions, renditions_receiver) = watch::channel(Arc::new(receivers.collect::<Renditions>()));
        let feed = OneEpoch(EpochFeed {
            multivariant: multivariant_receiver,
            renditions: renditions_receiver,
            media: Arc::clone(&media),
        });
        let keys = Keyring::new(&Root::new(&[1; 32]).unwrap(), ["k2", "k1"]).unwrap();
        let stop = CancellationToken::new();
        let edge = EdgeSecrets::new([EDGE_SECRET, "the one before"]);
        let mut bench = Self {
            origin: Arc::new(Origin::new(Arc::new(feed), keys.clone(), edge, config, stop.clone())),
            stop,
            windows,
            channels: Channels { multivariant, _renditions: renditions },
            writer,
            segments: SegmentList::default(),
            version: 0,
            keys,
            _folder: folder,
        };
        for rendition in RENDITIONS {
            bench.writer.init(rendition, 0, Bytes::from_static(b"ftyp+moov")).unwrap();
        }
        for msn in 0..at.msn {
            bench.store(msn, PARTS);
            bench.finish(msn);
        }
        bench.store(at.msn, at.parts);
        bench.announce(at, false);
        bench
    }

    /// Stores what is new, then announces it.
    pub(super) fn advance(&mut self, to: At) {
        let from = self.segments.last().map_or(0, |last| last.msn + 1);
        for msn in from..to.msn {
            self.store(msn, PARTS);
            self.finish(msn);
        }
        self.store(to.msn, to.parts);
        self.announce(to, false);
    }

    pub(super) fn end(&mut self, at: At) {
        self.announce(At { parts: 0, ..at }, true);
    }

    pub(super) fn not_open_yet(&self) {
        self.channels.multivariant.send_replace(None);
    }

    pub(super) fn token(&self, classes: Classes) -> String {
        self.token_of(Claims { exp_unix_s: 4_000_000_000, classes, sid: 0xabc })
    }

    pub(super) fn token_of(&self, claims: Claims) -> String {
        self.keys.sign(claims, session(), epoch()).expose()
    }

    /// Asks with a token for everything.
    pub(super) async fn get(&self, below: &str) -> Answer {
        self.ask(Method::GET, &self.path(below), &[]).await
    }

    pub(super) fn path(&self, below: &str) -> String {
        let classes = Classes::only(Class::Live).and(Class::Dvr).and(Class::Vod);
        format!("/p/{}/s/{}/{}/{below}", self.token(classes), session(), epoch())
    }

    pub(super) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let request = request(method, path, headers);
        Answer::read(self.origin.handle(request).await).await
    }

    fn store(&self, msn: u64, parts: u32) {
        for rendition in RENDITIONS {
            for index in 0..parts {
                let part = store::Part {
                    msn,
                    index,
                    offset: 0,
                    chunks: vec![
                        Bytes::from(format!("<{rendition} ")),
                        Bytes::from(format!("{msn}.{index}>")),
                    ],
                    record: Bytes::new(),
                    record_if_lost: Bytes::new(),
                };
                self.writer.part(rendition, part).unwrap();
            }
        }
    }

    fn finish(&mut self, msn: u64) {
        RENDITIONS.iter().for_each(|rendition| self.writer.finish_segment(rendition, msn));
        self.segments.push(Arc::new(segment(msn, PARTS)));
    }

    fn announce(&mut self, at: At, ended: bool) {
        self.version += 1;
        for (rendition, sender) in &self.windows {
            let other = RENDITIONS.into_iter().find(|other| other != rendition).unwrap();
            sender.send_replace(Arc::new(Window {
                version: self.version,
                segments: self.segments.clone(),
                live_from_msn: at.msn.saturating_sub(30),
                parts_from_msn: at.msn.saturating_sub(6),
                open: (at.parts > 0).then(|| segment(at.msn, at.parts)),
                hint: (!ended).then_some((at.msn, at.parts)),
                reports: vec![Report {
                    rendition: other.into(),
                    last_msn: at.msn,
                    last_part: at.parts.checked_sub(1),
                }],
                ended,
                ..empty(rendition)
            }));
        }
    }
}

fn segment(msn: u64, parts: u32) -> Segment {
    let part = |index| Part {
        duration: MediaTime::from_ms(500),
        independent: index == 0,
        gap: false,
        size_bytes: 10,
    };
    let starts_ms = i64::try_from(msn).unwrap() * 2_000;
    Segment {
        msn,
        starts_at: MediaTime::from_ms(starts_ms),
        program_date_time: DateTime::from_timestamp(1_763_680_000, 0).unwrap()
            + TimeDelta::milliseconds(starts_ms),
        discontinuity: false,
        discontinuity_sequence: 0,
        init: 0,
        gap: false,
        unrecorded: false,
        slate: None,
        parts: (0..parts).map(part).collect(),
        duration: MediaTime::from_ms(i64::from(parts) * 500),
    }
}

fn empty(rendition: &str) -> Window {
    Window {
        version: 0,
        rendition: rendition.into(),
        figures: Figures::default(),
        segments: SegmentList::default(),
        live_from_msn: 0,
        parts_from_msn: 0,
        open: None,
        hint: Some((0, 0)),
        reports: Vec::new(),
        ended: false,
    }
}

fn variants() -> Multivariant {
    Multivariant {
        figures: Figures::default(),
        variants: vec![Variant {
            rendition: "720p".into(),
            bandwidth: 2_900_000,
            average_bandwidth: 2_500_000,
            codec: "avc1.64001F".into(),
            width: 1280,
            height: 720,
            frame_rate: 30.0,
        }],
        audio: Some(Audio {
            rendition: "audio".into(),
            bandwidth: 140_000,
            average_bandwidth: 130_000,
            codec: "mp4a.40.2".into(),
            channels: 2,
        }),
    }
}

struct OneEpoch(EpochFeed);

impl Feed for OneEpoch {
    fn open(&self, of_session: SessionId, of_epoch: EpochId) -> Opening<'_> {
        let known = (of_session, of_epoch) == (session(), epoch());
        Box::pin(async move { known.then(|| self.0.clone()) })
    }
}

/// An epoch without channels: what is left when its packager is gone.
pub(super) fn feed_of(media: Arc<EpochMedia>) -> EpochFeed {
    EpochFeed { multivariant: watch::channel(None).1, renditions: watch::channel(Arc::default()).1, media }
}

pub(super) fn request(method: Method, path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap()
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) async fn read(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { status: head.status, headers: head.headers, body }
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status line, headers in order of their names, body.
    pub(super) fn golden(&self) -> String {
        let mut lines: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort();
        format!("{}\n{}\n\n{}", self.status, lines.join("\n"), self.text())
    }
}
