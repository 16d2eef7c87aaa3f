//! The board: what is received now, in memory. Facts come in from the media rooms; nothing here waits.
//!
//! After a restart it is empty, and fills as publishers come back; what must outlive the process (a
//! session's state, whether its timeline was ever playable) is in the database.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
};

use chrono::{DateTime, Utc};
use events::{Programme, PublicationChange, PublicationChanged, PublicationHealth};
use ids::{CourseId, EpochId, PublicationId, UserId};

use crate::{Control, sessions::rules::Publisher};

/// How a timeline is, as the packager sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgrammeState {
    /// Nothing has come yet.
    Waiting,
    /// It is fed.
    Playing,
    /// It goes on without its publisher.
    Interrupted,
    /// It is closed.
    Ended,
}

impl Control {
    /// A publication came or went.
    pub fn publication_changed(&self, fact: PublicationChanged) {
        self.board().changed(fact);
        self.wake().notify_one();
    }

    /// How a course's publication does; once a second.
    pub fn health(&self, course: CourseId, health: PublicationHealth) {
        self.board().set_health(course, health);
    }

    /// How a timeline is, and whether there is something in it to watch.
    pub fn programme_state(&self, programme: Programme, state: ProgrammeState, playable: bool) {
        self.board().set_state(programme, state, playable);
        self.wake().notify_one();
    }

    /// Whether somebody publishes to the course.
    #[must_use]
    pub fn is_publishing(&self, course: CourseId) -> bool {
        self.board().publisher(course) == Publisher::Present
    }
}

#[derive(Debug)]
pub(crate) struct Board {
    /// When this life of the server began: nobody publishes before.
    since: DateTime<Utc>,
    courses: Mutex<BTreeMap<CourseId, Course>>,
}

#[derive(Debug, Default)]
struct Course {
    publications: BTreeSet<PublicationId>,
    left_at: Option<DateTime<Utc>>,
    admitted_at: Option<DateTime<Utc>>,
    health: Option<PublicationHealth>,
    epochs: BTreeMap<EpochId, Epoch>,
}

#[derive(Debug, Default)]
struct Epoch {
    playable: bool,
    /// The owner's grant to a preview, so that a page that asks every second is not given one each time.
    preview_grants: BTreeMap<UserId, PreviewGrant>,
}

/// A grant that was given, and until when.
#[derive(Clone, Debug)]
pub(crate) struct PreviewGrant {
    pub(crate) hls_url: String,
    pub(crate) expires_at: DateTime<Utc>,
}

impl Board {
    pub(crate) const fn new(since: DateTime<Utc>) -> Self {
        Self { since, courses: Mutex::new(BTreeMap::new()) }
    }

    pub(crate) fn publisher(&self, course: CourseId) -> Publisher {
        let courses = self.courses();
        let course = courses.get(&course);
        if course.is_some_and(|course| !course.publications.is_empty()) {
            return Publisher::Present;
        }
        let left_at = course.and_then(|course| course.left_at);
        Publisher::Absent { since: left_at.unwrap_or(self.since), ever: left_at.is_some() }
    }

    pub(crate) fn admitted_at(&self, course: CourseId) -> Option<DateTime<Utc>> {
        self.courses().get(&course)?.admitted_at
    }

    pub(crate) fn admitted(&self, course: CourseId, now: DateTime<Utc>) {
        self.courses().entry(course).or_default().admitted_at = Some(now);
    }

    pub(crate) fn health(&self, course: CourseId) -> Option<PublicationHealth> {
        self.courses().get(&course)?.health.clone()
    }

    pub(crate) fn is_playable(&self, course: CourseId, epoch: EpochId) -> bool {
        self.epoch(course, epoch, |epoch| epoch.playable).unwrap_or(false)
    }

    pub(crate) fn preview_grant(
        &self,
        course: CourseId,
        epoch: EpochId,
        user: UserId,
    ) -> Option<PreviewGrant> {
        self.epoch(course, epoch, |epoch| epoch.preview_grants.get(&user).cloned()).flatten()
    }

    pub(crate) fn keep_preview_grant(
        &self,
        course: CourseId,
        epoch: EpochId,
        user: UserId,
        grant: PreviewGrant,
    ) {
        let mut courses = self.courses();
        let course = courses.entry(course).or_default();
        course.epochs.entry(epoch).or_default().preview_grants.insert(user, grant);
    }

