//! How a course takes in who comes by himself, and when he may watch. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use ids::{BatchId, CourseId};

use super::state::Way;
use crate::courses::rules::{Access, Stage};

/// What a course says about those who come by themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) access: Access,
    pub(crate) stage: Stage,
    /// It costs nothing, whatever its access level.
    pub(crate) free: bool,
    /// After that nobody may watch any more.
    pub(crate) access_until: Option<DateTime<Utc>>,
}

/// Whom a restricted course admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Criterion {
    /// Whose address is of this domain, in lower case.
    EmailDomain(String),
    /// Who has a place in this batch of any course.
    Batch(BatchId),
    /// Who has completed this course.
    CompletedCourse(CourseId),
}

/// One of the places that the applicant has, here or elsewhere.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) course: CourseId,
    pub(crate) batch: Option<BatchId>,
    pub(crate) completed: bool,
}

/// Who comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Applicant<'a> {
    pub(crate) email: &'a str,
    /// He holds an invite to this course.
    pub(crate) invited: bool,
    pub(crate) places: &'a [Place],
}

/// Why he cannot come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is a draft, or archived, or over.
    Closed,
    /// Something has to be completed before.
    PrerequisitesMissing,
    /// It is for others.
    NotForYou,
}

impl Criterion {
    pub(crate) fn is_met(&self, who: Applicant<'_>) -> bool {
        match self {
            Self::EmailDomain(domain) => {
                who.email.rsplit_once('@').is_some_and(|(_, of)| of.eq_ignore_ascii_case(domain))
            }
            Self::Batch(batch) => who.places.iter().any(|place| place.batch == Some(*batch)),
            Self::CompletedCourse(course) => has_completed(who.places, *course),
        }
    }
}

/// Whether the course is among those that he has completed.
pub(crate) fn has_completed(places: &[Place], course: CourseId) -> bool {
    places.iter().any(|place| place.completed && place.course == course)
}

/// How the course takes him in. All of `required` must be completed, one of `criteria` must be met.
pub(crate) fn way(
    terms: Terms,
    required: &[CourseId],
    criteria: &[Criterion],
    who: Applicant<'_>,
    now: DateTime<Utc>,
) -> Result<Way, Refusal> {
    let over = terms.access_until.is_some_and(|until| now >= until);
    if over || terms.stage != Stage::Published {
        return Err(Refusal::Closed);
    }
    if !required.iter().all(|course| has_completed(who.places, *course)) {
        return Err(Refusal::PrerequisitesMissing);
    }
    match terms.access {
        Access::Public => Ok(Way::Open),
        Access::Private => Ok(if who.invited { Way::Open } else { Way::Ask }),
        // An invite lets in; it does not pay.
        Access::Paid => Ok(if terms.free { Way::Open } else { Way::Pay }),
        Access::Restricted if who.invited || criteria.iter().any(|one| one.is_met(who)) => Ok(Way::Open),
        Access::Restricted => Err(Refusal::NotForYou),
    }
}

/// The bounds between which one person may watch: of the course, of his batch, of his place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: [Option<DateTime<Utc>>; 2],
    pub(crate) until: [Option<DateTime<Utc>>; 3],
}

/// Where now lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    NotYet(DateTime<Utc>),
    Open,
    Over,
}

impl Window {
    /// The last moment, where there is one.
    pub(crate) fn ends_at(&self) -> Option<DateTime<Utc>> {
        self.until.into_iter().flatten().min()
    }

    pub(crate) fn opening(&self, now: DateTime<Utc>) -> Opening {
        if self.ends_at().is_some_and(|until| now >= until) {
            return Opening::Over;
        }
        match self.from.into_iter().flatten().max() {
            Some(from) if now < from => Opening::NotYet(from),
            Some(_) | None => Opening::Open,
        }
    }
}

