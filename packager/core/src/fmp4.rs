//! Fragmented MP4 by hand: init segments and parts of one track (ISO/IEC 14496-12, CMAF). Writes boxes;
//! decides nothing.
//!
//! By hand rather than through a box library because a part's boxes are written twice a second and
//! rendition: 24 bytes of fixed text and one row a sample, with the payload appended as the very buffers it
//! came in.

use bytes::Bytes;
use media::{AudioConfig, VideoConfig};

/// Every file here has one track, with this id.
const TRACK_ID: u32 = 1;

/// ISO/IEC 14496-12 8.8.3.1: depends on no other sample / depends on others and is not a sync sample.
const FLAGS_KEY: u32 = 0x0200_0000;
const FLAGS_DEPENDENT: u32 = 0x0101_0000;

/// A row of a track run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// In the track's ticks.
    pub duration: u32,
    /// Bytes of payload.
    pub size: u32,
    /// An IDR picture, or sound.
    pub key: bool,
    /// Presentation time minus decode time, in the track's ticks.
    pub composition_offset: i32,
}

/// The init segment of a video track with `timescale` ticks a second.
#[must_use]
pub fn video_init(config: &VideoConfig, timescale: u32) -> Bytes {
    let (width, height) = (dimension(config.width), dimension(config.height));
    let (sar_width, sar_height) = config.sample_aspect;
    let shown_width = u64::from(config.width) * u64::from(sar_width.max(1)) / u64::from(sar_height.max(1));
    let shown_width = u32::try_from(shown_width).map_or(u16::MAX, dimension);
    init(timescale, Kind::Video { shown_width, height }, |boxes| {
        boxes.nest(b"avc1", |boxes| {
            boxes.zeros(6);
            boxes.u16(1); // data_reference_index
            boxes.zeros(16);
            boxes.u16(width);
            boxes.u16(height);
            boxes.u32(0x0048_0000); // 72 dpi, twice
            boxes.u32(0x0048_0000);
            boxes.u32(0);
            boxes.u16(1); // frame_count
            boxes.zeros(32); // compressorname
            boxes.u16(0x18); // depth
            boxes.u16(0xffff);
            boxes.nest(b"avcC", |boxes| boxes.raw(&config.avcc));
            if sar_width != sar_height {
                boxes.nest(b"pasp", |boxes| {
                    boxes.u32(sar_width);
                    boxes.u32(sar_height);
                });
            }
        });
    })
}

/// The init segment of an AAC track; its timescale is the sample rate.
#[must_use]
pub fn audio_init(config: &AudioConfig) -> Bytes {
    init(config.sample_rate, Kind::Audio, |boxes| {
        boxes.nest(b"mp4a", |boxes| {
            boxes.zeros(6);
            boxes.u16(1); // data_reference_index
            boxes.zeros(8);
            boxes.u16(u16::from(config.channels));
            boxes.u16(16); // samplesize
            boxes.u32(0);
            // 16.16; a rate that does not fit stands in the decoder's configuration alone.
            boxes.u32(u16::try_from(config.sample_rate).map_or(0, |rate| u32::from(rate) << 16));
            boxes.nest(b"esds", |boxes| {
                boxes.u32(0);
                boxes.raw(&es_descriptor(&config.asc));
            });
        });
    })
}

