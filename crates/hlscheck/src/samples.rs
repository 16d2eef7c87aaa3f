//! Rules of the media of one rendition: 18, 68 to 72, and the pieces that 28, 29, 32 and 33 are judged by.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use crate::{
    boxes::{self, Fragments, Init},
    media_playlist::{Part, Segment},
    report::Sink,
    rule::Level,
};

/// Bytes of parts that wait for their segment, at most.
const WAITING_BYTES_MAX: usize = 48 << 20;
/// Segments and initialisation sections that are remembered.
const REMEMBERED_MAX: usize = 128;

/// Where media belongs to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Place {
    Part { msn: u64, index: usize, part: Part, dsn: u64, init: Option<String>, begins: bool },
    Segment { segment: Box<Segment>, init: Option<String> },
}

/// What a piece of media was found to be.
#[derive(Clone, Debug, PartialEq)]
struct Found {
    /// First decode time, its end, and shortest sample, by track, in its timescale.
    spans: BTreeMap<usize, (u64, u64)>,
    first_sequence: Option<u32>,
    last_sequence: Option<u32>,
    init: String,
    dsn: u64,
}

/// The media of one rendition as it was fetched.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    inits: BTreeMap<String, Init>,
    /// Media that came before its initialisation section.
    early: Vec<(Place, Bytes)>,
    parts: BTreeMap<(u64, usize), (Option<Found>, Bytes)>,
    segments: BTreeMap<u64, Found>,
    /// Which segments' bytes wait for their parts.
    whole: BTreeMap<u64, (Segment, Bytes)>,
    compared: BTreeMap<u64, ()>,
    /// Date minus presentation time of first samples, in microseconds, by media sequence number.
    pub(crate) mappings: BTreeMap<u64, i64>,
    /// Largest bit rate of a segment.
    pub(crate) peak_bits: f64,
    /// Codecs that were found in initialisation sections.
    pub(crate) codecs: Vec<String>,
    drift_s: f64,
}

impl Samples {
    /// Takes an initialisation section.
    pub(crate) fn init(&mut self, key: &str, bytes: &Bytes, sink: &mut Sink) {
        if self.inits.contains_key(key) {
            return;
        }
        let init = boxes::init(bytes);
        sink.check(69, init.problems.is_empty(), || init.problems.join("; "));
        for codec in init.tracks.iter().filter_map(|track| track.codec.clone()) {
            if !self.codecs.contains(&codec) {
                self.codecs.push(codec);
            }
        }
        bound(&mut self.inits);
        self.inits.insert(key.to_owned(), init);
        for (place, bytes) in std::mem::take(&mut self.early) {
            self.take(place, bytes, sink);
        }
    }

    /// Takes a part or a segment.
    pub(crate) fn take(&mut self, place: Place, bytes: Bytes, sink: &mut Sink) {
        let key = match &place {
            Place::Part { init, .. } | Place::Segment { init, .. } => init.clone(),
        };
        let Some(key) = key else {
            // No MAP: another container, or rule 10 has been broken already.
            if bytes.get(4..8).is_some_and(|kind| kind == b"moof" || kind == b"styp") {
                sink.check(10, false, || "fragmented MP4 without EXT-X-MAP".into());
            }
            return;
        };
        let Some(init) = self.inits.get(&key) else {
            const EARLY_MAX: usize = 32;
            if self.early.len() < EARLY_MAX {
                self.early.push((place, bytes));
            }
            return;
        };
        let fragments = boxes::fragments(&bytes, init);
        sink.check(69, fragments.problems.is_empty(), || fragments.problems.join("; "));
        if !fragments.problems.is_empty() {
            return;
        }
        match place {
            Place::Part { msn, index, part, dsn, begins, .. } => {
                independence(msn, index, &part, begins, &fragments, init, &bytes, sink);
                lasts(&format!("part {msn}.{index}"), part.duration_s, &fragments, init, sink);
                let found = found(&fragments, &key, dsn);
                self.parts.insert((msn, index), (Some(found), bytes));
                self.bound_parts();
                self.compare(msn, sink);
            }
            Place::Segment { segment, .. } => {
                self.segment(*segment, &key, &fragments, &bytes, sink);
            }
        }
    }

