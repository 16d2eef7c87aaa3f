//! What the origin needs of the world: the facts of an epoch as they change, and the bytes behind them.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

use hls::{multivariant::Multivariant, window::Window};
use ids::{EpochId, SessionId};
use store::EpochMedia;
use tokio::sync::watch;

/// Every rendition's newest window, by the rendition's name.
pub type Renditions = BTreeMap<String, watch::Receiver<Arc<Window>>>;

/// An epoch that can be served. Whatever a window lists is in `media` before.
///
/// When its packager has closed the channels, the last values stay; an epoch whose windows then do not say
/// that they have ended is opened anew.
#[derive(Clone, Debug)]
pub struct EpochFeed {
    /// The renditions there are; none until the epoch opens to players.
    pub multivariant: watch::Receiver<Option<Arc<Multivariant>>>,
    /// The windows. Changes when a rendition is added.
    pub renditions: watch::Receiver<Arc<Renditions>>,
    /// The bytes.
    pub media: Arc<EpochMedia>,
}

/// An epoch being opened.
pub type Opening<'a> = Pin<Box<dyn Future<Output = Option<EpochFeed>> + Send + 'a>>;

/// Where epochs come from: the packager of this process, later another node.
pub trait Feed: Send + Sync + 'static {
    /// Opens an epoch; none when there is no such one, or nothing was published into it yet.
    fn open(&self, session: SessionId, epoch: EpochId) -> Opening<'_>;
}
