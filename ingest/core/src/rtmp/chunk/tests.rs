use std::collections::{BTreeMap, VecDeque};

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::{super::writer::put_basic_header, *};
use crate::rtmp::chunk::Writer;

/// Writes messages in every way the specification allows, as the given choices say.
struct Sender {
    out: Vec<u8>,
    chunk_bytes: usize,
    before: BTreeMap<u32, Sent>,
    open: BTreeMap<u32, (Bytes, usize)>,
    leaves_extended_out: bool,
}

#[derive(Clone, Copy)]
struct Sent {
    timestamp_ms: u32,
    delta_ms: u32,
    length: usize,
    kind: u8,
    stream: u32,
}

impl Sender {
    fn new() -> Self {
        Self {
            out: Vec::new(),
            chunk_bytes: CHUNK_BYTES_DEFAULT,
            before: BTreeMap::new(),
            open: BTreeMap::new(),
            leaves_extended_out: false,
        }
    }

    /// Starts a message with the `choice`-th of the chunk types that are legal for it.
    fn begin(&mut self, message: &Message, choice: usize) {
        assert!(!self.open.contains_key(&message.chunk_stream), "one message at a time on a chunk stream");
        let length = message.payload.len();
        let mut legal = vec![(0u8, message.timestamp_ms)];
        if let Some(sent) = self.before.get(&message.chunk_stream)
            && sent.stream == message.stream
        {
            let delta = message.timestamp_ms.wrapping_sub(sent.timestamp_ms);
            legal.push((1, delta));
            if sent.length == length && sent.kind == message.kind {
                legal.push((2, delta));
                if sent.delta_ms == delta {
                    legal.push((3, delta));
                }
            }
        }
        let (kind, delta_ms) = legal[choice % legal.len()];
        let mut header = BytesMut::new();
        put_basic_header(&mut header, kind, message.chunk_stream);
        if kind < 3 {
            header.put_uint(u64::from(delta_ms.min(EXTENDED)), 3);
        }
        if kind < 2 {
            header.put_uint(length as u64, 3);
            header.put_u8(message.kind);
        }
        if kind == 0 {
            header.put_u32_le(message.stream);
        }
        if delta_ms >= EXTENDED && (kind < 3 || !self.leaves_extended_out) {
            header.put_u32(delta_ms);
        }
        self.out.extend_from_slice(&header);
        let (timestamp_ms, stream) = (message.timestamp_ms, message.stream);
        self.before.insert(
            message.chunk_stream,
            Sent { timestamp_ms, delta_ms, length, kind: message.kind, stream },
        );
        self.open.insert(message.chunk_stream, (message.payload.clone(), 0));
        self.body(message.chunk_stream);
    }

    /// The next chunk of a message that was begun.
    fn go_on(&mut self, chunk_stream: u32) {
        let mut header = BytesMut::new();
        put_basic_header(&mut header, 3, chunk_stream);
        let delta_ms = self.before[&chunk_stream].delta_ms;
        if delta_ms >= EXTENDED && !self.leaves_extended_out {
            header.put_u32(delta_ms);
        }
        self.out.extend_from_slice(&header);
        self.body(chunk_stream);
    }

    fn body(&mut self, chunk_stream: u32) {
        let (payload, at) = self.open.remove(&chunk_stream).unwrap();
        let end = payload.len().min(at + self.chunk_bytes);
        self.out.extend_from_slice(&payload[at..end]);
        if end < payload.len() {
            self.open.insert(chunk_stream, (payload, end));
        }
    }

    fn whole(&mut self, message: &Message, choice: usize) {
        self.begin(message, choice);
        while self.open.contains_key(&message.chunk_stream) {
            self.go_on(message.chunk_stream);
        }
    }
}

fn message(chunk_stream: u32, timestamp_ms: u32, length: usize) -> Message {
    let payload: Vec<u8> = (0..length).map(|i| (i * 7 + length) as u8).collect();
    Message { chunk_stream, timestamp_ms, kind: 9, stream: 1, payload: payload.into() }
}

