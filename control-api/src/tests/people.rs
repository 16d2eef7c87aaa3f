//! Courses, sessions and places, as people make and see them.

use access::jwt::Role;
use db::testing::on_both;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::world::{Fact, World};

#[tokio::test]
async fn a_course_is_made_changed_and_listed() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let student = world.person("anna", Role::Student).await;
        let course = world.course(&teacher).await;
        let read = world.get(&teacher, &format!("/courses/{course}")).await;
        let data = read.data();
        assert!(data["slug"].as_str().unwrap().starts_with("linear-algebra-"));
        assert_eq!(data["teacher"], json!({"id": teacher.id, "full_name": "minh"}));
        assert_eq!((&data["dvr"], &data["access"]), (&json!(true), &json!("private")));
        assert_eq!((&data["is_owner"], &data["is_live"]), (&json!(true), &json!(false)));
        let change = json!({"title": "Algebra", "dvr": false, "capacity": 3, "chat": "off"});
        let path = format!("/courses/{course}");
        let changed = world.call(Method::PATCH, Some(&teacher.token), &path, change).await;
        let data = changed.data();
        assert_eq!(data["slug"], read.data()["slug"]);
        assert_eq!((&data["title"], &data["dvr"]), (&json!("Algebra"), &json!(false)));
        assert_eq!((&data["capacity"], &data["chat"]), (&json!(3), &json!("off")));

        for _ in 0..3 {
            world.course(&teacher).await;
        }
        let listed = async |who, query: &str| world.get(who, &format!("/courses{query}")).await.body;
        let page = listed(&teacher, "?per_page=3").await;
        let meta = &page["meta"];
        assert_eq!((&meta["total"], &meta["page"], &meta["per_page"]), (&json!(4), &json!(1), &json!(3)));
        assert_eq!(page["links"]["next"], "/api/v1/courses?page=2&per_page=3");
        assert_eq!(page["data"].as_array().unwrap().len(), 3);
        assert_eq!(listed(&teacher, "?page=2&per_page=3").await["data"][0]["id"], json!(course));
        assert_eq!(listed(&student, "").await["meta"]["total"], 0);
        world.enrol(&teacher, course, &student).await.data();
        let mine = listed(&student, "").await;
        assert_eq!((&mine["meta"]["total"], &mine["data"][0]["is_enrolled"]), (&json!(1), &json!(true)));
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_with_what_is_on_air_first() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let student = world.person("anna", Role::Student).await;
        let course = world.course(&teacher).await;
        let other = world.course(&teacher).await;
        let tomorrow = world.session(&teacher, course, 1440).await;
        let soon = world.session(&teacher, course, 60).await;
        let now = world.session(&teacher, other, -1).await;
        world.post(&teacher, &format!("/courses/{other}/start-live"), Value::Null).await.data();
        let ids = async |who, path: &str| -> Vec<String> {
            let answer = world.get(who, path).await;
            answer.data().as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().into()).collect()
        };
        let as_text = |ids: &[ids::SessionId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(ids(&teacher, "/sessions").await, as_text(&[now, soon, tomorrow]));
        assert!(ids(&student, "/sessions").await.is_empty());
        world.enrol(&teacher, course, &student).await.data();
        assert_eq!(ids(&student, "/sessions").await, as_text(&[soon, tomorrow]));
        let path = format!("/courses/{course}/student-sessions");
        assert_eq!(ids(&student, &path).await, as_text(&[tomorrow, soon]));
        world.post(&teacher, &format!("/courses/{other}/end-live"), Value::Null).await.data();
        assert_eq!(ids(&teacher, "/sessions").await, as_text(&[soon, tomorrow, now]));
        let path = format!("/courses/{other}/student-sessions");
        assert!(ids(&teacher, &path).await.is_empty());
        assert_eq!(ids(&teacher, &format!("/courses/{other}/sessions")).await, as_text(&[now]));

        let seen = world.get(&student, &format!("/sessions/{soon}")).await;
        let data = seen.data();
        assert_eq!((&data["status"], &data["can_watch"]), (&json!("scheduled"), &json!(true)));
        assert_eq!((&data["is_owner"], &data["dvr"]), (&json!(false), &json!(true)));
        assert_eq!(data["course"]["teacher"]["full_name"], "minh");
    })
    .await;
}

