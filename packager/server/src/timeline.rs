//! The core of a programme and its way out, as they are made: new, or from the journal.

use std::collections::BTreeMap;

use events::Programme;
use packager_core::epoch::{Epoch, RecoverError, Start};
use runtime::clock;
use store::Kind;

use crate::{packager::Shared, publish::Outlet, recover::Recovered};

/// Above what a lost journal may have listed: as many numbers as a journal reserves.
const MSN_RESERVE: u64 = 64;

/// The core and its way out.
pub(crate) struct Timeline {
    pub(crate) epoch: Epoch,
    pub(crate) outlet: Outlet,
    /// The course's title, where the journal has it.
    pub(crate) title: Option<String>,
}

/// Where a timeline may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OpenAs {
    /// From disk alone.
    Journal,
    /// From disk, or a new one.
    JournalOrNew,
}

/// What there is of a programme's timeline.
pub(crate) enum Opened {
    /// A new one.
    New(Timeline),
    /// One that goes on.
    Recovered(Timeline),
    /// It has ended.
    Ended,
    /// Nothing on disk.
    Nothing,
}

/// Opens a programme's timeline.
pub(crate) async fn open(shared: &Shared, programme: Programme, open_as: OpenAs) -> Opened {
    let Programme { session, epoch, .. } = programme;
    let recovered = match Recovered::read(&shared.store, session, epoch).await {
        Ok(recovered) => recovered,
        Err(error) => {
            // With a disk that cannot be read, a lecture from now on is better than none.
            tracing::error!(
                epoch.id = %epoch,
                "journal of epoch {epoch} cannot be read, the lecture goes on above what it may have listed: {error}"
            );
            return Opened::New(above(shared, programme, BTreeMap::new()));
        }
    };
    match (recovered, open_as) {
        (Some(recovered), _) if !recovered.has_ended() => recover(shared, programme, recovered),
        (Some(_), OpenAs::JournalOrNew) if !programme.on_air => {
            // A draft's URIs are nobody's but its owner's: it may begin again.
            shared.archives.forget(session, epoch);
            if let Err(error) = shared.store.delete(session, epoch).await {
                tracing::warn!(epoch.id = %epoch, "old preview is not deleted: {error}");
            }
            Opened::New(new(shared, programme))
        }
        (Some(_), _) => Opened::Ended,
        (None, OpenAs::JournalOrNew) => Opened::New(new(shared, programme)),
        (None, OpenAs::Journal) => Opened::Nothing,
    }
}

fn recover(shared: &Shared, programme: Programme, recovered: Recovered) -> Opened {
    let file_bytes = recovered.file_bytes.clone();
    match try_recover(shared, programme, recovered) {
        Ok(timeline) => Opened::Recovered(timeline),
        Err(error) => {
            let epoch = programme.epoch;
            tracing::error!(
                epoch.id = %epoch,
                "journal of epoch {epoch} is of no use and is set aside, the lecture goes on above it: {error}"
            );
            Opened::New(above(shared, programme, file_bytes))
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Core(#[from] RecoverError),
    #[error(transparent)]
    Index(#[from] store::Error),
}

fn try_recover(shared: &Shared, programme: Programme, recovered: Recovered) -> Result<Timeline, Error> {
    let Programme { session, epoch, on_air, .. } = programme;
    let index = recovered.index()?;
    let title = recovered.title().map(str::to_owned);
    let Recovered { records, journal_bytes, file_bytes } = recovered;
    let length = |rendition: &str| file_bytes.get(rendition).copied().unwrap_or(0);
    let core = Epoch::recover(shared.config.for_programme(on_air), records, length, start())?;
    let (media, writer) = shared.store.resume(session, epoch, kind(on_air), index, journal_bytes);
    tracing::info!(epoch.id = %epoch, "epoch {epoch} goes on from its journal");
    Ok(Timeline { epoch: core, outlet: Outlet::new(media, writer), title })
}

fn new(shared: &Shared, programme: Programme) -> Timeline {
    let Programme { session, epoch, on_air, .. } = programme;
    let (media, writer) = shared.store.create(session, epoch, kind(on_air));
    let core = Epoch::new(shared.config.for_programme(on_air), start());
    Timeline { epoch: core, outlet: Outlet::new(media, writer), title: None }
}

/// A timeline in the place of one that cannot be gone on with. What is on disk is left as it is.
fn above(shared: &Shared, programme: Programme, file_bytes: BTreeMap<String, u64>) -> Timeline {
    let Programme { session, epoch, on_air, .. } = programme;
    let (media, writer) = shared.store.create(session, epoch, kind(on_air));
    // A number was given out every two seconds at most, since the epoch was made; its id tells when.
    let made_ms = u64::try_from(epoch.as_uuid().as_u128() >> 80).unwrap_or(0);
    let first_msn = clock::unix_ms().saturating_sub(made_ms) / 1000 + MSN_RESERVE;
    let core = Epoch::new_above(shared.config.for_programme(on_air), start(), first_msn, file_bytes);
    Timeline { epoch: core, outlet: Outlet::new(media, writer), title: None }
}

fn start() -> Start {
    Start { now: clock::now(), wall: clock::utc() }
}

fn kind(on_air: bool) -> Kind {
    if on_air { Kind::Public } else { Kind::Preview }
}
