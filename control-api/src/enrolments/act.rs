//! What happens to enrolments: each step holds the course, asks the state machine, and tells the media rooms
//! whose right to watch has ended.

use chrono::{DateTime, TimeDelta, Utc};
use db::Tx;
use events::AccessRevoked;
use ids::{BatchId, CourseId, EnrolmentId, UserId};
use runtime::clock;

use super::{
    admission::place_ends,
    queue,
    rows::{self, Enrolment, Held},
    state::{self, Event, Places, Refusal, State, Way},
};
use crate::{
    Control,
    http::{HttpError, new_id},
    playback,
};

/// A place is kept so long for who is to pay for it.
const PAYMENT: TimeDelta = TimeDelta::minutes(30);

/// What comes with an event.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct With<'a> {
    /// Who does it; none: the server.
    pub(crate) by: Option<UserId>,
    /// What the student writes.
    pub(crate) request_note: Option<&'a str>,
    /// What he is answered.
    pub(crate) answer_note: Option<&'a str>,
    /// The batch that he is to be in; left out, he stays where he is.
    pub(crate) batch: Option<BatchId>,
}

/// One step and what follows from it.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) enrolment: Enrolment,
    /// He is in another state than before.
    pub(crate) changed: bool,
    /// To be told after the commit ([`tell`]).
    revoked: Vec<AccessRevoked>,
}

/// Why there is no step.
#[derive(Debug)]
pub(crate) enum NotDone {
    Refused(Refusal),
    Database(db::Error),
}

impl From<db::Error> for NotDone {
    fn from(error: db::Error) -> Self {
        Self::Database(error)
    }
}

impl From<NotDone> for HttpError {
    fn from(not: NotDone) -> Self {
        let refusal = match not {
            NotDone::Database(error) => return error.into(),
            NotDone::Refused(refusal) => refusal,
        };
        let (code, message) = match refusal {
            Refusal::Full => ("COURSE_FULL", "All places of this course are taken."),
            Refusal::Declined => ("DECLINED", "Your request was declined. Ask the teacher to enrol you."),
            Refusal::TakenAway => {
                ("REMOVED", "Your place in this course was taken away. Ask the teacher to enrol you again.")
            }
            Refusal::Over => ("EXPIRED", "Your time in this course is over. Ask the teacher for more."),
            Refusal::NotRequested => ("NOT_REQUESTED", "There is no request to be answered."),
            Refusal::NotIn => return Self::NotFound("place in this course"),
            Refusal::NotActive => ("NOT_ACTIVE", "Only who has a place can complete the course."),
        };
        Self::Conflict(code, message)
    }
}

/// Leads the person's enrolment in this course through one event. The course is held by the caller's transaction,
/// so that no place is given twice.
pub(crate) async fn step(
    tx: &mut Tx,
    course: &Held,
    user: UserId,
    event: Event,
    with: With<'_>,
    now: DateTime<Utc>,
) -> Result<Done, NotDone> {
    let before = rows::of(&mut *tx, course.id, user).await?;
    let batch = with.batch.or(before.as_ref().and_then(Enrolment::batch));
    let (free, of_batches) = rows::free_places(tx, course).await?;
    let of_batch = batch.and_then(|batch| of_batches.get(&batch)).copied().unwrap_or(u64::MAX);
    let places = Places { free: free.min(of_batch) > 0, waiting_list: course.waiting_list };
    let standing = before.as_ref().map(Enrolment::standing);
    let state = state::next(standing, event, places).map_err(NotDone::Refused)?;
    let from = standing.map(|standing| standing.state);
    if let Some(enrolment) = before.as_ref().filter(|_| from == Some(state)) {
        return Ok(Done { enrolment: enrolment.clone(), changed: false, revoked: Vec::new() });
    }
    write(tx, course, user, before.as_ref(), state, With { batch, ..with }, now).await?;
    let lost = from.is_some_and(State::watches) && !state.watches();
    let revoked = if lost { playback::rows::revoke(tx, course.id, user, now).await? } else { Vec::new() };
    if from.is_some_and(State::takes_a_place) && !state.takes_a_place() {
        fill(tx, course, now).await?;
    }
    let enrolment = rows::of(&mut *tx, course.id, user).await?.ok_or(db::Error::NoRow)?;
    Ok(Done { enrolment, changed: true, revoked })
}

