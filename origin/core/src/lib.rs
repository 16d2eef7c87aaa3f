//! What the origin answers: decided here, done in `origin-server`. Does no IO and reads no clock.
//!
//! | Specification | Section | Module |
//! |---|---|---|
//! | draft-pantos-hls-rfc8216bis-22 | 6.2.5.1, 6.2.5.2, 6.2.6 (directives, holds) | [`directives`], [`blocking_reload`] |
//! | draft-pantos-hls-rfc8216bis-22 | Appendix B.1 (caching) | [`cache_policy`] |
//! | RFC 9110 | 12.5.3 (Accept-Encoding), 13.1 (conditions), 14 (ranges) | [`encoding`], [`condition`], [`range`] |
//! | RFC 3986 | 6.2 (one spelling of a path) | [`request`] |

pub mod blocking_reload;
pub mod cache_policy;
pub mod condition;
pub mod deny_set;
pub mod directives;
pub mod encoding;
pub mod range;
pub mod request;
pub mod viewer_session;
