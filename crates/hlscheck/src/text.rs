//! From bytes to lines: rules 1 and 2, and which kind of playlist it is.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::report::{Sink, quote};

/// A line that says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// `#EXT…`, without the sign; what follows the colon, if there is one.
    Tag {
        name: &'a str,
        value: Option<&'a str>,
    },
    Uri(&'a str),
}

/// What a text turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Media,
    Multivariant,
}

/// The lines of a playlist; none when it is no text at all.
pub(crate) fn lines<'a>(body: &'a [u8], sink: &mut Sink) -> Option<Vec<Line<'a>>> {
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            sink.check(2, false, || format!("not UTF-8 from byte {} on", error.valid_up_to()));
            return None;
        }
    };
    let (text, marked) = match text.strip_prefix('\u{feff}') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    sink.check(2, !marked, || "begins with a byte order mark".into());
    let first = text.lines().next().unwrap_or_default();
    sink.check(1, first == "#EXTM3U" && !marked, || {
        format!("the first line is {}, not #EXTM3U", quote(first))
    });
    if !text.is_ascii() {
        let control = text.chars().find(|c| c.is_control() && !matches!(c, '\r' | '\n'));
        sink.check(2, control.is_none(), || format!("control character {control:?}"));
        let composed = match is_nfc_quick(text.chars()) {
            IsNormalized::Yes => true,
            IsNormalized::No => false,
            IsNormalized::Maybe => text.nfc().eq(text.chars()),
        };
        sink.check(2, composed, || "not in Unicode's normalisation form C".into());
    } else {
        let control = text.bytes().find(|b| b.is_ascii_control() && !matches!(b, b'\r' | b'\n'));
        sink.check(2, control.is_none(), || format!("control character {control:?}"));
    }
    let mut found = Vec::new();
    let mut stray = None;
    for line in text.lines() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let bare = line.trim();
        if bare.len() != line.len() {
            stray = Some(line);
        }
        if let Some(rest) = bare.strip_prefix("#EXT") {
            let _ = rest;
            let tag = &bare[1..];
            let (name, value) = match tag.split_once(':') {
                Some((name, value)) => (name, Some(value)),
                None => (tag, None),
            };
            if name.contains([' ', '\t']) {
                stray = Some(line);
            }
            found.push(Line::Tag { name: name.trim(), value });
        } else if !bare.is_empty() && !bare.starts_with('#') {
            if bare.contains([' ', '\t']) {
                stray = Some(line);
            }
            found.push(Line::Uri(bare));
        }
    }
    sink.check(2, stray.is_none(), || format!("stray whitespace in {}", quote(stray.unwrap_or_default())));
    Some(found)
}

/// Which kind it is; a text with tags of neither counts as a media playlist.
pub(crate) fn kind(lines: &[Line<'_>]) -> Kind {
    let multivariant = lines.iter().any(|line| {
        matches!(line, Line::Tag { name, .. }
            if matches!(*name, "EXT-X-STREAM-INF" | "EXT-X-MEDIA" | "EXT-X-I-FRAME-STREAM-INF"))
    });
    let media = lines.iter().any(|line| {
        matches!(line, Line::Tag { name, .. }
            if matches!(*name, "EXT-X-TARGETDURATION" | "EXTINF" | "EXT-X-MEDIA-SEQUENCE" | "EXT-X-PART"))
    });
    if multivariant && !media { Kind::Multivariant } else { Kind::Media }
}
