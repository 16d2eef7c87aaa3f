//! `lectern hlscheck URL`, as an operator runs it.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::NamedTempFile;

use crate::machine::{eventually, executable};

/// How much later than a part target a part may come: a second, in which late media is waited for before the slate is
/// shown, and the jitter that the command allows by itself.
const PART_LATE_MS: &str = "1250";

/// A run of it; ended with the value.
pub struct Hlscheck {
    child: Child,
    said: NamedTempFile,
}

/// What it found, from its JSON.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Its exit code.
    pub code: i32,
    /// All it said.
    pub report: Value,
}

impl Hlscheck {
    /// Looks at a live playlist until it ends, and allows what decision 14 names.
    ///
    /// # Errors
    /// When the executable cannot be started.
    pub fn start(url: &str, believes: &Path) -> Result<Self> {
        let said = NamedTempFile::new()?;
        let child = Command::new(executable("lectern")?)
            .args(["hlscheck", url, "--json", "--seconds", "3600"])
            .args(["--part-late-ms", PART_LATE_MS, "--ca"])
            .arg(believes)
            .stdin(Stdio::null())
            .stdout(said.reopen()?)
            .spawn()
            .context("start lectern hlscheck")?;
        Ok(Self { child, said })
    }

    /// Waits until the stream has ended and it has said what it found.
    ///
    /// # Errors
    /// When that takes longer than `limit`, or it could not look.
    pub fn finish(mut self, limit: Duration) -> Result<Verdict> {
        let status =
            eventually("lectern hlscheck ends", limit, || self.child.try_wait()?.context("it still looks"))?;
        let said = std::fs::read_to_string(self.said.path())?;
        let code = status.code().context("it ends by itself")?;
        ensure!(code < 2, "lectern hlscheck could not look ({status}): {said}");
        let report = serde_json::from_str(&said).with_context(|| format!("one JSON object: {said}"))?;
        Ok(Verdict { code, report })
    }
}

impl Verdict {
    /// Rules of this level that are broken, a line each.
    #[must_use]
    pub fn broken(&self, level: &str) -> Vec<String> {
        let all = self.report["violations"].as_array().into_iter().flatten();
        all.filter(|one| one["level"] == level)
            .map(|one| {
                format!(
                    "{} s: rule {} (section {}): {} [{} times more; {}]",
                    one["at_ms"].as_f64().unwrap_or(0.0) / 1000.0,
                    one["rule"],
                    one["section"].as_str().unwrap_or("?"),
                    one["message"].as_str().unwrap_or("?"),
                    one["again"],
                    // Its token is nobody's business.
                    one["url"].as_str().and_then(|url| url.split("/s/").nth(1)).unwrap_or("?"),
                )
            })
            .collect()
    }

    /// Rules that were not judged, with the reason.
    ///
    /// # Errors
    /// When the report has no such list.
    pub fn not_judged(&self) -> Result<Vec<(u8, String)>> {
        let not = self.report["not_applicable"].as_object().context("not_applicable")?;
        let mut all = not
            .iter()
            .map(|(rule, why)| Ok((rule.parse()?, why.as_str().context("a reason")?.to_owned())))
            .collect::<Result<Vec<_>>>()?;
        all.sort();
        Ok(all)
    }
}

impl Drop for Hlscheck {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}
