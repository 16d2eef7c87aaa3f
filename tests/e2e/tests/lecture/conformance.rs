//! A lecture to which everything happens that may, judged by every rule of HLS meanwhile: `lectern hlscheck` follows
//! its playlists over TLS, with and without DVR, and finds no rule broken.

use std::{collections::BTreeSet, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use e2e::{
    clip::{Clip, PLAIN},
    encoder::Encoder,
    follow::{Rendition, renditions},
    hlscheck::{Hlscheck, Verdict},
    machine::eventually,
    server::Options,
};

use crate::stage::{Stage, slate_seconds};

const CLIP: Clip = Clip { seconds: 60, ..PLAIN };
const SMALLER: Clip = Clip { size: (480, 270), ..CLIP };
const OFTEN: Clip = Clip { keyframes_s: 0.5, ..SMALLER };
const RARELY: Clip = Clip { keyframes_s: 3.0, ..SMALLER };
const SILENT: Clip = Clip { channels: None, ..RARELY };
/// A few segments on a busy machine.
const A_WHILE: Duration = Duration::from_secs(40);

/// What cannot be seen here: ranges of bytes and keys are not used; the slate may be there before a gap is needed.
const NOT_HERE: [u8; 4] = [11, 50, 65, 73];

#[test]
fn no_rule_is_broken_whatever_happens_to_a_lecture() -> Result<()> {
    a_lecture_to_which_all_happens(&[1, 10], 2)
}

/// Ten minutes of it.
#[test]
#[ignore = "takes ten minutes: `make soak` runs it"]
fn no_rule_is_broken_in_a_long_lecture_with_long_drops() -> Result<()> {
    a_lecture_to_which_all_happens(&[1, 10, 59], 25)
}

/// `calm` is the number of segments between two events.
fn a_lecture_to_which_all_happens(drops_s: &[u64], calm: usize) -> Result<()> {
    let ladder = ("LECTERN_LADDER".to_owned(), "144:200".to_owned());
    let options = Options { https: true, environment: vec![ladder], ..Options::default() };
    let mut stage = Stage::open_with("Conformance", options)?;
    let mut encoder = Encoder::start(CLIP, &stage.server.rtmp_url(), &stage.lecture.key)?;
    let mut watched = Watched::open(&stage)?;
    watched.goes_on(1)?;
    let checks = Checks::start(&stage)?;
    watched.goes_on(calm)?;

    for seconds in drops_s {
        encoder.go_away();
        thread::sleep(Duration::from_secs(*seconds));
        encoder.come_back();
        watched.goes_on(calm)?;
    }
    ensure!(watched.slates_s >= 8.0, "the slate was there for {} s", watched.slates_s);

    encoder.yields();
    let second = Encoder::start(CLIP, &stage.server.rtmp_url(), &stage.lecture.key)?;
    eventually("the second encoder takes over", A_WHILE, || {
        ensure!(!second.log().began.is_empty(), "not yet");
        Ok(())
    })?;
    encoder = second;
    watched.goes_on(calm)?;

    let before = watched.inits.len();
    for clip in [SMALLER, OFTEN, RARELY, SILENT, RARELY] {
        encoder.show(clip)?;
        watched.goes_on(calm)?;
    }
    ensure!(watched.inits.len() > before, "another size is another initialisation section");

    stage.server.kill()?;
    stage.server.start_again()?;
    watched.goes_on(2 * calm)?;
    stage.end()?;
    watched.rendition.follow(A_WHILE, |seen| seen.list.ended)?;
    drop(encoder);
    checks.finish()
}

/// The source's rendition as a player of the teacher's sees it, to know when there is more of it.
struct Watched {
    rendition: Rendition,
    slates_s: f64,
    inits: BTreeSet<String>,
}

impl Watched {
    fn open(stage: &Stage) -> Result<Self> {
        stage.playable()?;
        let path = stage.teacher.playback(&stage.lecture.session)?;
        let http = stage.server.http();
        let paths = renditions(&http, &path)?;
        let source = paths.get("source").with_context(|| format!("source is one of {paths:?}"))?;
        let rendition = Rendition::open(&http, source)?;
        Ok(Self { rendition, slates_s: 0.0, inits: BTreeSet::new() })
    }

    /// Waits for so many segments of the publisher's own.
    fn goes_on(&mut self, segments: usize) -> Result<()> {
        let from = self.rendition.list.next().0;
        self.rendition.follow(A_WHILE + Duration::from_secs(4) * segments as u32, |seen| {
            let own =
                |segment: &&e2e::playlist::Segment| segment.msn >= from && !segment.slate && !segment.gap;
            seen.list.segments.iter().filter(own).count() >= segments
        })?;
        self.slates_s = self.slates_s.max(slate_seconds(&self.rendition.list));
        self.inits.extend(self.rendition.segments.values().map(|(_, init)| init.clone()));
        Ok(())
    }
}

/// One look at the playlists with DVR and one at the live window.
struct Checks(Vec<(&'static str, Hlscheck)>);

impl Checks {
    fn start(stage: &Stage) -> Result<Self> {
        let dvr = stage.playable()?;
        ensure!(dvr.contains("/dvr/"), "the course allows DVR: {dvr}");
        let live = stage.student.playback(&stage.lecture.session)?.replace("/dvr/", "/");
        let start = |path: &str| Hlscheck::start(&stage.server.https_url(path), &stage.server.certificate());
        Ok(Self(vec![("DVR", start(&dvr)?), ("live", start(&live)?)]))
    }

    fn finish(self) -> Result<()> {
        let mut broken = Vec::new();
        let mut not_judged: Option<BTreeSet<u8>> = None;
        for (name, check) in self.0 {
            let verdict = check.finish(A_WHILE)?;
            println!("{name}: {}", summary(&verdict)?);
            println!("not followed: {:#?}", verdict.broken("SHOULD"));
            for level in ["MUST", "PROFILE"] {
                broken.extend(verdict.broken(level).into_iter().map(|one| format!("{name} {level} {one}")));
            }
            let not: BTreeSet<u8> = verdict.not_judged()?.into_iter().map(|(rule, _)| rule).collect();
            not_judged =
                Some(not_judged.map_or(not.clone(), |known| known.intersection(&not).copied().collect()));
        }
        ensure!(broken.is_empty(), "rules that are broken:\n{}", broken.join("\n"));
        let not_judged = not_judged.context("checks")?;
        ensure!(
            not_judged.is_subset(&NOT_HERE.into()),
            "rules that neither look could judge: {not_judged:?}"
        );
        Ok(())
    }
}

fn summary(verdict: &Verdict) -> Result<String> {
    Ok(format!(
        "{} Not judged: {:?}. Notes: {}",
        verdict.report["verdict"].as_str().unwrap_or("?"),
        verdict.not_judged()?,
        verdict.report["notes"]
    ))
}
