//! Coming to a course: asking, being let in, waiting, going, and being told no.

use access::jwt::Role;
use chrono::TimeDelta;
use db::testing::on_both;
use http::{Method, StatusCode};
use ids::CourseId;
use runtime::clock;
use serde_json::{Value, json};

use super::world::{Answer, Fact, Person, World};

impl World {
    pub(super) async fn change(&self, who: &Person, path: &str, body: Value) -> Answer {
        self.call(Method::PATCH, Some(&who.token), path, body).await
    }

    /// A course with these fields.
    async fn course_with(&self, teacher: &Person, fields: Value) -> CourseId {
        let course = self.course(teacher).await;
        self.change(teacher, &format!("/courses/{course}"), fields).await.data();
        course
    }

    async fn join(&self, who: &Person, course: CourseId) -> Answer {
        self.post(who, &format!("/courses/{course}/enroll"), Value::Null).await
    }

    /// His status, as he sees it himself.
    async fn status_of(&self, who: &Person, course: CourseId) -> String {
        let mine = self.get(who, "/enrolments").await;
        let own = mine.data().as_array().unwrap().iter().find(|own| own["course"]["id"] == json!(course));
        own.map_or("none".into(), |own| own["status"].as_str().unwrap().to_owned())
    }
}

async fn students<const N: usize>(world: &World) -> [Person; N] {
    let mut people = Vec::new();
    for n in 0..N {
        people.push(world.person(&format!("student{n}"), Role::Student).await);
    }
    people.try_into().unwrap_or_else(|_| unreachable!("so many were made"))
}

#[tokio::test]
async fn a_public_course_is_joined_left_and_joined_again() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna] = students(&world).await;
        let course = world.course_with(&teacher, json!({"access": "public"})).await;
        let joined = world.join(&anna, course).await;
        assert_eq!(joined.data()["status"], "active");
        assert_eq!(world.join(&anna, course).await.data()["id"], joined.data()["id"]);
        let read = world.get(&anna, &format!("/courses/{course}")).await;
        assert_eq!((&read.data()["my_part"], &read.data()["taken"]), (&json!("student"), &json!(1)));
        let left = world.post(&anna, &format!("/courses/{course}/leave"), Value::Null).await;
        assert_eq!(left.status, StatusCode::NO_CONTENT);
        assert_eq!(world.status_of(&anna, course).await, "removed");
        assert_eq!(world.join(&anna, course).await.data()["status"], "active");
    })
    .await;
}

#[tokio::test]
async fn a_request_is_answered_with_a_message() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna, bob] = students(&world).await;
        let course = world.course_with(&teacher, json!({"access": "private", "listed": true})).await;
        let ask = async |who, message: &str| {
            world.post(who, &format!("/courses/{course}/enroll"), json!({"message": message})).await
        };
        assert_eq!(ask(&anna, " I like it. ").await.data()["status"], "requested");
        assert_eq!(ask(&bob, "Me too").await.data()["status"], "requested");
        assert_eq!(ask(&bob, "\u{7}").await.code(), "VALIDATION_ERROR");
        let asked = world.get(&teacher, &format!("/courses/{course}/enrolments?status=requested")).await;
        let asked = asked.data().as_array().unwrap().clone();
        assert_eq!(asked.len(), 2);
        let of = |who: &Person| {
            let one = asked.iter().find(|one| one["user"]["email"] == who.email.as_str()).unwrap();
            one["id"].as_str().unwrap().to_owned()
        };
        assert!(asked.iter().any(|one| one["message"] == "I like it."));
        let decide = async |id: &str, verb: &str| {
            world.post(&teacher, &format!("/enrolments/{id}/{verb}"), json!({"message": "So be it."})).await
        };
        let approved = decide(&of(&anna), "approve").await;
        assert_eq!(
            (&approved.data()["status"], &approved.data()["answer"]),
            (&json!("active"), &json!("So be it."))
        );
        assert_eq!(decide(&of(&anna), "approve").await.code(), "NOT_REQUESTED");
        assert_eq!(decide(&of(&bob), "reject").await.data()["status"], "rejected");
        assert_eq!(world.status_of(&bob, course).await, "rejected");
        assert_eq!(world.join(&bob, course).await.code(), "DECLINED");
        // The teacher may change his mind.
        assert_eq!(world.enrol(&teacher, course, &bob).await.data()["status"], "active");
    })
    .await;
}

