//! How long an answer may be kept, and by whom (rfc8216bis Appendix B.1).
//!
//! Errors are never kept, where B.1 would allow one to four target durations: a viewer who asks for a part or
//! a media sequence number ahead of its time would otherwise put the refusal into the edge's cache, for all.

use std::fmt;

use hls::window::Figures;

use crate::request::Object;

/// Who asked, as far as keeping the answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A player with a token of its own: only it may keep the answer.
    Viewer,
    /// A holder of the edge secret, which checks tokens before it answers from its cache.
    Edge,
}

/// How the answer came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A playlist for a request with `_HLS_msn`: its URI is asked for at one moment only.
    BlockingPlaylist,
    /// A playlist as it stood.
    Playlist,
    /// A part: soon asked for as its segment.
    Part,
    /// A segment or an initialisation section; its URI never changes its bytes.
    Segment,
    /// Any refusal.
    Error,
}

impl Answer {
    /// The answer to a request for `object` that succeeds.
    #[must_use]
    pub const fn of(object: &Object<'_>, blocking: bool) -> Self {
        match object {
            Object::Multivariant(_) | Object::AudioOnly(_) => Self::Playlist,
            Object::MediaPlaylist(..) if blocking => Self::BlockingPlaylist,
            Object::MediaPlaylist(..) => Self::Playlist,
            Object::Part(..) => Self::Part,
            Object::Init(..) | Object::Segment(..) => Self::Segment,
        }
    }
}

/// About as long as anybody plays one lecture again in one sitting.
const SEGMENT_MAX_AGE_S: u32 = 3_600;

/// A `Cache-Control` header's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheControl {
    asker: Asker,
    max_age_s: Option<u32>,
    immutable: bool,
}

/// The `Cache-Control` of an answer.
#[must_use]
pub fn cache_control(asker: Asker, answer: Answer, figures: &Figures) -> CacheControl {
    let target_s = figures.target_duration_s;
    let (max_age_s, immutable) = match answer {
        Answer::BlockingPlaylist => (Some(6 * target_s), false),
        Answer::Playlist => (Some(target_s / 2), false),
        Answer::Part => (Some(6 * target_s), true),
        Answer::Segment => (Some(SEGMENT_MAX_AGE_S), true),
        Answer::Error => (None, false),
    };
    CacheControl { asker, max_age_s, immutable }
}

impl fmt::Display for CacheControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(max_age_s) = self.max_age_s else { return f.write_str("no-store") };
        let who = match self.asker {
            Asker::Viewer => "private",
            Asker::Edge => "public",
        };
        let immutable = if self.immutable { ", immutable" } else { "" };
        write!(f, "{who}, max-age={max_age_s}{immutable}")
    }
}

#[cfg(test)]
mod tests {
    use hls::playlist::View;

    use super::*;

    #[test]
    fn each_answer_is_kept_as_long_as_it_is_asked_for() {
        for (object, blocking, expected) in [
            (Object::Multivariant(View::Live), true, "max-age=2"),
            (Object::MediaPlaylist(View::Dvr, "a"), false, "max-age=2"),
            (Object::MediaPlaylist(View::Dvr, "a"), true, "max-age=24"),
            (Object::Part("a", 1, 1), false, "max-age=24, immutable"),
            (Object::Segment("a", 1), false, "max-age=3600, immutable"),
            (Object::Init("a", 1), false, "max-age=3600, immutable"),
        ] {
            let answer = Answer::of(&object, blocking);
            for (asker, who) in [(Asker::Viewer, "private"), (Asker::Edge, "public")] {
                let got = cache_control(asker, answer, &Figures::default()).to_string();
                assert_eq!(got, format!("{who}, {expected}"), "{object:?}");
            }
        }
    }

    #[test]
    fn a_refusal_is_kept_by_nobody() {
        for asker in [Asker::Viewer, Asker::Edge] {
            assert_eq!(cache_control(asker, Answer::Error, &Figures::default()).to_string(), "no-store");
        }
    }
}
