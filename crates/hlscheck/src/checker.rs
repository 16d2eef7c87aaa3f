//! The checker: observations in, a report out.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{DefaultHasher, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    across, applicable, codec,
    exchange::{self, Directives, Exchange, Why},
    follow::{Playlist, Step, Tolerance},
    http,
    media_playlist::{self, Map, Media, Range},
    multivariant::{self, Multivariant},
    report::{Report, Sink, quote},
    rule::Level,
    samples::{Place, Samples},
    text,
};

/// Media that is known by its URL.
const PLACES_MAX: usize = 20_000;
/// Playlists that are followed.
const PLAYLISTS_MAX: usize = 200;
const WANTS_MAX: usize = 4_000;
/// A promise is tested this long before it ends.
const BEFORE_THE_END: Duration = Duration::from_millis(500);
/// An answer to what is there already comes within this.
const AT_ONCE: Duration = Duration::from_secs(1);
/// Live peaks may be this much over BANDWIDTH.
const PEAK_OVER: f64 = 1.10;

/// Media that should be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Where it lies.
    pub url: String,
    /// First byte and length, if it is a slice.
    pub range: Option<(u64, u64)>,
    /// Why.
    pub why: Why,
    /// Not before this.
    pub due: Instant,
}

#[derive(Debug)]
struct Known {
    playlist: String,
    place: Place,
    hash: Option<(usize, u64)>,
    /// A part is an independent beginning only where it is a segment's first.
    first_seen: Instant,
}

/// What of a playlist has been entered into the places.
#[derive(Debug, Default)]
struct Entered {
    /// Whole segments below this number.
    segments_to: u64,
    /// The newest segment that has parts, and how many of them.
    parts_to: (u64, usize),
    begun: bool,
    /// Listed segments and parts in order, for when they leave.
    segments: VecDeque<(u64, Key, f64)>,
    parts: VecDeque<(u64, usize, Key)>,
}

type Key = (String, Option<Range>);

/// Judges what it is told. It asks for nothing and knows no clock.
#[derive(Debug, Default)]
pub struct Checker {
    tolerance: Tolerance,
    sink: Sink,
    playlists: BTreeMap<String, Playlist>,
    entered: BTreeMap<String, Entered>,
    multivariants: BTreeMap<String, Multivariant>,
    samples: BTreeMap<String, Samples>,
    places: BTreeMap<Key, Known>,
    inits: BTreeMap<Key, String>,
    early_hints: VecDeque<(String, Bytes)>,
    wants: VecDeque<Want>,
    /// Looks at media at all: [`Checker::poll_want`] is of no use otherwise.
    media_wanted: bool,
}

impl Checker {
    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(tolerance: Tolerance) -> Self {
        Self { tolerance, media_wanted: true, ..Self::default() }
    }

    /// For playlists without their media: no [`Want`]s are kept.
    #[must_use]
    pub fn of_playlists(tolerance: Tolerance) -> Self {
        Self { tolerance, ..Self::default() }
    }

    /// A playlist was asked for, media or multivariant; the URL has its delivery directives.
    pub fn playlist(&mut self, exchange: &Exchange) {
        let (bare, directives) = exchange::split(&exchange.url);
        self.sink.about(&bare, exchange.answered_at);
        let known = self.playlists.get(&bare).and_then(|playlist| playlist.newest.clone());
        if !exchange.succeeded() {
            http::playlist(exchange, &bare, directives, known.as_deref(), &mut self.sink);
            if exchange.status() >= 500 {
                self.playlists.entry(bare).or_default().unreachable();
            }
            return;
        }
        if self.playlists.get(&bare).is_some_and(|playlist| playlist.is_known_body(exchange, directives)) {
            http::playlist(exchange, &bare, directives, known.as_deref(), &mut self.sink);
            if let Some(known) = &known {
                self.held(exchange, directives, &Answered::of(known, directives), &bare);
            }
            let until = self.playlists.get(&bare).map(|playlist| playlist.evidence(exchange, directives));
            self.unchanged(&bare, until.unwrap_or(exchange.asked_at));
            return;
        }
        let Some(lines) = text::lines(&exchange.body, &mut self.sink) else { return };
        if text::kind(&lines) == text::Kind::Multivariant {
            let resolve = |uri: &str| across::resolve(&bare, uri);
            http::playlist(exchange, &bare, directives, None, &mut self.sink);
            let found = multivariant::parse(&lines, resolve, &mut self.sink);
            self.multivariants.insert(bare, found);
            return;
        }
        if self.playlists.len() >= PLAYLISTS_MAX && !self.playlists.contains_key(&bare) {
            return;
        }
        let read = media_playlist::parse(&lines, directives.skip, &mut self.sink);
        http::playlist(exchange, &bare, directives, Some(&read), &mut self.sink);
        let answered = Answered::of(&read, directives);
        let playlist = self.playlists.entry(bare.clone()).or_default();
        let step = playlist.take(exchange, directives, read, &self.tolerance, &mut self.sink);
        if matches!(step, Step::New) {
            playlist.sums(&mut self.sink);
            let seen = (exchange.asked_at, exchange.answered_at);
            let of = self.multivariants.values().find(|of| of.playlists().contains(&bare));
            across::judge(&bare, &mut self.playlists, of, seen, &self.tolerance, &mut self.sink);
            self.enter(&bare, exchange.answered_at);
        } else {
            across::in_sync(&bare, &self.playlists, exchange.asked_at, &self.tolerance, &mut self.sink);
        }
        self.held(exchange, directives, &answered, &bare);
    }

