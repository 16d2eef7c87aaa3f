//! The catalogue: which courses somebody sees, by what they are chosen and sorted, page by page or after a cursor.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use db::{Db, Error, Value, q};
use ids::{CategoryId, CourseId, UserId};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    rows::{Course, listed, select, taken},
    rules::{Access, Level, Mode},
    search,
};
use crate::enrolments::ties::{tie_columns, tie_joins};

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Sort {
    /// Made last.
    #[default]
    Newest,
    /// Made first.
    Oldest,
    /// By title, accents aside.
    Title,
    /// The cheapest, by minor units; not across currencies.
    Price,
    /// The dearest.
    PriceDown,
}

/// Whose courses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mine {
    /// That I give, as the teacher or beside one.
    Teaching,
    /// That I have a place in.
    Learning,
}

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) patterns: Vec<String>,
    pub(crate) category: Option<CategoryId>,
    pub(crate) access: Option<Access>,
    pub(crate) level: Option<Level>,
    pub(crate) mode: Option<Mode>,
    pub(crate) language: Option<String>,
    pub(crate) free: Option<bool>,
    pub(crate) teacher: Option<UserId>,
    pub(crate) mine: Option<Mine>,
}

/// The last course of a page: the next begins after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    Time(DateTime<Utc>, CourseId),
    Text(String, CourseId),
    Number(i64, CourseId),
}

impl Cursor {
    /// After this course, in this order.
    pub(crate) fn after(course: &Course, sort: Sort) -> Self {
        match sort {
            Sort::Newest | Sort::Oldest => Self::Time(course.created_at, course.id),
            Sort::Title => Self::Text(course.title_folded.clone(), course.id),
            Sort::Price | Sort::PriceDown => Self::Number(course.price_minor, course.id),
        }
    }