    fn segment(
        &mut self,
        segment: Segment,
        key: &str,
        fragments: &Fragments,
        bytes: &Bytes,
        sink: &mut Sink,
    ) {
        let msn = segment.msn;
        let init = &self.inits[key];
        begins_independent(msn, fragments, init, bytes, sink);
        lasts(&format!("segment {msn}"), segment.duration_s, fragments, init, sink);
        if let (Some(date), Some(first)) = (segment.date_us, first_shown_us(fragments, init)) {
            self.mappings.insert(msn, date - first);
            bound(&mut self.mappings);
        }
        if segment.duration_s > 0.5 {
            self.peak_bits = self.peak_bits.max(bytes.len() as f64 * 8.0 / segment.duration_s);
        }
        let now = found(fragments, key, segment.dsn);
        // Neighbours on either side may have come first.
        if let Some(before) = msn.checked_sub(1).and_then(|msn| self.segments.get(&msn)) {
            seam(msn, before, &now, init, sink);
        }
        if let Some(after) = msn.checked_add(1).and_then(|msn| self.segments.get(&msn)) {
            seam(msn + 1, &now, after, init, sink);
        }
        if let Some(length) = self.media_length(&now, init) {
            self.drift_s += segment.duration_s - length;
            let drift = self.drift_s.abs();
            sink.check(72, drift <= 0.05, || {
                format!("EXTINF and media are {:.0} ms apart after segment {msn}", drift * 1000.0)
            });
        }
        self.segments.insert(msn, now);
        bound(&mut self.segments);
        if !segment.parts.is_empty() {
            self.whole.insert(msn, (segment, bytes.clone()));
            while self.whole.len() > 4 {
                self.whole.pop_first();
            }
            self.compare(msn, sink);
        }
    }

    fn media_length(&self, found: &Found, init: &Init) -> Option<f64> {
        let (track, (from, to)) = found.spans.iter().next()?;
        let scale = f64::from(init.tracks.get(*track)?.timescale);
        Some((to - from) as f64 / scale)
    }

    /// A segment is its parts, byte for byte (70).
    fn compare(&mut self, msn: u64, sink: &mut Sink) {
        let Some((segment, bytes)) = self.whole.get(&msn) else { return };
        if self.compared.contains_key(&msn) {
            return;
        }
        let mut at = 0;
        let mut same = true;
        for index in 0..segment.parts.len() {
            if segment.parts[index].gap {
                continue;
            }
            let Some((_, part)) = self.parts.get(&(msn, index)) else { return };
            same &= bytes.get(at..at + part.len()) == Some(&part[..]);
            at += part.len();
        }
        sink.check(70, same && at == bytes.len(), || {
            format!("segment {msn} has {} bytes, and its parts are other {at} bytes", bytes.len())
        });
        self.compared.insert(msn, ());
        bound(&mut self.compared);
        self.whole.remove(&msn);
        self.parts.retain(|(of, _), _| *of != msn);
    }

    fn bound_parts(&mut self) {
        let mut bytes: usize = self.parts.values().map(|(_, bytes)| bytes.len()).sum();
        while bytes > WAITING_BYTES_MAX || self.parts.len() > 1_000 {
            let Some((_, (_, dropped))) = self.parts.pop_first() else { return };
            bytes -= dropped.len();
        }
    }

    /// The same moment of the wall clock is the same media time in another rendition (32, 33).
    pub(crate) fn same_mapping(
        &self,
        msn: u64,
        (other, theirs, their_msn): (&str, &Self, u64),
        air: Duration,
        sink: &mut Sink,
    ) {
        let (Some(one), Some(two)) = (self.mappings.get(&msn), theirs.mappings.get(&their_msn)) else {
            return;
        };
        let off = (one - two).abs();
        let air = i64::try_from(air.as_micros()).unwrap_or(i64::MAX);
        sink.check(33, off <= air, || {
            format!(
                "date and media time of segment {msn} are {} ms from those of segment {their_msn} of {other}",
                off / 1000
            )
        });
        sink.check(32, off <= air.max(50_000), || {
            format!(
                "timestamps of segment {msn} are {} ms from those of segment {their_msn} of {other}",
                off / 1000
            )
        });
    }
}

fn bound<K: Ord, V>(map: &mut BTreeMap<K, V>) {
    while map.len() > REMEMBERED_MAX {
        map.pop_first();
    }
}

fn found(fragments: &Fragments, init: &str, dsn: u64) -> Found {
    let mut spans: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for run in &fragments.runs {
        let end = run.starts.saturating_add(run.duration());
        let span = spans.entry(run.track).or_insert((run.starts, end));
        span.1 = span.1.max(end);
    }
    let (first_sequence, last_sequence) =
        (fragments.sequences.first().copied(), fragments.sequences.last().copied());
    Found { spans, first_sequence, last_sequence, init: init.to_owned(), dsn }
}

