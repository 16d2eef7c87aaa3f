//! How a connection behaves, and when it has to go. The stream and the service note what happens; one
//! future per connection judges it every few seconds, so that a request costs no timer of its own.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use limits::{Bucket, Rate};
use runtime::clock;
use tokio::sync::Notify;

use super::Limits;

/// A connection is looked at this often at least; limits are kept to the moment when they are known by then.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Requests that a peer may take back in a second. Browsers take back a few when somebody seeks.
const RESETS_PER_S: u32 = 20;

/// Why a connection has to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It said nothing, or began a request and did not end it.
    SlowHead,
    /// Nothing was asked for a long time.
    Idle,
    /// An answer waits for a reader that takes nothing.
    Stalled,
    /// Requests are taken back as fast as they are made (CVE-2023-44487).
    Resets,
}

impl Verdict {
    /// For the metric.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SlowHead => "slow_head",
            Self::Idle => "idle",
            Self::Stalled => "stalled",
            Self::Resets => "resets",
        }
    }
}

enum Judgement {
    Guilty(Verdict),
    LookAgain(Instant),
}

/// What is known of one connection. Clones share it.
#[derive(Clone)]
pub(super) struct Conduct {
    state: Arc<Mutex<State>>,
    /// Rung when there is no time to be lost.
    alarm: Arc<Notify>,
    /// Requests overlap (HTTP/2): one can be taken back while the others go on, and bytes outside of one are
    /// not yet a request's head.
    multiplexed: bool,
    headers_max: Duration,
    idle_max: Duration,
    stall_max: Duration,
    /// One answer among several that make progress may wait longer.
    one_stall_max: Duration,
}

struct State {
    /// Requests begun, ever.
    requests: u64,
    /// Requests that are not answered to the end.
    in_flight: usize,
    /// The last answer's end, or the connection's begin.
    quiet_since: Instant,
    /// The first byte of a request that has not come whole.
    head_since: Option<Instant>,
    /// Answers that wait for the peer to take more, and since when.
    offered: BTreeMap<u64, Instant>,
    /// When any answer last made progress.
    progress_at: Instant,
    resets: Bucket,
    too_many_resets: bool,
}

/// One request from its head to its answer's end; tells when it is dropped before.
pub(super) struct Request {
    conduct: Conduct,
    number: u64,
    done: bool,
}

impl Conduct {
    pub(super) fn new(limits: &Limits, multiplexed: bool, now: Instant) -> Self {
        let state = State {
            requests: 0,
            in_flight: 0,
            quiet_since: now,
            head_since: None,
            offered: BTreeMap::new(),
            progress_at: now,
            resets: Bucket::full(now),
            too_many_resets: false,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            alarm: Arc::default(),
            multiplexed,
            headers_max: limits.headers_max,
            idle_max: limits.idle_max,
            stall_max: limits.write_stall_max,
            one_stall_max: 3 * limits.write_stall_max,
        }
    }

    /// Bytes came. Outside of a request they begin one.
    pub(super) fn heard(&self) {
        let mut state = self.state();
        if state.in_flight == 0 && state.head_since.is_none() {
            state.head_since = Some(clock::now());
        }
    }

    /// Bytes went. An answer may still be going out when its body has been handed over whole. (HTTP/2 has
    /// pings of its own, which say nothing.)
    pub(super) fn wrote(&self) {
        if !self.multiplexed {
            self.state().quiet_since = clock::now();
        }
    }

    /// A request's head is complete; none when the connection is to go anyway.
    pub(super) fn begin_request(&self) -> Option<Request> {
        let mut state = self.state();
        if state.too_many_resets {
            return None;
        }
        state.requests += 1;
        state.in_flight += 1;
        state.head_since = None;
        Some(Request { conduct: self.clone(), number: state.requests, done: !self.multiplexed })
    }

    /// Waits until the connection has to go.
    pub(super) async fn watch(&self) -> Verdict {
        loop {
            let now = clock::now();
            let next = match self.judge(now) {
                Judgement::Guilty(verdict) => return verdict,
                Judgement::LookAgain(at) => at.min(now + LOOK_EVERY),
            };
            tokio::select! {
                () = clock::sleep_until(next) => {}
                () = self.alarm.notified() => {}
            }
        }
    }