fn read_all(reader: &mut Reader, bytes: &[u8], step: usize) -> Result<Vec<Message>, Error> {
    let mut messages = Vec::new();
    for mut piece in bytes.chunks(step) {
        while let Some(message) = reader.read(&mut piece)? {
            messages.push(message);
        }
        assert!(piece.is_empty(), "a reader without a message has taken everything");
    }
    Ok(messages)
}

fn check(sender: &Sender, expected: &[Message]) {
    for step in [1, 2, 3, 5, 127, usize::MAX] {
        let mut reader = Reader::new(Limits::ADMITTED);
        reader.set_chunk_bytes(sender.chunk_bytes as u32);
        assert_eq!(read_all(&mut reader, &sender.out, step).unwrap(), expected, "in steps of {step}");
        assert_eq!(reader.buffered_bytes, 0);
    }
}

#[test]
fn a_type_3_message_start_repeats_the_last_delta() {
    let mut sender = Sender::new();
    let messages = [message(4, 1000, 10), message(4, 1021, 10), message(4, 1042, 10), message(4, 1063, 10)];
    sender.whole(&messages[0], 0);
    sender.whole(&messages[1], 2);
    let before = sender.out.len();
    sender.whole(&messages[2], 3);
    sender.whole(&messages[3], 3);
    assert_eq!(sender.out.len() - before, 2 * 11, "type 3 headers have one byte");
    check(&sender, &messages);
}

#[test]
fn a_type_3_message_start_after_type_0_repeats_its_timestamp_as_delta() {
    let mut sender = Sender::new();
    let messages = [message(4, 21, 10), message(4, 42, 10)];
    sender.whole(&messages[0], 0);
    sender.whole(&messages[1], 3);
    assert_eq!(sender.out[22], 0xc4);
    check(&sender, &messages);
}

#[test]
fn chunks_of_several_messages_may_alternate() {
    let mut sender = Sender::new();
    let (video, audio) = (message(6, 0, 300), message(4, 5, 140));
    sender.begin(&video, 0);
    sender.begin(&audio, 0);
    sender.go_on(6);
    sender.go_on(4);
    sender.go_on(6);
    check(&sender, &[audio, video]);
}

#[test]
fn extended_timestamps_stand_on_type_3_chunks_too() {
    let mut sender = Sender::new();
    let messages = [
        message(6, 0xff_ffff, 300),
        message(6, 0x1ff_fffe, 300),
        message(6, u32::MAX, 200),
        message(6, 39, 200),
    ];
    for (message, choice) in messages.iter().zip([0, 3, 0, 1]) {
        sender.whole(message, choice);
    }
    check(&sender, &messages);
}

#[test]
fn a_sender_that_leaves_them_out_there_is_understood() {
    let mut sender = Sender::new();
    sender.leaves_extended_out = true;
    let messages: Vec<Message> = [129, 130, 131, 300, 400]
        .into_iter()
        .enumerate()
        .map(|(i, length)| message(6, 0x0100_0000 + i as u32 * 40, length))
        .collect();
    for message in &messages {
        sender.whole(message, 0);
    }
    check(&sender, &messages);
}

#[test]
fn chunk_stream_ids_have_three_forms() {
    let mut sender = Sender::new();
    let messages = [2, 63, 64, 319, 320, 65_599].map(|chunk_stream| message(chunk_stream, 1, 200));
    for message in &messages {
        sender.whole(message, 0);
    }
    check(&sender, &messages);
}

#[test]
fn a_type_1_chunk_may_open_a_chunk_stream_but_no_shorter_one() {
    let mut reader = Reader::new(Limits::BEFORE_ADMISSION);
    let pong = [0x42, 0, 0, 0, 0, 0, 6, 4, 0, 7, 0, 0, 0, 1];
    let read = read_all(&mut reader, &pong, 20).unwrap();
    assert_eq!((read[0].kind, read[0].payload.as_ref()), (4, [0, 7, 0, 0, 0, 1].as_slice()));
    for kind in [2u8, 3] {
        let mut reader = Reader::new(Limits::BEFORE_ADMISSION);
        let error = read_all(&mut reader, &[kind << 6 | 5, 0, 0, 0, 0], 20).unwrap_err();
        assert_eq!(error, Error::NothingBefore { chunk_stream: 5, kind });
    }
}

