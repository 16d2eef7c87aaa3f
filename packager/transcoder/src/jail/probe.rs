//! Forbidden things, tried from inside the jail: `lectern-transcoder --check-jail` tries each in a process of its own
//! and says which was refused. The tests demand it of all; `lectern doctor` asks it on the machine it will run on.

mod attempts;
mod raw;

use std::{
    io,
    os::unix::process::ExitStatusExt,
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result};
pub(crate) use attempts::PROBES;

use super::Walls;

/// Exit status of a process that was let do what it tried.
const LET_THROUGH: u8 = 3;

/// Something that must not be possible.
pub(crate) struct Probe {
    /// What, in words without spaces.
    pub name: &'static str,
    /// What the whole jail does about it.
    pub expected: Refusal,
    attempt: fn() -> io::Result<()>,
}

/// How a wall answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The process is ended.
    Deadly,
    /// The attempt fails with this error number.
    Error(i32),
}

/// Enters the jail and tries. Ends well when the attempt fails as one that is refused, and with another status when it
/// comes through, whether or not anything was there to be had.
pub(crate) fn run(name: &str, walls: Walls) -> Result<ExitCode> {
    let probe = PROBES.iter().find(|probe| probe.name == name).context("there is no such probe")?;
    super::enter(walls)?;
    let outcome = (probe.attempt)();
    println!("{}", outcome.as_ref().map_or_else(|error| error.to_string(), |()| "done".to_owned()));
    let number = outcome.err().and_then(|error| error.raw_os_error());
    let refused = match probe.expected {
        Refusal::Error(expected) if walls == Walls::All => number == Some(expected),
        // Without the list of calls another wall answers, or what stands outside the jail.
        Refusal::Error(_) | Refusal::Deadly => matches!(number, Some(libc::EACCES | libc::EPERM)),
    };
    // A probe that should have been deadly and is still here was not refused by the jail.
    let alive_wrongly = walls == Walls::All && probe.expected == Refusal::Deadly;
    Ok(if refused && !alive_wrongly { ExitCode::SUCCESS } else { LET_THROUGH.into() })
}

/// Tries everything, each thing in a process of its own, prints what the jail is made of and what was not refused, and
/// ends well when there is no such thing.
pub(crate) fn check_all() -> Result<ExitCode> {
    let own = std::env::current_exe().context("find this executable")?;
    let mut let_through = Vec::new();
    for probe in PROBES {
        let mut child = Command::new(&own);
        child.args(["--jail-probe", probe.name]).env_clear().stdin(Stdio::null());
        let status = child.stdout(Stdio::null()).stderr(Stdio::null()).status().context("start a probe")?;
        if !was_refused(probe, status) {
            let_through.push(probe.name);
        }
    }
    let jail = super::enter(Walls::All)?;
    let warnings = jail.warnings();
    println!("{}", jail.describe());
    warnings.iter().for_each(|line| println!("{line}"));
    if let_through.is_empty() {
        println!("{} of {} forbidden things are refused", PROBES.len(), PROBES.len());
    } else {
        println!("not refused: {}", let_through.join(", "));
    }
    let whole = let_through.is_empty() && warnings.is_empty();
    Ok(if whole { ExitCode::SUCCESS } else { LET_THROUGH.into() })
}

/// Was the process that tried ended, or its attempt refused, as expected?
fn was_refused(probe: &Probe, status: std::process::ExitStatus) -> bool {
    match probe.expected {
        Refusal::Deadly => status.signal() == Some(libc::SIGSYS),
        Refusal::Error(_) => status.success(),
    }
}
