//! Every operation of the document, by everybody.

use access::jwt::Role;
use http::Method;
use serde_json::{Value, json};

use super::world::{Person, World};
use crate::http::openapi;

/// Who calls, in the order of the columns: nobody, a student from elsewhere, one who has asked for a place, a
/// student of the course, a teacher from elsewhere, an assistant, a co-teacher, its teacher, an admin.
const COLUMNS: usize = 9;

/// What an address without a course or session of its own is about.
struct Scene {
    world: World,
    callers: [Option<Person>; COLUMNS],
    course: String,
    session: String,
    category: String,
    batch: String,
    invite: String,
    /// Of the one who has asked.
    request: String,
    /// Of the course's student.
    place: String,
}

impl Scene {
    async fn new(access: &str) -> Self {
        let world = World::new().await;
        let stranger = world.person("stranger", Role::Student).await;
        let applicant = world.person("applicant", Role::Student).await;
        let enrolled = world.person("enrolled", Role::Student).await;
        let other = world.person("other", Role::Instructor).await;
        let assistant = world.person("assistant", Role::Student).await;
        let co_teacher = world.person("co_teacher", Role::Instructor).await;
        let owner = world.person("owner", Role::Instructor).await;
        let admin = world.person("admin", Role::Admin).await;
        world.person("spare", Role::Instructor).await;
        let course = world.course(&owner).await;
        let path = format!("/courses/{course}");
        let change = async |body| world.call(Method::PATCH, Some(&owner.token), &path, body).await;
        // Found while he asks, hidden afterwards: he sees it still.
        change(json!({"access": "private", "listed": true})).await.data();
        let asked = world.post(&applicant, &format!("{path}/enroll"), Value::Null).await;
        change(json!({"access": access, "listed": null})).await.data();
        let placed = world.enrol(&owner, course, &enrolled).await;
        for (person, duty) in [(&assistant, "assistant"), (&co_teacher, "co_teacher")] {
            world
                .post(&owner, &format!("{path}/staff"), json!({"user_id": person.id, "duty": duty}))
                .await
                .data();
        }
        let text = |answer: &super::world::Answer| answer.data()["id"].as_str().unwrap().to_owned();
        let category = text(&world.post(&admin, "/categories", json!({"name": "Mathematics"})).await);
        let batch = text(&world.post(&owner, &format!("{path}/batches"), json!({"title": "Spring"})).await);
        let invite = world.post(&owner, &format!("{path}/invites"), Value::Null).await;
        let invite = invite.data()["invite"]["id"].as_str().unwrap().to_owned();
        let session = world.session(&owner, course, 0).await;
        let key = world.key(&owner, course).await;
        world.post(&owner, &format!("/courses/{course}/start-live"), Value::Null).await.data();
        world.publish(&key).await;
        let (request, place) = (text(&asked), text(&placed));
        let callers = [
            None,
            Some(stranger),
            Some(applicant),
            Some(enrolled),
            Some(other),
            Some(assistant),
            Some(co_teacher),
            Some(owner),
            Some(admin),
        ];
        let (course, session) = (course.to_string(), session.to_string());
        Self { world, callers, course, session, category, batch, invite, request, place }
    }

    async fn statuses(&self, method: &Method, path: &str, body: &Value) -> Vec<u16> {
        let path = self.address(path);
        let mut statuses = Vec::new();
        for caller in &self.callers {
            let token = caller.as_ref().map(|caller| caller.token.as_str());
            let answer = self.world.call(method.clone(), token, &path, body.clone()).await;
            statuses.push(answer.status.as_u16());
        }
        statuses
    }

    async fn call(&self, method: &Method, caller: &Person, path: &str, body: Value) -> super::world::Answer {
        self.world.call(method.clone(), Some(&caller.token), &self.address(path), body).await
    }

