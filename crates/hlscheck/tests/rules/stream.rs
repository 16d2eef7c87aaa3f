//! A low-latency stream that breaks no rule, to be bent.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hlscheck::{Checker, Exchange, Http, Report, Tolerance};

pub(crate) const PARTS: u64 = 4;
pub(crate) const FIRST: u64 = 10;

/// Where a playlist stands: segments from `first` on, and so many parts in all since segment 0.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) first: u64,
    /// Parts since the beginning of segment 0.
    pub(crate) parts: u64,
    pub(crate) discontinuities: Vec<u64>,
    pub(crate) discontinuity_sequence: u64,
    /// The other renditions, and where they stand.
    pub(crate) reports: Vec<(String, u64, u64)>,
    pub(crate) skip: u64,
    pub(crate) ended: bool,
    pub(crate) kind: Option<&'static str>,
    pub(crate) date_offset_ms: i64,
    pub(crate) part_ms: u64,
    pub(crate) target_s: u64,
    /// Whole segments that are listed, once there are so many.
    pub(crate) window: u64,
    /// Whole segments that are listed with their parts.
    pub(crate) with_parts: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            first: FIRST,
            parts: 30 * PARTS + 2,
            discontinuities: Vec::new(),
            discontinuity_sequence: 0,
            reports: Vec::new(),
            skip: 0,
            ended: false,
            kind: None,
            date_offset_ms: 0,
            part_ms: 500,
            target_s: 4,
            window: 20,
            with_parts: 6,
        }
    }
}

impl Stream {
    pub(crate) fn text(&self) -> String {
        let target_s = self.target_s;
        let seconds = |parts: u64| (parts * self.part_ms) as f64 / 1000.0;
        let mut text = format!("#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{target_s}\n");
        let mut line = |line: String| writeln!(text, "{line}").unwrap();
        if let Some(kind) = self.kind {
            line(format!("#EXT-X-PLAYLIST-TYPE:{kind}"));
        }
        line("#EXT-X-INDEPENDENT-SEGMENTS".into());
        line(format!(
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={:?},HOLD-BACK={},CAN-SKIP-UNTIL={}",
            seconds(3),
            3 * target_s,
            6 * target_s
        ));
        line(format!("#EXT-X-PART-INF:PART-TARGET={:?}", seconds(1)));
        line(format!("#EXT-X-MEDIA-SEQUENCE:{}", self.first));
        line(format!("#EXT-X-DISCONTINUITY-SEQUENCE:{}", self.discontinuity_sequence));
        if self.skip > 0 {
            line(format!("#EXT-X-SKIP:SKIPPED-SEGMENTS={}", self.skip));
        } else {
            line("#EXT-X-MAP:URI=\"init.mp4\"".into());
        }
        let open = self.parts / PARTS;
        for msn in self.first + self.skip..=open {
            let parts = if msn == open { self.parts % PARTS } else { PARTS };
            if parts == 0 {
                continue;
            }
            if self.discontinuities.contains(&msn) {
                line("#EXT-X-DISCONTINUITY".into());
            }
            let date = chrono::DateTime::from_timestamp_millis(
                1_800_000_000_000 + i64::try_from(msn * PARTS * self.part_ms).unwrap() + self.date_offset_ms,
            );
            line(format!("#EXT-X-PROGRAM-DATE-TIME:{}", date.unwrap().format("%Y-%m-%dT%H:%M:%S%.3fZ")));
            if open - msn <= self.with_parts {
                for part in 0..parts {
                    let independent = if part == 0 { ",INDEPENDENT=YES" } else { "" };
                    let lasts = seconds(1);
                    line(format!("#EXT-X-PART:DURATION={lasts:?},URI=\"{msn}.{part}.m4s\"{independent}"));
                }
            }
            if msn < open {
                line(format!("#EXTINF:{:?},\n{msn}.m4s", seconds(PARTS)));
            }
        }
        if self.ended {
            line("#EXT-X-ENDLIST".into());
            return text;
        }
        line(format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{}.{}.m4s\"", open, self.parts % PARTS));
        for (uri, msn, part) in &self.reports {
            line(format!("#EXT-X-RENDITION-REPORT:URI=\"{uri}\",LAST-MSN={msn},LAST-PART={part}"));
        }
        text
    }

    /// So many parts later, the oldest segments gone.
    pub(crate) fn later(&self, parts: u64) -> Self {
        let parts = self.parts + parts;
        let first = FIRST.max((parts / PARTS).saturating_sub(self.window)).max(self.first);
        let gone =
            self.discontinuities.iter().filter(|msn| **msn < first && **msn >= self.first).count() as u64;
        Self { first, parts, discontinuity_sequence: self.discontinuity_sequence + gone, ..self.clone() }
    }
}

