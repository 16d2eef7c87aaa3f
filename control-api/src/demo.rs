//! What `lectern demo` starts with: three people, a course, a session, a key. Safe to repeat.

use chrono::TimeDelta;
use ids::{CourseId, SessionId};
use runtime::{clock, random};

use crate::{
    Control, LiveError, UserError, accounts,
    courses::{
        self,
        rules::{Access, CAPACITY, Chat},
    },
    enrolments::{
        self,
        act::{self, NotDone, With},
        state::Event,
    },
    http::new_id,
    publications,
    sessions::{self, rows::Session},
};

const SLUG: &str = "demo";

/// What the demo prints.
#[derive(Clone)]
pub struct DemoSeed {
    /// Admin, teacher, student; their passwords are new each time.
    pub users: Vec<DemoUser>,
    /// The course.
    pub course_id: CourseId,
    /// Its session, on air.
    pub session_id: SessionId,
    /// The course's key, new each time.
    pub stream_key: String,
}

/// One of the demo's people.
#[derive(Clone)]
pub struct DemoUser {
    /// `admin`, `instructor` or `student`.
    pub role: String,
    /// His address.
    pub email: String,
    /// In plain, to be printed.
    pub password: String,
}

impl std::fmt::Debug for DemoSeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoSeed").field("course_id", &self.course_id).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for DemoUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoUser").field("email", &self.email).finish_non_exhaustive()
    }
}

impl Control {
    /// Makes the demo's people and course, or finds those of the last time, and puts a session on air. Passwords and stream
    /// key are new each time, so none of them stands in any document.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn seed_demo(&self) -> Result<DemoSeed, UserError> {
        let mut users = Vec::new();
        let people = [
            ("admin", "admin@demo.localhost", "Demo Admin"),
            ("instructor", "teacher@demo.localhost", "Demo Teacher"),
            ("student", "student@demo.localhost", "Demo Student"),
        ];
        let mut ids = Vec::new();
        for (role, email, name) in people {
            let password = password();
            ids.push(self.demo_user(role, email, name, &password).await?);
            users.push(DemoUser { role: role.into(), email: email.into(), password });
        }
        let (teacher, student) = (ids[1], ids[2]);
        let now = clock::utc();
        let course_id = match courses::rows::by_slug(self.db(), SLUG).await? {
            Some(course) => course,
            None => self.demo_course(teacher).await?,
        };
        let mut tx = self.db().begin().await?;
        self.demo_place(&mut tx, course_id, teacher, student).await?;
        let key = publications::rotate(&mut tx, self.pepper(), course_id, false, now).await?;
        tx.commit().await?;
        let open = sessions::rows::candidates(self.db(), course_id, now).await?;
        let plans: Vec<_> = open.iter().map(Session::plan).collect();
        let session_id = match sessions::rules::current(&plans, now) {
            Some(place) => open[place].id,
            None => {
                let end = now + TimeDelta::minutes(170).min(self.session_max());
                self.schedule(course_id, "Demo lecture", now, end, 15).await?
            }
        };
        match self.start_live(course_id, None).await {
            Ok(_) | Err(LiveError::NoCourse | LiveError::NotLive) => {}
            Err(LiveError::Database(error)) => return Err(error.into()),
        }
        Ok(DemoSeed { users, course_id, session_id, stream_key: key.expose().to_string() })
    }

    async fn demo_user(
        &self,
        role: &str,
        email: &str,
        name: &str,
        password: &str,
    ) -> Result<ids::UserId, UserError> {
        if let Some(user) = accounts::rows::by_email(self.db(), email).await? {
            let hash = self.hasher().hash(password.to_owned()).await.map_err(|_| UserError::Busy)?;
            accounts::rows::set_password(self.db(), user.id, &hash, clock::utc()).await?;
            return Ok(user.id);
        }
        self.create_user(email, role, Some(name), password).await
    }

    /// The demo's student has a place each time, unless the course is full.
    async fn demo_place(
        &self,
        tx: &mut db::Tx,
        course: CourseId,
        teacher: ids::UserId,
        student: ids::UserId,
    ) -> Result<(), db::Error> {
        let held = enrolments::rows::hold_course(tx, course).await?.ok_or(db::Error::NoRow)?;
        let with = With { by: Some(teacher), ..With::default() };
        match act::step(tx, &held, student, Event::Give, with, clock::utc()).await {
            Ok(_) | Err(NotDone::Refused(_)) => Ok(()),
            Err(NotDone::Database(error)) => Err(error),
        }
    }

    async fn demo_course(&self, teacher: ids::UserId) -> Result<CourseId, db::Error> {
        let id: CourseId = new_id();
        let course = courses::rows::Insert {
            id,
            slug: SLUG,
            title: "Demo course",
            description: "A generated lecture: replace it with your own by OBS.",
            teacher,
            access: Access::Private,
            dvr: true,
            chat: Chat::Everyone,
            capacity: CAPACITY,
            now: clock::utc(),
        };
        courses::rows::insert(self.db(), course).await?;
        Ok(id)
    }
}

/// Sixteen characters that are told apart when they are copied by hand.
fn password() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = random::bytes::<16>();
    let letters = random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    let mut text = String::new();
    for (n, letter) in letters.enumerate() {
        if n > 0 && n % 4 == 0 {
            text.push('-');
        }
        text.push(letter);
    }
    text
}
