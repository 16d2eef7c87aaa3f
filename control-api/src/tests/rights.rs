//! Every operation of the document, by everybody.

use access::jwt::Role;
use http::Method;
use serde_json::{Value, json};

use super::world::{Person, World};
use crate::http::openapi;

/// Who calls, in the order of the columns: nobody, a student from elsewhere, a student of the course,
/// a teacher from elsewhere, its teacher, an admin.
const COLUMNS: usize = 6;

struct Scene {
    world: World,
    callers: [Option<Person>; COLUMNS],
    course: String,
    session: String,
}

impl Scene {
    async fn new(access: &str) -> Self {
        let world = World::new().await;
        let stranger = world.person("stranger", Role::Student).await;
        let enrolled = world.person("enrolled", Role::Student).await;
        let other = world.person("other", Role::Instructor).await;
        let owner = world.person("owner", Role::Instructor).await;
        let admin = world.person("admin", Role::Admin).await;
        let course = world.course(&owner).await;
        let path = format!("/courses/{course}");
        world.call(Method::PATCH, Some(&owner.token), &path, json!({"access": access})).await.data();
        world.enrol(&owner, course, &enrolled).await.data();
        let session = world.session(&owner, course, 0).await;
        let key = world.key(&owner, course).await;
        world.post(&owner, &format!("/courses/{course}/start-live"), Value::Null).await.data();
        world.publish(&key).await;
        let callers = [None, Some(stranger), Some(enrolled), Some(other), Some(owner), Some(admin)];
        Self { world, callers, course: course.to_string(), session: session.to_string() }
    }

    async fn statuses(&self, method: &Method, path: &str, body: &Value) -> Vec<u16> {
        let id = if path.starts_with("/sessions") { &self.session } else { &self.course };
        let path = path.replace("{id}", id);
        let mut statuses = Vec::new();
        for caller in &self.callers {
            let token = caller.as_ref().map(|caller| caller.token.as_str());
            let answer = self.world.call(method.clone(), token, &path, body.clone()).await;
            statuses.push(answer.status.as_u16());
        }
        statuses
    }
}

#[tokio::test]
async fn every_operation_answers_everybody_as_the_table_says() {
    let (get, post, patch) = (Method::GET, Method::POST, Method::PATCH);
    let none = Value::Null;
    let log_in = json!({"email": "a@b.example", "password": "x"});
    let set_up = json!({"token": "x", "email": "a@b.example", "password": "a b c d e f", "full_name": "A"});
    let student = json!({"email": "enrolled@school.example"});
    let start = in_an_hour();
    #[rustfmt::skip]
    let table: [(Method, &str, Value, [u16; COLUMNS]); 20] = [
        (post.clone(), "/auth/login", log_in, [401; COLUMNS]),
        (post.clone(), "/auth/refresh", none.clone(), [401; COLUMNS]),
        (post.clone(), "/auth/logout", none.clone(), [204; COLUMNS]),
        (get.clone(), "/auth/profile", none.clone(), [401, 200, 200, 200, 200, 200]),
        (get.clone(), "/setup", none.clone(), [200; COLUMNS]),
        (post.clone(), "/setup", set_up, [403; COLUMNS]),
        (get.clone(), "/courses", none.clone(), [401, 200, 200, 200, 200, 200]),
        (post.clone(), "/courses", json!({"title": "A"}), [401, 403, 403, 201, 201, 201]),
        (get.clone(), "/courses/{id}", none.clone(), [401, 404, 200, 404, 200, 200]),
        (patch, "/courses/{id}", json!({"title": "B"}), [401, 404, 403, 404, 200, 200]),
        (get.clone(), "/courses/{id}/stream-key", none.clone(), [401, 404, 403, 404, 200, 200]),
        (post.clone(), "/courses/{id}/stream-key/rotate", none.clone(), [401, 404, 403, 404, 200, 200]),
        (get.clone(), "/courses/{id}/live-status", none.clone(), [401, 404, 200, 404, 200, 200]),
        (get.clone(), "/courses/{id}/sessions", none.clone(), [401, 404, 200, 404, 200, 200]),
        (get.clone(), "/courses/{id}/student-sessions", none.clone(), [401, 404, 200, 404, 200, 200]),
        (post.clone(), "/courses/{id}/enroll-student", student.clone(), [401, 404, 403, 404, 200, 200]),
        (get.clone(), "/sessions", none.clone(), [401, 200, 200, 200, 200, 200]),
        (post.clone(), "/sessions", start, [401, 404, 403, 404, 201, 201]),
        (get.clone(), "/sessions/{id}", none.clone(), [401, 404, 200, 404, 200, 200]),
        (post.clone(), "/sessions/{id}/playback", none.clone(), [401, 404, 200, 404, 200, 200]),
    ];
    // In this order: each changes what the next finds.
    #[rustfmt::skip]
    let turning: [(Method, &str, Value, [u16; COLUMNS]); 3] = [
        (post.clone(), "/courses/{id}/start-live", none.clone(), [401, 404, 403, 404, 200, 200]),
        (post.clone(), "/courses/{id}/end-live", none, [401, 404, 403, 404, 200, 409]),
        (post, "/courses/{id}/remove-student", student, [401, 404, 403, 404, 204, 404]),
    ];
    let scene = Scene::new("private").await;
    let mut seen = Vec::new();
    for (method, path, mut body, expected) in table.into_iter().chain(turning) {
        if let Some(course) = body.get_mut("course_id") {
            *course = json!(scene.course);
        }
        let statuses = scene.statuses(&method, path, &body).await;
        assert_eq!(statuses, expected, "{method} {path}");
        seen.push(format!("{method} /api/v1{path}"));
    }
    seen.extend(["GET /healthz".to_owned(), "GET /readyz".to_owned()]);
    seen.sort();
    assert_eq!(seen, operations(), "every operation of the document stands in the table");
}

