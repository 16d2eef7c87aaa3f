//! Reading a list of students as spreadsheets write it: RFC 4180 with commas, semicolons or tabs. Pure.

/// No list is longer: a class, not a town.
pub(crate) const LINES_MAX: usize = 2000;
const EMAIL_CHARS_MAX: usize = 254;

/// One line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Counted from 1, as the spreadsheet counts them.
    pub(crate) number: usize,
    /// The address, or why there is none.
    pub(crate) email: Result<String, &'static str>,
}

/// The lines of a list. A first line without an address is its heading: it may say in which column the addresses
/// stand (`email`, `e-mail`); else they stand in the first column that has an `@`.
pub(crate) fn read(text: &str) -> Vec<Line> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut column = None;
    let mut lines = Vec::new();
    for (number, fields) in records(text) {
        if fields.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        let is_first = lines.is_empty() && column.is_none();
        if is_first && !fields.iter().any(|field| field.contains('@')) && fields.iter().any(|f| is_heading(f))
        {
            column = Some(fields.iter().position(|field| is_heading(field)).unwrap_or(0));
            continue;
        }
        let field = match column {
            Some(column) => fields.get(column),
            None => fields.iter().find(|field| field.contains('@')).or(fields.first()),
        };
        lines.push(Line { number, email: email(field.map_or("", |field| field.as_str())) });
        if lines.len() > LINES_MAX {
            break;
        }
    }
    lines
}

fn is_heading(field: &str) -> bool {
    let name: String = field.chars().filter(char::is_ascii_alphabetic).collect();
    matches!(name.to_ascii_lowercase().as_str(), "email" | "mail" | "emailaddress" | "mailaddress")
}

fn email(field: &str) -> Result<String, &'static str> {
    let text = field.trim();
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '"' | '<' | '>');
    match text.split_once('@') {
        None => Err("There is no e-mail address in this line."),
        Some((name, domain)) if name.is_empty() || domain.is_empty() || domain.contains('@') => {
            Err("This is not an e-mail address.")
        }
        Some(_) if text.chars().any(odd) || text.chars().count() > EMAIL_CHARS_MAX => {
            Err("This is not an e-mail address.")
        }
        Some(_) => Ok(text.to_owned()),
    }
}

/// Records with the number of the line that each begins at.
fn records(text: &str) -> Vec<(usize, Vec<String>)> {
    let separator = separator(text);
    let mut records = Vec::new();
    let (mut fields, mut field) = (Vec::new(), String::new());
    let (mut quoted, mut line, mut begins) = (false, 1, 1);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        line += usize::from(c == '\n' || (c == '\r' && rest.peek() != Some(&'\n')));
        match c {
            '"' if quoted && rest.peek() == Some(&'"') => {
                rest.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            '\r' if !quoted && rest.peek() == Some(&'\n') => {}
            '\n' | '\r' if !quoted => {
                fields.push(std::mem::take(&mut field));
                records.push((begins, std::mem::take(&mut fields)));
                begins = line;
            }
            c if c == separator && !quoted => fields.push(std::mem::take(&mut field)),
            c => field.push(c),
        }
    }
    if !field.is_empty() || !fields.is_empty() {
        fields.push(field);
        records.push((begins, fields));
    }
    records
}

/// The one that the first line has most of.
fn separator(text: &str) -> char {
    let first = text.lines().next().unwrap_or_default();
    [',', ';', '\t'].into_iter().rev().max_by_key(|one| first.matches(*one).count()).unwrap_or(',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emails(text: &str) -> Vec<(usize, Option<String>)> {
        read(text).into_iter().map(|line| (line.number, line.email.ok())).collect()
    }

    fn some(number: usize, email: &str) -> (usize, Option<String>) {
        (number, Some(email.to_owned()))
    }

    #[test]
    fn lists_as_spreadsheets_and_people_write_them() {
        let expected = [some(1, "a@b.example"), some(2, "c@d.example")];
        for text in [
            "a@b.example\nc@d.example",
            "a@b.example\r\nc@d.example\r\n",
            "a@b.example\rc@d.example",
            "\u{feff}a@b.example,Anna\nc@d.example,Chi\n",
            "Anna;a@b.example\nChi;c@d.example\n",
            "\"Nguyễn, Anna\",a@b.example\nChi, c@d.example \n",
        ] {
            assert_eq!(emails(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_heading_says_where_the_addresses_stand() {
        let text = "Name\tContact\tE-mail\nAnna\tx@y.example\ta@b.example\nChi\tz@y.example\t\n";
        assert_eq!(emails(text), [some(2, "a@b.example"), (3, None)]);
        assert_eq!(emails("email\na@b.example"), [some(2, "a@b.example")]);
    }

    #[test]
    fn lines_are_counted_as_the_spreadsheet_counts_them() {
        let text = "\n\na@b.example\n\"two\nlines\",c@d.example\nnobody\n";
        assert_eq!(emails(text), [some(3, "a@b.example"), some(4, "c@d.example"), (6, None)]);
    }

    #[test]
    fn what_is_no_address_is_said_to_be_none() {
        for text in ["anna", "@b.example", "a@", "a@b@c", "a b@c", "<a@b.example>", "\"a@b.example"] {
            let expected = text.starts_with('"');
            assert_eq!(read(text)[0].email.is_ok(), expected, "{text:?}");
        }
        assert!(read(&format!("{}@b.example", "a".repeat(300)))[0].email.is_err());
    }

    #[test]
    fn no_text_makes_more_lines_than_the_limit_and_one() {
        assert_eq!(read(&"a@b.example\n".repeat(LINES_MAX * 2)).len(), LINES_MAX + 1);
        assert!(read("").is_empty());
        assert!(read("\"").is_empty());
    }
}