/// The boxes of a part, up to and with the header of `mdat`: the payload of `payload_bytes` follows.
#[must_use]
pub fn part_header(sequence: u32, tfdt: u64, samples: &[Sample], video: bool) -> Bytes {
    let payload_bytes: u64 = samples.iter().map(|sample| u64::from(sample.size)).sum();
    let one_duration = samples.first().map_or(0, |sample| sample.duration);
    let steady = !video && samples.iter().all(|sample| sample.duration == one_duration);

    let mut boxes = Boxes(Vec::with_capacity(128 + samples.len() * 16));
    let mut data_offset_at = 0;
    boxes.nest(b"moof", |boxes| {
        boxes.full(b"mfhd", 0, 0, |boxes| boxes.u32(sequence));
        boxes.nest(b"traf", |boxes| {
            // default-base-is-moof; default duration where it is one for all; default flags for sound.
            let flags = 0x02_0000 | if steady { 0x08 } else { 0 } | if video { 0 } else { 0x20 };
            boxes.full(b"tfhd", 0, flags, |boxes| {
                boxes.u32(TRACK_ID);
                if steady {
                    boxes.u32(one_duration);
                }
                if !video {
                    boxes.u32(FLAGS_KEY);
                }
            });
            boxes.full(b"tfdt", 1, 0, |boxes| boxes.u64(tfdt));
            // data offset and sizes always; durations unless steady; flags and signed offsets for pictures.
            let flags = 0x201 | if steady { 0 } else { 0x100 } | if video { 0xc00 } else { 0 };
            boxes.full(b"trun", 1, flags, |boxes| {
                boxes.u32(u32::try_from(samples.len()).expect("a part holds fewer than 2^32 samples"));
                data_offset_at = boxes.0.len();
                boxes.u32(0);
                for sample in samples {
                    if !steady {
                        boxes.u32(sample.duration);
                    }
                    boxes.u32(sample.size);
                    if video {
                        boxes.u32(if sample.key { FLAGS_KEY } else { FLAGS_DEPENDENT });
                        boxes.raw(&sample.composition_offset.to_be_bytes());
                    }
                }
            });
        });
    });
    let data_offset = u32::try_from(boxes.0.len() + 8).expect("a part's boxes are far below 4 GiB");
    boxes.0[data_offset_at..data_offset_at + 4].copy_from_slice(&data_offset.to_be_bytes());
    boxes.u32(u32::try_from(payload_bytes + 8).expect("a part is far below 4 GiB"));
    boxes.raw(b"mdat");
    Bytes::from(boxes.0)
}

enum Kind {
    Video { shown_width: u16, height: u16 },
    Audio,
}

fn init(timescale: u32, kind: Kind, sample_entry: impl FnOnce(&mut Boxes)) -> Bytes {
    let mut boxes = Boxes(Vec::with_capacity(1024));
    boxes.nest(b"ftyp", |boxes| {
        boxes.raw(b"iso6");
        boxes.u32(0);
        // cmf2: signed composition offsets without edit lists (ISO/IEC 23000-19 7.2).
        boxes.raw(b"iso6cmf2mp41");
    });
    boxes.nest(b"moov", |boxes| {
        boxes.full(b"mvhd", 0, 0, |boxes| {
            boxes.zeros(8);
            boxes.u32(timescale);
            boxes.u32(0);
            boxes.u32(0x0001_0000); // rate
            boxes.u16(0x0100); // volume
            boxes.zeros(10);
            boxes.unity_matrix();
            boxes.zeros(24);
            boxes.u32(TRACK_ID + 1);
        });
        boxes.nest(b"trak", |boxes| {
            // enabled, in movie
            boxes.full(b"tkhd", 0, 3, |boxes| {
                boxes.zeros(8);
                boxes.u32(TRACK_ID);
                boxes.zeros(16);
                boxes.zeros(4); // layer, alternate_group
                boxes.u16(if matches!(kind, Kind::Audio) { 0x0100 } else { 0 });
                boxes.zeros(2);
                boxes.unity_matrix();
                let (width, height) = match kind {
                    Kind::Video { shown_width, height } => (shown_width, height),
                    Kind::Audio => (0, 0),
                };
                boxes.u32(u32::from(width) << 16);
                boxes.u32(u32::from(height) << 16);
            });
            boxes.nest(b"mdia", |boxes| media_boxes(boxes, timescale, &kind, sample_entry));
        });
        boxes.nest(b"mvex", |boxes| {
            boxes.full(b"trex", 0, 0, |boxes| {
                boxes.u32(TRACK_ID);
                boxes.u32(1);
                boxes.zeros(12);
            });
        });
    });
    Bytes::from(boxes.0)
}

