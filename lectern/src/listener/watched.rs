//! The two places where a connection's conduct is seen: the bytes that come in, and the answers' bodies.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use origin_server::Chunks;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    ResponseBody,
    conduct::{Conduct, Request},
};

/// HTTP/2 takes an answer's bytes from us in pieces of this size, a frame's: what a peer never takes keeps
/// no more than a frame of it in memory once the rest is gone.
const PIECE_BYTES: usize = 16 << 10;

/// A stream whose reads are noted.
pub(super) struct WatchedStream<S> {
    inner: S,
    conduct: Conduct,
}

impl<S> WatchedStream<S> {
    pub(super) const fn new(inner: S, conduct: Conduct) -> Self {
        Self { inner, conduct }
    }

    fn note(&self, written: &Poll<io::Result<usize>>) {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.conduct.wrote();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.inner).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            this.conduct.heard();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, bytes);
        this.note(&written);
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        this.note(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

/// An answer's body that tells how the peer takes it.
pub(super) struct WatchedBody {
    inner: ResponseBody,
    /// None for the last word to a connection that has to go.
    request: Option<Request>,
    /// Over HTTP/2 a piece is asked for when the peer has taken the one before; over HTTP/1 asking means
    /// nothing (there the stream itself shows whether the peer reads).
    multiplexed: bool,
    /// What is left of a frame that is handed out in pieces.
    rest: Chunks,
}

impl WatchedBody {
    pub(super) fn new(inner: ResponseBody, mut request: Request, multiplexed: bool) -> Self {
        if inner.is_end_stream() {
            request.finish();
        }
        Self { inner, request: Some(request), multiplexed, rest: Chunks::default() }
    }

    pub(super) fn unwatched(inner: ResponseBody) -> Self {
        Self { inner, request: None, multiplexed: false, rest: Chunks::default() }
    }

    fn piece(&mut self) -> Frame<Chunks> {
        let len = self.rest.chunk().len();
        let piece = if len > PIECE_BYTES || len < self.rest.remaining() {
            self.rest.copy_to_bytes(len.min(PIECE_BYTES))
        } else {
            // Copied: the last piece may lie in HTTP/2's buffer for a peer that never takes it, and would keep
            // the whole chunk.
            let last = Bytes::copy_from_slice(self.rest.chunk());
            self.rest = Chunks::default();
            last
        };
        Frame::data(piece.into())
    }
}

impl Body for WatchedBody {
    type Data = Chunks;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunks>, Self::Error>>> {
        let this = self.get_mut();
        if let Some(request) = this.request.as_ref().filter(|_| this.multiplexed) {
            request.progress();
        }
        let frame = if !this.rest.has_remaining() {
            std::task::ready!(Pin::new(&mut this.inner).poll_frame(cx))
        } else {
            Some(Ok(this.piece()))
        };
        let frame = match frame {
            Some(Ok(frame)) if this.multiplexed => match frame.into_data() {
                Ok(data) if data.remaining() > PIECE_BYTES => {
                    this.rest = data;
                    Some(Ok(this.piece()))
                }
                Ok(data) => Some(Ok(Frame::data(data))),
                Err(other) => Some(Ok(other)),
            },
            other => other,
        };
        let ended = frame.is_none() || this.is_end_stream();
        if let Some(request) = &mut this.request {
            if this.multiplexed && matches!(frame, Some(Ok(_))) {
                request.offer();
            }
            if ended {
                request.finish();
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        !self.rest.has_remaining() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let more = self.rest.remaining() as u64;
        let inner = self.inner.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + more);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + more);
        }
        hint
    }
}
