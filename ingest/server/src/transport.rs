//! A publisher's socket. A stranger's wakes its task; a running publication's is looked at on a beat that all
//! publications share, because an encoder writes each of its hundred messages a second by itself, and waking up for
//! each costs more than the media does.

use std::{
    io::{self, Read, Write},
    time::{Duration, Instant},
};

use runtime::clock;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// A running publication is read so often: under a frame's time, so that the beat adds half of it to the latency and
/// no more.
const BEAT: Duration = Duration::from_millis(20);

/// When running publications are read: all at the same instants, so that the process wakes up once for all.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beat {
    origin: Instant,
}

/// A connection's bytes, in and out.
pub(crate) enum Transport {
    /// Read when the system says so.
    Woken(TcpStream),
    /// Read on the beat.
    OnBeat {
        stream: std::net::TcpStream,
        beat: Beat,
        /// When it is to be looked at.
        next: Instant,
    },
    /// Over TLS: read when the system says so, running or not, since what the system has is not yet what
    /// was sent.
    Sealed(Box<TlsStream<TcpStream>>),
    /// Lost while it changed from one to the other.
    Broken,
}

impl Beat {
    pub(crate) fn new() -> Self {
        Self { origin: clock::now() }
    }

    /// The next one after `now`.
    fn after(self, now: Instant) -> Instant {
        let since = now.saturating_duration_since(self.origin).as_nanos();
        let into = u64::try_from(since % BEAT.as_nanos()).unwrap_or(0);
        now + (BEAT - Duration::from_nanos(into))
    }
}

