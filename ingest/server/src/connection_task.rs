//! One publisher's connection: wait, one input, drain. All decisions are the session's.

mod live;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use ingest_core::rtmp::session::{CloseReason, Output, Session};
use runtime::clock;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::{
    Config, World,
    admission::{Admission, BAD_NAME},
    transport::{Beat, Transport},
};
use live::{Live, Trouble};

/// Read at once from a stranger, in bytes.
const READ_BYTES: usize = 8 << 10;
/// Read at once from a publisher, in bytes.
const READ_BYTES_PUBLISHING: usize = 64 << 10;
/// After the last word the publisher has so long to close his side; what he still sends is thrown away.
/// Without that the system would answer it with a reset, and the last word would be lost.
const LINGER: Duration = Duration::from_secs(1);

/// A connection and what belongs to it.
pub(crate) struct Connection<W> {
    transport: Transport,
    beat: Beat,
    peer: SocketAddr,
    config: Arc<Config>,
    admission: Admission,
    world: Arc<W>,
    session: Session,
    live: Option<Live<W>>,
}

/// What a turn of the loop waited for.
enum Input {
    Read(io::Result<usize>),
    Timeout,
    Second,
    GiveWay,
    Stop,
}

impl<W: World> Connection<W> {
    pub(crate) fn new(
        transport: Transport,
        beat: Beat,
        peer: SocketAddr,
        config: Arc<Config>,
        admission: Admission,
        world: Arc<W>,
        nonce: [u8; 32],
    ) -> Self {
        let session = Session::new(config.session.clone(), nonce, clock::now());
        Self { transport, beat, peer, config, admission, world, session, live: None }
    }

    /// Serves the connection to its end.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut buffer = vec![0; READ_BYTES];
        let reason = loop {
            if let Some(reason) = self.drain(&stop).await {
                break reason;
            }
            if self.live.is_some() && buffer.len() < READ_BYTES_PUBLISHING {
                buffer.resize(READ_BYTES_PUBLISHING, 0);
            }
            match self.next_input(&mut buffer, &stop).await {
                Input::Read(Ok(0)) => self.session.handle_end_of_input(),
                Input::Read(Ok(length)) => self.session.handle_input(&buffer[..length], clock::now()),
                Input::Read(Err(_)) => self.session.close(CloseReason::Broken),
                Input::Timeout => self.session.handle_timeout(clock::now()),
                Input::Second => self.live.iter_mut().for_each(Live::report),
                Input::GiveWay => self.session.close(CloseReason::TakenOver),
                Input::Stop => self.session.close(CloseReason::ServerClosing),
            }
        };
        if let Some(live) = self.live.take() {
            live.end(&reason);
        }
        debug!(peer = %self.peer, "RTMP connection from {} ended: {reason}", self.peer);
        self.linger().await;
    }

    async fn next_input(&mut self, buffer: &mut [u8], stop: &CancellationToken) -> Input {
        loop {
            let now = clock::now();
            let next_second = self.live.as_ref().map(Live::next_report);
            let next_timeout = self.session.poll_timeout();
            // Asked first each time, so that one who floods us cannot keep them from being heard.
            if stop.is_cancelled() {
                return Input::Stop;
            }
            if self.live.as_ref().is_some_and(|live| live.give_way().is_cancelled()) {
                return Input::GiveWay;
            }
            if next_second.is_some_and(|at| at <= now) {
                return Input::Second;
            }
            if next_timeout.is_some_and(|at| at <= now) {
                return Input::Timeout;
            }
            if let Some(read) = self.transport.look(buffer, now).transpose() {
                // A publisher faster than real time must let others have their turn.
                tokio::task::consume_budget().await;
                return Input::Read(read);
            }
            let next_look = self.transport.next_look();
            let deadline = next_look.into_iter().chain(next_second).chain(next_timeout).min();
            if next_look.is_some() {
                // The beat is often enough for the two tokens.
                clock::sleep_until_some(deadline).await;
                continue;
            }
            tokio::select! {
                read = self.transport.read(buffer) => return Input::Read(read),
                () = clock::sleep_until_some(deadline) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Does what the session says; answers why the connection is to be closed, when it is.
    async fn drain(&mut self, stop: &CancellationToken) -> Option<CloseReason> {
        // A publisher that cannot be answered any more may still have sent media and a goodbye.
        let mut broken = false;
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Send(_) if broken => {}
                Output::Send(bytes) => {
                    let written = timeout(self.config.write_timeout, self.transport.write_all(&bytes)).await;
                    broken = !matches!(written, Ok(Ok(())));
                }
                Output::Admit(key) => {
                    let judged = tokio::select! {
                        judged = self.admission.judge(&*self.world, &key, self.peer.ip()) => judged,
                        () = stop.cancelled() => Err(CloseReason::ServerClosing.to_string()),
                    };
                    match judged {
                        Ok(admitted) => {
                            self.live = Some(Live::new(admitted, Arc::clone(&self.world), &self.config));
                            self.session.admitted(clock::now());
                            self.transport.follow(self.beat);
                        }
                        Err(description) => {
                            info!(peer = %self.peer, "publisher from {} is refused: {description}", self.peer);
                            self.session.refused(BAD_NAME, &description);
                        }
                    }
                }
                Output::Media(sample) => {
                    let Some(live) = &mut self.live else { continue };
                    if let Err(trouble) = live.push(sample, stop).await {
                        self.session.close(trouble.reason());
                    }
                }
                Output::Stopped => {
                    if let Some(live) = self.live.take() {
                        live.stopped();
                    }
                }
                Output::Close(reason) => return Some(reason),
            }
        }
        broken.then_some(CloseReason::Broken)
    }

    async fn linger(self) {
        let _ = timeout(LINGER, self.transport.drain()).await;
    }
}

impl Trouble {
    const fn reason(self) -> CloseReason {
        match self {
            Self::Overloaded => CloseReason::Overloaded,
            Self::Ended => CloseReason::Ended,
            Self::GiveWay => CloseReason::TakenOver,
            Self::Stop => CloseReason::ServerClosing,
        }
    }
}
