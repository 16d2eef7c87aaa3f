//! Fuzzing on the stable compiler: changes of the corpus through every target, for as long as wanted.

#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use hostile::{Mutator, TARGETS, Target, corpus, corpus_folder, crafted_corpus};
use runtime::clock;

/// What one input may take. The slowest kind takes some milliseconds in the release build.
const INPUT_MAX: Duration = Duration::from_secs(1);
const BYTES_MAX: usize = 64 * 1024;

/// Hostile bytes for every parser.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the targets over changes of their corpus
    Run {
        /// For each target
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Where to begin; printed with each finding
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// These targets; all of them when none is named
        targets: Vec<String>,
    },
    /// Write the corpus anew, beside what was added by hand
    Corpus,
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Run { seconds, seed, targets } => run(Duration::from_secs(seconds), seed, &targets),
        Command::Corpus => write_corpus().map(|()| ExitCode::SUCCESS),
    }
}

fn run(each: Duration, seed: u64, names: &[String]) -> Result<ExitCode> {
    let wanted = |target: &&Target| names.is_empty() || names.iter().any(|name| name == target.name);
    let targets: Vec<_> = TARGETS.iter().filter(wanted).collect();
    ensure!(!targets.is_empty(), "there is no target of that name");
    let mut findings = 0;
    for target in targets {
        findings += usize::from(!holds(target, each, seed)?);
    }
    Ok(if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a target until the time is over or something is found; what is found is kept.
fn holds(target: &Target, each: Duration, first_seed: u64) -> Result<bool> {
    let inputs: Vec<Vec<u8>> = corpus(target.name)?.into_iter().map(|(_, bytes)| bytes).collect();
    let start = clock::now();
    let mut seed = first_seed;
    loop {
        let at = clock::now();
        if at.saturating_duration_since(start) >= each {
            println!("{}: {} inputs, nothing found", target.name, seed - first_seed);
            return Ok(true);
        }
        let bytes = Mutator::new(seed).next(&inputs, BYTES_MAX);
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&bytes)));
        let took = clock::now().saturating_duration_since(at);
        if outcome.is_err() || took > INPUT_MAX {
            let path = Path::new("target/fuzz").join(format!("{}-{seed}", target.name));
            fs::create_dir_all("target/fuzz")?;
            fs::write(&path, &bytes).with_context(|| format!("write {}", path.display()))?;
            println!("{}: seed {seed} after {took:?}; the input is {}", target.name, path.display());
            return Ok(false);
        }
        seed += 1;
    }
}

fn write_corpus() -> Result<()> {
    for (target, name, bytes) in crafted_corpus()? {
        let folder = corpus_folder().join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
