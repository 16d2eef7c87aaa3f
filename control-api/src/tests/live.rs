//! On air and off: keys, previews, grants, and what the worker makes of a publisher that goes.

use access::{
    jwt::Role,
    playback::{Class, Token},
};
use chrono::{DateTime, TimeDelta, Utc};
use db::testing::on_both;
use events::{PublicationChange, PublicationHealth};
use http::StatusCode;
use ids::{CourseId, SessionId};
use runtime::clock;
use serde_json::{Value, json};

use super::world::{Answer, Fact, Person, World};
use crate::{ProgrammeState, Refusal};

const PEER: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

/// A teacher, a student with a place, and their course.
async fn school(world: &World) -> (Person, Person, CourseId) {
    let teacher = world.person("minh", Role::Instructor).await;
    let student = world.person("anna", Role::Student).await;
    let course = world.course(&teacher).await;
    world.enrol(&teacher, course, &student).await.data();
    (teacher, student, course)
}

async fn start(world: &World, teacher: &Person, course: CourseId) -> SessionId {
    let answer = world.post(teacher, &format!("/courses/{course}/start-live"), Value::Null).await;
    answer.data()["id"].as_str().unwrap().parse().unwrap()
}

async fn watch(world: &World, who: &Person, session: SessionId) -> Answer {
    world.post(who, &format!("/sessions/{session}/playback"), json!({"client": "web"})).await
}

async fn status(world: &World, who: &Person, course: CourseId) -> Value {
    world.get(who, &format!("/courses/{course}/live-status")).await.data().clone()
}

/// The token of `/p/{token}/s/{session}/{epoch}/…`, proved.
fn proved(world: &World, url: &str) -> (access::playback::Claims, String) {
    let parts: Vec<_> = url.trim_start_matches('/').splitn(6, '/').collect();
    let ["p", token, "s", session, epoch, rest] = parts[..] else { panic!("{url}") };
    let token = Token::parse(token).unwrap();
    let (session, epoch) = (session.parse().unwrap(), epoch.parse().unwrap());
    let claims = world.keyring.verify(&token, session, epoch, clock::unix_s()).unwrap();
    (claims, rest.to_owned())
}

