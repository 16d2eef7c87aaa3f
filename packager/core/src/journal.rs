//! The journal of an epoch: what was listed, so that a restart can go on from there. Bytes and records
//! both ways; no files.
//!
//! A record is `length u32 | crc32 u32 | tag u8 | fields`, all little-endian; the CRC covers tag and fields.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use hls::{
    multivariant::{Audio, Multivariant, Variant},
    window::Figures,
};
use media::{MediaTime, Timescale};

/// No record is longer; a longer length field is a torn tail.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// One fact that must survive a crash.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// The first record: when media time zero was, and the figures of all playlists.
    Epoch {
        /// Wall clock at media time zero.
        started_at: DateTime<Utc>,
        /// The constant figures.
        figures: Figures,
    },
    /// PROGRAM-DATE-TIME of a media time is `started_at` + media time + `lag` from here on.
    PdtAnchor {
        /// From this media time on.
        at: MediaTime,
        /// How far the wall clock runs behind media time's zero.
        lag: MediaTime,
    },
    /// The multivariant playlist from here on.
    Multivariant(Multivariant),
    /// An init segment, `init-{n}.mp4`.
    Init {
        /// Rendition.
        rendition: String,
        /// Its number; grows from 0.
        n: u32,
        /// Ticks a second of the track.
        timescale: u32,
        /// It is the slate's, not the media's.
        slate: bool,
        /// The init segment itself: small, and needed whole.
        bytes: Bytes,
    },
    /// A segment was begun.
    Segment {
        /// Rendition.
        rendition: String,
        /// Media sequence number.
        msn: u64,
        /// Presentation time of its first sample, in the track's scale.
        starts_at: MediaTime,
        /// PROGRAM-DATE-TIME.
        program_date_time: DateTime<Utc>,
        /// An EXT-X-DISCONTINUITY stands before it.
        discontinuity: bool,
        /// Discontinuities so far, its own included.
        discontinuity_sequence: u64,
        /// Which init segment it needs.
        init: u32,
        /// Who shows the slate in it.
        slate: Slates,
    },
    /// A part was listed.
    Part {
        /// Rendition.
        rendition: String,
        /// Media sequence number of its segment.
        msn: u64,
        /// Index within the segment.
        index: u32,
        /// Decode time of its first sample, in the track's scale.
        tfdt: i64,
        /// How long it plays.
        duration: MediaTime,
        /// Starts with an IDR picture, or is sound.
        independent: bool,
        /// There is no media for it; `length` is zero.
        gap: bool,
        /// Where its bytes begin in the rendition's file.
        offset: u64,
        /// How many bytes it has.
        length: u64,
    },
    /// A segment is finished: the parts so far are all of it.
    SegmentEnd {
        /// Rendition.
        rendition: String,
        /// Media sequence number.
        msn: u64,
    },
    /// Nothing with this media sequence number or a higher one has been listed yet.
    Reserve {
        /// First number that is not reserved.
        msn: u64,
    },
    /// What the slate says: the course's title. Its process may be made anew before a publisher tells it again.
    Title(String),
    /// ENDLIST: the epoch is closed for good.
    End,
}

/// Who shows the slate in a segment of the plan, as far as there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slates {
    /// Nobody.
    #[default]
    None,
    /// Renditions of pictures; sound goes on.
    Pictures,
    /// All renditions.
    All,
}

/// Appends a record's bytes to `out`.
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[0; 8]);
    put_record(record, &mut Put(out));
    let length = u32::try_from(out.len() - at - 8).expect("a record is far below 4 GiB");
    let crc = crc32fast::hash(&out[at + 8..]);
    out[at..at + 4].copy_from_slice(&length.to_le_bytes());
    out[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
}

/// Reads every record that is whole. What is torn, damaged or unknown is passed over: one rotten record costs what
/// it says, and not what was written after it.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    damaged: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the journal's first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, damaged: 0 }
    }

    /// Where the last whole record so far ends; what follows the last of all must be cut off before anything is
    /// appended.
    #[must_use]
    pub const fn valid_bytes(&self) -> usize {
        self.at
    }

    /// How many bytes before [`Reader::valid_bytes`] belong to no whole record.
    #[must_use]
    pub const fn damaged_bytes(&self) -> usize {
        self.damaged
    }

    /// The record at `at`, and how many bytes it takes.
    fn record_at(&self, at: usize) -> Option<(Record, usize)> {
        let rest = self.bytes.get(at..)?;
        let length = usize::try_from(u32::from_le_bytes(rest.get(..4)?.try_into().ok()?)).ok()?;
        let crc = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?);
        if length == 0 || length > RECORD_BYTES_MAX {
            return None;
        }
        let payload = rest.get(8..8 + length)?;
        if !(EPOCH..=LAST_TAG).contains(&payload[0]) || crc32fast::hash(payload) != crc {
            return None;
        }
        let mut take = Take(payload);
        let record = take_record(&mut take).filter(|_| take.0.is_empty())?;
        Some((record, 8 + length))
    }
}

