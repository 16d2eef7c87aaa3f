//! ISO base media boxes, as far as HLS has rules for them (ISO/IEC 14496-12 and -15). Never trusts a length.

/// More samples or fragments than one segment can hold.
const SAMPLES_MAX: usize = 100_000;
const TRACKS_MAX: usize = 16;

/// A box: its type and what is in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bx<'a> {
    pub(crate) kind: [u8; 4],
    pub(crate) at: usize,
    pub(crate) body: &'a [u8],
}

/// The boxes of `bytes`, and whether they fill it.
pub(crate) fn boxes(bytes: &[u8]) -> (Vec<Bx<'_>>, bool) {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() && found.len() < SAMPLES_MAX {
        let Some((size, header)) = header(&bytes[at..]) else { return (found, false) };
        let end = if size == 0 {
            Some(bytes.len())
        } else {
            usize::try_from(size).ok().and_then(|s| at.checked_add(s))
        };
        let Some(end) = end.filter(|end| *end <= bytes.len() && *end >= at + header) else {
            return (found, false);
        };
        let kind = [bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]];
        found.push(Bx { kind, at, body: &bytes[at + header..end] });
        at = end;
    }
    (found, at == bytes.len())
}

fn header(bytes: &[u8]) -> Option<(u64, usize)> {
    let size = u64::from(word(bytes, 0)?);
    bytes.get(4..8)?;
    if size == 1 { Some((long(bytes, 8)?, 16)) } else { Some((size, 8)) }
}

fn child<'a>(of: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(of).0.into_iter().find(|found| found.kind == *kind).map(|found| found.body)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// A track of an initialisation section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) id: u32,
    pub(crate) timescale: u32,
    pub(crate) video: bool,
    /// RFC 6381; none where the format is not one of those known here.
    pub(crate) codec: Option<String>,
    /// The sample entry's four characters.
    pub(crate) format: String,
    pub(crate) nal_length_size: Option<u8>,
    /// Media time of the first edit.
    pub(crate) edit: i64,
    default_duration: u32,
    default_size: u32,
    default_flags: u32,
}

/// An initialisation section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Init {
    pub(crate) tracks: Vec<Track>,
    /// What breaks rule 69.
    pub(crate) problems: Vec<String>,
}

/// Reads an initialisation section.
pub(crate) fn init(bytes: &[u8]) -> Init {
    let mut init = Init::default();
    let (top, whole) = boxes(bytes);
    let mut must = |kept: bool, problem: &str| {
        if !kept {
            init.problems.push(format!("the initialisation section {problem}"));
        }
    };
    must(whole, "does not end with a box");
    let brands = top.first().filter(|first| first.kind == *b"ftyp").map(|ftyp| ftyp.body);
    must(brands.is_some(), "does not begin with ftyp");
    must(brands.is_none_or(is_new_enough), "has no brand iso6 or later in ftyp");
    let moov = top.iter().position(|found| found.kind == *b"moov");
    must(moov == Some(1), "does not have moov right after ftyp");
    must(top.iter().all(|found| found.kind != *b"moof" && found.kind != *b"mdat"), "holds media");
    let Some(moov) = moov.map(|index| top[index].body) else { return init };
    let mvex = child(moov, b"mvex");
    must(mvex.is_some(), "has no mvex");
    let movie_duration = child(moov, b"mvhd").map(duration_of);
    must(matches!(movie_duration, Some(Some(0 | u64::MAX) | None) | None), "says a duration in mvhd");
    let mut tracks = Vec::new();
    for trak in boxes(moov).0.into_iter().filter(|found| found.kind == *b"trak").take(TRACKS_MAX) {
        let stbl = child(trak.body, b"mdia")
            .and_then(|mdia| child(mdia, b"minf"))
            .and_then(|minf| child(minf, b"stbl"));
        for (kind, at) in [(b"stts", 4), (b"stsc", 4), (b"stco", 4), (b"stsz", 8)] {
            let entries = stbl.and_then(|stbl| child(stbl, kind)).and_then(|table| word(table, at));
            must(entries.unwrap_or(0) == 0, "lists samples");
        }
        if let Some(dref) = child(trak.body, b"mdia")
            .and_then(|mdia| child(mdia, b"minf"))
            .and_then(|minf| child(minf, b"dinf"))
            .and_then(|dinf| child(dinf, b"dref"))
        {
            let entries = boxes(dref.get(8..).unwrap_or_default()).0;
            let own = entries.iter().all(|entry| entry.body.get(3).is_some_and(|flags| flags & 1 == 1));
            must(own, "refers to data elsewhere");
        }
        tracks.push(track(trak.body, mvex));
    }
    must(!tracks.is_empty(), "has no trak");
    must(tracks.iter().all(|track| track.timescale > 0), "has a track without a timescale");
    init.tracks = tracks;
    init
}

