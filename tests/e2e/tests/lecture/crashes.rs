//! The process is killed at any point, again and again, while an encoder sends and players watch.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use e2e::{
    clip::{Clip, PLAIN},
    decode,
    encoder::{Encoder, Log},
    follow::{Rendition, renditions},
    machine::eventually,
    server::Options,
};

use crate::stage::Stage;

/// Keyframes stand close, as where a restart must cost little.
pub(crate) const CLIP: Clip = Clip { seconds: 60, keyframes_s: 0.5, size: (320, 180), ..PLAIN };
const KILLS: usize = 50;
/// A busy machine, in the unoptimised build.
const A_WHILE: Duration = Duration::from_secs(20);
/// What a kill may cost of the recording.
const LOSS_MAX: Duration = Duration::from_secs(1);

#[test]
fn a_server_that_is_killed_again_and_again_loses_at_most_a_second_of_the_recording_each_time() -> Result<()> {
    let mut dice = Dice::seeded()?;
    let kills = setting("LECTERN_E2E_KILLS")?.unwrap_or(KILLS);
    let ladder = ("LECTERN_LADDER".to_owned(), "144:200".to_owned());
    let mut stage = Stage::open_with("Kills", Options { environment: vec![ladder], ..Options::default() })?;
    let encoder = Encoder::start(CLIP, &stage.server.rtmp_url(), &stage.lecture.key)?;
    let mut players = players(&stage)?;
    let mut fate = Fate::default();
    for kill in 0..kills {
        // One in five dies while it starts.
        if kill % 5 == 4 {
            fate.killed.push(stage.server.kill_while_it_starts(dice.up_to(500))?);
        }
        let began = encoder.log().began.len();
        let up = Instant::now();
        if kill > 0 {
            stage.server.start_again()?;
        }
        let life = dice.up_to(1_400);
        let watching: Vec<_> = players.into_iter().map(|player| player.watch_until_it_dies()).collect();
        let publishes = || (encoder.log().began.len() > began || kill == 0).then_some(());
        // Some die before the encoder is back.
        if kill % 7 > 0 {
            eventually("the encoder is back", A_WHILE, || publishes().context("it is not"))?;
            fate.back.push(up.elapsed());
        }
        thread::sleep(life);
        stage.server.kill()?;
        fate.killed.push(Instant::now());
        players =
            watching.into_iter().map(|watching| watching.join().expect("no panic")).collect::<Result<_>>()?;
    }
    stage.server.start_again()?;
    let log = encoder.log();
    for player in &mut players {
        player.goes_on().with_context(|| format!("seed {}", dice.seed))?;
    }
    drop(encoder);
    stage.end()?;
    for player in &mut players {
        player.rendition.follow(A_WHILE, |_| false)?;
    }
    fate.judge(&log, &players).with_context(|| format!("LECTERN_E2E_SEED={}", dice.seed))
}

/// One rendition in one view, watched over all lives of the server.
struct Player {
    rendition: Rendition,
    name: String,
}

fn players(stage: &Stage) -> Result<Vec<Player>> {
    let http = stage.server.http();
    let multivariant = stage.playable()?;
    ensure!(multivariant.contains("/dvr/"), "the course allows DVR: {multivariant}");
    let mut players = Vec::new();
    for view in [multivariant.clone(), multivariant.replace("/dvr/", "/")] {
        for (name, path) in renditions(&http, &view)? {
            let rendition = Rendition::open(&http, &path)?;
            players.push(Player { rendition, name });
        }
    }
    Ok(players)
}

impl Player {
    /// Reloads until the server is gone. The first answer must follow from the last one of the life before.
    fn watch_until_it_dies(mut self) -> thread::JoinHandle<Result<Self>> {
        thread::spawn(move || {
            let deadline = Instant::now() + A_WHILE;
            while Instant::now() < deadline {
                if let Err(error) = self.rendition.reload() {
                    // A killed server answers with a broken connection; every other answer is a mistake.
                    ensure!(error.downcast_ref::<std::io::Error>().is_some(), error);
                    return Ok(self);
                }
            }
            bail!("the server was not killed")
        })
    }

    fn goes_on(&mut self) -> Result<()> {
        let newest = self.rendition.list.newest();
        self.rendition.follow(A_WHILE, |seen| seen.list.newest() > newest)?;
        Ok(())
    }
}

