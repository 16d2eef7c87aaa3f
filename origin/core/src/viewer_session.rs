//! What one viewer session (a token's `sid`) may do at once, how far back it may fetch, and how many watch.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use access::playback::{Class, Classes};
use hls::window::Window;
use ids::SessionId;
use media::MediaTime;

/// A viewer counts as watching for so long after its last request.
pub const SEEN_FOR: Duration = Duration::from_secs(30);
/// At most so many viewers are counted; at the limit new ones are not, until others have gone.
pub const COUNTED_MAX: usize = 100_000;

/// May a token of these classes fetch this segment (or a part of it)?
///
/// Everything, with a view of everything. For the live window alone: as far back as a player can still need
/// it, which is a window's length after it left the list (rfc8216bis 6.2.2: its own duration and that of the
/// longest playlist that had it).
#[must_use]
pub fn may_fetch(window: &Window, classes: Classes, msn: u64) -> bool {
    if classes.has(Class::Dvr) || classes.has(Class::Vod) || msn >= window.live_from_msn {
        return true;
    }
    let (Some(asked), Some(first)) = (
        window.segments.by_msn(msn),
        window.segments.by_msn(window.live_from_msn).or(window.segments.last()),
    ) else {
        return false;
    };
    let gone_for = first.starts_at.minus(asked.starts_at);
    let kept_for = MediaTime::from_ms(i64::from(window.figures.live_window_ms)).plus(asked.duration);
    gone_for <= kept_for.plus(asked.duration)
}

/// How many requests are held, in all and for each viewer session.
#[derive(Clone, Debug)]
pub struct Holds {
    max: usize,
    max_each: u32,
    held: usize,
    by_sid: BTreeMap<u64, u32>,
}

impl Holds {
    /// At most `max` in all, and `max_each` for one viewer session.
    #[must_use]
    pub const fn new(max: usize, max_each: u32) -> Self {
        Self { max, max_each, held: 0, by_sid: BTreeMap::new() }
    }

    /// Begins a hold (`sid`: none for an edge, which has no limit of its own). False: the limit is reached,
    /// the player gets 503 and asks again.
    #[must_use]
    pub fn begin(&mut self, sid: Option<u64>) -> bool {
        if self.held >= self.max {
            return false;
        }
        if let Some(sid) = sid {
            let mine = self.by_sid.entry(sid).or_default();
            if *mine >= self.max_each {
                return false;
            }
            *mine += 1;
        }
        self.held += 1;
        true
    }

    /// Ends a hold that was begun.
    pub fn end(&mut self, sid: Option<u64>) {
        self.held = self.held.saturating_sub(1);
        let Some(sid) = sid else { return };
        if let Some(mine) = self.by_sid.get_mut(&sid) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                self.by_sid.remove(&sid);
            }
        }
    }

    /// How many there are now.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }
}

/// Who asked for something lately.
#[derive(Clone, Debug, Default)]
pub struct Viewers {
    last_seen: BTreeMap<(SessionId, u64), Instant>,
    count: BTreeMap<SessionId, usize>,
    /// Each viewer once, at a moment when it was seen (not always the last: see `forget_gone`).
    by_time: BTreeSet<(Instant, SessionId, u64)>,
}

impl Viewers {
    /// A viewer session asked for something of a session.
    pub fn seen(&mut self, session: SessionId, sid: u64, now: Instant) {
        self.forget_gone(now);
        if let Some(last) = self.last_seen.get_mut(&(session, sid)) {
            *last = now;
            return;
        }
        if self.last_seen.len() >= COUNTED_MAX {
            return;
        }
        self.last_seen.insert((session, sid), now);
        *self.count.entry(session).or_default() += 1;
        self.by_time.insert((now, session, sid));
    }

    /// How many watch a session now.
    #[must_use]
    pub fn watching(&mut self, session: SessionId, now: Instant) -> usize {
        self.forget_gone(now);
        self.count.get(&session).copied().unwrap_or(0)
    }

    /// A request only notes its moment; the order is put right here, once in [`SEEN_FOR`] for each viewer.
    fn forget_gone(&mut self, now: Instant) {
        while let Some(&(at, session, sid)) = self.by_time.first()
            && now.saturating_duration_since(at) > SEEN_FOR
        {
            self.by_time.pop_first();
            let last = self.last_seen.get(&(session, sid)).copied().unwrap_or(at);
            if last > at {
                self.by_time.insert((last, session, sid));
                continue;
            }
            self.last_seen.remove(&(session, sid));
            if let Some(count) = self.count.get_mut(&session) {
                *count -= 1;
                if *count == 0 {
                    self.count.remove(&session);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