#[tokio::test]
async fn a_session_that_cannot_be_is_refused_field_by_field() {
    let world = World::new().await;
    let teacher = world.person("minh", Role::Instructor).await;
    let course = world.course(&teacher).await;
    let plan = json!({"course_id": course, "title": "", "starts_at": "2020-01-01T10:00:00Z",
        "ends_at": "2020-01-01T14:00:00Z", "lobby_minutes": 5000});
    let answer = world.post(&teacher, "/sessions", plan).await;
    let details = answer.body["error"]["details"].as_object().unwrap();
    assert_eq!(details.keys().collect::<Vec<_>>(), ["ends_at", "lobby_minutes", "title"]);
    assert_eq!(details["ends_at"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_place_is_given_once_and_taken_once() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna, bob] =
            [world.person("anna", Role::Student).await, world.person("bob", Role::Student).await];
        let course = world.course(&teacher).await;
        let path = format!("/courses/{course}");
        world.call(Method::PATCH, Some(&teacher.token), &path, json!({"capacity": 1})).await.data();
        let first = world.enrol(&teacher, course, &anna).await;
        let again = world.enrol(&teacher, course, &anna).await;
        assert_eq!(first.data()["id"], again.data()["id"]);
        assert_eq!(world.enrol(&teacher, course, &bob).await.code(), "COURSE_FULL");
        let remove =
            async |body| world.post(&teacher, &format!("/courses/{course}/remove-student"), body).await;
        assert_eq!(remove(json!({"user_id": anna.id})).await.status, StatusCode::NO_CONTENT);
        assert_eq!(remove(json!({"user_id": anna.id})).await.code(), "NOT_FOUND");
        world.enrol(&teacher, course, &bob).await.data();
        for body in [json!({}), json!({"user_id": bob.id, "email": bob.email})] {
            assert_eq!(remove(body).await.code(), "VALIDATION_ERROR");
        }
        assert_eq!(world.enrol(&teacher, course, &teacher).await.code(), "IS_TEACHER");
    })
    .await;
}

#[tokio::test]
async fn who_is_removed_loses_every_grant_of_that_course_and_no_other() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna, bob] =
            [world.person("anna", Role::Student).await, world.person("bob", Role::Student).await];
        let mut sessions = Vec::new();
        for _ in 0..2 {
            let course = world.course(&teacher).await;
            world.enrol(&teacher, course, &anna).await.data();
            world.enrol(&teacher, course, &bob).await.data();
            let key = world.key(&teacher, course).await;
            let started = world.post(&teacher, &format!("/courses/{course}/start-live"), Value::Null).await;
            world.publish(&key).await;
            sessions.push((course, started.data()["id"].as_str().unwrap().to_owned()));
        }
        let watch = async |who, session: &str| {
            world.post(who, &format!("/sessions/{session}/playback"), Value::Null).await
        };
        let (course, session) = &sessions[0];
        for who in [&anna, &bob, &anna] {
            watch(who, session).await.data();
        }
        watch(&anna, &sessions[1].1).await.data();
        world.told();
        let body = json!({"email": anna.email});
        world.post(&teacher, &format!("/courses/{course}/remove-student"), body).await;
        let told = world.told();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|fact| matches!(fact, Fact::Revoked(_))));
        assert_eq!(watch(&anna, session).await.code(), "NOT_FOUND");
        watch(&bob, session).await.data();
        watch(&anna, &sessions[1].1).await.data();
        // The next life of the server knows them still.
        let mut revoked = world.restarted().control.revoked_access().await.unwrap();
        let mut told: Vec<_> = told
            .into_iter()
            .filter_map(|fact| if let Fact::Revoked(fact) = fact { Some(fact) } else { None })
            .collect();
        let order = |fact: &events::AccessRevoked| format!("{fact:?}");
        revoked.sort_by_key(order);
        told.sort_by_key(order);
        assert_eq!(revoked, told);
    })
    .await;
}
