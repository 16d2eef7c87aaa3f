//! What an address, a name and a password may be, and when a refresh token still counts. Pure.

use chrono::{DateTime, TimeDelta, Utc};

/// RFC 5321 section 4.5.3.1.3, without the angle brackets.
const EMAIL_LEN_MAX: usize = 254;
const NAME_CHARS_MAX: usize = 120;
pub(crate) const PASSWORD_CHARS_MIN: usize = 8;
/// A longer one is refused.
pub(crate) const BIO_CHARS_MAX: usize = 2000;
/// A longer one is refused before it is hashed.
pub(crate) const PASSWORD_BYTES_MAX: usize = 1024;
/// An answer that was lost on its way may be asked for once more.
const REFRESH_GRACE_S: i64 = 10;

/// What lists of stolen passwords begin with, at our shortest length and above.
const COMMON: &[&str] = &[
    "12345678",
    "123456789",
    "1234567890",
    "11111111",
    "password",
    "password1",
    "password12",
    "password123",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "qwertyui",
    "qwerty123",
    "qwertyuiop",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "zaq12wsx",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "letmein1",
    "welcome1",
    "welcome123",
    "admin123",
    "administrator",
    "changeme",
    "trustno1",
    "whatever",
    "starwars",
    "computer",
    "internet",
    "michelle",
    "jennifer",
    "asdfghjkl",
    "asdf1234",
    "abcd1234",
    "abc12345",
    "aa123456",
    "a1234567",
    "q1w2e3r4",
    "lectern1",
    "lectern123",
    "teacher1",
    "teacher123",
    "student1",
    "student123",
    "classroom",
    "matkhau1",
    "matkhau123",
];

/// The address as it was typed, without blanks around it.
pub(crate) fn email(text: &str) -> Result<&str, &'static str> {
    const WRONG: &str = "Give an e-mail address.";
    let text = text.trim();
    let (name, domain) = text.rsplit_once('@').ok_or(WRONG)?;
    let plain = |text: &str| !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    let dotted = domain.contains('.') || domain == "localhost";
    let labels = domain.split('.').all(|label| !label.is_empty());
    if text.len() > EMAIL_LEN_MAX
        || !plain(name)
        || !plain(domain)
        || name.contains('@')
        || !dotted
        || !labels
    {
        return Err(WRONG);
    }
    Ok(text)
}

/// One address is one account, in whatever case it is typed.
pub(crate) fn fold_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// A name that people see.
pub(crate) fn name(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("Give a name.".into());
    }
    if text.chars().count() > NAME_CHARS_MAX || text.chars().any(char::is_control) {
        return Err(format!("At most {NAME_CHARS_MAX} characters, on one line."));
    }
    Ok(text)
}

/// Whether it looks like a name of the IANA time zone database (`Area/City`, `UTC`).
pub(crate) fn is_time_zone(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.split('/').all(|part| !part.is_empty() && part.chars().all(plain))
}

/// What is wrong with a new password; nothing, if it will do.
pub(crate) fn password_faults(password: &str, email: &str, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let folded = password.to_lowercase();
    if password.chars().count() < PASSWORD_CHARS_MIN {
        faults.push(format!("At least {PASSWORD_CHARS_MIN} characters."));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        faults.push(format!("At most {PASSWORD_BYTES_MAX} bytes."));
    }
    if !password.is_empty() && password.chars().all(|c| c.is_ascii_digit()) {
        faults.push("Not digits alone.".into());
    }
    if COMMON.contains(&folded.as_str()) {
        faults.push("This password is on every list of stolen ones.".into());
    }
    if resembles(&folded, email) || resembles(&folded, name) {
        faults.push("Too much like the address or the name.".into());
    }
    faults
}

/// The password holds a whole word of the text, with little around it.
fn resembles(folded: &str, text: &str) -> bool {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().count() >= 4);
    let length = folded.chars().count();
    std::iter::once(text.as_str())
        .chain(words)
        .any(|word| !word.is_empty() && folded.contains(word) && length < word.chars().count() + 5)
}

/// What is known of a refresh token that was presented.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presented {
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) used_at: Option<DateTime<Utc>>,
    pub(crate) revoked: bool,
    /// Its successor has been used in its turn.
    pub(crate) successor_used: bool,
}

/// What a presented refresh token gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A successor.
    Rotate,
    /// The same successor again: the answer was lost.
    Repeat,
    /// Nothing.
    Refuse,
    /// Nothing, and the whole family is revoked: two parties hold it.
    Revoke,
}

/// RFC 9700 section 4.14.2: a token that comes a second time means that it was copied.
pub(crate) fn verdict(token: Presented, now: DateTime<Utc>) -> Verdict {
    if token.revoked || now >= token.expires_at {
        return Verdict::Refuse;
    }
    let Some(used_at) = token.used_at else { return Verdict::Rotate };
    let in_grace = now < used_at + TimeDelta::seconds(REFRESH_GRACE_S);
    if in_grace && !token.successor_used { Verdict::Repeat } else { Verdict::Revoke }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["a@b.example", " Anna.Nguyen+x@école.example ", "root@localhost", "\"a\"@b.c"] {
            assert!(email(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b",
            "a b@c.example",
            "a@b@c.example",
            "a@b..c",
            "a@.b",
            "a@b.c\n.d",
        ] {
            assert!(email(bad).is_err(), "{bad}");
        }
        assert_eq!(fold_email(" Anna@B.Example "), "anna@b.example");
    }

    #[test]
    fn time_zones() {
        for good in ["UTC", "Asia/Ho_Chi_Minh", "America/Argentina/Buenos_Aires", "Etc/GMT+7"] {
            assert!(is_time_zone(good), "{good}");
        }
        for bad in ["", "asia/hanoi", "Asia//Hanoi", "Asia/", "A B", "../etc/passwd", "Asia/Hà_Nội"] {
            assert!(!is_time_zone(bad), "{bad}");
        }
    }

    #[test]
    fn passwords() {
        let check = |password, faults| {
            let found = password_faults(password, "anna.nguyen@school.example", "Thầy Minh");
            assert_eq!(found.len(), faults, "{password}: {found:?}");
        };
        check("correct horse", 0);
        check("mật khẩu dài", 0);
        check("short", 1);
        check("83519274", 1);
        check("12345678", 2);
        check("Password123", 1);
        check("nguyen12", 1);
        check("thầy minh", 1);
        check("anna.nguyen@school.example", 1);
        check("a long sentence with nguyen in it", 0);
    }

    #[test]
    fn a_refresh_token_counts_once_and_ten_seconds_more() {
        let now: DateTime<Utc> = "2026-11-20T10:00:00Z".parse().unwrap();
        let ago = |s| Some(now - TimeDelta::seconds(s));
        let fresh = Presented {
            expires_at: now + TimeDelta::seconds(1),
            used_at: None,
            revoked: false,
            successor_used: false,
        };
        let check = |token, expected| assert_eq!(verdict(token, now), expected, "{token:?}");
        check(fresh, Verdict::Rotate);
        check(Presented { expires_at: now, ..fresh }, Verdict::Refuse);
        check(Presented { revoked: true, ..fresh }, Verdict::Refuse);
        check(Presented { used_at: ago(9), ..fresh }, Verdict::Repeat);
        check(Presented { used_at: ago(10), ..fresh }, Verdict::Revoke);
        check(Presented { used_at: ago(1), successor_used: true, ..fresh }, Verdict::Revoke);
    }
}
