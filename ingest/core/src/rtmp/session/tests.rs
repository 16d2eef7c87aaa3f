use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use media::{TrackConfig, TrackKind};
use proptest::prelude::*;

use super::{CloseReason, Config, Output, ProtocolError, Session};
use crate::{
    flv::{
        Sample,
        tests::{ASC, AVCC, IDR},
        write,
    },
    rtmp::{
        SecretKey,
        amf0::Value,
        chunk::{self, Limits, Message, Reader, Writer},
        client::{self, Client},
        command::{self, Command},
        handshake::Handshake,
        message::{self, Event, kind},
    },
};

/// A session, and a peer that writes messages by hand.
struct Bench {
    session: Session,
    now: Instant,
    writer: Writer,
    reader: Reader,
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn new() -> Self {
        let now = Instant::now();
        let session = Session::new(Config::default(), [7; 32], now);
        Self { session, now, writer: Writer::new(), reader: Reader::new(Limits::ADMITTED) }
    }

    /// Handshake, connect, createStream, publish, the key accepted.
    fn publishing() -> Self {
        let mut bench = Self::connected();
        let outputs = bench.send(&publish("lk_test"));
        assert_eq!(outputs, ["admit"]);
        bench.session.admitted(bench.now);
        assert_eq!(bench.drain(), ["event StreamBegin(1)", "onStatus NetStream.Publish.Start"]);
        bench
    }

    fn connected() -> Self {
        let mut bench = Self::new();
        bench.greet();
        let outputs = bench.send(&connect("live"));
        assert_eq!(outputs, ["window 2500000", "bandwidth", "chunk size 4096", "_result 1"]);
        bench
    }

    fn greet(&mut self) {
        let (_, opening) = Handshake::client([1; 32]);
        self.session.handle_input(&opening, self.now);
        self.session.handle_input(&[0; 1536], self.now);
        let Some(Output::Send(greeting)) = self.session.poll_output() else { panic!("S0, S1 and S2") };
        assert_eq!(greeting.len(), 1 + 2 * 1536);
    }

    fn send(&mut self, message: &Message) -> Vec<String> {
        let mut bytes = BytesMut::new();
        self.writer.write(&mut bytes, message);
        self.send_bytes(&bytes)
    }

    fn send_bytes(&mut self, bytes: &[u8]) -> Vec<String> {
        self.session.handle_input(bytes, self.now);
        self.drain()
    }

    /// Outputs in words.
    fn drain(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(bytes) => words.extend(self.told(&bytes)),
                Output::Admit(_) => words.push("admit".to_owned()),
                Output::Media(Sample::Frame(frame)) => words.push(format!("frame {}", frame.timestamp_ms)),
                Output::Media(Sample::Config(_)) => words.push("config".to_owned()),
                Output::Media(sample) => words.push(format!("{sample:?}")),
                Output::Stopped => words.push("stopped".to_owned()),
                Output::Close(reason) => words.push(format!("close: {reason}")),
            }
        }
        words
    }

    fn told(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(message) = self.reader.read(&mut bytes).unwrap() {
            let number = message::read_number(&message.payload).unwrap_or_default();
            words.push(match message.kind {
                kind::SET_CHUNK_SIZE => {
                    self.reader.set_chunk_bytes(number);
                    format!("chunk size {number}")
                }
                kind::WINDOW_SIZE => format!("window {number}"),
                kind::PEER_BANDWIDTH => "bandwidth".to_owned(),
                kind::ACKNOWLEDGEMENT => format!("ack {number}"),
                kind::USER_CONTROL => format!("event {:?}", Event::read(&message.payload).unwrap()),
                kind::COMMAND => told_command(&Command::read(message.kind, &message.payload).unwrap()),
                other => panic!("message type {other}"),
            });
        }
        words
    }
}

