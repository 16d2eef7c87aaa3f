//! The states of an enrolment and what leads from one to another. Pure.

/// Where a person stands with a course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// He asked; somebody of the course is to answer.
    Requested,
    /// A place is kept for him until he has paid, or the time for it is over.
    AwaitingPayment,
    /// All places are taken; he is in the queue.
    Waitlisted,
    /// He has a place.
    Active,
    /// He has had the course. He may go on watching, and takes no place.
    Completed,
    /// He was told no.
    Rejected,
    /// His time in the course is over.
    Expired,
    /// He left, or his place was taken away.
    Removed,
}

impl State {
    pub(crate) const ALL: [Self; 8] = [
        Self::Requested,
        Self::AwaitingPayment,
        Self::Waitlisted,
        Self::Active,
        Self::Completed,
        Self::Rejected,
        Self::Expired,
        Self::Removed,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::AwaitingPayment => "awaiting_payment",
            Self::Waitlisted => "waitlisted",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Removed => "removed",
        }
    }

    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// May watch: what the table's `status` says.
    pub(crate) const fn watches(self) -> bool {
        match self {
            Self::Active | Self::Completed => true,
            Self::Requested
            | Self::AwaitingPayment
            | Self::Waitlisted
            | Self::Rejected
            | Self::Expired
            | Self::Removed => false,
        }
    }

    /// Counts against the course's capacity.
    pub(crate) const fn takes_a_place(self) -> bool {
        match self {
            Self::Active | Self::AwaitingPayment => true,
            Self::Requested
            | Self::Waitlisted
            | Self::Completed
            | Self::Rejected
            | Self::Expired
            | Self::Removed => false,
        }
    }
}

/// An enrolment that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: State,
    /// He brought himself there, nobody of the course did.
    pub(crate) by_himself: bool,
}

/// How a course takes somebody in who comes by himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// At once.
    Open,
    /// After somebody of the course has said yes.
    Ask,
    /// After he has paid.
    Pay,
}

/// What happens to an enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// He comes by himself.
    Join(Way),
    /// Somebody of the course gives him a place.
    Give,
    /// His request is granted.
    Approve,
    /// His request is declined.
    Reject,
    /// Somebody of the course takes the place, the request or the wait away.
    Remove,
    /// He goes.
    Leave,
    /// He has had the course.
    Complete,
    /// His time is over.
    Expire,
    /// He is the next in the queue and a place is free.
    Promote(Way),
    /// He did not pay in time.
    Lapse,
}

/// What places there are at this moment, for him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    /// At least one is free.
    pub(crate) free: bool,
    /// Who finds none may wait for one.
    pub(crate) waiting_list: bool,
}

/// Why nothing happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// All places are taken, and there is no waiting list, or not for this.
    Full,
    /// He was told no.
    Declined,
    /// Somebody of the course took his place away.
    TakenAway,
    /// His time was over.
    Over,
    /// He has not asked, or was answered already.
    NotRequested,
    /// He has no place, and does not wait for one.
    NotIn,
    /// Only who has a place can complete the course.
    NotActive,
}

