//! Twenty at once, on both databases.

use std::sync::Arc;

use access::jwt::Role;
use db::testing::on_both;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::world::{Answer, Fact, PASSWORD, World};

/// Twenty requests at once; what they were answered.
async fn twenty(
    world: &Arc<World>,
    request: impl Fn(usize) -> (String, Option<String>, Value),
) -> Vec<Answer> {
    let mut tasks = Vec::new();
    for n in 0..20 {
        let (path, token, body) = request(n);
        let world = Arc::clone(world);
        tasks
            .push(tokio::spawn(async move { world.call(Method::POST, token.as_deref(), &path, body).await }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_students_at_three_places() {
    on_both(async |db| {
        let world = Arc::new(World::on(db));
        let teacher = world.person("minh", Role::Instructor).await;
        let course = world.course(&teacher).await;
        let path = format!("/courses/{course}");
        world.call(Method::PATCH, Some(&teacher.token), &path, json!({"capacity": 3})).await.data();
        let mut students = Vec::new();
        for n in 0..20 {
            students.push(world.person(&format!("student{n}"), Role::Student).await);
        }
        let answers = twenty(&world, |n| {
            let body = json!({"user_id": students[n].id});
            (format!("/courses/{course}/enroll-student"), Some(teacher.token.clone()), body)
        })
        .await;
        let (placed, full): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == StatusCode::OK);
        assert_eq!(placed.len(), 3);
        assert!(full.iter().all(|one| one.code() == "COURSE_FULL"), "{full:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_who_come_by_themselves_find_three_places_and_a_queue() {
    on_both(async |db| {
        let world = Arc::new(World::on(db));
        let teacher = world.person("minh", Role::Instructor).await;
        let course = world.course(&teacher).await;
        let path = format!("/courses/{course}");
        let terms = json!({"capacity": 3, "access": "public"});
        world.call(Method::PATCH, Some(&teacher.token), &path, terms).await.data();
        let mut students = Vec::new();
        for n in 0..20 {
            students.push(world.person(&format!("student{n}"), Role::Student).await);
        }
        let answers =
            twenty(&world, |n| (format!("{path}/enroll"), Some(students[n].token.clone()), Value::Null))
                .await;
        let placed = answers.iter().filter(|one| one.data()["status"] == "active").count();
        let waiting = answers.iter().filter(|one| one.data()["status"] == "waitlisted").count();
        assert_eq!((placed, waiting), (3, 17));
        // Whatever comes and goes at once, no place is given twice and none stays empty.
        let answers =
            twenty(&world, |n| (format!("{path}/leave"), Some(students[n].token.clone()), Value::Null)).await;
        assert!(answers.iter().all(|one| one.status == StatusCode::NO_CONTENT));
        let read = world.get(&teacher, &path).await;
        assert_eq!(read.data()["taken"], 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn places_are_taken_and_given_up_at_once_and_none_is_lost() {
    on_both(async |db| {
        let world = Arc::new(World::on(db));
        let teacher = world.person("minh", Role::Instructor).await;
        let course = world.course(&teacher).await;
        let path = format!("/courses/{course}");
        let terms = json!({"capacity": 3, "access": "public"});
        world.call(Method::PATCH, Some(&teacher.token), &path, terms).await.data();
        let mut students = Vec::new();
        for n in 0..20 {
            students.push(world.person(&format!("student{n}"), Role::Student).await);
        }
        for student in &students[..10] {
            world.post(student, &format!("{path}/enroll"), Value::Null).await.data();
        }
        // The first ten, three of whom have places, go; the others come.
        twenty(&world, |n| {
            let verb = if n < 10 { "leave" } else { "enroll" };
            (format!("{path}/{verb}"), Some(students[n].token.clone()), Value::Null)
        })
        .await;
        let read = world.get(&teacher, &path).await;
        assert_eq!(read.data()["taken"], 3);
        let waiting = world.get(&teacher, &format!("{path}/enrolments?status=waitlisted")).await;
        assert_eq!(waiting.body["meta"]["total"], 7);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_at_an_invite_for_three() {
    on_both(async |db| {
        let world = Arc::new(World::on(db));
        let teacher = world.person("minh", Role::Instructor).await;
        let course = world.course(&teacher).await;
        let made = world.post(&teacher, &format!("/courses/{course}/invites"), json!({"uses_max": 3})).await;
        let code = made.data()["code"].clone();
        let mut students = Vec::new();
        for n in 0..20 {
            students.push(world.person(&format!("student{n}"), Role::Student).await);
        }
        let answers = twenty(&world, |n| {
            ("/invites/redeem".into(), Some(students[n].token.clone()), json!({"code": code}))
        })
        .await;
        let (placed, late): (Vec<_>, Vec<_>) = answers.iter().partition(|one| one.status == StatusCode::OK);
        assert_eq!(placed.len(), 3);
        assert!(late.iter().all(|one| one.code() == "INVITE_GONE"), "{late:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_rotations_leave_one_key_and_with_overlap_two() {
    on_both(async |db| {
        let world = Arc::new(World::on(db));
        let teacher = world.person("minh", Role::Instructor).await;
        let course = world.course(&teacher).await;
        for (body, active) in [(Value::Null, 1_i64), (json!({"keep_previous": true}), 2)] {
            let answers = twenty(&world, |_| {
                (format!("/courses/{course}/stream-key/rotate"), Some(teacher.token.clone()), body.clone())
            })
            .await;
            let mut works = 0;
            for answer in &answers {
                let key = answer.data()["stream_key"].as_str().unwrap();
                works += i64::from(world.control.admit(key, [192, 0, 2, 9].into()).await.is_ok());
            }
            assert_eq!(works, active);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_renewals_by_one_token_get_one_successor() {
    on_both(async |db| {
        let world = Arc::new(World::on(db));
        world.control.create_user("anna@school.example", "student", None, PASSWORD).await.unwrap();
        let body = json!({"email": "anna@school.example", "password": PASSWORD});
        let first = world.call(Method::POST, None, "/auth/login", body).await.data()["refresh"].clone();
        let answers =
            twenty(&world, |_| ("/auth/refresh".into(), None, json!({"refresh": first.clone()}))).await;
        let successor = answers[0].data()["refresh"].clone();
        assert!(answers.iter().all(|one| one.data()["refresh"] == successor));
        let (stored,): (i64,) =
            db::q("select count(*) from refresh_tokens").one(world.control.db()).await.unwrap();
        assert_eq!(stored, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_clicks_put_one_session_on_air() {
    on_both(async |db| {
        let world = Arc::new(World::on(db));
        let teacher = world.person("minh", Role::Instructor).await;
        let course = world.course(&teacher).await;
        let path = format!("/courses/{course}/start-live");
        let answers = twenty(&world, |_| (path.clone(), Some(teacher.token.clone()), Value::Null)).await;
        assert!(answers.iter().all(|one| one.data()["id"] == answers[0].data()["id"]));
        assert_eq!(world.told().len(), 1);
        let path = format!("/courses/{course}/end-live");
        let answers = twenty(&world, |_| (path.clone(), Some(teacher.token.clone()), Value::Null)).await;
        assert_eq!(answers.iter().filter(|one| one.status == StatusCode::OK).count(), 1);
        let told = world.told();
        assert!(matches!(told[..], [Fact::Ended(_)]), "{told:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_publishers_and_a_click_end_up_on_one_timeline() {
    on_both(async |db| {
        let world = Arc::new(World::on(db));
        let teacher = world.person("minh", Role::Instructor).await;
        let course = world.course(&teacher).await;
        let key = world.key(&teacher, course).await;
        let admissions: Vec<_> = (0..20)
            .map(|_| {
                let (world, key) = (Arc::clone(&world), key.clone());
                tokio::spawn(async move { world.control.admit(&key, [192, 0, 2, 9].into()).await.unwrap() })
            })
            .collect();
        world.control.start_live(course, None).await.unwrap();
        let mut previews = std::collections::BTreeSet::new();
        let mut public = std::collections::BTreeSet::new();
        for admission in admissions {
            let programme = admission.await.unwrap().programme;
            if programme.on_air {
                public.insert(programme.epoch)
            } else {
                previews.insert(programme.epoch)
            };
        }
        assert!(previews.len() <= 1 && public.len() <= 1);
        let last = world.control.admit(&key, [192, 0, 2, 9].into()).await.unwrap();
        assert!(last.programme.on_air);
        // The preview, if there was one, was closed after the public timeline was opened.
        let told = world.told();
        assert_eq!(told[0], Fact::WentLive(last.programme));
        assert_eq!(told.len(), 1 + previews.len());
    })
    .await;
}