fn told_command(command: &Command) -> String {
    let code = command.values.get(1).and_then(|info| info.property("code")).and_then(Value::as_str);
    match (command.name.as_str(), code) {
        ("onStatus" | "onFCPublish", Some(code)) => format!("{} {code}", command.name),
        (name, _) => format!("{name} {}", command.transaction),
    }
}

fn connect(app: &str) -> Message {
    let target = Value::object([("app", app.into()), ("tcUrl", "rtmp://localhost/live".into())]);
    Command::new("connect", 1.0, vec![target]).message(0)
}

fn publish(key: &str) -> Message {
    Command::new("publish", 5.0, vec![Value::Null, key.into(), "live".into()]).message(1)
}

fn call(name: &str, transaction: f64) -> Message {
    Command::new(name, transaction, vec![Value::Null, "lk_test".into()]).message(0)
}

fn media(kind: u8, timestamp_ms: u32, payload: Bytes) -> Message {
    let chunk_stream = if kind == kind::VIDEO { 6 } else { 4 };
    Message { chunk_stream, timestamp_ms, kind, stream: 1, payload }
}

#[test]
fn calls_are_answered_as_encoders_expect() {
    let mut bench = Bench::connected();
    assert_eq!(bench.send(&call("releaseStream", 2.0)), ["_result 2"]);
    assert_eq!(bench.send(&call("FCPublish", 3.0)), ["_result 3", "onFCPublish NetStream.Publish.Start"]);
    assert_eq!(bench.send(&call("createStream", 4.0)), ["_result 4"]);
    assert_eq!(bench.send(&call("_checkbw", 5.0)), ["_result 5"]);
    assert_eq!(bench.send(&call("somethingElse", 6.0)), ["_error 6"]);
    assert_eq!(bench.send(&call("somethingElse", 0.0)), [""; 0]);
    assert_eq!(bench.send(&call("play", 0.0)), ["onStatus NetStream.Play.Failed"]);
}

#[test]
fn connect_create_stream_publish_and_media_may_come_at_once() {
    let mut bench = Bench::new();
    bench.greet();
    let (mut bytes, mut writer) = (BytesMut::new(), Writer::new());
    let body = write::video_config(&AVCC);
    for message in [
        connect("live"),
        call("releaseStream", 2.0),
        call("FCPublish", 3.0),
        call("createStream", 4.0),
        publish("lk_test"),
        media(kind::VIDEO, 0, body),
        media(kind::VIDEO, 40, write::video(true, 0, &IDR)),
    ] {
        writer.write(&mut bytes, &message);
    }
    let outputs = bench.send_bytes(&bytes);
    assert_eq!(outputs.last().unwrap(), "admit");
    assert!(!bench.session.wants_input(), "nothing is read while the key is judged");
    assert_eq!(bench.session.poll_timeout(), None);
    bench.session.admitted(bench.now);
    let outputs = bench.drain();
    assert_eq!(outputs[1..], ["onStatus NetStream.Publish.Start", "config", "frame 40"]);
}

#[test]
fn the_key_is_passed_on_without_query_and_never_printed() {
    let mut bench = Bench::connected();
    let mut bytes = BytesMut::new();
    bench.writer.write(&mut bytes, &publish("lk_secret?bandwidthtest=true"));
    bench.session.handle_input(&bytes, bench.now);
    let output = bench.session.poll_output().unwrap();
    assert!(!format!("{output:?}{:?}", bench.session).contains("lk_secret"));
    assert_eq!(output, Output::Admit(SecretKey::new("lk_secret".to_owned())));
}

#[test]
fn a_wrong_key_is_refused_with_words_and_closed() {
    let mut bench = Bench::connected();
    bench.send(&publish("lk_wrong"));
    bench.session.refused("NetStream.Publish.BadName", "This stream key is not known.");
    assert_eq!(
        bench.drain(),
        [
            "onStatus NetStream.Publish.BadName",
            "close: refused with NetStream.Publish.BadName: This stream key is not known."
        ]
    );
    assert_eq!(bench.send(&publish("lk_again")), [""; 0], "nothing is read after the end");
}

