//! Looking over a network: at a right stream, at wrong ones, and at what is no stream at all.

use std::{io::Write as _, time::Duration};

use flate2::{Compression, write::GzEncoder};
use hlscheck::{CannotLook, Options, Report, Tolerance, Trust, look};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use crate::site::{Fault, Site, read_head};

/// No test of this file says anything of speed.
const BUSY: Duration = Duration::from_secs(8);
/// Longer than any of these streams lasts, and than any server may keep us.
const AT_MOST: Duration = Duration::from_secs(50);

fn options(url: String) -> Options {
    let tolerance =
        Tolerance { part: BUSY, segment: BUSY, sync: BUSY, first_byte: BUSY, ..Tolerance::default() };
    Options { url, length: AT_MOST, trust: Trust::Usual, tolerance }
}

/// The report on a stream that ends by itself.
async fn looked_at(fault: Fault, options: impl FnOnce(String) -> Options) -> Report {
    let site = Site::open(fault).await;
    let report = timeout(AT_MOST, look(&options(site.url("/index.m3u8")))).await;
    report.expect("the stream ends, and with it the look").expect("it can be looked at")
}

fn said(report: &Report) -> String {
    report.text()
}

#[tokio::test]
async fn a_right_stream_breaks_no_rule() {
    let report = looked_at(Fault::None, options).await;
    assert!(report.violations.is_empty(), "{}", said(&report));
    assert!(report.notes.iter().any(|note| note.contains("has ended")), "{:?}", report.notes);
    let checked: Vec<u8> = report.checked.keys().map(|rule| rule.number()).collect();
    for rule in [
        1, 3, 7, 12, 16, 20, 21, 25, 28, 29, 30, 31, 32, 33, 35, 37, 38, 39, 40, 42, 43, 44, 45, 46, 47, 48,
        49, 52, 54, 55, 56, 57, 58, 60, 61, 62, 63, 66, 67, 68, 69, 70, 71, 72,
    ] {
        assert!(checked.contains(&rule), "rule {rule} was not looked at: {}", said(&report));
    }
    let http2 = report.not_applicable.iter().find(|(rule, _)| rule.number() == 64);
    assert!(http2.is_some_and(|(_, why)| why.contains("plain HTTP")), "{http2:?}");
}

/// Whatever is wrong is reported under its number, and nothing else is.
async fn breaks(fault: Fault, rules: &[u8], where_: &str) {
    let report = looked_at(fault, options).await;
    assert_eq!(report.broken_numbers(), rules, "{fault:?}: {}", said(&report));
    assert!(report.violations.iter().any(|one| one.url.contains(where_)), "{fault:?}: {}", said(&report));
}

#[tokio::test]
async fn each_wrong_is_named() {
    tokio::join!(
        breaks(Fault::PartIsMissing, &[47], "/32.0.m4s"),
        breaks(Fault::AnswersEarly, &[54], "/index.m3u8"),
        breaks(Fault::AnswersLate, &[58], "/index.m3u8"),
        breaks(Fault::KeptTooLong, &[66], "/index.m3u8"),
    );
}

#[tokio::test]
async fn numbers_that_fall_and_parts_that_do_not_come_are_named() {
    let falls = async {
        let report = looked_at(Fault::MediaSequenceFalls, options).await;
        assert!(report.fails() && report.broken_numbers().contains(&39), "{}", said(&report));
    };
    let still = async {
        let length = Duration::from_secs(2);
        let jitter = Tolerance { part: Duration::from_millis(250), ..options(String::new()).tolerance };
        let strict = |url: String| Options { tolerance: jitter, ..options(url) };
        let report = looked_at(Fault::StandsStill(length), strict).await;
        assert!(report.broken_numbers().contains(&44), "{}", said(&report));
        let report = looked_at(Fault::StandsStill(length), options).await;
        assert!(report.violations.is_empty(), "it is allowed: {}", said(&report));
    };
    tokio::join!(falls, still);
}

#[tokio::test]
async fn a_server_that_falls_silent_does_not_keep_us() {
    let site = Site::open(Fault::FallsSilent).await;
    let length = Duration::from_secs(14);
    let asked = Options { length, ..options(site.url("/index.m3u8")) };
    let report = timeout(AT_MOST, look(&asked)).await.expect("it ends").expect("there was something to see");
    assert!(report.notes.iter().any(|note| note.contains("no answer within")), "{:?}", report.notes);
}

