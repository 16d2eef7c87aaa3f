//! What binds one person to one course, as every look at a course or a session reads it.

use chrono::{DateTime, Utc};
use ids::EnrolmentId;
use uuid::Uuid;

use super::{
    admission::{Opening, Window},
    state::State,
};
use crate::rights::Relation;

/// The columns of [`Ties`]; the statement has the course as `c` and joins [`tie_joins`].
macro_rules! tie_columns {
    () => {
        "cs.duty, e.id as place_id, e.status as place_status, e.state as place_state, \
         e.expires_at as place_until, c.access_from, c.access_until, \
         b.starts_at as batch_from, b.ends_at as batch_until"
    };
}

/// `$1` is the person who looks.
macro_rules! tie_joins {
    () => {
        "left join course_staff cs on cs.course_id = c.id and cs.user_id = $1 \
         left join enrolments e on e.course_id = c.id and e.user_id = $1 \
         left join batches b on b.id = e.batch_id"
    };
}

pub(crate) use tie_columns;
pub(crate) use tie_joins;

/// One person's bonds with one course.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Ties {
    duty: Option<String>,
    place_id: Option<Uuid>,
    place_status: Option<String>,
    place_state: Option<String>,
    place_until: Option<DateTime<Utc>>,
    pub(crate) access_from: Option<DateTime<Utc>>,
    pub(crate) access_until: Option<DateTime<Utc>>,
    batch_from: Option<DateTime<Utc>>,
    batch_until: Option<DateTime<Utc>>,
}

impl Ties {
    pub(crate) fn relation(&self, is_teacher: bool) -> Relation {
        match (is_teacher, self.duty.as_deref(), self.state()) {
            (true, ..) => Relation::Owner,
            (false, Some("co_teacher"), _) => Relation::CoTeacher,
            (false, Some(_), _) => Relation::Assistant,
            (false, None, Some(State::Active | State::Completed)) => Relation::Enrolled,
            (false, None, Some(State::Requested | State::AwaitingPayment | State::Waitlisted)) => {
                Relation::Applicant
            }
            (false, None, Some(State::Rejected | State::Expired | State::Removed) | None) => {
                Relation::Stranger
            }
        }
    }

    pub(crate) fn state(&self) -> Option<State> {
        self.place_status.as_deref().map(|status| state_of(status, self.place_state.as_deref()))
    }

    pub(crate) fn enrolment(&self) -> Option<(EnrolmentId, State)> {
        Some((self.place_id?.into(), self.state()?))
    }

    pub(crate) fn window(&self) -> Window {
        Window {
            from: [self.access_from, self.batch_from],
            until: [self.access_until, self.batch_until, self.place_until],
        }
    }

    /// Whether a student may watch now, as far as time goes. Those who give the course may always.
    pub(crate) fn opening(&self, relation: Relation, now: DateTime<Utc>) -> Opening {
        if relation.is_staff() { Opening::Open } else { self.window().opening(now) }
    }
}

/// The state in the table. An older server writes `status` alone, so where the two disagree that one counts.
pub(crate) fn state_of(status: &str, state: Option<&str>) -> State {
    let watches = status == "active";
    let otherwise = if watches { State::Active } else { State::Removed };
    state.and_then(State::of).filter(|state| state.watches() == watches).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_server_wrote_counts() {
        assert_eq!(state_of("active", None), State::Active);
        assert_eq!(state_of("active", Some("removed")), State::Active);
        assert_eq!(state_of("active", Some("completed")), State::Completed);
        assert_eq!(state_of("removed", Some("active")), State::Removed);
        assert_eq!(state_of("removed", Some("waitlisted")), State::Waitlisted);
        assert_eq!(state_of("removed", None), State::Removed);
    }
}
