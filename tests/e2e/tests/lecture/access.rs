//! Who may publish and who may watch.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{
    clip::{Clip, PLAIN},
    follow::renditions,
    http::Http,
    machine::eventually,
    publisher::Publisher,
};
use serde_json::json;

use crate::stage::Stage;

const CLIP: Clip = Clip { seconds: 60, ..PLAIN };

#[test]
fn a_wrong_key_is_refused_and_does_not_disturb() -> Result<()> {
    let stage = Stage::open("Keys")?;
    let mut publisher = stage.publish(CLIP)?;
    stage.playable()?;
    let key = &stage.lecture.key;
    let mut wrong = key.clone();
    let last = wrong.pop().context("a key has letters")?;
    wrong.push(if last == 'a' { 'b' } else { 'a' });
    for key in [wrong.as_str(), "lk_unknown", "x", &key.to_uppercase()] {
        let refused = Publisher::start(&CLIP.file()?, &stage.server.rtmp_url(), key)?;
        let said = refused.refused(Duration::from_secs(15))?;
        println!("{key:?} was told: {}", said.trim());
    }
    ensure!(publisher.is_running()?, "the right publisher was cut off: {}", publisher.said());
    ensure!(!stage.server.log().contains(key.as_str()), "the key stands in the log");
    Ok(())
}

#[test]
fn a_rotated_key_lets_nobody_in_any_more() -> Result<()> {
    let stage = Stage::open("Rotation")?;
    stage.teacher.post(&format!("/courses/{}/stream-key/rotate", stage.lecture.course), &json!({}))?;
    stage.publish(CLIP)?.refused(Duration::from_secs(15))?;
    Ok(())
}

#[test]
fn only_the_enrolled_may_watch_and_only_what_they_may() -> Result<()> {
    let stage = Stage::open("Tokens")?;
    let _publisher = stage.publish(CLIP)?;
    let playlist = stage.playable()?;
    let http = stage.server.http();
    let other = stage.teacher.go_live("Another course")?;
    let (status, _) =
        stage.student.call("POST", &format!("/sessions/{}/playback", other.session), Some(&json!({})))?;
    ensure!(status == 403 || status == 404, "a stranger to the course got {status}");

    let (token, rest) = token_and_rest(&playlist)?;
    let (session, epoch) =
        (rest.split('/').nth(2).context("a session")?, rest.split('/').nth(3).context("an epoch")?);
    refused(&http, rest)?;
    for path in [
        playlist.replacen(session, &other.session, 1),
        playlist.replacen(epoch, &other.session, 1),
        format!("/p/{}{rest}", flipped(token)),
        format!("/p/{}{rest}", token.to_uppercase()),
        format!("/p/{}{rest}", &token[..token.len() - 1]),
        format!("/p/{token}x{rest}"),
        format!("/p/{token}/{rest}"),
        format!("/p/{token}/..{rest}"),
        format!("/p/{token}%2f{}", &rest[1..]),
        format!("/p/{token}/s/{session}/{epoch}/../{epoch}/index.m3u8"),
        format!("/p/{token}/s/{session}/{epoch}/%2e%2e/{epoch}/index.m3u8"),
        format!("/p/{token}/s/{session}/{epoch}/..%2f..%2f..%2fetc/passwd"),
        format!("/p/{token}/s/{session}/{epoch}/source/../../../../lectern.sqlite"),
        format!("/p/{token}/s/{session}/{epoch}/source/%00.m4s"),
        format!("/p/{token}/s/{}/{epoch}/index.m3u8", session.to_uppercase()),
        format!("/p/{token}/s/{session}/{epoch}/index.m3u8/"),
        format!("/p/{token}/s/{session}/{epoch}//index.m3u8"),
        format!("/p//s/{session}/{epoch}/index.m3u8"),
        "/p/".to_owned(),
        "/p".to_owned(),
        "/s/".to_owned(),
    ] {
        refused(&http, &path)?;
    }
    // Nothing of that has spoilt the right one.
    http.get(&playlist)?.expect(200)?;
    ensure!(!stage.server.log().contains(token), "the token stands in the log");
    Ok(())
}

#[test]
fn a_student_who_is_removed_is_out_within_a_second() -> Result<()> {
    let stage = Stage::open("Removal")?;
    let _publisher = stage.publish(CLIP)?;
    let playlist = stage.playable()?;
    let http = stage.server.http();
    http.get(&playlist)?.expect(200)?;
    let (email, _) = stage.server.user("student")?;
    stage
        .teacher
        .post(&format!("/courses/{}/remove-student", stage.lecture.course), &json!({ "email": email }))?;
    eventually("the token is refused", Duration::from_secs(1), || http.get(&playlist)?.expect(403))?;
    let (status, _) = stage.student.call(
        "POST",
        &format!("/sessions/{}/playback", stage.lecture.session),
        Some(&json!({})),
    )?;
    ensure!(status == 403 || status == 404, "playback is granted no more: {status}");
    Ok(())
}

#[test]
fn an_expired_token_is_refused() -> Result<()> {
    let mut stage = Stage::open("Expiry")?;
    let publisher = stage.publish(CLIP)?;
    let playlist = stage.playable()?;
    let paths = renditions(&stage.server.http(), &playlist)?;
    stage.server.stop()?;
    drop(publisher);

    stage.server.start_again()?;
    for path in paths.values().chain([&playlist]) {
        stage.server.http().get(path)?.expect(200).context("a token outlives a restart")?;
    }
    stage.server.stop()?;
    stage.server.start_again_later(2)?;
    for path in paths.values().chain([&playlist]) {
        stage.server.http().get(path)?.expect(403).with_context(|| format!("an hour was over: {path}"))?;
    }
    Ok(())
}

fn token_and_rest(playlist: &str) -> Result<(&str, &str)> {
    let after = playlist.strip_prefix("/p/").context("a token comes first")?;
    let at = after.find('/').context("a path follows")?;
    Ok(after.split_at(at))
}

/// The same token with one letter of its signature changed.
fn flipped(token: &str) -> String {
    let (head, last) = token.split_at(token.len() - 2);
    format!("{head}{}", if last.starts_with('A') { "BA" } else { "AA" })
}

fn refused(http: &Http, path: &str) -> Result<()> {
    let response = http.get(path)?;
    ensure!(matches!(response.status, 400 | 403 | 404), "{path} answers {}", response.status);
    Ok(())
}
