//! The origin: from a request to an answer.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use access::{edge_secret::EdgeSecrets, playback::Keyring};
use events::AccessRevoked;
use http::{Method, Request, Response, StatusCode, request::Parts};
use ids::SessionId;
use origin_core::{
    request::{self, Object, Refusal, Route},
    viewer_session::Viewers,
};
use runtime::clock;
use tokio_util::sync::CancellationToken;

use crate::{
    answer, body::Body, caller, config::Config, epochs::Epochs, feed::Feed, hold::Holding, media, playlist,
};

/// Answers every path below `/p/` and `/s/`.
pub struct Origin {
    feed: Arc<dyn Feed>,
    keys: Keyring,
    edge: EdgeSecrets,
    config: Config,
    epochs: Epochs,
    holding: Holding,
    viewers: Mutex<Viewers>,
}

impl Origin {
    /// An origin that serves what `feed` has. `stop` ends all holds when the process is to end.
    #[must_use]
    pub fn new(
        feed: Arc<dyn Feed>,
        keys: Keyring,
        edge: EdgeSecrets,
        config: Config,
        stop: CancellationToken,
    ) -> Self {
        describe_metrics();
        let holding = Holding::new(&config, stop);
        Self { feed, keys, edge, config, epochs: Epochs::default(), holding, viewers: Mutex::default() }
    }

    /// Answers a request. Its body is not looked at. Never fails: what goes wrong has a status.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<Body> {
        let (head, _) = request.into_parts();
        let route = request::parse(head.uri.path());
        let kind = route.as_ref().map_or("unknown", |route| kind(&route.object));
        let mut response = match self.answer(&head, route).await {
            Ok(response) => response,
            Err(status) => answer::refusal(status),
        };
        answer::finish(&head.method, &head.headers, &self.config, &mut response);
        if head.method == Method::HEAD {
            *response.body_mut() = Body::empty();
        }
        count(kind, &response);
        response
    }

    /// Refuses a viewer session or an epoch from now on; held requests of theirs end at once.
    pub fn revoke(&self, revoked: &AccessRevoked) {
        let now = clock::unix_s();
        self.holding.deny().send_modify(|deny| deny.apply(revoked, now));
        match revoked {
            AccessRevoked::Epoch(epoch) => self.epochs.close(*epoch),
            AccessRevoked::ViewerSession { .. } => {}
        }
    }

    /// How many viewer sessions asked for something of this session in the last half minute. Viewers behind
    /// an edge that strips tokens are not among them.
    #[must_use]
    pub fn viewers(&self, session: SessionId) -> usize {
        self.watching().watching(session, clock::now())
    }

    /// How many requests are held now.
    #[must_use]
    pub fn held(&self) -> usize {
        self.holding.held()
    }

    /// How many playlists were rendered since the start.
    #[must_use]
    pub fn renders(&self) -> u64 {
        self.epochs.renders().texts()
    }

    async fn answer(
        &self,
        head: &Parts,
        route: Result<Route<'_>, Refusal>,
    ) -> Result<Response<Body>, StatusCode> {
        if head.method == Method::OPTIONS {
            return Ok(answer::preflight());
        }
        if head.method != Method::GET && head.method != Method::HEAD {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let route = route.map_err(|refusal| match refusal {
            Refusal::NoToken => StatusCode::FORBIDDEN,
            Refusal::NoSuchPath => StatusCode::NOT_FOUND,
        })?;
        let caller = caller::identify(&route, &head.headers, &self.keys, &self.edge, clock::unix_s())?;
        if self.holding.deny().borrow().refuses(caller.sid, route.epoch) {
            return Err(StatusCode::FORBIDDEN);
        }
        if let Some(sid) = caller.sid {
            self.watching().seen(route.session, sid, clock::now());
        }
        let opened = self.epochs.get(self.feed.as_ref(), (route.session, route.epoch), clock::now()).await;
        let epoch = opened.ok_or(StatusCode::NOT_FOUND)?;
        let (id, headers, holding) = (route.epoch, &head.headers, &self.holding);
        match route.object {
            Object::Multivariant(view) => playlist::multivariant(&epoch, view, false, headers, caller.asker),
            Object::AudioOnly(view) => playlist::multivariant(&epoch, view, true, headers, caller.asker),
            Object::MediaPlaylist(view, rendition) => {
                let asked = playlist::Asked { view, rendition, query: head.uri.query(), headers };
                playlist::media_playlist(&epoch, id, asked, caller, holding).await
            }
            object @ (Object::Init(..) | Object::Segment(..) | Object::Part(..)) => {
                media::media(&epoch, id, object, &head.method, headers, caller, holding).await
            }
        }
    }

    fn watching(&self) -> MutexGuard<'_, Viewers> {
        self.viewers.lock().expect("no holder of this lock panics")
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("config", &self.config)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

fn kind(object: &Object<'_>) -> &'static str {
    match object {
        Object::Multivariant(_) | Object::AudioOnly(_) => "multivariant",
        Object::MediaPlaylist(..) => "playlist",
        Object::Init(..) => "init",
        Object::Segment(..) => "segment",
        Object::Part(..) => "part",
    }
}

fn count(kind: &'static str, response: &Response<Body>) {
    let status = match response.status().as_u16() {
        304 => "304",
        200..=299 => "2xx",
        503 => "503",
        400..=499 => "4xx",
        _ => "other",
    };
    metrics::counter!("lectern_origin_requests_total", "kind" => kind, "status" => status).increment(1);
    metrics::counter!("lectern_origin_sent_bytes_total", "kind" => kind).increment(response.body().len());
}

fn describe_metrics() {
    use metrics::{Unit, describe_counter, describe_gauge};
    describe_counter!(
        "lectern_origin_requests_total",
        "Requests for playlists and media, by kind and status."
    );
    describe_counter!(
        "lectern_origin_sent_bytes_total",
        Unit::Bytes,
        "Bodies handed to connections, by kind."
    );
    describe_counter!("lectern_origin_renders_total", "Playlists rendered (text) and packed (gzip).");
    describe_counter!(
        "lectern_origin_holds_refused_total",
        "Requests that found the limit of holds reached."
    );
    describe_gauge!("lectern_origin_held_requests", "Requests waiting for a part or a segment.");
}
