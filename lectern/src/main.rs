//! The one executable: reads the command line and hands over.

mod admin;
mod cli;
mod demo;
mod listener;
mod pages;
mod serve;
mod settings;
mod tls;
mod wiring;

use std::{process::ExitCode, time::Duration};

use clap::Parser;

use crate::cli::{Cli, Command};

/// glibc's keeps what it once had in an arena a thread: a few log-ins (19 MiB each, for Argon2) left 58 MiB in every
/// arena that had served one, for ever. This one gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long work on the disk that is under way at the end is waited for.
const THREADS_PATIENCE: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    // One provider for all that speaks TLS here. Only this line installs one, so none is there before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = Cli::parse();
    let ended = match tokio::runtime::Runtime::new() {
        Ok(runtime) => {
            let ended = runtime.block_on(run(cli));
            // A thread that hangs in a broken disk must not keep the process.
            runtime.shutdown_timeout(THREADS_PATIENCE);
            ended
        }
        Err(error) => Err(anyhow::Error::new(error).context("start the process's threads")),
    };
    match ended {
        Ok(code) => code,
        Err(error) => {
            terminal::error(&format!("lectern: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let lookup = cli.shared.lookup()?;
    match cli.command {
        Command::Serve => serve::run(lookup).await.map(|()| ExitCode::SUCCESS),
        Command::Demo(options) => demo::run(lookup, &options).await.map(|()| ExitCode::SUCCESS),
        Command::Migrate => admin::migrate(lookup).await.map(|()| ExitCode::SUCCESS),
        Command::User { command } => admin::user(lookup, command).await.map(|()| ExitCode::SUCCESS),
        Command::Doctor => admin::doctor(lookup).await,
        Command::Mail { command } => admin::mail(lookup, command).await.map(|()| ExitCode::SUCCESS),
        Command::Health => admin::health(lookup).await,
        Command::Config { command } => admin::config(lookup, &command).map(|()| ExitCode::SUCCESS),
        Command::Hlscheck(asked) => Ok(admin::hlscheck(&asked).await),
        Command::Openapi => admin::openapi().map(|()| ExitCode::SUCCESS),
    }
}

/// What the person at the terminal reads; logs go elsewhere.
mod terminal {
    #![expect(clippy::print_stdout, clippy::print_stderr, reason = "the one place that talks to a terminal")]

    /// A line on standard output.
    pub(crate) fn say(line: &str) {
        println!("{line}");
    }

    /// A line on standard error.
    pub(crate) fn error(line: &str) {
        eprintln!("{line}");
    }
}
