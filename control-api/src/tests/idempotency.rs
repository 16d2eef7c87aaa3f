//! Asking twice with one `Idempotency-Key`.

use std::sync::Arc;

use access::jwt::Role;
use db::testing::on_both;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::world::{Answer, Person, World};

async fn ask(world: &World, who: &Person, key: &str, path: &str, body: Value) -> Answer {
    let request = Request::post(format!("/api/v1{path}"))
        .header(header::AUTHORIZATION, format!("Bearer {}", who.token))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key);
    world.send(request.body(body.to_string().into()).unwrap()).await
}

async fn courses(world: &World) -> i64 {
    let (courses,): (i64,) = db::q("select count(*) from courses").one(world.control.db()).await.unwrap();
    courses
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer_and_makes_nothing_anew() {
    on_both(async |db| {
        let world = World::on(db);
        let (minh, other) =
            (world.person("minh", Role::Instructor).await, world.person("lan", Role::Instructor).await);
        let body = json!({"title": "Algebra"});
        let first = ask(&world, &minh, "k1", "/courses", body.clone()).await;
        assert_eq!(first.status, StatusCode::CREATED);
        assert!(!first.headers.contains_key("idempotency-replayed"));
        let again = ask(&world, &minh, "k1", "/courses", body.clone()).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.headers[header::CONTENT_TYPE], first.headers[header::CONTENT_TYPE]);
        assert_eq!(courses(&world).await, 1);
        let reused = ask(&world, &minh, "k1", "/courses", json!({"title": "Geometry"})).await;
        assert_eq!(
            (reused.status, reused.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "IDEMPOTENCY_KEY_REUSED")
        );
        assert_eq!(ask(&world, &other, "k1", "/courses", body.clone()).await.status, StatusCode::CREATED);
        assert_eq!(ask(&world, &minh, "k2", "/courses", body).await.status, StatusCode::CREATED);
        assert_eq!(courses(&world).await, 3);
        let wrong = ask(&world, &minh, "k3", "/courses", json!({})).await;
        assert_eq!(wrong.code(), "VALIDATION_ERROR");
        assert_eq!(ask(&world, &minh, "k3", "/courses", json!({})).await.body, wrong.body, "byte for byte");
        for key in ["", "a b", &"x".repeat(256)] {
            assert_eq!(ask(&world, &minh, key, "/courses", json!({})).await.code(), "BAD_REQUEST", "{key}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_at_once_with_one_key_make_one_course() {
    on_both(async |db| {
        let world = Arc::new(World::on(db));
        let minh = world.person("minh", Role::Instructor).await;
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (world, minh) = (Arc::clone(&world), minh.clone());
                tokio::spawn(
                    async move { ask(&world, &minh, "k", "/courses", json!({"title": "Algebra"})).await },
                )
            })
            .collect();
        for task in tasks {
            let answer = task.await.unwrap();
            let waited = answer.status == StatusCode::CONFLICT && answer.code() == "IDEMPOTENCY_KEY_IN_USE";
            assert!(answer.status == StatusCode::CREATED || waited, "{answer:?}");
        }
        assert_eq!(courses(&world).await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_may_succeed_later_and_what_holds_a_secret_is_not_kept() {
    on_both(async |db| {
        let world = World::on(db.clone());
        let minh = world.person("minh", Role::Instructor).await;
        let mut nobody = minh.clone();
        nobody.token = "x.y.z".into();
        assert_eq!(ask(&world, &nobody, "k", "/courses", json!({})).await.status, StatusCode::UNAUTHORIZED);
        let course = world.course(&minh).await;
        let path = format!("/courses/{course}/stream-key/rotate");
        let one = ask(&world, &minh, "k", &path, json!({})).await;
        let two = ask(&world, &minh, "k", &path, json!({})).await;
        assert_ne!(one.data()["stream_key"], two.data()["stream_key"]);
        let (kept,): (i64,) = db::q("select count(*) from idempotency_keys").one(&db).await.unwrap();
        assert_eq!(kept, 0);
        // A key whose request never ended is free half a minute later, and an old one after a day.
        ask(&world, &minh, "k", "/courses", json!({"title": "A"})).await.data();
        let in_use = async || ask(&world, &minh, "k", "/courses", json!({"title": "A"})).await;
        db::q("update idempotency_keys set status = null, body = null").run(&db).await.unwrap();
        assert_eq!(in_use().await.code(), "IDEMPOTENCY_KEY_IN_USE");
        let past = runtime::clock::utc() - chrono::TimeDelta::seconds(1);
        db::q("update idempotency_keys set held_until = $1").bind(past).run(&db).await.unwrap();
        assert_eq!(in_use().await.status, StatusCode::CREATED);
        let day = runtime::clock::utc() - chrono::TimeDelta::days(1);
        db::q("update idempotency_keys set created_at = $1").bind(day).run(&db).await.unwrap();
        let anew = in_use().await;
        assert!(anew.status == StatusCode::CREATED && !anew.headers.contains_key("idempotency-replayed"));
        db::q("update idempotency_keys set created_at = $1").bind(day).run(&db).await.unwrap();
        assert_eq!(crate::http::sweep_idempotency(&db, runtime::clock::utc()).await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_request_runs_to_its_end_although_its_client_has_gone_away() {
    let world = World::new().await;
    let minh = world.person("minh", Role::Instructor).await;
    let asking = ask(&world, &minh, "k", "/courses", json!({"title": "Algebra"}));
    {
        let mut asking = Box::pin(asking);
        // Polled until it has begun, then dropped as hyper drops the request of a lost connection.
        while world.control.requests().is_empty() {
            tokio::select! {
                biased;
                answer = &mut asking => panic!("{answer:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    world.control.requests().close();
    world.control.requests().wait().await;
    assert_eq!(courses(&world).await, 1);
    world.control.requests().reopen();
    let again = ask(&world, &minh, "k", "/courses", json!({"title": "Algebra"})).await;
    assert_eq!((again.status, courses(&world).await), (StatusCode::CREATED, 1));
}
