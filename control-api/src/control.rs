//! The door of the control plane: what the executable holds, mounts and feeds.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use access::{
    jwt,
    playback::Keyring,
    root::{Key, Purpose, Root},
    stream_key::Pepper,
};
use db::Db;
use events::{AccessRevoked, Ended, WentLive};
use ids::SessionId;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Config,
    accounts::{Attempts, Hasher},
    http, jobs, mail,
    publications::Board,
};

/// What the control plane tells and asks the rooms that carry media. The methods do not wait: they put
/// the fact into a channel or read a map. Each fact is told after it is stored.
pub trait MediaControl: Send + Sync + 'static {
    /// A session's public timeline is open: the course's publication moves there at its next keyframe.
    fn went_live(&self, fact: WentLive);
    /// A timeline, public or preview, is closed for good.
    fn ended(&self, fact: Ended);
    /// Tokens that are refused from now on.
    fn revoke(&self, fact: AccessRevoked);
    /// How many watch a session now.
    fn viewers(&self, session: SessionId) -> usize;
}

/// One more thing without which the server is not ready.
#[derive(Clone)]
pub struct ReadyCheck {
    /// Its name in `/readyz`.
    pub name: String,
    /// Answers what is wrong, in words for an operator. It is given two seconds.
    pub check: Arc<dyn Fn() -> Checking + Send + Sync>,
}

/// A check under way.
pub type Checking = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// The control plane. Clones share it.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    config: Config,
    db: Db,
    media: Arc<dyn MediaControl>,
    playback: Arc<Keyring>,
    jwt: jwt::Authority,
    pepper: Pepper,
    refresh_key: Key,
    letter_key: Key,
    hasher: Hasher,
    attempts: Attempts,
    board: Board,
    wake: Notify,
    jobs: Arc<Notify>,
    requests: TaskTracker,
    ready: Vec<ReadyCheck>,
}

impl Control {
    /// Joins the parts. The tables must be up to date ([`db::migrate::run`]).
    #[must_use]
    pub fn new(
        config: Config,
        db: Db,
        root: &Root,
        playback: Arc<Keyring>,
        media: Arc<dyn MediaControl>,
        ready: Vec<ReadyCheck>,
    ) -> Self {
        Self(Arc::new(Inner {
            jwt: jwt::Authority::new(root, jwt::TYP_ACCESS, &config.public_url, "lectern"),
            pepper: Pepper::new(root),
            refresh_key: root.derive(Purpose::Other("refresh"), ""),
            letter_key: root.derive(Purpose::Other("letter-links"), ""),
            hasher: Hasher::default(),
            attempts: Attempts::new(config.logins_per_minute),
            board: Board::new(runtime::clock::utc()),
            wake: Notify::new(),
            jobs: Arc::new(Notify::new()),
            requests: TaskTracker::new(),
            config,
            db,
            media,
            playback,
            ready,
        }))
    }

    /// Everything below `/api`, and `/healthz` and `/readyz`. Mount it beside the pages. The listener
    /// must put `axum::extract::ConnectInfo<SocketAddr>` into each request's extensions, or all callers
    /// share one allowance of log-ins.
    pub fn router(&self) -> axum::Router {
        http::router(self.clone())
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn media(&self) -> &dyn MediaControl {
        &*self.0.media
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.0.playback
    }

    pub(crate) fn jwt(&self) -> &jwt::Authority {
        &self.0.jwt
    }

    pub(crate) fn pepper(&self) -> &Pepper {
        &self.0.pepper
    }

    pub(crate) fn refresh_key(&self) -> &[u8; 32] {
        self.0.refresh_key.expose()
    }

    /// Makes the secrets of links in letters.
    pub(crate) fn letter_key(&self) -> &[u8; 32] {
        self.0.letter_key.expose()
    }

    pub(crate) fn hasher(&self) -> &Hasher {
        &self.0.hasher
    }

    pub(crate) fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    pub(crate) fn board(&self) -> &Board {
        &self.0.board
    }

    /// Rung when a fact has come in that may change a session's state.
    pub(crate) fn wake(&self) -> &Notify {
        &self.0.wake
    }

    /// Says that a job was enqueued and its transaction committed: it begins at once.
    pub(crate) fn wake_jobs(&self) {
        self.0.jobs.notify_one();
    }

    /// Does jobs until `shutdown`. One in a process, wherever the role `worker` is played.
    pub async fn run_jobs(&self, shutdown: CancellationToken) {
        match mail::release_held(self, runtime::clock::utc()).await {
            Ok(0) => {}
            Ok(letters) => tracing::info!("{letters} letters that waited for a mail server are sent now"),
            Err(error) => tracing::warn!(error = ?error, "letters that waited could not be queued: {error}"),
        }
        let (db, handler) = (self.db().clone(), self.clone());
        let (wake, concurrency) = (Arc::clone(&self.0.jobs), self.config().job_concurrency);
        jobs::Worker { db, handler, wake, concurrency }.run(shutdown).await;
    }

    /// Requests that run to their end although their client has gone away.
    pub(crate) fn requests(&self) -> &TaskTracker {
        &self.0.requests
    }

    /// Waits for requests that go on without their client, at most as long as a request may take. To be called
    /// when no new ones come.
    pub async fn finish_requests(&self) {
        self.0.requests.close();
        self.0.requests.wait().await;
    }

    pub(crate) fn ready_checks(&self) -> &[ReadyCheck] {
        &self.0.ready
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}
