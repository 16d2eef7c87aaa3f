//! Giving places by a list.

use axum::extract::State as Shared;
use ids::{BatchId, CourseId};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    act::{self, NotDone, With},
    roster::{self, LINES_MAX},
    rows,
    state::{Event, Refusal},
};
use crate::{
    Control, accounts, batches,
    courses::routes::for_action,
    http::{Body, Caller, Data, HttpError, Id, Success},
    rights::Action,
    staff,
};

pub(super) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(import))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct List {
    /// The list as a spreadsheet saves it: one student a line, with commas, semicolons or tabs, with or without
    /// a heading; at most 2000 lines.
    #[schema(example = "name,email\nAnna,anna@school.example\n")]
    csv: String,
    /// The batch they are to be in.
    #[schema(value_type = Option<Uuid>)]
    batch_id: Option<BatchId>,
}

/// What came of a list.
#[derive(Serialize, ToSchema)]
struct Report {
    /// Who has a place now and had none.
    enrolled: usize,
    /// Line by line.
    lines: Vec<ReportLine>,
}

/// What came of a line.
#[derive(Serialize, ToSchema)]
struct ReportLine {
    /// Counted from 1.
    line: usize,
    #[schema(required)]
    email: Option<String>,
    /// `enrolled`, `already`, `unknown` (no account), `full`, `staff` (gives the course), `bad_line`.
    #[schema(example = "enrolled")]
    outcome: &'static str,
    /// For people.
    #[schema(example = "Has a place now.")]
    message: &'static str,
}

/// Give places by a list of addresses.
///
/// Every line is answered; lines that cannot be followed do not hold up the others. Sending the list again does
/// no harm.
#[utoipa::path(post, path = "/courses/{id}/enrolments/import", operation_id = "importStudents", tag = "enrolments",
    params(("id" = Uuid, Path)), request_body = List,
    responses((status = 200, description = "What came of each line.", body = Success<Report>)))]
async fn import(
    Shared(control): Shared<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Body(given): Body<List>,
) -> Result<Data<Report>, HttpError> {
    for_action(&control, &caller, course, Action::Enrol).await?;
    if let Some(batch) = given.batch_id {
        batches::rows::of_course(&control, batch, course).await?;
    }
    let read = roster::read(&given.csv);
    if read.is_empty() {
        return Err(HttpError::invalid("csv", "There is nothing in this list."));
    }
    if read.len() > LINES_MAX {
        return Err(HttpError::invalid("csv", format!("At most {LINES_MAX} lines at once.")));
    }
    let now = clock::utc();
    let with = With { by: Some(caller.id), batch: given.batch_id, ..With::default() };
    let (mut lines, mut all_done) = (Vec::new(), Vec::new());
    let mut tx = control.db().begin().await?;
    let held = rows::hold_course(&mut tx, course).await?.ok_or(HttpError::NotFound("course"))?;
    for line in read {
        let (email, outcome, message) = match line.email {
            Err(message) => (None, "bad_line", message),
            Ok(email) => {
                let user = accounts::rows::by_email(&mut tx, &email).await?.filter(|user| user.active);
                let (outcome, message) = match user {
                    None => ("unknown", "Nobody has an account with this address. Send an invite link."),
                    Some(user)
                        if user.id == held.teacher_id
                            || staff::rows::duty(&mut tx, course, user.id).await?.is_some() =>
                    {
                        ("staff", "Gives this course and needs no place.")
                    }
                    Some(user) => match act::step(&mut tx, &held, user.id, Event::Give, with, now).await {
                        Ok(done) => {
                            let outcome = if done.changed {
                                ("enrolled", "Has a place now.")
                            } else {
                                ("already", "Had a place already.")
                            };
                            all_done.push(done);
                            outcome
                        }
                        Err(NotDone::Refused(Refusal::Full)) => ("full", "All places are taken."),
                        Err(other) => return Err(other.into()),
                    },
                };
                (Some(email), outcome, message)
            }
        };
        lines.push(ReportLine { line: line.number, email, outcome, message });
    }
    tx.commit().await?;
    let enrolled = all_done.iter().filter(|done| done.changed).count();
    for done in &all_done {
        act::tell(&control, done);
    }
    Ok(Data(Report { enrolled, lines }))
}
