//! Password hashing that can never crowd out the media: two at a time, few waiting, the rest refused.

use std::{sync::Arc, time::Duration};

use argon2::{
    Algorithm, Argon2, Params, PasswordVerifier as _, Version,
    password_hash::{PasswordHasher as _, phc::PasswordHash},
};
use runtime::random;
use tokio::sync::Semaphore;

/// OWASP's recommendation: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Running at once.
const RUNNING_MAX: usize = 2;
/// Running or waiting. One that comes on top is told to try again.
const ADMITTED_MAX: usize = 50;
/// One that has waited this long is told to try again.
const WAIT_S_MAX: u64 = 5;
/// Of no password; checked in the place of a missing one, so that an unknown address costs the same.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// All are busy; nothing was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// Computes Argon2id, a bounded number of times at once.
#[derive(Clone, Debug)]
pub(crate) struct Hasher {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Default for Hasher {
    fn default() -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(ADMITTED_MAX)),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }
}

impl Hasher {
    /// A new password in PHC form.
    pub(crate) async fn hash(&self, password: String) -> Result<String, Busy> {
        let salt = random::bytes::<16>();
        self.run(move || {
            let hash = argon2().hash_password_with_salt(password.as_bytes(), &salt);
            hash.expect("the salt is 16 bytes long and a password has a limit").to_string()
        })
        .await
    }

    /// Whether it is the password of which `stored` was kept. Without a stored one it costs the same
    /// and is false.
    pub(crate) async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, Busy> {
        self.run(move || {
            let known = stored.is_some();
            let text = stored.as_deref().unwrap_or(NOBODY);
            let Ok(hash) = PasswordHash::new(text) else {
                tracing::error!("a stored password hash cannot be read");
                return false;
            };
            argon2().verify_password(password.as_bytes(), &hash).is_ok() && known
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _admitted = self.admitted.try_acquire().map_err(|_| Busy)?;
        let wait = Duration::from_secs(WAIT_S_MAX);
        let running = tokio::time::timeout(wait, Arc::clone(&self.running).acquire_owned()).await;
        let running = running.map_err(|_| Busy)?.expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(move || {
            // Given back when the work is done, even if the caller has gone away.
            let _running = running;
            work()
        });
        Ok(done.await.expect("hashing does not panic"))
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the figures are within their limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_recognised_and_no_other() {
        let hasher = Hasher::default();
        let hash = hasher.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(hasher.verify("correct horse".into(), Some(hash.clone())).await, Ok(true));
        assert_eq!(hasher.verify("correct house".into(), Some(hash)).await, Ok(false));
        assert_eq!(hasher.verify("correct horse".into(), None).await, Ok(false));
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[tokio::test]
    async fn a_flood_is_turned_away_at_once() {
        let hasher = Hasher::default();
        let _all = hasher.admitted.acquire_many(u32::try_from(ADMITTED_MAX).unwrap()).await.unwrap();
        assert_eq!(hasher.hash("correct horse".into()).await, Err(Busy));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_turned_away() {
        let hasher = Hasher::default();
        let _both = hasher.running.acquire_many(u32::try_from(RUNNING_MAX).unwrap()).await.unwrap();
        assert_eq!(hasher.verify("correct horse".into(), None).await, Err(Busy));
    }
}
