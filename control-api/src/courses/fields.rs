//! What may be said of a course, and the check of all of it at once.

use chrono::{DateTime, Utc};
use ids::CategoryId;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::{
    rows,
    rules::{self, Access, Chat, Level, Mode, Stage},
};
use crate::http::{HttpError, error::Details};

/// For a field that may be left out (it stays) or null (it becomes nothing).
pub(crate) fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// A course as it is to be; what is left out stays, or is as usual in a new one. Null takes a bound away.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CourseFields {
    /// Needed for a new course.
    #[schema(example = "Linear Algebra", max_length = 200)]
    title: Option<String>,
    #[schema(max_length = 10_000)]
    description: Option<String>,
    /// For addresses people read: 3 to 80 small letters, digits and single dashes; made from the title unless said
    /// otherwise.
    #[schema(example = "linear-algebra", max_length = 80)]
    slug: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<Uuid>)]
    category_id: Option<Option<CategoryId>>,
    access: Option<Access>,
    stage: Option<Stage>,
    /// Whether those without a place find it; null: all but private courses are found.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<bool>)]
    listed: Option<Option<bool>>,
    /// In the currency's minor unit: cents, or whole dong. 0 is free.
    #[schema(minimum = 0, maximum = 10_000_000_000_i64, example = 150_000)]
    price_minor: Option<i64>,
    /// ISO 4217.
    #[schema(example = "VND", min_length = 3, max_length = 3)]
    currency: Option<String>,
    level: Option<Level>,
    /// BCP 47.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "vi")]
    language: Option<Option<String>>,
    mode: Option<Mode>,
    /// Watching back while the lecture runs; unless said otherwise, yes. Counts from the next playback grant on.
    dvr: Option<bool>,
    chat: Option<Chat>,
    /// Sessions are recorded; unless said otherwise, yes.
    record: Option<bool>,
    /// A recording is kept so many days; null: until it is deleted.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3660)]
    recording_days: Option<Option<u32>>,
    /// Places; 100 unless said otherwise. Nobody loses his when they become fewer.
    #[schema(minimum = 1, maximum = 100_000)]
    capacity: Option<u32>,
    /// Who finds no place may wait for one; unless said otherwise, yes.
    waiting_list: Option<bool>,
    /// From then on who has a place may watch.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    access_from: Option<Option<DateTime<Utc>>>,
    /// Until then.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<DateTime<Utc>>)]
    access_until: Option<Option<DateTime<Utc>>>,
    /// And for so many days from the day he got it. Counts for places that are given from now on.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 3660)]
    access_days: Option<Option<u32>>,
}

impl CourseFields {
    /// All faults at once, field by field.
    pub(super) fn checked(&self) -> Result<rows::Update<'_>, HttpError> {
        let mut faults = Details::new();
        let update = rows::Update {
            title: sound(&mut faults, "title", self.title.as_deref().map(rules::title)),
            description: sound(
                &mut faults,
                "description",
                self.description.as_deref().map(rules::description),
            ),
            slug: sound(&mut faults, "slug", self.slug.as_deref().map(rules::own_slug)),
            category: self.category_id,
            access: self.access,
            stage: self.stage,
            listed: self.listed,
            price_minor: sound(&mut faults, "price_minor", self.price_minor.map(rules::price)),
            currency: sound(&mut faults, "currency", self.currency.as_deref().map(rules::currency)),
            level: self.level,
            language: bound(&mut faults, "language", self.language.as_ref(), |text| rules::language(text)),
            mode: self.mode,
            dvr: self.dvr,
            chat: self.chat,
            record: self.record,
            recording_days: bound(&mut faults, "recording_days", self.recording_days.as_ref(), |days| {
                rules::days(*days)
            }),
            capacity: sound(&mut faults, "capacity", self.capacity.map(rules::capacity)),
            waiting_list: self.waiting_list,
            access_from: self.access_from.map(|at| at.map(db::to_micros)),
            access_until: self.access_until.map(|at| at.map(db::to_micros)),
            access_days: bound(&mut faults, "access_days", self.access_days.as_ref(), |days| {
                rules::days(*days)
            }),
        };
        if let (Some(Some(from)), Some(Some(until))) = (update.access_from, update.access_until)
            && until <= from
        {
            faults.insert("access_until".into(), vec!["The end is after the start.".into()]);
        }
        if faults.is_empty() { Ok(update) } else { Err(HttpError::Invalid(faults)) }
    }
}

/// What is right of a field; what is wrong is noted.
fn sound<T>(faults: &mut Details, field: &str, checked: Option<Result<T, String>>) -> Option<T> {
    match checked {
        Some(Ok(value)) => Some(value),
        Some(Err(message)) => {
            faults.insert(field.to_owned(), vec![message]);
            None
        }
        None => None,
    }
}

/// The same for a field that may be null.
fn bound<'a, T, U>(
    faults: &mut Details,
    field: &str,
    value: Option<&'a Option<T>>,
    check: impl Fn(&'a T) -> Result<U, String>,
) -> Option<Option<U>> {
    match value {
        None => None,
        Some(None) => Some(None),
        Some(Some(value)) => sound(faults, field, Some(check(value))).map(Some),
    }
}