async fn write(
    tx: &mut Tx,
    course: &Held,
    user: UserId,
    before: Option<&Enrolment>,
    state: State,
    with: With<'_>,
    now: DateTime<Utc>,
) -> Result<(), db::Error> {
    let was = before.map(Enrolment::state);
    let placed = state == State::Active;
    let keeps = state == State::Completed;
    let row = rows::Write {
        id: before.map_or_else(new_id::<EnrolmentId>, |before| before.id),
        course: course.id,
        user,
        state,
        batch: with.batch,
        request_note: with.request_note.or(before.and_then(|before| before.request_note.as_deref())),
        // An answer is to what he asked; it does not outlive his next step.
        answer_note: with.answer_note,
        changed_by: with.by,
        queued_at: (state == State::Waitlisted).then_some(now),
        held_until: (state == State::AwaitingPayment).then_some(now + PAYMENT),
        placed_at: if placed { Some(now) } else { before.and_then(|before| before.placed_at) },
        expires_at: if placed {
            place_ends(now, course.access_days)
        } else {
            before.filter(|_| keeps).and_then(|before| before.expires_at)
        },
        now,
    };
    // Who comes back asks anew.
    let gone = matches!(was, None | Some(State::Removed | State::Rejected | State::Expired));
    let row = if gone { rows::Write { request_note: with.request_note, ..row } } else { row };
    rows::write(tx, row).await
}

/// Gives the places that are free to those who wait for them. How many moved up.
pub(crate) async fn fill(tx: &mut Tx, course: &Held, now: DateTime<Utc>) -> Result<usize, db::Error> {
    let queue = rows::queue(tx, course.id).await?;
    if queue.is_empty() {
        return Ok(0);
    }
    let (free, of_batches) = rows::free_places(tx, course).await?;
    let promoted = queue::promotions(free, of_batches, &queue);
    let terms = course.terms();
    let pays = terms.access == crate::courses::rules::Access::Paid && !terms.free;
    let way = if pays { Way::Pay } else { Way::Open };
    for id in &promoted {
        let Some(waiting) = rows::by_id(&mut *tx, *id).await? else { continue };
        let places = Places { free: true, waiting_list: true };
        let next = state::next(Some(waiting.standing()), Event::Promote(way), places);
        if let Ok(state) = next {
            let with = With { batch: waiting.batch(), ..With::default() };
            write(tx, course, waiting.user_id, Some(&waiting), state, with, now).await?;
        }
    }
    Ok(promoted.len())
}

/// Tells the media rooms, after the commit.
pub(crate) fn tell(control: &Control, done: &Done) {
    for fact in &done.revoked {
        control.media().revoke(fact.clone());
    }
}

/// [`step`] in a transaction of its own.
pub(crate) async fn once(
    control: &Control,
    course: CourseId,
    user: UserId,
    event: Event,
    with: With<'_>,
) -> Result<Done, HttpError> {
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    let held = rows::hold_course(&mut tx, course).await?.ok_or(HttpError::NotFound("course"))?;
    let done = step(&mut tx, &held, user, event, with, now).await?;
    tx.commit().await?;
    tell(control, &done);
    Ok(done)
}

/// More places, or a change of what they are: whoever waits moves up.
pub(crate) async fn refill(tx: &mut Tx, course: CourseId, now: DateTime<Utc>) -> Result<(), db::Error> {
    if let Some(held) = rows::hold_course(tx, course).await? {
        fill(tx, &held, now).await?;
    }
    Ok(())
}

impl Control {
    /// Ends the places whose time is over and those that were not paid for; who waits moves up.
    pub(crate) async fn end_due_enrolments(&self, now: DateTime<Utc>) -> Result<(), db::Error> {
        for due in rows::due(self.db(), now).await? {
            let event = if due.state() == State::Active { Event::Expire } else { Event::Lapse };
            let mut tx = self.db().begin().await?;
            let Some(held) = rows::hold_course(&mut tx, due.course_id).await? else { continue };
            // Looked at again under the lock: he may have been given more time meanwhile.
            let still = rows::of(&mut tx, due.course_id, due.user_id).await?;
            if still.is_none_or(|still| still.updated_at != due.updated_at) {
                continue;
            }
            // Who did not pay may come again by himself.
            let by = (event == Event::Lapse).then_some(due.user_id);
            match step(&mut tx, &held, due.user_id, event, With { by, ..With::default() }, now).await {
                Ok(done) => {
                    tx.commit().await?;
                    tell(self, &done);
                    tracing::info!(enrolment.id = %due.id, state = done.enrolment.state().word(),
                        "enrolment {} is {}", due.id, done.enrolment.state().word());
                }
                Err(NotDone::Database(error)) => return Err(error),
                Err(NotDone::Refused(refusal)) => {
                    tracing::debug!(enrolment.id = %due.id, "nothing to end: {refusal:?}");
                }
            }
        }
        Ok(())
    }
}
