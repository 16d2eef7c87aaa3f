//! A media playlist as a checker needs it: everything that was said, however wrong.

use std::sync::Arc;

use chrono::{DateTime, NaiveDateTime};

use crate::{
    attributes::{self, Attributes},
    report::{Sink, quote},
    text::Line,
};

/// More segments than any playlist that is worth checking: three days of one second each.
const SEGMENTS_MAX: usize = 300_000;
const PARTS_MAX: usize = 100_000;

/// A byte range: length, and first byte where it was said or follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Range {
    pub(crate) length: u64,
    pub(crate) from: u64,
}

/// An initialisation section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    pub(crate) uri: String,
    pub(crate) range: Option<Range>,
}

/// A part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) uri: String,
    pub(crate) duration_s: f64,
    pub(crate) independent: bool,
    pub(crate) gap: bool,
    pub(crate) range: Option<Range>,
}

/// A segment, or what is known of the one that is being made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Segment {
    pub(crate) msn: u64,
    /// Discontinuity sequence number, its own discontinuity counted.
    pub(crate) dsn: u64,
    /// Empty while it is being made.
    pub(crate) uri: String,
    pub(crate) duration_s: f64,
    pub(crate) range: Option<Range>,
    pub(crate) discontinuity: bool,
    pub(crate) gap: bool,
    pub(crate) map: Option<Arc<Map>>,
    pub(crate) keys: Option<Arc<Vec<Attributes>>>,
    /// EXT-X-PROGRAM-DATE-TIME, microseconds since 1970.
    pub(crate) date_us: Option<i64>,
    pub(crate) parts: Vec<Part>,
}

impl Segment {
    pub(crate) fn parts_s(&self) -> f64 {
        self.parts.iter().map(|part| part.duration_s).sum()
    }

    /// Its length as far as it is known.
    pub(crate) fn length_s(&self) -> f64 {
        if self.uri.is_empty() { self.parts_s() } else { self.duration_s }
    }
}

/// A media playlist. In a delta update `segments` begins after what was skipped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Media {
    pub(crate) version: Option<u64>,
    pub(crate) target_s: Option<u64>,
    pub(crate) media_sequence: u64,
    pub(crate) discontinuity_sequence: Option<u64>,
    pub(crate) kind: Option<String>,
    pub(crate) iframes_only: bool,
    pub(crate) independent_segments: bool,
    pub(crate) control: Option<Attributes>,
    pub(crate) part_inf: Option<Attributes>,
    /// SKIPPED-SEGMENTS; none in a full playlist.
    pub(crate) skipped: Option<u64>,
    /// In a delta update: from which segment on EXT-X-KEY was said, and is not that of what was skipped.
    pub(crate) keys_from: Option<u64>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) open: Option<Segment>,
    pub(crate) hints: Vec<Attributes>,
    pub(crate) reports: Vec<Attributes>,
    pub(crate) date_ranges: Vec<Attributes>,
    pub(crate) ended: bool,
}

impl Media {
    pub(crate) fn part_target_s(&self) -> Option<f64> {
        self.part_inf.as_ref()?.decimal("PART-TARGET")
    }

    pub(crate) fn control(&self, name: &str) -> Option<f64> {
        self.control.as_ref()?.decimal(name)
    }

    pub(crate) fn can_block(&self) -> bool {
        self.control.as_ref().is_some_and(|control| control.is_yes("CAN-BLOCK-RELOAD"))
    }

    pub(crate) fn is_low_latency(&self) -> bool {
        self.part_inf.is_some()
    }

    /// All segments, the one that is being made last.
    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &Segment> {
        self.segments.iter().chain(&self.open)
    }

    /// Where the playlist ends: number of the segment that is being made (or comes next), and its parts so far.
    pub(crate) fn edge(&self) -> (u64, u64) {
        match &self.open {
            Some(open) => (open.msn, open.parts.len() as u64),
            None => (self.next_msn(), 0),
        }
    }

    fn next_msn(&self) -> u64 {
        let first = self.media_sequence.saturating_add(self.skipped.unwrap_or(0));
        first.saturating_add(self.segments.len() as u64)
    }

    /// Sum of the durations of whole segments, in seconds.
    pub(crate) fn duration_s(&self) -> f64 {
        self.segments.iter().map(|segment| segment.duration_s).sum()
    }

