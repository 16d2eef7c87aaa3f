//! ffmpeg as a publisher.

use std::{
    fs,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::NamedTempFile;

use crate::machine::eventually;

/// A running ffmpeg; ended with the value.
pub struct Publisher {
    child: Child,
    said: NamedTempFile,
}

impl Publisher {
    /// Sends a file as it is, in real time.
    ///
    /// # Errors
    /// When ffmpeg cannot be started.
    pub fn start(clip: &Path, rtmp_url: &str, key: &str) -> Result<Self> {
        Self::send(&[], clip, rtmp_url, key)
    }

    /// Sends a file again and again, in real time, until the value is dropped.
    ///
    /// # Errors
    /// When ffmpeg cannot be started.
    pub fn for_ever(clip: &Path, rtmp_url: &str, key: &str) -> Result<Self> {
        Self::send(&["-stream_loop", "-1"], clip, rtmp_url, key)
    }

    /// Sends a file from a second on, as an encoder does that was cut off and returns.
    ///
    /// # Errors
    /// When ffmpeg cannot be started.
    pub fn start_at(clip: &Path, from_s: f64, rtmp_url: &str, key: &str) -> Result<Self> {
        let from_s = from_s.to_string();
        Self::send(&["-ss", &from_s], clip, rtmp_url, key)
    }

    fn send(input: &[&str], clip: &Path, rtmp_url: &str, key: &str) -> Result<Self> {
        let said = NamedTempFile::new()?;
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "warning", "-re"]).args(input);
        ffmpeg.arg("-i").arg(clip).args(["-c", "copy", "-f", "flv", "-flvflags", "no_duration_filesize"]);
        ffmpeg.arg(format!("{rtmp_url}/{key}"));
        let child = ffmpeg
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(said.reopen()?)
            .spawn()
            .context("start ffmpeg")?;
        Ok(Self { child, said })
    }

    /// Waits until it has sent all and said goodbye.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn finish(mut self, limit: Duration) -> Result<()> {
        let status = self.ended(limit)?;
        ensure!(status.success(), "the publisher ended with {status}: {}", self.said());
        Ok(())
    }

    /// Waits until it gives up, as one does that is refused.
    ///
    /// # Errors
    /// When it does not, or ends well.
    pub fn refused(mut self, limit: Duration) -> Result<String> {
        let status = self.ended(limit)?;
        ensure!(!status.success(), "the publisher was not refused");
        Ok(self.said())
    }

    /// Is gone at once, without a goodbye: the connection breaks.
    ///
    /// # Errors
    /// When it had ended by itself.
    pub fn drop_connection(mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the publisher had ended with {status}: {}", self.said());
        }
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Does it still run?
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Its warnings and errors so far.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(self.said.path()).unwrap_or_default()
    }

    fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        eventually("the publisher ends", limit, || self.child.try_wait()?.context("it still sends"))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _status = self.child.wait();
    }
}