pub(crate) const URL: &str = "https://live.example/a/index.m3u8";

/// Tells a checker what happens, in simulated time.
pub(crate) struct Teller {
    pub(crate) checker: Checker,
    pub(crate) now: Instant,
}

impl Teller {
    pub(crate) fn new() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant cannot be made otherwise; only differences count"
        )]
        let now = Instant::now();
        Self { checker: Checker::new(Tolerance::default()), now }
    }

    pub(crate) fn wait_ms(&mut self, ms: u64) -> &mut Self {
        self.now += Duration::from_millis(ms);
        self
    }

    pub(crate) fn see(&mut self, text: &str) -> &mut Self {
        self.see_at(URL, text)
    }

    pub(crate) fn see_at(&mut self, url: &str, text: &str) -> &mut Self {
        let body = Bytes::copy_from_slice(text.as_bytes());
        self.checker.playlist(&Exchange::simple(url, self.now, body));
        self
    }

    /// An answer over HTTP that was waited for.
    pub(crate) fn answer(&mut self, query: &str, waited_ms: u64, http: Http, text: &str) -> &mut Self {
        let asked_at = self.now;
        self.wait_ms(waited_ms);
        let url = if query.is_empty() { URL.to_owned() } else { format!("{URL}?{query}") };
        self.checker.playlist(&Exchange {
            url,
            asked_at,
            first_byte_at: self.now,
            answered_at: self.now,
            http: Some(http),
            body: Bytes::copy_from_slice(text.as_bytes()),
        });
        self
    }

    pub(crate) fn report(&self) -> Report {
        self.checker.report()
    }
}

/// The head of a right answer to a playlist's request.
pub(crate) fn ok(max_age_s: u64) -> Http {
    let header = |name: &str, value: String| (name.to_owned(), value);
    Http {
        status: 200,
        headers: vec![
            header("content-type", "application/vnd.apple.mpegurl".into()),
            header("content-encoding", "gzip".into()),
            header("cache-control", format!("max-age={max_age_s}")),
        ],
        is_http2: true,
    }
}

/// Only this rule is broken.
#[track_caller]
pub(crate) fn only(rule: u8, report: &Report, what: &str) {
    let said: Vec<_> = report
        .violations
        .iter()
        .map(|one| format!("{} {} {}", one.rule.number(), one.level, one.message))
        .collect();
    assert_eq!(report.broken_numbers(), [rule], "{what}:\n{}", said.join("\n"));
    let violation = &report.violations[0];
    assert_eq!(violation.section, violation.rule.facts().section);
    assert!(!violation.message.is_empty() && !violation.url.is_empty());
}

/// Nothing is broken, and this rule was looked at.
#[track_caller]
pub(crate) fn clean(rule: u8, report: &Report, what: &str) {
    let said: Vec<_> = report
        .violations
        .iter()
        .map(|one| format!("{} {} {}", one.rule.number(), one.level, one.message))
        .collect();
    assert!(said.is_empty(), "{what}:\n{}", said.join("\n"));
    assert!(
        report.checked.keys().any(|checked| checked.number() == rule),
        "{what}: rule {rule} was never looked at"
    );
}
