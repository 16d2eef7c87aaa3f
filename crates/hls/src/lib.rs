//! HLS playlists: what a window of a rendition holds, and its text, both ways.
//!
//! | Specification | Section | Module |
//! |---|---|---|
//! | draft-pantos-hls-rfc8216bis-22 | 4.4.3 to 4.4.5, 6.2.1 to 6.2.6, Appendix B.1 | [`window`], [`playlist`] |
//! | draft-pantos-hls-rfc8216bis-22 | 4.4.6 | [`multivariant`], [`playlist`] |

pub mod multivariant;
pub mod playlist;
pub mod window;
