//! From a request's path to what it asks for. Only the one spelling that we write ourselves has a meaning:
//! nothing is decoded, merged or resolved, so there is nothing to trick.

use access::playback::{Class, Classes, Token};
use hls::playlist::View;
use ids::{EpochId, SessionId};

/// No path that means anything is longer, in bytes.
pub const PATH_LEN_MAX: usize = 320;
const RENDITION_LEN_MAX: usize = 32;

/// A path understood. Who may have it is not yet proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route<'a> {
    /// The token of `/p/{token}/s/…`; none for the bare `/s/…` of an edge.
    pub token: Option<Token>,
    /// The session.
    pub session: SessionId,
    /// Its timeline.
    pub epoch: EpochId,
    /// What of it.
    pub object: Object<'a>,
}

/// Something that can be fetched of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object<'a> {
    /// `index.m3u8`, `dvr/index.m3u8`, `vod/index.m3u8`.
    Multivariant(View),
    /// `audio.m3u8` beside each of them.
    AudioOnly(View),
    /// `{rendition}/index.m3u8`, below `dvr/` or `vod/` too.
    MediaPlaylist(View, &'a str),
    /// `{rendition}/init-{n}.mp4`.
    Init(&'a str, u32),
    /// `{rendition}/{msn}.m4s`.
    Segment(&'a str, u64),
    /// `{rendition}/{msn}.{part}.m4s`.
    Part(&'a str, u64, u32),
}

/// Why a path means nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What stands in the token's place is none: 403.
    #[error("not a playback token")]
    NoToken,
    /// There is no such path: 404.
    #[error("no such path")]
    NoSuchPath,
}

/// Reads a path, as it stands in the request line (still encoded, without the query).
///
/// # Errors
/// For every path but the canonical one of a thing that can exist.
pub fn parse(path: &str) -> Result<Route<'_>, Refusal> {
    if path.len() > PATH_LEN_MAX || !path.bytes().all(is_plain) {
        return Err(Refusal::NoSuchPath);
    }
    let segments: smallvec::SmallVec<[&str; 9]> = path.split('/').collect();
    let (token, below) = match segments.as_slice() {
        ["", "p", token, below @ ..] => (Some(Token::parse(token).map_err(|_| Refusal::NoToken)?), below),
        ["", below @ ..] => (None, below),
        _ => return Err(Refusal::NoSuchPath),
    };
    let ["s", session, epoch, object @ ..] = below else { return Err(Refusal::NoSuchPath) };
    Ok(Route {
        token,
        session: session.parse().map_err(|_| Refusal::NoSuchPath)?,
        epoch: epoch.parse().map_err(|_| Refusal::NoSuchPath)?,
        object: parse_object(object).ok_or(Refusal::NoSuchPath)?,
    })
}

impl Object<'_> {
    /// Which view it belongs to; none for media, which all views share.
    #[must_use]
    pub const fn view(&self) -> Option<View> {
        match self {
            Self::Multivariant(view) | Self::AudioOnly(view) | Self::MediaPlaylist(view, _) => Some(*view),
            Self::Init(..) | Self::Segment(..) | Self::Part(..) => None,
        }
    }

    /// Does a token of these classes open it? Media is open to all of them here; how far back it reaches for
    /// the live view alone is [`crate::viewer_session::may_fetch`]'s to say.
    #[must_use]
    pub fn is_open_to(&self, classes: Classes) -> bool {
        match self.view() {
            Some(View::Live) => classes.has(Class::Live) || classes.has(Class::Preview),
            Some(View::Dvr) => classes.has(Class::Dvr),
            Some(View::Vod) => classes.has(Class::Vod),
            None => true,
        }
    }
}

/// The bytes that canonical paths are made of: no `%`, no `;`, no control character, nothing beyond ASCII.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_')
}

fn parse_object<'a>(segments: &[&'a str]) -> Option<Object<'a>> {
    match *segments {
        ["dvr", ref below @ ..] => parse_playlist(View::Dvr, below),
        ["vod", ref below @ ..] => parse_playlist(View::Vod, below),
        [_] | [_, "index.m3u8"] => parse_playlist(View::Live, segments),
        [rendition, file] => parse_media(rendition_name(rendition)?, file),
        _ => None,
    }
}

fn parse_playlist<'a>(view: View, segments: &[&'a str]) -> Option<Object<'a>> {
    match *segments {
        ["index.m3u8"] => Some(Object::Multivariant(view)),
        ["audio.m3u8"] => Some(Object::AudioOnly(view)),
        [rendition, "index.m3u8"] => Some(Object::MediaPlaylist(view, rendition_name(rendition)?)),
        _ => None,
    }
}

fn parse_media<'a>(rendition: &'a str, file: &str) -> Option<Object<'a>> {
    if let Some(number) = file.strip_prefix("init-").and_then(|rest| rest.strip_suffix(".mp4")) {
        return Some(Object::Init(rendition, decimal(number)?.try_into().ok()?));
    }
    let name = file.strip_suffix(".m4s")?;
    match name.split_once('.') {
        Some((msn, part)) => Some(Object::Part(rendition, decimal(msn)?, decimal(part)?.try_into().ok()?)),
        None => Some(Object::Segment(rendition, decimal(name)?)),
    }
}

fn rendition_name(name: &str) -> Option<&str> {
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let fits = (1..=RENDITION_LEN_MAX).contains(&name.len());
    (fits && name.bytes().all(known)).then_some(name)
}

/// A number without leading zeros or signs.
fn decimal(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if digits && !leading_zero { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
