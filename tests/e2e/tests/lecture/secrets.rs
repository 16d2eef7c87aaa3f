//! No secret in any log, however much is logged. (Every test that starts a server looks through what it logged as
//! usual when it ends; here everything is logged, and everything secret is used, rightly and wrongly.)

use std::{
    panic::AssertUnwindSafe,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use e2e::{
    api::Api,
    clip::PLAIN,
    machine::{eventually, executable},
    publisher::Publisher,
    secrets,
    server::{Options, Server, signal},
};
use serde_json::json;

use crate::stage::Stage;

const SECRET_KEY: &str = "canary-of-the-secret-key-0123456789abcdefghijklmnopqrstuvwxyz";
const EDGE_SECRET: &str = "canary-of-the-edge-secret-0123456789";
const DATABASE_PASSWORD: &str = "canaryofthedatabase0123456789";
const WRONG_PASSWORD: &str = "canary of a mistyped password";
const WRONG_KEY: &str = "lk_canaryof_akeythatwasnevergivenoutatall0123456789abc";
const A_WHILE: Duration = Duration::from_secs(30);

#[test]
fn no_secret_is_logged_even_when_everything_is() -> Result<()> {
    let everything =
        [("LECTERN_LOG", "trace"), ("LECTERN_SECRET_KEY", SECRET_KEY), ("LECTERN_EDGE_SECRET", EDGE_SECRET)];
    let environment = everything.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let stage = Stage::open_with("Secrets", Options { environment, ..Options::default() })?;
    let http = stage.server.http();
    let mut planted: Vec<String> =
        [SECRET_KEY, EDGE_SECRET, WRONG_PASSWORD, WRONG_KEY].map(str::to_owned).to_vec();
    planted.push(stage.lecture.key.clone());

    // Mistakes people make.
    let (email, _) = stage.server.user("student")?;
    ensure!(Api::log_in(http.clone(), &email, WRONG_PASSWORD).is_err(), "a wrong password is refused");
    let clip = PLAIN.file()?;
    let _refused = Publisher::start(&clip, &stage.server.rtmp_url(), WRONG_KEY)?;
    eventually("the wrong key is refused", A_WHILE, || {
        stage.server.log().contains("refused").then_some(()).context("nothing refused yet")
    })?;

    // Everything as it should be.
    let _publisher = stage.publish(PLAIN)?;
    let playlist = stage.playable()?;
    let token = playlist.split('/').nth(2).context("a token in the path")?.to_owned();
    http.get(&playlist)?.expect(200)?;
    let mut source = stage.rendition(&playlist, "source")?;
    source.follow(A_WHILE, |seen| seen.segments.len() >= 2)?;
    // Tokens in wrong places, and the edge's secret, right and almost right.
    let bare = playlist.replacen(&format!("/p/{token}"), "", 1);
    for (path, header, value) in [
        (&*bare, "x-edge", EDGE_SECRET),
        (&*bare, "authorization", &*format!("Bearer {token}")),
        (&*playlist.replacen("index.m3u8", "nothing.m3u8", 1), "cookie", &*format!("session={token}")),
        (&*format!("{playlist}?token={token}"), "referer", &*format!("http://lectern.example{playlist}")),
        (&*format!("/p/{token}x/s/"), "accept", "*/*"),
    ] {
        let _status = http.request("GET", path).header(header, value).send()?.status;
    }
    let rotated =
        stage.teacher.post(&format!("/courses/{}/stream-key/rotate", stage.lecture.course), &json!({}))?;
    planted.push(rotated["stream_key"].as_str().context("rotating shows the key")?.to_owned());
    planted.push(token);
    stage.end()?;

    let log = stage.server.log();
    ensure!(log.lines().filter(|line| line.contains("DEBUG")).count() > 100, "everything is logged");
    let found = secrets::found_in(&log, &planted);
    let secret =
        |found: &String| found.split_once(": ").map_or(String::new(), |(_, secret)| secret.to_owned());
    let lines: Vec<_> =
        found.iter().filter_map(|found| log.lines().find(|line| line.contains(&secret(found)))).collect();
    ensure!(
        found.is_empty(),
        "{} secrets in the log:\n{}\n{}",
        found.len(),
        found.join("\n"),
        lines.join("\n")
    );
    Ok(())
}

#[test]
fn a_server_that_logs_a_secret_fails_its_test() -> Result<()> {
    // What surely stands in the log, given as if it were a secret.
    let environment = [("LECTERN_LOG", "debug"), ("CANARY_SECRET", "PRAGMA journal_mode")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let server = Server::start_with(Options { environment, ..Options::default() })?;
    let ended = std::panic::catch_unwind(AssertUnwindSafe(|| drop(server)));
    let words =
        ended.err().and_then(|panic| panic.downcast::<String>().ok()).context("nothing was noticed")?;
    ensure!(words.contains("planted: PRAGMA journal_mode"), "{words}");
    Ok(())
}

#[test]
fn a_database_that_cannot_be_reached_does_not_give_its_password_away() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for arguments in [&["serve"][..], &["doctor"], &["config", "print"], &["migrate"]] {
        let mut child = Command::new(executable("lectern")?)
            .args(arguments)
            .current_dir(folder.path())
            .env("LECTERN_DATA_DIR", folder.path())
            .env("LECTERN_HTTP_ADDR", "127.0.0.1:0")
            .env("LECTERN_RTMP_ADDR", "127.0.0.1:0")
            .env("LECTERN_METRICS_ADDR", "127.0.0.1:0")
            .env("LECTERN_LOG", "trace")
            .env("LECTERN_SECRET_KEY", SECRET_KEY)
            .env("LECTERN_EDGE_SECRET", EDGE_SECRET)
            // Nobody listens there.
            .env("DATABASE_URL", format!("postgres://lectern:{DATABASE_PASSWORD}@127.0.0.1:1/lectern"))
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(folder.path().join("out"))?)
            .stderr(std::fs::File::create(folder.path().join("log"))?)
            .spawn()?;
        let ended = eventually("it gives up", A_WHILE, || child.try_wait()?.context("it still tries"));
        if ended.is_err() {
            signal(child.id(), "KILL")?;
            child.wait()?;
        }
        let said = ["out", "log"].map(|name| std::fs::read_to_string(folder.path().join(name)));
        let said = said.into_iter().collect::<Result<String, _>>()?;
        ensure!(!said.is_empty(), "lectern {arguments:?} says something");
        let planted = [DATABASE_PASSWORD, SECRET_KEY, EDGE_SECRET].map(str::to_owned);
        let found = secrets::found_in(&said, &planted);
        ensure!(found.is_empty(), "lectern {arguments:?} gives away {found:?}:\n{said}");
    }
    Ok(())
}