#[tokio::test]
async fn an_open_course_is_seen_by_all_and_watched_by_its_own() {
    let scene = Scene::new("public").await;
    let none = Value::Null;
    #[rustfmt::skip]
    let table = [
        (Method::GET, "/courses/{id}", [401, 200, 200, 200, 200, 200]),
        (Method::GET, "/courses/{id}/live-status", [401, 200, 200, 200, 200, 200]),
        (Method::GET, "/courses/{id}/stream-key", [401, 403, 403, 403, 200, 200]),
        (Method::GET, "/courses/{id}/student-sessions", [401, 403, 200, 403, 200, 200]),
        (Method::GET, "/sessions/{id}", [401, 200, 200, 200, 200, 200]),
        (Method::POST, "/sessions/{id}/playback", [401, 403, 200, 403, 200, 200]),
        (Method::POST, "/courses/{id}/end-live", [401, 403, 403, 403, 200, 409]),
    ];
    for (method, path, expected) in table {
        assert_eq!(scene.statuses(&method, path, &none).await, expected, "{method} {path}");
    }
}

#[tokio::test]
async fn a_role_that_was_taken_away_counts_no_more_when_something_is_changed() {
    let world = World::new().await;
    let teacher = world.person("minh", Role::Instructor).await;
    db::q("update users set role = 'student' where id = $1")
        .bind(teacher.id.as_uuid())
        .run(world.control.db())
        .await
        .unwrap();
    assert_eq!(world.post(&teacher, "/courses", json!({"title": "A"})).await.code(), "FORBIDDEN");
    db::q("update users set active = $2 where id = $1")
        .bind(teacher.id.as_uuid())
        .bind(false)
        .run(world.control.db())
        .await
        .unwrap();
    assert_eq!(world.post(&teacher, "/courses", json!({"title": "A"})).await.code(), "UNAUTHENTICATED");
}

/// `METHOD /path` of all operations, sorted.
fn operations() -> Vec<String> {
    let document: Value = serde_json::from_str(&openapi::openapi_json().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            operations.push(format!("{} {path}", method.to_uppercase()));
        }
    }
    operations.sort();
    operations
}

/// A session to be planned; the course is filled in.
fn in_an_hour() -> Value {
    let start = runtime::clock::utc() + chrono::TimeDelta::hours(1);
    json!({"course_id": "", "title": "A", "starts_at": start, "ends_at": start + chrono::TimeDelta::hours(1)})
}