    /// A timeline is closed.
    pub(crate) fn forget(&self, programme: Programme) {
        if let Some(course) = self.courses().get_mut(&programme.course) {
            course.epochs.remove(&programme.epoch);
        }
    }

    /// Drops courses that nobody has published to since `before`.
    pub(crate) fn sweep(&self, before: DateTime<Utc>) {
        self.courses().retain(|_, course| {
            let last = course.left_at.max(course.admitted_at);
            !course.publications.is_empty() || !course.epochs.is_empty() || last > Some(before)
        });
    }

    fn changed(&self, fact: PublicationChanged) {
        let mut courses = self.courses();
        let course = courses.entry(fact.course).or_default();
        match fact.change {
            PublicationChange::Started => {
                course.publications.insert(fact.publication);
            }
            PublicationChange::Stopped | PublicationChange::Dropped | PublicationChange::TakenOver => {
                course.publications.remove(&fact.publication);
                if course.publications.is_empty() {
                    course.left_at = Some(db::to_micros(fact.at.into()));
                    course.health = None;
                }
            }
        }
    }

    fn set_health(&self, course: CourseId, health: PublicationHealth) {
        // One that comes after its publication's end is old.
        if let Some(course) = self.courses().get_mut(&course).filter(|course| !course.publications.is_empty())
        {
            course.health = Some(health);
        }
    }

    fn set_state(&self, programme: Programme, state: ProgrammeState, playable: bool) {
        match state {
            // That nobody publishes, and since when, the publications tell.
            ProgrammeState::Waiting | ProgrammeState::Playing | ProgrammeState::Interrupted => {
                let mut courses = self.courses();
                let course = courses.entry(programme.course).or_default();
                // What was published before stays watchable.
                course.epochs.entry(programme.epoch).or_default().playable |= playable;
            }
            ProgrammeState::Ended => self.forget(programme),
        }
    }

    fn epoch<T>(&self, course: CourseId, epoch: EpochId, read: impl FnOnce(&Epoch) -> T) -> Option<T> {
        self.courses().get(&course)?.epochs.get(&epoch).map(read)
    }

    fn courses(&self) -> MutexGuard<'_, BTreeMap<CourseId, Course>> {
        self.courses.lock().expect("no holder panics")
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn fact(n: u8, change: PublicationChange, at_s: u64) -> PublicationChanged {
        PublicationChanged {
            publication: PublicationId::from_parts(0, [n; 10]),
            course: course(),
            change,
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(at_s),
        }
    }

    fn course() -> CourseId {
        CourseId::from_parts(0, [0; 10])
    }

    fn time(s: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(s, 0).unwrap()
    }

    #[test]
    fn a_publisher_is_there_until_the_last_publication_ends() {
        let board = Board::new(time(5));
        assert_eq!(board.publisher(course()), Publisher::Absent { since: time(5), ever: false });
        board.changed(fact(1, PublicationChange::Started, 10));
        assert_eq!(board.publisher(course()), Publisher::Present);
        // A takeover: the new one starts before the old one is told.
        board.changed(fact(2, PublicationChange::Started, 20));
        board.changed(fact(1, PublicationChange::TakenOver, 20));
        assert_eq!(board.publisher(course()), Publisher::Present);
        board.changed(fact(2, PublicationChange::Dropped, 30));
        assert_eq!(board.publisher(course()), Publisher::Absent { since: time(30), ever: true });
    }

    #[test]
    fn health_that_comes_late_is_not_shown() {
        let board = Board::new(time(0));
        board.set_health(course(), PublicationHealth::default());
        assert_eq!(board.health(course()), None);
        board.changed(fact(1, PublicationChange::Started, 10));
        board.set_health(course(), PublicationHealth::default());
        assert!(board.health(course()).is_some());
        board.changed(fact(1, PublicationChange::Stopped, 20));
        assert_eq!(board.health(course()), None);
    }

    #[test]
    fn an_idle_course_is_forgotten() {
        let board = Board::new(time(0));
        board.changed(fact(1, PublicationChange::Started, 10));
        board.sweep(time(1000));
        board.changed(fact(1, PublicationChange::Stopped, 20));
        assert_eq!(board.courses().len(), 1);
        board.sweep(time(1000));
        assert_eq!(board.courses().len(), 0);
    }
}
