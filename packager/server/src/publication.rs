//! A publication as a timeline takes it in, and as it leaves for another one.

use ids::PublicationId;
use media::{Item, TrackConfig, TrackKind};
use tokio::sync::mpsc;

/// A publication's items, with what a timeline must know that it joins in the middle.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) id: PublicationId,
    /// Of the course; for the slate.
    pub(crate) title: String,
    items: mpsc::Receiver<Item>,
    /// To be taken before `items`.
    ahead: Vec<Item>,
    video: Option<TrackConfig>,
    audio: Option<TrackConfig>,
}

impl Publication {
    pub(crate) fn new(id: PublicationId, title: String, items: mpsc::Receiver<Item>) -> Self {
        Self { id, title, items, ahead: Vec::new(), video: None, audio: None }
    }

    /// Adds at least one and at most `limit` items to `items`; returns how many. None: it is over. May be
    /// dropped while it waits: nothing is lost.
    pub(crate) async fn receive(&mut self, items: &mut Vec<Item>, limit: usize) -> usize {
        if self.ahead.is_empty() {
            return self.items.recv_many(items, limit).await;
        }
        let count = limit.min(self.ahead.len());
        items.extend(self.ahead.drain(..count));
        count
    }

    /// Takes note of what another timeline would have to be told.
    pub(crate) fn remember(&mut self, item: &Item) {
        match item {
            Item::Config(config @ TrackConfig::Video(_)) => self.video = Some(config.clone()),
            Item::Config(config @ TrackConfig::Audio(_)) => self.audio = Some(config.clone()),
            Item::Unit(_) => {}
        }
    }

    /// Can another timeline begin with this item?
    pub(crate) fn may_move_at(&self, item: &Item) -> bool {
        match item {
            Item::Config(_) => false,
            Item::Unit(unit) => match unit.track {
                TrackKind::Video => unit.key,
                TrackKind::Audio => self.video.is_none(),
            },
        }
    }

    /// Begins again elsewhere: with its configurations, then `rest`, then what was not received yet.
    pub(crate) fn restart_with(mut self, rest: impl Iterator<Item = Item>) -> Self {
        let configs = self.video.iter().chain(&self.audio).cloned().map(Item::Config);
        let ahead: Vec<Item> = configs.chain(rest).collect();
        self.ahead.splice(..0, ahead);
        self
    }
}
