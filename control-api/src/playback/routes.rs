//! Being let in.

use access::playback::{Claims, Class, Classes};
use axum::extract::State;
use chrono::{DateTime, Utc};
use ids::{CourseId, EpochId, SessionId, UserId};
use runtime::{clock, random};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    rows,
    rules::{self, Client},
};
use crate::{
    Control, courses,
    enrolments::{self, admission::Opening},
    http::{Body, Caller, Data, HttpError, Id, Success},
    publications::PreviewGrant,
    rights::{Action, Relation, Role, may},
    sessions::{self, routes::visible, rules::Status},
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(grant))
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Wish {
    /// Left out: a player that asks again, as `web`, and does not know where this server is.
    #[serde(default)]
    client: Option<Client>,
}

impl Wish {
    /// What stands before the paths of an answer: our own pages stay on the address they were opened at.
    fn host<'a>(&self, control: &'a Control) -> &'a str {
        match self.client {
            Some(Client::Web) => "",
            Some(Client::Native) | None => control.config().public_url.as_str(),
        }
    }
}

/// Where to watch.
#[derive(Serialize, ToSchema)]
struct Playback {
    /// The playlist: a whole address; for `web` its path on this server.
    #[schema(example = "https://live.school.example/p/k1.sxq9.dl.1z141z3/s/…/dvr/index.m3u8")]
    hls_url: String,
    /// The sound alone.
    audio_url: String,
    /// WebRTC, when the server offers it.
    #[schema(required)]
    whep_url: Option<String>,
    /// Watching back while it runs.
    dvr: bool,
    /// Ask again before; at four fifths of the time is good.
    expires_at: DateTime<Utc>,
}

/// Be let in to a session on air, or its owner to a preview.
///
/// For those who have a place in the course, its teacher, and admins. Each answer is a viewer session of
/// its own.
#[utoipa::path(post, path = "/sessions/{id}/playback", operation_id = "grantPlayback", tag = "playback",
    params(("id" = Uuid, Path)), request_body = Option<Wish>, responses(
    (status = 200, description = "Let in.", body = Success<Playback>),
    (status = 403, description = "Without a place in the course."),
    (status = 409, description = "`NOT_LIVE`: nothing to watch yet. `SESSION_ENDED`: not any more.")))]
async fn grant(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<SessionId>,
    body: Option<Body<Wish>>,
) -> Result<Data<Playback>, HttpError> {
    let wish = body.map(|Body(body)| body).unwrap_or_default();
    let host = wish.host(&control);
    let now = clock::utc();
    if let Some(preview) = sessions::rows::preview(control.db(), id).await? {
        return preview_playback(&control, &caller, preview, host, now).await;
    }
    let session = visible(&control, &caller, id).await?;
    let relation = session.relation(caller.id);
    if !may(caller.role, relation, session.is_open(), Action::Watch) {
        return Err(HttpError::Forbidden("Ask the teacher for a place in this course."));
    }
    let bounded = caller.role != Role::Admin && !relation.is_staff();
    if bounded {
        match session.ties.window().opening(now) {
            Opening::Open => {}
            Opening::NotYet(_) => {
                return Err(HttpError::Conflict(
                    "NOT_OPEN_YET",
                    "Your time in this course has not begun yet.",
                ));
            }
            Opening::Over => return Err(HttpError::Forbidden("Your time in this course is over.")),
        }
    }
    let epoch = on_air(&control, &session).await?;
    let expires_at = rules::expires_at(wish.client.unwrap_or_default(), session.ends_at, now);
    let ends_at = session.ties.window().ends_at().filter(|_| bounded);
    let expires_at = ends_at.map_or(expires_at, |ends_at| expires_at.min(ends_at));
    let sid = random::u64();
    let mut tx = control.db().begin().await?;
    // Read again under a lock: who is being removed at this moment is removed before or after, and in the
    // second case the removal finds this grant.
    let allowed = match relation {
        Relation::Enrolled if caller.role != Role::Admin => {
            enrolments::rows::hold(&mut tx, session.course_id, caller.id).await?
        }
        Relation::Enrolled
        | Relation::Assistant
        | Relation::CoTeacher
        | Relation::Owner
        | Relation::Applicant
        | Relation::Stranger => true,
    };
    if !allowed {
        return Err(HttpError::Forbidden("Ask the teacher for a place in this course."));
    }
    let (user, course) = (caller.id, session.course_id);
    let insert = rows::Insert { sid, user, course, session: id, epoch, now, expires_at };
    rows::insert(&mut tx, insert).await?;
    tx.commit().await?;
    let classes = Classes::only(Class::Live);
    let classes = if session.dvr { classes.and(Class::Dvr) } else { classes };
    let base = base(&control, classes, sid, expires_at, id, epoch);
    let view = if session.dvr { "dvr/" } else { "" };
    Ok(Data(Playback {
        hls_url: format!("{host}{base}/{view}index.m3u8"),
        audio_url: format!("{host}{base}/{view}audio.m3u8"),
        whep_url: None,
        dvr: session.dvr,
        expires_at,
    }))
}