/// iso6 or later, or a brand that includes it.
fn is_new_enough(ftyp: &[u8]) -> bool {
    let (major, rest) = (ftyp.get(..4), ftyp.get(8..).unwrap_or_default());
    major.into_iter().chain(rest.chunks_exact(4)).any(|brand| {
        matches!(
            brand,
            b"iso6"
                | b"iso7"
                | b"iso8"
                | b"iso9"
                | b"isoa"
                | b"isob"
                | b"cmfc"
                | b"cmf2"
                | b"cmfs"
                | b"cmff"
                | b"cmfl"
                | b"dash"
                | b"msdh"
                | b"hlsf"
        )
    })
}

fn duration_of(mvhd: &[u8]) -> Option<u64> {
    match mvhd.first()? {
        0 => word(mvhd, 16).map(|ticks| if ticks == u32::MAX { u64::MAX } else { u64::from(ticks) }),
        _ => long(mvhd, 24),
    }
}

fn track(trak: &[u8], mvex: Option<&[u8]>) -> Track {
    let mut track = Track::default();
    if let Some(tkhd) = child(trak, b"tkhd") {
        let at = if tkhd.first() == Some(&0) { 12 } else { 20 };
        track.id = word(tkhd, at).unwrap_or(0);
    }
    let mdia = child(trak, b"mdia").unwrap_or_default();
    if let Some(mdhd) = child(mdia, b"mdhd") {
        let at = if mdhd.first() == Some(&0) { 12 } else { 20 };
        track.timescale = word(mdhd, at).unwrap_or(0);
    }
    track.video = child(mdia, b"hdlr").and_then(|hdlr| hdlr.get(8..12)) == Some(b"vide");
    if let Some(elst) = child(trak, b"edts").and_then(|edts| child(edts, b"elst")) {
        // Empty edits have a media time of -1.
        let long_form = elst.first() == Some(&1);
        let (entry, time) = if long_form { (20, 8) } else { (12, 4) };
        let entries = word(elst, 4).unwrap_or(0).min(8) as usize;
        let mut times = (0..entries).filter_map(|index| {
            let at = 8 + index * entry + time;
            if long_form {
                long(elst, at).map(|t| t as i64)
            } else {
                word(elst, at).map(|t| i64::from(t as i32))
            }
        });
        track.edit = times.find(|time| *time >= 0).unwrap_or(0);
    }
    let stsd =
        child(mdia, b"minf").and_then(|minf| child(minf, b"stbl")).and_then(|stbl| child(stbl, b"stsd"));
    if let Some(entry) = stsd.and_then(|stsd| boxes(stsd.get(8..).unwrap_or_default()).0.first().copied()) {
        track.format = String::from_utf8_lossy(&entry.kind).into_owned();
        let inner = entry.body.get(if track.video { 78 } else { 28 }..).unwrap_or_default();
        let config = |kind: &[u8; 4]| child(inner, kind);
        match &entry.kind {
            b"avc1" | b"avc3" => {
                if let Some(avcc) = config(b"avcC").filter(|avcc| avcc.len() >= 5) {
                    track.codec =
                        Some(format!("{}.{:02x}{:02x}{:02x}", track.format, avcc[1], avcc[2], avcc[3]));
                    track.nal_length_size = Some((avcc[4] & 3) + 1);
                }
            }
            b"hvc1" | b"hev1" => {
                track.nal_length_size =
                    config(b"hvcC").and_then(|hvcc| hvcc.get(21)).map(|byte| (byte & 3) + 1);
            }
            b"mp4a" => track.codec = config(b"esds").and_then(mp4a),
            b"Opus" => track.codec = Some("opus".into()),
            b"ac-3" | b"ec-3" => track.codec = Some(track.format.clone()),
            b"fLaC" => track.codec = Some("flac".into()),
            _ => {}
        }
    }
    let trex = mvex.map(|mvex| boxes(mvex).0).unwrap_or_default();
    let trex = trex.iter().find(|found| found.kind == *b"trex" && word(found.body, 4) == Some(track.id));
    if let Some(trex) = trex {
        track.default_duration = word(trex.body, 12).unwrap_or(0);
        track.default_size = word(trex.body, 16).unwrap_or(0);
        track.default_flags = word(trex.body, 20).unwrap_or(0);
    }
    track
}

