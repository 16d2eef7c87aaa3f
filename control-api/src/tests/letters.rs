//! Letters: what the mail server gets, what the delivery log says, and that nobody gets one twice.

use access::jwt::Role;
use chrono::TimeDelta;
use db::{Db, testing::on_both};
use runtime::clock;
use serde_json::Value;
use uuid::Uuid;

use super::{
    post_office::{Mood, PostOffice},
    world::{Person, World},
};
use crate::{
    jobs::{self, rules},
    mail::{self, Kind, Locale, NewLetter, rows},
};

struct Scene {
    office: PostOffice,
    world: World,
    admin: Person,
}

impl Scene {
    async fn new(db: Db) -> Self {
        let office = PostOffice::open().await;
        let settings = office.settings();
        let settings: Vec<_> = settings.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let world = World::with(db, &settings);
        let admin = world.person("root", Role::Admin).await;
        Self { office, world, admin }
    }

    async fn post(&self, recipient: &str, locale: Locale) -> Uuid {
        let fields = [("name".to_owned(), "Anna <b>".to_owned())].into_iter().collect();
        let (kind, life) = (Kind::PasswordChanged, TimeDelta::hours(5));
        let letter = NewLetter { kind, locale, recipient, user: None, token: None, fields, life };
        let mut tx = self.world.control.db().begin().await.unwrap();
        let id = mail::post(&mut tx, letter, clock::utc()).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn status(&self, id: Uuid) -> String {
        rows::by_id(self.world.control.db(), id).await.unwrap().unwrap().status
    }

    async fn log(&self, id: Uuid) -> Vec<String> {
        let lines = rows::deliveries(self.world.control.db(), id).await.unwrap();
        lines.into_iter().map(|line| line.outcome).collect()
    }
}

#[tokio::test]
async fn a_letter_arrives_once_in_both_forms_and_its_way_is_logged() {
    on_both(async |db| {
        let scene = Scene::new(db).await;
        let id = scene.post("anna@school.example", Locale::English).await;
        scene.world.work().await;
        scene.world.work().await;
        let received = scene.office.received();
        assert_eq!(received.len(), 1);
        assert_eq!(received[0].recipient, "anna@school.example");
        let plain = received[0].plain();
        for part in [
            "From: School <no-reply@school.example>",
            "To: anna@school.example",
            "Subject: Your password was changed",
            &format!("Message-ID: <{id}@127.0.0.1>"),
            "Auto-Submitted: auto-generated",
            "multipart/alternative",
            "Hello Anna <b>,",
            "<p>Hello Anna &lt;b&gt;,</p>",
            "http://127.0.0.1:8080/forgot-password",
        ] {
            assert!(plain.contains(part), "{part} in {plain}");
        }
        assert_eq!((scene.status(id).await.as_str(), scene.log(id).await), ("sent", vec!["sent".to_owned()]));
        let read = scene.world.get(&scene.admin, &format!("/admin/letters/{id}")).await;
        assert_eq!(read.data()["deliveries"][0]["detail"], "2.0.0 queued as 17");
        assert_eq!(read.data()["text"], Value::Null, "who is not the postman does not read it");
        assert!(!read.body.to_string().contains("planted-smtp-secret"));
    })
    .await;
}

#[tokio::test]
async fn a_letter_is_written_in_its_reader_s_language() {
    let (db, _folder) = db::testing::sqlite().await;
    let scene = Scene::new(db).await;
    let id = scene.post("anna@school.example", Locale::Vietnamese).await;
    let (_, subject, text) = scene.world.control.letter_text(id).await.unwrap().unwrap();
    assert_eq!(subject, "Mật khẩu của bạn đã được thay đổi");
    assert!(text.contains("Xin chào Anna <b>,"), "{text}");
    scene.world.work().await;
    assert_eq!(scene.office.received().len(), 1);
}

#[tokio::test]
async fn what_the_mail_server_says_decides() {
    on_both(async |db| {
        let scene = Scene::new(db).await;
        let check = async |mood, status: &str, outcome: &str| {
            scene.office.is(mood);
            let id = scene.post("anna@school.example", Locale::English).await;
            scene.world.work().await;
            let found = (scene.status(id).await, scene.log(id).await);
            assert_eq!(found, (status.to_owned(), vec![outcome.to_owned()]), "{mood:?}");
            id
        };
        check(Mood::NoSuchUser, "refused", "refused").await;
        check(Mood::HangsUp, "doubtful", "doubtful").await;
        scene.office.received();
        let later = check(Mood::TryLater, "queued", "deferred").await;
        let full = check(Mood::Full, "queued", "deferred").await;
        // A wrong password is ours to mend: no letter is lost by it.
        let locked = check(Mood::WrongPassword, "queued", "deferred").await;
        assert!(scene.office.received().is_empty());
        scene.office.is(Mood::Good);
        scene.world.work_at(clock::utc() + TimeDelta::minutes(1)).await;
        for id in [later, full, locked] {
            assert_eq!(scene.log(id).await, ["deferred", "sent"]);
        }
        assert_eq!(scene.office.received().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_crash_with_the_letter_in_the_mail_server_s_hands_makes_no_second_letter() {
    on_both(async |db| {
        let scene = Scene::new(db).await;
        scene.office.is(Mood::SilentAfter);
        let id = scene.post("anna@school.example", Locale::English).await;
        tokio::select! {
            () = scene.world.work() => panic!("it cannot have ended"),
            () = scene.office.falls_silent() => {}
        }
        assert_eq!(scene.status(id).await, "offered");
        scene.office.is(Mood::Good);
        scene.world.work_at(clock::utc() + rules::CLAIM).await;
        assert_eq!(scene.office.received().len(), 1, "the one before the crash");
        assert_eq!(
            (scene.status(id).await.as_str(), scene.log(id).await),
            ("doubtful", vec!["doubtful".to_owned()])
        );
        // An admin who knows better sends it again.
        let again = scene.world.post(&scene.admin, &format!("/admin/letters/{id}/send"), Value::Null).await;
        assert_eq!(again.data()["status"], "queued");
        scene.world.work().await;
        assert_eq!(scene.office.received().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_crash_before_that_loses_nothing() {
    on_both(async |db| {
        let scene = Scene::new(db).await;
        scene.office.is(Mood::SilentBefore);
        let id = scene.post("anna@school.example", Locale::English).await;
        tokio::select! {
            () = scene.world.work() => panic!("it cannot have ended"),
            () = scene.office.falls_silent() => {}
        }
        assert_eq!(scene.status(id).await, "queued");
        scene.office.is(Mood::Good);
        scene.world.work_at(clock::utc() + rules::CLAIM).await;
        assert_eq!(scene.office.received().len(), 1);
        assert_eq!(scene.status(id).await, "sent");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_workers_with_one_letter_send_it_once() {
    on_both(async |db| {
        let scene = Scene::new(db).await;
        let id = scene.post("anna@school.example", Locale::English).await;
        // As if a claim had lapsed while its holder was alive: two jobs, one letter.
        jobs::enqueue(scene.world.control.db(), &jobs::Task::DeliverLetter { letter: id }, clock::utc())
            .await
            .unwrap();
        let (one, other) = (scene.world.control.clone(), scene.world.control.clone());
        let now = clock::utc();
        let (one, other) = tokio::join!(
            tokio::spawn(async move { mail::deliver(&one, id, now).await }),
            tokio::spawn(async move { mail::deliver(&other, id, now).await })
        );
        one.unwrap().unwrap();
        other.unwrap().unwrap();
        assert_eq!(scene.office.received().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_offers_no_tls_hears_no_password_and_no_address() {
    let (db, _folder) = db::testing::sqlite().await;
    let office = PostOffice::open().await;
    let mut settings = office.settings();
    settings.retain(|(name, _)| *name != "EMAIL_USE_TLS");
    let settings: Vec<_> = settings.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let world = World::with(db, &settings);
    let admin = world.person("root", Role::Admin).await;
    let scene = Scene { office, world, admin };
    let id = scene.post("anna@school.example", Locale::English).await;
    scene.world.work().await;
    assert_eq!(scene.log(id).await, ["deferred"]);
    assert_eq!(scene.office.commands(), ["EHLO"]);
    assert!(scene.world.control.check_mail_server().await.unwrap_err().contains("STARTTLS"));
}

#[tokio::test]
async fn without_a_mail_server_letters_are_held_shown_to_the_admin_and_sent_when_there_is_one() {
    on_both(async |db| {
        let scene = Scene::new(db.clone()).await;
        let without = World::on(db);
        let id = scene.post("anna@school.example", Locale::English).await;
        without.work().await;
        assert_eq!((scene.status(id).await.as_str(), scene.log(id).await), ("held", vec!["held".to_owned()]));
        let read = without.get(&scene.admin, &format!("/admin/letters/{id}")).await;
        assert!(read.data()["text"].as_str().unwrap().contains("/forgot-password"));
        let state = without.control.mail_state().await.unwrap();
        assert_eq!((state.server, state.letters), (None, vec![("held".to_owned(), 1)]));
        assert_eq!(without.control.letters(Some("held")).await.unwrap()[0].id, id);
        assert_eq!(mail::release_held(&without.control, clock::utc()).await.unwrap(), 0);
        assert_eq!(mail::release_held(&scene.world.control, clock::utc()).await.unwrap(), 1);
        assert_eq!(mail::release_held(&scene.world.control, clock::utc()).await.unwrap(), 0);
        scene.world.work().await;
        assert_eq!(scene.office.received().len(), 1);
        assert_eq!(scene.log(id).await, ["held", "sent"]);
        let listed = scene.world.get(&scene.admin, "/admin/letters?status=sent").await;
        assert_eq!(listed.body["meta"]["total"], 1);
    })
    .await;
}

#[tokio::test]
async fn a_letter_that_comes_too_late_is_not_sent() {
    on_both(async |db| {
        let scene = Scene::new(db).await;
        let id = scene.post("anna@school.example", Locale::English).await;
        let late = clock::utc() + TimeDelta::hours(6);
        mail::deliver(&scene.world.control, id, late).await.unwrap();
        assert_eq!(scene.status(id).await, "expired");
        let again = scene.world.post(&scene.admin, &format!("/admin/letters/{id}/send"), Value::Null).await;
        assert_eq!(again.code(), "LETTER_EXPIRED");
        rows::sweep(scene.world.control.db(), late, late).await.unwrap();
        assert!(rows::by_id(scene.world.control.db(), id).await.unwrap().is_none());
        assert!(scene.office.received().is_empty());
    })
    .await;
}
