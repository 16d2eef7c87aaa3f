//! Making an account, proving an address, passwords, devices, profiles.

use access::jwt::Role;
use db::{Db, testing::on_both};
use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::{
    post_office::PostOffice,
    world::{Answer, PASSWORD, World},
};

const ANNA: &str = "anna@school.example";

struct Scene {
    office: PostOffice,
    world: World,
}

impl Scene {
    async fn new(db: Db) -> Self {
        let office = PostOffice::open().await;
        let settings = office.settings();
        let settings: Vec<_> = settings.iter().map(|(name, text)| (*name, text.as_str())).collect();
        Self { world: World::with(db, &settings), office }
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.world.call(Method::POST, None, path, body).await
    }

    async fn register(&self, password: &str) -> Answer {
        let body = json!({"email": ANNA, "password": password, "full_name": "Anna Nguyen"});
        self.post("/auth/register", body).await
    }

    async fn log_in(&self, password: &str) -> Answer {
        self.post("/auth/login", json!({"email": ANNA, "password": password})).await
    }

    /// Does the jobs; the subjects and secrets of the letters that came.
    async fn letters(&self) -> Vec<(String, Option<String>)> {
        self.world.work().await;
        let letters = self.office.received().into_iter().map(|letter| {
            assert_eq!(letter.recipient.to_lowercase(), ANNA);
            let plain = letter.plain();
            let subject = plain.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned();
            (subject, plain.contains("?token=").then(|| letter.token()))
        });
        letters.collect()
    }

    async fn token(&self) -> String {
        let mut letters = self.letters().await;
        assert_eq!(letters.len(), 1, "{letters:?}");
        letters.remove(0).1.unwrap()
    }

    async fn verified(db: Db) -> Self {
        let scene = Self::new(db).await;
        scene.world.control.create_user(ANNA, "student", Some("Anna Nguyen"), PASSWORD).await.unwrap();
        scene
    }
}

fn field<'a>(answer: &'a Answer, name: &str) -> &'a Value {
    assert_eq!(answer.code(), "VALIDATION_ERROR", "{answer:?}");
    &answer.body["error"]["details"][name]
}

#[tokio::test]
async fn who_registers_confirms_his_address_and_logs_in() {
    on_both(async |db| {
        let scene = Scene::new(db).await;
        let options = scene.world.call(Method::GET, None, "/auth/options", Value::Null).await;
        assert_eq!(options.data(), &json!({"registration": true, "mail": true}));
        let answer = scene.register(PASSWORD).await;
        assert_eq!((answer.status, answer.data()), (StatusCode::ACCEPTED, &json!({"letter": "sent"})));
        assert_eq!(scene.log_in(PASSWORD).await.code(), "EMAIL_NOT_VERIFIED");
        assert_eq!(
            scene.log_in("wrong").await.code(),
            "INVALID_CREDENTIALS",
            "only who knows the password hears it"
        );
        let token = scene.token().await;
        let stored: Vec<(Vec<u8>, String)> =
            db::q("select t.hash, l.fields from account_tokens t, letters l")
                .all(scene.world.control.db())
                .await
                .unwrap();
        assert!(!stored[0].1.contains(&token) && stored[0].0 != token.as_bytes(), "only its hash is kept");
        let verify = async |token: &str| scene.post("/auth/verify-email", json!({"token": token})).await;
        assert!(field(&verify("lt_nonsense").await, "token").is_array());
        assert_eq!(verify(&token).await.data()["email"], ANNA);
        assert_eq!(verify(&token).await.data()["email"], ANNA, "a second click is no mistake");
        let logged_in = scene.log_in(PASSWORD).await;
        assert_eq!(logged_in.data()["user"]["role"], "student");
        // A confirmation's secret opens nothing else.
        let reset = json!({"token": token, "password": "another long password"});
        assert!(field(&scene.post("/auth/reset-password", reset).await, "token").is_array());
    })
    .await;
}