/// From one segment to the next (68).
fn seam(msn: u64, before: &Found, after: &Found, init: &Init, sink: &mut Sink) {
    sink.check(68, before.last_sequence < after.first_sequence, || {
        format!("mfhd of segment {msn} is {:?} after {:?}", after.first_sequence, before.last_sequence)
    });
    if before.dsn != after.dsn {
        return;
    }
    sink.check(68, before.init == after.init, || {
        format!("segment {msn} has another EXT-X-MAP than the one before it, and is no discontinuity")
    });
    if before.init != after.init {
        return;
    }
    for (track, (starts, _)) in &after.spans {
        let Some((_, ends)) = before.spans.get(track) else { continue };
        let off = starts.abs_diff(*ends);
        // A clock that counts coarser than the media's may be off by a tick on either side.
        sink.check(68, off <= 1, || {
            let scale = init.tracks.get(*track).map_or(1, |track| track.timescale.max(1));
            format!(
                "segment {msn} begins at {starts} where the one before it ends at {ends}: {:.1} ms apart",
                off as f64 * 1000.0 / f64::from(scale)
            )
        });
    }
}

/// Sum of samples against what the playlist says (72).
fn lasts(what: &str, said_s: f64, fragments: &Fragments, init: &Init, sink: &mut Sink) {
    let mut by_track: BTreeMap<usize, (u64, u32)> = BTreeMap::new();
    for run in &fragments.runs {
        let of = by_track.entry(run.track).or_default();
        of.0 = of.0.saturating_add(run.duration());
        of.1 = of.1.max(run.samples.iter().map(|sample| sample.duration).max().unwrap_or(0));
    }
    // Muxed tracks need not end together: the one that fits best counts.
    let off = by_track.iter().filter_map(|(track, (ticks, longest))| {
        let scale = f64::from(init.tracks.get(*track)?.timescale.max(1));
        Some(((*ticks as f64 / scale - said_s).abs(), f64::from(*longest) / scale))
    });
    let Some((off, frame)) = off.min_by(|a, b| a.0.total_cmp(&b.0)) else { return };
    sink.check(72, off <= frame.max(0.001) + 1e-6, || {
        format!(
            "{what} lasts {said_s} s by the playlist, and {:.1} ms more or less by its samples",
            off * 1000.0
        )
    });
}

fn samples<'a>(
    fragments: &'a Fragments,
    init: &'a Init,
    bytes: &'a [u8],
) -> impl Iterator<Item = (bool, bool)> + 'a {
    let has_video = init.tracks.iter().any(|track| track.video);
    let runs = fragments.runs.iter().filter(move |run| init.tracks[run.track].video == has_video);
    runs.flat_map(move |run| {
        let track = &init.tracks[run.track];
        run.samples.iter().map(move |sample| {
            let at = sample.at.unwrap_or(0);
            let data = bytes.get(at..at + sample.size as usize).unwrap_or_default();
            let h264 = matches!(&*track.format, "avc1" | "avc3");
            let idr = track.nal_length_size.filter(|_| h264).and_then(|size| boxes::is_idr(data, size));
            (sample.sync, idr.unwrap_or(sample.sync))
        })
    })
}

#[expect(clippy::too_many_arguments, reason = "one caller")]
fn independence(
    msn: u64,
    index: usize,
    part: &Part,
    begins: bool,
    fragments: &Fragments,
    init: &Init,
    bytes: &[u8],
    sink: &mut Sink,
) {
    let independent = samples(fragments, init, bytes).any(|(_, independent)| independent);
    sink.check(18, independent || !part.independent, || {
        format!("part {msn}.{index} is said to be INDEPENDENT, and has no independent frame")
    });
    sink.check_as(18, Level::Should, !independent || part.independent, || {
        format!("part {msn}.{index} has an independent frame, and is not said to")
    });
    if begins && index == 0 {
        begins_independent(msn, fragments, init, bytes, sink);
    }
}

fn begins_independent(msn: u64, fragments: &Fragments, init: &Init, bytes: &[u8], sink: &mut Sink) {
    let first = samples(fragments, init, bytes).next();
    sink.check(71, first.is_none_or(|(_, independent)| independent), || {
        format!("segment {msn} does not begin with an independent frame")
    });
    sink.check(71, first.is_none_or(|(sync, independent)| sync == independent), || {
        format!("the first sample of segment {msn} is marked as something else than it is")
    });
}

/// Presentation time of the earliest sample, in microseconds.
fn first_shown_us(fragments: &Fragments, init: &Init) -> Option<i64> {
    let has_video = init.tracks.iter().any(|track| track.video);
    let runs = fragments.runs.iter().filter(|run| init.tracks[run.track].video == has_video);
    let shown = runs.flat_map(|run| {
        let track = &init.tracks[run.track];
        let scale = i128::from(track.timescale.max(1));
        let mut at = i128::from(run.starts) - i128::from(track.edit);
        run.samples.iter().map(move |sample| {
            let shown = at + i128::from(sample.offset);
            at += i128::from(sample.duration);
            shown * 1_000_000 / scale
        })
    });
    i64::try_from(shown.min()?).ok()
}
