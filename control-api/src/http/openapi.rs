//! The OpenAPI document, made from the routes, and the page that shows it without a network.

use std::sync::OnceLock;

use axum::{Router, response::IntoResponse, routing::get};
use http::header;
use utoipa::{
    OpenApi,
    openapi::{
        Components, ContentBuilder, ObjectBuilder, OpenApi as Document, Ref, RefOr, Required,
        ResponseBuilder,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{error, idempotency, router};
use crate::Control;

/// Title, tags and the error body; paths and schemas come from the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lectern",
        description = "Live classes: people, courses, sessions, enrolments, and grants to publish and to watch.\n\n\
            Successes are `{\"success\": true, \"data\": …}`, errors `{\"success\": false, \"error\": {code, message, \
            details}}`. Paths work with and without a slash at the end, and as `/api/…` for `/api/v1/…`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(error::Failure)),
    tags(
        (name = "accounts", description = "Log-in, tokens, the first set-up."),
        (name = "courses", description = "What is taught, and by whom."),
        (name = "enrolments", description = "Who learns it."),
        (name = "sessions", description = "When; on air and off."),
        (name = "publications", description = "Stream keys."),
        (name = "playback", description = "Grants to watch."),
        (name = "operations", description = "For those who run the server."),
    )
)]
struct Frame;

/// The document before the routes add themselves.
pub(crate) fn frame() -> Document {
    Frame::openapi()
}

/// The whole document.
pub(crate) fn document() -> Document {
    let mut document = router::documented().into_openapi();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    for (path, item) in &mut document.paths.paths {
        if let Some(post) = &mut item.post
            && !idempotency::holds_secret(path)
        {
            post.parameters.get_or_insert_with(Vec::new).push(RefOr::T(idempotency_key()));
        }
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            complete(operation);
        }
    }
    document
}

/// What every POST takes whose answer may be kept.
fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Asked again with the same key and body within a day, the same answer comes and nothing happens anew; \
             another body is 422, one under way 409.",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).max_length(Some(255))))
        .build()
}

/// What holds for every operation: who may call it, and how an error looks.
fn complete(operation: &mut Operation) {
    if operation.security.is_none() {
        let none: [&str; 0] = [];
        operation.security = Some(vec![SecurityRequirement::new("bearer", none)]);
    }
    let content = ContentBuilder::new().schema(Some(RefOr::Ref(Ref::from_schema_name("Failure")))).build();
    let failure = ResponseBuilder::new()
        .description("Anything else: the code says what.")
        .content("application/json", content)
        .build();
    operation.responses.responses.insert("default".into(), RefOr::T(failure));
}

/// The OpenAPI document, as `/api/openapi.json` serves it and the repository keeps it.
///
/// # Errors
/// Never for a document that was served once.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    let mut text = document().to_pretty_json()?;
    text.push('\n');
    Ok(text)
}

fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| openapi_json().expect("a document of strings, numbers and maps is JSON"))
}

/// The document, and the page with its script and style.
pub(crate) fn routes() -> Router<Control> {
    let of = |kind: &'static str, text: &'static str| {
        get(async move || ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")], text))
    };
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
        base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let page = get(async || {
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, POLICY),
            (header::CACHE_CONTROL, "no-cache"),
        ];
        (headers, include_str!("docs/page.html")).into_response()
    });
    Router::new()
        .route("/api/docs", page)
        .route("/api/docs/page.js", of("text/javascript; charset=utf-8", include_str!("docs/page.js")))
        .route("/api/docs/page.css", of("text/css; charset=utf-8", include_str!("docs/page.css")))
        .route("/api/openapi.json", get(async || ([(header::CONTENT_TYPE, "application/json")], text())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE=1` rewrites the file; the pages' client is made from it.
    #[test]
    fn the_document_in_the_repository_is_the_one_that_is_served() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, text()).unwrap();
        }
        let stored = std::fs::read_to_string(path).unwrap_or_default();
        assert!(stored == text(), "control-api/openapi.json is old: run this test with UPDATE=1");
    }

    #[test]
    fn every_operation_has_a_name_a_tag_and_a_summary() {
        for (path, item) in &document().paths.paths {
            let operations = [&item.get, &item.post, &item.patch, &item.put, &item.delete];
            for operation in operations.into_iter().flatten() {
                assert!(operation.operation_id.is_some(), "{path}");
                assert!(operation.tags.as_ref().is_some_and(|tags| tags.len() == 1), "{path}");
                assert!(operation.summary.is_some(), "{path}");
            }
        }
    }
}
