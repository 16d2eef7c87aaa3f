//! What a publisher sends.

use bytes::{Bytes, BytesMut};
use ingest_core::{
    flv::{Demuxer, Sample},
    publication::Publication,
    rtmp::{
        amf0, amf3,
        chunk::{Limits, Reader},
        command::{self, Command},
        handshake::Handshake,
        message::{self, Event, kind},
        session::{Config, Output, Session},
    },
};
use media::{aac, h264};
use runtime::clock;

/// Bytes of C0, C1 and C2.
pub(crate) const HANDSHAKE_BYTES: usize = 1 + 2 * 1536;
/// Messages after which enough is enough: a chunk of one byte can be a message.
const MESSAGES_MAX: usize = 10_000;

/// The first byte says in which portions the rest comes.
pub(crate) fn handshake(bytes: &[u8]) {
    let Some((&portion, bytes)) = bytes.split_first() else { return };
    let portion = usize::from(portion) * 16 + 1;
    for mut side in [Handshake::server([7; 32]), Handshake::client([7; 32]).0] {
        for mut input in bytes.chunks(portion) {
            let before = input.len();
            if side.handle_input(&mut input).is_err() {
                break;
            }
            assert!(
                input.len() <= before && (input.is_empty() || side.is_done()),
                "it takes what is its own"
            );
        }
    }
}

pub(crate) fn chunk(bytes: &[u8]) {
    for limits in [Limits::BEFORE_ADMISSION, Limits::ADMITTED] {
        let mut reader = Reader::new(limits);
        let mut input = bytes;
        for _ in 0..MESSAGES_MAX {
            let Ok(Some(message)) = reader.read(&mut input) else { break };
            match (message.kind, message::read_number(&message.payload)) {
                (kind::SET_CHUNK_SIZE, Some(size)) => reader.set_chunk_bytes(size),
                (kind::ABORT, Some(stream)) => reader.abort(stream),
                (kind::AGGREGATE, _) => drop(message::split_aggregate(&message).take(MESSAGES_MAX).count()),
                (kind::USER_CONTROL, _) => drop(Event::read(&message.payload)),
                _ => {}
            }
        }
    }
}

pub(crate) fn amf0(bytes: &[u8]) {
    for kind in [kind::COMMAND, kind::DATA] {
        let _ = Command::read(kind, bytes);
        if let Ok(values) = command::read_values(kind, bytes) {
            let _ = command::metadata(&values);
        }
    }
    let Ok(values) = amf0::read_all(bytes) else { return };
    let mut written = BytesMut::new();
    values.iter().for_each(|value| amf0::write(&mut written, value));
    // A value may be written in more bytes than it was read from, over the limit; never in other ones.
    if let Ok(again) = amf0::read_all(&written) {
        assert_eq!(format!("{values:?}"), format!("{again:?}"), "what was read is what is written");
    }
}

pub(crate) fn amf3(bytes: &[u8]) {
    let _ = amf3::read_all(bytes);
    for kind in [kind::COMMAND_AMF3, kind::DATA_AMF3] {
        let _ = Command::read(kind, bytes);
        let _ = command::read_values(kind, bytes);
    }
}

/// A whole connection. A first byte that is even stands for a handshake gone well.
pub(crate) fn rtmp_session(bytes: &[u8]) {
    let Some((&mode, bytes)) = bytes.split_first() else { return };
    let now = clock::now();
    let mut session = Session::new(Config::default(), [7; 32], now);
    let mut publication = Publication::new(now);
    let (mut answers, mut sent) = (0usize, 0usize);
    let mut drain = |session: &mut Session| {
        while let Some(output) = session.poll_output() {
            match output {
                Output::Admit(_) if mode & 2 == 0 => session.admitted(now),
                Output::Admit(_) => session.refused("NetStream.Publish.BadName", "No."),
                Output::Media(sample) => publication.push(sample, now),
                Output::Send(bytes) => (answers, sent) = (answers + 1, sent + bytes.len()),
                Output::Stopped | Output::Close(_) => {}
            }
            while publication.poll_item().is_some() {}
        }
    };
    if mode & 1 == 0 {
        session.handle_input(
            &{
                let mut greeting = vec![0; HANDSHAKE_BYTES];
                greeting[0] = 3;
                greeting
            },
            now,
        );
        drain(&mut session);
    }
    for portion in bytes.chunks(1460) {
        session.handle_input(portion, now);
        drain(&mut session);
    }
    session.handle_end_of_input();
    drain(&mut session);
    let _ = publication.health(now);
    // Acknowledgements and answers to commands, none of them long.
    assert!(sent <= HANDSHAKE_BYTES + 1024 + 32 * bytes.len(), "{sent} bytes answer {}", bytes.len());
}

/// Tags: video or sound, time stamp, length, body.
pub(crate) fn flv(mut bytes: &[u8]) {
    let now = clock::now();
    let (mut demuxer, mut publication) = (Demuxer::new(), Publication::new(now));
    while let Some((head, rest)) = bytes.split_first_chunk::<7>() {
        let [track, a, b, c, d, high, low] = *head;
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (body, rest) = rest.split_at(length);
        bytes = rest;
        let (at, body) = (u32::from_be_bytes([a, b, c, d]), Bytes::copy_from_slice(body));
        let sample = if track & 1 == 0 { demuxer.video(at, &body) } else { demuxer.audio(at, &body) };
        let Ok(sample) = sample else { return };
        if let Sample::Frame(frame) = &sample {
            assert!(frame.payload.len() <= body.len());
        }
        publication.push(sample, now);
        while publication.poll_item().is_some() {}
    }
    let _ = publication.health(now);
}

pub(crate) fn parameter_sets(bytes: &[u8]) {
    let limits = |width: u32, height: u32| {
        let (long, short) = (width.max(height), width.min(height));
        assert!(long <= h264::LONG_SIDE_MAX && short <= h264::SHORT_SIDE_MAX, "{width}x{height}");
    };
    if let Ok(sps) = h264::Sps::parse(bytes) {
        limits(sps.width, sps.height);
    }
    let record = Bytes::copy_from_slice(bytes);
    if let Ok(config) = h264::parse_avcc(record) {
        limits(config.width, config.height);
        assert!(config.frame_rate.is_none_or(|rate| (1.0..=240.0).contains(&rate)));
    }
    for length_size in [1, 2, 4] {
        let _ = h264::vet(bytes, length_size);
        let _ = h264::is_idr(bytes, length_size);
        let total: usize = h264::nal_units(bytes, length_size).flatten().map(<[u8]>::len).sum();
        assert!(total <= bytes.len());
    }
}

pub(crate) fn audio_config(bytes: &[u8]) {
    if let Ok(config) = aac::parse_asc(Bytes::copy_from_slice(bytes)) {
        assert!(config.sample_rate > 0 && config.channels > 0);
    }
}
