//! A disk that fills up in the middle of a lecture.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::{
    decode,
    encoder::Encoder,
    machine::eventually,
    server::{Options, Server},
};
use serde_json::json;

use crate::{crashes::CLIP, stage::Stage};

/// Enough for a server to call itself ready (512 MiB free), and soon filled.
const DISK_MIB: u32 = 800;
const A_WHILE: Duration = Duration::from_secs(20);
/// A full disk is told within this, and so is that there is space again.
const TOLD_WITHIN: Duration = Duration::from_secs(5);
const RESUMED_WITHIN: Duration = Duration::from_secs(10);

#[test]
fn a_full_disk_costs_nothing_live_and_the_recording_catches_up_when_there_is_space() -> Result<()> {
    if let Err(why) = Server::may_have_a_disk()? {
        println!("not run: this machine does not let a process mount a disk of its own: {why}");
        return Ok(());
    }
    let ladder = ("LECTERN_LADDER".to_owned(), "off".to_owned());
    let options = Options { environment: vec![ladder], disk_mib: Some(DISK_MIB), ..Options::default() };
    let stage = Stage::open_with("Full disk", options)?;
    let encoder = Encoder::start(CLIP, &stage.server.rtmp_url(), &stage.lecture.key)?;
    let mut source = stage.rendition(&stage.playable()?, "source")?;
    source.follow(A_WHILE, |seen| seen.segments.len() >= 2)?;

    let filler = stage.server.data().join("filler").display().to_string();
    // It ends with an error: the disk is full.
    stage.server.beside_it(&format!("dd if=/dev/zero of={filler} bs=1M 2>/dev/null || true"))?;
    let filled = Instant::now();
    eventually("the recording is told to be degraded", A_WHILE, || stage.is_degraded(true))?;
    let told = filled.elapsed();
    let full_at = source.list.newest().map_or(0, |(msn, _)| msn);
    let ready = stage.server.http().get("/readyz")?;
    let said = String::from_utf8(ready.body)?;
    ensure!(ready.status == 503 && said.contains("MiB are free"), "/readyz: {} {said}", ready.status);
    source.follow(A_WHILE, |seen| seen.segments.keys().last().is_some_and(|msn| *msn > full_at + 3))?;
    // Its reserve is the database's now.
    stage.teacher.post("/courses", &json!({ "title": "Made on a full disk" }))?;

    stage.server.beside_it(&format!("rm {filler}"))?;
    let freed = Instant::now();
    eventually("the recording is well", A_WHILE, || stage.is_degraded(false))?;
    let resumed = freed.elapsed();
    println!("a full disk was told after {told:?}; with space again, it was well after {resumed:?}");
    ensure!(told <= TOLD_WITHIN * 2 && resumed <= RESUMED_WITHIN * 2, "{told:?}, {resumed:?}");

    let back_at = source.list.newest().map_or(0, |(msn, _)| msn);
    source.follow(A_WHILE, |seen| seen.segments.keys().last().is_some_and(|msn| *msn > back_at + 1))?;
    drop(encoder);
    stage.end()?;
    source.follow(A_WHILE, |_| false)?;
    ensure!(source.broken.is_empty(), "broke rules:\n{}", source.broken.join("\n"));
    source.unchanged()?;
    let numbers: Vec<_> = decode::frames(&source.runs()?)?.iter().filter_map(|frame| frame.number).collect();
    let numbers = Encoder::unrolled(CLIP.frames(), &numbers);
    let missing: Vec<_> = numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    ensure!(missing.is_empty(), "pictures are missing: {missing:?}");
    Ok(())
}

impl Stage {
    fn is_degraded(&self, wanted: bool) -> Result<()> {
        let status = self.teacher.get(&format!("/courses/{}/live-status", self.lecture.course))?;
        let warnings = status["health"]["warnings"].as_array().context("the owner sees the health")?;
        let degraded = warnings.iter().any(|warning| warning == "recording_degraded");
        ensure!(degraded == wanted, "warnings: {warnings:?}");
        Ok(())
    }
}
