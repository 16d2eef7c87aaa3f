//! HTTP/2: what one connection can ask for a thousand times.

use tokio::io::{AsyncWriteExt, DuplexStream};

use super::{
    frames::{
        ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, INITIAL_WINDOW, PING, RST_STREAM,
        SETTINGS, WINDOW_UPDATE, block, frame, greeting, integer, literal, push, read, read_to_goodbye,
    },
    *,
};

/// A connection that has greeted, with room for a megabyte on the way.
async fn greeted(settings: &[(u16, u32)]) -> (DuplexStream, JoinHandle<()>) {
    let (mut peer, served) = pipe(true, 1 << 20);
    assert!(push(&mut peer, &greeting(settings)).await);
    (peer, served)
}

fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block("GET", path))
}

/// The status of a stream's answer, read from the first header of the block: they are in HPACK's table.
async fn status(peer: &mut DuplexStream, stream: u32) -> u16 {
    while let Some(frame) = read(peer).await {
        if frame.kind == HEADERS && frame.stream == stream {
            return match frame.payload[..] {
                [0x88, ..] => 200,
                [0x8c, ..] => 400,
                // `:status` by its place, the value as three plain digits or five bits each.
                [0x08 | 0x48, 0x03, a, b, c, ..] => {
                    [a, b, c].iter().fold(0, |all, digit| all * 10 + u16::from(digit - b'0'))
                }
                [0x08 | 0x48, 0x82, a, b, ..] => huffman_digits([a, b]),
                [0x08 | 0x48, 0x83, a, b, c, ..] => huffman_digits3([a, b, c]),
                _ => panic!("{:02x?}", frame.payload),
            };
        }
    }
    panic!("the connection ended without an answer")
}

/// Three digits in HPACK's code: 0, 1 and 2 have five bits, the others six.
fn huffman_digits3(bytes: [u8; 3]) -> u16 {
    digits(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], 0xff]))
}

fn huffman_digits(bytes: [u8; 2]) -> u16 {
    digits(u32::from_be_bytes([bytes[0], bytes[1], 0xff, 0xff]))
}

