//! Playlists: held, rendered once, packed once.

use hls::{playlist::View, window::Figures};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use ids::EpochId;
use origin_core::{
    blocking_reload::{self, Reload},
    cache_policy::{Answer, Asker},
    directives, encoding,
};

use crate::{
    answer,
    body::Body,
    caller::Caller,
    hold::{Holding, Verdict},
    snapshot::{Encoded, Epoch},
};

/// The multivariant playlist of a view, with everything or with audio alone.
pub(crate) fn multivariant(
    epoch: &Epoch,
    view: View,
    audio_only: bool,
    headers: &HeaderMap,
    asker: Asker,
) -> Result<Response<Body>, StatusCode> {
    if view == View::Vod && !epoch.has_ended() {
        return Err(StatusCode::NOT_FOUND);
    }
    let (multivariant, text) = epoch.multivariant(audio_only).ok_or(StatusCode::NOT_FOUND)?;
    let encoding = encoding::accepted(answer::text(headers, header::ACCEPT_ENCODING));
    let encoded = text.encoded(encoding, || {});
    Ok(respond(encoded, encoding, headers, asker, Answer::Playlist, &multivariant.figures))
}

/// What was asked of a rendition's playlist.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) view: View,
    pub(crate) rendition: &'a str,
    pub(crate) query: Option<&'a str>,
    pub(crate) headers: &'a HeaderMap,
}

/// A rendition's playlist in a view, when it has what the query asks for.
pub(crate) async fn media_playlist(
    epoch: &Epoch,
    id: EpochId,
    asked: Asked<'_>,
    caller: Caller,
    holding: &Holding,
) -> Result<Response<Body>, StatusCode> {
    let Asked { view, rendition, query, headers } = asked;
    let rendition = epoch.rendition(rendition).ok_or(StatusCode::NOT_FOUND)?;
    if view == View::Vod && !rendition.newest().ended {
        return Err(StatusCode::NOT_FOUND);
    }
    let directives = directives::parse(query).map_err(|_| StatusCode::BAD_REQUEST)?;
    let decide = |window: &hls::window::Window| match blocking_reload::reload(window, &directives) {
        Reload::Serve => Verdict::Serve,
        Reload::Hold => Verdict::Hold,
        Reload::TooFarAhead => Verdict::Refuse(StatusCode::BAD_REQUEST),
    };
    holding.until(&rendition, caller, id, decide).await?;
    let encoding = encoding::accepted(answer::text(headers, header::ACCEPT_ENCODING));
    let encoded = rendition.text(view, directives.skip, encoding);
    let kind = if directives.until.is_some() { Answer::BlockingPlaylist } else { Answer::Playlist };
    Ok(respond(encoded, encoding, headers, caller.asker, kind, &rendition.newest().figures))
}

fn respond(
    encoded: Encoded,
    encoding: encoding::Encoding,
    request: &HeaderMap,
    asker: Asker,
    kind: Answer,
    figures: &Figures,
) -> Response<Body> {
    let mut response = answer::head(encoded.etag, asker, kind, figures);
    answer::vary(response.headers_mut(), "Accept-Encoding");
    if answer::is_unchanged(request, &response) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.apple.mpegurl"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(encoded.bytes.len()));
    match encoding {
        encoding::Encoding::Gzip => {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        encoding::Encoding::Identity => {}
    }
    *response.body_mut() = encoded.bytes.into();
    response
}
