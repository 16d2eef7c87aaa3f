//! What the demo tells the person who started it.

use anyhow::{Context, Result};
use control_api::DemoSeed;
use serde::Serialize;

use super::door::Door;
use crate::wiring::{Server, reachable};

/// The addresses and log-ins of a demo.
#[derive(Debug, Serialize)]
pub(super) struct Stage {
    page_url: String,
    /// Logs its holder in as the student and leads to `page_url`.
    student_link: String,
    /// Logs its holder in as the teacher and leads to `studio_url`.
    teacher_link: String,
    studio_url: String,
    api_url: String,
    /// The same server over TLS, where it was given a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    https_url: Option<String>,
    rtmp_url: String,
    stream_key: String,
    course_id: String,
    session_id: String,
    users: Vec<Person>,
}

#[derive(Debug, Serialize)]
struct Person {
    role: String,
    email: String,
    password: String,
}

impl Stage {
    pub(super) fn new(server: &Server, seed: &DemoSeed, door: &Door) -> Self {
        let http = format!("http://{}", reachable(server.http));
        Self {
            page_url: format!("{http}/watch/{}", seed.session_id),
            student_link: format!("{http}{}", door.student_path()),
            teacher_link: format!("{http}{}", door.teacher_path()),
            studio_url: format!("{http}/studio/{}", seed.course_id),
            api_url: format!("{http}/api/v1"),
            https_url: server.https.map(|address| format!("https://{}", reachable(address))),
            rtmp_url: format!("rtmp://{}/live", reachable(server.rtmp)),
            stream_key: seed.stream_key.clone(),
            course_id: seed.course_id.to_string(),
            session_id: seed.session_id.to_string(),
            users: seed
                .users
                .iter()
                .map(|user| Person {
                    role: user.role.to_owned(),
                    email: user.email.clone(),
                    password: user.password.clone(),
                })
                .collect(),
        }
    }

    /// One line, for programs.
    pub(super) fn json(&self) -> Result<String> {
        serde_json::to_string(self).context("write the demo's JSON line")
    }

    /// For people.
    pub(super) fn text(&self, no_publisher: bool) -> String {
        let mut lines = vec![
            String::new(),
            match no_publisher {
                true => "  The stage is yours. Publish as below; a student sees it here:".to_owned(),
                false => "  A lecture is on. A student sees it here:".to_owned(),
            },
            String::new(),
            format!("      {}", self.student_link),
            String::new(),
            "  and this is the teacher's studio (in another browser or a private window):".to_owned(),
            String::new(),
            format!("      {}", self.teacher_link),
            String::new(),
            format!("  These links log you in. By hand, at {}:", self.page_url),
            String::new(),
        ];
        for user in &self.users {
            lines.push(format!("      {:<11} {:<28} {}", user.role, user.email, user.password));
        }
        lines.extend([
            String::new(),
            format!("  The API's reference: {}", self.api_url.replace("/api/v1", "/api/docs")),
            String::new(),
            match no_publisher {
                true => "  In OBS, Settings → Stream, Service \"Custom…\":".to_owned(),
                false => "  To replace the generated lecture with your own: OBS, Settings → Stream, \
                          Service \"Custom…\":"
                    .to_owned(),
            },
            String::new(),
            format!("      Server      {}", self.rtmp_url),
            format!("      Stream Key  {}", self.stream_key),
            String::new(),
            "  and Settings → Output: Keyframe Interval 2 s, video 2000 kb/s (H.264), audio AAC.".to_owned(),
            "  Ctrl-C ends the demo.".to_owned(),
            String::new(),
        ]);
        lines.join("\n")
    }
}