#[test]
fn no_key_and_no_application_are_refused_without_asking_anybody() {
    for key in ["", "?x", &"k".repeat(257)] {
        let mut bench = Bench::connected();
        assert_eq!(bench.send(&publish(key))[0], "onStatus NetStream.Publish.BadName");
    }
    let mut bench = Bench::new();
    bench.greet();
    let outputs = bench.send(&connect("stream"));
    assert_eq!(outputs[0], "_error 1");
    assert!(outputs[1].contains("set the server to rtmp://HOST/live"), "{outputs:?}");
    for app in ["live/", "/live", "live?x=1"] {
        let mut bench = Bench::new();
        bench.greet();
        assert_eq!(bench.send(&connect(app)).last().unwrap(), "_result 1", "{app}");
    }
}

#[test]
fn goodbye_is_told_from_a_broken_line() {
    for goodbye in ["FCUnpublish", "deleteStream", "closeStream"] {
        let mut bench = Bench::publishing();
        let outputs = bench.send(&call(goodbye, 0.0));
        assert_eq!(outputs, ["stopped", "onStatus NetStream.Unpublish.Success"]);
        assert_eq!(bench.send(&media(kind::AUDIO, 0, write::audio_config(&ASC))), [""; 0]);
        assert_eq!(bench.send(&publish("lk_test")), ["admit"], "another publication may follow");
    }
    let mut bench = Bench::publishing();
    bench.session.handle_end_of_input();
    assert_eq!(bench.drain(), ["close: the publisher closed the connection"]);
}

#[test]
fn the_end_of_input_in_the_handshake_ends_it() {
    let mut bench = Bench::new();
    bench.session.handle_input(&[3, 0, 0], bench.now);
    bench.session.handle_end_of_input();
    bench.session.handle_end_of_input();
    assert_eq!(bench.drain(), ["close: the publisher closed the connection"]);
    assert_eq!(bench.session.poll_timeout(), None);
}

#[test]
fn ten_seconds_to_publish_and_thirty_of_silence() {
    let mut bench = Bench::connected();
    let deadline = bench.session.poll_timeout().unwrap();
    assert_eq!(deadline - bench.now, Duration::from_secs(10));
    bench.session.handle_timeout(deadline - Duration::from_millis(1));
    assert_eq!(bench.drain(), [""; 0]);
    bench.session.handle_timeout(deadline);
    assert_eq!(bench.drain(), ["close: nothing was published in time"]);

    let mut bench = Bench::publishing();
    bench.now += Duration::from_secs(20);
    bench.send(&media(kind::AUDIO, 0, write::audio_config(&ASC)));
    let deadline = bench.session.poll_timeout().unwrap();
    assert_eq!(deadline - bench.now, Duration::from_secs(30));
    bench.send(&Event::PingRequest(1).message());
    assert_eq!(bench.session.poll_timeout(), Some(deadline), "a ping is no media");
    bench.session.handle_timeout(deadline);
    assert_eq!(bench.drain(), ["close: the publisher fell silent"]);
}

#[test]
fn pings_are_answered() {
    let mut bench = Bench::connected();
    assert_eq!(bench.send(&Event::PingRequest(99).message()), ["event PingResponse(99)"]);
    let mut bytes = vec![0x42, 0, 0, 0, 0, 0, 6, 4];
    bytes.extend([0, 7, 0, 0, 0, 1]);
    assert_eq!(bench.send_bytes(&bytes), [""; 0]);
}

