//! Attribute lists (4.2), read as tolerantly as can be and judged as strictly.

use crate::report::Sink;

/// What a value was written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Quoted,
    Bare,
}

/// One attribute, quotes taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) form: Form,
}

/// An attribute list in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes(Vec<Attribute>);

impl Attributes {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|found| found.name == name).map(|found| &*found.value)
    }

    pub(crate) fn is_yes(&self, name: &str) -> bool {
        self.get(name) == Some("YES")
    }

    /// A decimal-integer; none when it is missing or none.
    pub(crate) fn integer(&self, name: &str) -> Option<u64> {
        integer(self.get(name)?)
    }

    /// A decimal-floating-point; none when it is missing or none.
    pub(crate) fn decimal(&self, name: &str) -> Option<f64> {
        decimal(self.get(name)?)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.0.iter()
    }

    /// The same names and values, in whatever order.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|one| other.0.contains(one))
    }
}

/// A decimal-integer of 4.2: digits. The standard goes up to 2^64; beyond 2^60, where sums of a few begin to overflow,
/// no honest playlist counts.
pub(crate) fn integer(text: &str) -> Option<u64> {
    const MAX: u64 = 1 << 60;
    let digits = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number <= MAX)
}

/// A decimal-floating-point of 4.2: digits and at most one point. Never negative.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let shape = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && text.bytes().filter(|byte| *byte == b'.').count() <= 1
        && text.bytes().any(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number: &f64| shape && number.is_finite())
}

/// Reads a list; what is wrong with it breaks rule 5 (or 2, for whitespace).
pub(crate) fn parse(tag: &str, text: &str, sink: &mut Sink) -> Attributes {
    let mut found: Vec<Attribute> = Vec::new();
    let mut rest = text;
    let mut wrong: Option<String> = None;
    let mut spaces = false;
    while !rest.is_empty() {
        let Some((name, after)) = rest.split_once('=') else {
            wrong = Some(format!("{tag}: {rest:.60?} is no attribute"));
            break;
        };
        let bare = name.trim();
        spaces |= bare.len() != name.len();
        let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-';
        if bare.is_empty() || !bare.bytes().all(legal) {
            wrong = Some(format!("{tag}: {bare:.60?} is no attribute name"));
        }
        let (value, form, next) = if let Some(quoted) = after.strip_prefix('"') {
            let Some((value, next)) = quoted.split_once('"') else {
                wrong = Some(format!("{tag}: the quote of {bare:.60} is never closed"));
                break;
            };
            (value, Form::Quoted, next)
        } else {
            let (value, next) = after.split_at(after.find(',').unwrap_or(after.len()));
            spaces |= value.contains([' ', '\t']);
            (value.trim(), Form::Bare, next)
        };
        if found.iter().any(|before| before.name == bare) {
            wrong = Some(format!("{tag}: {bare:.60} stands twice"));
        } else {
            if let Some(problem) = problem_of(bare, value, form) {
                wrong = Some(format!("{tag}: {problem}"));
            }
            found.push(Attribute { name: bare.to_owned(), value: value.to_owned(), form });
        }
        rest = match next.strip_prefix(',') {
            Some(more) => {
                if more.is_empty() {
                    wrong = Some(format!("{tag}: ends with a comma"));
                }
                more
            }
            None if next.is_empty() => next,
            None => {
                wrong = Some(format!("{tag}: {next:.60?} after {bare:.60}"));
                break;
            }
        };
    }
    sink.check(5, wrong.is_none(), || wrong.unwrap_or_default());
    sink.check(2, !spaces, || format!("{tag}: whitespace in an attribute list"));
    Attributes(found)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Integer,
    Decimal,
    Signed,
    Hexadecimal,
    Quoted,
    /// A quoted string that may be empty.
    QuotedEmpty,
    Enumerated,
    Resolution,
}

