//! Courses over HTTP.

use axum::extract::State;
use chrono::{DateTime, Utc};
use ids::{CourseId, UserId};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    rows,
    rules::{self, Access, Chat},
};
use crate::{
    Control,
    http::{
        Body, Caller, Created, Data, HttpError, Id, Listing, Page, Paging, Params, Success, error::Details,
        new_id,
    },
    rights::{Action, Relation, may, may_create_courses},
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(read, change))
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
    /// Who may find it: `public` or `private`.
    #[schema(example = "private")]
    access: String,
    /// Watching back while the lecture runs.
    dvr: bool,
    /// Who may write: `everyone`, `teacher_only`, `off`.
    #[schema(example = "everyone")]
    chat: String,
    /// Places.
    capacity: i64,
    /// A session of it is on air.
    is_live: bool,
    /// The caller teaches it.
    is_owner: bool,
    /// The caller has a place in it.
    is_enrolled: bool,
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

impl Course {
    fn of(course: rows::Course, caller: &Caller) -> Self {
        let relation = course.relation(caller.id);
        Self {
            id: course.id,
            slug: course.slug,
            title: course.title,
            description: course.description,
            teacher: Teacher { id: course.teacher_id, full_name: course.teacher_name },
            access: course.access,
            dvr: course.dvr,
            chat: course.chat,
            capacity: course.capacity,
            is_live: course.on_air,
            is_owner: relation == Relation::Owner,
            is_enrolled: course.enrolled,
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

/// Courses I may see, newest first.
#[utoipa::path(get, path = "/courses", operation_id = "listCourses", tag = "courses", params(Paging),
    responses((status = 200, description = "A page of courses.", body = Listing<Course>)))]
async fn list(
    State(control): State<Control>,
    caller: Caller,
    Params(paging): Params<Paging>,
) -> Result<Page<Course>, HttpError> {
    let slice = paging.checked()?;
    let (courses, total) =
        rows::list(control.db(), caller.id, caller.role, slice.limit(), slice.offset()).await?;
    let courses = courses.into_iter().map(|course| Course::of(course, &caller)).collect();
    Ok(slice.page("/api/v1/courses", courses, total))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCourse {
    #[schema(example = "Linear Algebra", max_length = 200)]
    title: String,
    #[serde(default)]
    #[schema(max_length = 10_000)]
    description: String,
    /// Watching back while the lecture runs; unless said otherwise, yes.
    #[serde(default = "yes")]
    #[schema(default = true)]
    dvr: bool,
    #[serde(default)]
    access: Access,
    #[serde(default)]
    chat: Chat,
    /// Places; 100 unless said otherwise.
    #[schema(minimum = 1, maximum = 100_000)]
    capacity: Option<u32>,
}

const fn yes() -> bool {
    true
}

/// Make a course of mine.
#[utoipa::path(post, path = "/courses", operation_id = "createCourse", tag = "courses", request_body = NewCourse,
    responses((status = 201, description = "Made.", body = Success<Course>)))]
async fn create(
    State(control): State<Control>,
    caller: Caller,
    Body(given): Body<NewCourse>,
) -> Result<Created<Course>, HttpError> {
    if !may_create_courses(caller.role) {
        return Err(HttpError::Forbidden("Only teachers make courses."));
    }
    let capacity = given.capacity.unwrap_or(rules::CAPACITY);
    let fields = checked(Some(&given.title), Some(&given.description), Some(capacity))?;
    let id: CourseId = new_id();
    let title = fields.title.unwrap_or_default();
    let text = id.as_uuid().simple().to_string();
    let insert = rows::Insert {
        id,
        slug: &rules::slug(title, &text[text.len() - 8..]),
        title,
        description: fields.description.unwrap_or_default(),
        teacher: caller.id,
        access: given.access,
        dvr: given.dvr,
        chat: given.chat,
        capacity,
        now: clock::utc(),
    };
    rows::insert(control.db(), insert).await?;
    let course = rows::by_id(control.db(), caller.id, id).await?.ok_or(db::Error::NoRow)?;
    Ok(Created(Course::of(course, &caller)))
}

/// One course.
#[utoipa::path(get, path = "/courses/{id}", operation_id = "readCourse", tag = "courses",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The course.", body = Success<Course>)))]
async fn read(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<CourseId>,
) -> Result<Data<Course>, HttpError> {
    let course = for_action(&control, &caller, id, Action::See).await?;
    Ok(Data(Course::of(course, &caller)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CourseChange {
    #[schema(max_length = 200)]
    title: Option<String>,
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// Counts from the next playback grant on.
    dvr: Option<bool>,
    access: Option<Access>,
    chat: Option<Chat>,
    #[schema(minimum = 1, maximum = 100_000)]
    capacity: Option<u32>,
}

/// Change a course; what is left out stays.
#[utoipa::path(patch, path = "/courses/{id}", operation_id = "changeCourse", tag = "courses",
    params(("id" = Uuid, Path)), request_body = CourseChange,
    responses((status = 200, description = "Changed.", body = Success<Course>)))]
async fn change(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<CourseId>,
    Body(given): Body<CourseChange>,
) -> Result<Data<Course>, HttpError> {
    for_action(&control, &caller, id, Action::Change).await?;
    let fields = checked(given.title.as_deref(), given.description.as_deref(), given.capacity)?;
    let change = rows::Update { access: given.access, dvr: given.dvr, chat: given.chat, ..fields };
    rows::update(control.db(), id, change, clock::utc()).await?;
    let course = rows::by_id(control.db(), caller.id, id).await?.ok_or(db::Error::NoRow)?;
    Ok(Data(Course::of(course, &caller)))
}

/// All faults at once, field by field.
fn checked<'a>(
    title: Option<&'a str>,
    description: Option<&'a str>,
    capacity: Option<u32>,
) -> Result<rows::Update<'a>, HttpError> {
    let mut details = Details::new();
    let mut fault = |field: &str, message: String| {
        details.insert(field.into(), vec![message]);
    };
    let mut fields = rows::Update::default();
    match title.map(rules::title).transpose() {
        Ok(title) => fields.title = title,
        Err(message) => fault("title", message),
    }
    match description.map(rules::description).transpose() {
        Ok(description) => fields.description = description,
        Err(message) => fault("description", message),
    }
    match capacity.map(rules::capacity).transpose() {
        Ok(capacity) => fields.capacity = capacity,
        Err(message) => fault("capacity", message),
    }
    if details.is_empty() { Ok(fields) } else { Err(HttpError::Invalid(details)) }
}
