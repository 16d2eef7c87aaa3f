//! What this room needs of the world. `lectern/wiring` implements the three traits for one struct.

use std::{future::Future, net::IpAddr};

use events::{Grant, PublicationChanged, PublicationHealth};
use ids::{CourseId, PublicationId};
use ingest_core::rtmp::SecretKey;
use media::Item;
use thiserror::Error;
use tokio::sync::mpsc;

/// Why a publication is not taken. The text goes to the person at the encoder.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The key is not one of ours, or no longer. Counts as a guess.
    #[error("This stream key is not known. Copy it again from the studio page.")]
    WrongKey,
    /// The key is right, and yet nothing can be published now. Says why, and what to do.
    #[error("{0}")]
    NotNow(String),
    /// The question could not be answered.
    #[error("The server cannot check stream keys at the moment. Try again in a few seconds.")]
    Unavailable,
}

/// Judges stream keys.
pub trait PublishPolicy: Send + Sync + 'static {
    /// May the holder of `key`, calling from `peer`, publish, and into what? Asked once per `publish`;
    /// an answer that takes longer than [`crate::Config::admission_timeout`] counts as
    /// [`Refusal::Unavailable`].
    fn admit(&self, key: &SecretKey, peer: IpAddr) -> impl Future<Output = Result<Grant, Refusal>> + Send;
}

/// Takes the media of publications.
pub trait PublicationSink: Send + Sync + 'static {
    /// A publication's first item is about to be sent. The channel holds [`crate::Config::items_max`]
    /// items; when it is full the connection waits (TCP holds the publisher back) up to
    /// [`crate::Config::sink_patience`], then the publication ends. The sender is dropped when the
    /// publication has ended; dropping the receiver ends the publication.
    ///
    /// A publication that takes over from another is started after the other's sender was dropped.
    fn start(&self, grant: Grant, items: mpsc::Receiver<Item>);
}

/// Hears how publications do.
pub trait HealthSink: Send + Sync + 'static {
    /// Once a second for every publication: what ingest can measure. Rungs and the packager's
    /// warnings are not in it.
    fn health(&self, publication: PublicationId, course: CourseId, health: PublicationHealth);

    /// A publication came or went. `Started` follows [`PublicationSink::start`].
    fn changed(&self, change: PublicationChanged);
}

/// All that this room needs.
pub trait World: PublishPolicy + PublicationSink + HealthSink {}

impl<T: PublishPolicy + PublicationSink + HealthSink> World for T {}
