//! Sessions over HTTP, and going on air.

use axum::extract::State;
use chrono::{DateTime, TimeDelta, Utc};
use events::PublicationHealth;
use ids::{CourseId, SessionId};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    live::LiveError,
    rows,
    rules::{self, Kind, Publisher, Status},
};
use crate::{
    Control,
    courses::{
        self,
        routes::{Teacher, for_action},
    },
    enrolments::admission,
    http::{
        Body, Caller, Created, Data, HttpError, Id, Listing, Page, Paging, Params, Success, error::Details,
        new_id,
    },
    playback,
    rights::{Action, Relation, Role, may},
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read))
        .routes(routes!(of_course))
        .routes(routes!(for_students))
        .routes(routes!(start_live))
        .routes(routes!(end_live))
        .routes(routes!(live_status))
}

/// After its end, a course's live status tells of the session this long.
const JUST_ENDED: TimeDelta = TimeDelta::minutes(10);

/// A session, as the caller sees it.
#[derive(Serialize, ToSchema)]
struct Session {
    #[schema(value_type = Uuid)]
    id: SessionId,
    course: CourseOfSession,
    #[schema(example = "Eigenvalues")]
    title: String,
    /// `scheduled`, `live`, `interrupted` (on air, nobody publishes), `ended`, `cancelled`.
    #[schema(example = "scheduled")]
    status: &'static str,
    /// `scheduled`, or `ad_hoc`: made by `start-live`, ends with its publisher.
    #[schema(example = "scheduled")]
    kind: String,
    starts_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    /// So many minutes before the start the stream key leads here.
    lobby_minutes: i64,
    #[schema(required)]
    started_at: Option<DateTime<Utc>>,
    #[schema(required)]
    ended_at: Option<DateTime<Utc>>,
    /// The caller would be given a playback grant while it is on air.
    can_watch: bool,
    /// The caller teaches it.
    is_owner: bool,
    /// Watching back while it runs.
    dvr: bool,
}

/// Of which course.
#[derive(Serialize, ToSchema)]
struct CourseOfSession {
    #[schema(value_type = Uuid)]
    id: CourseId,
    #[schema(example = "Linear Algebra")]
    title: String,
    teacher: Teacher,
}

impl Session {
    fn of(session: rows::Session, caller: &Caller) -> Self {
        let relation = session.relation(caller.id);
        let in_time = caller.role == Role::Admin
            || session.ties.opening(relation, clock::utc()) == admission::Opening::Open;
        let can_watch = in_time && may(caller.role, relation, session.is_open(), Action::Watch);
        let status = session.status().word();
        let teacher = Teacher { id: session.teacher_id, full_name: session.teacher_name };
        Self {
            id: session.id,
            course: CourseOfSession { id: session.course_id, title: session.course_title, teacher },
            title: session.title,
            status,
            kind: session.kind,
            starts_at: session.starts_at,
            ends_at: session.ends_at,
            lobby_minutes: session.lobby_minutes,
            started_at: session.started_at,
            ended_at: session.ended_at,
            can_watch,
            is_owner: relation == Relation::Owner,
            dvr: session.dvr,
        }
    }
}

/// The session, if the caller may see its course.
pub(crate) async fn visible(
    control: &Control,
    caller: &Caller,
    id: SessionId,
) -> Result<rows::Session, HttpError> {
    let session = rows::by_id(control.db(), caller.id, id).await?;
    session
        .filter(|session| may(caller.role, session.relation(caller.id), session.is_open(), Action::See))
        .ok_or(HttpError::NotFound("session"))
}

/// My sessions: of the courses I teach or have a place in.
///
/// What is on air comes first, then what is to come (the next first), then what was.
#[utoipa::path(get, path = "/sessions", operation_id = "listSessions", tag = "sessions", params(Paging),
    responses((status = 200, description = "A page of sessions.", body = Listing<Session>)))]
async fn list(
    State(control): State<Control>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Page<Session>, HttpError> {
    let slice = paging.checked()?;
    let (sessions, total) =
        rows::mine(control.db(), caller.id, caller.role, slice.limit(), slice.offset()).await?;
    let sessions = sessions.into_iter().map(|session| Session::of(session, &caller)).collect();
    Ok(slice.page("/api/v1/sessions", sessions, total))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSession {
    #[schema(value_type = Uuid)]
    course_id: CourseId,
    #[schema(example = "Eigenvalues", max_length = 200)]
    title: String,
    starts_at: DateTime<Utc>,
    /// At most 180 minutes after the start.
    ends_at: DateTime<Utc>,
    /// So many minutes before the start the stream key leads here; 15 unless said otherwise.
    #[schema(maximum = 1440)]
    lobby_minutes: Option<u32>,
}

/// Plan a session.
#[utoipa::path(post, path = "/sessions", operation_id = "createSession", tag = "sessions", request_body = NewSession,
    responses((status = 201, description = "Planned.", body = Success<Session>)))]