    /// The path with an id of the right kind in it.
    fn address(&self, path: &str) -> String {
        let id = match path.split('/').nth(1).unwrap() {
            "sessions" => &self.session,
            "categories" => &self.category,
            "batches" => &self.batch,
            "invites" => &self.invite,
            "enrolments" if path.ends_with("/approve") || path.ends_with("/reject") => &self.request,
            "enrolments" => &self.place,
            _ => &self.course,
        };
        path.replace("{id}", id)
    }
}

/// Everybody sees it who is bound to a private course; nobody else hears of it.
const SEEN: [u16; COLUMNS] = [401, 404, 200, 200, 404, 200, 200, 200, 200];
/// Who may watch.
const WATCHED: [u16; COLUMNS] = [401, 404, 403, 200, 404, 200, 200, 200, 200];
/// Assistants, who teaches it, and admins.
const DESK: [u16; COLUMNS] = [401, 404, 403, 403, 404, 200, 200, 200, 200];
/// Who teaches it, and admins.
const TAUGHT: [u16; COLUMNS] = [401, 404, 403, 403, 404, 403, 200, 200, 200];
/// Its teacher, and admins.
const OWNED: [u16; COLUMNS] = [401, 404, 403, 403, 404, 403, 403, 200, 200];
/// Everybody who has an account.
const ALL: [u16; COLUMNS] = [401, 200, 200, 200, 200, 200, 200, 200, 200];
const ADMINS: [u16; COLUMNS] = [401, 403, 403, 403, 403, 403, 403, 403, 200];

/// The same with another status for success.
fn made(row: [u16; COLUMNS], status: u16) -> [u16; COLUMNS] {
    row.map(|one| if one == 200 { status } else { one })
}

/// The same where the first that succeeds changes what the others find.
fn once(row: [u16; COLUMNS], first: u16, then: u16) -> [u16; COLUMNS] {
    let mut status = first;
    row.map(|one| if one == 200 { std::mem::replace(&mut status, then) } else { one })
}