impl Iterator for Reader<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let from = self.at;
        let (at, (record, length)) =
            (from..self.bytes.len()).find_map(|at| Some((at, self.record_at(at)?)))?;
        self.damaged += at - from;
        self.at = at + length;
        Some(record)
    }
}

const EPOCH: u8 = 1;
const PDT_ANCHOR: u8 = 2;
const MULTIVARIANT: u8 = 3;
const INIT: u8 = 4;
const SEGMENT: u8 = 5;
const PART: u8 = 6;
const SEGMENT_END: u8 = 7;
const RESERVE: u8 = 8;
const END: u8 = 9;
const SLATE_INIT: u8 = 10;
const TITLE: u8 = 11;
/// The highest tag there is.
const LAST_TAG: u8 = TITLE;

const FLAG_DISCONTINUITY: u8 = 1;
const FLAG_SLATE_PICTURES: u8 = 2;
const FLAG_SLATE_ALL: u8 = 4;

fn put_record(record: &Record, put: &mut Put<'_>) {
    match record {
        Record::Epoch { started_at, figures } => {
            put.u8(EPOCH);
            put.time(*started_at);
            put.figures(figures);
        }
        Record::PdtAnchor { at, lag } => {
            put.u8(PDT_ANCHOR);
            put.media(*at);
            put.media(*lag);
        }
        Record::Multivariant(multivariant) => {
            put.u8(MULTIVARIANT);
            put.multivariant(multivariant);
        }
        Record::Init { rendition, n, timescale, slate, bytes } => {
            put.u8(if *slate { SLATE_INIT } else { INIT });
            put.text(rendition);
            put.u32(*n);
            put.u32(*timescale);
            put.bytes(bytes);
        }
        Record::Segment {
            rendition,
            msn,
            starts_at,
            program_date_time,
            discontinuity,
            discontinuity_sequence,
            init,
            slate,
        } => {
            put.u8(SEGMENT);
            put.text(rendition);
            put.u64(*msn);
            put.media(*starts_at);
            put.time(*program_date_time);
            let discontinuity = if *discontinuity { FLAG_DISCONTINUITY } else { 0 };
            let slate = match slate {
                Slates::None => 0,
                Slates::Pictures => FLAG_SLATE_PICTURES,
                Slates::All => FLAG_SLATE_ALL,
            };
            put.u8(discontinuity | slate);
            put.u64(*discontinuity_sequence);
            put.u32(*init);
        }
        Record::Part { rendition, msn, index, tfdt, duration, independent, gap, offset, length } => {
            put.u8(PART);
            put.text(rendition);
            put.u64(*msn);
            put.u32(*index);
            put.i64(*tfdt);
            put.media(*duration);
            put.u8(u8::from(*independent) | (u8::from(*gap) << 1));
            put.u64(*offset);
            put.u64(*length);
        }
        Record::SegmentEnd { rendition, msn } => {
            put.u8(SEGMENT_END);
            put.text(rendition);
            put.u64(*msn);
        }
        Record::Reserve { msn } => {
            put.u8(RESERVE);
            put.u64(*msn);
        }
        Record::Title(title) => {
            put.u8(TITLE);
            put.text(title);
        }
        Record::End => put.u8(END),
    }
}

