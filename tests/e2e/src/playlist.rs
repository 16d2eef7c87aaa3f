//! Playlists as they are read by a client (draft-pantos-hls-rfc8216bis-22). Strict: what it does not know it refuses.

use anyhow::{Context, Result, bail, ensure};

/// In the place of a part's index: the segment is finished. More than any index.
pub const FINISHED: u64 = u64::MAX;

/// A media playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Media {
    /// EXT-X-VERSION.
    pub version: u32,
    /// EXT-X-TARGETDURATION, seconds.
    pub target_duration_s: f64,
    /// PART-TARGET, seconds; zero without parts.
    pub part_target_s: f64,
    /// The attributes of EXT-X-SERVER-CONTROL.
    pub control: Attributes,
    /// EXT-X-MEDIA-SEQUENCE.
    pub media_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE.
    pub discontinuity_sequence: u64,
    /// EXT-X-PLAYLIST-TYPE.
    pub kind: Option<String>,
    /// SKIPPED-SEGMENTS: zero in a full playlist.
    pub skipped: u64,
    /// Finished segments that are listed.
    pub segments: Vec<Segment>,
    /// The segment that is being made, if it has parts: no URI and no duration yet.
    pub open: Option<Segment>,
    /// URI of the EXT-X-PRELOAD-HINT of TYPE=PART.
    pub hint: Option<String>,
    /// EXT-X-RENDITION-REPORT: URI, LAST-MSN, LAST-PART.
    pub reports: Vec<(String, u64, Option<u64>)>,
    /// EXT-X-ENDLIST.
    pub ended: bool,
}

/// A segment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    /// Its media sequence number.
    pub msn: u64,
    /// Its URI; empty while it is being made.
    pub uri: String,
    /// EXTINF, seconds.
    pub duration_s: f64,
    /// EXT-X-PROGRAM-DATE-TIME.
    pub program_date_time: Option<String>,
    /// EXT-X-DISCONTINUITY stands before it.
    pub discontinuity: bool,
    /// EXT-X-GAP.
    pub gap: bool,
    /// URI of the EXT-X-MAP in force.
    pub map: Option<String>,
    /// An EXT-X-DATERANGE of the slate's CLASS is in force.
    pub slate: bool,
    /// Its EXT-X-PARTs.
    pub parts: Vec<Part>,
}

/// A part.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its URI.
    pub uri: String,
    /// Seconds.
    pub duration_s: f64,
    /// INDEPENDENT=YES.
    pub independent: bool,
    /// GAP=YES.
    pub gap: bool,
}

/// An attribute list (4.2), in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(String, String)>);

/// A multivariant playlist.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Multivariant {
    /// EXT-X-STREAM-INF: attributes and URI.
    pub variants: Vec<(Attributes, String)>,
    /// EXT-X-MEDIA.
    pub media: Vec<Attributes>,
}

impl Attributes {
    /// Reads a list.
    ///
    /// # Errors
    /// When it is none, or names something twice.
    pub fn parse(text: &str) -> Result<Self> {
        let mut found: Vec<(String, String)> = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (name, after) = rest.split_once('=').with_context(|| format!("no attribute: {rest:?}"))?;
            ensure!(
                !name.is_empty()
                    && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-'),
                "attribute name {name:?}"
            );
            let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
                let (value, next) =
                    quoted.split_once('"').with_context(|| format!("open quote: {after:?}"))?;
                ensure!(!value.is_empty(), "{name} is an empty string");
                (value, next)
            } else {
                let end = after.find(',').unwrap_or(after.len());
                after.split_at(end)
            };
            ensure!(found.iter().all(|(before, _)| before != name), "{name} stands twice in {text:?}");
            found.push((name.to_owned(), value.to_owned()));
            rest = match next.strip_prefix(',') {
                Some(more) => more,
                None if next.is_empty() => next,
                None => bail!("{next:?} after {name} in {text:?}"),
            };
        }
        Ok(Self(found))
    }

    /// A value; quotes are taken off.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A value that must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn need(&self, name: &str) -> Result<&str> {
        self.get(name).with_context(|| format!("{name} is missing in {:?}", self.0))
    }

    /// A number that must be there.
    ///
    /// # Errors
    /// When it is not, or is no number.
    pub fn number(&self, name: &str) -> Result<f64> {
        let value = self.need(name)?;
        value.parse().with_context(|| format!("{name}={value} is a number"))
    }
}

impl Media {
    /// Reads the text of a media playlist.
    ///
    /// # Errors
    /// When it breaks a rule of syntax, or has a tag that this client does not know.
    pub fn parse(text: &str) -> Result<Self> {
        read_media(text).with_context(|| format!("in this playlist:\n{text}"))
    }