/// The state that the event leads to; the same state where it changes nothing.
pub(crate) fn next(from: Option<Standing>, event: Event, places: Places) -> Result<State, Refusal> {
    let Some(Standing { state, by_himself }) = from else { return arrive(event, places) };
    match state {
        State::Requested => match event {
            Event::Join(Way::Ask) => Ok(State::Requested),
            Event::Join(_) | Event::Give => arrive(event, places),
            Event::Approve => seat(State::Active, places),
            Event::Reject => Ok(State::Rejected),
            Event::Remove | Event::Leave => Ok(State::Removed),
            Event::Complete => Err(Refusal::NotActive),
            Event::Expire | Event::Promote(_) | Event::Lapse => Ok(state),
        },
        State::Waitlisted => match event {
            Event::Join(_) | Event::Expire | Event::Lapse => Ok(state),
            Event::Give => arrive(event, places),
            Event::Promote(_) if !places.free => Ok(state),
            Event::Promote(Way::Pay) => Ok(State::AwaitingPayment),
            Event::Promote(Way::Open | Way::Ask) => Ok(State::Active),
            Event::Approve => Err(Refusal::NotRequested),
            Event::Reject => Ok(State::Rejected),
            Event::Remove | Event::Leave => Ok(State::Removed),
            Event::Complete => Err(Refusal::NotActive),
        },
        State::AwaitingPayment => match event {
            Event::Join(_) | Event::Expire | Event::Promote(_) => Ok(state),
            Event::Give => Ok(State::Active),
            Event::Approve | Event::Reject => Err(Refusal::NotRequested),
            Event::Remove | Event::Leave | Event::Lapse => Ok(State::Removed),
            Event::Complete => Err(Refusal::NotActive),
        },
        State::Active => match event {
            Event::Join(_) | Event::Give | Event::Promote(_) | Event::Lapse => Ok(state),
            Event::Approve | Event::Reject => Err(Refusal::NotRequested),
            Event::Remove | Event::Leave => Ok(State::Removed),
            Event::Complete => Ok(State::Completed),
            Event::Expire => Ok(State::Expired),
        },
        // That he has had it stays true when his time is over; the window says whether he may watch.
        State::Completed => match event {
            Event::Join(_)
            | Event::Give
            | Event::Complete
            | Event::Expire
            | Event::Promote(_)
            | Event::Lapse => Ok(state),
            Event::Approve | Event::Reject => Err(Refusal::NotRequested),
            Event::Remove | Event::Leave => Ok(State::Removed),
        },
        State::Rejected => match event {
            Event::Join(_) => Err(Refusal::Declined),
            Event::Approve => seat(State::Active, places),
            Event::Reject => Ok(state),
            Event::Give
            | Event::Remove
            | Event::Leave
            | Event::Complete
            | Event::Expire
            | Event::Promote(_)
            | Event::Lapse => arrive(event, places),
        },
        // A time that is over is not had again for nothing.
        State::Expired => match event {
            Event::Join(Way::Open) => Err(Refusal::Over),
            Event::Join(Way::Ask | Way::Pay)
            | Event::Give
            | Event::Approve
            | Event::Reject
            | Event::Remove
            | Event::Leave
            | Event::Complete
            | Event::Expire
            | Event::Promote(_)
            | Event::Lapse => arrive(event, places),
        },
        State::Removed => match event {
            Event::Join(_) if !by_himself => Err(Refusal::TakenAway),
            Event::Join(_)
            | Event::Give
            | Event::Approve
            | Event::Reject
            | Event::Remove
            | Event::Leave
            | Event::Complete
            | Event::Expire
            | Event::Promote(_)
            | Event::Lapse => arrive(event, places),
        },
    }
}

/// Of somebody who is not in the course.
fn arrive(event: Event, places: Places) -> Result<State, Refusal> {
    match event {
        Event::Join(Way::Open) => seat(State::Active, places),
        Event::Join(Way::Pay) => seat(State::AwaitingPayment, places),
        Event::Join(Way::Ask) => Ok(State::Requested),
        // Who gives places by hand wants to know that none is left.
        Event::Give if places.free => Ok(State::Active),
        Event::Give => Err(Refusal::Full),
        Event::Approve | Event::Reject => Err(Refusal::NotRequested),
        Event::Complete => Err(Refusal::NotActive),
        Event::Remove | Event::Leave | Event::Expire | Event::Promote(_) | Event::Lapse => {
            Err(Refusal::NotIn)
        }
    }
}