    /// The playlist at `url` was looked at, and nothing had changed by `until`: an answer 304, or a simulation
    /// that knows.
    pub fn unchanged(&mut self, url: &str, until: Instant) {
        self.sink.about(url, until);
        if let Some(playlist) = self.playlists.get_mut(url) {
            playlist.unchanged(until, &self.tolerance, &mut self.sink);
            across::in_sync(url, &self.playlists, until, &self.tolerance, &mut self.sink);
        }
    }

    /// The server could not be reached at `now`. What does not come meanwhile is not held against the playlist;
    /// everything else still is.
    pub fn unreachable(&mut self, url: &str, now: Instant, why: &str) {
        let (bare, _) = exchange::split(url);
        self.sink.about(&bare, now);
        self.sink.note(format!("{} could not be reached: {why}", quote(&bare)));
        self.interrupted();
    }

    /// The server was away, as in a restart: nothing could come meanwhile.
    pub fn interrupted(&mut self) {
        for playlist in self.playlists.values_mut() {
            playlist.unreachable();
            playlist.seen.clear();
        }
    }

    /// Media was asked for.
    pub fn media(&mut self, exchange: &Exchange, range: Option<(u64, u64)>, why: Why) {
        let key = (exchange.url.clone(), range.map(|(from, length)| Range { length, from }));
        self.sink.about(&exchange.url, exchange.answered_at);
        self.delivery(exchange, range, why);
        if !exchange.succeeded() || range.is_some() && exchange.http.is_some() && exchange.status() != 206 {
            return;
        }
        let bytes = exchange.body.clone();
        if let Some(playlist) = self.inits.get(&key).cloned() {
            let samples = self.samples.entry(playlist.clone()).or_default();
            samples.init(&init_key(&key), &bytes, &mut self.sink);
            self.codecs(&playlist);
            return;
        }
        let Some(known) = self.places.get_mut(&key) else {
            if why == Why::Hint {
                const HINTS_MAX: usize = 32;
                if self.early_hints.len() == HINTS_MAX {
                    self.early_hints.pop_front();
                }
                self.early_hints.push_back((key.0, bytes));
            }
            return;
        };
        let hash = (bytes.len(), hash(&bytes));
        if let Some(before) = known.hash {
            self.sink.check(40, before == hash, || {
                format!("{} bytes were fetched and {} later: a listed URI never changes", before.0, hash.0)
            });
            return;
        }
        known.hash = Some(hash);
        let (playlist, place) = (known.playlist.clone(), known.place.clone());
        let msn = match &place {
            Place::Segment { segment, .. } => Some(segment.msn),
            Place::Part { .. } => None,
        };
        self.samples.entry(playlist.clone()).or_default().take(place, bytes, &mut self.sink);
        if let Some(msn) = msn {
            self.mappings(&playlist, msn);
            self.peaks(&playlist);
        }
    }

    /// What should be fetched next, if it is due by `now`.
    pub fn poll_want(&mut self, now: Instant) -> Option<Want> {
        let index = self.wants.iter().position(|want| want.due <= now)?;
        self.wants.remove(index)
    }

    /// When the next [`Want`] is due.
    #[must_use]
    pub fn next_want(&self) -> Option<Instant> {
        self.wants.iter().map(|want| want.due).min()
    }

    /// URLs of the media playlists that the multivariant playlist at `url` names.
    #[must_use]
    pub fn playlists_of(&self, url: &str) -> Vec<String> {
        self.multivariants.get(url).map(Multivariant::playlists).unwrap_or_default()
    }

