//! The times that stand in fragmented MP4 (ISO/IEC 14496-12 8.8). Read here and not by ffmpeg, which moves pictures
//! with negative composition offsets as a whole.

use anyhow::{Context, Result, bail, ensure};

/// One sample of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it is decoded, ticks.
    pub dts: i64,
    /// When it is shown, ticks.
    pub pts: i64,
    /// How long it lasts, ticks.
    pub duration: i64,
    /// It needs no sample before it.
    pub sync: bool,
}

/// A file of one track: an init and its fragments.
#[derive(Clone, Debug)]
pub struct Track {
    /// Ticks a second.
    pub timescale: u32,
    /// Each fragment's samples in decode order.
    pub fragments: Vec<Vec<Sample>>,
}

impl Track {
    /// Reads an init and the fragments behind it.
    ///
    /// # Errors
    /// When it is no such file.
    pub fn read(file: &[u8]) -> Result<Self> {
        let mut track = Self { timescale: 0, fragments: Vec::new() };
        for (kind, body) in boxes(file)? {
            match &kind {
                b"moov" => {
                    let media = child(child(body, b"trak")?, b"mdia")?;
                    let header = child(media, b"mdhd")?;
                    let at = if header[0] == 1 { 20 } else { 12 };
                    track.timescale = u32_at(header, at)?;
                }
                b"moof" => track.fragments.push(fragment(child(body, b"traf")?)?),
                b"ftyp" | b"styp" | b"mdat" | b"prft" | b"emsg" | b"sidx" => {}
                unknown => bail!("box {:?} in a segment", String::from_utf8_lossy(unknown)),
            }
        }
        ensure!(track.timescale > 0, "an init has a timescale");
        Ok(track)
    }

    /// All samples in decode order.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.fragments.iter().flatten()
    }

    /// When samples are shown, in order, in seconds.
    #[must_use]
    pub fn shown_at_s(&self) -> Vec<f64> {
        let mut ticks: Vec<i64> = self.samples().map(|sample| sample.pts).collect();
        ticks.sort_unstable();
        ticks.into_iter().map(|pts| pts as f64 / f64::from(self.timescale)).collect()
    }

    /// What breaks the timeline: fragments that do not begin where the one before ended (3, 6.2.4).
    #[must_use]
    pub fn breaks(&self) -> Vec<String> {
        let pairs = self.fragments.windows(2);
        let ends = pairs.filter_map(|pair| Some((pair[0].last()?, pair[1].first()?)));
        ends.filter(|(last, next)| last.dts + last.duration != next.dts)
            .map(|(last, next)| format!("{last:?} is followed by {next:?}, timescale {}", self.timescale))
            .collect()
    }
}

fn fragment(traf: &[u8]) -> Result<Vec<Sample>> {
    let header = child(traf, b"tfhd")?;
    let flags = u32_at(header, 0)? & 0xff_ffff;
    let mut at = 8;
    let mut field = |bit: u32, size: usize| -> Result<Option<u32>> {
        if flags & bit == 0 {
            return Ok(None);
        }
        at += size;
        Ok(Some(u32_at(header, at - 4)?))
    };
    field(0x01, 8)?;
    field(0x02, 4)?;
    let (duration, _size, sample_flags) = (field(0x08, 4)?, field(0x10, 4)?, field(0x20, 4)?);
    let decode = child(traf, b"tfdt")?;
    let mut dts = match decode[0] {
        1 => i64::from(u32_at(decode, 4)?) << 32 | i64::from(u32_at(decode, 8)?),
        _ => i64::from(u32_at(decode, 4)?),
    };
    let mut samples = Vec::new();
    for (_, run) in boxes(traf)?.into_iter().filter(|(kind, _)| kind == b"trun") {
        let flags = u32_at(run, 0)? & 0xff_ffff;
        let count = u32_at(run, 4)?;
        let mut at = 8;
        let mut next = |bit: u32| -> Result<Option<u32>> {
            if flags & bit == 0 {
                return Ok(None);
            }
            at += 4;
            Ok(Some(u32_at(run, at - 4)?))
        };
        next(0x01)?;
        let first_flags = next(0x04)?;
        for index in 0..count {
            let own_duration = next(0x100)?;
            next(0x200)?;
            let own_flags = next(0x400)?;
            let offset = next(0x800)?.unwrap_or(0);
            // Version 0 is unsigned, but no composition offset is that long.
            let offset = i64::from(offset.cast_signed());
            let duration = i64::from(own_duration.or(duration).context("a sample has a duration")?);
            let flags = first_flags.filter(|_| index == 0).or(own_flags).or(sample_flags).unwrap_or(0);
            samples.push(Sample { dts, pts: dts + offset, duration, sync: flags & 0x1_0000 == 0 });
            dts += duration;
        }
    }
    Ok(samples)
}

/// The boxes in `bytes`: kind and body.
fn boxes(mut bytes: &[u8]) -> Result<Vec<([u8; 4], &[u8])>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let size = u32_at(bytes, 0)? as usize;
        ensure!((8..=bytes.len()).contains(&size), "a box of {size} bytes in {}", bytes.len());
        let kind = bytes[4..8].try_into().context("four letters")?;
        found.push((kind, &bytes[8..size]));
        bytes = &bytes[size..];
    }
    Ok(found)
}

fn child<'a>(body: &'a [u8], kind: &[u8; 4]) -> Result<&'a [u8]> {
    let found = boxes(body)?.into_iter().find(|(found, _)| found == kind);
    Ok(found.with_context(|| format!("a box {:?}", String::from_utf8_lossy(kind)))?.1)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let four = bytes.get(at..at + 4).context("a box ends in a number")?;
    Ok(u32::from_be_bytes(four.try_into().context("four bytes")?))
}