#[test]
fn an_aborted_message_is_forgotten() {
    let mut sender = Sender::new();
    sender.begin(&message(6, 0, 300), 0);
    let mut reader = Reader::new(Limits::ADMITTED);
    assert_eq!(read_all(&mut reader, &sender.out, 1000).unwrap(), []);
    assert_eq!(reader.buffered_bytes, 300);
    reader.abort(6);
    reader.abort(77);
    assert_eq!(reader.buffered_bytes, 0);
    let mut sender = Sender::new();
    let next = message(6, 40, 50);
    sender.whole(&next, 0);
    assert_eq!(read_all(&mut reader, &sender.out, 1000).unwrap(), [next]);
}

#[test]
fn an_unfinished_message_gives_way_to_a_new_one() {
    let mut sender = Sender::new();
    sender.begin(&message(6, 0, 300), 0);
    sender.open.clear();
    let next = message(6, 40, 50);
    sender.whole(&next, 0);
    check(&sender, &[next]);
}

#[test]
fn lengths_are_checked_before_memory_is_taken() {
    let limits = Limits { message_bytes_max: 1000, buffered_bytes_max: 1500, chunk_streams_max: 3 };
    let read = |lengths: &[(u32, usize)]| {
        let mut reader = Reader::new(limits);
        let mut sender = Sender::new();
        for (chunk_stream, length) in lengths {
            sender.begin(&message(*chunk_stream, 0, *length), 0);
        }
        read_all(&mut reader, &sender.out, 10_000).map(|messages| messages.len())
    };
    assert_eq!(read(&[(3, 1001)]), Err(Error::MessageTooLong { chunk_stream: 3, size: 1001, limit: 1000 }));
    assert_eq!(read(&[(3, 1000), (4, 501)]), Err(Error::Buffered { size: 1501, limit: 1500 }));
    assert_eq!(read(&[(3, 1000), (4, 500)]), Ok(0));
    assert_eq!(read(&[(3, 1), (4, 1), (5, 1), (6, 1)]), Err(Error::TooManyChunkStreams(3)));
}

#[test]
fn chunk_sizes_of_nothing_and_of_everything_are_survived() {
    let mut reader = Reader::new(Limits::ADMITTED);
    reader.set_chunk_bytes(0x7fff_ffff);
    let mut sender = Sender::new();
    sender.chunk_bytes = CHUNK_BYTES_MAX;
    let long = message(6, 0, 200_000);
    sender.whole(&long, 0);
    assert_eq!(read_all(&mut reader, &sender.out, 5000).unwrap(), [long]);
    reader.set_chunk_bytes(0);
    assert_eq!(reader.chunk_bytes, 1);
}

#[test]
fn tiny_chunks_run_out_of_budget() {
    let mut sender = Sender::new();
    sender.chunk_bytes = 1;
    sender.whole(&message(6, 0, 2000), 0);
    let mut reader = Reader::new(Limits::ADMITTED);
    reader.set_chunk_bytes(1);
    assert_eq!(read_all(&mut reader, &sender.out, 100), Err(Error::TooManyHeaders));
    let mut sender = Sender::new();
    for i in 0..2000 {
        sender.whole(&message(4, i, 0), 2);
    }
    let mut reader = Reader::new(Limits::ADMITTED);
    assert_eq!(read_all(&mut reader, &sender.out, 100), Err(Error::TooManyHeaders));
}

#[test]
fn small_sound_stays_within_the_budget() {
    let mut sender = Sender::new();
    let messages: Vec<Message> = (0..5000).map(|i| message(4, i * 21, 8)).collect();
    for message in &messages {
        sender.whole(message, 3);
    }
    check(&sender, &messages);
}

