//! What the origin says, by the letter of draft-pantos-hls-rfc8216bis-22 and of HTTP.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use e2e::{
    clip::{Clip, PLAIN},
    follow::{Rendition, renditions, resolve},
    http::{Http, Response},
    playlist::{Media, Multivariant},
    server::Options,
};

use crate::stage::Stage;

const CLIP: Clip = Clip { seconds: 60, ..PLAIN };
const A_WHILE: Duration = Duration::from_secs(40);
/// An origin holds a dozen requests for one viewer.
const HELD: usize = 10;
/// A page of another site that may play what our students may.
const ELSEWHERE: &str = "https://school.example";
/// "At once", on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(400);

#[test]
fn an_origin_keeps_the_rules_of_low_latency() -> Result<()> {
    let environment = vec![
        ("CORS_ALLOWED_ORIGINS".to_owned(), ELSEWHERE.to_owned()),
        ("LECTERN_LADDER_DROP".to_owned(), "false".to_owned()),
    ];
    let stage = Stage::open_with("Rules", Options { environment, ..Options::default() })?;
    let _publisher = stage.publish(CLIP)?;
    let multivariant = stage.playable()?;
    let http = stage.server.http();
    let mut source = stage.rendition(&multivariant, "source")?;
    source.follow(A_WHILE, |seen| seen.segments.len() >= 2)?;

    the_multivariant_playlist_is_exact(&http, &multivariant)?;
    directives(&http, &mut source)?;
    the_hinted_part_comes_as_soon_as_it_is_there(&http, &mut source)?;
    held_reloads_are_released_together(&http, &mut source)?;
    objects(&http, &source)?;
    all_renditions_agree(&stage, &multivariant)?;
    two_viewers_get_the_same_bytes(&stage, &multivariant)?;

    // Long enough for a delta update to skip something: 24 s and a little.
    source.follow(A_WHILE, |seen| seen.segments.len() >= 16)?;
    a_delta_update_is_the_full_playlist(&http, &source)?;
    ensure!(source.broken.is_empty(), "broke rules:\n{}", source.broken.join("\n"));

    stage.end()?;
    source.follow(A_WHILE, |_| false)?;
    ensure!(source.list.ended, "ENDLIST after the end");
    let later = http.get(&format!("{}?_HLS_msn=99999&_HLS_part=0", source.path))?;
    ensure!(later.status == 200 && later.took < AT_ONCE, "6.2.5.2: directives mean nothing after ENDLIST");
    afterwards_it_is_a_recording(&http, &multivariant, source.list.media_sequence)
}

fn the_multivariant_playlist_is_exact(http: &Http, path: &str) -> Result<()> {
    let response = http.get(path)?.expect(200)?;
    let list = Multivariant::parse(response.text()?)?;
    for (variant, _) in &list.variants {
        let codecs = variant.need("CODECS")?;
        ensure!(codecs.contains("avc1.") && codecs.contains("mp4a.40."), "CODECS={codecs}");
        for name in ["BANDWIDTH", "AVERAGE-BANDWIDTH", "FRAME-RATE"] {
            ensure!(variant.number(name)? > 0.0, "{name} is there");
        }
        ensure!(variant.need("CLOSED-CAPTIONS")? == "NONE", "CLOSED-CAPTIONS=NONE");
        let group = variant.need("AUDIO")?;
        ensure!(
            list.media.iter().any(|media| media.get("GROUP-ID") == Some(group)),
            "the group {group} is there"
        );
    }
    let mut sizes: Vec<_> =
        list.variants.iter().map(|(variant, _)| variant.need("RESOLUTION").unwrap_or("")).collect();
    sizes.sort_unstable();
    ensure!(sizes == ["426x240", "640x360"], "RESOLUTION {sizes:?}");
    let alone = resolve(path, if path.contains("/dvr/") { "../audio.m3u8" } else { "audio.m3u8" });
    let alone = Multivariant::parse(http.get(&alone)?.expect(200)?.text()?)?;
    ensure!(alone.variants.len() == 1, "audio.m3u8 has one variant: {alone:?}");
    ensure!(alone.variants[0].0.get("RESOLUTION").is_none(), "audio.m3u8 has no picture");
    Ok(())
}

fn directives(http: &Http, source: &mut Rendition) -> Result<()> {
    source.reload()?;
    let (msn, part) = source.list.next();
    let ask = |query: &str| http.get(&format!("{}?{query}", source.path));
    let now = |response: Response, status: u16, what: &str| -> Result<()> {
        ensure!(response.status == status, "{what}: {} instead of {status}", response.status);
        ensure!(response.took < AT_ONCE, "{what}: answered after {:?}", response.took);
        Ok(())
    };
    now(ask("_HLS_part=0")?, 400, "6.2.5.2: a part without a media sequence number")?;
    now(ask(&format!("_HLS_msn={}", msn + 5))?, 400, "6.2.5.2: too far ahead")?;
    now(ask("_HLS_msn=x")?, 400, "no number")?;
    now(ask("_HLS_msn=-1")?, 400, "a negative number")?;
    now(ask("_HLS_msn=0&_HLS_part=0")?, 200, "6.2.5.2: long past")?;
    now(ask(&format!("_HLS_msn={}", msn.saturating_sub(1)))?, 200, "6.2.5.2: there already")?;
    // A part past the end of its segment is the first of the next one.
    let past = ask(&format!("_HLS_msn={}&_HLS_part=7", source.segments.keys().last().context("a segment")?))?;
    ensure!(past.status == 200, "6.2.5.2: a part past its segment's end: {}", past.status);
    // Whatever else stands in the query changes nothing.
    let plain = ask(&format!("_HLS_part={part}&foo=bar&_HLS_msn={msn}"))?;
    ensure!(plain.status == 200 && Media::parse(plain.text()?)?.newest() >= Some((msn, part)), "any order");
    Ok(())
}