    /// Newest media sequence number, and newest part of the segment that is being made; [`FINISHED`] when none is.
    #[must_use]
    pub fn newest(&self) -> Option<(u64, u64)> {
        match &self.open {
            Some(open) => Some((open.msn, open.parts.len() as u64 - 1)),
            None => self.segments.last().map(|segment| (segment.msn, FINISHED)),
        }
    }

    /// What a client asks for next: the part after the newest.
    #[must_use]
    pub fn next(&self) -> (u64, u64) {
        match &self.open {
            Some(open) => (open.msn, open.parts.len() as u64),
            None => (self.first_unlisted(), 0),
        }
    }

    /// All segments, the one that is being made last.
    pub fn all(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().chain(&self.open)
    }

    fn first_unlisted(&self) -> u64 {
        self.media_sequence + self.skipped + self.segments.len() as u64
    }
}

impl Multivariant {
    /// Reads the text of a multivariant playlist.
    ///
    /// # Errors
    /// When it breaks a rule of syntax, or has a tag that this client does not know.
    pub fn parse(text: &str) -> Result<Self> {
        let mut found = Self::default();
        let mut lines = lines(text)?;
        while let Some(line) = lines.next() {
            if let Some(attributes) = line.strip_prefix("#EXT-X-STREAM-INF:") {
                let uri = lines
                    .next()
                    .filter(|uri| !uri.starts_with('#'))
                    .context("a URI follows EXT-X-STREAM-INF")?;
                found.variants.push((Attributes::parse(attributes)?, uri.to_owned()));
            } else if let Some(attributes) = line.strip_prefix("#EXT-X-MEDIA:") {
                found.media.push(Attributes::parse(attributes)?);
            } else if !line.starts_with("#EXT-X-VERSION:") && line != "#EXT-X-INDEPENDENT-SEGMENTS" {
                bail!("unknown line {line:?} in\n{text}");
            }
        }
        Ok(found)
    }
}

fn lines(text: &str) -> Result<impl Iterator<Item = &str>> {
    ensure!(text.ends_with('\n') && !text.contains('\u{feff}'), "a playlist is lines of UTF-8 without a BOM");
    let mut lines = text.lines();
    ensure!(lines.next() == Some("#EXTM3U"), "the first line is #EXTM3U");
    Ok(lines.filter(|line| !line.is_empty()))
}

