//! Holding a request until the window has what it asks for.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Instant,
};

use hls::window::Window;
use http::StatusCode;
use ids::EpochId;
use origin_core::{blocking_reload::hold_max, deny_set::DenySet, viewer_session::Holds};
use runtime::clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{caller::Caller, config::Config, snapshot::Rendition};

/// What to do with a request, given the window as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answer it.
    Serve,
    /// Ask again when the window has changed.
    Hold,
    /// Answer it with this status.
    Refuse(StatusCode),
}

/// The requests that are held, and what ends a hold before its time.
#[derive(Debug)]
pub(crate) struct Holding {
    holds: Mutex<Holds>,
    deny: watch::Sender<DenySet>,
    stop: CancellationToken,
}

impl Holding {
    pub(crate) fn new(config: &Config, stop: CancellationToken) -> Self {
        let holds = Holds::new(config.held_max, config.held_per_viewer_max);
        Self { holds: Mutex::new(holds), deny: watch::Sender::default(), stop }
    }

    pub(crate) fn deny(&self) -> &watch::Sender<DenySet> {
        &self.deny
    }

    pub(crate) fn held(&self) -> usize {
        self.lock().held()
    }

    /// Waits until `decide` says something else than hold: at most for three target durations, then 503
    /// (rfc8216bis 6.2.5.2). A viewer who is denied meanwhile gets 403 at once.
    pub(crate) async fn until(
        &self,
        rendition: &Rendition,
        caller: Caller,
        epoch: EpochId,
        decide: impl Fn(&Window) -> Verdict,
    ) -> Result<(), StatusCode> {
        let mut window = rendition.window.clone();
        let Some(deadline) = first_look(&mut window, &decide)? else { return Ok(()) };
        let _held = self.begin(caller.sid)?;
        let mut deny = self.deny.subscribe();
        loop {
            if deny.borrow_and_update().refuses(caller.sid, epoch) {
                return Err(StatusCode::FORBIDDEN);
            }
            let verdict = decide(&window.borrow_and_update());
            match verdict {
                Verdict::Serve => return Ok(()),
                Verdict::Refuse(status) => return Err(status),
                Verdict::Hold => {}
            }
            tokio::select! {
                changed = window.changed() => if changed.is_err() {
                    return Err(StatusCode::SERVICE_UNAVAILABLE);
                },
                // The sender is ours, so this ends only with a change.
                _ = deny.changed() => {}
                () = self.stop.cancelled() => return Err(StatusCode::SERVICE_UNAVAILABLE),
                () = clock::sleep_until(deadline) => return Err(StatusCode::SERVICE_UNAVAILABLE),
            }
        }
    }

    fn begin(&self, sid: Option<u64>) -> Result<Held<'_>, StatusCode> {
        if !self.lock().begin(sid) {
            metrics::counter!("lectern_origin_holds_refused_total").increment(1);
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        metrics::gauge!("lectern_origin_held_requests").increment(1.0);
        Ok(Held { holding: self, sid })
    }

    fn lock(&self) -> MutexGuard<'_, Holds> {
        self.holds.lock().expect("no holder of this lock panics")
    }
}

/// None: serve at once. Else the moment at which the hold ends.
fn first_look(
    window: &mut watch::Receiver<Arc<Window>>,
    decide: impl Fn(&Window) -> Verdict,
) -> Result<Option<Instant>, StatusCode> {
    let window = window.borrow_and_update();
    match decide(&window) {
        Verdict::Serve => Ok(None),
        Verdict::Refuse(status) => Err(status),
        Verdict::Hold => Ok(Some(clock::now() + hold_max(&window.figures))),
    }
}

/// A held request, until it is answered or its player goes away.
struct Held<'a> {
    holding: &'a Holding,
    sid: Option<u64>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.holding.lock().end(self.sid);
        metrics::gauge!("lectern_origin_held_requests").decrement(1.0);
    }
}