/// Until when a place lasts that is given now, for so many days.
pub(crate) fn place_ends(now: DateTime<Utc>, days: Option<i64>) -> Option<DateTime<Utc>> {
    days.and_then(|days| now.checked_add_signed(TimeDelta::try_days(days)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn course(n: u8) -> CourseId {
        CourseId::from_parts(n.into(), [n; 10])
    }

    const NOW: &str = "2026-11-20T10:00:00Z";

    fn terms(access: Access) -> Terms {
        Terms { access, stage: Stage::Published, free: false, access_until: None }
    }

    fn anybody() -> Applicant<'static> {
        Applicant { email: "anna@School.example", invited: false, places: &[] }
    }

    #[test]
    fn each_access_level_has_its_way() {
        let check = |access, invited, expected| {
            let who = Applicant { invited, ..anybody() };
            assert_eq!(way(terms(access), &[], &[], who, at(NOW)), expected, "{access:?} {invited}");
        };
        check(Access::Public, false, Ok(Way::Open));
        check(Access::Private, false, Ok(Way::Ask));
        check(Access::Private, true, Ok(Way::Open));
        check(Access::Paid, false, Ok(Way::Pay));
        check(Access::Paid, true, Ok(Way::Pay));
        check(Access::Restricted, false, Err(Refusal::NotForYou));
        check(Access::Restricted, true, Ok(Way::Open));
        let gift = Terms { free: true, ..terms(Access::Paid) };
        assert_eq!(way(gift, &[], &[], anybody(), at(NOW)), Ok(Way::Open));
    }

    #[test]
    fn one_criterion_is_enough() {
        let batch = BatchId::from_parts(1, [1; 10]);
        let places = [Place { course: course(1), batch: Some(batch), completed: true }];
        let who = Applicant { places: &places, ..anybody() };
        let domain = |text: &str| Criterion::EmailDomain(text.into());
        let check = |criteria: &[Criterion], admitted| {
            let way = way(terms(Access::Restricted), &[], criteria, who, at(NOW));
            assert_eq!(way.is_ok(), admitted, "{criteria:?}");
        };
        check(&[], false);
        check(&[domain("school.example")], true);
        // Neither a part of the domain nor a longer one.
        check(&[domain("example"), domain("my.school.example"), domain("ool.example")], false);
        check(&[domain("other.example"), Criterion::Batch(batch)], true);
        check(&[Criterion::CompletedCourse(course(1))], true);
        check(&[Criterion::CompletedCourse(course(2))], false);
    }

    #[test]
    fn all_prerequisites_have_to_be_completed_whatever_the_access_level() {
        let places =
            [(1, true), (2, false)].map(|(n, completed)| Place { course: course(n), batch: None, completed });
        let who = Applicant { invited: true, places: &places, ..anybody() };
        let check = |required: &[CourseId], expected| {
            assert_eq!(way(terms(Access::Public), required, &[], who, at(NOW)), expected);
        };
        check(&[course(1)], Ok(Way::Open));
        check(&[course(1), course(2)], Err(Refusal::PrerequisitesMissing));
        check(&[course(3)], Err(Refusal::PrerequisitesMissing));
    }

    #[test]
    fn a_draft_an_archived_and_a_past_course_take_nobody_in() {
        let past = Terms { access_until: Some(at(NOW)), ..terms(Access::Public) };
        let draft = Terms { stage: Stage::Draft, ..terms(Access::Public) };
        let archived = Terms { stage: Stage::Archived, ..terms(Access::Public) };
        for terms in [past, draft, archived] {
            assert_eq!(way(terms, &[], &[], anybody(), at(NOW)), Err(Refusal::Closed));
        }
    }

    #[test]
    fn the_narrowest_bounds_count() {
        let day = |day: u32| Some(at(&format!("2026-11-{day:02}T00:00:00Z")));
        let window = Window { from: [day(2), day(5)], until: [day(20), None, day(10)] };
        assert_eq!(window.opening(at("2026-11-04T23:59:59Z")), Opening::NotYet(day(5).unwrap()));
        assert_eq!(window.opening(at("2026-11-05T00:00:00Z")), Opening::Open);
        assert_eq!(window.opening(at("2026-11-10T00:00:00Z")), Opening::Over);
        assert_eq!(Window::default().opening(at(NOW)), Opening::Open);
        // Over, though its beginning is still to come: it never opens.
        let never = Window { from: [day(20), None], until: [day(10), None, None] };
        assert_eq!(never.opening(at("2026-11-12T00:00:00Z")), Opening::Over);
    }

    #[test]
    fn a_place_lasts_so_many_days() {
        assert_eq!(place_ends(at(NOW), Some(30)), Some(at("2026-12-20T10:00:00Z")));
        assert_eq!(place_ends(at(NOW), None), None);
        assert_eq!(place_ends(at(NOW), Some(i64::MAX)), None);
    }
}
