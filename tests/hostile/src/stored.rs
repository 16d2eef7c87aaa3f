//! What is read back: from the transcoder, from the disk, from a server that is checked.

use std::fmt::Debug;

use bytes::Bytes;
use hlscheck::{Checker, Exchange, Tolerance, Why};
use media::pipe::{Decoder, FromGenerator, FromWorker, Message, ToWorker};
use packager_core::journal;
use runtime::clock;

pub(crate) fn pipe(bytes: &[u8]) {
    read_pipe::<ToWorker>(bytes);
    read_pipe::<FromWorker>(bytes);
    read_pipe::<FromGenerator>(bytes);
}

fn read_pipe<M: Message + Debug>(bytes: &[u8]) {
    let mut decoder = Decoder::<M>::new();
    for portion in bytes.chunks(977) {
        decoder.push(portion);
        while let Ok(Some(message)) = decoder.poll() {
            let frame = message.encode().expect("what came through the pipe fits it");
            let mut again = Decoder::<M>::new();
            again.push(&frame.head);
            again.push(&frame.payload);
            let again = again.poll().expect("a frame of ours").expect("a whole one");
            assert_eq!(format!("{message:?}"), format!("{again:?}"));
        }
    }
}

/// Whole records are what they were written as, whatever follows them.
pub(crate) fn journal(bytes: &[u8]) {
    // A checksum keeps changed records out, so bytes are tried as a record's inside too.
    let mut sealed = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    sealed.extend(checksum(bytes).to_le_bytes());
    sealed.extend(bytes);
    for bytes in [bytes, &sealed] {
        let mut reader = journal::Reader::new(bytes);
        let mut written = Vec::new();
        for record in reader.by_ref() {
            journal::encode(&record, &mut written);
        }
        assert!(reader.valid_bytes() <= bytes.len());
        let again = journal::Reader::new(&written).count();
        assert_eq!(again, journal::Reader::new(bytes).count(), "what was read can be written and read");
    }
}

/// CRC-32 of IEEE 802.3, bit by bit: the journal's own is what is tested.
fn checksum(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let step = |crc: u32, _| crc >> 1 ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// A playlist, and the next version of it behind a NUL.
pub(crate) fn playlist(bytes: &[u8]) {
    let mut checker = Checker::new(Tolerance::default());
    for text in bytes.split(|byte| *byte == 0) {
        let url = "http://lectern.example/s/1/2/source/index.m3u8?_HLS_msn=3&_HLS_part=1";
        checker.playlist(&Exchange::simple(url, clock::now(), Bytes::copy_from_slice(text)));
    }
    while checker.poll_want(clock::now()).is_some() {}
    let _ = checker.report();
}

/// An init segment and a media segment: the first two bytes say where one ends.
pub(crate) fn boxes(bytes: &[u8]) {
    const LIST: &str = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:1\n\
        #EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2.0,\n1.m4s\n";
    let Some((length, bytes)) = bytes.split_first_chunk::<2>() else { return };
    let (init, segment) = bytes.split_at(usize::from(u16::from_be_bytes(*length)).min(bytes.len()));
    let mut checker = Checker::new(Tolerance::default());
    let now = clock::now();
    let folder = "http://lectern.example/s/1/2/source/";
    let exchange = |name: &str, body: &[u8]| {
        Exchange::simple(&format!("{folder}{name}"), now, Bytes::copy_from_slice(body))
    };
    checker.playlist(&exchange("index.m3u8", LIST.as_bytes()));
    checker.media(&exchange("init.mp4", init), None, Why::FirstSight);
    checker.media(&exchange("1.m4s", segment), None, Why::FirstSight);
    let _ = checker.report();
}