    /// What was found so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report = self.sink.report();
        applicable::fill(
            &mut report,
            self.playlists.values().filter_map(|playlist| playlist.newest.as_deref()),
        );
        report
    }

    /// What was wanted could not be had for as long as it was tried.
    pub(crate) fn lost(&mut self, want: &Want, now: Instant, why: &str) {
        self.sink.about(&want.url, now);
        let rule = if want.why == Why::Promise { 46 } else { 47 };
        self.sink.check(rule, false, || format!("could not be fetched: {why}"));
    }

    /// The outcome of something that was tried.
    pub(crate) fn probe(
        &mut self,
        rule: u8,
        url: &str,
        now: Instant,
        kept: bool,
        message: impl FnOnce() -> String,
    ) {
        self.sink.about(url, now);
        self.sink.check(rule, kept, message);
    }

    pub(crate) fn note(&mut self, note: String) {
        self.sink.note(note);
    }

    /// The newest whole playlist at `url`.
    pub(crate) fn newest(&self, url: &str) -> Option<Arc<Media>> {
        self.playlists.get(url)?.newest.clone()
    }

    /// Was a blocking reload answered with what it asked for (54, 57), and an old one at once (58)?
    fn held(&mut self, exchange: &Exchange, asked: Directives, answered: &Answered, bare: &str) {
        let Some(msn) = asked.msn else { return };
        let known = media_or_older(&self.playlists, bare, exchange.asked_at);
        if let Some(edge) = known.filter(|edge| *edge > (msn, asked.part.unwrap_or(u64::MAX))) {
            let there = asked.part.is_some() || edge.0 > msn;
            let past = answered.parts.zip(asked.part).is_some_and(|(parts, part)| part >= parts);

            if there && !past {
                sink_58(&mut self.sink, exchange, msn);
            }
        }
        if answered.ended {
            sink_58(&mut self.sink, exchange, msn);
            return;
        }
        let edge = answered.edge;
        let Some(part) = asked.part else {
            self.sink.check(54, edge.0 > msn, || {
                format!("asked for segment {msn}, and the playlist ends before {}.{}", edge.0, edge.1)
            });
            return;
        };
        if answered.parts.is_some_and(|parts| part >= parts) {
            self.sink.check(57, edge >= (msn.saturating_add(1), 1), || {
                format!("{msn}.{part} is past the end of its segment, and part 0 of the next is not there")
            });
            return;
        }
        self.sink.check(54, edge > (msn, part), || {
            format!("asked for {msn}.{part}, and the playlist ends before {}.{}", edge.0, edge.1)
        });
    }

    fn delivery(&mut self, exchange: &Exchange, range: Option<(u64, u64)>, why: Why) {
        let Some(http) = &exchange.http else { return };
        let sink = &mut self.sink;
        let said = || format!("answered {}", http.status);
        match why {
            Why::FirstSight => {
                sink.check(47, exchange.succeeded(), said);
                if exchange.succeeded() {
                    let waited = exchange.waited();
                    sink.check_as(47, Level::Should, waited <= self.tolerance.first_byte, || {
                        format!("the first byte of what is listed came after {} ms", waited.as_millis())
                    });
                    http::media(http, sink);
                }
            }
            Why::Promise => sink.check(46, exchange.succeeded(), || {
                format!("{} before the end of the time it is promised for", said())
            }),
            Why::Hint => {
                let found = exchange.succeeded();
                sink.check(61, found || http.status == 404, || format!("hinted, and {}", said()));
                let took = exchange.answered_at.saturating_duration_since(exchange.first_byte_at);
                sink.check(61, !found || took <= TRICKLE, || {
                    format!("a hinted part came over {} ms after its first byte", took.as_millis())
                });
            }
        }
        if let Some((_, length)) = range.filter(|_| exchange.succeeded()) {
            sink.check(65, http.status == 206 && exchange.body.len() as u64 == length, || {
                format!(
                    "a range of {length} bytes was asked for: {} bytes, status {}",
                    exchange.body.len(),
                    http.status
                )
            });
        }
    }

    /// Enters what is new in a playlist, and lets go of what has left it.
    fn enter(&mut self, url: &str, now: Instant) {
        let Some(media) = self.newest(url) else { return };
        let mut entered = self.entered.remove(url).unwrap_or_default();
        if !entered.begun {
            entered.begun = true;
            entered.segments_to = media.media_sequence;
            entered.parts_to = (media.media_sequence, 0);
        }
        let (msn_from, parts_from) = entered.parts_to;
        for segment in media.all().filter(|segment| segment.msn >= msn_from) {
            let from = if segment.msn == msn_from { parts_from } else { 0 };
            for (index, part) in segment.parts.iter().enumerate().skip(from) {
                entered.parts_to = (segment.msn, index + 1);
                if part.gap {
                    continue;
                }
                let Some(place) = across::resolve(url, &part.uri) else { continue };
                let key = (place, part.range);
                let init = self.map(url, segment.map.as_deref(), now);
                let begins = media.independent_segments;
                let place = Place::Part {
                    msn: segment.msn,
                    index,
                    part: part.clone(),
                    dsn: segment.dsn,
                    init,
                    begins,
                };
                entered.parts.push_back((segment.msn, index, key.clone()));
                self.place(key, url, place, now);
            }
        }
        let segments_from = entered.segments_to;
        for segment in media.segments.iter().filter(|segment| segment.msn >= segments_from) {
            entered.segments_to = segment.msn + 1;
            if segment.gap {
                continue;
            }
            let Some(place) = across::resolve(url, &segment.uri) else { continue };
            let key = (place, segment.range);
            let init = self.map(url, segment.map.as_deref(), now);
            entered.segments.push_back((segment.msn, key.clone(), segment.duration_s));
            let place = Place::Segment { segment: Box::new(segment.clone()), init };
            self.place(key, url, place, now);
        }
        self.leave(url, &media, &mut entered, now);
        self.entered.insert(url.to_owned(), entered);
        let hint =
            media.hinted_part().filter(|hint| self.media_wanted && hint.get("BYTERANGE-START").is_none());
        if let Some(hinted) = hint.and_then(|hint| across::resolve(url, hint.get("URI")?)) {
            self.want(Want { url: hinted, range: None, why: Why::Hint, due: now });
        }
    }

    fn map(&mut self, url: &str, map: Option<&Map>, now: Instant) -> Option<String> {
        let map = map?;
        let key = (across::resolve(url, &map.uri)?, map.range);
        let name = init_key(&key);
        if !self.inits.contains_key(&key) && self.inits.len() < PLACES_MAX {
            self.inits.insert(key.clone(), url.to_owned());
            self.want_place(&key, Why::FirstSight, now);
        }
        Some(name)
    }

    fn place(&mut self, key: Key, url: &str, place: Place, now: Instant) {
        if self.places.len() >= PLACES_MAX {
            return;
        }
        let known = Known { playlist: url.to_owned(), place: place.clone(), hash: None, first_seen: now };
        self.places.entry(key.clone()).or_insert(known);
        let early = self.early_hints.iter().position(|(hinted, _)| *hinted == key.0);
        if let Some((_, bytes)) = early.and_then(|index| self.early_hints.remove(index)) {
            let hash = Some((bytes.len(), hash(&bytes)));
            if let Some(known) = self.places.get_mut(&key) {
                known.hash = hash;
            }
            self.samples.entry(url.to_owned()).or_default().take(place, bytes, &mut self.sink);
        }
        self.want_place(&key, Why::FirstSight, now);
    }

    /// Forgets what has left the playlist, but not before its promise is tested.
    fn leave(&mut self, url: &str, media: &Media, entered: &mut Entered, now: Instant) {
        let target = Duration::from_secs(media.target_s.unwrap_or(0));
        let longest = self.playlists.get(url).map_or(0.0, |playlist| playlist.longest_s);
        let first = media.media_sequence;
        let listed = |msn: u64, index: usize| {
            media.by_msn(msn).is_some_and(|segment| index < segment.parts.len() || segment.uri.is_empty())
        };
        while let Some((msn, index, _)) = entered.parts.front() {
            if *msn >= first && listed(*msn, *index) {
                break;
            }
            let Some((_, _, key)) = entered.parts.pop_front() else { break };
            self.promise(&key, now + 3 * target);
        }
        while entered.segments.front().is_some_and(|(msn, ..)| *msn < first) {
            let Some((_, key, duration_s)) = entered.segments.pop_front() else { break };
            let Some(seen) = self.places.get(&key).map(|known| known.first_seen) else { continue };
            let life = Duration::try_from_secs_f64(duration_s + longest).unwrap_or(Duration::ZERO);
            self.promise(&key, seen + life);
        }
    }

    fn promise(&mut self, key: &Key, until: Instant) {
        self.places.remove(key);
        let due = until.checked_sub(BEFORE_THE_END).unwrap_or(until);
        self.want_place(key, Why::Promise, due);
    }

    fn want_place(&mut self, key: &Key, why: Why, due: Instant) {
        let range = key.1.map(|range| (range.from, range.length));
        self.want(Want { url: key.0.clone(), range, why, due });
    }

    fn want(&mut self, want: Want) {
        if !self.media_wanted || self.wants.len() >= WANTS_MAX {
            return;
        }
        if want.why == Why::Hint && self.wants.contains(&want) {
            return;
        }
        self.wants.push_back(want);
    }

    /// CODECS names what is there (28).
    fn codecs(&mut self, playlist: &str) {
        let Some(samples) = self.samples.get(playlist) else { return };
        for variant in self.multivariants.values().flat_map(|of| of.variants_with(playlist)) {
            let Some(codecs) = variant.attributes.get("CODECS") else { continue };
            for found in &samples.codecs {
                let said = || {
                    format!(
                        "the media is {found}, and CODECS of a variant that plays it is {}",
                        quote(codecs)
                    )
                };
                let mut listed = codecs.split(',').map(str::trim);
                let named = listed.clone().any(|one| one.eq_ignore_ascii_case(found));
                if named || !listed.any(|one| codec::covers(one, found)) {
                    self.sink.check(28, named, said);
                } else {
                    self.sink.check_as(28, Level::Should, false, || {
                        format!("{}: that covers it, and does not name it", said())
                    });
                }
            }
        }
    }

    /// BANDWIDTH is the peak (29).
    fn peaks(&mut self, playlist: &str) {
        for of in self.multivariants.values() {
            for variant in of.variants_with(playlist) {
                let Some(bandwidth) = variant.attributes.integer("BANDWIDTH") else { continue };
                let peak = |url: &str| self.samples.get(url).map_or(0.0, |samples| samples.peak_bits);
                let mut groups: BTreeMap<&str, f64> = BTreeMap::new();
                for (kind, url) in of.groups_of(variant).filter(|(_, url)| *url != variant.url) {
                    let most = groups.entry(kind).or_default();
                    *most = most.max(peak(url));
                }
                let total = peak(&variant.url) + groups.values().sum::<f64>();
                self.sink.check(29, total <= bandwidth as f64 * PEAK_OVER, || {
                    format!("BANDWIDTH of {} is {bandwidth}, and its peak {total:.0}", quote(&variant.url))
                });
            }
        }
    }

    fn mappings(&mut self, playlist: &str, msn: u64) {
        let Some(media) = self.newest(playlist) else { return };
        let Some(segment) = media.by_msn(msn) else { return };
        let Some(mine) = self.samples.get(playlist) else { return };
        for (other, theirs) in self.samples.iter().filter(|(other, _)| *other != playlist) {
            let Some(list) = self.playlists.get(other).and_then(|found| found.newest.clone()) else {
                continue;
            };
            if let Some(same) = across::matching(segment, &list) {
                mine.same_mapping(msn, (other, theirs, same.msn), self.tolerance.mapping, &mut self.sink);
            }
        }
    }
}