#[tokio::test]
async fn who_waits_moves_up_when_a_place_becomes_free() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna, bob, chi, dan] = students(&world).await;
        let course = world.course_with(&teacher, json!({"access": "public", "capacity": 1})).await;
        for (who, status) in
            [(&anna, "active"), (&bob, "waitlisted"), (&chi, "waitlisted"), (&dan, "waitlisted")]
        {
            assert_eq!(world.join(who, course).await.data()["status"], status);
        }
        let mine = world.get(&dan, "/enrolments").await;
        assert_eq!(mine.data()[0]["before"], 2);
        let remove = async |who: &Person| {
            let body = json!({"user_id": who.id});
            world.post(&teacher, &format!("/courses/{course}/remove-student"), body).await.status
        };
        assert_eq!(remove(&anna).await, StatusCode::NO_CONTENT);
        assert_eq!(world.status_of(&bob, course).await, "active");
        assert_eq!(world.status_of(&chi, course).await, "waitlisted");
        // Who was removed does not come back by himself.
        assert_eq!(world.join(&anna, course).await.code(), "REMOVED");
        // Who stops waiting makes no place; one more place is one more student.
        world.post(&chi, &format!("/courses/{course}/leave"), Value::Null).await;
        assert_eq!(world.status_of(&dan, course).await, "waitlisted");
        world.change(&teacher, &format!("/courses/{course}"), json!({"capacity": 2})).await.data();
        assert_eq!(world.status_of(&dan, course).await, "active");
        // Who has completed the course makes room, and may watch.
        world.join(&chi, course).await.data();
        let listed = world.get(&teacher, &format!("/courses/{course}/enrolments?status=active")).await;
        let id = listed.data()[0]["id"].as_str().unwrap().to_owned();
        world.post(&teacher, &format!("/enrolments/{id}/complete"), Value::Null).await.data();
        assert_eq!(world.status_of(&chi, course).await, "active");
        let no_list = json!({"waiting_list": false});
        world.change(&teacher, &format!("/courses/{course}"), no_list).await.data();
        let eva = world.person("eva", Role::Student).await;
        assert_eq!(world.join(&eva, course).await.code(), "COURSE_FULL");
    })
    .await;
}

#[tokio::test]
async fn a_paid_course_keeps_a_place_for_half_an_hour() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna, bob] = students(&world).await;
        let terms = json!({"access": "paid", "price_minor": 150_000, "currency": "VND", "capacity": 1});
        let course = world.course_with(&teacher, terms).await;
        let held = world.join(&anna, course).await;
        assert_eq!(held.data()["status"], "awaiting_payment");
        assert!(held.data()["held_until"].is_string());
        // Kept, but not to be watched with; nobody else gets it.
        let read = world.get(&anna, &format!("/courses/{course}")).await;
        assert_eq!((&read.data()["is_enrolled"], &read.data()["taken"]), (&json!(false), &json!(1)));
        assert_eq!(world.join(&bob, course).await.data()["status"], "waitlisted");
        let now = clock::utc();
        world.control.tick(now + TimeDelta::minutes(29), false).await;
        assert_eq!(world.status_of(&anna, course).await, "awaiting_payment");
        world.control.tick(now + TimeDelta::minutes(31), false).await;
        assert_eq!(world.status_of(&anna, course).await, "removed");
        assert_eq!(world.status_of(&bob, course).await, "awaiting_payment");
        // She may try again, behind him.
        assert_eq!(world.join(&anna, course).await.data()["status"], "waitlisted");
        // Paid at the desk.
        assert_eq!(world.enrol(&teacher, course, &bob).await.data()["status"], "active");
    })
    .await;
}

