//! What a student and a teacher see, in a real browser. Pictures of it are left in `tests/e2e/shots`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::Script,
    clip::{Clip, PLAIN},
    encoder::Encoder,
    machine::{eventually, repository},
    server::{Options, Server},
};
use serde_json::{Value, json};

use crate::stage::{Stage, slate_seconds};

const CLIP: Clip = Clip { seconds: 240, ..PLAIN };
/// Later than the pages can have come before the drop, so that the pictures tell who sent them.
const RETURNS_AT_S: u32 = 80;
const A_WHILE: Duration = Duration::from_secs(120);

#[test]
fn a_student_watches_switches_scrubs_and_survives_a_drop() -> Result<()> {
    let stage = Stage::open("Introduction to Astronomy")?;
    CLIP.file()?;
    let published_at = SystemTime::now();
    let publisher = stage.publish(CLIP)?;
    stage.playable()?;
    let (email, password) = stage.server.user("student")?;
    let drop = stage.server.data().join("e2e-drop");
    let script = Script::start(
        "watch",
        &json!({
            "origin": stage.server.url(""),
            "session": stage.lecture.session,
            "email": email,
            "password": password,
            "shots": repository().join("tests/e2e/shots"),
            // Picture n was sent n / 30 s after this (ffmpeg needs a moment to connect).
            "published_at_ms": published_at.duration_since(UNIX_EPOCH)?.as_millis(),
            // The script makes this file when the publisher should go away for a while.
            "drop": drop,
            "returns_at_number": RETURNS_AT_S * 30,
        }),
    )?;
    eventually("the page asks for a drop", A_WHILE, || {
        ensure!(drop.exists(), "not yet");
        Ok(())
    })?;
    publisher.drop_connection()?;
    let mut source = stage.rendition(&stage.playable()?, "source")?;
    source.follow(A_WHILE, |seen| slate_seconds(&seen.list) >= 5.0)?;
    let _publisher = stage.publish_from(CLIP, RETURNS_AT_S.into())?;
    let seen = script.finish(A_WHILE)?;
    println!("the page measured {seen}");
    let number = |field: &str| seen[field].as_f64().with_context(|| format!("{field} in {seen}"));
    ensure!(number("latency_p50_s")? < 4.0, "behind the camera by {seen}");
    ensure!(number("stalls")? <= 1.0, "stalls before the drop: {seen}");
    no_errors(&seen)
}

/// Our page stalls no longer.
const STALL_MAX_S: f64 = 0.5;

#[test]
fn our_page_plays_on_over_short_drops() -> Result<()> {
    let measured = drops(&[("1s", 1.0), ("2.5s", 2.5)], false)?;
    println!("the pages measured {measured}");
    Ok(())
}

/// Figures in real time, which say something on a quiet machine alone.
#[test]
#[ignore = "takes five minutes and a quiet machine: make soak runs it"]
fn drops_of_any_length_do_not_stall_our_page() -> Result<()> {
    for outages in [[("1s", 1.0), ("2.5s", 2.5)], [("10s", 10.0), ("59s", 59.0)]] {
        let measured = drops(&outages, true)?;
        println!("the pages measured {measured}");
        for drop in measured.as_array().context("every drop was measured")? {
            // Shaka buffers less: what it measured is printed.
            let stall =
                drop["hls"]["longest_stall_s"].as_f64().with_context(|| format!("a number in {drop}"))?;
            ensure!(stall <= STALL_MAX_S, "our page stalls: {drop}");
        }
    }
    Ok(())
}

/// Drops the publisher for so long, while our page and shaka play. The script has seen our page play on, as near to the
/// camera as before, and shaka too if `both`; answers what it measured.
fn drops(outages: &[(&str, f64)], both: bool) -> Result<Value> {
    const EACH_S: u32 = 40;
    CLIP.file()?;
    let stage = Stage::open("Introduction to Astronomy")?;
    let mut publisher = stage.publish(CLIP)?;
    let playlist = stage.playable()?;
    let (email, password) = stage.server.user("student")?;
    let mut returns_at_s = EACH_S;
    let drops: Vec<(f64, std::path::PathBuf, u32, Value)> = outages
        .iter()
        .map(|(name, seconds)| {
            returns_at_s += EACH_S;
            let file = stage.server.data().join(format!("e2e-drop-{name}"));
            let told = json!({ "name": name, "file": file, "returns_at_number": returns_at_s * 30 });
            (*seconds, file, returns_at_s, told)
        })
        .collect();
    let script = Script::start(
        "drops",
        &json!({
            "origin": stage.server.url(""),
            "session": stage.lecture.session,
            "email": email,
            "password": password,
            "playlist": stage.server.url(&playlist),
            "shots": repository().join("tests/e2e/shots"),
            "both": both,
            "drops": drops.iter().map(|drop| &drop.3).collect::<Vec<_>>(),
        }),
    )?;
    for (seconds, file, returns_at_s, _) in &drops {
        eventually("the pages ask for a drop", A_WHILE, || {
            ensure!(file.exists(), "not yet");
            Ok(())
        })?;
        publisher.drop_connection()?;
        let gone = std::time::Instant::now();
        let mut source = stage.rendition(&stage.playable()?, "source")?;
        // The new connection is made in the meantime; playlists tell the outage as viewers have it.
        source.follow(A_WHILE, |_| gone.elapsed().as_secs_f64() >= *seconds)?;
        publisher = stage.publish_from(CLIP, (*returns_at_s).into())?;
    }
    let seen = script.finish(A_WHILE * 2)?;
    no_errors(&seen)?;
    Ok(seen["drops"].clone())
}