/// What is wrong with a value, if anything. Names that no tag of the draft has are anybody's own.
fn problem_of(name: &str, value: &str, form: Form) -> Option<String> {
    let wanted = type_of(name, form)?;
    let right = match wanted {
        Type::Integer => form == Form::Bare && integer(value).is_some(),
        Type::Decimal => form == Form::Bare && decimal(value).is_some(),
        Type::Signed => form == Form::Bare && decimal(value.strip_prefix('-').unwrap_or(value)).is_some(),
        Type::Hexadecimal => {
            let digits = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X"));
            form == Form::Bare
                && digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|byte| byte.is_ascii_hexdigit()))
        }
        Type::Quoted => form == Form::Quoted && !value.is_empty(),
        Type::QuotedEmpty => form == Form::Quoted,
        Type::Enumerated => form == Form::Bare && !value.is_empty() && !value.contains(['"', ',', ' ', '\t']),
        Type::Resolution => {
            form == Form::Bare
                && value.split_once('x').is_some_and(|(w, h)| integer(w).is_some() && integer(h).is_some())
        }
    };
    let shown: String = value.chars().take(60).collect();
    (!right).then(|| format!("{name} must be {} and is {shown:?}", words(wanted)))
}

fn words(wanted: Type) -> &'static str {
    match wanted {
        Type::Integer => "a decimal-integer",
        Type::Decimal => "a decimal-floating-point",
        Type::Signed => "a signed-decimal-floating-point",
        Type::Hexadecimal => "a hexadecimal-sequence",
        Type::Quoted => "a quoted-string that is not empty",
        Type::QuotedEmpty => "a quoted-string",
        Type::Enumerated => "an enumerated-string",
        Type::Resolution => "a decimal-resolution",
    }
}

fn type_of(name: &str, form: Form) -> Option<Type> {
    Some(match name {
        "BANDWIDTH" | "AVERAGE-BANDWIDTH" | "PROGRAM-ID" | "LAST-MSN" | "LAST-PART" | "SKIPPED-SEGMENTS"
        | "BYTERANGE-START" | "BYTERANGE-LENGTH" | "BIT-DEPTH" | "SAMPLE-RATE" => Type::Integer,
        "FRAME-RATE" | "PART-TARGET" | "PART-HOLD-BACK" | "HOLD-BACK" | "CAN-SKIP-UNTIL" | "DURATION"
        | "PLANNED-DURATION" => Type::Decimal,
        "TIME-OFFSET" | "SCORE" => Type::Signed,
        "IV" | "SCTE35-CMD" | "SCTE35-OUT" | "SCTE35-IN" => Type::Hexadecimal,
        "RECENTLY-REMOVED-DATERANGES" => Type::QuotedEmpty,
        "URI"
        | "BYTERANGE"
        | "CODECS"
        | "SUPPLEMENTAL-CODECS"
        | "AUDIO"
        | "VIDEO"
        | "SUBTITLES"
        | "GROUP-ID"
        | "NAME"
        | "LANGUAGE"
        | "ASSOC-LANGUAGE"
        | "INSTREAM-ID"
        | "CHARACTERISTICS"
        | "CHANNELS"
        | "ID"
        | "START-DATE"
        | "END-DATE"
        | "KEYFORMAT"
        | "KEYFORMATVERSIONS"
        | "DATA-ID"
        | "VALUE"
        | "IMPORT"
        | "QUERYPARAM"
        | "SERVER-URI"
        | "PATHWAY-ID"
        | "STABLE-VARIANT-ID"
        | "STABLE-RENDITION-ID"
        | "ALLOWED-CPC" => Type::Quoted,
        "METHOD"
        | "TYPE"
        | "DEFAULT"
        | "AUTOSELECT"
        | "FORCED"
        | "HDCP-LEVEL"
        | "VIDEO-RANGE"
        | "GAP"
        | "INDEPENDENT"
        | "CAN-BLOCK-RELOAD"
        | "CAN-SKIP-DATERANGES"
        | "END-ON-NEXT"
        | "PRECISE"
        | "FORMAT" => Type::Enumerated,
        "RESOLUTION" => Type::Resolution,
        // A group's name, or NONE.
        "CLOSED-CAPTIONS" if form == Form::Quoted => Type::Quoted,
        "CLOSED-CAPTIONS" => Type::Enumerated,
        _ => return None,
    })
}
