//! What a course's fields may hold. Pure.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) const TITLE_CHARS_MAX: usize = 200;
const DESCRIPTION_CHARS_MAX: usize = 10_000;
/// The seeds' enrolment limit, unless the course says otherwise.
pub(crate) const CAPACITY: u32 = 100;
pub(crate) const CAPACITY_MAX: u32 = 100_000;

/// Who may find the course. Watching always takes a place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Access {
    /// Everybody with an account sees that it exists, and when it is live.
    Public,
    /// Those who have a place in it.
    #[default]
    Private,
}

impl Access {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// Who may write in the chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Chat {
    /// All who may watch.
    #[default]
    Everyone,
    /// The teacher.
    TeacherOnly,
    /// Nobody.
    Off,
}

impl Chat {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Everyone => "everyone",
            Self::TeacherOnly => "teacher_only",
            Self::Off => "off",
        }
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
    for c in title.to_lowercase().chars().map(plain) {
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

/// The letter under the accents of Vietnamese and most of Europe.
const fn plain(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' | 'ǎ' | 'ạ'..='ặ' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'đ' | 'ð' => 'd',
        'è'..='ë' | 'ē' | 'ę' | 'ě' | 'ẹ'..='ệ' => 'e',
        'ì'..='ï' | 'ī' | 'ĩ' | 'ı' | 'ỉ' | 'ị' => 'i',
        'ñ' | 'ń' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' | 'ơ' | 'ọ'..='ợ' => 'o',
        'ś' | 'š' | 'ß' => 's',
        'ù'..='ü' | 'ū' | 'ũ' | 'ű' | 'ư' | 'ụ'..='ự' => 'u',
        'ý' | 'ÿ' | 'ỳ'..='ỹ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        'ł' => 'l',
        other => other,
    }
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
}