fn seat(state: State, places: Places) -> Result<State, Refusal> {
    match (places.free, places.waiting_list) {
        (true, _) => Ok(state),
        (false, true) => Ok(State::Waitlisted),
        (false, false) => Err(Refusal::Full),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: Places = Places { free: true, waiting_list: true };
    const WAIT: Places = Places { free: false, waiting_list: true };
    const FULL: Places = Places { free: false, waiting_list: false };

    const EVENTS: [Event; 14] = [
        Event::Join(Way::Open),
        Event::Join(Way::Ask),
        Event::Join(Way::Pay),
        Event::Give,
        Event::Approve,
        Event::Reject,
        Event::Remove,
        Event::Leave,
        Event::Complete,
        Event::Expire,
        Event::Promote(Way::Open),
        Event::Promote(Way::Ask),
        Event::Promote(Way::Pay),
        Event::Lapse,
    ];

    fn at(state: State) -> Option<Standing> {
        Some(Standing { state, by_himself: false })
    }

    /// All standings that there are, nobody included.
    fn standings() -> Vec<Option<Standing>> {
        let each = |state| [true, false].map(|by_himself| Some(Standing { state, by_himself }));
        std::iter::once(None).chain(State::ALL.into_iter().flat_map(each)).collect()
    }

    #[test]
    fn the_whole_table() {
        let cell = |from: Option<Standing>, event| match next(from, event, FREE) {
            Ok(state) if from.is_some_and(|from| from.state == state) => ".".to_owned(),
            Ok(state) => state.word().to_owned(),
            Err(refusal) => format!("{refusal:?}!"),
        };
        let row = |from| EVENTS.map(|event| cell(from, event)).join(" ");
        let gone = "NotIn! NotIn!";
        let check = |from, expected: String| assert_eq!(row(from), expected, "{from:?}");
        check(
            None,
            format!(
                "active requested awaiting_payment active NotRequested! NotRequested! {gone} NotActive! {gone} {gone} NotIn!"
            ),
        );
        check(
            at(State::Requested),
            "active . awaiting_payment active active rejected removed removed NotActive! . . . . .".into(),
        );
        check(
            at(State::Waitlisted),
            ". . . active NotRequested! rejected removed removed NotActive! . active active awaiting_payment ."
                .into(),
        );
        check(
            at(State::AwaitingPayment),
            ". . . active NotRequested! NotRequested! removed removed NotActive! . . . . removed".into(),
        );
        check(
            at(State::Active),
            ". . . . NotRequested! NotRequested! removed removed completed expired . . . .".into(),
        );
        check(at(State::Completed), ". . . . NotRequested! NotRequested! removed removed . . . . . .".into());
        check(
            at(State::Rejected),
            format!("Declined! Declined! Declined! active active . {gone} NotActive! {gone} {gone} NotIn!"),
        );
        check(
            at(State::Expired),
            format!(
                "Over! requested awaiting_payment active NotRequested! NotRequested! {gone} NotActive! {gone} {gone} NotIn!"
            ),
        );
        check(
            at(State::Removed),
            format!(
                "TakenAway! TakenAway! TakenAway! active NotRequested! NotRequested! {gone} NotActive! {gone} {gone} NotIn!"
            ),
        );
    }

    #[test]
    fn who_left_by_himself_may_come_back_and_who_was_removed_may_not() {
        let left = Some(Standing { state: State::Removed, by_himself: true });
        assert_eq!(next(left, Event::Join(Way::Open), FREE), Ok(State::Active));
        assert_eq!(next(at(State::Removed), Event::Join(Way::Open), FREE), Err(Refusal::TakenAway));
    }

    #[test]
    fn no_event_takes_a_place_where_none_is_free() {
        for from in standings() {
            for event in EVENTS {
                for places in [WAIT, FULL] {
                    let had = from.is_some_and(|from| from.state.takes_a_place());
                    if let Ok(state) = next(from, event, places) {
                        assert!(had || !state.takes_a_place(), "{from:?} {event:?} gives {state:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn who_finds_no_place_waits_where_there_is_a_list() {
        assert_eq!(next(None, Event::Join(Way::Open), WAIT), Ok(State::Waitlisted));
        assert_eq!(next(None, Event::Join(Way::Pay), WAIT), Ok(State::Waitlisted));
        assert_eq!(next(at(State::Requested), Event::Approve, WAIT), Ok(State::Waitlisted));
        assert_eq!(next(None, Event::Join(Way::Open), FULL), Err(Refusal::Full));
        assert_eq!(next(None, Event::Give, WAIT), Err(Refusal::Full));
    }

    #[test]
    fn only_somebody_of_the_course_lets_in_whom_he_declined_or_removed() {
        for state in [State::Rejected, State::Removed] {
            for way in [Way::Open, Way::Ask, Way::Pay] {
                assert!(next(at(state), Event::Join(way), FREE).is_err());
            }
            assert_eq!(next(at(state), Event::Give, FREE), Ok(State::Active));
        }
    }

    #[test]
    fn words_read_back() {
        for state in State::ALL {
            assert_eq!(State::of(state.word()), Some(state));
        }
        assert_eq!(State::of("paid"), None);
    }
}
