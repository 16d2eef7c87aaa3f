//! Who asks: a viewer with a token, or our edge with its secret.

use access::edge_secret::EdgeSecrets;
use access::playback::{Class, Classes, Keyring, Refusal};
use http::{HeaderMap, StatusCode};
use origin_core::{cache_policy::Asker, request::Route};

/// The header by which an edge shows itself.
pub(crate) const EDGE_HEADER: &str = "x-edge";

/// Somebody who may have what he asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    /// The viewer session; none for an edge, which has checked its viewers.
    pub(crate) sid: Option<u64>,
    pub(crate) classes: Classes,
    pub(crate) asker: Asker,
}

/// Looks at token and edge secret. An edge may also leave the token in the path; then both count.
pub(crate) fn identify(
    route: &Route<'_>,
    headers: &HeaderMap,
    keys: &Keyring,
    edge: &EdgeSecrets,
    now_unix_s: u64,
) -> Result<Caller, StatusCode> {
    let from_edge = headers.get(EDGE_HEADER).is_some_and(|value| edge.matches(value.as_bytes()));
    let asker = if from_edge { Asker::Edge } else { Asker::Viewer };
    let Some(token) = &route.token else {
        let everything = Classes::only(Class::Live).and(Class::Dvr).and(Class::Vod);
        return if from_edge {
            Ok(Caller { sid: None, classes: everything, asker })
        } else {
            Err(StatusCode::FORBIDDEN)
        };
    };
    match keys.verify(token, route.session, route.epoch, now_unix_s) {
        Ok(claims) if route.object.is_open_to(claims.classes) => {
            Ok(Caller { sid: Some(claims.sid), classes: claims.classes, asker })
        }
        Ok(claims) => {
            tracing::debug!(sid = %format_args!("{:x}", claims.sid), "the token's classes do not open this view");
            Err(StatusCode::FORBIDDEN)
        }
        Err(refusal) => {
            refused(token.unproved_sid(), refusal);
            Err(StatusCode::FORBIDDEN)
        }
    }
}

fn refused(sid: u64, refusal: Refusal) {
    tracing::debug!(sid = %format_args!("{sid:x}"), "a request was refused: {refusal}");
}