/// The session's timeline, once there is something in it.
async fn on_air(control: &Control, session: &sessions::rows::Session) -> Result<EpochId, HttpError> {
    const NOT_YET: HttpError = HttpError::Conflict("NOT_LIVE", "There is nothing to watch yet.");
    match session.status() {
        Status::Live | Status::Interrupted => {}
        Status::Scheduled => return Err(NOT_YET),
        Status::Ended | Status::Cancelled => {
            return Err(HttpError::Conflict("SESSION_ENDED", "This session is over."));
        }
    }
    let epoch = sessions::rows::epoch(control.db(), session.id).await?.ok_or(NOT_YET)?;
    let playable = epoch.playable_at.is_some() || control.board().is_playable(session.course_id, epoch.id);
    if playable { Ok(epoch.id) } else { Err(NOT_YET) }
}

async fn preview_playback(
    control: &Control,
    caller: &Caller,
    found: sessions::rows::Preview,
    host: &str,
    now: DateTime<Utc>,
) -> Result<Data<Playback>, HttpError> {
    const NONE: HttpError = HttpError::NotFound("session");
    let course = courses::rows::by_id(control.db(), caller.id, found.course_id).await?.ok_or(NONE)?;
    if !may(caller.role, course.relation(caller.id), course.is_open(), Action::WatchPreview) {
        return Err(NONE);
    }
    let granted = preview(control, caller.id, found.course_id, now).await?;
    let (path, expires_at) =
        granted.ok_or(HttpError::Conflict("NOT_LIVE", "There is nothing to watch yet."))?;
    let hls_url = format!("{host}{path}");
    let audio_url = hls_url.replace("/index.m3u8", "/audio.m3u8");
    Ok(Data(Playback { hls_url, audio_url, whep_url: None, dvr: false, expires_at }))
}

/// The owner's grant to what is received now and not on air; none while there is nothing to see. Grants
/// to previews are not stored: nobody is ever removed from his own.
pub(crate) async fn preview(
    control: &Control,
    owner: UserId,
    course: CourseId,
    now: DateTime<Utc>,
) -> Result<Option<(String, DateTime<Utc>)>, db::Error> {
    let Some(preview) = sessions::rows::open_preview(control.db(), course).await? else { return Ok(None) };
    let epoch = preview.epoch_id;
    if !control.board().is_playable(course, epoch) {
        return Ok(None);
    }
    let kept = control.board().preview_grant(course, epoch, owner);
    if let Some(kept) = kept.filter(|kept| rules::is_fresh(kept.expires_at, now)) {
        return Ok(Some((kept.hls_url, kept.expires_at)));
    }
    let expires_at = rules::expires_at(Client::Web, now, now);
    let classes = Classes::only(Class::Preview);
    let base = base(control, classes, random::u64(), expires_at, preview.id, epoch);
    let hls_url = format!("{base}/index.m3u8");
    let grant = PreviewGrant { hls_url: hls_url.clone(), expires_at };
    control.board().keep_preview_grant(course, epoch, owner, grant);
    Ok(Some((hls_url, expires_at)))
}

fn base(
    control: &Control,
    classes: Classes,
    sid: u64,
    expires_at: DateTime<Utc>,
    session: SessionId,
    epoch: EpochId,
) -> String {
    let exp_unix_s = u64::try_from(expires_at.timestamp()).unwrap_or(0);
    let token = control.keyring().sign(Claims { exp_unix_s, classes, sid }, session, epoch);
    format!("/p/{}/s/{session}/{epoch}", token.expose())
}
