//! Headless Chromium, driven by the scripts in `browser/`.

use std::{
    io::Read,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::machine::{eventually, repository};

/// A running script.
pub struct Script {
    child: std::process::Child,
    name: String,
}

impl Script {
    /// Starts `browser/{name}.mjs` with one JSON argument.
    ///
    /// # Errors
    /// When Node.js or playwright-core is not there.
    pub fn start(name: &str, argument: &Value) -> Result<Self> {
        let folder = repository().join("tests/e2e/browser");
        ensure!(
            folder.join("node_modules/playwright-core").exists(),
            "playwright-core is not installed: run `make e2e`, or `npm ci` in {}",
            folder.display()
        );
        let child = Command::new("node")
            .arg(format!("{name}.mjs"))
            .arg(argument.to_string())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("start node")?;
        Ok(Self { child, name: name.to_owned() })
    }

    /// Waits for its end, and reads what it measured: the JSON in its last line.
    ///
    /// # Errors
    /// When it fails, or takes longer than `limit`.
    pub fn finish(mut self, limit: Duration) -> Result<Value> {
        let mut pipe = self.child.stdout.take().context("standard output is a pipe")?;
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            pipe.read_to_string(&mut text).map(|_| text)
        });
        let status = eventually(&format!("{} ends", self.name), limit, || {
            self.child.try_wait()?.context("it still runs")
        });
        if status.is_err() {
            self.child.kill()?;
            self.child.wait()?;
        }
        let text = reader.join().expect("reading does not panic")?;
        let status = status.with_context(|| text.clone())?;
        ensure!(status.success(), "{}.mjs ended with {status}: {text}", self.name);
        let last = text.lines().last().context("a script prints what it measured")?;
        serde_json::from_str(last).with_context(|| format!("the last line is JSON: {last}"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}
