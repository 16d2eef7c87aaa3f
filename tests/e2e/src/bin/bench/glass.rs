//! From glass to glass: the demo's lecture carries the wall clock in its pictures, and the watch page in headless
//! Chromium is asked what it shows.

use std::time::Duration;

use anyhow::Result;
use e2e::{
    browser::Script,
    server::{Options, Server},
};
use serde_json::json;

/// `LECTERN_BENCH_GLASS_SECONDS` makes it longer.
const SECONDS: u64 = 60;

/// Runs and prints it.
pub(crate) fn run() -> Result<()> {
    let seconds = std::env::var("LECTERN_BENCH_GLASS_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or(SECONDS);
    println!(
        "## from glass to glass in headless Chromium, {seconds} s (the browser shares the server's cores)"
    );
    // As a newcomer has it: with rungs, on the machine's own time.
    let server = Server::start_with(Options { publisher: true, ..Options::default() })?;
    let argument = json!({
        "page": server.demo("student_link")?,
        "shots": "", "seconds": seconds, "again": true,
    });
    let measured = Script::start("demo", &argument)?.finish(Duration::from_secs(seconds + 120))?;
    println!("   {measured}");
    Ok(())
}