fn media_boxes(boxes: &mut Boxes, timescale: u32, kind: &Kind, sample_entry: impl FnOnce(&mut Boxes)) {
    boxes.full(b"mdhd", 0, 0, |boxes| {
        boxes.zeros(8);
        boxes.u32(timescale);
        boxes.u32(0);
        boxes.u16(0x55c4); // und
        boxes.u16(0);
    });
    boxes.full(b"hdlr", 0, 0, |boxes| {
        boxes.u32(0);
        boxes.raw(if matches!(kind, Kind::Audio) { b"soun" } else { b"vide" });
        boxes.zeros(13);
    });
    boxes.nest(b"minf", |boxes| {
        match kind {
            Kind::Video { .. } => boxes.full(b"vmhd", 0, 1, |boxes| boxes.zeros(8)),
            Kind::Audio => boxes.full(b"smhd", 0, 0, |boxes| boxes.zeros(4)),
        }
        boxes.nest(b"dinf", |boxes| {
            boxes.full(b"dref", 0, 0, |boxes| {
                boxes.u32(1);
                boxes.full(b"url ", 0, 1, |_| {});
            });
        });
        boxes.nest(b"stbl", |boxes| {
            boxes.full(b"stsd", 0, 0, |boxes| {
                boxes.u32(1);
                sample_entry(boxes);
            });
            boxes.full(b"stts", 0, 0, |boxes| boxes.u32(0));
            boxes.full(b"stsc", 0, 0, |boxes| boxes.u32(0));
            boxes.full(b"stsz", 0, 0, |boxes| boxes.zeros(8));
            boxes.full(b"stco", 0, 0, |boxes| boxes.u32(0));
        });
    });
}

/// ES_Descriptor (ISO/IEC 14496-1 7.2.6.5) around an AudioSpecificConfig.
fn es_descriptor(asc: &[u8]) -> Vec<u8> {
    let specific = descriptor(0x05, asc);
    let mut decoder = vec![0x40, 0x15]; // AAC; audio stream
    decoder.extend_from_slice(&[0; 3]); // bufferSizeDB
    decoder.extend_from_slice(&[0; 8]); // maxBitrate, avgBitrate: unknown
    decoder.extend_from_slice(&specific);
    let mut stream = vec![0, 1, 0]; // ES_ID 1, no flags
    stream.extend_from_slice(&descriptor(0x04, &decoder));
    stream.extend_from_slice(&descriptor(0x06, &[0x02])); // SLConfig: MP4
    descriptor(0x03, &stream)
}

fn descriptor(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = u32::try_from(body.len()).expect("descriptors are small");
    // Expandable size in four bytes, as every writer does it (ISO/IEC 14496-1 8.3.3).
    for shift in [21, 14, 7, 0] {
        let seven = u8::try_from((length >> shift) & 0x7f).expect("seven bits");
        out.push(if shift == 0 { seven } else { seven | 0x80 });
    }
    out.extend_from_slice(body);
    out
}

fn dimension(pixels: u32) -> u16 {
    u16::try_from(pixels).unwrap_or(u16::MAX)
}

struct Boxes(Vec<u8>);

