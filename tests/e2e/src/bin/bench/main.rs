//! What a lecture costs, beside what one would use instead, measured in the same run: `make bench` on the release
//! build; `make bench ARGS="ingest replies"` for some of it. Figures are processor seconds and ratios, because wall
//! clocks of a shared machine mean little.

#![allow(clippy::disallowed_methods, reason = "real time is what is measured")]
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod clips;
mod edge;
mod glass;
mod ingest;
mod ladder;
mod load;
mod meter;
mod peer;
mod replies;
mod report;
mod viewers;

use anyhow::{Result, bail};

/// One bench: its name and what runs it.
type Bench = (&'static str, fn() -> Result<()>);

const BENCHES: [Bench; 6] = [
    ("ingest", ingest::run),
    ("edge", edge::run),
    ("replies", replies::run),
    ("viewers", viewers::run),
    ("ladder", ladder::run),
    ("glass", glass::run),
];

fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| BENCHES.iter().all(|(known, _)| known != name)) {
        let known: Vec<_> = BENCHES.iter().map(|(name, _)| *name).collect();
        bail!("there is no bench {unknown}; there are: {}", known.join(" "));
    }
    for (name, bench) in BENCHES {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            bench()?;
        }
    }
    Ok(())
}