fn read_media(text: &str) -> Result<Media> {
    let mut list = Media::default();
    let mut next = Segment::default();
    let mut seen: Vec<&str> = Vec::new();
    for line in lines(text)? {
        let (tag, value) = line.split_once(':').unwrap_or((line, ""));
        let once = matches!(
            tag,
            "#EXT-X-VERSION"
                | "#EXT-X-TARGETDURATION"
                | "#EXT-X-MEDIA-SEQUENCE"
                | "#EXT-X-DISCONTINUITY-SEQUENCE"
                | "#EXT-X-PLAYLIST-TYPE"
                | "#EXT-X-SERVER-CONTROL"
                | "#EXT-X-PART-INF"
                | "#EXT-X-SKIP"
                | "#EXT-X-ENDLIST"
        );
        ensure!(!once || !seen.contains(&tag), "{tag} stands twice");
        seen.push(tag);
        let before_segments = list.segments.is_empty() && next.parts.is_empty();
        match tag {
            "#EXT-X-VERSION" => list.version = value.parse()?,
            "#EXT-X-TARGETDURATION" => list.target_duration_s = f64::from(value.parse::<u32>()?),
            "#EXT-X-MEDIA-SEQUENCE" => {
                ensure!(before_segments, "{tag} stands before the first segment");
                list.media_sequence = value.parse()?;
            }
            "#EXT-X-DISCONTINUITY-SEQUENCE" => {
                ensure!(before_segments && !next.discontinuity, "{tag} stands before the first segment");
                list.discontinuity_sequence = value.parse()?;
            }
            "#EXT-X-PLAYLIST-TYPE" => list.kind = Some(value.to_owned()),
            "#EXT-X-INDEPENDENT-SEGMENTS" => {}
            "#EXT-X-SERVER-CONTROL" => list.control = Attributes::parse(value)?,
            "#EXT-X-PART-INF" => list.part_target_s = Attributes::parse(value)?.number("PART-TARGET")?,
            "#EXT-X-SKIP" => list.skipped = Attributes::parse(value)?.need("SKIPPED-SEGMENTS")?.parse()?,
            "#EXT-X-MAP" => {
                ensure!(next.parts.is_empty(), "{tag} stands before its segment's parts");
                next.map = Some(Attributes::parse(value)?.need("URI")?.to_owned());
            }
            "#EXT-X-PROGRAM-DATE-TIME" => {
                ensure!(next.parts.is_empty(), "{tag} stands before its segment's parts");
                next.program_date_time = Some(value.to_owned());
            }
            "#EXT-X-DISCONTINUITY" => {
                ensure!(next.parts.is_empty(), "{tag} stands before its segment's parts");
                next.discontinuity = true;
            }
            "#EXT-X-GAP" => next.gap = true,
            "#EXT-X-DATERANGE" => {
                let attributes = Attributes::parse(value)?;
                ensure!(next.parts.is_empty(), "{tag} stands before its segment's parts");
                for name in ["ID", "START-DATE"] {
                    attributes.need(name)?;
                }
                if attributes.need("CLASS")? == "lectern.slate" {
                    next.slate = attributes.get("END-DATE").is_none();
                }
            }
            "#EXT-X-PART" => next.parts.push(part(value)?),
            "#EXTINF" => {
                let seconds = value.strip_suffix(',').with_context(|| format!("a comma ends {line:?}"))?;
                next.duration_s = seconds.parse()?;
            }
            "#EXT-X-PRELOAD-HINT" => {
                let attributes = Attributes::parse(value)?;
                ensure!(list.hint.is_none(), "one hint");
                if attributes.need("TYPE")? == "PART" {
                    list.hint = Some(attributes.need("URI")?.to_owned());
                }
            }
            "#EXT-X-RENDITION-REPORT" => {
                let attributes = Attributes::parse(value)?;
                let part = attributes.get("LAST-PART").map(str::parse).transpose()?;
                let msn = attributes.need("LAST-MSN")?.parse()?;
                list.reports.push((attributes.need("URI")?.to_owned(), msn, part));
            }
            "#EXT-X-ENDLIST" => list.ended = true,
            uri if !uri.starts_with('#') => {
                ensure!(seen.contains(&"#EXTINF") && next.duration_s > 0.0, "EXTINF stands before {uri}");
                next.uri = line.to_owned();
                next.msn = list.first_unlisted();
                let (map, slate) = (next.map.clone(), next.slate);
                list.segments.push(std::mem::take(&mut next));
                (next.map, next.slate) = (map, slate);
            }
            unknown => bail!("unknown tag {unknown:?}"),
        }
    }
    if !next.parts.is_empty() {
        next.msn = list.first_unlisted();
        list.open = Some(next);
    }
    Ok(list)
}

fn part(value: &str) -> Result<Part> {
    let attributes = Attributes::parse(value)?;
    Ok(Part {
        uri: attributes.need("URI")?.to_owned(),
        duration_s: attributes.number("DURATION")?,
        independent: attributes.get("INDEPENDENT") == Some("YES"),
        gap: attributes.get("GAP") == Some("YES"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVE: &str = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n\
        #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.62\n#EXT-X-PART-INF:PART-TARGET=0.54\n\
        #EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"init-0.mp4\"\n\
        #EXT-X-PART:DURATION=0.5,URI=\"7.0.m4s\",INDEPENDENT=YES\n#EXTINF:2.00000,\n7.m4s\n\
        #EXT-X-PART:DURATION=0.5,URI=\"8.0.m4s\",INDEPENDENT=YES\n\
        #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"8.1.m4s\"\n\
        #EXT-X-RENDITION-REPORT:URI=\"../audio/index.m3u8\",LAST-MSN=8,LAST-PART=0\n";

    #[test]
    fn a_live_playlist_is_read() {
        let list = Media::parse(LIVE).unwrap();
        assert_eq!((list.newest(), list.next()), (Some((8, 0)), (8, 1)));
        assert_eq!((list.segments[0].msn, list.segments[0].parts.len()), (7, 1));
        assert_eq!(list.open.as_ref().and_then(|open| open.map.as_deref()), Some("init-0.mp4"));
        assert_eq!(list.control.number("PART-HOLD-BACK").unwrap(), 1.62);
        assert_eq!(list.reports, [("../audio/index.m3u8".to_owned(), 8, Some(0))]);
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        for (from, to) in [
            ("#EXTM3U\n", ""),
            ("#EXT-X-TARGETDURATION:4\n", "#EXT-X-TARGETDURATION:4\n#EXT-X-TARGETDURATION:4\n"),
            ("#EXTINF:2.00000,\n", ""),
            ("URI=\"7.0.m4s\"", "URI=\"7.0.m4s\",URI=\"7.0.m4s\""),
            ("#EXT-X-PRELOAD-HINT", "#EXT-X-SURPRISE"),
        ] {
            assert!(Media::parse(&LIVE.replacen(from, to, 1)).is_err(), "{from:?} became {to:?}");
        }
    }
}
