//! A response's body: chunks of bytes that are shared with everybody else who gets them.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::IoSlice,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body::{Frame, SizeHint};

/// Bytes that lie in several places, in order. A connection that can gathers many of them in one write.
#[derive(Clone, Debug, Default)]
pub struct Chunks {
    /// None is empty.
    chunks: VecDeque<Bytes>,
    len: usize,
}

impl Chunks {
    /// Takes the first of them whole; `None` when nothing is left.
    pub fn pop(&mut self) -> Option<Bytes> {
        let first = self.chunks.pop_front()?;
        self.len -= first.len();
        Some(first)
    }

    fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len += chunk.len();
            self.chunks.push_back(chunk);
        }
    }
}

impl From<Bytes> for Chunks {
    fn from(chunk: Bytes) -> Self {
        let mut chunks = Self::default();
        chunks.push(chunk);
        chunks
    }
}

impl Buf for Chunks {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.chunks.front().map_or(&[], |chunk| chunk)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(&self.chunks).map(|(slice, chunk)| *slice = IoSlice::new(chunk));
        filled.count()
    }

    /// # Panics
    /// When `count` is more than what remains.
    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.len, "{count} bytes of {}", self.len);
        self.len -= count;
        while let Some(first) = self.chunks.front_mut().filter(|_| count > 0) {
            if first.len() > count {
                first.advance(count);
                return;
            }
            count -= first.len();
            self.chunks.pop_front();
        }
    }

    /// Copies only what lies in several places.
    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        match self.chunks.front_mut() {
            Some(first) if first.len() > count => {
                self.len -= count;
                first.split_to(count)
            }
            Some(first) if first.len() == count => self.pop().unwrap_or_default(),
            Some(_) | None => {
                let mut whole = BytesMut::with_capacity(count);
                whole.put(self.take(count));
                whole.freeze()
            }
        }
    }
}

/// Chunks in order; none is copied, whatever range of them is sent.
#[derive(Clone, Debug, Default)]
pub struct Body {
    chunks: Chunks,
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
        self.chunks.len as u64
    }

    /// None left?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.chunks.len == 0
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
                body.chunks.push(chunk.slice(within(from)..within(to)));
            }
        }
        body
    }
}

fn within(offset: u64) -> usize {
    usize::try_from(offset).expect("an offset within a chunk in memory")
}

impl From<Bytes> for Body {
    fn from(chunk: Bytes) -> Self {
        Self { chunks: chunk.into() }
    }
}

impl http_body::Body for Body {
    type Data = Chunks;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunks>, Infallible>>> {
        // All at once: whoever writes gathers as many as one call takes.
        let chunks = std::mem::take(&mut self.chunks);
        Poll::Ready((chunks.len > 0).then(|| Ok(Frame::data(chunks))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
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
            let text: Vec<u8> = body.chunks.chunks.iter().flatten().copied().collect();
            assert_eq!((text.as_slice(), body.len()), (expected.as_bytes(), expected.len() as u64));
        }
        assert_eq!(Body::slice(chunks.clone(), 4, 6).chunks.chunk().as_ptr(), chunks[2][1..].as_ptr());
    }

    #[test]
    fn chunks_are_read_in_order_however_they_are_taken() {
        let pieces = ["abc", "", "d", "efgh"].map(|piece| Bytes::from_static(piece.as_bytes()));
        let body = Body::slice(pieces.to_vec(), 0, 8);
        for step in 1..=8 {
            let mut chunks = body.chunks.clone();
            let mut text = Vec::new();
            while chunks.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 2];
                let filled = chunks.chunks_vectored(&mut slices);
                assert_eq!(filled, chunks.chunks.len().min(2));
                let gathered: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                let count = step.min(gathered.len());
                text.extend_from_slice(&gathered[..count]);
                chunks.advance(count);
                assert_eq!(chunks.remaining(), 8 - text.len());
            }
            assert_eq!(text, b"abcdefgh", "{step} at a time");
            assert_eq!(chunks.chunk(), b"");
            assert_eq!(chunks.pop(), None);
            let mut chunks = body.chunks.clone();
            let copied = std::iter::from_fn(|| {
                let count = step.min(chunks.remaining());
                (count > 0).then(|| chunks.copy_to_bytes(count))
            });
            assert_eq!(copied.collect::<Vec<_>>().concat(), b"abcdefgh", "{step} at a time");
        }
    }
}
