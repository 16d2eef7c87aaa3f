//! A control plane with a few people in it, and somebody who writes down what it tells the media rooms.

use std::sync::{Arc, Mutex};

use access::{
    jwt::{Claims, Role},
    playback::Keyring,
    root::Root,
};
use axum::{Router, body::Body};
use chrono::{TimeDelta, Utc};
use db::Db;
use events::{AccessRevoked, Ended, Programme, PublicationChange, PublicationChanged, WentLive};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use ids::{CourseId, PublicationId, SessionId, UserId};
use runtime::{clock, config::Lookup};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{
    Config, Control, MediaControl, ProgrammeState, accounts::rows, http::new_id, jobs, rights::word,
};

/// What the media rooms were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fact {
    WentLive(Programme),
    Ended(Programme),
    Revoked(AccessRevoked),
}

#[derive(Default)]
pub(super) struct Recorder(Mutex<Vec<Fact>>);

impl MediaControl for Recorder {
    fn went_live(&self, fact: WentLive) {
        self.0.lock().unwrap().push(Fact::WentLive(fact.programme));
    }

    fn ended(&self, fact: Ended) {
        self.0.lock().unwrap().push(Fact::Ended(fact.programme));
    }

    fn revoke(&self, fact: AccessRevoked) {
        self.0.lock().unwrap().push(Fact::Revoked(fact));
    }

    fn viewers(&self, _: SessionId) -> usize {
        7
    }
}

pub(super) struct World {
    pub(super) control: Control,
    pub(super) keyring: Keyring,
    media: Arc<Recorder>,
    router: Router,
    /// A SQLite file's folder, where there is one.
    _folder: Option<tempfile::TempDir>,
}

/// Somebody with a valid access token.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) email: String,
    pub(super) token: String,
}

/// What the router answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn data(&self) -> &Value {
        assert!(self.status.is_success(), "{self:?}");
        &self.body["data"]
    }

    pub(super) fn code(&self) -> &str {
        assert_eq!(self.body["success"], json!(false), "{self:?}");
        self.body["error"]["code"].as_str().unwrap()
    }
}

pub(super) const PASSWORD: &str = "correct horse battery";

impl World {
    pub(super) async fn new() -> Self {
        let (db, folder) = db::testing::sqlite().await;
        let mut world = Self::on(db);
        world._folder = Some(folder);
        world
    }

    pub(super) fn on(db: Db) -> Self {
        Self::with(db, &[("LECTERN_LOGINS_PER_MINUTE", "1000")])
    }

    pub(super) fn with(db: Db, settings: &[(&str, &str)]) -> Self {
        let settings = settings.iter().chain(&[("CORS_ALLOWED_ORIGINS", "https://school.example")]);
        let map = settings.map(|(name, text)| ((*name).into(), (*text).into())).collect();
        let config = Config::from_lookup(&Lookup::from_map(map)).unwrap();
        let root = Root::new(&[7; 32]).unwrap();
        let keyring = Keyring::new(&root, ["1"]).unwrap();
        let media = Arc::new(Recorder::default());
        let (playback, told) = (Arc::new(keyring.clone()), Arc::clone(&media));
        let control = Control::new(config, db, &root, playback, told, Vec::new());
        Self { router: control.router(), control, keyring, media, _folder: None }
    }

    /// The same database after a restart of the process.
    pub(super) fn restarted(&self) -> Self {
        Self::on(self.control.db().clone())
    }

    /// Does the jobs that are due, as a worker would, until none is left.
    pub(super) async fn work(&self) {
        self.work_at(clock::utc()).await;
    }

    /// The same, at another time.
    pub(super) async fn work_at(&self, now: chrono::DateTime<Utc>) {
        loop {
            // What a job enqueues is due at the real now, which may be after the one that was handed in.
            let claimed = jobs::rows::claim(self.control.db(), 10, now.max(clock::utc())).await.unwrap();
            if claimed.is_empty() {
                return;
            }
            for claimed in claimed {
                jobs::work(self.control.db().clone(), self.control.clone(), claimed).await;
            }
        }
    }