#[tokio::test]
async fn who_registers_a_known_address_hears_the_same_and_its_owner_gets_a_letter() {
    on_both(async |db| {
        let scene = Scene::verified(db).await;
        let known = scene.register("another long password").await;
        let letters = scene.letters().await;
        assert_eq!(letters, [("You have an account already".to_owned(), None)]);
        let body = json!({"email": "bob@school.example", "password": PASSWORD, "full_name": "Bob"});
        let unknown = scene.post("/auth/register", body).await;
        assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
        assert_eq!(scene.log_in("another long password").await.code(), "INVALID_CREDENTIALS");
        assert_eq!(scene.log_in(PASSWORD).await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn nobody_s_password_waits_for_the_owner_of_an_address() {
    on_both(async |db| {
        let scene = Scene::new(db).await;
        scene.register("the password of a thief").await;
        let thief = scene.token().await;
        scene.register(PASSWORD).await;
        let owner = scene.token().await;
        let verify = async |token: &str| scene.post("/auth/verify-email", json!({"token": token})).await;
        assert!(field(&verify(&thief).await, "token").is_array());
        verify(&owner).await.data();
        assert_eq!(scene.log_in("the password of a thief").await.code(), "INVALID_CREDENTIALS");
        assert_eq!(scene.log_in(PASSWORD).await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_closed_server_makes_no_accounts_and_faults_are_told_field_by_field() {
    let (db, _folder) = db::testing::sqlite().await;
    let world = World::with(db.clone(), &[("LECTERN_REGISTRATION", "closed")]);
    let body = json!({"email": ANNA, "password": PASSWORD, "full_name": "Anna"});
    let closed = world.call(Method::POST, None, "/auth/register", body).await;
    assert_eq!((closed.status, closed.code()), (StatusCode::FORBIDDEN, "REGISTRATION_CLOSED"));
    let options = world.call(Method::GET, None, "/auth/options", Value::Null).await;
    assert_eq!(options.data(), &json!({"registration": false, "mail": false}));
    let open = World::on(db);
    let body = json!({"email": "anna", "password": "1234", "full_name": " ", "locale": "en"});
    let wrong = open.call(Method::POST, None, "/auth/register", body).await;
    for name in ["email", "password", "full_name"] {
        assert!(field(&wrong, name).is_array(), "{name}");
    }
    let body = json!({"email": ANNA, "password": PASSWORD, "full_name": "Anna", "locale": "tlh"});
    assert!(field(&open.call(Method::POST, None, "/auth/register", body).await, "locale").is_array());
    let body = json!({"email": ANNA, "password": PASSWORD, "full_name": "Anna", "role": "admin"});
    assert!(field(&open.call(Method::POST, None, "/auth/register", body).await, "role").is_array());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn six_who_register_one_address_at_once_make_one_account() {
    on_both(async |db| {
        let scene = std::sync::Arc::new(Scene::new(db).await);
        let tasks: Vec<_> = (0..6)
            .map(|_| {
                let scene = std::sync::Arc::clone(&scene);
                tokio::spawn(async move { scene.register(PASSWORD).await })
            })
            .collect();
        for task in tasks {
            let answer = task.await.unwrap();
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        }
        let (accounts,): (i64,) =
            db::q("select count(*) from users").one(scene.world.control.db()).await.unwrap();
        assert_eq!(accounts, 1);
        let letters = scene.letters().await.len();
        assert!((1..=3).contains(&letters), "nobody's mailbox is flooded: {letters}");
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_password_is_chosen_anew_once_and_every_device_is_logged_out() {
    on_both(async |db| {
        let scene = Scene::verified(db).await;
        let device = scene.log_in(PASSWORD).await;
        let forgot = async |email: &str| scene.post("/auth/forgot-password", json!({"email": email})).await;
        let (known, unknown) = (forgot(ANNA).await, forgot("bob@school.example").await);
        assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
        let token = scene.token().await;
        let reset = async |token: &str, password: &str| {
            scene.post("/auth/reset-password", json!({"token": token, "password": password})).await
        };
        assert!(field(&reset(&token, "12345678").await, "password").is_array(), "and the link still works");
        assert!(field(&reset("lt_x", "a long new password").await, "token").is_array());
        let other = forgot(ANNA).await;
        assert_eq!(other.status, StatusCode::ACCEPTED);
        let second = scene.token().await;
        assert_eq!(reset(&token, "a long new password").await.data()["email"], ANNA);
        assert!(field(&reset(&token, "a long newer password").await, "token").is_array(), "once");
        assert!(
            field(&reset(&second, "a long newer password").await, "token").is_array(),
            "all links end with it"
        );
        assert_eq!(scene.letters().await, [("Your password was changed".to_owned(), None)]);
        assert_eq!(scene.log_in(PASSWORD).await.code(), "INVALID_CREDENTIALS");
        assert_eq!(scene.log_in("a long new password").await.status, StatusCode::OK);
        let refresh = scene.post("/auth/refresh", json!({"refresh": device.data()["refresh"]})).await;
        assert_eq!(refresh.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test]
async fn a_link_ends_by_itself() {
    on_both(async |db| {
        let scene = Scene::verified(db).await;
        scene.post("/auth/forgot-password", json!({"email": ANNA})).await;
        let token = scene.token().await;
        db::q("update account_tokens set expires_at = $1")
            .bind(runtime::clock::utc())
            .run(scene.world.control.db())
            .await
            .unwrap();
        let reset = json!({"token": token, "password": "a long new password"});
        assert!(field(&scene.post("/auth/reset-password", reset).await, "token").is_array());
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_gets_three_letters_of_a_kind_in_an_hour() {
    on_both(async |db| {
        let scene = Scene::verified(db).await;
        for _ in 0..6 {
            scene.post("/auth/forgot-password", json!({"email": ANNA})).await;
        }
        assert_eq!(scene.letters().await.len(), 3);
        scene.register(PASSWORD).await;
        assert_eq!(scene.letters().await.len(), 1, "each kind by itself");
    })
    .await;
}

#[tokio::test]
async fn the_confirmation_is_sent_again_to_whom_it_is_missing() {
    on_both(async |db| {
        let scene = Scene::new(db).await;
        scene.register(PASSWORD).await;
        let first = scene.token().await;
        let again = scene.post("/auth/resend-verification", json!({"email": ANNA})).await;
        assert_eq!(again.status, StatusCode::ACCEPTED);
        let second = scene.token().await;
        assert_ne!(first, second);
        scene.post("/auth/verify-email", json!({"token": first})).await.data();
        scene.post("/auth/resend-verification", json!({"email": ANNA})).await.data();
        assert!(scene.letters().await.is_empty(), "it is confirmed");
    })
    .await;
}

#[tokio::test]
async fn who_changes_his_password_stays_logged_in_here_alone() {
    on_both(async |db| {
        let scene = Scene::verified(db).await;
        let other = scene.log_in(PASSWORD).await;
        let here = scene.log_in(PASSWORD).await;
        let access = here.data()["access"].as_str().unwrap().to_owned();
        let change = async |current: &str, password: &str| {
            let body = json!({"current_password": current, "password": password});
            scene.world.call(Method::POST, Some(&access), "/auth/change-password", body).await
        };
        assert!(field(&change("wrong", "a long new password").await, "current_password").is_array());
        assert!(field(&change(PASSWORD, "nguyen12").await, "password").is_array());
        let changed = change(PASSWORD, "a long new password").await;
        let fresh = changed.data()["refresh"].clone();
        assert!(changed.headers[header::SET_COOKIE].to_str().unwrap().starts_with("lectern_refresh=rt_"));
        for (token, expected) in [
            (&other.data()["refresh"], StatusCode::UNAUTHORIZED),
            (&here.data()["refresh"], StatusCode::UNAUTHORIZED),
            (&fresh, StatusCode::OK),
        ] {
            assert_eq!(scene.post("/auth/refresh", json!({"refresh": token})).await.status, expected);
        }
        assert_eq!(scene.letters().await, [("Your password was changed".to_owned(), None)]);
    })
    .await;
}

#[tokio::test]
async fn devices_are_listed_and_logged_out_one_by_one_or_all() {
    on_both(async |db| {
        let scene = Scene::verified(db).await;
        let anna = scene.log_in(PASSWORD).await;
        let phone = scene.log_in(PASSWORD).await;
        let access = anna.data()["access"].as_str().unwrap().to_owned();
        let cookie = format!("lectern_refresh={}", anna.data()["refresh"].as_str().unwrap());
        let list = async || {
            let request = http::Request::get("/api/v1/auth/devices")
                .header(header::AUTHORIZATION, format!("Bearer {access}"))
                .header(header::COOKIE, &cookie);
            scene.world.send(request.body(axum::body::Body::empty()).unwrap()).await
        };
        let listed = list().await;
        let devices = listed.data().as_array().unwrap();
        assert_eq!(devices.len(), 2);
        assert_eq!(devices.iter().filter(|one| one["current"] == true).count(), 1);
        let other = devices.iter().find(|one| one["current"] == false).unwrap()["id"].as_str().unwrap();
        let end = async |token: &str| {
            scene
                .world
                .call(Method::DELETE, Some(token), &format!("/auth/devices/{other}"), Value::Null)
                .await
        };
        let stranger = scene.world.person("bob", Role::Admin).await;
        assert_eq!(end(&stranger.token).await.status, StatusCode::NOT_FOUND, "not even an admin's business");
        assert_eq!(end(&access).await.status, StatusCode::NO_CONTENT);
        assert_eq!(end(&access).await.status, StatusCode::NOT_FOUND);
        assert_eq!(list().await.data().as_array().unwrap().len(), 1);
        let refresh = async |of: &Answer| {
            scene.post("/auth/refresh", json!({"refresh": of.data()["refresh"]})).await.status
        };
        assert_eq!(refresh(&phone).await, StatusCode::UNAUTHORIZED);
        let third = scene.log_in(PASSWORD).await;
        let all = scene.world.call(Method::POST, Some(&access), "/auth/logout-all", Value::Null).await;
        assert_eq!(all.status, StatusCode::NO_CONTENT);
        assert_eq!(refresh(&third).await, StatusCode::UNAUTHORIZED);
        assert_eq!(refresh(&anna).await, StatusCode::UNAUTHORIZED);
        // An access token from before changes nothing any more.
        db::q("update users set tokens_from = $1")
            .bind(runtime::clock::utc() + chrono::TimeDelta::seconds(2))
            .run(scene.world.control.db())
            .await
            .unwrap();
        let old = scene.world.call(Method::POST, Some(&access), "/auth/logout-all", Value::Null).await;
        assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    })
    .await;
}

#[tokio::test]
async fn a_profile_is_read_and_changed_by_its_owner_and_admins_alone() {
    on_both(async |db| {
        let world = World::on(db);
        let anna = world.person("anna", Role::Student).await;
        let bob = world.person("bob", Role::Instructor).await;
        let admin = world.person("root", Role::Admin).await;
        let mine = world.get(&anna, "/auth/profile").await;
        assert_eq!(mine.data()["email"], ANNA);
        assert_eq!((&mine.data()["locale"], &mine.data()["email_verified"]), (&json!("en"), &json!(true)));
        let patch = async |token: &str, path: &str, body: Value| world.call(Method::PATCH, Some(token), path, body).await;
        let changed = patch(&anna.token, "/auth/profile", json!({"locale": "vi", "time_zone": "Asia/Ho_Chi_Minh"})).await;
        assert_eq!((&changed.data()["locale"], &changed.data()["full_name"]), (&json!("vi"), &json!("anna")));
        let path = format!("/users/{}/profile", anna.id);
        assert_eq!(world.get(&bob, &path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(patch(&bob.token, &path, json!({"bio": "x"})).await.status, StatusCode::NOT_FOUND);
        assert_eq!(world.get(&anna, &path).await.data(), changed.data());
        let whole = json!({"full_name": "Anna N.", "locale": "en", "time_zone": "UTC", "bio": "Teaches <b>maths</b>"});
        let put = world.call(Method::PUT, Some(&admin.token), &path, whole.clone()).await;
        assert_eq!((&put.data()["full_name"], &put.data()["bio"]), (&whole["full_name"], &whole["bio"]));
        for (name, value) in [
            ("role", json!("admin")),
            ("email", json!("x@y.example")),
            ("locale", json!("tlh")),
            ("time_zone", json!("Hanoi; drop table")),
            ("full_name", json!("")),
            ("bio", json!("x".repeat(2001))),
        ] {
            let wrong = patch(&anna.token, "/auth/profile", json!({name: value})).await;
            assert!(field(&wrong, name).is_array(), "{name}");
        }
        let missing = world.call(Method::PUT, Some(&anna.token), "/auth/profile", json!({"full_name": "A"})).await;
        assert_eq!(missing.code(), "VALIDATION_ERROR");
    })
    .await;
}

#[tokio::test]
async fn of_two_who_change_what_both_have_read_the_second_is_told() {
    on_both(async |db| {
        let world = World::on(db);
        let anna = world.person("anna", Role::Student).await;
        let tag = world.get(&anna, "/auth/profile").await.headers[header::ETAG].clone();
        let change = async |tag: &http::HeaderValue, bio: &str| {
            let request = http::Request::patch("/api/v1/auth/profile")
                .header(header::AUTHORIZATION, format!("Bearer {}", anna.token))
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::IF_MATCH, tag);
            world.send(request.body(json!({"bio": bio}).to_string().into()).unwrap()).await
        };
        let first = change(&tag, "one").await;
        assert_eq!(first.data()["bio"], "one");
        let second = change(&tag, "two").await;
        assert_eq!((second.status, second.code()), (StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED"));
        assert_eq!(change(&first.headers[header::ETAG], "two").await.data()["bio"], "two");
        assert_eq!(change(&http::HeaderValue::from_static("*"), "three").await.data()["bio"], "three");
    })
    .await;
}

#[tokio::test]
async fn accounts_that_nobody_confirms_are_swept_after_a_week() {
    on_both(async |db| {
        let scene = Scene::verified(db).await;
        let body = json!({"email": "bob@school.example", "password": PASSWORD, "full_name": "Bob"});
        scene.post("/auth/register", body).await.data();
        let count = async || {
            let (accounts,): (i64,) =
                db::q("select count(*) from users").one(scene.world.control.db()).await.unwrap();
            accounts
        };
        let now = runtime::clock::utc();
        let sweep = async |before| {
            crate::accounts::rows::sweep_unverified(scene.world.control.db(), before).await.unwrap();
        };
        sweep(now - chrono::TimeDelta::days(7)).await;
        assert_eq!(count().await, 2);
        sweep(now + chrono::TimeDelta::seconds(1)).await;
        assert_eq!(count().await, 1);
    })
    .await;
}
