//! Courses over HTTP.

use axum::{
    Json,
    extract::{FromRequestParts, State},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use http::{StatusCode, request::Parts};
use ids::{CategoryId, CourseId, EnrolmentId, UserId};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    admission,
    fields::CourseFields,
    listing::{self, Cursor, Mine, Sort, Wanted},
    rows,
    rules::{self, Access, Chat, Level, Mode, Stage},
};
use crate::{
    Control, enrolments,
    http::{Body, Caller, Created, Data, HttpError, Id, Paging, Params, Success, new_id},
    rights::{Action, Relation, Role, may, may_create_courses},
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, delete))
        .merge(admission::router())
}

/// A course, as the caller sees it.
#[derive(Serialize, ToSchema)]
struct Course {
    #[schema(value_type = Uuid)]
    id: CourseId,
    /// For addresses people read; it stays when the title changes.
    #[schema(example = "linear-algebra-7k2m9q")]
    slug: String,
    #[schema(example = "Linear Algebra")]
    title: String,
    description: String,
    teacher: Teacher,
    #[schema(required)]
    category: Option<InCategory>,
    access: Access,
    stage: Stage,
    /// Those without a place find it.
    listed: bool,
    /// In the currency's minor unit; 0 is free.
    price_minor: i64,
    #[schema(example = "VND")]
    currency: String,
    level: Level,
    /// BCP 47.
    #[schema(required, example = "vi")]
    language: Option<String>,
    mode: Mode,
    /// Watching back while the lecture runs.
    dvr: bool,
    /// Who may write.
    chat: Chat,
    /// Sessions are recorded.
    record: bool,
    /// A recording is kept so many days.
    #[schema(required)]
    recording_days: Option<i64>,
    /// Places.
    capacity: i64,
    /// Places that are taken.
    taken: i64,
    /// Who finds no place may wait for one.
    waiting_list: bool,
    /// From then on who has a place may watch.
    #[schema(required)]
    access_from: Option<DateTime<Utc>>,
    /// Until then.
    #[schema(required)]
    access_until: Option<DateTime<Utc>>,
    /// And for so many days from the day he got it.
    #[schema(required)]
    access_days: Option<i64>,
    /// A session of it is on air.
    is_live: bool,
    /// The next one that is planned.
    #[schema(required)]
    next_session_at: Option<DateTime<Utc>>,
    /// The caller is its teacher.
    is_owner: bool,
    /// What the caller is to it: `owner`, `co_teacher`, `assistant`, `student`, `applicant`, or nothing.
    #[schema(required, example = "student")]
    my_part: Option<&'static str>,
    /// The caller has a place in it.
    is_enrolled: bool,
    /// Where the caller stands with it, if he ever did.
    #[schema(required)]
    enrolment: Option<MyEnrolment>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

/// Who teaches.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Teacher {
    #[schema(value_type = Uuid)]
    pub(crate) id: UserId,
    #[schema(example = "Minh Tran")]
    pub(crate) full_name: String,
}

/// Where in the tree.
#[derive(Serialize, ToSchema)]
struct InCategory {
    #[schema(value_type = Uuid)]
    id: CategoryId,
    #[schema(example = "Mathematics")]
    name: String,
    slug: String,
}

/// Where I stand.
#[derive(Serialize, ToSchema)]
struct MyEnrolment {
    #[schema(value_type = Uuid)]
    id: EnrolmentId,
    /// See `Enrolment`.
    #[schema(example = "waitlisted")]
    status: &'static str,
}

