//! How long a grant lives. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use utoipa::ToSchema;

/// For players that renew.
const LIFE: TimeDelta = TimeDelta::hours(1);
/// For players that cannot: until the session's end and a little more, but never longer than this.
const NATIVE_LIFE_MAX: TimeDelta = TimeDelta::hours(6);
const NATIVE_AFTER_END: TimeDelta = TimeDelta::minutes(15);

/// What plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Client {
    /// A page of ours, or another player that asks again at four fifths of the life.
    #[default]
    Web,
    /// A player that is given an address once: a television, VLC.
    Native,
}

/// When a grant that is given now ends.
pub(crate) fn expires_at(client: Client, ends_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    match client {
        Client::Web => now + LIFE,
        Client::Native => (ends_at + NATIVE_AFTER_END).clamp(now + LIFE, now + NATIVE_LIFE_MAX),
    }
}

/// A kept grant is given again while more than half of it is left.
pub(crate) fn is_fresh(expires_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    expires_at - now > LIFE / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lives() {
        let now: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
        let check = |client, ends_in_min, expected_min| {
            let end = now + TimeDelta::minutes(ends_in_min);
            assert_eq!(expires_at(client, end, now), now + TimeDelta::minutes(expected_min));
        };
        check(Client::Web, 10, 60);
        check(Client::Web, 600, 60);
        check(Client::Native, 90, 105);
        check(Client::Native, 600, 360);
        // Over time: the lecture goes on, and so does the token.
        check(Client::Native, -30, 60);
        assert!(is_fresh(now + TimeDelta::minutes(31), now));
        assert!(!is_fresh(now + TimeDelta::minutes(30), now));
    }
}
