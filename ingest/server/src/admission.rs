//! The way from a stream key to a grant: guessing is slowed down, the policy is asked, the course's
//! place is taken.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use events::Grant;
use ingest_core::rtmp::SecretKey;
use runtime::clock;
use tracing::{info, warn};

use crate::{
    Config, PublishPolicy, Refusal,
    guesses::Guesses,
    places::source_of,
    registry::{Entry, Registry},
};

/// A publication that gives way must be gone by then; its connection is cut anyway.
const GIVE_WAY_MAX: Duration = Duration::from_secs(3);

/// The status code of every refusal: encoders know it and stop trying.
pub const BAD_NAME: &str = "NetStream.Publish.BadName";

/// Judges publishers; one for the whole listener.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    guesses: Arc<Mutex<Guesses>>,
    registry: Registry,
    timeout: Duration,
}

/// A publisher who was let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) grant: Grant,
    /// His place in the course; to be dropped after the sender of his media.
    pub(crate) entry: Entry,
}

impl Admission {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            guesses: Arc::new(Mutex::new(Guesses::new(config.wrong_keys, config.tarpit))),
            registry: Registry::new(config.takeover_interval),
            timeout: config.admission_timeout,
        }
    }

    /// Judges a key from `peer`. An error is the description that the publisher reads.
    pub(crate) async fn judge<P: PublishPolicy>(
        &self,
        policy: &P,
        key: &SecretKey,
        peer: IpAddr,
    ) -> Result<Admitted, String> {
        let source = source_of(peer);
        let wait = self.guesses.lock().expect("no holder panics").wait(source, clock::now());
        clock::sleep_until(clock::now() + wait).await;
        let answer = tokio::time::timeout(self.timeout, policy.admit(key, peer)).await;
        let grant = match answer.unwrap_or(Err(Refusal::Unavailable)) {
            Ok(grant) => grant,
            Err(refusal) => {
                if refusal == Refusal::WrongKey {
                    self.count_guess(source, peer);
                }
                return Err(refusal.to_string());
            }
        };
        let mut entry = self
            .registry
            .enter(grant.course, grant.publication, grant.takeover, clock::now())
            .map_err(|occupied| occupied.to_string())?;
        if let Some(predecessor) = entry.predecessor.take() {
            info!(
                publication.id = %grant.publication, %peer,
                "publication {} from {peer} takes over from {}", grant.publication, predecessor.publication
            );
            let _ = tokio::time::timeout(GIVE_WAY_MAX, predecessor.gone.cancelled()).await;
        }
        Ok(Admitted { grant, entry })
    }

    fn count_guess(&self, source: IpAddr, peer: IpAddr) {
        metrics::counter!("lectern_ingest_wrong_keys_total").increment(1);
        if self.guesses.lock().expect("no holder panics").wrong(source, clock::now()) {
            warn!(%peer, "{peer} guesses stream keys: the next ones from there wait");
        }
    }
}
