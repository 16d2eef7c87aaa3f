//! What a student and a teacher see, in a real browser. Pictures of it are left in `tests/e2e/shots`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    browser::Script,
    clip::{Clip, PLAIN},
    machine::repository,
    server::{Options, Server},
};
use serde_json::{Value, json};

use crate::stage::Stage;

const CLIP: Clip = Clip { seconds: 120, ..PLAIN };
const A_WHILE: Duration = Duration::from_secs(120);

#[test]
fn a_student_watches_switches_scrubs_and_survives_a_drop() -> Result<()> {
    let stage = Stage::open("Introduction to Astronomy")?;
    let publisher = stage.publish(CLIP)?;
    stage.playable()?;
    let (email, password) = stage.server.user("student")?;
    let script = Script::start(
        "watch",
        &json!({
            "origin": stage.server.url(""),
            "session": stage.lecture.session,
            "email": email,
            "password": password,
            "shots": repository().join("tests/e2e/shots"),
            // The script says when the publisher should be gone for a while.
            "drop": stage.server.data().join("e2e-drop"),
        }),
    )?;
    let asked = stage.server.data().join("e2e-drop");
    e2e::machine::eventually("the page asks for a drop", A_WHILE, || {
        ensure!(asked.exists(), "not yet");
        Ok(())
    })?;
    publisher.drop_connection()?;
    let mut source = stage.rendition(&stage.playable()?, "source")?;
    let gone_at = source.list.next();
    source.follow(A_WHILE, |seen| seen.list.next().0 >= gone_at.0 + 2)?;
    let _publisher = stage.publish_from(CLIP, 60.0)?;
    let seen = script.finish(A_WHILE)?;
    println!("the page measured {seen}");
    let number = |field: &str| seen[field].as_f64().with_context(|| format!("{field} in {seen}"));
    ensure!(number("latency_p50_s")? < 4.0, "behind the camera by {seen}");
    ensure!(number("stalls")? <= 1.0, "stalls before the drop: {seen}");
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

#[test]
fn the_demo_plays_by_itself() -> Result<()> {
    let server = Server::start_with(Options { publisher: true, ..Options::default() })?;
    let (email, password) = server.user("student")?;
    let page = server.demo("page_url")?.to_owned();
    let seen = Script::start(
        "demo",
        &json!({ "page": page, "email": email, "password": password, "shots": repository().join("tests/e2e/shots") }),
    )?
    .finish(A_WHILE)?;
    println!("the demo page measured {seen}");
    no_errors(&seen)
}

fn no_errors(seen: &Value) -> Result<()> {
    let errors = seen["errors"].as_array().context("a script lists the page's errors")?;
    ensure!(errors.is_empty(), "the page's console: {errors:?}");
    Ok(())
}