    /// What the media rooms were told since the last time.
    pub(super) fn told(&self) -> Vec<Fact> {
        std::mem::take(&mut self.media.0.lock().unwrap())
    }

    /// An account that cannot log in by password, and a token for it.
    pub(super) async fn person(&self, name: &str, role: Role) -> Person {
        let (id, email) = (new_id(), format!("{name}@school.example"));
        let now = clock::utc();
        let user = rows::Insert { id, email: &email, full_name: name, role, password_hash: "none", now };
        rows::insert(self.control.db(), user).await.unwrap();
        Person { id, token: self.token(id, &email, role), email }
    }

    pub(super) fn token(&self, user_id: UserId, email: &str, role: Role) -> String {
        let now = clock::unix_s();
        let (email, jti) = (email.to_owned(), word(role).to_owned());
        self.control.jwt().sign(&Claims { user_id, email, role, exp: now + 600, iat: now, jti })
    }

    pub(super) async fn course(&self, teacher: &Person) -> CourseId {
        let answer = self.post(teacher, "/courses", json!({"title": "Linear Algebra"})).await;
        answer.data()["id"].as_str().unwrap().parse().unwrap()
    }

    /// Begins `starts_in` minutes from now and takes an hour.
    pub(super) async fn session(&self, teacher: &Person, course: CourseId, starts_in: i64) -> SessionId {
        let start = Utc::from_now(starts_in);
        let plan = json!({"course_id": course, "title": "Eigenvalues",
            "starts_at": start, "ends_at": start + TimeDelta::minutes(60)});
        let answer = self.post(teacher, "/sessions", plan).await;
        answer.data()["id"].as_str().unwrap().parse().unwrap()
    }

    pub(super) async fn enrol(&self, teacher: &Person, course: CourseId, student: &Person) -> Answer {
        let path = format!("/courses/{course}/enroll-student");
        self.post(teacher, &path, json!({"email": student.email})).await
    }

    pub(super) async fn key(&self, teacher: &Person, course: CourseId) -> String {
        let answer = self.post(teacher, &format!("/courses/{course}/stream-key/rotate"), Value::Null).await;
        answer.data()["stream_key"].as_str().unwrap().to_owned()
    }

    /// Somebody publishes, and the packager has something to show.
    pub(super) async fn publish(&self, key: &str) -> events::Grant {
        let grant = self.control.admit(key, [192, 0, 2, 9].into()).await.unwrap();
        self.publication(grant.publication, grant.course, PublicationChange::Started);
        self.control.programme_state(grant.programme, ProgrammeState::Playing, true);
        grant
    }

    pub(super) fn publication(
        &self,
        publication: PublicationId,
        course: CourseId,
        change: PublicationChange,
    ) {
        let at = clock::wall();
        self.control.publication_changed(PublicationChanged { publication, course, change, at });
    }

    pub(super) async fn get(&self, who: &Person, path: &str) -> Answer {
        self.call(Method::GET, Some(&who.token), path, Value::Null).await
    }

    pub(super) async fn post(&self, who: &Person, path: &str, body: Value) -> Answer {
        self.call(Method::POST, Some(&who.token), path, body).await
    }

    /// `path` is below `/api/v1`; a null body is none.
    pub(super) async fn call(&self, method: Method, token: Option<&str>, path: &str, body: Value) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}"));
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = if body.is_null() {
            request.body(Body::empty())
        } else {
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
        };
        self.send(request.unwrap()).await
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// A time so many minutes from now.
trait FromNow {
    fn from_now(minutes: i64) -> chrono::DateTime<Utc>;
}

impl FromNow for Utc {
    fn from_now(minutes: i64) -> chrono::DateTime<Utc> {
        clock::utc() + TimeDelta::minutes(minutes)
    }
}
