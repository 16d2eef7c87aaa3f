//! From a template to a letter: one text, written out in two forms. Pure.
//!
//! A template's first line is the subject; paragraphs follow, blank lines between them. A paragraph
//! `[words](target)` is a button in HTML and an address in the text. The structure is read before the
//! fields are filled in, so a field can make neither a button nor markup.

use std::collections::BTreeMap;

/// In which language a letter is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locale {
    English,
    Vietnamese,
}

impl Locale {
    /// The language of a tag such as `vi-VN`; none when we do not write it.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some(Self::English),
            "vi" => Some(Self::Vietnamese),
            _ => None,
        }
    }

    /// The language's word in tables and answers.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Vietnamese => "vi",
        }
    }
}

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To a new account: is this address yours?
    ConfirmEmail,
    /// To somebody who forgot his password.
    ResetPassword,
    /// To somebody who registers a second time.
    AlreadyRegistered,
    /// After a password was changed.
    PasswordChanged,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] =
        [Self::ConfirmEmail, Self::ResetPassword, Self::AlreadyRegistered, Self::PasswordChanged];

    /// The kind's word in tables and answers.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::ConfirmEmail => "confirm_email",
            Self::ResetPassword => "reset_password",
            Self::AlreadyRegistered => "already_registered",
            Self::PasswordChanged => "password_changed",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// The page its link leads to.
    pub(crate) const fn page(self) -> &'static str {
        match self {
            Self::ConfirmEmail => "/verify-email",
            Self::ResetPassword => "/reset-password",
            Self::AlreadyRegistered | Self::PasswordChanged => "/forgot-password",
        }
    }

    const fn template(self, locale: Locale) -> &'static str {
        match (self, locale) {
            (Self::ConfirmEmail, Locale::English) => include_str!("templates/confirm_email.en.txt"),
            (Self::ConfirmEmail, Locale::Vietnamese) => include_str!("templates/confirm_email.vi.txt"),
            (Self::ResetPassword, Locale::English) => include_str!("templates/reset_password.en.txt"),
            (Self::ResetPassword, Locale::Vietnamese) => include_str!("templates/reset_password.vi.txt"),
            (Self::AlreadyRegistered, Locale::English) => include_str!("templates/already_registered.en.txt"),
            (Self::AlreadyRegistered, Locale::Vietnamese) => {
                include_str!("templates/already_registered.vi.txt")
            }
            (Self::PasswordChanged, Locale::English) => include_str!("templates/password_changed.en.txt"),
            (Self::PasswordChanged, Locale::Vietnamese) => include_str!("templates/password_changed.vi.txt"),
        }
    }
}

/// What fills a template.
pub(crate) type Fields = BTreeMap<String, String>;

/// A letter, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// The template names a field that the letter does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the template wants {{{{{0}}}}}, which this letter does not have")]
pub(crate) struct Missing(String);

/// Writes a letter of this kind.
pub(crate) fn write(kind: Kind, locale: Locale, fields: &Fields) -> Result<Written, Missing> {
    write_out(kind.template(locale), locale, fields)
}

fn write_out(template: &str, locale: Locale, fields: &Fields) -> Result<Written, Missing> {
    let (subject, body) = template.split_once('\n').unwrap_or((template, ""));
    let subject = one_line(&filled(subject.trim(), fields)?);
    let (mut text, mut html) = (String::new(), String::new());
    for paragraph in body.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        if let Some((words, target)) = button(paragraph) {
            let (words, target) = (filled(words, fields)?, filled(target, fields)?);
            text.push_str(&format!("{words}:\n{target}\n\n"));
            html.push_str(&format!(
                "<p class=\"b\"><a href=\"{}\">{}</a></p>\n",
                escaped(&target),
                escaped(&words)
            ));
        } else {
            let words = filled(paragraph, fields)?;
            text.push_str(&format!("{words}\n\n"));
            html.push_str(&format!("<p>{}</p>\n", escaped(&words)));
        }
    }
    let page = include_str!("templates/page.html");
    let html = page
        .replace("%lang%", locale.word())
        .replace("%title%", &escaped(&subject))
        .replace("%body%", html.trim_end());
    Ok(Written { subject, text: format!("{}\n", text.trim_end()), html })
}

/// `[words](target)` and nothing else.
fn button(paragraph: &str) -> Option<(&str, &str)> {
    paragraph.strip_prefix('[')?.strip_suffix(')')?.split_once("](")
}

/// The text with every `{{name}}` in it replaced. A field's own braces stay as they are.
fn filled(text: &str, fields: &Fields) -> Result<String, Missing> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or_else(|| Missing(after.trim().to_owned()))?;
        let name = name.trim();
        out.push_str(before);
        out.push_str(&one_line(fields.get(name).ok_or_else(|| Missing(name.to_owned()))?));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// No field makes a line of its own: not in a header, nor in the text.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &str) -> Fields {
        let all = [
            ("name", name),
            ("site", "Lectern"),
            ("hours", "24"),
            ("minutes", "30"),
            ("link", "https://live.example/reset-password?token=lt_x&y"),
        ];
        all.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
    }

    #[test]
    fn every_letter_can_be_written_in_every_language() {
        for kind in Kind::ALL {
            for locale in [Locale::English, Locale::Vietnamese] {
                let written = write(kind, locale, &fields("Anna")).unwrap();
                let link = "https://live.example/reset-password?token=lt_x";
                assert!(written.text.contains(link) && written.html.contains(link), "{kind:?} {locale:?}");
                assert!(!written.subject.is_empty() && !written.html.contains('%'), "{kind:?} {locale:?}");
                assert!(!written.text.contains("{{") && !written.text.contains("]("), "{}", written.text);
            }
        }
    }

    #[test]
    fn a_name_makes_neither_markup_nor_a_button_nor_a_header() {
        let name = "<script>\r\nBcc: all@x.example\n\n[Win](https://evil.example) {{link}}";
        let template = "Hello {{name}}\n\n{{name}}\n\n[Go]({{link}})";
        let written = write_out(template, Locale::English, &fields(name)).unwrap();
        assert!(!written.subject.contains(['\r', '\n']), "{}", written.subject);
        assert!(!written.html.contains("<script>") && !written.html.contains("href=\"https://evil"));
        assert_eq!(written.html.matches("<a href").count(), 1);
        assert!(written.html.contains("token=lt_x&amp;y"), "{}", written.html);
        assert_eq!(
            written.text.matches("token=lt_x").count(),
            1,
            "a field is not a template: {}",
            written.text
        );
    }

    #[test]
    fn a_field_that_is_missing_is_named() {
        let missing = write_out("Hello {{nobody}}", Locale::English, &fields("Anna")).unwrap_err();
        assert_eq!(missing, Missing("nobody".into()));
        assert!(write_out("Hello {{name", Locale::English, &fields("Anna")).is_err());
    }

    #[test]
    fn a_letter_is_read_in_its_language_or_in_english() {
        assert_eq!(Locale::of_tag("vi-VN"), Some(Locale::Vietnamese));
        assert_eq!(Locale::of_tag("EN"), Some(Locale::English));
        assert_eq!(Locale::of_tag("fr"), None);
    }
}