/// `mp4a.OO[.A]` of an esds box: object type, and the audio object type of AAC.
fn mp4a(esds: &[u8]) -> Option<String> {
    let mut at = 4;
    let mut object = None;
    // ES descriptor, decoder configuration, decoder specific information: each a tag, a length, some fields.
    for _ in 0..8 {
        let tag = *esds.get(at)?;
        at += 1;
        for _ in 0..4 {
            let byte = *esds.get(at)?;
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        match tag {
            3 => {
                let flags = *esds.get(at + 2)?;
                at += 3;
                at += if flags & 0x80 != 0 { 2 } else { 0 };
                at += if flags & 0x40 != 0 { 1 + usize::from(*esds.get(at)?) } else { 0 };
                at += if flags & 0x20 != 0 { 2 } else { 0 };
            }
            4 => {
                object = Some(*esds.get(at)?);
                at += 13;
            }
            5 => {
                let first = half(esds, at)?;
                let kind = match first >> 11 {
                    31 => 32 + (first >> 5 & 0x3f),
                    kind => kind,
                };
                return Some(format!("mp4a.{:02x}.{kind}", object?));
            }
            _ => return object.map(|object| format!("mp4a.{object:02x}")),
        }
    }
    None
}

/// A sample of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) sync: bool,
    /// Composition offset.
    pub(crate) offset: i32,
    /// Its bytes' place, if they lie within what was read.
    pub(crate) at: Option<usize>,
}

/// A track's samples in one fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Index into the tracks of the initialisation section.
    pub(crate) track: usize,
    /// Base media decode time.
    pub(crate) starts: u64,
    pub(crate) samples: Vec<Sample>,
}

impl Run {
    pub(crate) fn duration(&self) -> u64 {
        self.samples.iter().map(|sample| u64::from(sample.duration)).sum()
    }
}

/// What a part or segment holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fragments {
    /// Sequence numbers of mfhd.
    pub(crate) sequences: Vec<u32>,
    pub(crate) runs: Vec<Run>,
    /// What breaks rule 69.
    pub(crate) problems: Vec<String>,
}

/// Reads fragments, with the tracks of their initialisation section.
pub(crate) fn fragments(bytes: &[u8], init: &Init) -> Fragments {
    let mut found = Fragments::default();
    let (top, whole) = boxes(bytes);
    if !whole {
        found.problems.push("does not end with a box".into());
    }
    for moof in top.iter().filter(|one| one.kind == *b"moof") {
        let (inner, _) = boxes(moof.body);
        match inner.iter().find(|one| one.kind == *b"mfhd").and_then(|mfhd| word(mfhd.body, 4)) {
            Some(sequence) => found.sequences.push(sequence),
            None => found.problems.push("has a moof without mfhd".into()),
        }
        for traf in inner.iter().filter(|one| one.kind == *b"traf") {
            match run(traf.body, moof.at, bytes.len(), init) {
                Ok(run) => found.runs.push(run),
                Err(problem) => found.problems.push(problem),
            }
        }
    }
    if found.sequences.is_empty() {
        found.problems.push("has no moof".into());
    }
    if !top.iter().any(|one| one.kind == *b"mdat") {
        found.problems.push("has no mdat".into());
    }
    found
}

