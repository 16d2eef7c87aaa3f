//! Packaging decisions: where parts and segments are cut, what stands in them and in the playlists. Does
//! no IO, reads no clock and decodes nothing.
//!
//! | Specification | Section | Module |
//! |---|---|---|
//! | draft-pantos-hls-rfc8216bis-22 | 6.2.1, 6.2.2, 4.4.4.9, Appendix B.1 | [`epoch`] |
//! | ISO/IEC 14496-12 | 8.2, 8.8 (moov, mvex, moof, traf, trun, tfdt) | [`fmp4`] |
//! | ISO/IEC 14496-15 5.3, 14496-1 7.2.6 | `avcC`, `esds` | [`fmp4`] |
//! | ISO/IEC 23000-19 (CMAF) | 7.3 | [`fmp4`] |
//!
//! The way of a unit: [`epoch`] takes it in, the timeline places it, the plan decides whether a segment
//! begins with it, the segmenter of its rendition puts it into a part, [`fmp4`] writes the part's boxes, the
//! books add the part to the rendition's window. What must survive a crash goes to the [`journal`].

mod books;
pub mod epoch;
pub mod fmp4;
pub mod journal;
pub mod ladder;
mod plan;
mod segmenter;
mod silence;
pub mod slate;
mod timeline;