#[test]
fn bytes_are_acknowledged_by_the_window() {
    let mut bench = Bench::publishing();
    assert_eq!(bench.send(&message::number(kind::WINDOW_SIZE, 0)), [""; 0], "no window is no window");
    let outputs = bench.send(&message::number(kind::WINDOW_SIZE, 1000));
    assert_eq!(outputs.len(), 1, "what came before counts too: {outputs:?}");
    assert_eq!(bench.send(&media(99, 0, vec![0; 400].into())), [""; 0]);
    let outputs = bench.send(&media(99, 0, vec![0; 60_000].into()));
    assert_eq!(outputs.len(), 1, "one for all: {outputs:?}");
    assert!(outputs[0].starts_with("ack 6"));
    bench.send(&message::number(kind::WINDOW_SIZE, 1));
    assert_eq!(bench.send(&media(99, 0, vec![0; 300].into())).len(), 1);
}

#[test]
fn strangers_get_little_memory_and_publishers_enough() {
    let big = || media(kind::VIDEO, 0, vec![0x27; 70_000].into());
    let mut bench = Bench::connected();
    let outputs = bench.send(&big());
    assert_eq!(outputs, ["close: message of 70000 bytes on chunk stream 6 is over the limit of 65536"]);
    let mut bench = Bench::publishing();
    assert!(!bench.send(&big()).iter().any(|word| word.starts_with("close")));
    let outputs = bench.send(&media(kind::VIDEO, 0, vec![0x27; (8 << 20) + 1].into()));
    assert!(outputs.last().unwrap().starts_with("close: message of 8388609 bytes"), "{outputs:?}");
}

#[test]
fn commands_in_amf_3_clothes_and_empty_ones_are_taken() {
    let mut bench = Bench::connected();
    let dressed = |message: Message, kind| {
        let mut payload = vec![0];
        payload.extend(&message.payload);
        Message { kind, payload: payload.into(), ..message }
    };
    assert_eq!(bench.send(&dressed(call("createStream", 4.0), kind::COMMAND_AMF3)), ["_result 4"]);
    for kind in [kind::COMMAND, kind::COMMAND_AMF3, kind::DATA, kind::DATA_AMF3] {
        assert_eq!(bench.send(&media(kind, 0, Bytes::new())), [""; 0]);
    }
    assert_eq!(bench.send(&dressed(publish("lk_test"), kind::COMMAND_AMF3)), ["admit"]);
}

#[test]
fn a_publisher_that_speaks_amf_3_can_publish() {
    let mut bench = Bench::new();
    bench.greet();
    // Format 0: AMF 0, where the command object changes over to AMF 3.
    let mixed = |values: &[Value], amf3: &[u8]| [&[0], command::data(values).as_ref(), amf3].concat();
    let command = |stream, payload: Vec<u8>| Message {
        chunk_stream: 3,
        timestamp_ms: 0,
        kind: kind::COMMAND_AMF3,
        stream,
        payload: payload.into(),
    };
    let connect = mixed(&["connect".into(), 1.0.into()], b"\x11\x0a\x0b\x01\x07app\x06\x09live\x01");
    let outputs = bench.send(&command(0, connect));
    assert_eq!(outputs.last().unwrap(), "_result 1", "answered in AMF 0: {outputs:?}");
    // Format 3: AMF 3 throughout.
    assert_eq!(bench.send(&command(0, b"\x03\x06\x19createStream\x04\x02\x01".to_vec())), ["_result 2"]);
    let shared = Message { kind: kind::SHARED_OBJECT_AMF3, ..command(0, b"\0\0\x04name".to_vec()) };
    assert_eq!(bench.send(&shared), [""; 0], "shared objects are nothing to us");
    let publish = mixed(&["publish".into(), 3.0.into(), Value::Null], b"\x11\x06\x0flk_test");
    assert_eq!(bench.send(&command(1, publish)), ["admit"]);
    bench.session.admitted(bench.now);
    bench.drain();
    let metadata = b"\x11\x0a\x0b\x01\x13framerate\x04\x1e\x01";
    let metadata = mixed(&["@setDataFrame".into(), "onMetaData".into()], metadata);
    assert_eq!(bench.send(&Message { kind: kind::DATA_AMF3, ..command(1, metadata) }), [""; 0]);
    assert_eq!(bench.send(&media(kind::AUDIO, 0, write::audio_config(&ASC))), ["config"]);
}

