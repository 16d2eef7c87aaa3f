//! What holds for every route: envelope, errors, spelling, headers.

use access::jwt::Role;
use axum::body::Body;
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::world::World;

#[tokio::test]
async fn every_error_has_the_envelope_and_the_request_s_id() {
    let world = World::new().await;
    let teacher = world.person("minh", Role::Instructor).await;
    let long = json!({"title": "x".repeat(70_000)});
    let no_title = json!({});
    let odd = json!({"title": "A", "price": 3});
    let wrong = json!({"title": "A", "dvr": "yes"});
    for (method, path, token, body, status, code) in [
        (Method::GET, "/nowhere", None, Value::Null, 404, "NOT_FOUND"),
        (Method::GET, "/courses", None, Value::Null, 401, "UNAUTHENTICATED"),
        (Method::GET, "/courses", Some("x.y.z"), Value::Null, 401, "UNAUTHENTICATED"),
        (Method::DELETE, "/courses", Some(&*teacher.token), Value::Null, 405, "METHOD_NOT_ALLOWED"),
        (Method::GET, "/courses/7", Some(&*teacher.token), Value::Null, 404, "NOT_FOUND"),
        (Method::GET, "/courses?page=0", Some(&*teacher.token), Value::Null, 422, "VALIDATION_ERROR"),
        (Method::GET, "/courses?page=x", Some(&*teacher.token), Value::Null, 422, "VALIDATION_ERROR"),
        (Method::GET, "/courses?colour=red", Some(&*teacher.token), Value::Null, 422, "VALIDATION_ERROR"),
        (Method::POST, "/courses", Some(&*teacher.token), long, 413, "PAYLOAD_TOO_LARGE"),
        (Method::POST, "/courses", Some(&*teacher.token), Value::Null, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Method::POST, "/courses", Some(&*teacher.token), no_title, 422, "VALIDATION_ERROR"),
        (Method::POST, "/courses", Some(&*teacher.token), odd, 422, "VALIDATION_ERROR"),
        (Method::POST, "/courses", Some(&*teacher.token), wrong, 422, "VALIDATION_ERROR"),
    ] {
        let answer = world.call(method.clone(), token, path, body).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {answer:?}");
        assert_eq!(answer.code(), code, "{method} {path}");
        assert!(!answer.body["error"]["message"].as_str().unwrap().is_empty());
        let id = answer.headers["x-request-id"].to_str().unwrap();
        assert_eq!(answer.body["meta"]["request_id"], id);
        assert!(answer.body["meta"]["timestamp"].is_string());
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store");
        if status == 401 {
            assert_eq!(answer.headers[header::WWW_AUTHENTICATE], "Bearer");
        }
        if status == 405 {
            assert!(answer.headers[header::ALLOW].to_str().unwrap().contains("POST"));
        }
    }
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let world = World::new().await;
    let teacher = world.person("minh", Role::Instructor).await;
    let check = async |body: Value, field: &str| {
        let answer = world.post(&teacher, "/courses", body).await;
        let details = answer.body["error"]["details"].as_object().unwrap();
        assert_eq!(details.keys().collect::<Vec<_>>(), [field], "{answer:?}");
    };
    check(json!({}), "title").await;
    check(json!({"title": "A", "price": 3}), "price").await;
    check(json!({"title": "A", "dvr": "yes"}), "dvr").await;
    check(json!({"title": "A", "access": "secret"}), "access").await;
    check(json!({"title": " "}), "title").await;
    check(json!({"title": "A", "capacity": 0}), "capacity").await;
    let broken = Request::post("/api/v1/courses")
        .header(header::AUTHORIZATION, format!("Bearer {}", teacher.token))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from("{\"title\": "));
    assert_eq!(world.send(broken.unwrap()).await.code(), "BAD_REQUEST");
}

#[tokio::test]
async fn a_path_may_end_in_a_slash_and_leave_the_version_out() {
    let world = World::new().await;
    for path in ["/api/v1/setup", "/api/v1/setup/", "/api/setup", "/api/setup/"] {
        let answer = world.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.data()["needed"], true, "{path}");
    }
    for path in ["/healthz", "/healthz/", "/readyz", "/api/docs", "/api/docs/", "/api/openapi.json"] {
        let answer = world.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    for path in ["/api", "/api/", "/api/v1", "/api/docs/nothing"] {
        let answer = world.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.code(), "NOT_FOUND", "{path}");
    }
}

#[tokio::test]
async fn other_sites_are_let_in_by_exact_name() {
    let world = World::new().await;
    let ask = async |method: Method, origin: &str| {
        let request = Request::builder()
            .method(method)
            .uri("/api/v1/courses")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "GET");
        world.send(request.body(Body::empty()).unwrap()).await
    };
    let listed = ask(Method::OPTIONS, "https://school.example").await;
    assert_eq!(listed.status, StatusCode::NO_CONTENT);
    assert_eq!(listed.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://school.example");
    assert!(listed.headers.contains_key(header::ACCESS_CONTROL_ALLOW_HEADERS));
    let refused = ask(Method::GET, "https://school.example").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://school.example");
    for origin in ["https://evil.example", "https://school.example.evil.example", "null"] {
        let other = ask(Method::OPTIONS, origin).await;
        assert!(!other.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{origin}");
        assert_eq!(other.headers[header::VARY], "origin");
    }
}

#[tokio::test]
async fn readiness_names_what_is_wrong() {
    let world = World::new().await;
    let ready = async || world.send(Request::get("/readyz").body(Body::empty()).unwrap()).await;
    assert_eq!(ready().await.body, json!({"status": "ok", "checks": {"database": "ok"}}));
    db::q("delete from _sqlx_migrations").run(world.control.db()).await.unwrap();
    let failing = ready().await;
    assert_eq!(failing.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(failing.body["checks"]["database"].as_str().unwrap().contains("lectern migrate"));
}

#[tokio::test]
async fn a_database_that_is_gone_is_a_503_and_the_process_is_alive() {
    let world = World::new().await;
    let teacher = world.person("minh", Role::Instructor).await;
    world.control.db().close().await;
    let answer = world.get(&teacher, "/courses").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
    let alive = world.send(Request::get("/healthz").body(Body::empty()).unwrap()).await;
    assert_eq!(alive.status, StatusCode::OK);
}