fn the_hinted_part_comes_as_soon_as_it_is_there(http: &Http, source: &mut Rendition) -> Result<()> {
    source.reload()?;
    let hint = source.list.hint.clone().context("a live playlist hints")?;
    let path = resolve(&source.path, &hint);
    let early = {
        let http = http.clone();
        thread::spawn(move || http.get(&path))
    };
    source.reload()?;
    let early = early.join().expect("a request does not panic")?.expect(200)?;
    let listed = source.list.all().flat_map(|segment| &segment.parts).any(|part| part.uri == hint);
    if listed {
        ensure!(source.objects.get(&hint) == Some(&early.body), "4.4.5.3: the hinted part is the listed one");
    }
    let (msn, _) = source.list.next();
    let unknown = http.get(&resolve(&source.path, &format!("{}.0.m4s", msn + 7)))?;
    ensure!(
        unknown.status == 404 && unknown.took < AT_ONCE,
        "6.2.6: neither listed nor hinted: {}",
        unknown.status
    );
    Ok(())
}

fn held_reloads_are_released_together(http: &Http, source: &mut Rendition) -> Result<()> {
    source.reload()?;
    let (msn, part) = source.list.next();
    let path = format!("{}?_HLS_msn={msn}&_HLS_part={part}", source.path);
    let answers: Vec<(Instant, Response)> = thread::scope(|scope| {
        let asked: Vec<_> = (0..HELD)
            .map(|_| scope.spawn(|| http.get(&path).map(|answer| (Instant::now(), answer))))
            .collect();
        asked.into_iter().map(|asked| asked.join().expect("a request does not panic")).collect::<Result<_>>()
    })?;
    let first = answers.iter().map(|(at, _)| *at).min().context("answers")?;
    let last = answers.iter().map(|(at, _)| *at).max().context("answers")?;
    ensure!(last - first < AT_ONCE, "released over {:?}", last - first);
    for (_, answer) in &answers {
        ensure!(
            answer.status == 200 && Media::parse(answer.text()?)?.newest() >= Some((msn, part)),
            "{}",
            answer.status
        );
    }
    Ok(())
}

fn objects(http: &Http, source: &Rendition) -> Result<()> {
    let (segment, init) = source.segments.values().next().context("a segment")?;
    for uri in [segment, init] {
        let path = resolve(&source.path, uri);
        let whole = http.get(&path)?.expect(200)?;
        ensure!(whole.body == source.objects[uri], "{uri} changed its bytes");
        for (site, wanted) in [(ELSEWHERE, Some(ELSEWHERE)), ("https://elsewhere.example", None)] {
            let answer = http.request("GET", &path).header("origin", site).send()?.expect(200)?;
            let allowed = answer.header("access-control-allow-origin");
            ensure!(
                allowed == wanted || wanted.is_some() && allowed == Some("*"),
                "{uri} for {site}: {allowed:?}"
            );
        }
        let cache = whole.header("cache-control").context("cache-control")?;
        ensure!(cache.contains("private"), "{uri}: without the edge's secret it is private: {cache}");
        let head = http.request("HEAD", &path).send()?;
        ensure!(head.status == 200 && head.body.is_empty(), "HEAD {uri}");
        ensure!(head.header("content-length") == whole.header("content-length"), "HEAD {uri}: its length");
        let tag = whole.header("etag").with_context(|| format!("{uri} has an ETag"))?;
        let again = http.request("GET", &path).header("if-none-match", tag).send()?;
        ensure!(again.status == 304, "{uri} is not sent twice: {}", again.status);
        let range = http.request("GET", &path).header("range", "bytes=10-19").send()?;
        ensure!(range.status == 206 && range.body == whole.body[10..20], "{uri}: a range");
        let outside = http.request("GET", &path).header("range", "bytes=999999999-").send()?;
        ensure!(outside.status == 416, "{uri}: a range past its end: {}", outside.status);
    }
    let zipped = http.request("GET", &source.path).header("accept-encoding", "gzip").send()?.expect(200)?;
    ensure!(zipped.header("content-encoding") == Some("gzip"), "B.1: playlists are compressed on request");
    ensure!(zipped.body.starts_with(&[0x1f, 0x8b]), "gzip begins with its magic number");
    let vary = zipped.header("vary").unwrap_or("").to_lowercase();
    ensure!(vary.contains("accept-encoding"), "a cache is told what the answer depends on: {vary:?}");
    let posted = http.request("POST", &source.path).send()?;
    ensure!(posted.status == 405, "POST to a playlist: {}", posted.status);
    Ok(())
}

