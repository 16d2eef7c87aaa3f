//! A response's body: chunks of bytes that are shared with everybody else who gets them.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

/// Chunks in order; none is copied, whatever range of them is sent.
#[derive(Clone, Debug, Default)]
pub struct Body {
    chunks: VecDeque<Bytes>,
    len: u64,
}

impl Body {
    /// No bytes.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// How many bytes are left to be sent.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// None left?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes from `first` to before `end` of these chunks.
    pub(crate) fn slice(chunks: Vec<Bytes>, first: u64, end: u64) -> Self {
        let mut body = Self::default();
        let mut at = 0u64;
        for chunk in chunks {
            let next = at + chunk.len() as u64;
            let from = first.clamp(at, next) - at;
            let to = end.clamp(at, next) - at;
            at = next;
            if from < to {
                body.push(chunk.slice(within(from)..within(to)));
            }
        }
        body
    }

    fn push(&mut self, chunk: Bytes) {
        self.len += chunk.len() as u64;
        self.chunks.push_back(chunk);
    }
}

fn within(offset: u64) -> usize {
    usize::try_from(offset).expect("an offset within a chunk in memory")
}

impl From<Bytes> for Body {
    fn from(chunk: Bytes) -> Self {
        let mut body = Self::default();
        body.push(chunk);
        body
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.pop_front();
        self.len -= chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_shares_its_chunks() {
        let chunks = vec![Bytes::from_static(b"abc"), Bytes::from_static(b""), Bytes::from_static(b"defg")];
        for (first, end, expected) in [
            (0, 7, "abcdefg"),
            (2, 4, "cd"),
            (3, 7, "defg"),
            (0, 3, "abc"),
            (6, 100, "g"),
            (7, 9, ""),
            (2, 2, ""),
        ] {
            let body = Body::slice(chunks.clone(), first, end);
            let text: Vec<u8> = body.chunks.iter().flatten().copied().collect();
            assert_eq!((text.as_slice(), body.len()), (expected.as_bytes(), expected.len() as u64));
        }
        assert_eq!(Body::slice(chunks.clone(), 4, 6).chunks[0].as_ptr(), chunks[2][1..].as_ptr());
    }
}
