//! What a session wants done, and why it ends.

use bytes::Bytes;
use thiserror::Error;

use crate::{
    flv::Sample,
    rtmp::{SecretKey, amf0, chunk, handshake},
};

/// One thing to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// These bytes go to the publisher.
    Send(Bytes),
    /// Somebody must judge this key and call [`super::Session::admitted`] or [`super::Session::refused`].
    Admit(SecretKey),
    /// The next sample of the publication.
    Media(Sample),
    /// The encoder said goodbye; another `publish` may follow on the same connection.
    Stopped,
    /// The connection is to be closed, after what was sent before. Nothing follows.
    Close(CloseReason),
}

/// Why a connection ends. The text is for the log, and for the publisher where the server ends it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CloseReason {
    /// The publisher closed it.
    #[error("the publisher closed the connection")]
    PeerClosed,
    /// No `publish` in time.
    #[error("nothing was published in time")]
    NeverPublished,
    /// No media in time.
    #[error("the publisher fell silent")]
    Silent,
    /// Refused, and told why.
    #[error("refused with {code}: {description}")]
    Refused {
        /// Status code, such as `NetStream.Publish.BadName`.
        code: &'static str,
        /// What the publisher read.
        description: String,
    },
    /// What came was not RTMP as it is spoken here.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// A second publisher with the same key took its place.
    #[error("another publisher with the same stream key took over")]
    TakenOver,
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ServerClosing,
    /// The packager did not take what came.
    #[error("the server could not keep up with this publication")]
    Overloaded,
    /// The publication was ended from the server's side.
    #[error("the server ended this publication")]
    Ended,
    /// The network failed.
    #[error("the connection broke")]
    Broken,
}

/// What was wrong with the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// Not RTMP.
    #[error(transparent)]
    Handshake(#[from] handshake::Error),
    /// Chunks beyond the limits.
    #[error(transparent)]
    Chunk(#[from] chunk::Error),
    /// A command that cannot be read.
    #[error(transparent)]
    Command(#[from] amf0::Error),
    /// A command before `connect`.
    #[error("a command before connect")]
    NotConnected,
    /// Too much was sent before the key was judged.
    #[error("too much was sent before the key was judged")]
    Impatient,
}