fn digits(mut bits: u32) -> u16 {
    let mut number = 0;
    for _ in 0..3 {
        let (digit, used) = match bits >> 27 {
            five @ 0..=2 => (five, 5),
            _ => ((bits >> 26) - 0x19 + 3, 6),
        };
        number = number * 10 + digit;
        bits <<= used;
    }
    u16::try_from(number).expect("three digits")
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_and_its_host_is_named() {
    let (mut peer, _served) = greeted(&[]).await;
    assert!(push(&mut peer, &get(1, "/host")).await);
    assert_eq!(status(&mut peer, 1).await, 200);
    let body = read(&mut peer).await.expect("a body");
    assert_eq!((body.kind, String::from_utf8_lossy(&body.payload).as_ref()), (DATA, "localhost 127.0.0.1:9"));
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_taken_back_at_once_end_the_connection() {
    let (mut peer, served) = greeted(&[]).await;
    let mut flood = Vec::new();
    for stream in (1..2000).step_by(2) {
        flood.extend(get(stream, "/never"));
        flood.extend(frame(RST_STREAM, 0, stream, &8u32.to_be_bytes()));
    }
    push(&mut peer, &flood).await;
    let (goodbye, _) = read_to_goodbye(&mut peer).await;
    assert!(goodbye.is_some(), "told to go away");
    within(served).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn nor_does_it_help_to_take_them_back_one_by_one() {
    let (mut peer, served) = greeted(&[]).await;
    let start = clock::now();
    let mut stream = 1;
    // 40 a second, each seen by the service before it is taken back.
    while push(&mut peer, &get(stream, "/never")).await && clock::now() - start < 60 * S {
        tokio::time::sleep(25 * S / 1000).await;
        push(&mut peer, &frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())).await;
        stream += 2;
    }
    assert!(clock::now() - start < 5 * S, "{:?}", clock::now() - start);
    assert!(read_to_goodbye(&mut peer).await.0.is_some(), "told to go away");
    within(served).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_takes_back_ten_requests_a_second_is_left_alone() {
    let (mut peer, _served) = greeted(&[]).await;
    for stream in (1..400).step_by(2) {
        assert!(push(&mut peer, &get(stream, "/never")).await);
        tokio::time::sleep(S / 10).await;
        assert!(push(&mut peer, &frame(RST_STREAM, 0, stream, &8u32.to_be_bytes())).await);
    }
    assert!(push(&mut peer, &get(401, "/small")).await);
    assert_eq!(status(&mut peer, 401).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_requests_at_once_and_no_more() {
    let (mut peer, _served) = greeted(&[]).await;
    for stream in (1..=201).step_by(2) {
        assert!(push(&mut peer, &get(stream, "/held")).await);
    }
    // The 101st is refused by name while the others wait.
    loop {
        let frame = read(&mut peer).await.expect("the connection goes on");
        if frame.kind == RST_STREAM {
            assert_eq!((frame.stream, frame.payload), (201, vec![0, 0, 0, 7]), "REFUSED_STREAM");
            break;
        }
        assert_ne!(frame.kind, HEADERS, "nothing is answered before");
    }
    assert_eq!(status(&mut peer, 1).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_ends_ends_the_connection() {
    let (mut peer, served) = greeted(&[]).await;
    assert!(push(&mut peer, &frame(HEADERS, END_STREAM, 1, &block("GET", "/small"))).await);
    let piece = frame(CONTINUATION, 0, 1, &literal("x", &"y".repeat(1000)));
    let mut pieces = 0;
    while pieces < 10_000 && push(&mut peer, &piece).await {
        pieces += 1;
    }
    assert!(pieces < 2_000, "{pieces} pieces of a kilobyte were read");
    assert!(read_to_goodbye(&mut peer).await.0.is_some(), "told to go away");
    within(served).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn empty_pieces_of_a_head_end_the_connection_too() {
    let (mut peer, served) = greeted(&[]).await;
    assert!(push(&mut peer, &frame(HEADERS, END_STREAM, 1, &block("GET", "/small"))).await);
    let pieces = frame(CONTINUATION, 0, 1, &[]).repeat(1000);
    let mut thousands = 0;
    while thousands < 1000 && push(&mut peer, &pieces).await {
        thousands += 1;
    }
    assert!(thousands < 200, "{thousands} thousand empty pieces were read");
    within(served).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_header_that_is_remembered_and_repeated_is_counted_each_time() {
    // Remember one header of 3000 bytes (6.2.1), then name it by its place, a byte each (6.1).
    let bomb = |times: usize| {
        let value = "b".repeat(3000);
        let mut bomb = block("GET", "/small");
        bomb.extend([0x40, 1, b'x']);
        bomb.extend(integer(value.len(), 7, 0));
        bomb.extend(value.bytes());
        bomb.extend([0x80 | 62].repeat(times));
        bomb
    };
    let (mut peer, _served) = greeted(&[]).await;
    assert!(push(&mut peer, &frame(HEADERS, END_STREAM | END_HEADERS, 1, &bomb(12))).await);
    assert_eq!(status(&mut peer, 1).await, 431);
    assert!(push(&mut peer, &get(3, "/small")).await);
    assert_eq!(status(&mut peer, 3).await, 200, "the connection is none the worse");
    // Thirty megabytes out of thirteen kilobytes end it.
    let (mut peer, served) = greeted(&[]).await;
    assert!(push(&mut peer, &frame(HEADERS, END_STREAM | END_HEADERS, 1, &bomb(10_000))).await);
    assert!(read_to_goodbye(&mut peer).await.0.is_some(), "told to go away");
    within(served).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_is_said_to_be() {
    let (mut peer, _served) = greeted(&[]).await;
    assert!(push(&mut peer, &get(1, &format!("/{}", "x".repeat(9000)))).await);
    assert_eq!(status(&mut peer, 1).await, 414);
    let mut upload = block("POST", "/upload");
    upload.extend(literal("content-length", "9999999"));
    assert!(push(&mut peer, &frame(HEADERS, END_HEADERS, 3, &upload)).await);
    assert_eq!(status(&mut peer, 3).await, 413);
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_never_opened_ends_the_connection_after_twelve_seconds() {
    for window in [0, 1, 20_000] {
        let (mut peer, served) = greeted(&[(INITIAL_WINDOW, window)]).await;
        assert!(push(&mut peer, &get(1, "/large")).await);
        let start = clock::now();
        let mut data = 0;
        while let Some(frame) = read(&mut peer).await {
            if frame.kind == DATA {
                data += frame.payload.len();
            }
            // Alive otherwise.
            if frame.kind == PING && frame.flags & ACK == 0 {
                push(&mut peer, &frames::frame(PING, ACK, 0, &frame.payload)).await;
            }
        }
        assert_eq!(data, usize::try_from(window).expect("small"), "no more than the window");
        let took = clock::now() - start;
        assert!((12 * S..=13 * S).contains(&took), "window {window}: {took:?}");
        within(served).await.expect("no panic");
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_that_opens_slowly_is_served_to_the_end() {
    let (mut peer, _served) = greeted(&[(INITIAL_WINDOW, 16_000)]).await;
    assert!(push(&mut peer, &get(1, "/large")).await);
    let (mut data, start) = (0, clock::now());
    while data < LARGE {
        let got = read(&mut peer).await.expect("the connection goes on");
        match got.kind {
            DATA => {
                data += got.payload.len();
                // A piece in two frames, the second of which is small.
                if got.payload.len() > 1000 {
                    tokio::time::sleep(2 * S).await;
                }
                let more = u32::try_from(got.payload.len()).expect("a frame").to_be_bytes();
                let more = [frame(WINDOW_UPDATE, 0, 1, &more), frame(WINDOW_UPDATE, 0, 0, &more)].concat();
                assert!(push(&mut peer, &more).await, "cut after {:?}", clock::now() - start);
            }
            PING if got.flags & ACK == 0 => {
                assert!(push(&mut peer, &frame(PING, ACK, 0, &got.payload)).await);
            }
            _ => {}
        }
    }
    assert!(clock::now() - start > 100 * S, "slow it was");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_asks_for_nothing_is_let_go_after_75_seconds() {
    let (mut peer, served) = greeted(&[]).await;
    let start = clock::now();
    while let Some(got) = read(&mut peer).await {
        if got.kind == PING && got.flags & ACK == 0 {
            push(&mut peer, &frame(PING, ACK, 0, &got.payload)).await;
        }
    }
    let took = clock::now() - start;
    assert!((75 * S..=77 * S).contains(&took), "{took:?}");
    within(served).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn floods_of_pings_and_settings_cost_no_more_than_their_reading() {
    for flood in [
        frame(PING, 0, 0, &[7; 8]),
        frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]),
        frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        // PRIORITY of a stream that is not there.
        frame(2, 0, 9, &[0, 0, 0, 0, 16]),
        // A kind that nobody knows.
        frame(0x7f, 0, 0, &[0; 16]),
    ] {
        // The peer does not read: what it makes the server say has nowhere to go.
        let (mut peer, served) = pipe(true, 64 << 10);
        assert!(push(&mut peer, &greeting(&[])).await);
        let flood = flood.repeat(1000);
        let mut thousands = 0;
        let flooding = async {
            while thousands < 200 && push(&mut peer, &flood).await {
                thousands += 1;
            }
        };
        // Either all of it was read, with nothing piling up, or the server stopped reading and then cut.
        within(flooding).await;
        drop(peer);
        within(served).await.expect("no panic");
    }
}

#[tokio::test(start_paused = true)]
async fn junk_and_silence_after_the_preface_end_it() {
    for junk in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0, 0, 0, 9, 0, 0, 0, 0, 1]] {
        let (mut peer, served) = pipe(true, 4096);
        push(&mut peer, &greeting(&[])).await;
        push(&mut peer, junk).await;
        drop(peer);
        within(served).await.expect("no panic");
    }
    let (mut peer, served) = pipe(true, 4096);
    peer.write_all(b"PRI * HT").await.expect("the server reads");
    let start = clock::now();
    within(served).await.expect("no panic");
    assert!(clock::now() - start <= 77 * S);
}
