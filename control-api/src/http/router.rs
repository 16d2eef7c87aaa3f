//! All routes in one router, with the manners around them.

use axum::{Router, body::Body, extract::DefaultBodyLimit, middleware};
use tower::{Layer as _, util::MapRequestLayer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{HttpError, guard, health, idempotency, openapi};
use crate::{
    Control, accounts, batches, categories, courses, enrolments, invites, jobs, mail, playback, publications,
    sessions, staff,
};

/// No request body is larger: the longest is a course's description.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// The router of everything below `/api`, and of `/healthz` and `/readyz`. It leaves other paths, and
/// their fallback, to whoever mounts it.
pub(crate) fn router(control: Control) -> Router {
    let (inner, _) = documented().split_for_parts();
    let inner = inner
        .merge(openapi::routes())
        .fallback(async || HttpError::NotFound("address in this API"))
        .method_not_allowed_fallback(async || HttpError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(control.clone(), idempotency::idempotent))
        .layer(middleware::from_fn_with_state(control.clone(), guard::guard))
        .with_state(control);
    // A path gets its one spelling before it is routed, which a layer of the router itself cannot do.
    let service = MapRequestLayer::new(guard::one_spelling::<Body>).layer(inner);
    ["/api", "/api/", "/api/{*rest}", "/healthz", "/healthz/", "/readyz", "/readyz/"]
        .into_iter()
        .fold(Router::new(), |router, path| router.route_service(path, service.clone()))
}

/// The routes that stand in the document, which is made from them.
pub(crate) fn documented() -> OpenApiRouter<Control> {
    let api = OpenApiRouter::new()
        .merge(accounts::routes::router())
        .merge(categories::routes::router())
        .merge(courses::routes::router())
        .merge(batches::routes::router())
        .merge(staff::routes::router())
        .merge(enrolments::routes::router())
        .merge(invites::routes::router())
        .merge(sessions::routes::router())
        .merge(publications::routes::router())
        .merge(playback::routes::router())
        .merge(jobs::routes::router())
        .merge(mail::routes::router());
    OpenApiRouter::with_openapi(openapi::frame())
        .nest("/api/v1", api)
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
}
