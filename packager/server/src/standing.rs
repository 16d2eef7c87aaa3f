//! Where a programme stands and how it does; the sink is told of changes alone.

use std::time::{Duration, Instant};

use events::{HealthWarning, Programme};

use crate::{ProgrammeHealth, ProgrammeSink, ProgrammeState, ProgrammeStatus};

/// The recording counts as degraded for so long after it was last seen to be.
const DEGRADED_SHOWN: Duration = Duration::from_secs(5);

/// What is known, and what was told.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    pub(crate) interrupted: bool,
    pub(crate) ended: bool,
    /// The core's own.
    pub(crate) warnings: Vec<HealthWarning>,
    degraded_until: Option<Instant>,
    told_status: Option<ProgrammeStatus>,
    told_health: ProgrammeHealth,
}

impl Standing {
    /// The disk was seen to be behind or failing.
    pub(crate) fn degraded(&mut self, now: Instant) {
        self.degraded_until = Some(now + DEGRADED_SHOWN);
    }

    /// Tells what has changed. `open` says whether the programme has a timeline, and whether that can be played.
    pub(crate) fn tell(
        &mut self,
        sink: &dyn ProgrammeSink,
        programme: Programme,
        open: Option<bool>,
        rungs: &[String],
        now: Instant,
    ) {
        let health = self.health(rungs, now);
        if self.told_health != health {
            count_degraded(&self.told_health, &health);
            sink.health(programme, health.clone());
            self.told_health = health;
        }
        // The end is the last thing that is heard of a programme.
        let status = self.status(open);
        if self.told_status != Some(status) {
            self.told_status = Some(status);
            sink.status(programme, status);
        }
    }

    /// The programme's task ends, and with it what the metrics count.
    pub(crate) fn close(&mut self) {
        count_degraded(&self.told_health, &ProgrammeHealth::default());
        self.told_health = ProgrammeHealth::default();
    }

    fn status(&self, open: Option<bool>) -> ProgrammeStatus {
        let state = match open {
            _ if self.ended => ProgrammeState::Ended,
            None => ProgrammeState::Waiting,
            Some(_) if self.interrupted => ProgrammeState::Interrupted,
            Some(_) => ProgrammeState::Playing,
        };
        ProgrammeStatus { state, playable: open == Some(true) && !self.ended }
    }

    fn health(&self, rungs: &[String], now: Instant) -> ProgrammeHealth {
        let mut warnings = self.warnings.clone();
        if self.degraded_until.is_some_and(|until| now < until) {
            warnings.push(HealthWarning::RecordingDegraded);
        }
        warnings.sort_unstable();
        warnings.dedup();
        ProgrammeHealth { warnings, rungs: rungs.to_vec() }
    }
}

fn count_degraded(before: &ProgrammeHealth, after: &ProgrammeHealth) {
    let degraded = |health: &ProgrammeHealth| health.warnings.contains(&HealthWarning::RecordingDegraded);
    match (degraded(before), degraded(after)) {
        (false, true) => metrics::gauge!("lectern_packager_recordings_degraded").increment(1.0),
        (true, false) => metrics::gauge!("lectern_packager_recordings_degraded").decrement(1.0),
        (true, true) | (false, false) => {}
    }
}