#[derive(Default)]
struct Fate {
    killed: Vec<Instant>,
    back: Vec<Duration>,
}

impl Fate {
    fn judge(&self, log: &Log, players: &[Player]) -> Result<()> {
        for player in players {
            let broken = &player.rendition.broken;
            ensure!(broken.is_empty(), "{}: broke rules:\n{}", player.rendition.path, broken.join("\n"));
            player.rendition.unchanged().with_context(|| player.rendition.path.clone())?;
        }
        for player in players {
            for (index, run) in player.rendition.runs()?.iter().enumerate() {
                decode::strictly_with_holes(run)
                    .with_context(|| format!("{} run {index}", player.rendition.path))?;
            }
        }
        let named = |name: &str| {
            let found =
                players.iter().find(|player| player.name == name && player.rendition.path.contains("/dvr/"));
            found.with_context(|| format!("{name} was watched"))
        };
        for name in ["source", "144p"] {
            let lost = self.lost(log, named(name)?)?;
            println!("{name}: {lost}");
            ensure!(lost.unexplained.is_empty(), "{name}: lost for no reason: {:?}", lost.unexplained);
            ensure!(
                name != "source" || lost.worst <= LOSS_MAX,
                "a kill cost {:?} of the recording",
                lost.worst
            );
        }
        let worst = self.back.iter().max().copied().unwrap_or_default();
        println!("{} kills; the encoder was back within {worst:?} of a start", self.killed.len());
        Ok(())
    }

    /// What was sent and is not recorded, kill by kill.
    fn lost(&self, log: &Log, player: &Player) -> Result<Lost> {
        let runs = player.rendition.runs()?;
        let numbers: Vec<u32> = decode::frames(&runs)?.iter().filter_map(|frame| frame.number).collect();
        let rounds = CLIP.frames();
        let recorded: BTreeSet<u32> = numbers.iter().copied().collect();
        ensure!(
            recorded.len() == numbers.len() || log.sent.len() > rounds as usize,
            "a picture stands twice"
        );
        let recorded: BTreeSet<u32> = Encoder::unrolled(rounds, &numbers).into_iter().collect();
        let mut lost = Lost::default();
        for (number, sent) in log.sent.iter().filter(|(number, _)| !recorded.contains(number)) {
            // A picture may be sent into a connection whose other end has just died.
            let began = log.began.iter().rfind(|began| *began <= sent);
            let killed = began.and_then(|began| self.killed.iter().find(|killed| *killed >= began));
            match killed.map(|killed| killed.saturating_duration_since(*sent)) {
                Some(before) if before <= LOSS_MAX * 2 => lost.add(before),
                Some(_) | None => lost.unexplained.push(*number),
            }
        }
        lost.pictures_sent = log.sent.len();
        Ok(lost)
    }
}

#[derive(Default)]
struct Lost {
    worst: Duration,
    pictures: usize,
    pictures_sent: usize,
    unexplained: Vec<u32>,
}

impl Lost {
    fn add(&mut self, before_the_kill: Duration) {
        self.pictures += 1;
        self.worst = self.worst.max(before_the_kill);
    }
}

impl std::fmt::Display for Lost {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { worst, pictures, pictures_sent, unexplained } = self;
        write!(
            out,
            "{pictures} of {pictures_sent} pictures lost, the oldest sent {worst:?} before its kill; {unexplained:?}"
        )
    }
}

/// The same throws for the same seed (SplitMix64).
struct Dice {
    seed: u64,
    state: u64,
}

impl Dice {
    fn seeded() -> Result<Self> {
        let seed = setting("LECTERN_E2E_SEED")?.unwrap_or(20_261_120) as u64;
        Ok(Self { seed, state: seed })
    }

    fn up_to(&mut self, max_ms: u64) -> Duration {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_millis((mixed ^ (mixed >> 31)) % max_ms)
    }
}

fn setting(name: &str) -> Result<Option<usize>> {
    let Some(text) = std::env::var_os(name) else { return Ok(None) };
    let text = text.to_str().with_context(|| format!("{name} is text"))?;
    Ok(Some(text.parse().with_context(|| format!("{name} is a number"))?))
}
