//! The joints: one room's trait, answered by another room's function.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock},
};

use control_api::{Control, MediaControl};
use events::{AccessRevoked, Ended, Grant, Programme, PublicationChanged, PublicationHealth, WentLive};
use ids::{CourseId, EpochId, PublicationId, SessionId};
use ingest_server::{HealthSink, PublicationSink, PublishPolicy, SecretKey};
use media::Item;
use origin_server::{Feed, Opening, Origin};
use packager_server::{Packager, ProgrammeHealth, ProgrammeSink, ProgrammeStatus};
use tokio::sync::mpsc;

/// What ingest needs: control judges keys and hears how publications do, the packager takes their media.
pub(crate) struct ForIngest {
    pub(crate) control: Control,
    pub(crate) packager: Packager,
    pub(crate) said: Arc<Said>,
}

impl PublishPolicy for ForIngest {
    async fn admit(&self, key: &SecretKey, peer: IpAddr) -> Result<Grant, ingest_server::Refusal> {
        self.control.admit(key.expose(), peer).await.map_err(|refusal| match refusal {
            control_api::Refusal::WrongKey => ingest_server::Refusal::WrongKey,
            control_api::Refusal::Unavailable => ingest_server::Refusal::Unavailable,
        })
    }
}

impl PublicationSink for ForIngest {
    fn start(&self, grant: Grant, items: mpsc::Receiver<Item>) {
        self.packager.publish(&grant, items);
    }
}

impl HealthSink for ForIngest {
    fn health(&self, _publication: PublicationId, course: CourseId, mut health: PublicationHealth) {
        self.said.add_to(course, &mut health);
        self.control.health(course, health);
    }

    fn changed(&self, change: PublicationChanged) {
        self.control.publication_changed(change);
    }
}

/// What the packager last said of each programme: its rungs and warnings, joined with what ingest measures so
/// that the studio page shows one list.
#[derive(Default)]
pub(crate) struct Said(Mutex<BTreeMap<EpochId, (Programme, ProgrammeHealth)>>);

impl Said {
    fn add_to(&self, course: CourseId, health: &mut PublicationHealth) {
        let known = self.lock();
        // A course has a preview, a public programme, or for a moment both; the newest epoch is the last.
        let Some((_, said)) = known.values().rev().find(|(programme, _)| programme.course == course) else {
            return;
        };
        health.warnings.extend(&said.warnings);
        health.warnings.sort_unstable();
        health.warnings.dedup();
        health.rungs.clone_from(&said.rungs);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<EpochId, (Programme, ProgrammeHealth)>> {
        self.0.lock().expect("no holder panics")
    }
}

/// What the packager needs: control hears where programmes stand. Control is made after the packager, so
/// it is filled in once.
#[derive(Default)]
pub(crate) struct ForPackager {
    pub(crate) control: OnceLock<Control>,
    pub(crate) said: Arc<Said>,
}

impl ProgrammeSink for ForPackager {
    fn status(&self, programme: Programme, status: ProgrammeStatus) {
        use control_api::ProgrammeState as Told;
        let state = match status.state {
            packager_server::ProgrammeState::Waiting => Told::Waiting,
            packager_server::ProgrammeState::Playing => Told::Playing,
            packager_server::ProgrammeState::Interrupted => Told::Interrupted,
            packager_server::ProgrammeState::Ended => {
                self.said.lock().remove(&programme.epoch);
                Told::Ended
            }
        };
        if let Some(control) = self.control.get() {
            control.programme_state(programme, state, status.playable);
        }
    }

    fn health(&self, programme: Programme, health: ProgrammeHealth) {
        self.said.lock().insert(programme.epoch, (programme, health));
    }
}

/// What the origin needs: the packager opens epochs.
pub(crate) struct ForOrigin(pub(crate) Packager);

impl Feed for ForOrigin {
    fn open(&self, session: SessionId, epoch: EpochId) -> Opening<'_> {
        Box::pin(async move {
            let feed = self.0.open(session, epoch).await?;
            Some(origin_server::EpochFeed {
                multivariant: feed.multivariant,
                renditions: feed.renditions,
                media: feed.media,
            })
        })
    }
}

/// What control needs: the packager and the origin carry out what was decided.
pub(crate) struct ForControl {
    pub(crate) packager: Packager,
    pub(crate) origin: Arc<Origin>,
}

impl MediaControl for ForControl {
    fn went_live(&self, fact: WentLive) {
        self.packager.went_live(fact);
    }

    fn ended(&self, fact: Ended) {
        self.packager.ended(fact);
    }

    fn revoke(&self, fact: AccessRevoked) {
        self.origin.revoke(&fact);
    }

    fn viewers(&self, session: SessionId) -> usize {
        self.origin.viewers(session)
    }
}

/// For commands that run beside a server.
pub(crate) struct NoMedia;

impl MediaControl for NoMedia {
    fn went_live(&self, _fact: WentLive) {}
    fn ended(&self, _fact: Ended) {}
    fn revoke(&self, _fact: AccessRevoked) {}
    fn viewers(&self, _session: SessionId) -> usize {
        0
    }
}