async fn create(
    State(control): State<Control>,
    caller: Caller,
    Body(given): Body<NewSession>,
) -> Result<Created<Session>, HttpError> {
    for_action(&control, &caller, given.course_id, Action::Change).await?;
    let now = clock::utc();
    let (starts_at, ends_at) = (db::to_micros(given.starts_at), db::to_micros(given.ends_at));
    let lobby_minutes = given.lobby_minutes.unwrap_or(control.config().lobby_minutes);
    let mut details = Details::new();
    let faults = rules::plan_faults(starts_at, ends_at, lobby_minutes, control.session_max(), now);
    for (field, message) in faults {
        details.entry(field.into()).or_default().push(message);
    }
    let title = courses::rules::title(&given.title);
    if let Err(message) = &title {
        details.insert("title".into(), vec![message.clone()]);
    }
    let (Ok(title), true) = (title, details.is_empty()) else { return Err(HttpError::Invalid(details)) };
    let (id, course, kind) = (new_id(), given.course_id, Kind::Scheduled);
    let insert = rows::Insert { id, course, title, kind, starts_at, ends_at, lobby_minutes, now };
    rows::insert(control.db(), insert).await?;
    Ok(Created(Session::of(visible(&control, &caller, id).await?, &caller)))
}

/// One session.
#[utoipa::path(get, path = "/sessions/{id}", operation_id = "readSession", tag = "sessions",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The session.", body = Success<Session>)))]
async fn read(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<SessionId>,
) -> Result<Data<Session>, HttpError> {
    Ok(Data(Session::of(visible(&control, &caller, id).await?, &caller)))
}

/// All sessions of a course, the latest first.
#[utoipa::path(get, path = "/courses/{id}/sessions", operation_id = "listCourseSessions", tag = "sessions",
    params(("id" = Uuid, Path), Paging),
    responses((status = 200, description = "A page of sessions.", body = Listing<Session>)))]
async fn of_course(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Params(paging): Params<Paging>,
) -> Result<Page<Session>, HttpError> {
    for_action(&control, &caller, course, Action::See).await?;
    page_of_course(&control, &caller, course, false, paging).await
}

/// What a student of the course can look forward to: its sessions that are not over.
#[utoipa::path(get, path = "/courses/{id}/student-sessions", operation_id = "listStudentSessions", tag = "sessions",
    params(("id" = Uuid, Path), Paging),
    responses((status = 200, description = "A page of sessions.", body = Listing<Session>)))]
async fn for_students(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    Params(paging): Params<Paging>,
) -> Result<Page<Session>, HttpError> {
    for_action(&control, &caller, course, Action::Watch).await?;
    page_of_course(&control, &caller, course, true, paging).await
}

async fn page_of_course(
    control: &Control,
    caller: &Caller,
    course: CourseId,
    open: bool,
    paging: Paging,
) -> Result<Page<Session>, HttpError> {
    let slice = paging.checked()?;
    let (sessions, total) =
        rows::of_course(control.db(), caller.id, course, open, slice.limit(), slice.offset()).await?;
    let sessions = sessions.into_iter().map(|session| Session::of(session, caller)).collect();
    let path = if open { "student-sessions" } else { "sessions" };
    Ok(slice.page(&format!("/api/v1/courses/{course}/{path}"), sessions, total))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StartLive {
    /// Of the session that is made when none is due.
    #[schema(example = "Questions before the exam", max_length = 200)]
    title: Option<String>,
}

/// Go on air.
///
/// The session whose time it is goes live; when there is none, one is made. What was published until now
/// stays a preview; the public timeline begins at the next keyframe. On air already, nothing changes.
#[utoipa::path(post, path = "/courses/{id}/start-live", operation_id = "startLive", tag = "sessions",
    params(("id" = Uuid, Path)), request_body = Option<StartLive>,
    responses((status = 200, description = "On air.", body = Success<Session>)))]
async fn start_live(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
    body: Option<Body<StartLive>>,
) -> Result<Data<Session>, HttpError> {
    for_action(&control, &caller, course, Action::GoLive).await?;
    let title = body.and_then(|Body(body)| body.title);
    let title = title.as_deref().map(courses::rules::title).transpose();
    let title = title.map_err(|message| HttpError::invalid("title", message))?;
    let session = control.start_live(course, title).await?;
    Ok(Data(Session::of(visible(&control, &caller, session).await?, &caller)))
}

/// Go off air for good.
#[utoipa::path(post, path = "/courses/{id}/end-live", operation_id = "endLive", tag = "sessions",
    params(("id" = Uuid, Path)), responses(
    (status = 200, description = "Ended.", body = Success<Session>),
    (status = 409, description = "`NOT_LIVE`.")))]
async fn end_live(
    State(control): State<Control>,
    caller: Caller,
    Id(course): Id<CourseId>,
) -> Result<Data<Session>, HttpError> {
    for_action(&control, &caller, course, Action::GoLive).await?;
    let session = control.end_live(course).await?;
    Ok(Data(Session::of(visible(&control, &caller, session).await?, &caller)))
}