fn take_record(take: &mut Take<'_>) -> Option<Record> {
    let tag = take.u8()?;
    Some(match tag {
        EPOCH => Record::Epoch { started_at: take.time()?, figures: take.figures()? },
        PDT_ANCHOR => Record::PdtAnchor { at: take.media()?, lag: take.media()? },
        MULTIVARIANT => Record::Multivariant(take.multivariant()?),
        INIT | SLATE_INIT => Record::Init {
            rendition: take.text()?,
            n: take.u32()?,
            timescale: take.u32()?,
            slate: tag == SLATE_INIT,
            bytes: take.bytes()?,
        },
        SEGMENT => {
            let (rendition, msn) = (take.text()?, take.u64()?);
            let (starts_at, program_date_time, flags) = (take.media()?, take.time()?, take.u8()?);
            Record::Segment {
                rendition,
                msn,
                starts_at,
                program_date_time,
                discontinuity: flags & FLAG_DISCONTINUITY != 0,
                discontinuity_sequence: take.u64()?,
                init: take.u32()?,
                slate: match flags {
                    _ if flags & FLAG_SLATE_ALL != 0 => Slates::All,
                    _ if flags & FLAG_SLATE_PICTURES != 0 => Slates::Pictures,
                    _ => Slates::None,
                },
            }
        }
        PART => {
            let (rendition, msn, index) = (take.text()?, take.u64()?, take.u32()?);
            let (tfdt, duration, flags) = (take.i64()?, take.media()?, take.u8()?);
            Record::Part {
                rendition,
                msn,
                index,
                tfdt,
                duration,
                independent: flags & 1 != 0,
                gap: flags & 2 != 0,
                offset: take.u64()?,
                length: take.u64()?,
            }
        }
        SEGMENT_END => Record::SegmentEnd { rendition: take.text()?, msn: take.u64()? },
        RESERVE => Record::Reserve { msn: take.u64()? },
        TITLE => Record::Title(take.text()?),
        END => Record::End,
        _ => return None,
    })
}

struct Put<'a>(&'a mut Vec<u8>);

impl Put<'_> {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }
    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    fn i64(&mut self, value: i64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }
    fn media(&mut self, value: MediaTime) {
        self.i64(value.ticks());
        self.u32(value.scale().ticks_per_second());
    }
    fn time(&mut self, value: DateTime<Utc>) {
        self.i64(value.timestamp_micros());
    }
    fn bytes(&mut self, value: &[u8]) {
        self.u32(u32::try_from(value.len()).expect("a field is far below 4 GiB"));
        self.0.extend_from_slice(value);
    }
    fn text(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }
    fn figures(&mut self, figures: &Figures) {
        self.u32(figures.target_duration_s);
        self.u32(figures.part_target_ms);
        self.u32(figures.part_hold_back_ms);
        self.u32(figures.hold_back_ms);
        self.u32(figures.can_skip_until_ms);
        self.u32(figures.live_window_ms);
    }
    fn multivariant(&mut self, multivariant: &Multivariant) {
        self.figures(&multivariant.figures);
        self.u32(u32::try_from(multivariant.variants.len()).expect("a handful of variants"));
        for variant in &multivariant.variants {
            self.text(&variant.rendition);
            self.u64(variant.bandwidth);
            self.u64(variant.average_bandwidth);
            self.text(&variant.codec);
            self.u32(variant.width);
            self.u32(variant.height);
            self.u64(variant.frame_rate.to_bits());
        }
        self.u8(u8::from(multivariant.audio.is_some()));
        if let Some(audio) = &multivariant.audio {
            self.text(&audio.rendition);
            self.u64(audio.bandwidth);
            self.u64(audio.average_bandwidth);
            self.text(&audio.codec);
            self.u8(audio.channels);
        }
    }
}

struct Take<'a>(&'a [u8]);