#[tokio::test]
async fn a_key_is_shown_once_and_a_new_one_replaces_it() {
    on_both(async |db| {
        let world = World::on(db);
        let (teacher, _, course) = school(&world).await;
        let shown = async || world.get(&teacher, &format!("/courses/{course}/stream-key")).await;
        assert_eq!(shown().await.status, StatusCode::NOT_FOUND);
        let first = world.key(&teacher, course).await;
        let data = shown().await.data().clone();
        assert_eq!(data["server_url"], "rtmp://127.0.0.1:1935/live");
        assert!(!data.to_string().contains(&first));
        assert!(first.contains(data["key_id"].as_str().unwrap()));
        assert_eq!(data["last_used_at"], Value::Null);
        world.control.admit(&first, PEER).await.unwrap();
        assert!(shown().await.data()["last_used_at"].is_string());

        let second = world.key(&teacher, course).await;
        assert!(matches!(world.control.admit(&first, PEER).await, Err(Refusal::WrongKey)));
        let path = format!("/courses/{course}/stream-key/rotate");
        let third = world.post(&teacher, &path, json!({"keep_previous": true})).await;
        let third = third.data()["stream_key"].as_str().unwrap().to_owned();
        for key in [&second, &third] {
            world.control.admit(key, PEER).await.unwrap();
        }
        world.post(&teacher, &path, json!({"keep_previous": true})).await.data();
        assert!(matches!(world.control.admit(&second, PEER).await, Err(Refusal::WrongKey)));
        world.control.admit(&third, PEER).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let world = World::new().await;
    let (teacher, _, course) = school(&world).await;
    let key = world.key(&teacher, course).await;
    let (other, _folder) = db::testing::sqlite().await;
    let foreign = World::on(other);
    let owner = foreign.person("lan", Role::Instructor).await;
    let course = foreign.course(&owner).await;
    let foreign_key = foreign.key(&owner, course).await;
    let cut = &key[..key.len() - 1];
    for wrong in ["", "lk_", cut, &key.to_uppercase(), &format!("{key} "), &foreign_key] {
        let refused = world.control.admit(wrong, PEER).await.unwrap_err();
        assert!(matches!(refused, Refusal::WrongKey));
        assert!(wrong.is_empty() || !refused.to_string().contains(wrong));
    }
}

#[tokio::test]
async fn a_rehearsal_is_the_owner_s_alone_and_never_enters_the_lecture() {
    on_both(async |db| {
        let world = World::on(db);
        let (teacher, student, course) = school(&world).await;
        let admin = world.person("admin", Role::Admin).await;
        let key = world.key(&teacher, course).await;
        assert_eq!(status(&world, &teacher, course).await["state"], "offline");
        let planned = world.session(&teacher, course, 10).await;

        // In the lobby: a preview, not the session.
        let grant = world.publish(&key).await;
        assert!(!grant.programme.on_air);
        assert_ne!(grant.programme.session, planned);
        assert_eq!(grant.course_title, "Linear Algebra");
        let own = status(&world, &teacher, course).await;
        assert_eq!((&own["state"], &own["publishing"]), (&json!("preview"), &json!(true)));
        assert_eq!(own["session"]["id"], json!(planned));
        let url = own["preview"]["hls_url"].as_str().unwrap();
        let (claims, rest) = proved(&world, url);
        assert!(claims.classes.has(Class::Preview) && !claims.classes.has(Class::Live));
        assert_eq!(rest, "index.m3u8");
        // A page that asks every second has one grant.
        assert_eq!(status(&world, &teacher, course).await["preview"], own["preview"]);
        assert_eq!(watch(&world, &teacher, grant.programme.session).await.data()["hls_url"], url);
        for other in [&student, &admin] {
            assert_eq!(status(&world, other, course).await["preview"], Value::Null);
            assert_eq!(watch(&world, other, grant.programme.session).await.code(), "NOT_FOUND");
        }
        let seen = status(&world, &student, course).await;
        assert_eq!((&seen["state"], &seen["publishing"]), (&json!("offline"), &json!(false)));
        assert_eq!(watch(&world, &student, planned).await.code(), "NOT_LIVE");

        // A second connection stays on the preview's timeline.
        assert_eq!(world.control.admit(&key, PEER).await.unwrap().programme, grant.programme);

        // On air: a timeline of its own, opened before the preview is closed.
        assert_eq!(start(&world, &teacher, course).await, planned);
        let told = world.told();
        let [Fact::WentLive(live), Fact::Ended(preview)] = told[..] else { panic!("{told:?}") };
        assert_eq!(preview, grant.programme);
        assert_eq!((live.session, live.on_air), (planned, true));
        assert_ne!(live.epoch, preview.epoch);
        assert_eq!(start(&world, &teacher, course).await, planned);
        assert!(world.told().is_empty(), "a second click changes nothing");
        assert_eq!(world.control.admit(&key, PEER).await.unwrap().programme, live);
        assert_eq!(watch(&world, &student, planned).await.code(), "NOT_LIVE");
        world.control.programme_state(live, ProgrammeState::Playing, true);
        watch(&world, &student, planned).await.data();
        assert_eq!(watch(&world, &teacher, grant.programme.session).await.code(), "NOT_FOUND");
    })
    .await;
}

#[tokio::test]
async fn a_grant_is_a_token_for_one_timeline() {
    let world = World::new().await;
    let (teacher, student, course) = school(&world).await;
    let key = world.key(&teacher, course).await;
    let session = start(&world, &teacher, course).await;
    let grant = world.publish(&key).await;
    assert_eq!(grant.programme.session, session);
    let answer = watch(&world, &student, session).await;
    let data = answer.data();
    let (claims, rest) = proved(&world, data["hls_url"].as_str().unwrap());
    assert_eq!(rest, "dvr/index.m3u8");
    assert!(
        claims.classes.has(Class::Live)
            && claims.classes.has(Class::Dvr)
            && !claims.classes.has(Class::Preview)
    );
    assert!(claims.exp_unix_s.abs_diff(clock::unix_s() + 3600) <= 2);
    assert_eq!(proved(&world, data["audio_url"].as_str().unwrap()).1, "dvr/audio.m3u8");
    assert_eq!((&data["dvr"], &data["whep_url"]), (&json!(true), &Value::Null));
    let again = watch(&world, &student, session).await;
    let other = proved(&world, again.data()["hls_url"].as_str().unwrap()).0;
    assert_ne!(claims.sid, other.sid, "each answer is a viewer session of its own");

    let path = format!("/sessions/{session}/playback");
    let native = world.post(&student, &path, json!({"client": "native"})).await;
    let url = native.data()["hls_url"].as_str().unwrap();
    let (claims, _) = proved(&world, url.strip_prefix("http://127.0.0.1:8080").unwrap());
    // Ad hoc: as long as a session may be, and a quarter of an hour.
    assert!(claims.exp_unix_s.abs_diff(clock::unix_s() + 195 * 60) <= 2);

    // Who says nothing of himself may be any player: he gets a whole address, and asks again.
    let unnamed = world.post(&student, &path, Value::Null).await;
    let url = unnamed.data()["hls_url"].as_str().unwrap();
    let (claims, _) = proved(&world, url.strip_prefix("http://127.0.0.1:8080").unwrap());
    assert!(claims.exp_unix_s.abs_diff(clock::unix_s() + 3600) <= 2);

    let change = json!({"dvr": false});
    let course_path = format!("/courses/{course}");
    world.call(http::Method::PATCH, Some(&teacher.token), &course_path, change).await.data();
    let plain = watch(&world, &student, session).await;
    let (claims, rest) = proved(&world, plain.data()["hls_url"].as_str().unwrap());
    assert_eq!((rest.as_str(), claims.classes.has(Class::Dvr)), ("index.m3u8", false));
}

#[tokio::test]
async fn the_studio_sees_health_and_students_do_not() {
    let world = World::new().await;
    let (teacher, student, course) = school(&world).await;
    let key = world.key(&teacher, course).await;
    start(&world, &teacher, course).await;
    world.publish(&key).await;
    let health = PublicationHealth { bitrate_kbps: 2000, ..PublicationHealth::default() };
    world.control.health(course, health);
    let own = status(&world, &teacher, course).await;
    assert_eq!(own["health"]["bitrate_kbps"], 2000);
    assert_eq!((&own["state"], &own["playable"], &own["viewers"]), (&json!("live"), &json!(true), &json!(7)));
    let seen = status(&world, &student, course).await;
    assert_eq!((&seen["health"], &seen["publishing"]), (&Value::Null, &json!(true)));
    assert_eq!(seen["session"]["can_watch"], true);
}

#[tokio::test]
async fn who_ends_the_lecture_ends_its_grants_to_come() {
    on_both(async |db| {
        let world = World::on(db);
        let (teacher, student, course) = school(&world).await;
        let key = world.key(&teacher, course).await;
        let session = start(&world, &teacher, course).await;
        let programme = world.publish(&key).await.programme;
        world.told();
        let end = async || world.post(&teacher, &format!("/courses/{course}/end-live"), Value::Null).await;
        assert_eq!(end().await.data()["status"], "ended");
        assert_eq!(world.told(), [Fact::Ended(programme)]);
        assert_eq!(end().await.code(), "NOT_LIVE");
        assert_eq!(watch(&world, &student, session).await.code(), "SESSION_ENDED");
        world.publication(
            world.control.admit(&key, PEER).await.unwrap().publication,
            course,
            PublicationChange::Started,
        );
        let seen = status(&world, &student, course).await;
        assert_eq!((&seen["state"], &seen["session"]["id"]), (&json!("ended"), &json!(session)));
        assert_eq!(status(&world, &teacher, course).await["state"], "preview");
    })
    .await;
}

#[tokio::test]
async fn a_scheduled_lecture_outlives_its_publisher_and_ends_a_quarter_of_an_hour_late() {
    on_both(async |db| {
        let world = World::on(db);
        let (teacher, student, course) = school(&world).await;
        let key = world.key(&teacher, course).await;
        let session = world.session(&teacher, course, 0).await;
        start(&world, &teacher, course).await;
        let grant = world.publish(&key).await;
        let word = async |now: DateTime<Utc>| {
            world.control.tick(now, false).await;
            let answer = world.get(&student, &format!("/sessions/{session}")).await;
            answer.data()["status"].as_str().unwrap().to_owned()
        };
        let now = clock::utc();
        let minutes = TimeDelta::minutes;
        assert_eq!(word(now + minutes(30)).await, "live");
        world.publication(grant.publication, course, PublicationChange::Dropped);
        assert_eq!(word(now + TimeDelta::seconds(30)).await, "live");
        assert_eq!(word(now + TimeDelta::seconds(90)).await, "interrupted");
        watch(&world, &student, session).await.data();
        let back = world.publish(&key).await;
        assert_eq!(back.programme, grant.programme, "the same timeline goes on");
        assert_eq!(word(now + minutes(3)).await, "live");
        world.publication(back.publication, course, PublicationChange::Stopped);
        assert_eq!(word(now + minutes(70)).await, "interrupted");
        world.told();
        assert_eq!(word(now + minutes(76)).await, "ended");
        assert_eq!(world.told(), [Fact::Ended(grant.programme)]);
        assert_eq!(word(now + minutes(77)).await, "ended");
        assert!(world.told().is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_ad_hoc_lecture_ends_with_its_publisher_and_no_lecture_takes_longer_than_three_hours() {
    let world = World::new().await;
    let (teacher, _, course) = school(&world).await;
    let key = world.key(&teacher, course).await;
    let now = clock::utc();
    start(&world, &teacher, course).await;
    let grant = world.publish(&key).await;
    world.publication(grant.publication, course, PublicationChange::Dropped);
    world.told();
    world.control.tick(now + TimeDelta::seconds(50), false).await;
    assert!(world.told().is_empty());
    world.control.tick(now + TimeDelta::seconds(70), false).await;
    assert_eq!(world.told(), [Fact::Ended(grant.programme)]);

    start(&world, &teacher, course).await;
    let grant = world.publish(&key).await;
    world.told();
    world.control.tick(now + TimeDelta::minutes(179), false).await;
    assert!(world.told().is_empty());
    world.control.tick(now + TimeDelta::minutes(181), false).await;
    assert_eq!(world.told(), [Fact::Ended(grant.programme)]);
}

#[tokio::test]
async fn a_preview_that_was_left_is_closed_and_the_next_is_another() {
    let world = World::new().await;
    let (teacher, _, course) = school(&world).await;
    let key = world.key(&teacher, course).await;
    let first = world.publish(&key).await;
    let now = clock::utc();
    world.control.tick(now + TimeDelta::minutes(30), true).await;
    assert!(world.told().is_empty());
    world.publication(first.publication, course, PublicationChange::Stopped);
    world.control.tick(now + TimeDelta::seconds(30), false).await;
    assert!(world.told().is_empty());
    world.control.tick(now + TimeDelta::seconds(90), false).await;
    assert_eq!(world.told(), [Fact::Ended(first.programme)]);
    let second = world.publish(&key).await;
    assert_ne!(second.programme.epoch, first.programme.epoch);
    // A day later nothing is left of the first.
    world.control.tick(now + TimeDelta::hours(25), true).await;
    let (left,): (i64,) = db::q("select count(*) from previews").one(world.control.db()).await.unwrap();
    assert_eq!(left, 1);
}

#[tokio::test]
async fn a_restart_goes_on_with_what_was_on_air() {
    on_both(async |db| {
        let world = World::on(db);
        let (teacher, student, course) = school(&world).await;
        let rehearsing = world.course(&teacher).await;
        let key = world.key(&teacher, course).await;
        let other_key = world.key(&teacher, rehearsing).await;
        world.session(&teacher, course, 0).await;
        let session = start(&world, &teacher, course).await;
        let programme = world.publish(&key).await.programme;
        let rehearsal = world.publish(&other_key).await.programme;
        world.control.tick(clock::utc(), true).await;

        let world = world.restarted();
        assert_eq!(world.control.on_air().await.unwrap(), [programme]);
        watch(&world, &student, session).await.data();
        assert_eq!(world.control.admit(&key, PEER).await.unwrap().programme, programme);
        let anew = world.control.admit(&other_key, PEER).await.unwrap().programme;
        assert_ne!(anew.epoch, rehearsal.epoch, "nobody resumes a draft");
    })
    .await;
}

#[tokio::test]
async fn a_lecture_that_was_never_held_is_over_some_day() {
    let world = World::new().await;
    let (teacher, _, course) = school(&world).await;
    let session = world.session(&teacher, course, 0).await;
    let read = async || world.get(&teacher, &format!("/sessions/{session}")).await.data()["status"].clone();
    world.control.tick(clock::utc() + TimeDelta::minutes(74), true).await;
    assert_eq!(read().await, "scheduled");
    world.control.tick(clock::utc() + TimeDelta::minutes(76), true).await;
    assert_eq!(read().await, "ended");
}

#[tokio::test]
async fn the_demo_is_on_air_with_three_people_and_may_be_started_twice() {
    on_both(async |db| {
        let world = World::on(db);
        let first = world.control.seed_demo().await.unwrap();
        let seed = world.control.seed_demo().await.unwrap();
        assert_eq!((first.course_id, first.session_id), (seed.course_id, seed.session_id));
        assert_ne!(first.stream_key, seed.stream_key);
        let grant = world.publish(&seed.stream_key).await;
        assert_eq!((grant.programme.session, grant.programme.on_air), (seed.session_id, true));
        for user in &seed.users {
            let body = json!({"email": user.email, "password": user.password});
            let answer = world.call(http::Method::POST, None, "/auth/login", body).await;
            assert_eq!(answer.data()["user"]["role"], user.role);
            let token = answer.data()["access"].as_str().unwrap();
            let path = format!("/sessions/{}/playback", seed.session_id);
            let answer = world.call(http::Method::POST, Some(token), &path, Value::Null).await;
            answer.data();
        }
    })
    .await;
}