impl From<LiveError> for HttpError {
    fn from(error: LiveError) -> Self {
        match error {
            LiveError::NoCourse => Self::NotFound("course"),
            LiveError::NotLive => Self::Conflict("NOT_LIVE", "No session of this course is on air."),
            LiveError::Database(error) => error.into(),
        }
    }
}

/// How a course is doing now.
#[derive(Serialize, ToSchema)]
struct LiveStatus {
    /// `offline`, `preview` (the owner sees it), `live`, `interrupted`, `ended` (a moment ago).
    #[schema(example = "live")]
    state: &'static str,
    /// The session on air, else the one whose lobby is open, else the one that has just ended.
    #[schema(required)]
    session: Option<Session>,
    /// Somebody publishes.
    publishing: bool,
    /// There is something to watch on air.
    playable: bool,
    /// For the owner, while nothing is on air.
    #[schema(required)]
    preview: Option<Preview>,
    /// For who may put the course on air.
    #[schema(required, value_type = Option<Health>)]
    health: Option<PublicationHealth>,
    /// Who watches now.
    viewers: u64,
}

/// What is received before it is a lecture.
#[derive(Serialize, ToSchema)]
struct Preview {
    hls_url: String,
    expires_at: DateTime<Utc>,
}

/// How the publication does.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes `events::PublicationHealth` to the document")]
struct Health {
    /// Over the last seconds.
    bitrate_kbps: u32,
    /// Frames a second, measured.
    frame_rate: f64,
    /// Between the last two keyframes.
    keyframe_interval_s: f64,
    /// Zero without a picture.
    width: u32,
    /// Zero without a picture.
    height: u32,
    /// RFC 6381; empty without.
    #[schema(example = "avc1.64001f")]
    video_codec: String,
    /// RFC 6381; empty without.
    #[schema(example = "mp4a.40.2")]
    audio_codec: String,
    /// `gop_too_long`, `frame_rate_irregular`, `audio_missing`, `video_missing`, `video_too_late`,
    /// `transcoder_behind`, `recording_degraded`.
    warnings: Vec<String>,
    /// Sizes that are made now.
    rungs: Vec<String>,
    /// Frames whose time could not be right.
    timestamps_corrected: u64,
}

/// Is it live?
#[utoipa::path(get, path = "/courses/{id}/live-status", operation_id = "liveStatus", tag = "sessions",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "How the course is doing now.", body = Success<LiveStatus>)))]
async fn live_status(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<CourseId>,
) -> Result<Data<LiveStatus>, HttpError> {
    let course = for_action(&control, &caller, id, Action::See).await?;
    let relation = course.relation(caller.id);
    let runs_it = may(caller.role, relation, course.is_open(), Action::GoLive);
    let now = clock::utc();
    let sessions = rows::candidates(control.db(), id, now).await?;
    let plans: Vec<_> = sessions.iter().map(rows::Session::plan).collect();
    let current = rules::current(&plans, now).and_then(|place| sessions.into_iter().nth(place));
    let status = current.as_ref().map(rows::Session::status);
    let on_air = status.is_some_and(Status::is_on_air);
    let published = control.board().publisher(id) == Publisher::Present;
    let previews = runs_it && published && !on_air;
    let ended =
        if current.is_none() { rows::just_ended(control.db(), id, now - JUST_ENDED).await? } else { None };
    let state = match status {
        Some(Status::Live) => "live",
        Some(Status::Interrupted) => "interrupted",
        Some(Status::Scheduled | Status::Ended | Status::Cancelled) | None if previews => "preview",
        None if ended.is_some() => "ended",
        Some(Status::Scheduled | Status::Ended | Status::Cancelled) | None => "offline",
    };
    let mut answer = LiveStatus {
        state,
        session: None,
        // A rehearsal is nobody else's business.
        publishing: published && (on_air || runs_it),
        playable: false,
        preview: None,
        health: control.board().health(id).filter(|_| runs_it),
        viewers: 0,
    };
    if on_air
        && let Some(session) = &current
        && let Some(epoch) = rows::epoch(control.db(), session.id).await?
    {
        answer.playable = epoch.playable_at.is_some() || control.board().is_playable(id, epoch.id);
        answer.viewers = u64::try_from(control.media().viewers(session.id)).unwrap_or(u64::MAX);
    }
    if !on_air && may(caller.role, relation, course.is_open(), Action::WatchPreview) {
        let grant = playback::routes::preview(&control, caller.id, id, now).await?;
        answer.preview = grant.map(|(hls_url, expires_at)| Preview { hls_url, expires_at });
    }
    if let Some(mut session) = current.or(ended) {
        // The row was read for nobody; what the caller is to the course, its own row says.
        session.ties = course.ties;
        answer.session = Some(Session::of(session, &caller));
    }
    Ok(Data(answer))
}