impl Course {
    fn of(course: rows::Course, caller: &Caller) -> Self {
        let relation = course.relation(caller.id);
        let my_part = match relation {
            Relation::Stranger => None,
            Relation::Applicant => Some("applicant"),
            Relation::Enrolled => Some("student"),
            Relation::Assistant => Some("assistant"),
            Relation::CoTeacher => Some("co_teacher"),
            Relation::Owner => Some("owner"),
        };
        let category = course.category().map(|of| InCategory { id: of.id, name: of.name, slug: of.slug });
        let enrolment = course.ties.enrolment().map(|(id, state)| MyEnrolment { id, status: state.word() });
        let is_enrolled = course.ties.state().is_some_and(enrolments::state::State::watches);
        Self {
            id: course.id,
            category,
            access: course.access(),
            stage: course.stage(),
            level: course.level(),
            mode: course.mode(),
            chat: course.chat(),
            slug: course.slug,
            title: course.title,
            description: course.description,
            teacher: Teacher { id: course.teacher_id, full_name: course.teacher_name },
            listed: course.listed,
            price_minor: course.price_minor,
            currency: course.currency,
            language: course.language,
            dvr: course.dvr,
            record: course.record,
            recording_days: course.recording_days,
            capacity: course.capacity,
            taken: course.taken,
            waiting_list: course.waiting_list,
            access_from: course.ties.access_from,
            access_until: course.ties.access_until,
            access_days: course.access_days,
            is_live: course.on_air,
            next_session_at: course.next_session_at,
            is_owner: relation == Relation::Owner,
            my_part,
            is_enrolled,
            enrolment,
            created_at: course.created_at,
            updated_at: course.updated_at,
        }
    }
}

/// The course, if the caller may do this to it. One who may not see it hears that there is none.
pub(crate) async fn for_action(
    control: &Control,
    caller: &Caller,
    id: CourseId,
    action: Action,
) -> Result<rows::Course, HttpError> {
    const NONE: HttpError = HttpError::NotFound("course");
    let course = rows::by_id(control.db(), caller.id, id).await?.ok_or(NONE)?;
    let (relation, open) = (course.relation(caller.id), course.is_open());
    if !may(caller.role, relation, open, Action::See) {
        return Err(NONE);
    }
    if !may(caller.role, relation, open, action) {
        return Err(HttpError::Forbidden("That is for the course's teacher."));
    }
    Ok(course)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Catalogue {
    /// Words of title, description or teacher's name; accents do not matter. At most four count.
    #[param(example = "dai so")]
    q: Option<String>,
    /// Of this category, or one below it.
    #[param(value_type = Option<Uuid>)]
    category: Option<CategoryId>,
    #[param(inline)]
    access: Option<Access>,
    #[param(inline)]
    level: Option<Level>,
    #[param(inline)]
    mode: Option<Mode>,
    /// BCP 47, exactly.
    language: Option<String>,
    /// `true`: that cost nothing.
    free: Option<bool>,
    /// Of this teacher.
    #[param(value_type = Option<Uuid>)]
    teacher: Option<UserId>,
    /// `teaching` or `learning`.
    #[param(inline)]
    mine: Option<Mine>,
    #[param(inline)]
    sort: Option<Sort>,
    /// `links.next` of a page has it: what follows, however the list grows meanwhile. Takes the place of `page`.
    cursor: Option<String>,
    /// Counted from 1.
    #[param(minimum = 1, maximum = 10_000, default = 1)]
    page: Option<u32>,
    /// Entries of a page, at most 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
}

/// A page of courses.
#[derive(Serialize, ToSchema)]
struct CourseListing {
    /// Always true.
    success: bool,
    data: Vec<Course>,
    meta: CourseListingMeta,
    links: CourseListingLinks,
}

/// Where in the list this is.
#[derive(Serialize, ToSchema)]
struct CourseListingMeta {
    total: i64,
    /// Nothing after a cursor.
    #[schema(required)]
    page: Option<u32>,
    per_page: u32,
    /// For `cursor`; nothing at the end.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Where the rest of the list is.
#[derive(Serialize, ToSchema)]
struct CourseListingLinks {
    #[serde(rename = "self")]
    this: String,
    #[schema(required)]
    next: Option<String>,
    #[schema(required)]
    prev: Option<String>,
}

impl IntoResponse for CourseListing {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// Courses that I may find.
///
/// Published ones that are listed, and whatever I teach, learn or wait for.
#[utoipa::path(get, path = "/courses", operation_id = "listCourses", tag = "courses", params(Catalogue),
    responses((status = 200, description = "A page of courses.", body = CourseListing)))]
async fn list(
    State(control): State<Control>,
    caller: Caller,
    asked: Query,
    Params(given): Params<Catalogue>,
) -> Result<CourseListing, HttpError> {
    let slice = Paging::of(given.page, given.per_page).checked()?;
    let sort = given.sort.unwrap_or_default();
    let wrong = || HttpError::invalid("cursor", "Take it from the page before, with the same sort.");
    let cursor = match (&given.cursor, given.page) {
        (Some(_), Some(_)) => return Err(HttpError::invalid("cursor", "Give either a cursor or a page.")),
        (Some(text), None) => Some(Cursor::decode(text, sort).ok_or_else(wrong)?),
        (None, _) => None,
    };
    let wanted = Wanted {
        patterns: listing::patterns(given.q.as_deref()),
        category: given.category,
        access: given.access,
        level: given.level,
        mode: given.mode,
        language: given.language.map(|text| text.replace('\0', "")),
        free: given.free,
        teacher: given.teacher,
        mine: given.mine,
    };
    let (page, per_page) = (given.page.unwrap_or(1), slice.limit());
    let offset = if cursor.is_some() { 0 } else { slice.offset() };
    let all = caller.role == Role::Admin;
    // One more than asked for: whether there is a next page.
    let limits = (per_page + 1, offset);
    let (mut courses, total) =
        listing::list(control.db(), caller.id, all, &wanted, sort, cursor.as_ref(), limits).await?;
    let more = courses.len() > per_page as usize;
    courses.truncate(per_page as usize);
    let next_cursor = courses.last().filter(|_| more).map(|last| Cursor::after(last, sort).encode());
    let by_cursor = cursor.is_some();
    let next = match (&next_cursor, by_cursor) {
        (Some(cursor), true) => Some(asked.with("cursor", cursor)),
        (Some(_), false) => Some(asked.with("page", &(page + 1).to_string())),
        (None, _) => None,
    };
    let links = CourseListingLinks {
        this: if by_cursor { asked.whole() } else { asked.with("page", &page.to_string()) },
        next,
        prev: (!by_cursor && page > 1).then(|| asked.with("page", &(page - 1).to_string())),
    };
    let meta = CourseListingMeta { total, page: (!by_cursor).then_some(page), per_page, next_cursor };
    let data = courses.into_iter().map(|course| Course::of(course, &caller)).collect();
    Ok(CourseListing { success: true, data, meta, links })
}

/// The query as it was asked, to make the links of a list from.
struct Query(String);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(parts.uri.query().unwrap_or_default().to_owned()))
    }
}

