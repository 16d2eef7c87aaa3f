//! The control API as a page uses it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::http::Http;

/// One person's access.
#[derive(Clone, Debug)]
pub struct Api {
    http: Http,
    token: String,
}

/// A course that is on air, and what it takes to publish and to watch.
#[derive(Clone, Debug)]
pub struct Lecture {
    /// Course id.
    pub course: String,
    /// Session id.
    pub session: String,
    /// Stream key.
    pub key: String,
}

impl Api {
    /// Logs in.
    ///
    /// # Errors
    /// When it is refused.
    pub fn log_in(http: Http, email: &str, password: &str) -> Result<Self> {
        let mut api = Self { http, token: String::new() };
        let answer = api.post("/auth/login", &json!({ "email": email, "password": password }))?;
        api.token = answer["access"].as_str().context("log-in answers an access token")?.to_owned();
        Ok(api)
    }

    /// `data` of what `GET /api/v1{path}` answers.
    ///
    /// # Errors
    /// When the answer is not a success.
    pub fn get(&self, path: &str) -> Result<Value> {
        data(self.call("GET", path, None)?, path)
    }

    /// `data` of what `POST /api/v1{path}` answers.
    ///
    /// # Errors
    /// When the answer is not a success.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value> {
        data(self.call("POST", path, Some(body))?, path)
    }

    /// Status and body of any call.
    ///
    /// # Errors
    /// When no answer comes, or one that is no JSON.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let path = format!("/api/v1{path}");
        let mut request = self.http.request(method, &path);
        if !self.token.is_empty() {
            request = request.header("authorization", &format!("Bearer {}", self.token));
        }
        if let Some(body) = body {
            request = request.body("application/json", serde_json::to_vec(body)?);
        }
        let response = request.send()?;
        let body =
            if response.body.is_empty() { Value::Null } else { serde_json::from_slice(&response.body)? };
        Ok((response.status, body))
    }

    /// Makes a course with a new key, and goes live, so that all that is published is public.
    ///
    /// # Errors
    /// When a step is refused.
    pub fn go_live(&self, title: &str) -> Result<Lecture> {
        let course = self.post("/courses", &json!({ "title": title, "dvr": true }))?;
        let course = course["id"].as_str().context("a course has an id")?.to_owned();
        let key = self.post(&format!("/courses/{course}/stream-key/rotate"), &json!({}))?;
        let key = key["stream_key"].as_str().context("rotating shows the key")?.to_owned();
        let session = self.post(&format!("/courses/{course}/start-live"), &json!({ "title": title }))?;
        let session = session["id"].as_str().context("a session has an id")?.to_owned();
        Ok(Lecture { course, session, key })
    }

    /// Lets a student in.
    ///
    /// # Errors
    /// When it is refused.
    pub fn enrol(&self, course: &str, email: &str) -> Result<()> {
        self.post(&format!("/courses/{course}/enroll-student"), &json!({ "email": email })).map(drop)
    }

    /// The path of the playlist that one may watch: `/p/{token}/s/{session}/{epoch}/…`.
    ///
    /// # Errors
    /// When one may not, or not yet.
    pub fn playback(&self, session: &str) -> Result<String> {
        let answer = self.post(&format!("/sessions/{session}/playback"), &json!({}))?;
        let url = answer["hls_url"].as_str().context("playback answers hls_url")?;
        let path = url.find("/p/").map(|at| &url[at..]);
        Ok(path.with_context(|| format!("a token stands in the path of {url}"))?.to_owned())
    }
}

fn data((status, body): (u16, Value), path: &str) -> Result<Value> {
    let whole = status == 204 || body["success"] == true;
    ensure!((200..300).contains(&status) && whole, "{path}: {status} {body}");
    Ok(body["data"].clone())
}
