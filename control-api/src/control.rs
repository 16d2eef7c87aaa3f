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

use crate::{
    Config,
    accounts::{Attempts, Hasher},
    http,
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
    hasher: Hasher,
    attempts: Attempts,
    board: Board,
    wake: Notify,
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
            hasher: Hasher::default(),
            attempts: Attempts::new(config.logins_per_minute),
            board: Board::new(runtime::clock::utc()),
            wake: Notify::new(),
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

    pub(crate) fn ready_checks(&self) -> &[ReadyCheck] {
        &self.0.ready
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}
