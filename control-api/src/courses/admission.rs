//! Whom a course admits: prerequisites, and the criteria of a restricted one.

use axum::extract::State;
use db::{Tx, q};
use ids::{BatchId, CourseId};
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::routes::for_action;
use crate::{
    Control, batches,
    enrolments::admission::Criterion,
    http::{Body, Caller, Data, HttpError, Id, Success, error::Details},
    rights::Action,
};

pub(super) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new().routes(routes!(read, change))
}

const PREREQUISITES_MAX: usize = 20;
const CRITERIA_MAX: usize = 50;
const DOMAIN_LEN_MAX: usize = 253;

/// The courses that have to be completed before this one.
pub(crate) async fn required(tx: &mut Tx, course: CourseId) -> Result<Vec<CourseId>, db::Error> {
    let rows: Vec<(Uuid,)> = q("select required_id from prerequisites where course_id = $1")
        .bind(course.as_uuid())
        .all(tx)
        .await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// Whom the course admits while it is restricted.
pub(crate) async fn criteria(tx: &mut Tx, course: CourseId) -> Result<Vec<Criterion>, db::Error> {
    let rows: Vec<(String, String)> =
        q("select kind, value from criteria where course_id = $1 order by kind, value")
            .bind(course.as_uuid())
            .all(tx)
            .await?;
    let criterion = |(kind, value): (String, String)| match kind.as_str() {
        "email_domain" => Some(Criterion::EmailDomain(value)),
        "batch" => value.parse().ok().map(Criterion::Batch),
        "completed_course" => value.parse().ok().map(Criterion::CompletedCourse),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(criterion).collect())
}

/// Whom a course admits.
#[derive(Serialize, ToSchema)]
struct Admission {
    /// All of them have to be completed first.
    prerequisites: Vec<Prerequisite>,
    /// A restricted course admits whose address is of one of these domains; only its staff read them.
    #[schema(example = json!(["school.example"]))]
    email_domains: Vec<String>,
    /// Or who has a place in one of these batches.
    #[schema(value_type = Vec<Uuid>)]
    batches: Vec<BatchId>,
    /// Or who has completed one of these courses.
    #[schema(value_type = Vec<Uuid>)]
    completed_courses: Vec<CourseId>,
}

/// A course that has to be completed first.
#[derive(Serialize, ToSchema, sqlx::FromRow)]
struct Prerequisite {
    #[schema(value_type = Uuid)]
    #[sqlx(try_from = "Uuid")]
    id: CourseId,
    slug: String,
    #[schema(example = "Arithmetic")]
    title: String,
    /// I have completed it.
    completed: bool,
}

/// Whom does the course admit?
#[utoipa::path(get, path = "/courses/{id}/admission", operation_id = "readAdmission", tag = "courses",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "What has to be so.", body = Success<Admission>)))]
async fn read(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<CourseId>,
) -> Result<Data<Admission>, HttpError> {
    let course = for_action(&control, &caller, id, Action::See).await?;
    let is_staff =
        crate::rights::may(caller.role, course.relation(caller.id), course.is_open(), Action::Enrol);
    Ok(Data(admission(&control, &caller, id, is_staff).await?))
}

async fn admission(
    control: &Control,
    caller: &Caller,
    course: CourseId,
    is_staff: bool,
) -> Result<Admission, HttpError> {
    let prerequisites = q("select r.id, r.slug, r.title, exists (select 1 from enrolments e \
           where e.course_id = r.id and e.user_id = $2 and e.status = 'active' and e.state = 'completed') \
           as completed from prerequisites p join courses r on r.id = p.required_id \
           where p.course_id = $1 order by r.title, r.id")
    .bind(course.as_uuid())
    .bind(caller.id.as_uuid())
    .all(control.db())
    .await?;
    let mut admission = Admission {
        prerequisites,
        email_domains: Vec::new(),
        batches: Vec::new(),
        completed_courses: Vec::new(),
    };
    if is_staff {
        let mut tx = control.db().begin().await?;
        for criterion in criteria(&mut tx, course).await? {
            match criterion {
                Criterion::EmailDomain(domain) => admission.email_domains.push(domain),
                Criterion::Batch(batch) => admission.batches.push(batch),
                Criterion::CompletedCourse(course) => admission.completed_courses.push(course),
            }
        }
    }
    Ok(admission)
}

/// What is left out stays; a list takes the place of the one there was.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AdmissionChange {
    #[schema(value_type = Option<Vec<Uuid>>, max_items = 20)]
    prerequisites: Option<Vec<CourseId>>,
    #[schema(max_items = 50, example = json!(["school.example"]))]
    email_domains: Option<Vec<String>>,
    #[schema(value_type = Option<Vec<Uuid>>, max_items = 50)]
    batches: Option<Vec<BatchId>>,
    #[schema(value_type = Option<Vec<Uuid>>, max_items = 50)]
    completed_courses: Option<Vec<CourseId>>,
}

/// Change whom the course admits. Who is in stays.
#[utoipa::path(patch, path = "/courses/{id}/admission", operation_id = "changeAdmission", tag = "courses",
    params(("id" = Uuid, Path)), request_body = AdmissionChange, responses(
    (status = 200, description = "Changed.", body = Success<Admission>),
    (status = 409, description = "`CIRCLE`: a prerequisite requires this course itself.")))]
