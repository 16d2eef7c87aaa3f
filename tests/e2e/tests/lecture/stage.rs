//! What most tests begin with: a server, a course on air, a publisher, an enrolled student.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::{
    api::{Api, Lecture},
    clip::Clip,
    follow::{Rendition, renditions},
    machine::eventually,
    playlist::Media,
    publisher::Publisher,
    server::{Options, Server},
};
use serde_json::json;

/// From the first byte to a playlist: the second keyframe or 4.5 s, and a busy machine.
const PLAYABLE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) lecture: Lecture,
    pub(crate) teacher: Api,
    pub(crate) student: Api,
    pub(crate) server: Server,
}

impl Stage {
    pub(crate) fn open(title: &str) -> Result<Self> {
        Self::open_with(title, Options::default())
    }

    pub(crate) fn open_with(title: &str, options: Options) -> Result<Self> {
        let server = Server::start_with(options)?;
        let teacher = server.log_in("instructor")?;
        let lecture = teacher.go_live(title)?;
        let (email, _) = server.user("student")?;
        teacher.enrol(&lecture.course, &email)?;
        let student = server.log_in("student")?;
        Ok(Self { lecture, teacher, student, server })
    }

    pub(crate) fn publish(&self, clip: Clip) -> Result<Publisher> {
        Publisher::start(&clip.file()?, &self.server.rtmp_url(), &self.lecture.key)
    }

    pub(crate) fn publish_from(&self, clip: Clip, from_s: f64) -> Result<Publisher> {
        Publisher::start_at(&clip.file()?, from_s, &self.server.rtmp_url(), &self.lecture.key)
    }

    /// The path of the multivariant playlist for the student, as soon as there is one.
    pub(crate) fn playable(&self) -> Result<String> {
        eventually("the lecture is playable", PLAYABLE, || self.student.playback(&self.lecture.session))
    }

    /// One rendition, as the student sees it.
    pub(crate) fn rendition(&self, multivariant: &str, name: &str) -> Result<Rendition> {
        let http = self.server.http();
        let paths = renditions(&http, multivariant)?;
        let path = paths.get(name).with_context(|| format!("{name} is one of {paths:?}"))?;
        Rendition::open(&http, path)
    }

    pub(crate) fn end(&self) -> Result<()> {
        self.teacher.post(&format!("/courses/{}/end-live", self.lecture.course), &json!({})).map(drop)
    }
}

/// How much of what is listed is the slate's.
pub(crate) fn slate_seconds(list: &Media) -> f64 {
    let parts = list.all().filter(|segment| segment.slate).flat_map(|segment| &segment.parts);
    parts.filter(|part| !part.gap).map(|part| part.duration_s).sum()
}

/// How much of what is listed has no media.
pub(crate) fn gap_seconds(list: &Media) -> f64 {
    list.all().flat_map(|segment| &segment.parts).filter(|part| part.gap).map(|part| part.duration_s).sum()
}
