//! A publication that runs: its items on their way to the packager, and its health once a second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use events::{Grant, PublicationChange, PublicationChanged};
use ingest_core::{flv::Sample, publication::Publication, rtmp::session::CloseReason};
use media::Item;
use runtime::clock;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{Config, World, admission::Admitted};

/// Health is reported so often.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Why media cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The channel stayed full.
    Overloaded,
    /// The packager closed it.
    Ended,
    /// Another publisher takes over.
    GiveWay,
    /// The server is shutting down.
    Stop,
}

/// A publication from its admission to its end.
pub(super) struct Live<W> {
    // Dropped first: whoever takes over starts only after the channel is closed.
    items: Option<mpsc::Sender<Item>>,
    admitted: Admitted,
    world: Arc<W>,
    publication: Publication,
    items_max: usize,
    patience: Duration,
    report_at: Instant,
}

impl<W: World> Live<W> {
    pub(super) fn new(admitted: Admitted, world: Arc<W>, config: &Config) -> Self {
        let now = clock::now();
        metrics::gauge!("lectern_ingest_publications").increment(1.0);
        Self {
            items: None,
            admitted,
            world,
            publication: Publication::new(now),
            items_max: config.items_max,
            patience: config.sink_patience,
            report_at: now + REPORT_EVERY,
        }
    }

    pub(super) const fn next_report(&self) -> Instant {
        self.report_at
    }

    pub(super) const fn give_way(&self) -> &CancellationToken {
        &self.admitted.entry.give_way
    }

    /// Tells how the publication does.
    pub(super) fn report(&mut self) {
        let now = clock::now();
        self.report_at = now + REPORT_EVERY;
        if self.items.is_some() {
            let grant = &self.admitted.grant;
            self.world.health(grant.publication, grant.course, self.publication.health(now));
        }
    }

    /// Takes a sample in and passes on what comes of it.
    pub(super) async fn push(&mut self, sample: Sample, stop: &CancellationToken) -> Result<(), Trouble> {
        self.publication.push(sample, clock::now());
        while let Some(item) = self.publication.poll_item() {
            self.send(item, stop).await?;
        }
        Ok(())
    }

    /// The encoder said goodbye.
    pub(super) fn stopped(self) {
        self.finish(PublicationChange::Stopped);
    }

    /// The connection ended under the publication.
    pub(super) fn end(self, reason: &CloseReason) {
        info!(
            publication.id = %self.admitted.grant.publication,
            "publication {} ends: {reason}", self.admitted.grant.publication
        );
        match reason {
            CloseReason::TakenOver => self.finish(PublicationChange::TakenOver),
            CloseReason::PeerClosed
            | CloseReason::NeverPublished
            | CloseReason::Silent
            | CloseReason::Refused { .. }
            | CloseReason::Protocol(_)
            | CloseReason::ServerClosing
            | CloseReason::Overloaded
            | CloseReason::Ended
            | CloseReason::Broken => self.finish(PublicationChange::Dropped),
        }
    }

    async fn send(&mut self, item: Item, stop: &CancellationToken) -> Result<(), Trouble> {
        let items =
            self.items.get_or_insert_with(|| start(&self.admitted.grant, &*self.world, self.items_max));
        let item = match items.try_send(item) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Closed(_)) => return Err(Trouble::Ended),
            Err(TrySendError::Full(item)) => item,
        };
        tokio::select! {
            sent = items.send(item) => sent.map_err(|_| Trouble::Ended),
            () = clock::sleep_until(clock::now() + self.patience) => Err(Trouble::Overloaded),
            () = self.admitted.entry.give_way.cancelled() => Err(Trouble::GiveWay),
            () = stop.cancelled() => Err(Trouble::Stop),
        }
    }

    fn finish(mut self, change: PublicationChange) {
        if self.items.take().is_some() {
            tell(&self.admitted.grant, &*self.world, change);
        }
    }
}

/// The first item: the packager hears of the publication.
fn start<W: World>(grant: &Grant, world: &W, items_max: usize) -> mpsc::Sender<Item> {
    info!(
        publication.id = %grant.publication, course.id = %grant.course,
        "publication {} of course {} begins", grant.publication, grant.course
    );
    let (sender, receiver) = mpsc::channel(items_max);
    world.start(grant.clone(), receiver);
    tell(grant, world, PublicationChange::Started);
    sender
}

fn tell<W: World>(grant: &Grant, world: &W, change: PublicationChange) {
    let (publication, course) = (grant.publication, grant.course);
    world.changed(PublicationChanged { publication, course, change, at: clock::wall() });
}

impl<W> Drop for Live<W> {
    fn drop(&mut self) {
        metrics::gauge!("lectern_ingest_publications").decrement(1.0);
    }
}
