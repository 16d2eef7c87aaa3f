//! What a reader of playlists and media gets of one epoch.

use std::{collections::BTreeMap, sync::Arc};

use hls::{multivariant::Multivariant, window::Window};
use store::EpochMedia;
use tokio::sync::watch;

/// Every rendition's newest window, by the rendition's name.
pub type Renditions = BTreeMap<String, watch::Receiver<Arc<Window>>>;

/// An epoch to serve: facts that change, and the bytes behind them. Whatever a window lists was in
/// [`EpochFeed::media`] before.
///
/// The channels of an epoch that has ended are closed; the last value stays.
#[derive(Clone, Debug)]
pub struct EpochFeed {
    /// The renditions there are; none until the epoch opens to players.
    pub multivariant: watch::Receiver<Option<Arc<Multivariant>>>,
    /// The windows. Changes when a rendition is added.
    pub renditions: watch::Receiver<Arc<Renditions>>,
    /// The bytes.
    pub media: Arc<EpochMedia>,
}

/// The other end of an [`EpochFeed`].
#[derive(Debug)]
pub(crate) struct Announcer {
    multivariant: watch::Sender<Option<Arc<Multivariant>>>,
    renditions: watch::Sender<Arc<Renditions>>,
    windows: BTreeMap<String, watch::Sender<Arc<Window>>>,
    media: Arc<EpochMedia>,
}

impl Announcer {
    pub(crate) fn new(media: Arc<EpochMedia>) -> Self {
        Self {
            multivariant: watch::Sender::new(None),
            renditions: watch::Sender::default(),
            windows: BTreeMap::new(),
            media,
        }
    }

    pub(crate) fn feed(&self) -> EpochFeed {
        EpochFeed {
            multivariant: self.multivariant.subscribe(),
            renditions: self.renditions.subscribe(),
            media: Arc::clone(&self.media),
        }
    }

    pub(crate) fn window(&mut self, window: Arc<Window>) {
        if let Some(sender) = self.windows.get(&window.rendition) {
            sender.send_replace(window);
            return;
        }
        let name = window.rendition.clone();
        let sender = watch::Sender::new(window);
        let receiver = sender.subscribe();
        self.windows.insert(name.clone(), sender);
        self.renditions.send_modify(|renditions| {
            Arc::make_mut(renditions).insert(name, receiver);
        });
    }

    pub(crate) fn multivariant(&self, multivariant: Arc<Multivariant>) {
        self.multivariant.send_replace(Some(multivariant));
    }

    pub(crate) fn is_playable(&self) -> bool {
        self.multivariant.borrow().is_some()
    }
}
