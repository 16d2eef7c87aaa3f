//! Making ids: the shell's part, since it reads the clock and draws randomness.

use runtime::{clock, random};
use uuid::Uuid;

/// A new UUIDv7, as any of the id types.
pub(crate) fn new_id<T: From<Uuid>>() -> T {
    let id = uuid::Builder::from_unix_timestamp_millis(clock::unix_ms(), &random::bytes());
    T::from(id.into_uuid())
}