fn run(traf: &[u8], moof_at: usize, length: usize, init: &Init) -> Result<Run, String> {
    const NO_SYNC: u32 = 0x0001_0000;
    let tfhd = child(traf, b"tfhd").ok_or("has a traf without tfhd")?;
    let broken = || "has a tfhd or trun that is cut off".to_owned();
    let flags = word(tfhd, 0).ok_or_else(broken)? & 0xff_ffff;
    let id = word(tfhd, 4).ok_or_else(broken)?;
    let track = init.tracks.iter().position(|track| track.id == id);
    let track =
        track.ok_or_else(|| format!("has a traf of track {id}, which no trak of its MAP describes"))?;
    let of = &init.tracks[track];
    if flags & 1 != 0 {
        return Err("addresses its samples from the file's beginning, not from its moof".into());
    }
    let mut at = 8;
    let mut field = |present: bool, usual: u32| {
        if !present {
            return Some(usual);
        }
        let value = word(tfhd, at);
        at += 4;
        value
    };
    field(flags & 2 != 0, 0).ok_or_else(broken)?;
    let duration = field(flags & 8 != 0, of.default_duration).ok_or_else(broken)?;
    let size = field(flags & 0x10 != 0, of.default_size).ok_or_else(broken)?;
    let usual_flags = field(flags & 0x20 != 0, of.default_flags).ok_or_else(broken)?;
    let tfdt = child(traf, b"tfdt").ok_or("has a traf without tfdt")?;
    let starts = if tfdt.first() == Some(&1) { long(tfdt, 4) } else { word(tfdt, 4).map(u64::from) };
    let mut run = Run { track, starts: starts.ok_or_else(broken)?, samples: Vec::new() };
    let mut data = None;
    for trun in boxes(traf).0.into_iter().filter(|one| one.kind == *b"trun") {
        let trun = trun.body;
        let flags = word(trun, 0).ok_or_else(broken)? & 0xff_ffff;
        let count = word(trun, 4).ok_or_else(broken)? as usize;
        let mut at = 8;
        let mut next = || {
            let value = word(trun, at);
            at += 4;
            value.ok_or_else(broken)
        };
        if flags & 1 != 0 {
            let offset = next()? as i32;
            data = usize::try_from(offset).ok().and_then(|offset| moof_at.checked_add(offset));
        }
        let first_flags = if flags & 4 != 0 { Some(next()?) } else { None };
        if run.samples.len().saturating_add(count) > SAMPLES_MAX {
            return Err("has more samples than can be true".into());
        }
        for index in 0..count {
            let duration = if flags & 0x100 != 0 { next()? } else { duration };
            let size = if flags & 0x200 != 0 { next()? } else { size };
            let own = if flags & 0x400 != 0 { Some(next()?) } else { None };
            let offset = if flags & 0x800 != 0 { next()? as i32 } else { 0 };
            let first = first_flags.filter(|_| index == 0);
            let sync = own.or(first).unwrap_or(usual_flags) & NO_SYNC == 0;
            let end = data.and_then(|from| from.checked_add(size as usize));
            let place = data.filter(|_| end.is_some_and(|end| end <= length));
            data = end;
            run.samples.push(Sample { duration, size, sync, offset, at: place });
        }
    }
    if run.samples.iter().any(|sample| sample.at.is_none()) {
        return Err("has samples that lie beyond its end".into());
    }
    Ok(run)
}

/// Is this H.264 sample an IDR picture? None where its NAL units cannot be told apart.
pub(crate) fn is_idr(sample: &[u8], nal_length_size: u8) -> Option<bool> {
    let size = usize::from(nal_length_size);
    let mut rest = sample;
    let mut idr = false;
    while !rest.is_empty() {
        let (length, after) = rest.split_at_checked(size)?;
        let length = length.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let (nal, after) = after.split_at_checked(length)?;
        idr |= nal.first().is_some_and(|byte| byte & 0x1f == 5);
        rest = after;
    }
    Some(idr)
}
