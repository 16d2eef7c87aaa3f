//! Who answers a request.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, body::Body as PageBody, extract::ConnectInfo, response::IntoResponse};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as _;
use http_body_util::Limited;
use hyper::body::Incoming;
use origin_server::Origin;
use tower::ServiceExt;

use super::{Limits, ResponseBody, body::TimedBody, conduct::Conduct, watched::WatchedBody};

/// Who answers: the origin for media paths, else the router of API and pages.
#[derive(Clone)]
pub(crate) struct Service {
    /// Answers `/p/…` and `/s/…`; none when this process has no origin role.
    pub(crate) origin: Option<Arc<Origin>>,
    /// Answers all else.
    pub(crate) pages: Router,
}

impl Service {
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        limits: Limits,
        conduct: Conduct,
    ) -> Response<WatchedBody> {
        let multiplexed = request.version() == http::Version::HTTP_2;
        // Without a place in the books a request still needs a body that tells its end.
        let Some(noted) = conduct.begin_request() else {
            return StatusCode::TOO_MANY_REQUESTS
                .into_response()
                .map(|body| WatchedBody::unwatched(ResponseBody::Page(body)));
        };
        let response = self.dispatch(request, peer, limits).await;
        response.map(|body| WatchedBody::new(body, noted, multiplexed))
    }

    async fn dispatch(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        limits: Limits,
    ) -> Response<ResponseBody> {
        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        if target > limits.uri_bytes_max {
            return refusal(StatusCode::URI_TOO_LONG);
        }
        let head: usize =
            request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if head > limits.head_bytes_max {
            return refusal(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        name_host(&mut request);
        let path = request.uri().path();
        if let Some(origin) = &self.origin
            && (path.starts_with("/p/") || path.starts_with("/s/"))
        {
            return origin.handle(request).await.map(ResponseBody::Media);
        }
        // Said before it is sent, it need not be sent.
        let announced = usize::try_from(request.body().size_hint().lower()).unwrap_or(usize::MAX);
        if announced > limits.body_bytes_max {
            return refusal(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let mut request = request.map(|body| {
            let timed = TimedBody::new(body, limits.body_pause_max);
            PageBody::new(Limited::new(timed, limits.body_bytes_max))
        });
        request.extensions_mut().insert(ConnectInfo(peer));
        match self.pages.clone().oneshot(request).await {
            Ok(response) => response.map(ResponseBody::Page),
            Err(never) => match never {},
        }
    }
}

fn refusal(status: StatusCode) -> Response<ResponseBody> {
    status.into_response().map(ResponseBody::Page)
}

/// HTTP/2 names the host in `:authority`; whoever compares it with `Origin` looks for `Host`.
fn name_host<B>(request: &mut Request<B>) {
    if request.headers().contains_key(header::HOST) {
        return;
    }
    let host = request.uri().authority().and_then(|name| HeaderValue::from_str(name.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(header::HOST, host);
    }
}