async fn change(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<CourseId>,
    Body(given): Body<AdmissionChange>,
) -> Result<Data<Admission>, HttpError> {
    for_action(&control, &caller, id, Action::Change).await?;
    let domains = checked(&given)?;
    for course in given.prerequisites.iter().flatten().chain(given.completed_courses.iter().flatten()) {
        for_action(&control, &caller, *course, Action::See).await?;
    }
    for batch in given.batches.iter().flatten() {
        let none = HttpError::invalid("batches", "There is no such batch among your courses.");
        let Some(found) = batches::rows::by_id(control.db(), *batch).await? else { return Err(none) };
        for_action(&control, &caller, found.course_id, Action::Enrol).await.map_err(|_| none)?;
    }
    let now = clock::utc();
    let mut tx = control.db().begin().await?;
    super::rows::lock(&mut tx, id).await?.ok_or(HttpError::NotFound("course"))?;
    if let Some(prerequisites) = &given.prerequisites {
        replace_prerequisites(&mut tx, id, prerequisites).await?;
    }
    let texts = |ids: &[Uuid]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let batches =
        given.batches.as_ref().map(|ids| texts(&ids.iter().map(BatchId::as_uuid).collect::<Vec<_>>()));
    let completed = given
        .completed_courses
        .as_ref()
        .map(|ids| texts(&ids.iter().map(CourseId::as_uuid).collect::<Vec<_>>()));
    for (kind, values) in [("email_domain", domains), ("batch", batches), ("completed_course", completed)] {
        if let Some(values) = values {
            replace_criteria(&mut tx, id, kind, &values).await?;
        }
    }
    q("update courses set updated_at = $2 where id = $1").bind(id.as_uuid()).bind(now).run(&mut tx).await?;
    tx.commit().await?;
    Ok(Data(admission(&control, &caller, id, true).await?))
}

/// The domains in lower case, when everything is in bounds.
fn checked(given: &AdmissionChange) -> Result<Option<Vec<String>>, HttpError> {
    let mut faults = Details::new();
    let mut limit = |field: &str, len: Option<usize>, max: usize| {
        if len.is_some_and(|len| len > max) {
            faults.insert(field.into(), vec![format!("At most {max}.")]);
        }
    };
    limit("prerequisites", given.prerequisites.as_ref().map(Vec::len), PREREQUISITES_MAX);
    limit("email_domains", given.email_domains.as_ref().map(Vec::len), CRITERIA_MAX);
    limit("batches", given.batches.as_ref().map(Vec::len), CRITERIA_MAX);
    limit("completed_courses", given.completed_courses.as_ref().map(Vec::len), CRITERIA_MAX);
    let domain = |text: &str| {
        let text = text.trim().trim_start_matches('@').to_lowercase();
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.');
        let good = text.contains('.')
            && text.len() <= DOMAIN_LEN_MAX
            && text.chars().all(plain)
            && text.split('.').all(|label| !label.is_empty());
        good.then_some(text)
    };
    let domains: Option<Option<Vec<_>>> =
        given.email_domains.as_ref().map(|domains| domains.iter().map(|text| domain(text)).collect());
    if matches!(domains, Some(None)) {
        faults.insert("email_domains".into(), vec!["Domains such as school.example.".into()]);
    }
    if faults.is_empty() { Ok(domains.flatten()) } else { Err(HttpError::Invalid(faults)) }
}

async fn replace_prerequisites(
    tx: &mut Tx,
    course: CourseId,
    required: &[CourseId],
) -> Result<(), HttpError> {
    const CIRCLE: HttpError =
        HttpError::Conflict("CIRCLE", "A course cannot require itself, not even by way of others.");
    q("delete from prerequisites where course_id = $1").bind(course.as_uuid()).run(&mut *tx).await?;
    for id in required {
        let (circles,): (i64,) = q("with recursive needed (id) as (\
                 select required_id from prerequisites where course_id = $1 \
                 union select p.required_id from prerequisites p join needed on p.course_id = needed.id) \
                 select count(*) from needed where id = $2")
        .bind(id.as_uuid())
        .bind(course.as_uuid())
        .one(&mut *tx)
        .await?;
        if *id == course || circles > 0 {
            return Err(CIRCLE);
        }
        q("insert into prerequisites (course_id, required_id) values ($1, $2) on conflict do nothing")
            .bind(course.as_uuid())
            .bind(id.as_uuid())
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}

async fn replace_criteria(
    tx: &mut Tx,
    course: CourseId,
    kind: &'static str,
    values: &[String],
) -> Result<(), db::Error> {
    q("delete from criteria where course_id = $1 and kind = $2")
        .bind(course.as_uuid())
        .bind(kind)
        .run(&mut *tx)
        .await?;
    for value in values {
        q("insert into criteria (course_id, kind, value) values ($1, $2, $3) on conflict do nothing")
            .bind(course.as_uuid())
            .bind(kind)
            .bind(value.as_str())
            .run(&mut *tx)
            .await?;
    }
    Ok(())
}