impl Query {
    /// The same list elsewhere.
    fn with(&self, name: &str, value: &str) -> String {
        let kept = |pair: &&str| {
            let of = pair.split('=').next().unwrap_or_default();
            !pair.is_empty() && !matches!(of, "page" | "cursor")
        };
        let rest: Vec<_> = self.0.split('&').filter(kept).collect();
        let rest = if rest.is_empty() { String::new() } else { format!("&{}", rest.join("&")) };
        format!("/api/v1/courses?{name}={value}{rest}")
    }

    fn whole(&self) -> String {
        format!("/api/v1/courses?{}", self.0)
    }
}

/// Make a course of mine.
#[utoipa::path(post, path = "/courses", operation_id = "createCourse", tag = "courses", request_body = CourseFields,
    responses((status = 201, description = "Made.", body = Success<Course>)))]
async fn create(
    State(control): State<Control>,
    caller: Caller,
    Body(given): Body<CourseFields>,
) -> Result<Created<Course>, HttpError> {
    if !may_create_courses(caller.role) {
        return Err(HttpError::Forbidden("Only teachers make courses."));
    }
    let fields = given.checked()?;
    let title = fields.title.ok_or_else(|| HttpError::invalid("title", "This field is required."))?;
    let id: CourseId = new_id();
    let text = id.as_uuid().simple().to_string();
    let insert = rows::Insert {
        id,
        slug: &rules::slug(title, &text[text.len() - 8..]),
        title,
        description: fields.description.unwrap_or_default(),
        teacher: caller.id,
        access: fields.access.unwrap_or_default(),
        dvr: fields.dvr.unwrap_or(true),
        chat: fields.chat.unwrap_or_default(),
        capacity: fields.capacity.unwrap_or(rules::CAPACITY),
        now: clock::utc(),
    };
    let mut tx = control.db().begin().await?;
    rows::insert(&mut tx, insert).await?;
    rows::update(&mut tx, id, fields, insert.now).await.map_err(stored)?;
    tx.commit().await?;
    let course = rows::by_id(control.db(), caller.id, id).await?.ok_or(db::Error::NoRow)?;
    Ok(Created(Course::of(course, &caller)))
}