/// What is said of a server that does `talk` after each request.
async fn refused<F>(talk: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> CannotLook
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let site = Site::serve(talk).await;
    let asked = options(site.url("/index.m3u8"));
    timeout(AT_MOST, look(&asked)).await.expect("nobody keeps us").expect_err("that is no playlist")
}

/// The same, for one that answers each request with these bytes and waits.
async fn told(answer: impl Into<Vec<u8>>) -> String {
    let answer = std::sync::Arc::new(answer.into());
    let talk = move |mut stream: TcpStream| {
        let answer = std::sync::Arc::clone(&answer);
        async move {
            read_head(&mut stream).await?;
            stream.write_all(&answer).await?;
            std::future::pending().await
        }
    };
    refused(talk).await.to_string()
}

#[track_caller]
fn says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "{word:?} does not stand in {error:?}");
    }
}

#[tokio::test]
async fn what_is_no_playlist_is_said_with_what_to_do() {
    says(&told("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await, &["answered 404", "on air"]);
    let moved =
        told("HTTP/1.1 302 Found\r\nLocation: https://b.example/x.m3u8\r\nContent-Length: 0\r\n\r\n").await;
    says(&moved, &["answered 302", "https://b.example/x.m3u8"]);
    says(&told("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>").await, &["is no playlist", "#EXTM3U"]);
    says(&told("SSH-2.0-OpenSSH_9.2\r\n").await, &["cannot be read", "web server"]);
    let junk = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\njunkjunk";
    says(&told(junk).await, &["cannot be read", "gzip"]);
    says(
        &refused(|mut stream| async move { read_head(&mut stream).await.map(drop) }).await.to_string(),
        &["cannot be read", "closed"],
    );
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = look(&options(format!("http://{nobody}/index.m3u8"))).await.unwrap_err().to_string();
    says(&error, &["cannot be reached", "refused", "does the server run"]);
    let error = look(&options("rtmp://127.0.0.1/live".into())).await.unwrap_err().to_string();
    says(&error, &["no http or https URL", "http://"]);
    let site = Site::open(Fault::None).await;
    let error =
        look(&options(site.url("/index.m3u8").replace("http:", "https:"))).await.unwrap_err().to_string();
    says(&error, &["cannot be reached", "TLS"]);
}

#[tokio::test]
async fn a_server_that_does_not_end_is_left() {
    let endless = |head: &'static str, piece: Vec<u8>| {
        let piece = std::sync::Arc::new(piece);
        move |mut stream: TcpStream| {
            let piece = std::sync::Arc::clone(&piece);
            async move {
                read_head(&mut stream).await?;
                stream.write_all(head.as_bytes()).await?;
                loop {
                    stream.write_all(&piece).await?;
                }
            }
        }
    };
    let drip = |head: &'static str| {
        move |mut stream: TcpStream| async move {
            read_head(&mut stream).await?;
            stream.write_all(head.as_bytes()).await?;
            let mut tick = tokio::time::interval(Duration::from_secs(1));
            loop {
                tick.tick().await;
                stream.write_all(b"X").await?;
            }
        }
    };
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    const BODY: &str = "HTTP/1.1 200 OK\r\n\r\n#EXTM3U\n";
    const CHUNKS: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        bomb.write_all(&[b'\n'; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let head = format!("{OK}Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    let chunk = [b"10000\r\n", &[b'\n'; 0x1_0000][..], b"\r\n"].concat();
    let (silent, headers, body, chunks, long, bomb, slow_head, slow_body) = tokio::join!(
        refused(|stream| async move {
            let _held = stream;
            std::future::pending().await
        }),
        refused(endless(OK, b"X-Padding: and again and again\r\n".repeat(64))),
        refused(endless(BODY, b"#EXTINF:1,\n1.ts\n".repeat(512))),
        refused(endless(CHUNKS, chunk)),
        told(format!("{OK}Content-Length: 99999999999\r\n\r\n")),
        told([head.as_bytes(), &bomb].concat()),
        refused(drip(OK)),
        refused(drip(BODY)),
    );
    says(&silent.to_string(), &["cannot be reached", "no answer within 10 s"]);
    says(&headers.to_string(), &["cannot be read", "headers"]);
    says(&body.to_string(), &["cannot be read", "longer than 16777216 bytes"]);
    says(&chunks.to_string(), &["longer than 16777216 bytes"]);
    says(&long, &["longer than 16777216 bytes"]);
    says(&bomb, &["longer than 16777216 bytes"]);
    says(&slow_head.to_string(), &["no answer within 10 s"]);
    says(&slow_body.to_string(), &["did not end within 10 s"]);
}