impl Transport {
    /// Of a connection that was just accepted.
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Acknowledgements and answers are small and wanted at once.
        let _ = stream.set_nodelay(true);
        Self::Woken(stream)
    }

    /// Of a connection whose handshake was just made.
    pub(crate) fn sealed(stream: TlsStream<TcpStream>) -> Self {
        Self::Sealed(Box::new(stream))
    }

    /// From now on it is read on the beat, unless it is sealed.
    pub(crate) fn follow(&mut self, beat: Beat) {
        *self = match std::mem::replace(self, Self::Broken) {
            Self::Woken(stream) => match stream.into_std() {
                Ok(stream) => Self::OnBeat { stream, beat, next: clock::now() },
                Err(_) => Self::Broken,
            },
            as_it_is @ (Self::OnBeat { .. } | Self::Sealed(_) | Self::Broken) => as_it_is,
        };
    }

    /// Looks for bytes if it is time to: 0 of them is the end, none that nothing has come. When it is to be asked
    /// again says [`Self::next_look`].
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn look(&mut self, buffer: &mut [u8], now: Instant) -> io::Result<Option<usize>> {
        let Self::OnBeat { stream, beat, next } = self else { return Ok(None) };
        if now < *next {
            return Ok(None);
        }
        *next = beat.after(now);
        match stream.read(buffer) {
            Ok(length) => {
                // A full buffer: there may be more at once.
                if length == buffer.len() {
                    *next = now;
                }
                Ok(Some(length))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// When there may be bytes; none: [`Self::read`] waits for them.
    pub(crate) const fn next_look(&self) -> Option<Instant> {
        match self {
            Self::OnBeat { next, .. } => Some(*next),
            Self::Woken(_) | Self::Sealed(_) | Self::Broken => None,
        }
    }

    /// Waits for bytes of a connection that does not follow the beat; 0 is the end. Losing the future loses no byte.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Woken(stream) => stream.read(buffer).await,
            Self::Sealed(stream) => stream.read(buffer).await,
            Self::OnBeat { .. } => std::future::pending().await,
            Self::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Writes all; the caller bounds the time.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) async fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Woken(stream) => stream.write_all(bytes).await,
            Self::Sealed(stream) => {
                stream.write_all(bytes).await?;
                // What is sealed may still wait to be sent.
                stream.flush().await
            }
            Self::OnBeat { stream, beat, .. } => {
                while !bytes.is_empty() {
                    match stream.write(bytes) {
                        Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                        Ok(written) => bytes = &bytes[written..],
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            clock::sleep_until(beat.after(clock::now())).await;
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok(())
            }
            Self::Broken => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The last word is said: ends our side, then throws away what still comes until the peer has ended his.
    pub(crate) async fn drain(self) {
        let stream = match self {
            Self::Woken(stream) => stream,
            Self::Sealed(stream) => return finish(*stream).await,
            Self::OnBeat { stream, .. } => match TcpStream::from_std(stream) {
                Ok(stream) => stream,
                Err(_) => return,
            },
            Self::Broken => return,
        };
        finish(stream).await;
    }
}

async fn finish(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = stream.shutdown().await;
    let mut rest = [0; 4096];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Transport, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Transport::new(listener.accept().await.unwrap().0), peer)
    }

    async fn next(transport: &mut Transport, buffer: &mut [u8]) -> usize {
        loop {
            let Some(at) = transport.next_look() else { return transport.read(buffer).await.unwrap() };
            clock::sleep_until(at).await;
            if let Some(length) = transport.look(buffer, clock::now()).unwrap() {
                return length;
            }
        }
    }

    #[tokio::test]
    async fn a_full_buffer_is_emptied_at_once_and_the_rest_waits_for_the_beat() {
        let (mut transport, mut peer) = pair().await;
        peer.write_all(b"eight by").await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(next(&mut transport, &mut buffer).await, 4);
        let Transport::Woken(stream) = &transport else { panic!("it follows no beat yet") };
        stream.readable().await.unwrap();
        transport.follow(Beat::new());
        let now = clock::now();
        assert_eq!(transport.look(&mut buffer, now).unwrap(), Some(4));
        assert_eq!(transport.next_look(), Some(now), "there may be more");
        assert_eq!(transport.look(&mut buffer, now).unwrap(), None);
        assert!(transport.next_look().is_some_and(|at| at > now && at <= now + BEAT));
    }

    #[test]
    fn a_beat_is_never_now_and_never_further_than_one_away() {
        let beat = Beat { origin: clock::now() };
        for after_us in [0, 1, 19_999, 20_000, 20_001, 3_600_000_000] {
            let now = beat.origin + Duration::from_micros(after_us);
            let next = beat.after(now);
            assert!(next > now && next <= now + BEAT, "{after_us}");
            assert_eq!((next - beat.origin).as_nanos() % BEAT.as_nanos(), 0, "{after_us}");
        }
    }

    #[tokio::test]
    async fn nothing_is_lost_or_reordered_when_a_connection_begins_to_follow_the_beat() {
        let (mut transport, mut peer) = pair().await;
        let sent: Vec<u8> = (0..200_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let to_send = sent.clone();
        let writer = tokio::spawn(async move {
            peer.write_all(&to_send).await.unwrap();
            peer
        });
        let (mut got, mut buffer) = (Vec::new(), vec![0; 4096]);
        while got.len() < sent.len() {
            let length = next(&mut transport, &mut buffer).await;
            got.extend_from_slice(&buffer[..length]);
            transport.follow(Beat::new());
        }
        assert!(got == sent);
        drop(writer.await.unwrap());
        assert_eq!(next(&mut transport, &mut buffer).await, 0, "the peer has gone");
    }

    #[tokio::test]
    async fn what_is_said_on_the_beat_arrives_though_the_peer_reads_late() {
        let (mut transport, mut peer) = pair().await;
        transport.follow(Beat::new());
        let said = vec![7; 4 << 20];
        let (written, heard) = tokio::join!(
            async {
                transport.write_all(&said).await.unwrap();
                transport.drain().await;
            },
            async {
                let mut heard = Vec::new();
                peer.read_to_end(&mut heard).await.unwrap();
                drop(peer);
                heard
            }
        );
        let () = written;
        assert_eq!(heard.len(), 4 << 20);
    }
}
