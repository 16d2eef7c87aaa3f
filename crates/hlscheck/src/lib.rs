//! A conformance checker for live HTTP Live Streaming (draft-pantos-hls-rfc8216bis-22): of our own playlists in
//! tests, and of anybody's with `lectern hlscheck URL`.
//!
//! It shares no code with what writes our playlists, so that it cannot share its mistakes. The [`Checker`] is told
//! what was asked and answered, and when; it asks for nothing and knows no clock:
//!
//! ```
//! use hlscheck::{Checker, Exchange, Tolerance};
//! # let (url, now) = ("http://127.0.0.1/a/index.m3u8", std::time::Instant::now());
//! let mut checker = Checker::new(Tolerance::default());
//! checker.playlist(&Exchange::simple(url, now, "#EXTM3U\n#EXT-X-TARGETDURATION:4\n".into()));
//! assert!(checker.report().violations.is_empty());
//! ```
//!
//! A report lists violations, says how often each rule was looked at, and why others could not be judged.
//!
//! | rules | section | how they are checked |
//! |---|---|---|
//! | 1, 2 | 4.4.1.1, 4.1 | bytes of every playlist |
//! | 3 | 4 | path and Content-Type; knowing it by one alone is a SHOULD of ours |
//! | 4 to 11 | 4.2, 4.4.1 to 4.4.4, 3.1.2, 8 | a tolerant reader that keeps what it cannot like; 10 by the URI's ending, or by the bytes |
//! | 12 to 17 | 4.4.3.7, 4.4.3.8, 4.4.4.9 | each whole playlist; 16 leaves out the newest part of a growing segment, which may be its last |
//! | 18 | 4.4.4.9 | H.264 NAL units, else the sync flags, of each part that was fetched |
//! | 19 to 24 | 4.4.4.4, 4.4.5 | each playlist; 21 by what was asked for; keys are not fetched |
//! | 25 to 27 | 4.4.6 | each multivariant playlist |
//! | 28, 29 | 6.2.4, 4.4.6.2 | sample entries of initialisation sections: a format that one in CODECS covers without naming it (H.264 of the same profile and a lower level) breaks a SHOULD; peak over single segments, 10 % over BANDWIDTH allowed live |
//! | 30, 31, 34 | 6.2.4 | heads of all playlists that were seen, against each other |
//! | 32, 33 | 6.2.4 | segments that play at the same time by their dates: discontinuity sequence numbers, and date minus media time, 2.5 ms allowed |
//! | 35 | B.1, 4.4.5.4 | not ahead of what the other playlist says when asked afterwards, not behind by more than a part target |
//! | 36 | B.1 | the ends of playlists by their dates, a part target later |
//! | 37 to 42, 45, 48, 52, 53 | 6.2.1, 6.2.2, 4.4.5.3 | each playlist against the one before it; answers that overtook each other are put in order |
//! | 43, 44 | 6.2.1 | by proofs only: an answer without anything new, or a request that was held; [`Tolerance`] says how much later |
//! | 46, 47 | 6.2.1, 6.2.2 | every part and segment at first sight, and again half a second before its promise ends |
//! | 49, 50 | 6.2.1 | dates and gaps of neighbours |
//! | 51 | 6.2.1 | a playlist that breaks off; what differs between versions is 38 to 41 |
//! | 54, 57, 58 | 6.2.5.2 | what a blocking reload asked for against what came |
//! | 55, 56, 62, 67 | 6.2.5, 6.2.6 | probes |
//! | 59 | 6.2.5.2 | requests that are held for too long; nobody's publisher is stalled on purpose |
//! | 60 | 6.2.5.1 | delta updates are put together with what is known and compared with whole playlists |
//! | 61 | 6.2.6 | hinted parts are asked for at once: held, then quick, and the same bytes as listed later |
//! | 63 to 66 | B.1, 6.2.1 | heads of answers; 64 over TLS only; of 65 ranges where they are listed |
//! | 68 to 72 | 3, 3.1.2, 3.2 | boxes of fragmented MP4; other containers are not looked into |
//! | 73 | 5.2 | not checked: keys are not fetched |

mod across;
mod applicable;
mod attributes;
mod boxes;
mod change;
mod checker;
mod codec;
mod delta;
mod exchange;
mod follow;
mod http;
mod live;
mod media_playlist;
mod multivariant;
mod one_playlist;
mod print;
mod report;
mod rule;
mod samples;
mod text;

pub use checker::{Checker, Want};
pub use exchange::{Exchange, Http, Why};
pub use follow::Tolerance;
pub use live::{CannotLook, Options, Trust, look};
pub use report::{Report, Violation};
pub use rule::{Facts, Group, Level, RULES, Rule};
