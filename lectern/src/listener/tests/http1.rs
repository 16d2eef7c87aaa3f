//! HTTP/1.1: slow in every place where one can be slow, and too long in every place that can be long.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

use super::*;

/// Everything until the end, as text; none when the connection was broken off.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let _ = within(stream.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.expect("the server reads");
}

/// Reads one answer with its body.
async fn answer(stream: &mut DuplexStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        bytes.push(within(stream.read_u8()).await.expect("an answer"));
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    within(stream.read_exact(&mut body)).await.expect("a body");
    head + &String::from_utf8_lossy(&body)
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_says_nothing_is_cut_after_ten_seconds() {
    let (mut peer, served) = pipe(false, 4096);
    let start = clock::now();
    assert_eq!(rest(&mut peer).await, "");
    assert_eq!(clock::now() - start, 10 * S);
    within(served).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_drips_is_cut_after_ten_seconds_wherever_it_is() {
    for head in ["GET / HTTP/1.1\r\nHost: x\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n", "\r\n\r\n\r\n\r\n\r\n\r\n"]
    {
        let (mut peer, served) = pipe(false, 4096);
        let start = clock::now();
        for byte in head.bytes().cycle() {
            if peer.write_u8(byte).await.is_err() {
                break;
            }
            tokio::time::sleep(S).await;
        }
        assert!(clock::now() - start <= 12 * S, "{head:?}: {:?}", clock::now() - start);
        within(served).await.expect("no panic");
    }
}

#[tokio::test(start_paused = true)]
async fn the_second_requests_head_may_drip_no_longer_than_the_first() {
    let (mut peer, served) = pipe(false, 4096);
    send(&mut peer, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer(&mut peer).await.ends_with("small"));
    tokio::time::sleep(30 * S).await;
    let start = clock::now();
    send(&mut peer, "GET /sm").await;
    assert_eq!(rest(&mut peer).await, "");
    assert_eq!(clock::now() - start, 10 * S);
    within(served).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn between_requests_a_connection_may_rest_75_seconds() {
    let (mut peer, served) = pipe(false, 4096);
    for _ in 0..3 {
        send(&mut peer, "GET /small HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer(&mut peer).await.ends_with("small"));
        tokio::time::sleep(70 * S).await;
    }
    let start = clock::now();
    assert_eq!(rest(&mut peer).await, "");
    assert_eq!(clock::now() - start, 5 * S);
    within(served).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_be_held_longer_than_a_head_may_take() {
    let (mut peer, _served) = pipe(false, 4096);
    for _ in 0..5 {
        send(&mut peer, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(answer(&mut peer).await.ends_with("held"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_given_up() {
    let (mut peer, served) = pipe(false, 4096);
    send(&mut peer, "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n").await;
    let start = clock::now();
    while clock::now() - start < 100 * S && peer.write_u8(b'x').await.is_ok() {
        tokio::time::sleep(S).await;
    }
    assert!(clock::now() - start < 15 * S, "{:?}", clock::now() - start);
    let answer = rest(&mut peer).await;
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer:?}");
    within(served).await.expect("no panic");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_cut_after_twelve_seconds_and_a_slow_one_is_not() {
    let (mut peer, served) = pipe(false, 4096);
    send(&mut peer, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let start = clock::now();
    within(served).await.expect("no panic");
    assert_eq!(clock::now() - start, 12 * S);

    let (mut peer, _served) = pipe(false, 4096);
    send(&mut peer, "GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let (mut taken, mut buffer) = (0, vec![0; 10_000]);
    loop {
        let length = peer.read(&mut buffer).await.expect("the server goes on");
        if length == 0 {
            break;
        }
        taken += length;
        tokio::time::sleep(S).await;
    }
    assert!(taken > LARGE, "{taken}");
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_is_said_to_be() {
    let long = |length: usize| "x".repeat(length);
    for (request, status) in [
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", long(9_000)), "414"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", long(40_000)), "431"),
        (format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X: y\r\n".repeat(150)), "431"),
        ("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n".to_owned(), "413"),
        ("GET / HTTP/1.1\r\nHost : x\r\n\r\n".to_owned(), "400"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400"),
    ] {
        let (mut peer, served) = pipe(false, 1 << 20);
        send(&mut peer, &request).await;
        let mut start = [0; 12];
        let read = within(peer.read_exact(&mut start)).await;
        let start = String::from_utf8_lossy(&start).into_owned();
        assert!(read.is_ok() && start == format!("HTTP/1.1 {status}"), "{start:?} to {:.60}", request);
        drop(peer);
        within(served).await.expect("no panic");
    }
}

#[tokio::test(start_paused = true)]
async fn chunks_beyond_a_bodys_limit_are_refused_as_they_come() {
    let (mut peer, _served) = pipe(false, 1 << 16);
    send(&mut peer, "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let mut sent = 0;
    while sent < 64 {
        if tokio::time::timeout(S, peer.write_all(chunk.as_bytes())).await.is_err() {
            break;
        }
        sent += 1;
    }
    let mut start = [0; 12];
    within(peer.read_exact(&mut start)).await.expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 413");
}

#[tokio::test(start_paused = true)]
async fn http_2_in_the_clear_is_not_spoken() {
    let (mut peer, served) = pipe(false, 4096);
    send(&mut peer, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    let start = clock::now();
    assert!(!rest(&mut peer).await.contains(" 200 "));
    within(served).await.expect("no panic");
    assert!(clock::now() - start < S, "at once");
}