    /// A listed segment by its number.
    pub(crate) fn by_msn(&self, msn: u64) -> Option<&Segment> {
        let first = self.segments.first().or(self.open.as_ref())?.msn;
        let index = usize::try_from(msn.checked_sub(first)?).ok()?;
        match self.segments.get(index) {
            Some(found) => Some(found),
            None => self.open.as_ref().filter(|open| open.msn == msn),
        }
    }

    /// URI of the hinted part.
    pub(crate) fn hinted_part(&self) -> Option<&Attributes> {
        self.hints.iter().find(|hint| hint.get("TYPE") == Some("PART"))
    }
}

/// Reads a playlist; rules of syntax that it breaks (4 to 11, 17, 19, 21, 22, 24) go to `sink`.
pub(crate) fn parse(lines: &[Line<'_>], asked_to_skip: bool, sink: &mut Sink) -> Media {
    let mut reader = Reader { media: Media::default(), ..Reader::default() };
    for line in lines {
        match line {
            Line::Tag { name, value } => reader.tag(name, *value, asked_to_skip, sink),
            Line::Uri(uri) => reader.uri(uri, sink),
        }
    }
    reader.finish(sink)
}

#[derive(Default)]
struct Reader {
    media: Media,
    next: Segment,
    /// EXTINF as it was written.
    inf: Option<f64>,
    float_inf: bool,
    gap: bool,
    /// A tag of the next segment has been seen.
    touched: bool,
    map: Option<Arc<Map>>,
    keys: Option<Arc<Vec<Attributes>>>,
    keys_open: bool,
    discontinuities: u64,
    byterange: Option<(u64, Option<u64>)>,
    before: Option<(String, u64)>,
    part_before: Option<(String, u64)>,
    any_segment: bool,
    any_discontinuity: bool,
    any_date: bool,
    byteranges: bool,
    iv: bool,
    key_format: bool,
    seen: Vec<&'static str>,
    define: bool,
    query_param: bool,
}

/// Tags that stand once in a media playlist.
const ONCE: [&str; 10] = [
    "EXT-X-VERSION",
    "EXT-X-INDEPENDENT-SEGMENTS",
    "EXT-X-START",
    "EXT-X-TARGETDURATION",
    "EXT-X-MEDIA-SEQUENCE",
    "EXT-X-DISCONTINUITY-SEQUENCE",
    "EXT-X-ENDLIST",
    "EXT-X-PLAYLIST-TYPE",
    "EXT-X-I-FRAMES-ONLY",
    "EXT-X-PART-INF",
];

impl Reader {
    fn tag(&mut self, name: &str, value: Option<&str>, asked_to_skip: bool, sink: &mut Sink) {
        if let Some(once) = ONCE.iter().chain(&["EXT-X-SERVER-CONTROL"]).find(|once| **once == name) {
            let rule = if name == "EXT-X-VERSION" { 4 } else { 6 };
            sink.check(rule, !self.seen.contains(once), || format!("{name} stands once, and is there twice"));
            self.seen.push(once);
        }
        let text = value.unwrap_or_default();
        match name {
            "EXT-X-VERSION" => self.media.version = number(name, text, sink),
            "EXT-X-TARGETDURATION" => self.media.target_s = number(name, text, sink),
            "EXT-X-MEDIA-SEQUENCE" => {
                sink.check(8, !self.any_segment, || format!("{name} stands after the first segment"));
                self.media.media_sequence = number(name, text, sink).unwrap_or(0);
            }
            "EXT-X-DISCONTINUITY-SEQUENCE" => {
                let early = !self.any_segment && !self.any_discontinuity;
                sink.check(8, early, || format!("{name} stands after the first segment or discontinuity"));
                self.media.discontinuity_sequence = number(name, text, sink);
            }
            "EXT-X-ENDLIST" => self.media.ended = true,
            "EXT-X-PLAYLIST-TYPE" => {
                sink.check(5, matches!(text, "VOD" | "EVENT"), || {
                    format!("{name} is VOD or EVENT, and is {}", quote(text))
                });
                self.media.kind = Some(text.to_owned());
            }
            "EXT-X-I-FRAMES-ONLY" => self.media.iframes_only = true,
            "EXT-X-INDEPENDENT-SEGMENTS" => self.media.independent_segments = true,
            "EXT-X-PART-INF" => self.media.part_inf = Some(attributes::parse(name, text, sink)),
            "EXT-X-SERVER-CONTROL" => self.media.control = Some(attributes::parse(name, text, sink)),
            "EXT-X-DEFINE" => {
                self.define = true;
                self.query_param |= attributes::parse(name, text, sink).get("QUERYPARAM").is_some();
            }
            "EXT-X-SKIP" => self.skip(text, asked_to_skip, sink),
            "EXT-X-PRELOAD-HINT" => self.media.hints.push(attributes::parse(name, text, sink)),
            "EXT-X-RENDITION-REPORT" => self.media.reports.push(attributes::parse(name, text, sink)),
            "EXT-X-DATERANGE" => self.media.date_ranges.push(attributes::parse(name, text, sink)),
            "EXT-X-START" => drop(attributes::parse(name, text, sink)),
            "EXT-X-STREAM-INF"
            | "EXT-X-MEDIA"
            | "EXT-X-I-FRAME-STREAM-INF"
            | "EXT-X-SESSION-DATA"
            | "EXT-X-SESSION-KEY"
            | "EXT-X-CONTENT-STEERING" => {
                sink.check(6, false, || {
                    format!("{name} belongs into a multivariant playlist, not into this")
                });
            }
            _ => self.segment_tag(name, text, sink),
        }
    }

    fn segment_tag(&mut self, name: &str, text: &str, sink: &mut Sink) {
        let applies_at_once =
            matches!(name, "EXT-X-DISCONTINUITY" | "EXT-X-KEY" | "EXT-X-MAP" | "EXT-X-PROGRAM-DATE-TIME");
        if applies_at_once {
            sink.check(17, self.next.parts.is_empty(), || {
                format!("{name} of segment {} stands after its first part", self.msn())
            });
        }
        if name != "EXT-X-KEY" {
            self.keys_open = false;
        }
        match name {
            "EXTINF" => self.extinf(text, sink),
            "EXT-X-GAP" => self.gap = true,
            "EXT-X-BITRATE" => drop(number(name, text, sink)),
            "EXT-X-BYTERANGE" => {
                self.byteranges = true;
                self.byterange = byterange(text);
                sink.check(5, self.byterange.is_some(), || format!("{name}: {} is no range", quote(text)));
            }
            "EXT-X-DISCONTINUITY" => {
                self.any_discontinuity = true;
                self.discontinuities += 1;
                self.next.discontinuity = true;
            }
            "EXT-X-KEY" => self.key(text, sink),
            "EXT-X-MAP" => self.map(text, sink),
            "EXT-X-PROGRAM-DATE-TIME" => {
                self.any_date = true;
                self.next.date_us = date_us(text);
                sink.check(5, self.next.date_us.is_some(), || format!("{name}: {} is no date", quote(text)));
            }
            "EXT-X-PART" => self.part(text, sink),
            _ => return,
        }
        self.touched = true;
    }

    fn skip(&mut self, text: &str, asked: bool, sink: &mut Sink) {
        let skip = attributes::parse("EXT-X-SKIP", text, sink);
        sink.check(21, self.media.skipped.is_none(), || "EXT-X-SKIP stands once, and is there twice".into());
        sink.check(21, asked, || "EXT-X-SKIP although no delta update was asked for".into());
        let count = skip.integer("SKIPPED-SEGMENTS");
        sink.check(5, count.is_some(), || "EXT-X-SKIP needs SKIPPED-SEGMENTS".into());
        self.media.skipped = Some(count.unwrap_or(0));
        self.any_segment = true;
    }

    fn extinf(&mut self, text: &str, sink: &mut Sink) {
        let duration = text.split(',').next().unwrap_or_default();
        let seconds = attributes::decimal(duration);
        sink.check(9, seconds.is_some(), || {
            format!("EXTINF of segment {}: {} is no duration", self.msn(), quote(text))
        });
        self.float_inf |= duration.contains('.');
        self.inf = Some(seconds.unwrap_or(0.0));
    }

    fn key(&mut self, text: &str, sink: &mut Sink) {
        let key = attributes::parse("EXT-X-KEY", text, sink);
        let method = key.get("METHOD").unwrap_or_default();
        let has = |name: &str| key.get(name).is_some();
        sink.check(24, has("METHOD"), || "EXT-X-KEY needs METHOD".into());
        sink.check(24, method != "NONE" || key.iter().count() == 1, || {
            "EXT-X-KEY: METHOD=NONE stands alone, and has other attributes".into()
        });
        sink.check(24, method == "NONE" || has("URI"), || format!("EXT-X-KEY: METHOD={method} needs a URI"));
        sink.check(24, !matches!(method, "SAMPLE-AES-CTR" | "AES-256-GCM") || !has("IV"), || {
            format!("EXT-X-KEY: METHOD={method} has no IV")
        });
        self.iv |= has("IV");
        self.key_format |= has("KEYFORMAT") || has("KEYFORMATVERSIONS");
        // Several in a row are several ways to the same key.
        let mut keys = match (&self.keys, self.keys_open) {
            (Some(keys), true) => keys.as_ref().clone(),
            _ => Vec::new(),
        };
        let encrypts = method != "NONE";
        keys.push(key);
        self.keys_open = true;
        let msn = self.msn();
        if self.media.skipped.is_some() {
            self.media.keys_from.get_or_insert(msn);
        }
        self.keys = encrypts.then(|| Arc::new(keys));
    }

    fn map(&mut self, text: &str, sink: &mut Sink) {
        let map = attributes::parse("EXT-X-MAP", text, sink);
        let uri = map.get("URI");
        sink.check(5, uri.is_some(), || "EXT-X-MAP needs a URI".into());
        let range = map.get("BYTERANGE").map(byterange);
        let range = match range {
            Some(Some((length, Some(from)))) => Some(Range { length, from }),
            Some(_) => {
                sink.check(11, false, || "EXT-X-MAP: BYTERANGE needs length and offset".into());
                None
            }
            None => None,
        };
        let encrypted = self.keys.iter().flat_map(|keys| keys.iter());
        let bare =
            encrypted.filter(|key| key.get("METHOD") == Some("AES-128")).any(|key| key.get("IV").is_none());
        sink.check(24, !bare, || "EXT-X-MAP under AES-128 needs a key with an IV".into());
        self.map = Some(Arc::new(Map { uri: uri.unwrap_or_default().to_owned(), range }));
    }

    fn part(&mut self, text: &str, sink: &mut Sink) {
        let part = attributes::parse("EXT-X-PART", text, sink);
        let (uri, duration) = (part.get("URI"), part.decimal("DURATION"));
        sink.check(5, uri.is_some() && duration.is_some(), || "EXT-X-PART needs URI and DURATION".into());
        let uri = uri.unwrap_or_default().to_owned();
        let range = part.get("BYTERANGE").and_then(|text| {
            let found = byterange(text);
            sink.check(5, found.is_some(), || format!("EXT-X-PART: {} is no range", quote(text)));
            let (length, from) = found?;
            Some(follow(length, from, &uri, &mut self.part_before, "EXT-X-PART", sink))
        });
        if range.is_none() {
            self.part_before = None;
        }
        if self.next.parts.len() < PARTS_MAX {
            self.next.parts.push(Part {
                uri,
                duration_s: duration.unwrap_or(0.0),
                independent: part.is_yes("INDEPENDENT"),
                gap: part.is_yes("GAP"),
                range,
            });
        }
    }

    fn msn(&self) -> u64 {
        self.media.next_msn()
    }

    fn uri(&mut self, uri: &str, sink: &mut Sink) {
        self.any_segment = true;
        let msn = self.msn();
        sink.check(9, self.inf.is_some(), || format!("segment {msn} has no EXTINF"));
        let range = self.byterange.take();
        let range =
            range.map(|(length, from)| follow(length, from, uri, &mut self.before, "EXT-X-BYTERANGE", sink));
        if range.is_none() {
            self.before = None;
        }
        let mut segment = self.take(msn);
        segment.uri = uri.to_owned();
        segment.duration_s = self.inf.take().unwrap_or(0.0);
        segment.range = range;
        let fragmented = is_fragmented_mp4(uri);
        if fragmented {
            // In a delta update the map may stand in what was skipped.
            let mapped = segment.map.is_some() || self.media.skipped.is_some();
            sink.check(10, mapped, || format!("segment {msn} is fragmented MP4 without EXT-X-MAP"));
        }
        if self.media.segments.len() < SEGMENTS_MAX {
            self.media.segments.push(segment);
        }
    }

    fn take(&mut self, msn: u64) -> Segment {
        self.keys_open = false;
        self.part_before = None;
        self.touched = false;
        let mut segment = std::mem::take(&mut self.next);
        segment.msn = msn;
        segment.dsn = self.media.discontinuity_sequence.unwrap_or(0).saturating_add(self.discontinuities);
        segment.map.clone_from(&self.map);
        segment.keys.clone_from(&self.keys);
        segment.gap = std::mem::take(&mut self.gap);
        segment
    }

    fn finish(mut self, sink: &mut Sink) -> Media {
        sink.check(51, self.inf.is_none(), || "the playlist breaks off: EXTINF without a URI".into());
        if !self.next.parts.is_empty() {
            let msn = self.msn();
            let open = self.take(msn);
            self.media.open = Some(open);
        }
        sink.check(7, self.media.target_s.is_some_and(|target| target >= 1), || {
            "EXT-X-TARGETDURATION of at least 1 is missing".into()
        });
        let dateless = self.media.date_ranges.is_empty() || self.any_date || self.media.skipped.is_some();
        sink.check(22, dateless, || "EXT-X-DATERANGE without any EXT-X-PROGRAM-DATE-TIME".into());
        self.versions(sink);
        self.media
    }

    fn versions(&self, sink: &mut Sink) {
        let media = &self.media;
        let mut floors = vec![(1, "nothing special")];
        let mut need = |there: bool, version: u64, what: &'static str| {
            if there {
                floors.push((version, what));
            }
        };
        need(self.iv, 2, "the IV of EXT-X-KEY");
        need(self.float_inf, 3, "a fractional EXTINF");
        need(self.byteranges || media.iframes_only, 4, "EXT-X-BYTERANGE or EXT-X-I-FRAMES-ONLY");
        need(self.key_format, 5, "KEYFORMAT");
        need(self.map.is_some() && media.iframes_only, 5, "EXT-X-MAP");
        need(self.map.is_some() && !media.iframes_only, 6, "EXT-X-MAP");
        need(self.define, 8, "EXT-X-DEFINE");
        need(media.skipped.is_some(), 9, "EXT-X-SKIP");
        let control = |name: &str| media.control.as_ref().is_some_and(|control| control.get(name).is_some());
        need(media.skipped.is_some() && control("CAN-SKIP-DATERANGES"), 10, "skipped date ranges");
        need(self.query_param, 11, "EXT-X-DEFINE:QUERYPARAM");
        let (floor, what) = floors.iter().copied().max().unwrap_or((1, ""));
        let said = media.version.unwrap_or(1);
        sink.check(4, said >= floor, || format!("EXT-X-VERSION is {said}, and {what} needs {floor}"));
        // A playlist that offers delta updates may say what those need.
        let offered = [("CAN-SKIP-UNTIL", 9), ("CAN-SKIP-DATERANGES", 10)];
        let ceiling = offered.iter().filter(|(name, _)| control(name)).map(|(_, version)| *version);
        let ceiling = ceiling.max().unwrap_or(0).max(floor);
        sink.check_as(4, crate::rule::Level::Should, said <= ceiling, || {
            format!("EXT-X-VERSION is {said}, and {ceiling} would do")
        });
    }
}