#[tokio::test]
async fn a_place_for_some_days_ends_and_so_does_what_is_watched_with_it() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna, bob] = students(&world).await;
        let terms = json!({"access": "public", "access_days": 1, "capacity": 1});
        let course = world.course_with(&teacher, terms).await;
        world.join(&anna, course).await.data();
        world.join(&bob, course).await.data();
        let key = world.key(&teacher, course).await;
        let started = world.post(&teacher, &format!("/courses/{course}/start-live"), Value::Null).await;
        world.publish(&key).await;
        let session = started.data()["id"].as_str().unwrap().to_owned();
        let listed = world.get(&teacher, &format!("/courses/{course}/enrolments?status=active")).await;
        let id = listed.data()[0]["id"].as_str().unwrap().to_owned();
        // Forty minutes are left: no grant outlives them.
        let soon = db::to_micros(clock::utc() + TimeDelta::minutes(40));
        world.change(&teacher, &format!("/enrolments/{id}"), json!({"expires_at": soon})).await.data();
        let watch = format!("/sessions/{session}/playback");
        let grant = world.post(&anna, &watch, Value::Null).await;
        let expires_at: chrono::DateTime<chrono::Utc> =
            grant.data()["expires_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(expires_at, soon);
        world.told();
        world.control.end_due_enrolments(soon).await.unwrap();
        assert!(matches!(world.told()[..], [Fact::Revoked(_)]));
        assert_eq!(world.status_of(&anna, course).await, "expired");
        assert_eq!(world.status_of(&bob, course).await, "active");
        assert_eq!(world.post(&anna, &watch, Value::Null).await.code(), "FORBIDDEN");
        assert_eq!(world.join(&anna, course).await.code(), "EXPIRED");
    })
    .await;
}

#[tokio::test]
async fn nobody_watches_before_or_after_his_time() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna] = students(&world).await;
        let course = world.course_with(&teacher, json!({"access": "public"})).await;
        let batches = format!("/courses/{course}/batches");
        let now = clock::utc();
        let at = |hours| now + TimeDelta::hours(hours);
        let batch = world.post(&teacher, &batches, json!({"title": "A", "starts_at": at(1)})).await;
        let batch = batch.data()["id"].as_str().unwrap().to_owned();
        world.post(&anna, &format!("/courses/{course}/enroll"), json!({"batch_id": batch})).await.data();
        let key = world.key(&teacher, course).await;
        let started = world.post(&teacher, &format!("/courses/{course}/start-live"), Value::Null).await;
        world.publish(&key).await;
        let session = format!("/sessions/{}", started.data()["id"].as_str().unwrap());
        let watch = format!("{session}/playback");
        assert_eq!(world.post(&anna, &watch, Value::Null).await.code(), "NOT_OPEN_YET");
        assert_eq!(world.get(&anna, &session).await.data()["can_watch"], false);
        let batch = format!("/batches/{batch}");
        world.change(&teacher, &batch, json!({"starts_at": null})).await.data();
        world.post(&anna, &watch, Value::Null).await.data();
        assert_eq!(world.get(&anna, &session).await.data()["can_watch"], true);
        world.change(&teacher, &batch, json!({"ends_at": at(-1)})).await.data();
        assert_eq!(world.post(&anna, &watch, Value::Null).await.code(), "FORBIDDEN");
        // The teacher's own time is not bounded.
        world.post(&teacher, &watch, Value::Null).await.data();
    })
    .await;
}

#[tokio::test]
async fn a_batch_has_places_of_its_own() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna, bob, chi] = students(&world).await;
        let course = world.course_with(&teacher, json!({"access": "public"})).await;
        let other = world.course_with(&teacher, json!({"access": "public"})).await;
        let batches = format!("/courses/{course}/batches");
        let small = world.post(&teacher, &batches, json!({"title": "A", "capacity": 1})).await;
        let small = small.data()["id"].clone();
        let shut =
            world.post(&teacher, &batches, json!({"title": "B", "open": false})).await.data()["id"].clone();
        let join = async |who, course: CourseId, batch: &Value| {
            world.post(who, &format!("/courses/{course}/enroll"), json!({"batch_id": batch})).await
        };
        assert_eq!(join(&anna, course, &small).await.data()["status"], "active");
        assert_eq!(join(&bob, course, &small).await.data()["status"], "waitlisted");
        assert_eq!(join(&chi, course, &shut).await.code(), "VALIDATION_ERROR");
        assert_eq!(join(&chi, other, &small).await.code(), "VALIDATION_ERROR");
        let listed = world.get(&anna, &batches).await;
        assert_eq!((&listed.data()[0]["title"], &listed.data()[0]["taken"]), (&json!("A"), &json!(1)));
        let enrolment = |who: &Person| format!("/courses/{course}/enrolments?status=active&x={}", who.id);
        assert_eq!(world.get(&teacher, &enrolment(&anna)).await.code(), "VALIDATION_ERROR");
        let active = world.get(&teacher, &format!("/courses/{course}/enrolments?status=active")).await;
        let id = active.data()[0]["id"].as_str().unwrap().to_owned();
        world.change(&teacher, &format!("/enrolments/{id}"), json!({"batch_id": shut})).await.data();
        assert_eq!(world.status_of(&bob, course).await, "active");
        let back = world.change(&teacher, &format!("/enrolments/{id}"), json!({"batch_id": small})).await;
        assert_eq!(back.code(), "BATCH_FULL");
    })
    .await;
}