/// What the tables refuse of a course's fields.
fn stored(error: db::Error) -> HttpError {
    if error.is_unique() {
        return HttpError::invalid("slug", "Another course has this address.");
    }
    if matches!(error, db::Error::Reference) {
        return HttpError::invalid("category_id", "There is no such category.");
    }
    error.into()
}

/// A course by its id or its slug. What is neither names nothing: 404.
struct Named(String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let Id(name) = Id::<String>::from_request_parts(parts, state).await?;
        Ok(Self(name))
    }
}

/// One course, by its id or its slug.
#[utoipa::path(get, path = "/courses/{id}", operation_id = "readCourse", tag = "courses",
    params(("id" = String, Path, description = "An id or a slug.")),
    responses((status = 200, description = "The course.", body = Success<Course>)))]
async fn read(
    State(control): State<Control>,
    caller: Caller,
    Named(name): Named,
) -> Result<Data<Course>, HttpError> {
    let id = match name.parse() {
        Ok(id) => Some(id),
        Err(_) if rules::own_slug(&name).is_ok() => rows::by_slug(control.db(), &name).await?,
        Err(_) => None,
    };
    let id = id.ok_or(HttpError::NotFound("course"))?;
    let course = for_action(&control, &caller, id, Action::See).await?;
    Ok(Data(Course::of(course, &caller)))
}

/// Change a course; what is left out stays.
#[utoipa::path(patch, path = "/courses/{id}", operation_id = "changeCourse", tag = "courses",
    params(("id" = Uuid, Path)), request_body = CourseFields,
    responses((status = 200, description = "Changed.", body = Success<Course>)))]
async fn change(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<CourseId>,
    Body(given): Body<CourseFields>,
) -> Result<Data<Course>, HttpError> {
    for_action(&control, &caller, id, Action::Change).await?;
    let fields = given.checked()?;
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    rows::lock(&mut tx, id).await?.ok_or(HttpError::NotFound("course"))?;
    rows::update(&mut tx, id, fields, now).await.map_err(stored)?;
    // There may be more places than before.
    enrolments::act::refill(&mut tx, id, now).await?;
    tx.commit().await?;
    let course = rows::by_id(control.db(), caller.id, id).await?.ok_or(db::Error::NoRow)?;
    Ok(Data(Course::of(course, &caller)))
}

/// Remove a course that nothing has happened in.
#[utoipa::path(delete, path = "/courses/{id}", operation_id = "deleteCourse", tag = "courses",
    params(("id" = Uuid, Path)), responses(
    (status = 204, description = "Removed."),
    (status = 409, description = "`COURSE_IN_USE`: it was on air, or somebody has or wanted a place. Archive it.")))]
async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<CourseId>,
) -> Result<StatusCode, HttpError> {
    for_action(&control, &caller, id, Action::Own).await?;
    let mut tx = control.db().begin().await?;
    rows::lock(&mut tx, id).await?.ok_or(HttpError::NotFound("course"))?;
    if !rows::delete_unused(&mut tx, id).await? {
        return Err(HttpError::Conflict(
            "COURSE_IN_USE",
            "This course has been on air, or has students. Archive it instead: they keep what they had.",
        ));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
