//! Fragmented MP4, made box by box: pictures of nothing, 30 a second.

use crate::stream::PARTS;

const SCALE: u32 = 90_000;
pub(crate) const FRAMES: u32 = 15;
const FRAME: u32 = SCALE / 30;

fn boxed(kind: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let length = 8 + body.iter().map(|piece| piece.len()).sum::<usize>();
    let mut bytes = u32::try_from(length).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(kind);
    body.iter().for_each(|piece| bytes.extend_from_slice(piece));
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// An initialisation section of H.264 in a profile.
pub(crate) fn init(profile: u8) -> Vec<u8> {
    let avcc = boxed(b"avcC", &[&[1, profile, 0, 31, 0xff, 0xe0, 0]]);
    let avc1 = boxed(b"avc1", &[&[0; 78], &avcc]);
    let stsd = boxed(b"stsd", &[&words(&[0, 1]), &avc1]);
    let empty: Vec<u8> =
        [b"stts", b"stsc", b"stco"].iter().flat_map(|kind| boxed(kind, &[&words(&[0, 0])])).collect();
    let stbl = boxed(b"stbl", &[&stsd, &empty, &boxed(b"stsz", &[&words(&[0, 0, 0])])]);
    let hdlr = boxed(b"hdlr", &[&words(&[0, 0]), b"vide", &[0; 13]]);
    let mdhd = boxed(b"mdhd", &[&words(&[0, 0, 0, SCALE, 0, 0])]);
    let mdia = boxed(b"mdia", &[&mdhd, &hdlr, &boxed(b"minf", &[&stbl])]);
    let tkhd = boxed(b"tkhd", &[&words(&[7, 0, 0, 1, 0, 0]), &[0; 60]]);
    let trak = boxed(b"trak", &[&tkhd, &mdia]);
    let trex = boxed(b"trex", &[&words(&[0, 1, 1, FRAME, 0, 0x0101_0000])]);
    let mvhd = boxed(b"mvhd", &[&words(&[0, 0, 0, 1000, 0]), &[0; 80]]);
    let moov = boxed(b"moov", &[&mvhd, &trak, &boxed(b"mvex", &[&trex])]);
    [boxed(b"ftyp", &[b"iso6", &[0; 4], b"cmfc"]), moov].concat()
}

/// What can be wrong with a part.
#[derive(Clone, Debug)]
pub(crate) struct Bend {
    /// Frames of a part that is right.
    pub(crate) grid: u32,
    pub(crate) frames: u32,
    pub(crate) starts_off: i64,
    pub(crate) idr: bool,
    pub(crate) marked: bool,
    pub(crate) sequence: Option<u32>,
    pub(crate) padding: usize,
}

impl Default for Bend {
    fn default() -> Self {
        Self {
            grid: FRAMES,
            frames: FRAMES,
            starts_off: 0,
            idr: true,
            marked: true,
            sequence: None,
            padding: 40,
        }
    }
}

/// Part `index` of segment `msn`; its first picture is an IDR when it is the first.
pub(crate) fn part(msn: u64, index: u64, bend: &Bend) -> Vec<u8> {
    let number = msn * PARTS + index;
    let key = index == 0;
    let nal_type = |frame: u32| if key && frame == 0 && bend.idr { 0x65 } else { 0x41 };
    let sample = |frame: u32| {
        let nal = [&[nal_type(frame)], vec![0_u8; bend.padding].as_slice()].concat();
        [u32::try_from(nal.len()).unwrap().to_be_bytes().to_vec(), nal].concat()
    };
    let samples: Vec<Vec<u8>> = (0..bend.frames).map(sample).collect();
    let sizes: Vec<u32> = samples.iter().map(|sample| u32::try_from(sample.len()).unwrap()).collect();
    let starts = i64::try_from(number).unwrap() * i64::from(bend.grid * FRAME) + bend.starts_off;
    let tfdt = boxed(b"tfdt", &[&words(&[0x0100_0000]), &starts.to_be_bytes()]);
    let tfhd = boxed(b"tfhd", &[&words(&[0x0002_0000, 1])]);
    let sequence = bend.sequence.unwrap_or(u32::try_from(number).unwrap());
    let moof = |offset: u32| {
        let marked = key && bend.marked;
        let flags = if marked { 0x205 } else { 0x201 };
        let mut trun = words(&[flags, u32::try_from(sizes.len()).unwrap(), offset]);
        if marked {
            trun.extend(words(&[0x0200_0000]));
        }
        trun.extend(words(&sizes));
        let traf = boxed(b"traf", &[&tfhd, &tfdt, &boxed(b"trun", &[&trun])]);
        boxed(b"moof", &[&boxed(b"mfhd", &[&words(&[0, sequence])]), &traf])
    };
    let length = u32::try_from(moof(0).len()).unwrap();
    [moof(length + 8), boxed(b"mdat", &[&samples.concat()])].concat()
}

/// A segment that is right.
pub(crate) fn segment(msn: u64, bend: &Bend) -> Vec<u8> {
    (0..PARTS).flat_map(|index| part(msn, index, bend)).collect()
}
