//! Categories over HTTP. Everybody reads them, admins keep them.

use axum::extract::State;
use http::StatusCode;
use ids::CategoryId;
use runtime::clock;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    rows,
    tree::{self, DEPTH_MAX, Fault},
};
use crate::{
    Control,
    courses::{fields::given, rules},
    http::{Body, Caller, Created, Data, HttpError, Id, Success, error::Details, new_id},
    rights::may_keep_categories,
};

pub(crate) fn router() -> OpenApiRouter<Control> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, delete))
        .routes(routes!(list_of_courses))
}

const NAME_CHARS_MAX: usize = 100;
const DESCRIPTION_CHARS_MAX: usize = 1000;
/// No school has more; the whole tree is one answer.
const CATEGORIES_MAX: usize = 1000;

/// A category.
#[derive(Clone, Serialize, ToSchema)]
struct Category {
    #[schema(value_type = Uuid)]
    id: CategoryId,
    #[schema(required, value_type = Option<Uuid>)]
    parent_id: Option<CategoryId>,
    /// How far below the top.
    depth: usize,
    #[schema(example = "mathematics")]
    slug: String,
    #[schema(example = "Mathematics")]
    name: String,
    description: String,
    /// Among its siblings, small first.
    position: i64,
    /// Offered in the catalogue.
    active: bool,
    /// How many courses can be found exactly here.
    courses: i64,
}

/// The tree in its order; `all`: also what is not active, and what stands below it.
async fn tree(control: &Control, all: bool) -> Result<Vec<Category>, HttpError> {
    let rows = rows::all(control.db()).await?;
    let links: Vec<_> = rows.iter().filter(|row| all || row.active).map(rows::Category::link).collect();
    let category = |(id, depth): (CategoryId, usize)| {
        let row = rows.iter().find(|row| row.id == id)?;
        Some(Category {
            id,
            parent_id: row.parent(),
            depth,
            slug: row.slug.clone(),
            name: row.name.clone(),
            description: row.description.clone(),
            position: row.position,
            active: row.active,
            courses: row.courses,
        })
    };
    Ok(tree::ordered(&links).into_iter().filter_map(category).collect())
}

/// The categories, each before what stands below it.
///
/// Admins also get those that are not active.
#[utoipa::path(get, path = "/categories", operation_id = "listCategories", tag = "courses",
    responses((status = 200, description = "The whole tree.", body = Success<Vec<Category>>)))]
async fn list(State(control): State<Control>, caller: Caller) -> Result<Data<Vec<Category>>, HttpError> {
    Ok(Data(tree(&control, may_keep_categories(caller.role)).await?))
}

/// The categories, at another address.
#[utoipa::path(get, path = "/courses/categories", operation_id = "listCourseCategories", tag = "courses",
    responses((status = 200, description = "As `listCategories`.", body = Success<Vec<Category>>)))]
async fn list_of_courses(
    State(control): State<Control>,
    caller: Caller,
) -> Result<Data<Vec<Category>>, HttpError> {
    Ok(Data(tree(&control, may_keep_categories(caller.role)).await?))
}

/// One category.
#[utoipa::path(get, path = "/categories/{id}", operation_id = "readCategory", tag = "courses",
    params(("id" = Uuid, Path)),
    responses((status = 200, description = "The category.", body = Success<Category>)))]
async fn read(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<CategoryId>,
) -> Result<Data<Category>, HttpError> {
    Ok(Data(one(&control, id, may_keep_categories(caller.role)).await?))
}

async fn one(control: &Control, id: CategoryId, all: bool) -> Result<Category, HttpError> {
    let found = tree(control, all).await?.into_iter().find(|category| category.id == id);
    found.ok_or(HttpError::NotFound("category"))
}

/// A category as it is to be; what is left out stays, or is as usual in a new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CategoryFields {
    /// Needed for a new one.
    #[schema(example = "Mathematics", max_length = 100)]
    name: Option<String>,
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// Made from the name unless said otherwise.
    #[schema(example = "mathematics", max_length = 80)]
    slug: Option<String>,
    /// Null: at the top. At most five levels.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    parent_id: Option<Option<CategoryId>>,
    /// Among its siblings, small first.
    position: Option<i32>,
    active: Option<bool>,
}

/// Make a category.
#[utoipa::path(post, path = "/categories", operation_id = "createCategory", tag = "courses",
    request_body = CategoryFields,
    responses((status = 201, description = "Made.", body = Success<Category>)))]
