//! Jobs over HTTP, for admins.

use axum::extract::State;
use chrono::{DateTime, Utc};
use runtime::clock;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::rows::{self, Filter};
use crate::{
    Control,
    http::{Admin, Data, HttpError, Id, Listing, Page, Paging, Params, Success},
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(retry))
        .routes(routes!(cancel))
}

/// Work that is done beside the requests.
#[derive(Serialize, ToSchema)]
struct Job {
    id: Uuid,
    #[schema(example = "deliver_letter")]
    kind: String,
    /// What it is about.
    #[schema(value_type = Object)]
    payload: Value,
    /// `ready`, `running`, `done`, `dead` (it failed for good and waits for you) or `cancelled`.
    #[schema(example = "dead")]
    status: String,
    /// Not before.
    run_at: DateTime<Utc>,
    /// Tries so far.
    attempts: i64,
    attempts_max: i64,
    /// What went wrong last.
    #[schema(required)]
    last_error: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<rows::Job> for Job {
    fn from(job: rows::Job) -> Self {
        let payload = serde_json::from_str(&job.payload).unwrap_or(Value::Null);
        Self {
            id: job.id,
            kind: job.kind,
            payload,
            status: job.status,
            run_at: job.run_at,
            attempts: job.attempts,
            attempts_max: job.attempts_max,
            last_error: job.last_error,
            created_at: job.created_at,
            updated_at: job.updated_at,
        }
    }
}

/// Which jobs, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Those of this status alone.
    status: Option<String>,
    /// Those of this kind alone.
    kind: Option<String>,
    /// Counted from 1.
    #[param(minimum = 1, maximum = 10_000, default = 1)]
    page: Option<u32>,
    /// Entries of a page, at most 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
}

/// Jobs, the latest change first.
#[utoipa::path(get, path = "/admin/jobs", operation_id = "listJobs", tag = "operations", params(Which),
    responses((status = 200, description = "A page of jobs.", body = Listing<Job>)))]
async fn list(
    State(control): State<Control>,
    _: Admin,
    Params(which): Params<Which>,
) -> Result<Page<Job>, HttpError> {
    let slice = Paging::of(which.page, which.per_page).checked()?;
    let filter = Filter { status: which.status.as_deref(), kind: which.kind.as_deref() };
    let (jobs, total) = rows::list(control.db(), filter, slice.limit(), slice.offset()).await?;
    Ok(slice.page("/api/v1/admin/jobs", jobs.into_iter().map(Job::from).collect(), total))
}

const NONE: HttpError = HttpError::NotFound("job");

/// One job.
#[utoipa::path(get, path = "/admin/jobs/{id}", operation_id = "readJob", tag = "operations",
    params(("id" = Uuid, Path)), responses((status = 200, description = "The job.", body = Success<Job>)))]
async fn read(State(control): State<Control>, _: Admin, Id(id): Id<Uuid>) -> Result<Data<Job>, HttpError> {
    Ok(Data(rows::by_id(control.db(), id).await?.ok_or(NONE)?.into()))
}

/// Try a job again, now and with all its tries.
#[utoipa::path(post, path = "/admin/jobs/{id}/retry", operation_id = "retryJob", tag = "operations",
    params(("id" = Uuid, Path)), responses(
    (status = 200, description = "It is ready.", body = Success<Job>),
    (status = 409, description = "`JOB_RUNNING` or `JOB_DONE`.")))]
async fn retry(State(control): State<Control>, _: Admin, Id(id): Id<Uuid>) -> Result<Data<Job>, HttpError> {
    let changed = rows::retry(control.db(), id, clock::utc()).await?;
    control.wake_jobs();
    answer(&control, id, changed).await
}

/// Call a job off.
///
/// One that runs is dropped within twenty seconds; what it did until then stays done.
#[utoipa::path(post, path = "/admin/jobs/{id}/cancel", operation_id = "cancelJob", tag = "operations",
    params(("id" = Uuid, Path)), responses(
    (status = 200, description = "It is called off.", body = Success<Job>),
    (status = 409, description = "`JOB_DONE` or `JOB_CANCELLED`.")))]
async fn cancel(State(control): State<Control>, _: Admin, Id(id): Id<Uuid>) -> Result<Data<Job>, HttpError> {
    let changed = rows::cancel(control.db(), id, clock::utc()).await?;
    answer(&control, id, changed).await
}

async fn answer(control: &Control, id: Uuid, changed: bool) -> Result<Data<Job>, HttpError> {
    let job = rows::by_id(control.db(), id).await?.ok_or(NONE)?;
    match (changed, job.status.as_str()) {
        (true, _) => Ok(Data(job.into())),
        (false, "done") => Err(HttpError::Conflict("JOB_DONE", "This job is done.")),
        (false, "cancelled") => Err(HttpError::Conflict("JOB_CANCELLED", "This job was called off before.")),
        (false, _) => Err(HttpError::Conflict("JOB_RUNNING", "This job is running. Call it off first.")),
    }
}