#[test]
fn a_killed_server_is_played_on_from_without_a_reload() -> Result<()> {
    let mut stage = Stage::open("Power cut")?;
    let clip = Clip { seconds: 60, ..PLAIN };
    let encoder = Encoder::start(clip, &stage.server.rtmp_url(), &stage.lecture.key)?;
    let playlist = stage.playable()?;
    let (email, password) = stage.server.user("student")?;
    let kill = stage.server.data().join("e2e-kill");
    let script = Script::start(
        "restart",
        &json!({
            "origin": stage.server.url(""),
            "session": stage.lecture.session,
            "email": email,
            "password": password,
            "playlist": stage.server.url(&playlist),
            "kill": kill,
            "shots": repository().join("tests/e2e/shots"),
        }),
    )?;
    eventually("the pages play", A_WHILE, || {
        ensure!(kill.exists(), "not yet");
        Ok(())
    })?;
    stage.server.kill()?;
    stage.server.start_again()?;
    let seen = script.finish(A_WHILE)?;
    println!("the pages measured {seen}");
    drop(encoder);
    no_errors(&seen)
}

#[test]
fn three_tabs_share_the_six_connections_of_plain_http() -> Result<()> {
    let stage = Stage::open("Introduction to Astronomy")?;
    let _publisher = stage.publish(CLIP)?;
    stage.playable()?;
    let (email, password) = stage.server.user("student")?;
    let seen = Script::start(
        "tabs",
        &json!({
            "origin": stage.server.url(""),
            "session": stage.lecture.session,
            "email": email,
            "password": password,
            "shots": repository().join("tests/e2e/shots"),
        }),
    )?
    .finish(A_WHILE)?;
    println!("the tabs measured {seen}");
    let tabs = seen["tabs"].as_array().context("the script tells of each tab")?;
    ensure!(tabs.len() == 3, "three tabs: {seen}");
    let number = |tab: &Value, field: &str| tab[field].as_f64().with_context(|| format!("{field} in {tab}"));
    let mut holding = 0;
    for tab in tabs {
        // One that starves stands still for longer than it plays; a busy machine costs a moment.
        ensure!(number(tab, "stalled_s")? <= number(tab, "played_s")? / 4.0, "a tab stalled: {seen}");
        // A reload and its rendition's part at a time; what waits for a place is not sent.
        ensure!(number(tab, "played_s")? > 9.0, "a tab stood still: {seen}");
        holding += i32::from(number(tab, "held")? > 0.0);
    }
    ensure!(holding == 1, "one tab has its reloads held, the others ask again and again: {seen}");
    ensure!(number(&seen, "api_ms")? < 1500.0, "the API is answered between: {seen}");
    no_errors(&seen)
}

#[test]
fn a_teacher_sees_how_it_goes() -> Result<()> {
    let stage = Stage::open("Introduction to Astronomy")?;
    let _publisher = stage.publish(CLIP)?;
    stage.playable()?;
    let (email, password) = stage.server.user("instructor")?;
    let seen = Script::start(
        "studio",
        &json!({
            "origin": stage.server.url(""),
            "course": stage.lecture.course,
            "email": email,
            "password": password,
            "shots": repository().join("tests/e2e/shots"),
        }),
    )?
    .finish(A_WHILE)?;
    no_errors(&seen)
}

/// The demo's page comes this near to the camera.
const NEAR_S: f64 = 6.0;

#[test]
fn the_demo_plays_by_itself() -> Result<()> {
    let server = Server::start_with(Options { publisher: true, ..Options::default() })?;
    let (email, password) = server.user("student")?;
    let page = server.demo("page_url")?.to_owned();
    let seen = Script::start(
        "demo",
        &json!({
            "page": page,
            "email": email,
            "password": password,
            "near_s": NEAR_S,
            "shots": repository().join("tests/e2e/shots"),
        }),
    )?
    .finish(A_WHILE)?;
    println!("the demo page measured {seen}");
    // A machine that is too slow for the lecture shows the slate in between; the bench measures how it usually is.
    let latency =
        seen["latency_least_s"].as_f64().with_context(|| format!("a picture tells its time: {seen}"))?;
    ensure!(latency < NEAR_S, "behind the camera by {seen}");
    no_errors(&seen)
}

fn no_errors(seen: &Value) -> Result<()> {
    let errors = seen["errors"].as_array().context("a script lists the page's errors")?;
    ensure!(errors.is_empty(), "the page's console: {errors:?}");
    Ok(())
}
