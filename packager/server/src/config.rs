//! The packager's settings, read once and checked whole.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use packager_core::{epoch, ladder};
use runtime::config::Lookup;

/// The transcoder's file name, looked for beside the server's own executable.
const TRANSCODER_NAME: &str = "lectern-transcoder";
/// Rungs more than this are no ladder: the pipe takes as many.
const RUNGS_MAX: usize = media::pipe::RUNGS_MAX - 1;

/// How programmes are packaged.
#[derive(Clone, Debug)]
pub struct Config {
    /// Playlists and ladder of public programmes.
    pub epoch: epoch::Config,
    /// How long a publisher may be away before his programme counts as interrupted.
    pub reconnect_window: Duration,
    /// The transcoder's executable.
    pub transcoder: PathBuf,
    /// A transcoder that says nothing for so long is killed.
    pub transcoder_silence_max: Duration,
    /// Are the rungs made in previews too? Otherwise the source alone, or what stands in for it.
    pub preview_ladder: bool,
    /// How long after its last media a preview is deleted.
    pub preview_kept: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            epoch: epoch::Config::default(),
            reconnect_window: Duration::from_secs(60),
            transcoder: PathBuf::from(TRANSCODER_NAME),
            transcoder_silence_max: Duration::from_secs(1),
            preview_ladder: false,
            preview_kept: Duration::from_secs(24 * 3600),
        }
    }
}

impl Config {
    /// Reads `LECTERN_RECONNECT_WINDOW_SECONDS` (0 to 1800; 60), `LECTERN_LADDER` (`720:2500,480:1200,240:400`
    /// as height and kbit/s, or `off`), `LECTERN_LADDER_DROP` (may the top rung be dropped when the machine
    /// is too slow; true), `LECTERN_PREVIEW_LADDER` (false) and `LECTERN_TRANSCODER` (a path; by default
    /// `lectern-transcoder` beside this executable).
    ///
    /// # Errors
    /// Names the setting that cannot be used, and why.
    pub fn from_lookup(lookup: &Lookup) -> Result<Self> {
        let mut config = Self::default();
        config.reconnect_window =
            lookup.seconds("LECTERN_RECONNECT_WINDOW_SECONDS", config.reconnect_window)?;
        ensure!(
            config.reconnect_window <= Duration::from_secs(1800),
            "LECTERN_RECONNECT_WINDOW_SECONDS is over 1800 seconds"
        );
        if let Some(text) = lookup.text("LECTERN_LADDER") {
            config.epoch.ladder = parse_ladder(&text).context("LECTERN_LADDER")?;
        }
        config.epoch.drop_rungs = lookup.flag("LECTERN_LADDER_DROP", config.epoch.drop_rungs)?;
        config.preview_ladder = lookup.flag("LECTERN_PREVIEW_LADDER", config.preview_ladder)?;
        config.transcoder =
            lookup.text("LECTERN_TRANSCODER").map_or_else(beside_this_executable, PathBuf::from);
        Ok(config)
    }

    pub(crate) fn for_programme(&self, on_air: bool) -> epoch::Config {
        let mut config = self.epoch.clone();
        if !on_air && !self.preview_ladder {
            config.ladder.rungs.clear();
        }
        config
    }
}

fn parse_ladder(text: &str) -> Result<ladder::Config> {
    let defaults = ladder::Config::default();
    if text == "off" {
        return Ok(ladder::Config { enabled: false, ..defaults });
    }
    let mut rungs = Vec::new();
    for rung in text.split(',') {
        let (height, kbps) =
            rung.trim().split_once(':').with_context(|| format!("{rung:?} is not height:kbit/s"))?;
        let height: u32 = height.parse().with_context(|| format!("height of {rung:?}"))?;
        let kbps: u32 = kbps.parse().with_context(|| format!("bit rate of {rung:?}"))?;
        if !(64..=2160).contains(&height) || height % 2 == 1 {
            bail!("height of {rung:?} is not an even number from 64 to 2160");
        }
        if !(50..=50_000).contains(&kbps) {
            bail!("bit rate of {rung:?} is not from 50 to 50000 kbit/s");
        }
        rungs.push((height, kbps));
    }
    ensure!(rungs.len() <= RUNGS_MAX, "more than {RUNGS_MAX} rungs");
    rungs.sort_by(|a, b| b.cmp(a));
    ensure!(rungs.windows(2).all(|pair| pair[0].0 != pair[1].0), "two rungs of one height");
    Ok(ladder::Config { rungs, ..defaults })
}

fn beside_this_executable() -> PathBuf {
    std::env::current_exe()
        .map_or_else(|_| TRANSCODER_NAME.into(), |path| path.with_file_name(TRANSCODER_NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str) -> Result<Config> {
        Config::from_lookup(&Lookup::from_map([(name.to_owned(), text.to_owned())].into()))
    }

    #[test]
    fn a_ladder_is_read_best_first() {
        let config = check("LECTERN_LADDER", "240:300, 720:2000").unwrap();
        assert_eq!(config.epoch.ladder.rungs, [(720, 2000), (240, 300)]);
        assert!(!check("LECTERN_LADDER", "off").unwrap().epoch.ladder.enabled);
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named() {
        for ladder in ["720", "721:2000", "720:1", "99999:2000", "x:1", "480:800,480:900", ""] {
            let Err(error) = check("LECTERN_LADDER", ladder) else {
                assert_eq!(ladder, "", "an empty text counts as unset");
                continue;
            };
            assert!(format!("{error:#}").starts_with("LECTERN_LADDER"), "{error:#}");
        }
        assert!(check("LECTERN_RECONNECT_WINDOW_SECONDS", "1801").is_err());
    }

    #[test]
    fn a_preview_has_no_rungs_but_what_stands_in_for_its_source() {
        let config = Config::default().for_programme(false);
        assert!(config.ladder.enabled && config.ladder.rungs.is_empty());
        assert!(!Config::default().for_programme(true).ladder.rungs.is_empty());
    }
}