impl Boxes {
    fn nest(&mut self, kind: &[u8; 4], body: impl FnOnce(&mut Self)) {
        let at = self.0.len();
        self.u32(0);
        self.raw(kind);
        body(self);
        let size = u32::try_from(self.0.len() - at).expect("boxes are far below 4 GiB");
        self.0[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    fn full(&mut self, kind: &[u8; 4], version: u8, flags: u32, body: impl FnOnce(&mut Self)) {
        self.nest(kind, |boxes| {
            boxes.u32(u32::from(version) << 24 | flags);
            body(boxes);
        });
    }
    fn raw(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
    fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }
    fn u16(&mut self, value: u16) {
        self.raw(&value.to_be_bytes());
    }
    fn u32(&mut self, value: u32) {
        self.raw(&value.to_be_bytes());
    }
    fn u64(&mut self, value: u64) {
        self.raw(&value.to_be_bytes());
    }
    fn unity_matrix(&mut self) {
        for value in [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000] {
            self.u32(value);
        }
    }
}

/// The body of the first box of a kind in an init segment that was made here.
pub(crate) fn body(init: &Bytes, kind: &[u8; 4]) -> Option<Bytes> {
    let at = init.windows(4).position(|window| window == kind)?;
    let size_at = at.checked_sub(4)?;
    let size = u32::from_be_bytes(init.get(size_at..at)?.try_into().ok()?);
    let end = size_at.checked_add(usize::try_from(size).ok()?)?;
    (end <= init.len() && end >= at + 4).then(|| init.slice(at + 4..end))
}

#[cfg(test)]
mod tests {
    use mp4_atom::{Any, Codec, DecodeMaybe};

    use super::*;

    fn boxes(bytes: &[u8]) -> Vec<Any> {
        let mut rest = bytes;
        std::iter::from_fn(|| Any::decode_maybe(&mut rest).unwrap()).collect()
    }

    fn video() -> VideoConfig {
        let avcc = [
            1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, 23, 0x67, 0x42, 0xc0, 0x0d, 0xda, 0x05, 0x06, 0x7e, 0x7c,
            0x04, 0x40, 0, 0, 3, 0, 0x40, 0, 0, 0x0f, 3, 0xc5, 0x0a, 0xa8, 1, 0, 4, 0x68, 0xce, 0x0f, 0xc8,
        ];
        media::h264::parse_avcc(Bytes::copy_from_slice(&avcc)).unwrap()
    }

    #[test]
    fn an_init_segment_reads_back_with_the_configuration_byte_for_byte() {
        let config = VideoConfig { sample_aspect: (4, 3), ..video() };
        let init = video_init(&config, 90_000);
        assert!(init.windows(config.avcc.len()).any(|window| window == config.avcc));
        let found = boxes(&init);
        let [Any::Ftyp(_), Any::Moov(moov)] = &found[..] else { panic!("{found:?}") };
        assert!(moov.mvex.is_some());
        let trak = &moov.trak[0];
        assert_eq!(trak.mdia.mdhd.timescale, 90_000);
        let Codec::Avc1(avc1) = &trak.mdia.minf.stbl.stsd.codecs[0] else { panic!("no avc1") };
        assert_eq!(
            (u32::from(avc1.visual.width), u32::from(avc1.visual.height)),
            (config.width, config.height)
        );
    }

    #[test]
    fn an_init_segment_of_sound_reads_back() {
        let config = media::aac::parse_asc(Bytes::from_static(&[0x11, 0x90])).unwrap();
        let found = boxes(&audio_init(&config));
        let [Any::Ftyp(_), Any::Moov(moov)] = &found[..] else { panic!("{found:?}") };
        let Codec::Mp4a(mp4a) = &moov.trak[0].mdia.minf.stbl.stsd.codecs[0] else { panic!("no mp4a") };
        assert_eq!(mp4a.audio.channel_count, 2);
        assert_eq!(moov.trak[0].mdia.mdhd.timescale, 48_000);
    }

    #[test]
    fn a_part_reads_back() {
        let sample =
            |duration, size, key, composition_offset| Sample { duration, size, key, composition_offset };
        let samples = [sample(3_000, 5, true, 0), sample(3_001, 2, false, -3_000)];
        let mut bytes = part_header(7, 1 << 33, &samples, true).to_vec();
        bytes.extend_from_slice(b"1234567");
        let found = boxes(&bytes);
        let [Any::Moof(moof), Any::Mdat(mdat)] = &found[..] else { panic!("{found:?}") };
        assert_eq!(mdat.data, b"1234567");
        let traf = &moof.traf[0];
        assert_eq!(traf.tfdt.as_ref().unwrap().base_media_decode_time, 1 << 33);
        let trun = &traf.trun[0];
        assert_eq!(trun.data_offset, Some(i32::try_from(bytes.len() - 7).unwrap()));
        assert_eq!(trun.samples.get(1).unwrap().cts, Some(-3_000));
        assert_eq!(trun.samples.get(1).unwrap().duration, Some(3_001));
        assert_eq!(moof.mfhd.sequence_number, 7);
    }
}