#[test]
fn deep_and_wide_commands_end_the_connection() {
    let mut bench = Bench::connected();
    let deep = media(kind::COMMAND, 0, [0x0a, 0, 0, 0, 1].repeat(100).into());
    assert_eq!(bench.send(&deep), ["close: AMF values are nested deeper than 16"]);
}

#[test]
fn a_command_before_connect_ends_the_connection() {
    let mut bench = Bench::new();
    bench.greet();
    assert_eq!(bench.send(&publish("lk_test")), ["close: a command before connect"]);
}

#[test]
fn an_unfinished_message_can_be_aborted() {
    let mut bench = Bench::publishing();
    let (mut bytes, mut other) = (BytesMut::new(), Writer::new());
    other.write(&mut bytes, &media(kind::VIDEO, 0, vec![0x17; 500].into()));
    bench.send_bytes(&bytes[..12 + 128]);
    bench.send(&message::number(kind::ABORT, 6));
    let outputs = bench.send(&media(kind::VIDEO, 0, write::video_config(&AVCC)));
    assert_eq!(outputs, ["config"]);
}

#[test]
fn aggregates_are_taken_apart() {
    let mut bench = Bench::publishing();
    let tag = |kind: u8, time: u8, body: Bytes| {
        let mut tag = vec![kind, 0, 0, body.len() as u8, 0, 0, time, 0, 0, 0, 0];
        tag.extend(&body);
        tag.extend([0, 0, 0, 11]);
        tag
    };
    let body = [
        tag(8, 5, write::audio_config(&ASC)),
        tag(8, 5, write::audio(b"abc")),
        tag(8, 26, write::audio(b"abc")),
    ];
    let outputs = bench.send(&media(kind::AGGREGATE, 1000, body.concat().into()));
    assert_eq!(outputs, ["config", "frame 1000", "frame 1021"]);
}

#[test]
fn another_codec_is_refused_by_a_status() {
    let mut bench = Bench::publishing();
    let outputs = bench.send(&media(kind::VIDEO, 0, Bytes::from_static(b"\x90hvc1\x01\x02")));
    assert_eq!(outputs[0], "onStatus NetStream.Publish.Rejected");
    assert!(outputs[1].contains("set the encoder to H.264 video and AAC audio"), "{outputs:?}");
}

#[test]
fn a_server_that_closes_says_so() {
    let mut bench = Bench::publishing();
    bench.session.close(CloseReason::ServerClosing);
    assert_eq!(
        bench.drain(),
        [
            "onStatus NetStream.Unpublish.Success",
            "onStatus NetConnection.Connect.Closed",
            "close: the server is shutting down"
        ]
    );
}

#[test]
fn a_second_publish_on_one_connection_is_refused_and_disturbs_nothing() {
    let mut bench = Bench::publishing();
    assert_eq!(bench.send(&publish("lk_other")), ["onStatus NetStream.Publish.BadName"]);
    assert_eq!(bench.send(&media(kind::AUDIO, 0, write::audio_config(&ASC))), ["config"]);
}

#[test]
fn junk_ends_the_connection_with_its_reason() {
    let mut bench = Bench::new();
    assert_eq!(bench.send_bytes(b"GET / HTTP/1.1\r\n"), ["close: RTMP version 71 where 3 is spoken"]);
    let mut bench = Bench::connected();
    let outputs = bench.send_bytes(&[0xff; 64]);
    let error = chunk::Error::NothingBefore { chunk_stream: 63, kind: 3 };
    assert_eq!(outputs, [format!("close: {}", ProtocolError::Chunk(error))]);
}

