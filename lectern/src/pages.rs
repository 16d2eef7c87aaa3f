//! The web pages, built by `web/` and embedded here.

use std::{collections::BTreeMap, io::Write, sync::LazyLock};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header},
    response::IntoResponse,
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

#[derive(rust_embed::RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Dist;

/// Paths that the pages' own router knows; all others are answered with the same page and status 404.
const PAGE_PATHS: [&str; 9] =
    ["/", "/login", "/setup", "/watch", "/embed", "/studio", "/admin", "/courses", "/account"];

/// What `make` leaves beside the pages.
const BUILD_STAMP: &str = ".built";
/// Where the build of the pages puts the policy that fits their styles' hashes.
const POLICY_FILE: &str = "csp.txt";
/// For a build without it: scripts and styles only from here; media through blob: URLs (Media Source
/// Extensions).
const POLICY_FALLBACK: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'self'",
);

static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    Dist::get(POLICY_FILE)
        .and_then(|file| HeaderValue::from_bytes(file.data.trim_ascii()).ok())
        .unwrap_or(POLICY_FALLBACK)
});

struct Asset {
    bytes: Bytes,
    gzip: Option<Bytes>,
    etag: HeaderValue,
    content_type: &'static str,
}

static ASSETS: LazyLock<BTreeMap<String, Asset>> = LazyLock::new(load);

/// Were the pages built into this executable?
pub(crate) fn are_embedded() -> bool {
    ASSETS.contains_key("index.html")
}

/// Answers what no API route did.
pub(crate) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let path = uri.path();
    if method != Method::GET && method != Method::HEAD {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response();
    }
    if let Some(asset) = ASSETS.get(path.trim_start_matches('/')).filter(|_| path != "/index.html") {
        // Vite puts a hash of the content into the names below /assets/.
        let lasting = path.starts_with("/assets/");
        let cache = if lasting { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
        return answer(asset, &headers, StatusCode::OK, cache);
    }
    let known = PAGE_PATHS.iter().any(|page| {
        path == *page || (*page != "/" && path.strip_prefix(page).is_some_and(|rest| rest.starts_with('/')))
    });
    let status = if known { StatusCode::OK } else { StatusCode::NOT_FOUND };
    match ASSETS.get("index.html") {
        Some(page) if !path.starts_with("/assets/") => answer(page, &headers, status, "no-cache"),
        Some(_) => StatusCode::NOT_FOUND.into_response(),
        None => (
            StatusCode::NOT_FOUND,
            "The pages are not part of this build: run `make web` and build again. The API is at /api/docs.\n",
        )
            .into_response(),
    }
}

fn answer(asset: &Asset, request: &HeaderMap, status: StatusCode, cache: &'static str) -> Response<Body> {
    let takes_gzip = request
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|coding| coding.trim().split(';').next() == Some("gzip")));
    let unchanged = request.get(header::IF_NONE_MATCH) == Some(&asset.etag);
    let mut response = if unchanged && status == StatusCode::OK {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match asset.gzip.as_ref().filter(|_| takes_gzip) {
            Some(gzip) => ([(header::CONTENT_ENCODING, "gzip")], gzip.clone()).into_response(),
            None => asset.bytes.clone().into_response(),
        }
    };
    if !unchanged {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::ETAG, asset.etag.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn load() -> BTreeMap<String, Asset> {
    Dist::iter()
        .filter(|name| name != POLICY_FILE && name != BUILD_STAMP)
        .filter_map(|name| {
            let file = Dist::get(&name)?;
            let bytes = Bytes::from(file.data.into_owned());
            let hash = file.metadata.sha256_hash();
            let short: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            let etag =
                HeaderValue::from_str(&format!("\"{short}\"")).expect("hex digits are legal in a header");
            let asset = Asset { gzip: gzipped(&bytes), bytes, etag, content_type: content_type(&name) };
            Some((name.into_owned(), asset))
        })
        .collect()
}

/// The smaller form; none where it is not smaller (pictures, fonts).
fn gzipped(bytes: &Bytes) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().filter(|gzip| gzip.len() < bytes.len()).map(Bytes::from)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("json" | "webmanifest" | "map") => "application/json",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
