//! The demo's door: a link that logs its holder in, so that the first page is a lecture and not a form.
//!
//! The link holds a secret that only this terminal knows and that ends with the process.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use control_api::{Control, DemoSeed};
use tracing::warn;

/// Where the links lead, once the demo's people are known. Clones share it.
#[derive(Clone)]
pub(super) struct Door {
    secret: String,
    rooms: Arc<OnceLock<Rooms>>,
}

/// Who stands behind each link, and the page that is his.
struct Rooms {
    student: (String, String),
    teacher: (String, String),
}

impl Door {
    pub(super) fn new() -> Self {
        let secret = runtime::random::bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { secret, rooms: Arc::default() }
    }

    /// From now on the links work.
    pub(super) fn open(&self, seed: &DemoSeed) {
        let email = |role: &str| {
            let found = seed.users.iter().find(|user| user.role == role);
            found.map(|user| user.email.clone()).unwrap_or_default()
        };
        let rooms = Rooms {
            student: (email("student"), format!("/watch/{}", seed.session_id)),
            teacher: (email("instructor"), format!("/studio/{}", seed.course_id)),
        };
        // Opened once; a second time would lead to the same people.
        let _ = self.rooms.set(rooms);
    }

    /// The path that logs its holder in as the student and shows the lecture.
    pub(super) fn student_path(&self) -> String {
        format!("/demo/student/{}", self.secret)
    }

    /// The path that logs its holder in as the teacher and shows the studio.
    pub(super) fn teacher_path(&self) -> String {
        format!("/demo/teacher/{}", self.secret)
    }

    pub(super) fn router(&self, control: &Control) -> Router {
        Router::new().route("/demo/{who}/{secret}", get(enter)).with_state((self.clone(), control.clone()))
    }
}

async fn enter(
    State((door, control)): State<(Door, Control)>,
    Path((who, secret)): Path<(String, String)>,
) -> Response {
    let Some(rooms) = door.rooms.get().filter(|_| secret == door.secret) else {
        return (StatusCode::NOT_FOUND, "This link belongs to another run of the demo.\n").into_response();
    };
    let (email, page) = match who.as_str() {
        "student" => &rooms.student,
        "teacher" => &rooms.teacher,
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    match control.cookie_of(email).await {
        Ok(Some(cookie)) => {
            let headers = [(header::SET_COOKIE, cookie)];
            (StatusCode::SEE_OTHER, headers, [(header::LOCATION, page.clone())]).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            warn!("the demo's link could not log {who} in: {error}");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