    /// For an address.
    pub(crate) fn encode(&self) -> String {
        let text = match self {
            Self::Time(at, id) => format!("{id}{}", at.timestamp_micros()),
            Self::Text(text, id) => format!("{id}{text}"),
            Self::Number(number, id) => format!("{id}{number}"),
        };
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads what [`Cursor::encode`] wrote in the same order.
    pub(crate) fn decode(text: &str, sort: Sort) -> Option<Self> {
        const ID_LEN: usize = 36;
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (id, key) = text.split_at_checked(ID_LEN)?;
        let id = id.parse().ok()?;
        Some(match sort {
            Sort::Newest | Sort::Oldest => {
                Self::Time(DateTime::from_timestamp_micros(key.parse().ok()?)?, id)
            }
            Sort::Title => Self::Text(key.replace('\0', ""), id),
            Sort::Price | Sort::PriceDown => Self::Number(key.parse().ok()?, id),
        })
    }

    fn id(&self) -> CourseId {
        match self {
            Self::Time(_, id) | Self::Text(_, id) | Self::Number(_, id) => *id,
        }
    }
}

/// Everybody's courses that the person may find, and what he is bound to; then what he looks for.
macro_rules! wanted {
    () => {
        concat!(
            "($2 or c.teacher_id = $1 or cs.duty is not null or e.status = 'active' \
              or e.state in ('requested', 'awaiting_payment', 'waitlisted') or ",
            listed!(),
            ") and ($3 is null or c.category_id in (with recursive below (id) as (\
                 select id from categories where id = $3 \
                 union all select n.id from categories n join below on n.parent_id = below.id) \
                 select id from below)) \
             and ($4 is null or c.search_text like $4 escape '!') \
             and ($5 is null or c.search_text like $5 escape '!') \
             and ($6 is null or c.search_text like $6 escape '!') \
             and ($7 is null or c.search_text like $7 escape '!') \
             and ($8 is null or c.access = $8) and ($9 is null or c.level = $9) \
             and ($10 is null or c.mode = $10) and ($11 is null or c.language = $11) \
             and ($12 is null or $12 = (c.access <> 'paid' or c.price_minor = 0)) \
             and ($13 is null or c.teacher_id = $13) \
             and ($14 is null \
                  or ($14 = 'teaching' and (c.teacher_id = $1 or cs.duty is not null)) \
                  or ($14 = 'learning' and e.status = 'active'))"
        )
    };
}

/// One statement for each order: what varies in it cannot be a parameter.
macro_rules! sorted {
    ($key:literal, $than:literal, $way:literal) => {
        select!(
            "where ",
            wanted!(),
            " and ($15 is null or (",
            $key,
            ", c.id) ",
            $than,
            " ($15, $16)) order by ",
            $key,
            " ",
            $way,
            ", c.id ",
            $way,
            " limit $17 offset $18"
        )
    };
}

/// Those that are wanted and may be found, and how many they are (without the cursor). `all`: an admin looks.
pub(crate) async fn list(
    db: &Db,
    viewer: UserId,
    all: bool,
    wanted: &Wanted,
    sort: Sort,
    after: Option<&Cursor>,
    (limit, offset): (u32, u32),
) -> Result<(Vec<Course>, i64), Error> {
    const COUNT: &str = concat!(
        "select count(*) from courses c left join course_staff cs on cs.course_id = c.id and cs.user_id = $1 \
         left join enrolments e on e.course_id = c.id and e.user_id = $1 where ",
        wanted!()
    );
    let asked = |statement| {
        let pattern = |n: usize| Value::Text(wanted.patterns.get(n).cloned());
        let mine = wanted.mine.map(|mine| match mine {
            Mine::Teaching => "teaching",
            Mine::Learning => "learning",
        });
        q(statement)
            .bind(viewer.as_uuid())
            .bind(all)
            .bind(wanted.category.map(|id| id.as_uuid()))
            .bind(pattern(0))
            .bind(pattern(1))
            .bind(pattern(2))
            .bind(pattern(3))
            .bind(wanted.access.map(Access::word))
            .bind(wanted.level.map(Level::word))
            .bind(wanted.mode.map(Mode::word))
            .bind(wanted.language.clone())
            .bind(wanted.free)
            .bind(wanted.teacher.map(|id| id.as_uuid()))
            .bind(mine)
    };
    let (total,): (i64,) = asked(COUNT).one(db).await?;
    let (statement, nothing) = match sort {
        Sort::Newest => (sorted!("c.created_at", "<", "desc"), Value::Time(None)),
        Sort::Oldest => (sorted!("c.created_at", ">", "asc"), Value::Time(None)),
        Sort::Title => (sorted!("coalesce(c.title_folded, '')", ">", "asc"), Value::Text(None)),
        Sort::Price => (sorted!("c.price_minor", ">", "asc"), Value::Int(None)),
        Sort::PriceDown => (sorted!("c.price_minor", "<", "desc"), Value::Int(None)),
    };
    let key = match after {
        None => nothing,
        Some(Cursor::Time(at, _)) => (*at).into(),
        Some(Cursor::Text(text, _)) => text.clone().into(),
        Some(Cursor::Number(number, _)) => (*number).into(),
    };
    let id: Option<Uuid> = after.map(|cursor| cursor.id().as_uuid());
    let courses = asked(statement).bind(key).bind(id).bind(limit).bind(offset).all(db).await?;
    Ok((courses, total))
}

/// The patterns of a query.
pub(crate) fn patterns(query: Option<&str>) -> Vec<String> {
    query.map(|query| search::patterns(&query.replace('\0', " "))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_order_and_junk_does_not() {
        let id = CourseId::from_parts(1, [1; 10]);
        let at = DateTime::from_timestamp_micros(1_763_633_000_123_456).unwrap();
        for (sort, cursor) in [
            (Sort::Newest, Cursor::Time(at, id)),
            (Sort::Oldest, Cursor::Time(at, id)),
            (Sort::Title, Cursor::Text("dai so".into(), id)),
            (Sort::Price, Cursor::Number(150_000, id)),
            (Sort::PriceDown, Cursor::Number(0, id)),
        ] {
            assert_eq!(Cursor::decode(&cursor.encode(), sort), Some(cursor));
        }
        let short = URL_SAFE_NO_PAD.encode("abc");
        let split = URL_SAFE_NO_PAD.encode("ộ".repeat(20));
        for junk in ["", "!", "AAAA", &short, &split, &URL_SAFE_NO_PAD.encode([0xff; 50])] {
            assert_eq!(Cursor::decode(junk, Sort::Newest), None, "{junk}");
        }
    }
}