async fn create(
    State(control): State<Control>,
    caller: Caller,
    Body(given): Body<CategoryFields>,
) -> Result<Created<Category>, HttpError> {
    only_admins(&caller)?;
    let name = given.name.as_deref().ok_or_else(|| HttpError::invalid("name", "This field is required."))?;
    let id: CategoryId = new_id();
    let text = id.as_uuid().simple().to_string();
    let made = rules::slug(name, &text[text.len() - 4..]);
    let write = rows::Write {
        id,
        parent: given.parent_id.flatten(),
        slug: given.slug.as_deref().unwrap_or(&made),
        name,
        description: given.description.as_deref().unwrap_or_default(),
        position: given.position.unwrap_or(0).into(),
        active: given.active.unwrap_or(true),
        now: clock::utc(),
    };
    store(&control, write).await?;
    Ok(Created(one(&control, id, true).await?))
}

/// Change a category; what is left out stays.
#[utoipa::path(patch, path = "/categories/{id}", operation_id = "changeCategory", tag = "courses",
    params(("id" = Uuid, Path)), request_body = CategoryFields,
    responses((status = 200, description = "Changed.", body = Success<Category>)))]
async fn change(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<CategoryId>,
    Body(given): Body<CategoryFields>,
) -> Result<Data<Category>, HttpError> {
    only_admins(&caller)?;
    let found = one(&control, id, true).await?;
    let write = rows::Write {
        id,
        parent: given.parent_id.unwrap_or(found.parent_id),
        slug: given.slug.as_deref().unwrap_or(&found.slug),
        name: given.name.as_deref().unwrap_or(&found.name),
        description: given.description.as_deref().unwrap_or(&found.description),
        position: given.position.map_or(found.position, i64::from),
        active: given.active.unwrap_or(found.active),
        now: clock::utc(),
    };
    store(&control, write).await?;
    Ok(Data(one(&control, id, true).await?))
}

/// Remove a category that nothing stands in.
#[utoipa::path(delete, path = "/categories/{id}", operation_id = "deleteCategory", tag = "courses",
    params(("id" = Uuid, Path)), responses(
    (status = 204, description = "Removed."),
    (status = 409, description = "`CATEGORY_IN_USE`: courses or categories stand in it.")))]
async fn delete(
    State(control): State<Control>,
    caller: Caller,
    Id(id): Id<CategoryId>,
) -> Result<StatusCode, HttpError> {
    only_admins(&caller)?;
    one(&control, id, true).await?;
    let mut tx = control.db().begin().await?;
    let deleted = match rows::delete_empty(&mut tx, id).await {
        Err(db::Error::Reference) => false,
        other => other?,
    };
    if !deleted {
        return Err(HttpError::Conflict(
            "CATEGORY_IN_USE",
            "Courses or other categories stand in it. Move them first, or switch it off.",
        ));
    }
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn only_admins(caller: &Caller) -> Result<(), HttpError> {
    if may_keep_categories(caller.role) {
        Ok(())
    } else {
        Err(HttpError::Forbidden("Admins keep the categories."))
    }
}

/// Checks everything and stores. Of two admins at once the second sees what the first did.
async fn store(control: &Control, write: rows::Write<'_>) -> Result<(), HttpError> {
    let mut faults = Details::new();
    let name = write.name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        faults.insert("name".into(), vec![format!("1 to {NAME_CHARS_MAX} characters, on one line.")]);
    }
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if write.description.chars().count() > DESCRIPTION_CHARS_MAX || write.description.chars().any(odd) {
        let message = format!("At most {DESCRIPTION_CHARS_MAX} characters of plain text.");
        faults.insert("description".into(), vec![message]);
    }
    if let Err(message) = rules::own_slug(write.slug) {
        faults.insert("slug".into(), vec![message]);
    }
    if !faults.is_empty() {
        return Err(HttpError::Invalid(faults));
    }
    let mut tx = control.db().begin().await?;
    rows::hold_tree(&mut tx).await?;
    let links: Vec<_> = rows::all(&mut tx).await?.iter().map(rows::Category::link).collect();
    if links.len() >= CATEGORIES_MAX && !links.iter().any(|(id, _)| *id == write.id) {
        return Err(HttpError::Conflict("TOO_MANY_CATEGORIES", "There are 1000 categories already."));
    }
    tree::may_stand(&links, write.id, write.parent).map_err(|fault| {
        let message = match fault {
            Fault::NoParent => "There is no such category.".into(),
            Fault::Circle => "A category cannot stand below itself.".into(),
            Fault::TooDeep => format!("At most {DEPTH_MAX} levels."),
        };
        HttpError::invalid("parent_id", message)
    })?;
    let write = rows::Write { name, description: write.description.trim(), ..write };
    match rows::write(&mut tx, write).await {
        Err(db::Error::Unique { .. }) => {
            return Err(HttpError::invalid("slug", "Another category has this address."));
        }
        other => other?,
    }
    tx.commit().await?;
    Ok(())
}
