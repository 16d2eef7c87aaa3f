//! A session is one timeline, whatever happens to the publisher and to the server.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{
    clip::{Clip, PLAIN},
    decode,
    encoder::Encoder,
    follow::{Rendition, resolve},
};

use crate::stage::{Stage, slate_seconds};

const CLIP: Clip = Clip { seconds: 60, ..PLAIN };
/// A few segments on a busy machine.
const A_WHILE: Duration = Duration::from_secs(30);
/// A playlist that stands still for longer makes players stall; a part comes every half second.
const STILL_MAX: Duration = Duration::from_millis(1_500);

#[test]
fn a_publisher_that_drops_for_five_seconds_goes_on_where_he_was() -> Result<()> {
    let stage = Stage::open("Drop")?;
    let publisher = stage.publish(CLIP)?;
    let mut source = stage.rendition(&stage.playable()?, "source")?;
    let before = source.list.media_sequence + 3;
    source.follow(A_WHILE, |seen| seen.segments.keys().last().is_some_and(|msn| *msn >= before))?;
    publisher.drop_connection()?;

    source.follow(A_WHILE, |seen| slate_seconds(&seen.list) >= 5.0)?;
    let gone_at = source.list.newest().map_or(0, |(msn, _)| msn);
    let publisher = stage.publish_from(CLIP, 30.0)?;
    source.follow(A_WHILE, |seen| seen.segments.keys().filter(|msn| **msn > gone_at).count() >= 2)?;
    publisher.drop_connection()?;
    stage.end()?;
    source.follow(A_WHILE, |_| false)?;

    ensure!(source.broken.is_empty(), "broke rules:\n{}", source.broken.join("\n"));
    ensure!(source.gaps.is_empty(), "the slate leaves no gaps: {:?}", source.gaps);
    ensure!(source.stillest < STILL_MAX, "the playlist stood still for {:?}", source.stillest);
    let numbers: Vec<_> = decode::frames(&source.runs()?)?.iter().filter_map(|frame| frame.number).collect();
    ensure!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "pictures in order, none twice: {numbers:?}");
    let jumps: Vec<_> = numbers.windows(2).filter(|pair| pair[1] - pair[0] > 1).collect();
    ensure!(jumps.len() == 1, "one jump, where he was away: {jumps:?}");
    Ok(())
}

#[test]
fn the_newest_publisher_with_the_key_takes_over() -> Result<()> {
    let stage = Stage::open("Takeover")?;
    let first = stage.publish(CLIP)?;
    let mut source = stage.rendition(&stage.playable()?, "source")?;
    let second = stage.publish_from(CLIP, 40.0)?;
    let said = first.refused(A_WHILE)?;
    println!("the first publisher was told: {said}");
    let taken_at = source.list.newest().map_or(0, |(msn, _)| msn);
    source.follow(A_WHILE, |seen| seen.segments.keys().last().is_some_and(|msn| *msn >= taken_at + 2))?;
    drop(second);
    ensure!(source.broken.is_empty(), "broke rules:\n{}", source.broken.join("\n"));
    let numbers: Vec<_> = decode::frames(&source.runs()?)?.iter().filter_map(|frame| frame.number).collect();
    // He begins with the keyframe before his fortieth second.
    ensure!(numbers.iter().any(|number| *number >= 38 * 30), "the second publisher is seen: {numbers:?}");
    ensure!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "pictures in order, none twice: {numbers:?}");
    Ok(())
}

#[test]
fn a_killed_server_continues_the_session_where_it_was() -> Result<()> {
    let mut stage = Stage::open("Power cut")?;
    let publisher = stage.publish(CLIP)?;
    let source = watch_then(&stage, 3)?;
    stage.server.kill()?;
    drop(publisher);
    continues(&mut stage, &source)
}

#[test]
fn a_deploy_continues_the_session_where_it_was() -> Result<()> {
    let mut stage = Stage::open("Deploy")?;
    let publisher = stage.publish(CLIP)?;
    let source = watch_then(&stage, 3)?;
    let asked = Instant::now();
    stage.server.stop()?;
    println!("the server ended {:?} after SIGTERM", asked.elapsed());
    drop(publisher);
    continues(&mut stage, &source)
}

