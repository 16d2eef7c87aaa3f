//! Where the corpus comes from: pieces of real captures (`tests/vectors`), what our own writers write, and bombs that
//! are made here. Made anew by `cargo run -p hostile -- corpus`; what a fuzzer has found is added by hand.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use chrono::DateTime;
use ingest_core::rtmp::{
    amf0::{self, Value},
    chunk::{Limits, Message, Reader},
    command::{Command, Level},
    message::{self, kind},
};
use media::{
    TrackKind,
    pipe::{Config, FrameRate, FromGenerator, FromWorker, Message as _, Packet, Rung, ToWorker},
};
use packager_core::{fmp4, journal};

use crate::peers::HANDSHAKE_BYTES;

/// One input: its target, its file's name, its bytes.
pub type Input = (&'static str, String, Vec<u8>);

/// All of them.
///
/// # Errors
/// When the captures cannot be read.
pub fn corpus() -> Result<Vec<Input>> {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors");
    let mut inputs = Vec::new();
    for encoder in ["obs-29.0.2", "ffmpeg-5.1.9", "gstreamer-1.22"] {
        let read = |side: &str| {
            let path = vectors.join(format!("{encoder}-h264-aac.rtmp-{side}.bin"));
            fs::read(&path).with_context(|| format!("read {}", path.display()))
        };
        of_capture(encoder, &read("client")?, &read("server")?, &mut inputs);
    }
    of_writers(&mut inputs);
    bombs(&mut inputs);
    lines(&mut inputs);
    Ok(inputs)
}

fn of_capture(encoder: &str, client: &[u8], server: &[u8], inputs: &mut Vec<Input>) {
    let mut add =
        |target, name: &str, bytes: Vec<u8>| inputs.push((target, format!("{encoder}-{name}"), bytes));
    add("handshake", "client", [&[255], &client[..HANDSHAKE_BYTES]].concat());
    add("handshake", "server", [&[90], &server[..HANDSHAKE_BYTES]].concat());
    let chunks = &client[HANDSHAKE_BYTES..];
    add("chunk", "client", chunks[..12_000].to_vec());
    add("chunk", "server", server[HANDSHAKE_BYTES..].to_vec());
    add("rtmp_session", "greeted", [&[0], &chunks[..12_000]].concat());
    add("rtmp_session", "refused", [&[2], &chunks[..1_000]].concat());
    add("rtmp_session", "whole", [&[1], &client[..HANDSHAKE_BYTES + 6_000]].concat());

    let mut tags = Vec::new();
    for (at, message) in messages(chunks).into_iter().take(60).enumerate() {
        let payload = &message.payload;
        match message.kind {
            kind::COMMAND | kind::DATA => add("amf0", &format!("{at}"), payload.to_vec()),
            kind::VIDEO | kind::AUDIO if payload.len() < 3_000 => {
                let is_configuration = payload.get(1) == Some(&0);
                if is_configuration && message.kind == kind::AUDIO {
                    add("audio_config", "asc", payload[2..].to_vec());
                }
                if is_configuration && message.kind == kind::VIDEO {
                    add("parameter_sets", "avcc", payload[5..].to_vec());
                    let length = usize::from(u16::from_be_bytes([payload[11], payload[12]]));
                    add("parameter_sets", "sps", payload[13..13 + length].to_vec());
                } else if message.kind == kind::VIDEO {
                    add(
                        "parameter_sets",
                        &format!("picture-{at}"),
                        payload[5..payload.len().min(400)].to_vec(),
                    );
                }
                tags.push(u8::from(message.kind == kind::AUDIO));
                tags.extend(message.timestamp_ms.to_be_bytes());
                tags.extend(u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
                tags.extend_from_slice(payload);
            }
            _ => {}
        }
    }
    tags.truncate(16_000);
    add("flv", "tags", tags);
}

fn messages(mut input: &[u8]) -> Vec<Message> {
    let mut reader = Reader::new(Limits::ADMITTED);
    let mut found = Vec::new();
    while let Ok(Some(message)) = reader.read(&mut input) {
        if let (kind::SET_CHUNK_SIZE, Some(size)) = (message.kind, message::read_number(&message.payload)) {
            reader.set_chunk_bytes(size);
        }
        found.push(message);
    }
    found
}

fn of_writers(inputs: &mut Vec<Input>) {
    let status = Command::on_status(Level::Status, "NetStream.Publish.Start", "The publication has begun.");
    inputs.push(("amf0", "status".into(), status.message(1).payload.to_vec()));
    // In an AMF3 command the values stand in AMF0 behind a byte, until a marker switches over (AMF 0, 2.18).
    inputs.push(("amf3", "status".into(), [&[0], &status.message(1).payload[..]].concat()));

    let payload = Bytes::from_static(b"\0\0\0\x02\x65\x88");
    let packet =
        |track| Packet { track, pts: 9_000, dts: 6_000, key: true, cut: true, payload: payload.clone() };
    let rung = |name: &str| Rung {
        name: name.into(),
        width: 426,
        height: 240,
        bitrate_kbps: 400,
        maxrate_kbps: 400,
        buffer_kbit: 200,
    };
    let avcc = Bytes::from_static(&[1, 66, 0xc0, 30, 0xff, 0xe1, 0, 2, 0x67, 66, 1, 0, 2, 0x68, 0xce]);
    let config = Config {
        video: avcc.clone(),
        width: 640,
        height: 360,
        frame_rate: Some(29.97),
        constant_rate: Some(FrameRate { numerator: 30_000, denominator: 1_001 }),
        rungs: vec![rung("240p"), rung("120p")],
    };
    let frames = |messages: Vec<media::pipe::Encoded>| {
        messages.into_iter().flat_map(|frame| [frame.head, frame.payload].concat()).collect::<Vec<u8>>()
    };
    let sent = |message: &ToWorker| message.encode().expect("a small message");
    let said = |message: &FromWorker| message.encode().expect("a small message");
    inputs.push((
        "pipe",
        "to-worker".into(),
        frames(vec![
            sent(&ToWorker::Config(config)),
            sent(&ToWorker::Packet(packet(TrackKind::Video))),
            sent(&ToWorker::Advance { pts: 12_000, cut: true }),
            sent(&ToWorker::DropRung { name: "240p".into() }),
            sent(&ToWorker::Flush),
        ]),
    ));
    inputs.push((
        "pipe",
        "from-worker".into(),
        frames(vec![
            said(&FromWorker::RungConfig { rung: "240p".into(), avcc }),
            said(&FromWorker::RungUnit {
                rung: "240p".into(),
                pts: 1,
                dts: 1,
                key: true,
                payload: payload.clone(),
            }),
            said(&FromWorker::Heartbeat { newest_pts_in: Some(1), newest_pts_out: None }),
            said(&FromWorker::Fatal { message: "no more".into() }),
        ]),
    ));
    inputs.push((
        "pipe",
        "from-generator".into(),
        frames(vec![FromGenerator::Packet(packet(TrackKind::Audio)).encode().expect("a small message")]),
    ));

    let mut records = Vec::new();
    let journal = [
        journal::Record::Epoch { started_at: DateTime::UNIX_EPOCH, figures: hls::window::Figures::default() },
        journal::Record::Reserve { msn: 64 },
        journal::Record::Init {
            rendition: "source".into(),
            n: 0,
            timescale: 90_000,
            slate: false,
            bytes: Bytes::from_static(b"init"),
        },
        journal::Record::SegmentEnd { rendition: "audio".into(), msn: 7 },
        journal::Record::End,
    ];
    for (at, record) in journal.iter().enumerate() {
        let from = records.len();
        journal::encode(record, &mut records);
        // The inside alone: the target seals it itself.
        inputs.push(("journal", format!("record-{at}"), records[from + 8..].to_vec()));
    }
    inputs.push(("journal", "torn".into(), records[..records.len() - 3].to_vec()));
    inputs.push(("journal", "whole".into(), records));

    let asc = Bytes::from_static(&[0x11, 0x90]);
    let sound = media::aac::parse_asc(asc).expect("AAC-LC, 48 kHz, stereo");
    let init = fmp4::audio_init(&sound);
    let part = fmp4::part_header(1, 96_000, &[], false);
    let length = u16::try_from(init.len()).unwrap_or(u16::MAX).to_be_bytes();
    inputs.push(("boxes", "audio".into(), [&length, &init[..], &part].concat()));
}

fn bombs(inputs: &mut Vec<Input>) {
    let mut add = |target, name: &str, bytes: Vec<u8>| inputs.push((target, format!("bomb-{name}"), bytes));
    add("handshake", "version-6", vec![0, 6, 0, 0]);
    // Chunk sizes nobody needs, and messages that never end.
    add(
        "chunk",
        "chunk-size",
        [&[2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0][..], &[0x7f, 0xff, 0xff, 0xff]].concat(),
    );
    add(
        "chunk",
        "unfinished",
        (3..=66).flat_map(|stream| [stream, 0, 0, 0, 0xff, 0xff, 0xff, 9, 0, 0, 0, 1]).collect(),
    );
    add("chunk", "extended-time", [&[3, 0xff, 0xff, 0xff, 0, 0, 1, 8, 1, 0, 0, 0][..], &[0xff; 5]].concat());
    add("chunk", "built-on-nothing", vec![0xc3, 0x83, 0x43]);
    let deep = [3u8, 0, 1, b'a'].repeat(2_000);
    add("amf0", "deep", deep.clone());
    add("amf0", "deep-arrays", [10u8, 0, 0, 0, 1].repeat(2_000));
    add("amf0", "long-array", vec![10, 0xff, 0xff, 0xff, 0xff, 5]);
    add("amf0", "long-ecma-array", vec![8, 0xff, 0xff, 0xff, 0xff, 0, 0, 9]);
    add("amf0", "long-string", vec![12, 0xff, 0xff, 0xff, 0xff, b'x']);
    add("amf0", "reference", vec![7, 0xff, 0xff]);
    let mut wide = BytesMut::new();
    (0..2_000).for_each(|n| amf0::write(&mut wide, &Value::Number(f64::from(n))));
    add("amf0", "wide", wide.to_vec());
    add("amf3", "deep", [9u8, 3, 1].repeat(2_000));
    add("amf3", "references", [&[9, 3, 1][..], &[9, 0].repeat(1_000)].concat());
    add("amf3", "long-array", vec![9, 0xff, 0xff, 0xff, 0xff, 1]);
    add("amf3", "long-string", vec![6, 0xff, 0xff, 0xff, 0xff]);
    add("amf3", "traits", vec![10, 0xff, 0xff, 0xff, 0xf3, 1, 3, b'a']);
    add("amf3", "behind-amf0", [&[0, 17, 9, 3, 1][..], &deep[..64]].concat());
    add("rtmp_session", "junk", [&[0u8][..], &[0xff; 512]].concat());
    add("rtmp_session", "http", b"\x01GET / HTTP/1.1\r\n\r\n".to_vec());
    add("flv", "bare", vec![0, 0, 0, 0, 0, 0, 5, 0x17, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0xaf, 0]);
    add("flv", "other-codec", vec![0, 0, 0, 0, 0, 0, 5, 0x12, 0, 0, 0, 0]);
    add("flv", "enhanced", vec![0, 0, 0, 0, 0, 0, 5, 0x90, b'h', b'v', b'c', b'1']);
    // 65,536 by 65,536 pixels; a size and a count in which every bit is set; a million picture parameter sets' worth.
    add("parameter_sets", "huge", vec![0x67, 66, 0xc0, 31, 0xda, 0x00, 0x08, 0x00, 0x00, 0x80, 0x00, 0xc8]);
    add("parameter_sets", "ones", [&[0x67, 100][..], &[0xff; 64]].concat());
    add("parameter_sets", "zeros", [&[0x67, 100][..], &[0; 64]].concat());
    add("parameter_sets", "many", [0, 0, 0, 2, 0x68, 0xce].repeat(1_100));
    add("parameter_sets", "full-record", [&[1, 66, 0, 30, 0xff, 0xff][..], &[0xff; 40]].concat());
    add("audio_config", "explicit-rate", vec![0x17, 0x80, 0, 0, 0x08]);
    add("audio_config", "escape", vec![0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    add("audio_config", "channels", vec![0x11, 0x80, 0x00, 0x7f]);
    add("pipe", "length", vec![0xff; 9]);
    add("pipe", "empty", vec![0; 8]);
    add("pipe", "rungs", [&[0, 0, 0, 40, 1][..], &[0xff; 40]].concat());
    add("journal", "length", vec![0xff; 16]);
    add("boxes", "length", [&[0, 8][..], &[0xff; 32]].concat());
    add("boxes", "deep", [&[4, 0][..], &[&[0, 0, 4, 0][..], b"moov"].concat().repeat(200)].concat());
    let trun = [&[0, 0, 0, 20][..], b"trun", &[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]].concat();
    let traf = [&[0, 0, 0, 28][..], b"traf", &trun].concat();
    add("boxes", "samples", [&[0, 0][..], &[0, 0, 0, 36], b"moof", &traf].concat());
}

/// Text, where it is looked at line by line.
fn lines(inputs: &mut Vec<Input>) {
    let token = "k1.1a2b3c.l.7f.AAAAAAAAAAAAAAAAAAAAAA";
    let id = "01890a5d-ac96-774b-bcce-b302099a8057";
    let texts: &[(&str, &[String])] = &[
        ("playlist_query", &[
            "_HLS_msn=41&_HLS_part=2".into(),
            "_HLS_msn=18446744073709551615&_HLS_skip=YES".into(),
            "_HLS_part=1".into(),
            "_HLS_msn=1&_HLS_msn=1&_HLS_skip=v2&a=b&&=".into(),
            "_HLS_msn=-1&_HLS_part=99999999999999999999".into(),
        ]),
        ("token_path", &[
            token.into(),
            format!("/p/{token}/s/{id}/{id}/index.m3u8"),
            format!("/s/{id}/{id}/source/41.2.m4s"),
            format!("/s/{id}/{id}/dvr/source/index.m3u8"),
            format!("/p/{token}/s/{id}/{id}/source/../../init-0.mp4"),
            format!("/p/%2e%2e/s/{id}/{id}/source/18446744073709551616.m4s"),
            format!("//p//{token};x/s/{id}/"),
            "lk_7Zb3xQ9mVtY2LwRkAaBbCcDdEeFfGgHh".into(),
        ]),
        ("request_headers", &[
            "bytes=0-99".into(),
            "bytes=-18446744073709551615".into(),
            "bytes=5-4,1-,-".into(),
            "W/\"1-2\", \"3-4\", *".into(),
            "gzip;q=0.5, br;q=1.0, *;q=0, identity;q=nan".into(),
        ]),
        ("playlist", &[
            "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:4\n#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,\
             PART-HOLD-BACK=1.62,CAN-SKIP-UNTIL=24.0\n#EXT-X-PART-INF:PART-TARGET=0.54\n#EXT-X-MEDIA-SEQUENCE:1\n\
             #EXT-X-MAP:URI=\"init-0.mp4\"\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n\
             #EXT-X-PART:DURATION=0.5,URI=\"1.0.m4s\",INDEPENDENT=YES\n#EXTINF:2.0,\n1.m4s\n\
             #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"2.0.m4s\"\n#EXT-X-RENDITION-REPORT:URI=\"../audio/index.m3u8\",\
             LAST-MSN=1,LAST-PART=3\n".into(),
            "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",URI=\"audio/index.m3u8\"\n\
             #EXT-X-STREAM-INF:BANDWIDTH=2000000,RESOLUTION=1280x720,CODECS=\"avc1.64001f,mp4a.40.2\",AUDIO=\"a\"\n\
             source/index.m3u8\n".into(),
            "#EXTM3U\n#EXT-X-TARGETDURATION:99999999999999999999\n#EXT-X-MEDIA-SEQUENCE:18446744073709551615\n\
             #EXTINF:1e308,\na\n#EXTINF:-1,\nb\n#EXT-X-BYTERANGE:18446744073709551615@1\nc\n#EXT-X-ENDLIST\n".into(),
            "#EXTM3U\n#EXT-X-SKIP:SKIPPED-SEGMENTS=18446744073709551615\n#EXT-X-TARGETDURATION:4\n\0#EXTM3U\n".into(),
        ]),
    ];
    for (target, texts) in texts {
        for (at, text) in texts.iter().enumerate() {
            inputs.push((target, format!("line-{at}"), text.clone().into_bytes()));
        }
    }
}