#[tokio::test]
async fn every_operation_answers_everybody_as_the_table_says() {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let none = Value::Null;
    let log_in = json!({"email": "a@b.example", "password": "x"});
    let set_up = json!({"token": "x", "email": "a@b.example", "password": "a b c d e f", "full_name": "A"});
    let student = json!({"email": "enrolled@school.example"});
    let nobody = json!({"email": "nobody@school.example"});
    let register = json!({"email": "new@school.example", "password": "a b c d e f", "full_name": "New"});
    let passwords = json!({"current_password": "wrong", "password": "a b c d e f"});
    let profile = json!({"full_name": "A", "locale": "en", "time_zone": "UTC", "bio": ""});
    let spare = json!({"email": "spare@school.example", "duty": "assistant"});
    let dismissed = json!({"email": "spare@school.example"});
    let code = json!({"code": "no such code"});
    let start = in_an_hour();
    #[rustfmt::skip]
    let table: Vec<(Method, &str, Value, [u16; COLUMNS])> = vec![
        (post.clone(), "/auth/login", log_in, [401; COLUMNS]),
        (post.clone(), "/auth/refresh", none.clone(), [401; COLUMNS]),
        (post.clone(), "/auth/logout", none.clone(), [204; COLUMNS]),
        (get.clone(), "/auth/options", none.clone(), [200; COLUMNS]),
        (post.clone(), "/auth/register", register, [202; COLUMNS]),
        (post.clone(), "/auth/verify-email", json!({"token": "x"}), [422; COLUMNS]),
        (post.clone(), "/auth/resend-verification", nobody.clone(), [202; COLUMNS]),
        (post.clone(), "/auth/forgot-password", nobody, [202; COLUMNS]),
        (post.clone(), "/auth/reset-password", json!({"token": "x", "password": "a b c d e f"}), [422; COLUMNS]),
        (post.clone(), "/auth/change-password", passwords, made(ALL, 422)),
        (get.clone(), "/auth/devices", none.clone(), ALL),
        (delete.clone(), "/auth/devices/{id}", none.clone(), made(ALL, 404)),
        (get.clone(), "/auth/profile", none.clone(), ALL),
        (Method::PUT, "/auth/profile", profile.clone(), ALL),
        (patch.clone(), "/auth/profile", json!({"bio": "A"}), ALL),
        // Of a person who is none of them.
        (get.clone(), "/users/{id}/profile", none.clone(), made(ALL, 404)),
        (Method::PUT, "/users/{id}/profile", profile, made(ALL, 404)),
        (patch.clone(), "/users/{id}/profile", json!({"bio": "A"}), made(ALL, 404)),
        (get.clone(), "/admin/jobs", none.clone(), ADMINS),
        (get.clone(), "/admin/jobs/{id}", none.clone(), made(ADMINS, 404)),
        (post.clone(), "/admin/jobs/{id}/retry", none.clone(), made(ADMINS, 404)),
        (post.clone(), "/admin/jobs/{id}/cancel", none.clone(), made(ADMINS, 404)),
        (get.clone(), "/admin/letters", none.clone(), ADMINS),
        (get.clone(), "/admin/letters/{id}", none.clone(), made(ADMINS, 404)),
        (post.clone(), "/admin/letters/{id}/send", none.clone(), made(ADMINS, 404)),
        (get.clone(), "/setup", none.clone(), [200; COLUMNS]),
        (post.clone(), "/setup", set_up, [403; COLUMNS]),
        (get.clone(), "/categories", none.clone(), ALL),
        (get.clone(), "/courses/categories", none.clone(), ALL),
        (post.clone(), "/categories", json!({"name": "B"}), made(ADMINS, 201)),
        (get.clone(), "/categories/{id}", none.clone(), ALL),
        (patch.clone(), "/categories/{id}", json!({"name": "C"}), ADMINS),
        (get.clone(), "/courses", none.clone(), ALL),
        (post.clone(), "/courses", json!({"title": "A"}), [401, 403, 403, 403, 201, 403, 201, 201, 201]),
        (get.clone(), "/courses/{id}", none.clone(), SEEN),
        (patch.clone(), "/courses/{id}", json!({"title": "B"}), TAUGHT),
        (get.clone(), "/courses/{id}/admission", none.clone(), SEEN),
        (patch.clone(), "/courses/{id}/admission", json!({"email_domains": ["a.example"]}), TAUGHT),
        (get.clone(), "/courses/{id}/batches", none.clone(), SEEN),
        (post.clone(), "/courses/{id}/batches", json!({"title": "B"}), made(TAUGHT, 201)),
        (patch.clone(), "/batches/{id}", json!({"title": "C"}), TAUGHT),
        (get.clone(), "/courses/{id}/staff", none.clone(), DESK),
        (post.clone(), "/courses/{id}/staff", spare, OWNED),
        (get.clone(), "/courses/{id}/stream-key", none.clone(), OWNED),
        (post.clone(), "/courses/{id}/stream-key/rotate", none.clone(), OWNED),
        (get.clone(), "/courses/{id}/live-status", none.clone(), SEEN),
        (get.clone(), "/courses/{id}/sessions", none.clone(), SEEN),
        (get.clone(), "/courses/{id}/student-sessions", none.clone(), WATCHED),
        (get.clone(), "/enrolments", none.clone(), ALL),
        (get.clone(), "/courses/{id}/enrolments", none.clone(), DESK),
        (post.clone(), "/courses/{id}/enrolments/import", json!({"csv": "x@y.example"}), DESK),
        (post.clone(), "/courses/{id}/enroll-student", student.clone(), DESK),
        // The applicant asks again, the student has his place; who gives the course needs none, an admin may ask.
        (post.clone(), "/courses/{id}/enroll", none.clone(), [401, 404, 200, 200, 404, 409, 409, 409, 200]),
        (patch, "/enrolments/{id}", json!({"expires_at": null}), DESK),
        (get.clone(), "/courses/{id}/invites", none.clone(), DESK),
        (post.clone(), "/courses/{id}/invites", none.clone(), made(DESK, 201)),
        (post.clone(), "/invites/look", code.clone(), made(ALL, 409)),
        (post.clone(), "/invites/redeem", code, made(ALL, 409)),
        (get.clone(), "/sessions", none.clone(), ALL),
        (post.clone(), "/sessions", start, made(TAUGHT, 201)),
        (get.clone(), "/sessions/{id}", none.clone(), SEEN),
        (post.clone(), "/sessions/{id}/playback", none.clone(), WATCHED),
    ];
    // In this order: each changes what the next finds.
    #[rustfmt::skip]
    let turning: Vec<(Method, &str, Value, [u16; COLUMNS])> = vec![
        (post.clone(), "/courses/{id}/start-live", none.clone(), TAUGHT),
        (post.clone(), "/courses/{id}/end-live", none.clone(), once(TAUGHT, 200, 409)),
        (post.clone(), "/courses/{id}/remove-staff", dismissed, once(OWNED, 204, 404)),
        (post.clone(), "/enrolments/{id}/reject", none.clone(), DESK),
        // The one who was declined does not see the course any more; granting it again needs no new request.
        (post.clone(), "/enrolments/{id}/approve", none.clone(), [401, 404, 404, 403, 404, 200, 409, 409, 409]),
        (post.clone(), "/enrolments/{id}/complete", none.clone(), DESK),
        (delete.clone(), "/invites/{id}", none.clone(), once(DESK, 204, 404)),
        (delete.clone(), "/batches/{id}", none.clone(), once(TAUGHT, 204, 404)),
        (delete.clone(), "/categories/{id}", none.clone(), made(ADMINS, 204)),
        (delete, "/courses/{id}", none.clone(), made(OWNED, 409)),
        (post.clone(), "/courses/{id}/remove-student", student, [401, 404, 403, 403, 404, 204, 404, 404, 404]),
        // Who has left sees it no more; who gives it had no place.
        (post.clone(), "/courses/{id}/leave", none.clone(), [401, 404, 204, 404, 404, 404, 404, 404, 204]),
        (post, "/auth/logout-all", none, made(ALL, 204)),
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
        (Method::GET, "/courses/{id}", ALL),
        (Method::GET, "/courses/{id}/live-status", ALL),
        (Method::GET, "/courses/{id}/admission", ALL),
        (Method::GET, "/courses/{id}/batches", ALL),
        (Method::GET, "/courses/{id}/staff", [401, 403, 403, 403, 403, 200, 200, 200, 200]),
        (Method::GET, "/courses/{id}/enrolments", [401, 403, 403, 403, 403, 200, 200, 200, 200]),
        (Method::GET, "/courses/{id}/stream-key", [401, 403, 403, 403, 403, 403, 403, 200, 200]),
        (Method::GET, "/courses/{id}/student-sessions", [401, 403, 403, 200, 403, 200, 200, 200, 200]),
        (Method::GET, "/sessions/{id}", ALL),
        (Method::POST, "/sessions/{id}/playback", [401, 403, 403, 200, 403, 200, 200, 200, 200]),
        (Method::POST, "/courses/{id}/end-live", [401, 403, 403, 403, 403, 403, 200, 409, 409]),
        (Method::POST, "/courses/{id}/enroll", [401, 200, 200, 200, 200, 409, 409, 409, 200]),
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

#[tokio::test]
async fn no_operation_takes_a_field_that_it_does_not_know() {
    let scene = Scene::new("public").await;
    let admin = scene.callers[COLUMNS - 1].as_ref().unwrap();
    let document: Value = serde_json::from_str(&openapi::openapi_json().unwrap()).unwrap();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(path) = path.strip_prefix("/api/v1").filter(|_| operation.get("requestBody").is_some())
            else {
                continue;
            };
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = scene.call(&method, admin, path, json!({"is_admin": true})).await;
            assert_eq!(answer.status.as_u16(), 422, "{method} {path}: {answer:?}");
            let details = answer.body["error"]["details"].as_object().unwrap();
            assert!(details.contains_key("is_admin"), "{method} {path}: {details:?}");
            asked += 1;
        }
    }
    assert!(asked > 15, "{asked}");
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
