//! Judges a live playlist, ours or anybody's, by the rules of HLS.

use std::{process::ExitCode, time::Duration};

use hlscheck::{CannotLook, Options, Tolerance, Trust};
use serde_json::json;

use crate::{cli::Hlscheck, terminal};

/// From afar the way of the bytes takes its time too: this much on top of each limit.
const FROM_AFAR: Duration = Duration::from_millis(250);
/// There was nothing to judge.
const COULD_NOT_LOOK: u8 = 2;

/// Looks, prints the report, and answers 0 where no MUST and no PROFILE rule is broken, 1 where one is, 2 where
/// it could not look.
pub(crate) async fn hlscheck(asked: &Hlscheck) -> ExitCode {
    let trust = match (&asked.ca, asked.insecure) {
        (Some(file), _) => Trust::Authority(file.clone()),
        (None, true) => Trust::Anything,
        (None, false) => Trust::Usual,
    };
    let tolerance = Tolerance {
        part: Duration::from_millis(asked.part_late_ms),
        segment: FROM_AFAR.max(Duration::from_millis(asked.part_late_ms)),
        sync: FROM_AFAR.max(Duration::from_millis(asked.part_late_ms)),
        first_byte: FROM_AFAR,
        ..Tolerance::default()
    };
    let length = Duration::from_secs(asked.seconds);
    if !asked.json {
        terminal::say(&format!("Looking at {} for {} s …", asked.url, asked.seconds));
    }
    match hlscheck::look(&Options { url: asked.url.clone(), length, trust, tolerance }).await {
        Ok(report) => {
            terminal::say(&if asked.json { report.json().to_string() } else { report.text() });
            ExitCode::from(u8::from(report.fails()))
        }
        Err(error) => {
            say_why(asked, &error);
            ExitCode::from(COULD_NOT_LOOK)
        }
    }
}

fn say_why(asked: &Hlscheck, error: &CannotLook) {
    let untrusted = matches!(error, CannotLook::Untrusted { .. });
    let cure = ": name its authority with --ca FILE, or believe anything with --insecure";
    let cure = if untrusted { cure } else { "" };
    if asked.json {
        terminal::say(&json!({ "ok": null, "error": format!("{error}{cure}") }).to_string());
    } else {
        terminal::error(&format!("lectern: could not look: {error}{cure}"));
    }
}