fn number(name: &str, text: &str, sink: &mut Sink) -> Option<u64> {
    let found = attributes::integer(text);
    sink.check(5, found.is_some(), || format!("{name}: {} is no decimal-integer", quote(text)));
    found
}

fn byterange(text: &str) -> Option<(u64, Option<u64>)> {
    match text.split_once('@') {
        Some((length, from)) => Some((attributes::integer(length)?, Some(attributes::integer(from)?))),
        None => Some((attributes::integer(text)?, None)),
    }
}

/// A range without an offset begins where the one before it ended, in the same resource.
fn follow(
    length: u64,
    from: Option<u64>,
    uri: &str,
    before: &mut Option<(String, u64)>,
    tag: &str,
    sink: &mut Sink,
) -> Range {
    let known = before.as_ref().filter(|(resource, _)| resource == uri).map(|(_, end)| *end);
    // The first part of a resource may leave out a zero.
    let part_at_zero = tag == "EXT-X-PART" && before.is_none();
    sink.check(11, from.is_some() || known.is_some() || part_at_zero, || {
        format!("{tag}: a range of {} without offset, and none of the same resource before it", quote(uri))
    });
    let from = from.or(known).unwrap_or(0);
    *before = Some((uri.to_owned(), from.saturating_add(length)));
    Range { length, from }
}

fn is_fragmented_mp4(uri: &str) -> bool {
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    let ending = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(&*ending, "m4s" | "mp4" | "m4v" | "m4a" | "cmfv" | "cmfa" | "cmft")
}

/// Microseconds since 1970 of an ISO 8601 date; without a zone it is UTC.
pub(crate) fn date_us(text: &str) -> Option<i64> {
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return Some(date.timestamp_micros());
    }
    if let Ok(date) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z") {
        return Some(date.timestamp_micros());
    }
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .ok()
        .map(|date| date.and_utc().timestamp_micros())
}
