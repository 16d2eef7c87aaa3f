//! What a course's fields may hold. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::search;

pub(crate) const TITLE_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 10_000;
/// The seeds' enrolment limit, unless the course says otherwise.
pub(crate) const CAPACITY: u32 = 100;
pub(crate) const CAPACITY_MAX: u32 = 100_000;
/// What a price can be: ten thousand million of the smallest coin.
const PRICE_MAX: i64 = 10_000_000_000;
const LANGUAGE_LEN_MAX: usize = 35;
/// Ten years.
const DAYS_MAX: u32 = 3660;
const SLUG_LEN_MAX: usize = 80;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum $name {
            $($(#[$each])* $variant,)*
        }

        impl $name {
            /// As in tables and answers.
            pub(crate) const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// Reads the table's word.
            pub(crate) fn of(word: &str) -> Option<Self> {
                [$(Self::$variant),*].into_iter().find(|one| one.word() == word)
            }
        }
    };
}

words! {
    /// How one gets a place by oneself. Watching always takes one.
    Access {
        /// At once.
        Public => "public",
        /// By asking, or by an invite. Nobody finds the course unless it is listed.
        #[default]
        Private => "private",
        /// Who meets one of the course's criteria, or has an invite.
        Restricted => "restricted",
        /// After the price is paid.
        Paid => "paid",
    }
}

words! {
    /// Where a course is in its life.
    Stage {
        /// Being made: nobody finds it.
        Draft => "draft",
        /// Open to those whom its access level lets in.
        #[default]
        Published => "published",
        /// Given and kept: takes nobody in, and nobody finds it who had no place.
        Archived => "archived",
    }
}

words! {
    /// Whom it is for.
    Level {
        /// Everybody.
        #[default]
        All => "all",
        /// Who begins.
        Beginner => "beginner",
        /// Who knows something.
        Intermediate => "intermediate",
        /// Who knows much.
        Advanced => "advanced",
    }
}

words! {
    /// How it is taken.
    Mode {
        /// Together, by the timetable.
        #[default]
        Classroom => "classroom",
        /// Each in his own time, from recordings.
        SelfPaced => "self_paced",
    }
}

words! {
    /// Who may write in the chat.
    Chat {
        /// All who may watch.
        #[default]
        Everyone => "everyone",
        /// The teacher.
        TeacherOnly => "teacher_only",
        /// Nobody.
        Off => "off",
    }
}

/// A price's currency: three capital letters (ISO 4217).
pub(crate) fn currency(text: &str) -> Result<&str, String> {
    let plain = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    if plain { Ok(text) } else { Err("Three capital letters, such as VND or USD.".into()) }
}

/// A price in the currency's minor unit; 0 is free.
pub(crate) fn price(minor: i64) -> Result<i64, String> {
    if (0..=PRICE_MAX).contains(&minor) { Ok(minor) } else { Err(format!("From 0 to {PRICE_MAX}.")) }
}

/// A language by its tag (BCP 47), such as `vi` or `pt-BR`.
pub(crate) fn language(text: &str) -> Result<&str, String> {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let is_first = (2..=3).contains(&first.len()) && first.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_rest =
        |part: &str| (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_first && text.len() <= LANGUAGE_LEN_MAX && parts.all(is_rest) {
        Ok(text)
    } else {
        Err("A language's tag, such as vi, id or en-GB.".into())
    }
}

/// How many days.
pub(crate) fn days(days: u32) -> Result<i64, String> {
    if (1..=DAYS_MAX).contains(&days) { Ok(days.into()) } else { Err(format!("From 1 to {DAYS_MAX}.")) }
}

/// A slug chosen by hand. It is never an id, so that either may stand in an address.
pub(crate) fn own_slug(text: &str) -> Result<&str, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let good = (3..=SLUG_LEN_MAX).contains(&text.len())
        && text.bytes().all(plain)
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
        && uuid::Uuid::try_parse(text).is_err();
    if good && text != "categories" {
        Ok(text)
    } else {
        Err(format!("3 to {SLUG_LEN_MAX} small letters, digits and single dashes."))
    }
}

/// A title: one line, not empty.
pub(crate) fn title(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Give a title.".into());
    }
    if text.chars().count() > TITLE_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(format!("At most {TITLE_CHARS_MAX} characters, on one line."));
    }
    Ok(text)
}

/// A description: any text that is no secret code for terminals.
pub(crate) fn description(text: &str) -> Result<&str, String> {
    let text = text.trim();
    let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().count() > DESCRIPTION_CHARS_MAX || text.chars().any(odd) {
        return Err(format!("At most {DESCRIPTION_CHARS_MAX} characters of plain text."));
    }
    Ok(text)
}

/// How many places.
pub(crate) fn capacity(places: u32) -> Result<u32, String> {
    if (1..=CAPACITY_MAX).contains(&places) { Ok(places) } else { Err(format!("From 1 to {CAPACITY_MAX}.")) }
}

/// The title's words for an address, and a few characters that make it the course's own.
pub(crate) fn slug(title: &str, unique: &str) -> String {
    let mut slug = String::new();
    for c in search::fold(title).chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= 60 {
            break;
        }
    }
    let slug = slug.trim_matches('-');
    if slug.is_empty() { format!("course-{unique}") } else { format!("{slug}-{unique}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs() {
        let check = |title, expected: &str| assert_eq!(slug(title, "x1"), expected);
        check("Linear Algebra", "linear-algebra-x1");
        check("  C++ / Rust: an introduction! ", "c-rust-an-introduction-x1");
        check("Lập trình Đại cương Ứng dụng", "lap-trinh-dai-cuong-ung-dung-x1");
        check("日本語", "course-x1");
        assert!(slug(&"a".repeat(500), "x1").len() < 70);
    }

    #[test]
    fn titles_and_descriptions() {
        assert_eq!(title("  A  "), Ok("A"));
        assert!(title(" ").is_err());
        assert!(title("a\nb").is_err());
        assert!(title(&"ở".repeat(200)).is_ok());
        assert!(title(&"ở".repeat(201)).is_err());
        assert!(description("").is_ok());
        assert!(description("two\nlines").is_ok());
        assert!(description("\u{1b}[31m").is_err());
    }

    #[test]
    fn prices_languages_days_and_slugs() {
        assert!(price(0).is_ok() && price(150_000).is_ok());
        assert!(price(-1).is_err() && price(i64::MAX).is_err());
        assert!(currency("VND").is_ok());
        for text in ["vnd", "VN", "VNDD", "V D", "", "ĐỒN"] {
            assert!(currency(text).is_err(), "{text}");
        }
        for text in ["vi", "id", "en-GB", "zh-Hant-TW"] {
            assert!(language(text).is_ok(), "{text}");
        }
        for text in ["", "v", "VI", "english", "en_GB", "en-", "en-<b>"] {
            assert!(language(text).is_err(), "{text}");
        }
        assert!(days(0).is_err() && days(4000).is_err());
        assert_eq!(days(90), Ok(90));
        for text in ["algebra-1", "abc"] {
            assert!(own_slug(text).is_ok(), "{text}");
        }
        let ids = ["0199f0a2-0000-7000-8000-000000000000", "0199f0a200007000800000000000000a"];
        for text in ["ab", "Algebra", "a b", "-abc", "abc-", "a--b", "123", "categories", ids[0], ids[1]] {
            assert!(own_slug(text).is_err(), "{text}");
        }
        assert!(own_slug(&"a".repeat(81)).is_err());
    }
}