#[tokio::test]
async fn prerequisites_are_completed_first_and_never_in_a_circle() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna] = students(&world).await;
        let mut courses = Vec::new();
        for _ in 0..3 {
            courses.push(world.course_with(&teacher, json!({"access": "public"})).await);
        }
        let [first, second, third] = courses.try_into().unwrap();
        let require = async |course: CourseId, needed: &[CourseId]| {
            let body = json!({"prerequisites": needed});
            world.change(&teacher, &format!("/courses/{course}/admission"), body).await
        };
        require(second, &[first]).await.data();
        require(third, &[second]).await.data();
        assert_eq!(require(first, &[third]).await.code(), "CIRCLE");
        assert_eq!(require(first, &[first]).await.code(), "CIRCLE");
        assert_eq!(world.join(&anna, second).await.code(), "PREREQUISITES_MISSING");
        let place = world.join(&anna, first).await.data()["id"].as_str().unwrap().to_owned();
        assert_eq!(world.join(&anna, second).await.code(), "PREREQUISITES_MISSING");
        world.post(&teacher, &format!("/enrolments/{place}/complete"), Value::Null).await.data();
        let seen = world.get(&anna, &format!("/courses/{second}/admission")).await;
        assert_eq!(seen.data()["prerequisites"][0]["completed"], true);
        assert_eq!(world.join(&anna, second).await.data()["status"], "active");
        // Whoever gives the place by hand answers for it.
        assert_eq!(world.enrol(&teacher, third, &anna).await.data()["status"], "active");
    })
    .await;
}

#[tokio::test]
async fn a_restricted_course_admits_by_domain_batch_course_or_invite() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna] = students(&world).await;
        let course = world.course_with(&teacher, json!({"access": "restricted"})).await;
        let other = world.course_with(&teacher, json!({"access": "public"})).await;
        let admit = async |body| world.change(&teacher, &format!("/courses/{course}/admission"), body).await;
        assert_eq!(world.join(&anna, course).await.code(), "NOT_ELIGIBLE");
        admit(json!({"email_domains": ["other.example"], "completed_courses": [other]})).await.data();
        assert_eq!(world.join(&anna, course).await.code(), "NOT_ELIGIBLE");
        for bad in [json!({"email_domains": ["example"]}), json!({"email_domains": ["a b.c"]})] {
            assert_eq!(admit(bad).await.code(), "VALIDATION_ERROR");
        }
        let read = admit(json!({"email_domains": ["@School.EXAMPLE"]})).await;
        assert_eq!(read.data()["email_domains"], json!(["school.example"]));
        assert_eq!(read.data()["completed_courses"], json!([other]));
        // What admits others is not for students to read.
        let seen = world.get(&anna, &format!("/courses/{course}/admission")).await;
        assert_eq!(seen.data()["email_domains"], json!([]));
        assert_eq!(world.join(&anna, course).await.data()["status"], "active");
    })
    .await;
}

