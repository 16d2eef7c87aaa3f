//! Whose tokens are refused although they are still good: removed students, killed epochs.

use std::collections::{BTreeMap, BTreeSet};

use events::AccessRevoked;
use ids::EpochId;

/// At most so many viewer sessions are remembered; at the limit the one whose tokens end soonest is
/// forgotten. A token lives six hours at most, so this is five removals a second for all that time.
pub const VIEWER_SESSIONS_MAX: usize = 100_000;
/// At most so many killed epochs; the smallest id (the oldest) is forgotten. Their playlists are gone too,
/// so that a forgotten one opens nothing.
pub const EPOCHS_MAX: usize = 10_000;

/// What was revoked and could still be asked for.
#[derive(Clone, Debug, Default)]
pub struct DenySet {
    until_by_sid: BTreeMap<u64, u64>,
    by_end: BTreeSet<(u64, u64)>,
    epochs: BTreeSet<EpochId>,
}

impl DenySet {
    /// Takes over a revocation; the same twice changes nothing.
    pub fn apply(&mut self, revoked: &AccessRevoked, now_unix_s: u64) {
        self.forget_ended(now_unix_s);
        match *revoked {
            AccessRevoked::ViewerSession { sid, until_unix_s } => self.deny_sid(sid, until_unix_s),
            AccessRevoked::Epoch(epoch) => {
                self.epochs.insert(epoch);
                while self.epochs.len() > EPOCHS_MAX {
                    self.epochs.pop_first();
                }
            }
        }
    }

    /// Is this viewer session (none: an edge), or everybody in this epoch, refused?
    #[must_use]
    pub fn refuses(&self, sid: Option<u64>, epoch: EpochId) -> bool {
        sid.is_some_and(|sid| self.until_by_sid.contains_key(&sid)) || self.epochs.contains(&epoch)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.until_by_sid.len() + self.epochs.len()
    }

    /// None at all?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.until_by_sid.is_empty() && self.epochs.is_empty()
    }

    fn deny_sid(&mut self, sid: u64, until_unix_s: u64) {
        // Tokens are taken for a minute longer where clocks differ.
        let until = until_unix_s.saturating_add(access::playback::CLOCK_SKEW_S);
        let until = until.max(self.until_by_sid.get(&sid).copied().unwrap_or(0));
        if let Some(before) = self.until_by_sid.insert(sid, until) {
            self.by_end.remove(&(before, sid));
        }
        self.by_end.insert((until, sid));
        while self.by_end.len() > VIEWER_SESSIONS_MAX
            && let Some((_, soonest)) = self.by_end.pop_first()
        {
            self.until_by_sid.remove(&soonest);
        }
    }

    fn forget_ended(&mut self, now_unix_s: u64) {
        while let Some(&(until, sid)) = self.by_end.first()
            && until < now_unix_s
        {
            self.by_end.pop_first();
            self.until_by_sid.remove(&sid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(sid: u64, until_unix_s: u64) -> AccessRevoked {
        AccessRevoked::ViewerSession { sid, until_unix_s }
    }

    fn epoch(n: u8) -> EpochId {
        EpochId::from_parts(u64::from(n), [n; 10])
    }

    #[test]
    fn a_viewer_session_is_refused_until_its_tokens_end() {
        let mut deny = DenySet::default();
        deny.apply(&sid(7, 1_000), 0);
        deny.apply(&sid(7, 900), 0);
        assert!(
            deny.refuses(Some(7), epoch(1))
                && !deny.refuses(Some(8), epoch(1))
                && !deny.refuses(None, epoch(1))
        );
        deny.apply(&sid(8, 5_000), 1_060);
        assert!(deny.refuses(Some(7), epoch(1)), "a token is taken until a minute after its end");
        deny.apply(&sid(8, 5_000), 1_061);
        assert!(!deny.refuses(Some(7), epoch(1)) && deny.refuses(Some(8), epoch(1)));
        assert_eq!(deny.len(), 1);
    }

    #[test]
    fn a_killed_epoch_is_closed_to_everybody() {
        let mut deny = DenySet::default();
        deny.apply(&AccessRevoked::Epoch(epoch(1)), 0);
        assert!(
            deny.refuses(Some(1), epoch(1)) && deny.refuses(None, epoch(1)) && !deny.refuses(None, epoch(2))
        );
    }

    #[test]
    fn at_the_limit_those_that_end_soonest_are_forgotten() {
        let mut deny = DenySet::default();
        let many = u64::try_from(VIEWER_SESSIONS_MAX).unwrap();
        (0..=many).for_each(|n| deny.apply(&sid(n, 1_000 + n), 0));
        assert_eq!(deny.len(), VIEWER_SESSIONS_MAX);
        assert!(
            !deny.refuses(Some(0), epoch(1))
                && deny.refuses(Some(1), epoch(1))
                && deny.refuses(Some(many), epoch(1))
        );
    }
}
