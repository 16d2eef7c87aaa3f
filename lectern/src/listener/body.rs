//! Bodies: one type for both kinds of answer, and a request body that cannot be slow or endless.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::body::Body as PageBody;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use origin_server::Chunks;
use runtime::clock;
use tokio::time::{Sleep, sleep};

/// An answer's body: media (shared chunks) or anything else.
pub(crate) enum ResponseBody {
    /// From the origin.
    Media(origin_server::Body),
    /// From the API or the pages.
    Page(PageBody),
}

impl Body for ResponseBody {
    type Data = Chunks;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunks>, Self::Error>>> {
        match self.get_mut() {
            Self::Media(body) => Pin::new(body).poll_frame(cx).map_err(axum::Error::new),
            Self::Page(body) => {
                let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(Chunks::from))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Media(body) => body.is_end_stream(),
            Self::Page(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Media(body) => body.size_hint(),
            Self::Page(body) => body.size_hint(),
        }
    }
}

/// Bytes that earn a request's body another second of waiting.
const BYTES_PER_S: u32 = 1000;

/// A request body that may be waited for only so long: a time, and more for what came. What its reader
/// takes to read does not count.
pub(crate) struct TimedBody<B> {
    inner: B,
    /// What is left to be waited.
    credit: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<B> TimedBody<B> {
    pub(crate) const fn new(inner: B, pause_max: Duration) -> Self {
        Self { inner, credit: pause_max, waiting: None }
    }
}

impl<B> Body for TimedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) {
            if let Some((since, _)) = this.waiting.take() {
                this.credit = this.credit.saturating_sub(clock::now() - since);
            }
            if let Some(Ok(frame)) = &frame {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.credit +=
                    Duration::from_secs(1) * u32::try_from(bytes).unwrap_or(u32::MAX) / BYTES_PER_S;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let credit = this.credit;
        let (_, waiting) = this.waiting.get_or_insert_with(|| (clock::now(), Box::pin(sleep(credit))));
        match waiting.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Some(Err("the request's body came too slowly".into()))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::sync::mpsc;

    use super::*;

    struct Pieces(mpsc::Receiver<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            self.0.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
        }
    }

    /// A body that gets `count` times `bytes`, each after `pause`: whether it is taken, and after what time.
    async fn taken(count: usize, bytes: usize, pause: Duration) -> (bool, Duration) {
        let (sender, receiver) = mpsc::channel(1);
        let feeder = tokio::spawn(async move {
            for _ in 0..count {
                sleep(pause).await;
                if sender.send(Bytes::from(vec![0; bytes])).await.is_err() {
                    return;
                }
            }
        });
        let start = clock::now();
        let whole = TimedBody::new(Pieces(receiver), Duration::from_secs(10)).collect().await;
        feeder.abort();
        (whole.is_ok(), clock::now() - start)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_drips_ends_although_no_pause_is_long() {
        let (whole, after) = taken(1000, 10, Duration::from_secs(1)).await;
        assert!(!whole && after <= Duration::from_secs(12), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_upload_that_goes_on_is_taken_whole() {
        assert_eq!(taken(100, 2000, Duration::from_secs(1)).await, (true, Duration::from_secs(100)));
    }
}