#[tokio::test]
async fn an_invite_lets_in_as_many_as_it_says_until_it_is_over() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna, bob, chi] = students(&world).await;
        let course = world.course(&teacher).await;
        let invites = format!("/courses/{course}/invites");
        let made = world.post(&teacher, &invites, json!({"uses_max": 1})).await;
        let code = made.data()["code"].as_str().unwrap().to_owned();
        assert_eq!(made.data()["link"], format!("http://127.0.0.1:8080/join#{code}"));
        let stored: Vec<(Vec<u8>,)> =
            db::q("select hash from invites").all(world.control.db()).await.unwrap();
        assert!(stored.iter().all(|(hash,)| hash.len() == 32 && *hash != code.as_bytes()));
        let redeem = async |who| world.post(who, "/invites/redeem", json!({"code": code})).await;
        let look = world.post(&anna, "/invites/look", json!({"code": code})).await;
        assert_eq!((&look.data()["title"], &look.data()["status"]), (&json!("Linear Algebra"), &Value::Null));
        assert_eq!(redeem(&anna).await.data()["status"], "active");
        assert_eq!(redeem(&bob).await.code(), "INVITE_GONE");
        let second = world.post(&teacher, &invites, json!({"days": 3})).await;
        let code = second.data()["code"].as_str().unwrap().to_owned();
        let redeem = async |who| world.post(who, "/invites/redeem", json!({"code": code})).await;
        // Who is in already uses nothing up.
        redeem(&anna).await.data();
        redeem(&bob).await.data();
        let listed = world.get(&teacher, &invites).await;
        assert_eq!(listed.data()[0]["uses"], 1);
        assert!(!listed.body.to_string().contains(&code));
        let id = second.data()["invite"]["id"].as_str().unwrap();
        let path = format!("/invites/{id}");
        let revoked = world.call(Method::DELETE, Some(&teacher.token), &path, Value::Null).await;
        assert_eq!(revoked.status, StatusCode::NO_CONTENT);
        assert_eq!(redeem(&chi).await.code(), "INVITE_GONE");
        for bad in [json!({"days": 0}), json!({"days": 400}), json!({"uses_max": 0})] {
            assert_eq!(world.post(&teacher, &invites, bad).await.code(), "VALIDATION_ERROR");
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_of_addresses_is_answered_line_by_line() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna, bob, chi] = students(&world).await;
        let course = world.course_with(&teacher, json!({"capacity": 2})).await;
        world.enrol(&teacher, course, &anna).await.data();
        let csv = format!(
            "name;e-mail\nAnna;{}\nBob;{}\nBob;{}\nNobody;nobody@school.example\nChi;{}\nMinh;{}\nbad;line\n",
            anna.email, bob.email, bob.email, chi.email, teacher.email
        );
        let path = format!("/courses/{course}/enrolments/import");
        let report = world.post(&teacher, &path, json!({"csv": csv})).await;
        let outcomes: Vec<_> = report.data()["lines"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| (line["line"].as_u64().unwrap(), line["outcome"].as_str().unwrap()))
            .collect();
        let expected = [
            (2, "already"),
            (3, "enrolled"),
            (4, "already"),
            (5, "unknown"),
            (6, "full"),
            (7, "staff"),
            (8, "bad_line"),
        ];
        assert_eq!(outcomes, expected);
        assert_eq!(report.data()["enrolled"], 1);
        assert_eq!(world.status_of(&bob, course).await, "active");
        assert_eq!(world.post(&teacher, &path, json!({"csv": "\n"})).await.code(), "VALIDATION_ERROR");
        let long = "a@b.example\n".repeat(2001);
        assert_eq!(world.post(&teacher, &path, json!({"csv": long})).await.code(), "VALIDATION_ERROR");
    })
    .await;
}

#[tokio::test]
async fn who_helps_may_do_his_part_until_he_is_dismissed() {
    on_both(async |db| {
        let world = World::on(db);
        let teacher = world.person("minh", Role::Instructor).await;
        let [anna, bob] = students(&world).await;
        let course = world.course(&teacher).await;
        let staff = format!("/courses/{course}/staff");
        let appoint = async |who: &Person, duty: &str| {
            world.post(&teacher, &staff, json!({"user_id": who.id, "duty": duty})).await
        };
        assert_eq!(appoint(&anna, "co_teacher").await.code(), "NOT_A_TEACHER");
        assert_eq!(appoint(&teacher, "assistant").await.code(), "IS_TEACHER");
        appoint(&anna, "assistant").await.data();
        assert_eq!(world.get(&anna, &format!("/courses/{course}")).await.data()["my_part"], "assistant");
        world.enrol(&anna, course, &bob).await.data();
        let listed = world.get(&anna, "/courses?mine=teaching").await;
        assert_eq!(listed.body["meta"]["total"], 1);
        let key = world.key(&teacher, course).await;
        let started = world.post(&teacher, &format!("/courses/{course}/start-live"), Value::Null).await;
        world.publish(&key).await;
        let watch = format!("/sessions/{}/playback", started.data()["id"].as_str().unwrap());
        world.post(&anna, &watch, Value::Null).await.data();
        world.told();
        let body = json!({"user_id": anna.id});
        world.post(&teacher, &format!("/courses/{course}/remove-staff"), body).await;
        assert!(matches!(world.told()[..], [Fact::Revoked(_)]));
        assert_eq!(world.post(&anna, &watch, Value::Null).await.code(), "NOT_FOUND");
        assert_eq!(world.enrol(&anna, course, &bob).await.code(), "NOT_FOUND");
    })
    .await;
}
