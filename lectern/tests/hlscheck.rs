//! `lectern hlscheck URL` by its exit code and what it prints: the executable, at a server of recordings.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Output},
    thread,
};

use serde_json::Value;

const GOOD: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:VOD\n\
    #EXTINF:4.0,\n1.ts\n#EXTINF:3.5,\n2.ts\n#EXT-X-ENDLIST\n";

/// Serves `playlist` as `/index.m3u8` and segments of nothing for as long as the test lasts.
fn site(playlist: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let playlist = playlist.clone();
            // Whoever asks may leave in the middle.
            thread::spawn(move || drop(answer(stream, &playlist)));
        }
    });
    address
}

fn answer(mut stream: TcpStream, playlist: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let (status, kind, body) = match &*path {
        "/index.m3u8" => ("200 OK", "application/vnd.apple.mpegurl", playlist),
        "/1.ts" | "/2.ts" => ("200 OK", "video/mp2t", "nothing"),
        _ => ("404 Not Found", "text/plain", "there is no such thing"),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nCache-Control: max-age=1\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn hlscheck(address: SocketAddr, path: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lectern"));
    command.args(["hlscheck", &format!("http://{address}{path}"), "--seconds", "40"]).args(arguments);
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn a_clean_playlist_is_zero() {
    let (code, said, _) = hlscheck(site(GOOD.into()), "/index.m3u8", &[]);
    assert_eq!(code, Some(0), "{said}");
    for words in ["Looking at http://", "playlist text", "not judged: plain HTTP", "No "] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
}

#[test]
fn a_broken_rule_is_one_and_is_named_for_people_and_for_programs() {
    let address = site(GOOD.replace("#EXTINF:4.0", "#EXTINF:9.0"));
    let (code, said, _) = hlscheck(address, "/index.m3u8", &[]);
    assert_eq!(code, Some(1), "{said}");
    for words in ["Rule 7 (MUST, section 4.4.3.1)", "seen:", "where:", "when:", "Broken: "] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
    let (code, said, _) = hlscheck(address, "/index.m3u8", &["--json"]);
    assert_eq!(code, Some(1), "{said}");
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["ok"], false);
    assert!(report["violations"].as_array().unwrap().iter().any(|one| one["rule"] == 7), "{said}");
    assert!(report["checked"]["7"].as_u64().unwrap() > 0);
    assert!(report["not_applicable"]["64"].as_str().unwrap().contains("plain HTTP"));
}

#[test]
fn what_cannot_be_looked_at_is_two_with_what_to_do() {
    let address = site("<html></html>".into());
    for (path, words) in
        [("/index.m3u8", "is no playlist"), ("/nowhere.m3u8", "answered 404: is the address right")]
    {
        let (code, _, error) = hlscheck(address, path, &[]);
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains(words), "{error}");
        let (code, said, _) = hlscheck(address, path, &["--json"]);
        assert_eq!(code, Some(2));
        let report: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(report["ok"], Value::Null);
        assert!(report["error"].as_str().unwrap().contains(words), "{said}");
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, _, error) = hlscheck(nobody, "/index.m3u8", &[]);
    assert_eq!(code, Some(2));
    assert!(error.contains("does the server run"), "{error}");
}
