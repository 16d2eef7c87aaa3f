//! Categories in the database.

use chrono::{DateTime, Utc};
use db::{Error, On, Tx, q};
use ids::CategoryId;
use uuid::Uuid;

use super::tree::Link;

/// A category as it is stored.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct Category {
    #[sqlx(try_from = "Uuid")]
    pub(crate) id: CategoryId,
    parent_id: Option<Uuid>,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) position: i64,
    pub(crate) active: bool,
    /// Published and listed courses that stand exactly here.
    pub(crate) courses: i64,
}

impl Category {
    pub(crate) fn parent(&self) -> Option<CategoryId> {
        self.parent_id.map(Into::into)
    }

    pub(crate) fn link(&self) -> Link {
        (self.id, self.parent())
    }
}

/// All of them: a tree that people keep by hand is small. Siblings are in their order.
pub(crate) async fn all<'a>(on: impl Into<On<'a>>) -> Result<Vec<Category>, Error> {
    q(concat!(
        "select k.id, k.parent_id, k.slug, k.name, k.description, k.position, k.active, \
         (select count(*) from courses c where c.category_id = k.id and ",
        crate::courses::rows::listed!(),
        ") as courses from categories k order by k.position, k.name, k.id"
    ))
    .all(on)
    .await
}

/// A category as it is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write<'a> {
    pub(crate) id: CategoryId,
    pub(crate) parent: Option<CategoryId>,
    pub(crate) slug: &'a str,
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) position: i64,
    pub(crate) active: bool,
    pub(crate) now: DateTime<Utc>,
}

/// Fails with [`Error::Unique`] when another category has the slug.
pub(crate) async fn write(tx: &mut Tx, category: Write<'_>) -> Result<(), Error> {
    q("insert into categories (id, parent_id, slug, name, description, position, active, created_at, updated_at) \
       values ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
       on conflict (id) do update set parent_id = $2, slug = $3, name = $4, description = $5, position = $6, \
       active = $7, updated_at = $8")
    .bind(category.id.as_uuid())
    .bind(category.parent.map(|id| id.as_uuid()))
    .bind(category.slug)
    .bind(category.name)
    .bind(category.description)
    .bind(category.position)
    .bind(category.active)
    .bind(category.now)
    .run(tx)
    .await?;
    Ok(())
}

/// Removes a category that nothing stands in; whether it did.
pub(crate) async fn delete_empty(tx: &mut Tx, id: CategoryId) -> Result<bool, Error> {
    let gone = q("delete from categories where id = $1 \
                  and not exists (select 1 from categories b where b.parent_id = $1) \
                  and not exists (select 1 from courses c where c.category_id = $1)")
    .bind(id.as_uuid())
    .run(tx)
    .await?;
    Ok(gone == 1)
}

/// Holds the tree's roots until the transaction ends, so that two moves do not make a circle together.
pub(crate) async fn hold_tree(tx: &mut Tx) -> Result<(), Error> {
    let _: Vec<(Uuid,)> =
        q("select id from categories where parent_id is null order by id for no key update").all(tx).await?;
    Ok(())
}
