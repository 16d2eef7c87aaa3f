//! Initialisation sections, segments and parts: shared chunks out of the store.

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use ids::EpochId;
use origin_core::{
    blocking_reload::{self, Part},
    cache_policy::Answer,
    condition,
    range::{self, Wanted},
    request::Object,
    viewer_session,
};

use crate::{
    answer,
    body::Body,
    caller::Caller,
    hold::{Holding, Verdict},
    snapshot::Epoch,
};

/// An object's bytes, or the range of them that was asked for. A hinted part is held until it is there
/// (rfc8216bis 6.2.6: no byte of it before all are ready).
pub(crate) async fn media(
    epoch: &Epoch,
    id: EpochId,
    object: Object<'_>,
    method: &Method,
    request: &HeaderMap,
    caller: Caller,
    holding: &Holding,
) -> Result<Response<Body>, StatusCode> {
    let (name, stored, msn) = stored(object).ok_or(StatusCode::NOT_FOUND)?;
    let rendition = epoch.rendition(name).ok_or(StatusCode::NOT_FOUND)?;
    if let Some(msn) = msn
        && !viewer_session::may_fetch(&rendition.newest(), caller.classes, msn)
    {
        return Err(StatusCode::NOT_FOUND);
    }
    if let Object::Part(_, msn, part) = object {
        let decide = |window: &hls::window::Window| match blocking_reload::part(window, msn, part) {
            Part::Serve => Verdict::Serve,
            Part::Hold => Verdict::Hold,
            Part::Unknown => Verdict::Refuse(StatusCode::NOT_FOUND),
        };
        holding.until(&rendition, caller, id, decide).await?;
    }
    let len = epoch.feed.media.size_bytes(name, stored).ok_or(StatusCode::NOT_FOUND)?;
    let figures = rendition.newest().figures;
    let mut response = answer::head(etag(stored, len), caller.asker, Answer::of(&object, false), &figures);
    if answer::is_unchanged(request, &response) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let (first, end) = match wanted(request, &response, len) {
        Wanted::Whole => (0, len),
        Wanted::Bytes(first, end) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            content_range(&mut response, format!("bytes {first}-{}/{len}", end - 1));
            (first, end)
        }
        Wanted::Unsatisfiable => {
            let mut refusal = answer::refusal(StatusCode::RANGE_NOT_SATISFIABLE);
            content_range(&mut refusal, format!("bytes */{len}"));
            return Ok(refusal);
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - first));
    if method != Method::HEAD {
        *response.body_mut() = read(epoch, id, name, stored, first, end).await?;
    }
    Ok(response)
}

async fn read(
    epoch: &Epoch,
    id: EpochId,
    rendition: &str,
    object: store::Object,
    first: u64,
    end: u64,
) -> Result<Body, StatusCode> {
    match epoch.feed.media.get(rendition, object).await {
        Ok(Some(stored)) => {
            let body = Body::slice(stored.chunks, first, end);
            // Headers have promised a length; a shorter body would break the connection instead.
            if body.len() == end - first { Ok(body) } else { Err(StatusCode::SERVICE_UNAVAILABLE) }
        }
        Ok(None) => Err(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::error!(epoch.id = %id, "media of epoch {id} cannot be read: {error}");
            Err(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

fn stored<'a>(object: Object<'a>) -> Option<(&'a str, store::Object, Option<u64>)> {
    match object {
        Object::Init(rendition, n) => Some((rendition, store::Object::Init(n), None)),
        Object::Segment(rendition, msn) => Some((rendition, store::Object::Segment(msn), Some(msn))),
        Object::Part(rendition, msn, part) => Some((rendition, store::Object::Part(msn, part), Some(msn))),
        Object::Multivariant(_) | Object::AudioOnly(_) | Object::MediaPlaylist(..) => None,
    }
}

fn wanted(request: &HeaderMap, response: &Response<Body>, len: u64) -> Wanted {
    let etag = answer::text(response.headers(), header::ETAG).unwrap_or_default();
    if !condition::range_still_holds(answer::text(request, header::IF_RANGE), etag) {
        return Wanted::Whole;
    }
    range::wanted(answer::text(request, header::RANGE), len)
}

fn content_range(response: &mut Response<Body>, range: String) {
    let range = HeaderValue::try_from(range).expect("digits make a header");
    response.headers_mut().insert(header::CONTENT_RANGE, range);
}

/// A URI's bytes never change, so its numbers and its length are tag enough.
fn etag(object: store::Object, len: u64) -> HeaderValue {
    let tag = match object {
        store::Object::Init(n) => format!("\"i{n}-{len:x}\""),
        store::Object::Segment(msn) => format!("\"{msn}-{len:x}\""),
        store::Object::Part(msn, part) => format!("\"{msn}.{part}-{len:x}\""),
    };
    HeaderValue::try_from(tag).expect("digits make a header")
}
