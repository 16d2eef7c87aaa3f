//! Log-in, refresh tokens, set-up.

use db::testing::on_both;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::world::{Answer, PASSWORD, World};

async fn log_in(world: &World, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    world.call(Method::POST, None, "/auth/login", body).await
}

async fn refresh(world: &World, token: &str) -> Answer {
    world.call(Method::POST, None, "/auth/refresh", json!({"refresh": token})).await
}

fn token(answer: &Answer) -> String {
    answer.data()["refresh"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_logs_in_is_known_by_his_token() {
    on_both(async |db| {
        let world = World::on(db);
        world.control.create_user("Anna@School.example", "student", None, PASSWORD).await.unwrap();
        let answer = log_in(&world, " anna@school.EXAMPLE", PASSWORD).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let cookie = answer.headers[header::SET_COOKIE].to_str().unwrap();
        assert!(cookie.starts_with("lectern_refresh=rt_"), "{cookie}");
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Path=/api; Max-Age=2592000"), "{cookie}");
        let access = answer.data()["access"].as_str().unwrap();
        let profile = world.call(Method::GET, Some(access), "/auth/profile", Value::Null).await;
        assert_eq!(profile.data()["email"], "Anna@School.example");
        assert_eq!(profile.data()["full_name"], "Anna");
        assert_eq!(profile.data()["role"], "student");
        assert_eq!(profile.data()["id"], answer.data()["user"]["id"]);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_address_is_answered_like_a_wrong_password() {
    let world = World::new().await;
    world.control.create_user("anna@school.example", "student", None, PASSWORD).await.unwrap();
    let wrong = log_in(&world, "anna@school.example", "wrong").await;
    let unknown = log_in(&world, "bob@school.example", "wrong").await;
    assert_eq!((wrong.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(wrong.body["error"], unknown.body["error"]);
    assert_eq!(wrong.code(), "INVALID_CREDENTIALS");
    let endless = log_in(&world, "anna@school.example", &"x".repeat(5000)).await;
    assert_eq!(endless.code(), "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn the_sixth_log_in_of_a_minute_is_told_to_wait() {
    let (db, _folder) = db::testing::sqlite().await;
    let world = World::with(db, &[]);
    for _ in 0..5 {
        assert_eq!(log_in(&world, "bob@school.example", "wrong").await.status, StatusCode::UNAUTHORIZED);
    }
    let sixth = log_in(&world, "bob@school.example", "wrong").await;
    assert_eq!(sixth.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sixth.code(), "RATE_LIMITED");
    let seconds: u32 = sixth.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=12).contains(&seconds));
}

#[tokio::test]
async fn a_refresh_token_is_used_up_and_its_reuse_ends_the_log_in() {
    on_both(async |db| {
        let world = World::on(db);
        world.control.create_user("anna@school.example", "student", None, PASSWORD).await.unwrap();
        let first = token(&log_in(&world, "anna@school.example", PASSWORD).await);
        let second = token(&refresh(&world, &first).await);
        assert_ne!(first, second);
        // The answer was lost: the same again.
        assert_eq!(token(&refresh(&world, &first).await), second);
        let third = token(&refresh(&world, &second).await);
        // Somebody has the first, and the second was used: two parties.
        assert_eq!(refresh(&world, &first).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(refresh(&world, &third).await.status, StatusCode::UNAUTHORIZED);
        // Another log-in of the same person is untouched.
        let other = token(&log_in(&world, "anna@school.example", PASSWORD).await);
        assert_eq!(refresh(&world, &other).await.status, StatusCode::OK);
        for nonsense in ["", "rt_", "rt_x", &"x".repeat(500)] {
            assert_eq!(refresh(&world, nonsense).await.status, StatusCode::UNAUTHORIZED);
        }
    })
    .await;
}

#[tokio::test]
async fn a_refresh_cookie_counts_from_our_own_pages_alone() {
    let world = World::new().await;
    world.control.create_user("anna@school.example", "student", None, PASSWORD).await.unwrap();
    let mut cookie =
        format!("a=b; lectern_refresh={}", token(&log_in(&world, "anna@school.example", PASSWORD).await));
    for (origin, expected) in [
        (None, StatusCode::OK),
        (Some("http://127.0.0.1:8080"), StatusCode::OK),
        (Some("http://localhost:9"), StatusCode::OK),
        (Some("https://school.example"), StatusCode::OK),
        (Some("https://evil.example"), StatusCode::FORBIDDEN),
        (Some("null"), StatusCode::FORBIDDEN),
    ] {
        let mut request = http::Request::post("/api/v1/auth/refresh")
            .header(header::COOKIE, &cookie)
            .header(header::HOST, "localhost:9");
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        let answer = world.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(answer.status, expected, "{origin:?}");
        if answer.status == StatusCode::OK {
            cookie = format!("lectern_refresh={}", token(&answer));
        }
    }
}

#[tokio::test]
async fn who_logs_out_cannot_renew() {
    let world = World::new().await;
    world.control.create_user("anna@school.example", "student", None, PASSWORD).await.unwrap();
    let first = token(&log_in(&world, "anna@school.example", PASSWORD).await);
    let answer = world.call(Method::POST, None, "/auth/logout", json!({"refresh": first})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(answer.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(refresh(&world, &first).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_set_up_link_makes_one_admin_once() {
    on_both(async |db| {
        let world = World::on(db);
        let needed = async || world.call(Method::GET, None, "/setup", Value::Null).await.data()["needed"].clone();
        assert_eq!(needed().await, true);
        let old = world.control.setup_token().await.unwrap().unwrap();
        let link = world.control.setup_link().await.unwrap().unwrap();
        let token = link.strip_prefix("http://127.0.0.1:8080/setup?token=").unwrap();
        let admin = |token: &str, password: &str| {
            json!({"token": token, "email": "root@school.example", "full_name": "Anna", "password": password})
        };
        let set_up = async |body| world.call(Method::POST, None, "/setup", body).await;
        assert_eq!(set_up(admin(&old, PASSWORD)).await.code(), "FORBIDDEN");
        let weak = set_up(admin(token, "12345678")).await;
        assert_eq!(weak.code(), "VALIDATION_ERROR");
        assert_eq!(weak.body["error"]["details"]["password"].as_array().unwrap().len(), 2);
        let made = set_up(admin(token, PASSWORD)).await;
        assert_eq!(made.data()["user"]["role"], "admin");
        assert_eq!(set_up(admin(token, PASSWORD)).await.code(), "FORBIDDEN");
        assert_eq!(needed().await, false);
        assert_eq!(world.control.setup_token().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn an_account_is_made_once_and_its_faults_are_told_together() {
    let world = World::new().await;
    let create = async |email, role, password| world.control.create_user(email, role, None, password).await;
    create("anna@school.example", "teacher", PASSWORD).await.unwrap();
    let again = create("ANNA@school.example", "student", PASSWORD).await;
    assert!(matches!(again, Err(crate::UserError::Exists)));
    let Err(crate::UserError::Invalid(faults)) = create("anna", "boss", "1").await else { panic!() };
    assert_eq!(faults.len(), 4, "{faults:?}");
}
