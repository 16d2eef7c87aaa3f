//! Which courses are being published, by whom; and who gives way to whom.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use events::Takeover;
use ids::{CourseId, PublicationId};
use tokio_util::sync::CancellationToken;

/// The running publications of this process.
#[derive(Clone, Debug)]
pub(crate) struct Registry {
    courses: Arc<Mutex<BTreeMap<CourseId, Running>>>,
    takeover_interval: Duration,
}

#[derive(Debug)]
struct Running {
    publication: PublicationId,
    /// Told to make room.
    give_way: CancellationToken,
    /// Cancelled when it has.
    gone: CancellationToken,
    taken_over_at: Option<Instant>,
}

/// A publication's entry; its end is the entry's end.
#[derive(Debug)]
pub(crate) struct Entry {
    courses: Arc<Mutex<BTreeMap<CourseId, Running>>>,
    course: CourseId,
    publication: PublicationId,
    /// Another publisher takes over when this is cancelled.
    pub(crate) give_way: CancellationToken,
    gone: CancellationToken,
    /// The publication that had the course before, while it has not gone yet.
    pub(crate) predecessor: Option<Predecessor>,
}

/// Who gives way.
#[derive(Clone, Debug)]
pub(crate) struct Predecessor {
    /// Which publication.
    pub(crate) publication: PublicationId,
    /// Cancelled when it is gone.
    pub(crate) gone: CancellationToken,
}

/// Why there is no room. The text is for the person at the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Occupied {
    #[error("This course is being published already, and its settings say that the first publisher stays.")]
    Refused,
    #[error("This course was taken over by another encoder a moment ago. Stop one of the two.")]
    TooFast,
}

impl Registry {
    pub(crate) fn new(takeover_interval: Duration) -> Self {
        Self { courses: Arc::default(), takeover_interval }
    }

    /// Enters a publication; one that runs already is told to give way, if the rules say so.
    pub(crate) fn enter(
        &self,
        course: CourseId,
        publication: PublicationId,
        takeover: Takeover,
        now: Instant,
    ) -> Result<Entry, Occupied> {
        let mut courses = locked(&self.courses);
        let mut predecessor = None;
        let mut taken_over_at = None;
        if let Some(running) = courses.get(&course) {
            match takeover {
                Takeover::Refuse => return Err(Occupied::Refused),
                Takeover::NewestWins => {}
            }
            let too_fast = |at: Instant| now.saturating_duration_since(at) < self.takeover_interval;
            if running.taken_over_at.is_some_and(too_fast) {
                return Err(Occupied::TooFast);
            }
            running.give_way.cancel();
            predecessor = Some(Predecessor { publication: running.publication, gone: running.gone.clone() });
            taken_over_at = Some(now);
        }
        let (give_way, gone) = (CancellationToken::new(), CancellationToken::new());
        courses.insert(
            course,
            Running { publication, give_way: give_way.clone(), gone: gone.clone(), taken_over_at },
        );
        let courses = Arc::clone(&self.courses);
        Ok(Entry { courses, course, publication, give_way, gone, predecessor })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut courses = locked(&self.courses);
        if courses.get(&self.course).is_some_and(|running| running.publication == self.publication) {
            courses.remove(&self.course);
        }
        self.gone.cancel();
    }
}

fn locked(courses: &Mutex<BTreeMap<CourseId, Running>>) -> MutexGuard<'_, BTreeMap<CourseId, Running>> {
    courses.lock().expect("no holder panics")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any moment will do")]
    fn start() -> (Registry, CourseId, Instant) {
        (Registry::new(Duration::from_secs(5)), CourseId::from_parts(1, [1; 10]), Instant::now())
    }

    fn publication(n: u8) -> PublicationId {
        PublicationId::from_parts(1, [n; 10])
    }

    #[test]
    fn the_newest_wins_and_waits_for_the_one_before() {
        let (registry, course, now) = start();
        let first = registry.enter(course, publication(1), Takeover::NewestWins, now).unwrap();
        assert!(first.predecessor.is_none());
        let second = registry.enter(course, publication(2), Takeover::NewestWins, now).unwrap();
        assert!(first.give_way.is_cancelled());
        let before = second.predecessor.clone().unwrap();
        assert_eq!(before.publication, publication(1));
        assert!(!before.gone.is_cancelled());
        drop(first);
        assert!(before.gone.is_cancelled());
        assert!(!second.give_way.is_cancelled());
        assert_eq!(registry.courses.lock().unwrap().len(), 1, "the second is still there");
        drop(second);
        assert_eq!(registry.courses.lock().unwrap().len(), 0);
    }

    #[test]
    fn takeovers_come_no_faster_than_one_in_five_seconds() {
        let (registry, course, now) = start();
        let enter = |n, now| registry.enter(course, publication(n), Takeover::NewestWins, now);
        let _first = enter(1, now).unwrap();
        let _second = enter(2, now).unwrap();
        let soon = now + Duration::from_millis(4999);
        assert_eq!(enter(3, soon).map(|_| ()), Err(Occupied::TooFast));
        assert!(enter(3, now + Duration::from_secs(5)).is_ok());
    }

    #[test]
    fn a_course_may_keep_its_first_publisher() {
        let (registry, course, now) = start();
        let first = registry.enter(course, publication(1), Takeover::Refuse, now).unwrap();
        let second = registry.enter(course, publication(2), Takeover::Refuse, now);
        assert_eq!(second.map(|_| ()), Err(Occupied::Refused));
        assert!(!first.give_way.is_cancelled());
        drop(first);
        assert!(registry.enter(course, publication(3), Takeover::Refuse, now).is_ok());
    }
}