/// Client and session talk until neither has anything to say.
fn converse(client: &mut Client, session: &mut Session, now: Instant) -> (Vec<Output>, Vec<client::Output>) {
    let (mut from_session, mut from_client) = (Vec::new(), Vec::new());
    loop {
        let mut idle = true;
        while let Some(output) = client.poll_output() {
            idle = false;
            match output {
                client::Output::Send(bytes) => session.handle_input(&bytes, now),
                event @ (client::Output::Publishing | client::Output::Ended { .. }) => {
                    from_client.push(event)
                }
            }
        }
        while let Some(output) = session.poll_output() {
            idle = false;
            match output {
                Output::Send(bytes) => client.handle_input(&bytes),
                Output::Admit(key) if key.expose() == "right" => session.admitted(now),
                Output::Admit(_) => session.refused("NetStream.Publish.BadName", "no such key"),
                output @ (Output::Media(_) | Output::Stopped | Output::Close(_)) => from_session.push(output),
            }
        }
        if idle {
            return (from_session, from_client);
        }
    }
}

fn client(key: &str) -> Client {
    let config = client::Config {
        app: "live".to_owned(),
        url: "rtmp://127.0.0.1/live".to_owned(),
        key: SecretKey::new(key.to_owned()),
    };
    Client::new(config, [3; 32])
}

#[test]
fn our_client_publishes_and_says_goodbye() {
    let bench = Bench::new();
    let (mut session, now) = (bench.session, bench.now);
    let mut client = client("right");
    let (_, events) = converse(&mut client, &mut session, now);
    assert_eq!(events, [client::Output::Publishing]);
    client.metadata(Value::object([("framerate", 30.0.into())]));
    client.tag(TrackKind::Video, 0, write::video_config(&AVCC));
    client.tag(TrackKind::Audio, 0, write::audio_config(&ASC));
    for i in 0..100 {
        client.tag(TrackKind::Video, i * 40, write::video(i % 50 == 0, 0, &IDR));
        client.tag(TrackKind::Audio, i * 40, write::audio(b"sound"));
    }
    let (outputs, _) = converse(&mut client, &mut session, now);
    assert_eq!(outputs.len(), 202);
    assert!(
        matches!(&outputs[0], Output::Media(Sample::Config(TrackConfig::Video(config))) if config.width == 640)
    );
    client.stop();
    let (outputs, _) = converse(&mut client, &mut session, now);
    assert_eq!(outputs, [Output::Stopped]);
}

#[test]
fn our_client_hears_why_it_is_refused() {
    let bench = Bench::new();
    let (mut session, now) = (bench.session, bench.now);
    let (outputs, events) = converse(&mut client("wrong"), &mut session, now);
    assert!(matches!(&outputs[..], [Output::Close(CloseReason::Refused { .. })]));
    let [client::Output::Ended { code, description }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((code.as_str(), description.as_str()), ("NetStream.Publish.BadName", "no such key"));
}

proptest! {
    #[test]
    fn no_bytes_whatever_reach_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        publishing in any::<bool>(),
        step in 1usize..500,
    ) {
        let mut bench = if publishing { Bench::publishing() } else { Bench::connected() };
        for piece in bytes.chunks(step) {
            bench.session.handle_input(piece, bench.now);
            while bench.session.poll_output().is_some() {}
        }
    }

    #[test]
    fn damaged_conversations_reach_no_panic(at in 0usize..4000, value in any::<u8>()) {
        let capture = include_bytes!("../../../../../tests/vectors/obs-29.0.2-h264-aac.rtmp-client.bin");
        let mut bytes = capture[..40_000].to_vec();
        bytes[at * 10] = value;
        let mut bench = Bench::new();
        for piece in bytes.chunks(4096) {
            bench.session.handle_input(piece, bench.now);
            while let Some(output) = bench.session.poll_output() {
                if matches!(output, Output::Admit(_)) {
                    bench.session.admitted(bench.now);
                }
            }
        }
    }
}
