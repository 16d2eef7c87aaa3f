//! Hundreds of hostile peers at both doors, and a lecture that does not notice.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use e2e::{
    clip::{Clip, PLAIN},
    decode,
    hostile::Siege,
    server::resident_mib,
};

use crate::stage::{Stage, gap_seconds};

const CLIP: Clip = Clip { seconds: 60, ..PLAIN };
const A_WHILE: Duration = Duration::from_secs(60);
/// Media seconds under siege.
const SEGMENTS: usize = 8;
/// What a thousand hostile connections may cost; here are some hundreds.
const GROWTH_MIB_MAX: u32 = 200;

#[test]
fn hostile_peers_at_both_doors_cost_a_lecture_and_its_viewers_nothing() -> Result<()> {
    let stage = Stage::open("Siege")?;
    let publisher = stage.publish(CLIP)?;
    let multivariant = stage.playable()?;
    let mut source = stage.rendition(&multivariant, "source")?;
    let mut audio = stage.rendition(&multivariant, "audio")?;
    source.follow(A_WHILE, |seen| seen.segments.len() >= 2)?;
    let before = resident_mib(stage.server.pid())?;
    let address = |url: &str| -> Result<SocketAddr> {
        let host =
            url.split("://").nth(1).and_then(|rest| rest.split('/').next()).context("a URL with a host")?;
        host.parse().with_context(|| format!("{host} is an address"))
    };
    let siege =
        Siege::begin(address(&stage.server.rtmp_url())?, address(&stage.server.url(""))?, &multivariant)?;
    let begun = source.segments.len();
    let mut most = before;
    source.follow(A_WHILE, |seen| {
        most = most.max(resident_mib(stage.server.pid()).unwrap_or(u32::MAX));
        seen.segments.len() >= begun + SEGMENTS
    })?;
    audio.follow(A_WHILE, |seen| seen.segments.len() >= begun)?;
    // The API is as it was.
    stage.student.get(&format!("/sessions/{}", stage.lecture.session))?;
    println!("{} hostile visits; {before} MiB before, {most} MiB at most", siege.visits());
    ensure!(siege.visits() > 400, "only {} hostile visits", siege.visits());
    drop(siege);
    ensure!(most.saturating_sub(before) < GROWTH_MIB_MAX, "memory grew from {before} to {most} MiB");
    drop(publisher);

    for rendition in [&source, &audio] {
        ensure!(rendition.broken.is_empty(), "broke rules:\n{}", rendition.broken.join("\n"));
        ensure!(gap_seconds(&rendition.list) == 0.0, "nothing is missing");
    }
    let numbers: Vec<_> = decode::frames(&source.runs()?)?.iter().filter_map(|frame| frame.number).collect();
    ensure!(numbers.len() > 200, "{} pictures", numbers.len());
    ensure!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "every picture, in order: {numbers:?}");
    Ok(())
}