impl Take<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
    fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[value]| value)
    }
    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }
    fn media(&mut self) -> Option<MediaTime> {
        let ticks = self.i64()?;
        Some(MediaTime::new(ticks, Timescale::checked(self.u32()?)?))
    }
    fn time(&mut self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.i64()?)
    }
    fn bytes(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Bytes::copy_from_slice(head))
    }
    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
    fn figures(&mut self) -> Option<Figures> {
        Some(Figures {
            target_duration_s: self.u32()?,
            part_target_ms: self.u32()?,
            part_hold_back_ms: self.u32()?,
            hold_back_ms: self.u32()?,
            can_skip_until_ms: self.u32()?,
            live_window_ms: self.u32()?,
        })
    }
    fn multivariant(&mut self) -> Option<Multivariant> {
        let figures = self.figures()?;
        let mut variants = Vec::new();
        for _ in 0..self.u32()? {
            variants.push(Variant {
                rendition: self.text()?,
                bandwidth: self.u64()?,
                average_bandwidth: self.u64()?,
                codec: self.text()?,
                width: self.u32()?,
                height: self.u32()?,
                frame_rate: f64::from_bits(self.u64()?),
            });
        }
        let audio = match self.u8()? {
            0 => None,
            _ => Some(Audio {
                rendition: self.text()?,
                bandwidth: self.u64()?,
                average_bandwidth: self.u64()?,
                codec: self.text()?,
                channels: self.u8()?,
            }),
        };
        Some(Multivariant { figures, variants, audio })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn records() -> Vec<Record> {
        let rendition = "480p".to_owned();
        let time = DateTime::from_timestamp_micros(1_800_000_000_123_456).unwrap();
        let at = MediaTime::new(-5, Timescale::new(44_100));
        let audio = Audio {
            rendition: "audio".to_owned(),
            bandwidth: 1,
            average_bandwidth: 2,
            codec: "mp4a.40.2".to_owned(),
            channels: 2,
        };
        let variant = Variant {
            rendition: rendition.clone(),
            bandwidth: 3,
            average_bandwidth: 4,
            codec: "avc1".to_owned(),
            width: 640,
            height: 480,
            frame_rate: 29.97,
        };
        let figures = Figures::default();
        vec![
            Record::Epoch { started_at: time, figures },
            Record::PdtAnchor { at, lag: at },
            Record::Multivariant(Multivariant { figures, variants: vec![variant], audio: Some(audio) }),
            Record::Init {
                rendition: rendition.clone(),
                n: 1,
                timescale: 90_000,
                slate: false,
                bytes: Bytes::from_static(b"moov"),
            },
            Record::Init {
                rendition: rendition.clone(),
                n: 2,
                timescale: 90_000,
                slate: true,
                bytes: Bytes::from_static(b"still"),
            },
            Record::Segment {
                rendition: rendition.clone(),
                msn: 9,
                starts_at: at,
                program_date_time: time,
                discontinuity: true,
                discontinuity_sequence: 3,
                init: 1,
                slate: Slates::Pictures,
            },
            Record::Part {
                rendition: rendition.clone(),
                msn: 9,
                index: 0,
                tfdt: 7,
                duration: at,
                independent: true,
                gap: false,
                offset: 1 << 40,
                length: 12,
            },
            Record::SegmentEnd { rendition, msn: 9 },
            Record::Reserve { msn: 73 },
            Record::Title("Giải tích 1".to_owned()),
            Record::End,
        ]
    }

    fn written() -> Vec<u8> {
        let mut bytes = Vec::new();
        records().iter().for_each(|record| encode(record, &mut bytes));
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = written();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.by_ref().collect::<Vec<_>>(), records());
        assert_eq!(reader.valid_bytes(), bytes.len());
    }

    #[test]
    fn a_tail_torn_at_any_byte_costs_the_torn_record_alone() {
        for cut in 0..=written().len() {
            let bytes = &written()[..cut];
            let mut reader = Reader::new(bytes);
            let found: Vec<_> = reader.by_ref().collect();
            assert_eq!(&found[..], &records()[..found.len()]);
            let mut again = Vec::new();
            found.iter().for_each(|record| encode(record, &mut again));
            assert_eq!((again.len(), 0), (reader.valid_bytes(), reader.damaged_bytes()), "cut at {cut}");
        }
    }

    #[test]
    fn one_rotten_byte_costs_the_record_it_is_in() {
        for at in 0..written().len() {
            for flip in [1, 0x10, 0x80, 0xff] {
                let mut bytes = written();
                bytes[at] ^= flip;
                let mut reader = Reader::new(&bytes);
                let found: Vec<_> = reader.by_ref().collect();
                let mut left = records().into_iter();
                assert_eq!(found.len() + 1, records().len(), "byte {at} by {flip}");
                assert!(found.iter().all(|record| left.any(|one| one == *record)), "byte {at} by {flip}");
            }
        }
    }

    #[test]
    fn a_block_of_zeros_and_what_lies_across_its_ends_are_passed_over() {
        let (mut bytes, long) = (written(), written().len() / 3);
        bytes[long..2 * long].fill(0);
        let mut reader = Reader::new(&bytes);
        let found: Vec<_> = reader.by_ref().collect();
        assert_eq!(found.first(), records().first());
        assert_eq!(found.last(), records().last());
        assert!(reader.damaged_bytes() >= long && reader.valid_bytes() == bytes.len());
    }

    proptest! {
        #[test]
        fn noise_is_no_journal(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Reader::new(&bytes).count(), 0);
        }
    }
}