    fn judge(&self, now: Instant) -> Judgement {
        let state = self.state();
        let mut next = now + LOOK_EVERY;
        // Each limit that applies now: when it is reached, and what it means.
        let mut limit = |at: Instant, verdict| {
            next = next.min(at);
            (at <= now).then_some(verdict)
        };
        let mut verdict = state.too_many_resets.then_some(Verdict::Resets);
        if let Some(longest) = state.offered.values().min() {
            let all_stand = state.progress_at.max(*longest) + self.stall_max;
            let one_stands = *longest + self.one_stall_max;
            verdict = verdict.or(limit(all_stand.min(one_stands), Verdict::Stalled));
        }
        if state.in_flight == 0 {
            // The first head's time begins with the connection.
            let head_since = if state.requests == 0 { Some(state.quiet_since) } else { state.head_since };
            if let Some(since) = head_since.filter(|_| !self.multiplexed) {
                verdict = verdict.or(limit(since + self.headers_max, Verdict::SlowHead));
            }
            verdict = verdict.or(limit(state.quiet_since + self.idle_max, Verdict::Idle));
        }
        verdict.map_or(Judgement::LookAgain(next), Judgement::Guilty)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

impl Request {
    /// The peer took what it was offered before.
    pub(super) fn progress(&self) {
        let mut state = self.conduct.state();
        if state.offered.remove(&self.number).is_some() {
            state.progress_at = clock::now();
        }
    }

    /// More of the answer is there for the peer to take.
    pub(super) fn offer(&self) {
        self.conduct.state().offered.insert(self.number, clock::now());
    }

    /// The answer is out.
    pub(super) const fn finish(&mut self) {
        self.done = true;
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let now = clock::now();
        let mut state = self.conduct.state();
        state.in_flight -= 1;
        state.quiet_since = now;
        if state.offered.remove(&self.number).is_some() {
            state.progress_at = now;
        }
        if !self.done && state.resets.take(&Rate::new(RESETS_PER_S, Duration::from_secs(1)), now).is_err() {
            state.too_many_resets = true;
            self.conduct.alarm.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn bench(multiplexed: bool) -> (Conduct, Instant) {
        let now = clock::now();
        (Conduct::new(&Limits::default(), multiplexed, now), now)
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_ten_seconds_and_a_pause_between_requests_75() {
        let (conduct, start) = bench(false);
        assert_eq!(conduct.watch().await, Verdict::SlowHead);
        assert_eq!(clock::now() - start, 10 * S, "a connection that says nothing");

        let (conduct, _) = bench(false);
        let request = conduct.begin_request().expect("a healthy connection");
        clock::sleep_until(clock::now() + 100 * S).await;
        assert!(matches!(conduct.judge(clock::now()), Judgement::LookAgain(_)), "an answer may be held");
        drop(request);
        let quiet = clock::now();
        assert_eq!(conduct.watch().await, Verdict::Idle);
        assert_eq!(clock::now() - quiet, 75 * S);

        let (conduct, _) = bench(false);
        drop(conduct.begin_request());
        clock::sleep_until(clock::now() + 60 * S).await;
        conduct.heard();
        conduct.heard();
        let begun = clock::now();
        assert_eq!(conduct.watch().await, Verdict::SlowHead);
        assert_eq!(clock::now() - begun, 10 * S, "the second request's head");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_ends_the_connection() {
        let (conduct, _) = bench(true);
        let request = conduct.begin_request().expect("a healthy connection");
        request.offer();
        let start = clock::now();
        assert_eq!(conduct.watch().await, Verdict::Stalled);
        assert_eq!(clock::now() - start, 12 * S);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_stands_among_others_that_move_has_three_times_as_long() {
        let (conduct, start) = bench(true);
        let (stands, moves) =
            (conduct.begin_request().expect("healthy"), conduct.begin_request().expect("healthy"));
        stands.offer();
        let mover = async {
            loop {
                moves.offer();
                clock::sleep_until(clock::now() + S).await;
                moves.progress();
            }
        };
        let verdict = tokio::select! {
            () = mover => unreachable!("it goes on for ever"),
            verdict = conduct.watch() => verdict,
        };
        assert_eq!((verdict, clock::now() - start), (Verdict::Stalled, 36 * S));
    }

    #[tokio::test(start_paused = true)]
    async fn twenty_requests_may_be_taken_back_in_a_second_and_no_more() {
        let (conduct, _) = bench(true);
        for _ in 0..1000 {
            let mut answered = conduct.begin_request().expect("answered ones do not count");
            answered.finish();
        }
        for _ in 0..20 {
            drop(conduct.begin_request().expect("not yet too many"));
        }
        clock::sleep_until(clock::now() + S).await;
        for _ in 0..21 {
            drop(conduct.begin_request().expect("not yet too many"));
        }
        assert!(conduct.begin_request().is_none());
        assert_eq!(conduct.watch().await, Verdict::Resets);
    }
}