fn any_messages() -> impl Strategy<Value = Vec<(Message, usize)>> {
    let stream = prop_oneof![Just(3u32), Just(4), Just(6), Just(70), Just(400)];
    let step = prop_oneof![Just(0u32), 0u32..50, Just(40), 0xff_fff0u32..0x100_0010, any::<u32>()];
    let length = prop_oneof![Just(0usize), 1usize..20, Just(300), 100usize..2000];
    let kind = prop_oneof![Just(8u8), Just(9)];
    proptest::collection::vec((stream, step, length, kind, any::<bool>(), 0usize..12), 1..25).prop_map(
        |raw| {
            let mut clocks: BTreeMap<u32, u32> = BTreeMap::new();
            raw.into_iter()
                .map(|(chunk_stream, step, length, kind, second, choice)| {
                    let clock = clocks.entry(chunk_stream).or_insert(0);
                    *clock = clock.wrapping_add(step);
                    let mut message = message(chunk_stream, *clock, length);
                    message.kind = kind;
                    message.stream = 1 + u32::from(second);
                    (message, choice)
                })
                .collect()
        },
    )
}

proptest! {
    #[test]
    fn whatever_is_legal_reads_back(
        messages in any_messages(),
        chunk_bytes in prop_oneof![Just(128usize), 16usize..5000],
        turns in proptest::collection::vec(0usize..8, 0..400),
        step in 1usize..700,
    ) {
        let mut sender = Sender::new();
        sender.chunk_bytes = chunk_bytes;
        let mut waiting: VecDeque<_> = messages.iter().collect();
        let mut finished = Vec::new();
        let mut turns = turns.into_iter().chain(std::iter::repeat(0));
        let mut open: Vec<&Message> = Vec::new();
        while !(waiting.is_empty() && open.is_empty()) {
            let turn = turns.next().unwrap();
            let next = waiting.front().filter(|(next, _)| {
                open.iter().all(|other| other.chunk_stream != next.chunk_stream)
            });
            let begun = match next {
                Some((next, choice)) if turn % 2 == 0 || open.is_empty() => {
                    sender.begin(next, *choice);
                    waiting.pop_front();
                    open.push(next);
                    next
                }
                _ => {
                    let at = turn % open.len();
                    sender.go_on(open[at].chunk_stream);
                    open[at]
                }
            };
            if !sender.open.contains_key(&begun.chunk_stream) {
                open.retain(|message| message.chunk_stream != begun.chunk_stream);
                finished.push(begun.clone());
            }
        }
        let mut reader = Reader::new(Limits::ADMITTED);
        reader.set_chunk_bytes(chunk_bytes as u32);
        // The budget is another test's matter.
        reader.header_budget = u32::MAX / 2;
        prop_assert_eq!(read_all(&mut reader, &sender.out, step).unwrap(), finished);
    }

    #[test]
    fn what_our_writer_writes_reads_back(messages in any_messages(), chunk_bytes in 16u32..5000) {
        let (mut writer, mut bytes) = (Writer::new(), BytesMut::new());
        writer.set_chunk_bytes(chunk_bytes);
        for (message, _) in &messages {
            writer.write(&mut bytes, message);
        }
        let mut reader = Reader::new(Limits::ADMITTED);
        reader.set_chunk_bytes(chunk_bytes);
        reader.header_budget = u32::MAX / 2;
        let expected: Vec<Message> = messages.into_iter().map(|(message, _)| message).collect();
        prop_assert_eq!(read_all(&mut reader, &bytes, 1000).unwrap(), expected);
    }

    #[test]
    fn no_bytes_whatever_reach_a_panic_or_more_memory_than_allowed(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        sizes in proptest::collection::vec(any::<u32>(), 3),
    ) {
        let mut reader = Reader::new(Limits::BEFORE_ADMISSION);
        for (piece, size) in bytes.chunks(1000).zip(sizes) {
            let mut piece = piece;
            while let Ok(Some(_)) = reader.read(&mut piece) {}
            prop_assert!(reader.buffered_bytes <= Limits::BEFORE_ADMISSION.buffered_bytes_max);
            reader.set_chunk_bytes(size);
            reader.abort(size % 70);
        }
    }
}