fn all_renditions_agree(stage: &Stage, multivariant: &str) -> Result<()> {
    let http = stage.server.http();
    let paths = renditions(&http, multivariant)?;
    let mut all: Vec<(String, Media)> = Vec::new();
    for (name, path) in &paths {
        let list = Media::parse(http.get(path)?.expect(200)?.text()?)?;
        let mut reported: Vec<_> = list.reports.iter().map(|(uri, ..)| resolve(path, uri)).collect();
        let mut others: Vec<_> = paths.values().filter(|other| *other != path).cloned().collect();
        reported.sort();
        others.sort();
        ensure!(reported == others, "B.1: {name} reports on {reported:?} instead of {others:?}");
        all.push((name.clone(), list));
    }
    let (first, rest) = all.split_first().context("renditions")?;
    for (name, list) in rest {
        ensure!(list.target_duration_s == first.1.target_duration_s, "6.2.4: {name}: TARGETDURATION");
        ensure!(list.part_target_s == first.1.part_target_s, "6.2.4: {name}: PART-TARGET");
        ensure!(list.control == first.1.control, "6.2.4: {name}: SERVER-CONTROL");
        for segment in &list.segments {
            let Some(same) = first.1.segments.iter().find(|other| other.msn == segment.msn) else { continue };
            let off = (segment.duration_s - same.duration_s).abs();
            // A frame of sound may lie on either side of a cut.
            ensure!(
                off < 0.07,
                "segment {} of {name} lasts {} and of {} {}",
                segment.msn,
                segment.duration_s,
                first.0,
                same.duration_s
            );
            ensure!(segment.discontinuity == same.discontinuity, "6.2.4: segment {} of {name}", segment.msn);
        }
    }
    Ok(())
}

fn two_viewers_get_the_same_bytes(stage: &Stage, mine: &str) -> Result<()> {
    let http = stage.server.http();
    let theirs = stage.teacher.playback(&stage.lecture.session)?;
    ensure!(theirs != mine, "each viewer has a token of his own");
    let one = renditions(&http, mine)?;
    let other = renditions(&http, &theirs)?;
    ensure!(http.get(mine)?.body == http.get(&theirs)?.body, "multivariant playlists");
    let list = Media::parse(http.get(&one["source"])?.text()?)?;
    let (msn, part) = list.next();
    let query = format!("_HLS_msn={msn}&_HLS_part={part}");
    let (left, right) = thread::scope(|scope| {
        let left = scope.spawn(|| http.get(&format!("{}?{query}", one["source"])));
        let right = scope.spawn(|| http.get(&format!("{}?{query}", other["source"])));
        (left.join().expect("no panic"), right.join().expect("no panic"))
    });
    let (left, right) = (left?.expect(200)?, right?.expect(200)?);
    let (left, right) = (Media::parse(left.text()?)?, Media::parse(right.text()?)?);
    // Another part may have come between the two answers.
    ensure!(left == right || left.newest() != right.newest(), "the same playlist for both");
    Ok(())
}

fn a_delta_update_is_the_full_playlist(http: &Http, source: &Rendition) -> Result<()> {
    for _ in 0..5 {
        let full = http.get(&source.path)?.expect(200)?;
        let delta = http.get(&format!("{}?_HLS_skip=YES", source.path))?.expect(200)?;
        let (full, delta) = (Media::parse(full.text()?)?, Media::parse(delta.text()?)?);
        if full.newest() != delta.newest() {
            continue;
        }
        ensure!(delta.skipped > 0, "6.2.5.1: nothing was skipped of {} segments", full.segments.len());
        let kept = &full.segments[usize::try_from(delta.skipped)?..];
        let same = kept
            .iter()
            .zip(&delta.segments)
            .all(|(full, delta)| full.msn == delta.msn && full.uri == delta.uri && full.parts == delta.parts);
        ensure!(same && kept.len() == delta.segments.len(), "6.2.5.1: a delta update is the playlist's end");
        let boundary: f64 = kept.iter().map(|segment| segment.duration_s).sum();
        ensure!(boundary >= 24.0 - 4.0, "6.2.5.1: only {boundary} s are left by the delta update");
        return Ok(());
    }
    anyhow::bail!("the playlist changed between each two requests")
}

/// Whoever was there can go back to the beginning: everything is listed, in all renditions.
fn afterwards_it_is_a_recording(http: &Http, multivariant: &str, first: u64) -> Result<()> {
    for (name, path) in renditions(http, multivariant)? {
        let whole = Rendition::open(http, &path)?;
        ensure!(whole.list.ended, "{name} is ended");
        ensure!(
            whole.list.media_sequence == first && whole.segments.len() >= 16,
            "{name} is whole: {:?} from {}, gaps {:?}",
            whole.segments.keys(),
            whole.list.media_sequence,
            whole.gaps
        );
        ensure!(whole.broken.is_empty(), "{name} broke rules:\n{}", whole.broken.join("\n"));
    }
    Ok(())
}