#[test]
fn a_deploy_costs_at_most_two_groups_of_pictures_and_everybody_is_told() -> Result<()> {
    let clip = Clip { keyframes_s: 2.0, ..crate::crashes::CLIP };
    let mut stage = Stage::open("Deploy at once")?;
    let encoder = Encoder::start(clip, &stage.server.rtmp_url(), &stage.lecture.key)?;
    let mut source = watch_then(&stage, 3)?;
    let (msn, part) = source.list.next();
    let held = format!("{}?_HLS_msn={msn}&_HLS_part={part}", source.path);
    let http = stage.server.http();
    let waiting = std::thread::spawn(move || http.get(&held));
    let asked = Instant::now();
    stage.server.stop()?;
    let ended = asked.elapsed();
    let answer = waiting.join().expect("no panic").context("a held reload is answered")?;
    ensure!([200, 503].contains(&answer.status), "a held reload was answered {}", answer.status);
    stage.server.start_again()?;
    let up = asked.elapsed();
    let newest = source.list.newest();
    source.follow(A_WHILE, |seen| seen.list.newest() > newest)?;
    let back_at = source.list.newest().map_or(0, |(msn, _)| msn);
    source.follow(A_WHILE, |seen| seen.segments.keys().last().is_some_and(|msn| *msn > back_at + 2))?;
    let log = encoder.log();
    drop(encoder);
    stage.end()?;
    source.follow(A_WHILE, |_| false)?;

    let told = log.said.iter().find(|(said, at)| *at >= asked && said.starts_with("NetStream."));
    ensure!(told.is_some(), "the encoder was told: {:?}", log.said);
    ensure!(source.broken.is_empty(), "broke rules:\n{}", source.broken.join("\n"));
    let numbers: Vec<_> = decode::frames(&source.runs()?)?.iter().filter_map(|frame| frame.number).collect();
    let numbers = Encoder::unrolled(clip.frames(), &numbers);
    let lost: Vec<_> = numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    println!("ended after {ended:?}, ready again after {up:?}, told {told:?}, lost {lost:?}");
    let pictures: u32 = lost.iter().map(|pair| pair[1] - pair[0] - 1).sum();
    // Two groups of two seconds, and what the start took beyond a second on a busy machine.
    let busy = up.saturating_sub(Duration::from_secs(1)).as_secs_f64();
    ensure!(f64::from(pictures) <= (4.0 + busy) * clip.fps(), "{pictures} pictures were lost: {lost:?}");
    Ok(())
}

#[test]
fn whoever_says_it_twice_does_not_wait_for_the_orderly_end() -> Result<()> {
    let mut stage = Stage::open("Twice")?;
    let _publisher = stage.publish(CLIP)?;
    stage.playable()?;
    let asked = Instant::now();
    stage.server.stop_at_once()?;
    println!("the server ended {:?} after two SIGTERMs", asked.elapsed());
    Ok(())
}

fn watch_then(stage: &Stage, segments: usize) -> Result<Rendition> {
    let mut source = stage.rendition(&stage.playable()?, "source")?;
    source.follow(A_WHILE, |seen| seen.segments.len() >= segments)?;
    Ok(source)
}

/// After a restart: what was listed is listed, under the same numbers with the same bytes; new numbers are higher.
fn continues(stage: &mut Stage, before: &Rendition) -> Result<()> {
    let newest = before.list.newest().map_or(0, |(msn, _)| msn);
    stage.server.start_again()?;
    let _publisher = stage.publish_from(CLIP, 30.0)?;
    let http = stage.server.http();
    let mut after = Rendition::open(&http, &before.path)?;
    ensure!(
        after.list.newest() >= before.list.newest(),
        "{:?} came before {:?}",
        before.list.newest(),
        after.list.newest()
    );
    let mut kept: BTreeMap<u64, bool> = BTreeMap::new();
    for (msn, (uri, _)) in &before.segments {
        let response = http.get(&resolve(&before.path, uri))?;
        let same = response.status == 200 && response.body == before.objects[uri];
        kept.insert(*msn, same);
    }
    // The last second may be lost to a power cut.
    let lost: Vec<_> = kept.iter().filter(|(msn, same)| !**same && **msn + 1 < newest).collect();
    ensure!(lost.is_empty(), "segments that are gone or differ: {lost:?}");
    after.follow(A_WHILE * 2, |seen| seen.segments.keys().last().is_some_and(|msn| *msn > newest + 1))?;
    ensure!(after.broken.is_empty(), "broke rules:\n{}", after.broken.join("\n"));
    for (msn, (uri, _)) in &after.segments {
        if let Some((old, _)) = before.segments.get(msn).filter(|_| kept[msn]) {
            ensure!(old == uri, "segment {msn} was {old} and is {uri}");
        }
    }
    for (msn, bytes) in after.files()? {
        decode::strictly(&bytes).with_context(|| format!("segment {msn}"))?;
    }
    Ok(())
}
