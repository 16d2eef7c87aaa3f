//! The envelope of every success: `{"success":true,"data":…}`, and of lists with `meta` and `links`.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::HttpError;

/// Entries of a page unless asked otherwise.
const PER_PAGE: u32 = 20;
/// No page is longer.
const PER_PAGE_MAX: u32 = 100;
/// No page lies further in: deep offsets cost the database, not the caller.
const PAGE_MAX: u32 = 10_000;

/// 200 with data.
pub(crate) struct Data<T>(pub(crate) T);

/// 201 with data.
pub(crate) struct Created<T>(pub(crate) T);

/// 202 with data: what was asked for happens later, or not.
pub(crate) struct Accepted<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(Success { success: true, data: self.0 })).into_response()
    }
}

impl<T: Serialize> IntoResponse for Data<T> {
    fn into_response(self) -> Response {
        Json(Success { success: true, data: self.0 }).into_response()
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, Json(Success { success: true, data: self.0 })).into_response()
    }
}

/// The body of a success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Success<T> {
    /// Always true.
    success: bool,
    data: T,
}

/// Which page of a list.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Counted from 1.
    #[param(minimum = 1, maximum = 10_000, default = 1)]
    page: Option<u32>,
    /// Entries of a page, at most 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    per_page: Option<u32>,
}

impl Paging {
    /// For routes whose query has more than the page.
    pub(crate) const fn of(page: Option<u32>, per_page: Option<u32>) -> Self {
        Self { page, per_page }
    }

    /// Checks the figures.
    pub(crate) fn checked(self) -> Result<Slice, HttpError> {
        let page = self.page.unwrap_or(1);
        let per_page = self.per_page.unwrap_or(PER_PAGE);
        if !(1..=PAGE_MAX).contains(&page) {
            return Err(HttpError::invalid("page", format!("Give a number from 1 to {PAGE_MAX}.")));
        }
        if !(1..=PER_PAGE_MAX).contains(&per_page) {
            return Err(HttpError::invalid("per_page", format!("Give a number from 1 to {PER_PAGE_MAX}.")));
        }
        Ok(Slice { page, per_page })
    }
}

/// A checked page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slice {
    page: u32,
    per_page: u32,
}

impl Slice {
    pub(crate) const fn limit(self) -> u32 {
        self.per_page
    }

    pub(crate) const fn offset(self) -> u32 {
        (self.page - 1) * self.per_page
    }

    /// The answer for these entries out of `total`.
    pub(crate) fn page<T>(self, path: &str, items: Vec<T>, total: i64) -> Page<T> {
        let Self { page, per_page } = self;
        let total = u64::try_from(total).unwrap_or(0);
        let link = |page: u32| {
            if per_page == PER_PAGE {
                format!("{path}?page={page}")
            } else {
                format!("{path}?page={page}&per_page={per_page}")
            }
        };
        let more = u64::from(page) * u64::from(per_page) < total && page < PAGE_MAX;
        Page(Listing {
            success: true,
            data: items,
            meta: ListingMeta { total, page, per_page },
            links: ListingLinks {
                this: link(page),
                next: more.then(|| link(page + 1)),
                prev: (page > 1).then(|| link(page - 1)),
            },
        })
    }
}

/// 200 with a page of a list.
pub(crate) struct Page<T>(Listing<T>);

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        Json(self.0).into_response()
    }
}

/// The body of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listing<T> {
    /// Always true.
    success: bool,
    data: Vec<T>,
    meta: ListingMeta,
    links: ListingLinks,
}

/// Where in the list this is.
#[derive(Debug, Serialize, ToSchema)]
struct ListingMeta {
    total: u64,
    page: u32,
    per_page: u32,
}

/// Where the rest of the list is.
#[derive(Debug, Serialize, ToSchema)]
struct ListingLinks {
    #[serde(rename = "self")]
    this: String,
    #[schema(required)]
    next: Option<String>,
    #[schema(required)]
    prev: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(page: u32, total: i64) -> (Option<String>, Option<String>) {
        let slice = Paging { page: Some(page), per_page: None }.checked().unwrap();
        let Page(listing) = slice.page::<()>("/api/v1/courses", Vec::new(), total);
        (listing.links.prev, listing.links.next)
    }

    #[test]
    fn links_lead_to_the_neighbours_that_exist() {
        let at = |page: u32| Some(format!("/api/v1/courses?page={page}"));
        assert_eq!(links(1, 20), (None, None));
        assert_eq!(links(1, 21), (None, at(2)));
        assert_eq!(links(2, 41), (at(1), at(3)));
        assert_eq!(links(3, 41), (at(2), None));
    }

    #[test]
    fn figures_out_of_range_are_refused() {
        for (page, per_page) in [(0, 20), (10_001, 20), (1, 0), (1, 101)] {
            assert!(Paging { page: Some(page), per_page: Some(per_page) }.checked().is_err());
        }
    }
}