/// What an answer to a blocking reload holds.
struct Answered {
    edge: (u64, u64),
    ended: bool,
    /// How many parts the asked segment has, if it is whole and lists them.
    parts: Option<u64>,
}

impl Answered {
    fn of(media: &Media, asked: Directives) -> Self {
        let whole = asked.msn.and_then(|msn| media.by_msn(msn));
        let whole = whole.filter(|of| !of.uri.is_empty() && !of.parts.is_empty());
        Self { edge: media.edge(), ended: media.ended, parts: whole.map(|of| of.parts.len() as u64) }
    }
}

/// A hinted part that needs longer than this from its first byte to its last was sent while it was made.
const TRICKLE: Duration = Duration::from_millis(250);

fn sink_58(sink: &mut Sink, exchange: &Exchange, msn: u64) {
    let waited = exchange.waited();
    sink.check(58, waited <= AT_ONCE, || {
        format!("segment {msn} was there, and the answer came after {} ms", waited.as_millis())
    });
}

/// The newest edge that was known when a request was sent.
fn media_or_older(
    playlists: &BTreeMap<String, Playlist>,
    url: &str,
    asked_at: Instant,
) -> Option<(u64, u64)> {
    let seen = &playlists.get(url)?.seen;
    seen.iter().rev().find(|seen| seen.at <= asked_at).map(|seen| seen.edge)
}

fn init_key(key: &Key) -> String {
    match key.1 {
        Some(range) => format!("{}#{}+{}", key.0, range.from, range.length),
        None => key.0.clone(),
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}
