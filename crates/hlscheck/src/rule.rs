//! The rules by number: level, section of draft-pantos-hls-rfc8216bis-22, and what they ask for.

use std::fmt;

/// How binding a rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The specification says MUST.
    Must,
    /// Appendix B.1 (low-latency server configuration), or a figure of our own that follows from it.
    Profile,
    /// The specification says SHOULD.
    Should,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Profile => "PROFILE",
            Self::Should => "SHOULD",
        })
    }
}

/// What a rule looks at; reports are ordered by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// One playlist by itself.
    Text,
    /// Renditions beside each other.
    Across,
    /// One playlist as it changes.
    Time,
    /// Requests and answers.
    Http,
    /// The media.
    Media,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "playlist text",
            Self::Across => "renditions beside each other",
            Self::Time => "over time",
            Self::Http => "requests and answers",
            Self::Media => "media",
        })
    }
}

/// A rule's number, 1 to [`RULES`]`.len()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule(pub(crate) u8);

/// What is known of a rule.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Its number here.
    pub number: u8,
    /// How binding it is where a violation says nothing else.
    pub level: Level,
    /// Section of the draft.
    pub section: &'static str,
    /// What it asks for, in a few words.
    pub title: &'static str,
}

impl Rule {
    /// The rule's number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// What is known of it.
    #[must_use]
    pub fn facts(self) -> &'static Facts {
        &RULES[usize::from(self.0) - 1]
    }

    /// What it looks at.
    #[must_use]
    pub const fn group(self) -> Group {
        match self.0 {
            0..=24 => Group::Text,
            25..=36 => Group::Across,
            37..=53 => Group::Time,
            54..=67 => Group::Http,
            _ => Group::Media,
        }
    }

    /// All rules in order.
    pub fn all() -> impl Iterator<Item = Self> {
        RULES.iter().map(|facts| Self(facts.number))
    }
}

const fn rule(number: u8, level: Level, section: &'static str, title: &'static str) -> Facts {
    Facts { number, level, section, title }
}

use Level::{Must, Profile, Should};

/// All rules; number `n` stands at index `n - 1`.
pub const RULES: [Facts; 73] = [
    rule(1, Must, "4.4.1.1", "the first line is #EXTM3U"),
    rule(2, Must, "4.1", "UTF-8 in NFC, no BOM, no control characters, no stray whitespace"),
    rule(3, Must, "4", "known as a playlist by its path or its Content-Type"),
    rule(4, Must, "4.4.1.2, 8", "one EXT-X-VERSION, as high as the tags need and no higher"),
    rule(5, Must, "4.2", "attribute lists: no name twice, values of the right type"),
    rule(6, Must, "4.4.2, 4.4.3", "each playlist tag once; no tags of the other kind of playlist"),
    rule(7, Must, "4.4.3.1", "TARGETDURATION is there and no segment rounds above it"),
    rule(8, Must, "4.4.3.2, 4.4.3.3", "MEDIA-SEQUENCE and DISCONTINUITY-SEQUENCE stand before segments"),
    rule(9, Must, "4.4.4.1", "EXTINF before each segment"),
    rule(10, Must, "3.1.2", "EXT-X-MAP for each fragmented MP4 segment"),
    rule(11, Must, "4.4.4.2", "a BYTERANGE without offset follows one of the same resource"),
    rule(12, Must, "4.4.3.7, 4.4.3.8", "parts need PART-INF, PART-TARGET and PART-HOLD-BACK"),
    rule(13, Must, "4.4.3.8", "PART-HOLD-BACK is at least two part targets, better three"),
    rule(14, Must, "4.4.3.8", "HOLD-BACK is three target durations, CAN-SKIP-UNTIL six"),
    rule(15, Must, "4.4.4.9", "no part is longer than PART-TARGET"),
    rule(16, Must, "4.4.4.9", "no inner part is shorter than 85 % of PART-TARGET"),
    rule(17, Must, "4.4.4.9", "tags of a segment stand before its first part"),
    rule(18, Should, "4.4.4.9", "INDEPENDENT=YES where a part has an independent frame, and only there"),
    rule(19, Must, "4.4.5.3, 6.2.6", "a hint has TYPE and URI, one of each TYPE"),
    rule(20, Must, "4.4.5.3", "no hint after ENDLIST"),
    rule(21, Must, "4.4.5.2", "EXT-X-SKIP once, and only when asked for"),
    rule(22, Must, "4.4.5.1", "DATERANGE needs PROGRAM-DATE-TIME"),
    rule(23, Must, "6.2.2", "no PLAYLIST-TYPE where segments are removed"),
    rule(24, Must, "4.4.4.4, 6.2.3", "EXT-X-KEY: attributes that fit its METHOD"),
    rule(25, Must, "4.4.6.2", "STREAM-INF has BANDWIDTH and a URI, better CODECS and RESOLUTION too"),
    rule(26, Must, "4.4.6.2", "groups that are named exist"),
    rule(27, Must, "4.4.6.1.1", "in a group names differ, one DEFAULT at most"),
    rule(28, Must, "6.2.4", "CODECS lists every format of the segments"),
    rule(29, Must, "4.4.6.2", "BANDWIDTH is the peak"),
    rule(30, Must, "6.2.4", "the same TARGETDURATION everywhere"),
    rule(31, Must, "6.2.4", "the same SERVER-CONTROL everywhere"),
    rule(32, Must, "6.2.4", "matching content has matching timestamps and discontinuities"),
    rule(33, Must, "6.2.4", "PROGRAM-DATE-TIME in all or none, with one mapping"),
    rule(34, Must, "6.2.4", "the same PLAYLIST-TYPE and date ranges everywhere"),
    rule(35, Profile, "B.1, 4.4.5.4", "a report on every other rendition, as true as the playlist"),
    rule(36, Profile, "B.1", "renditions are updated within one part target of each other"),
    rule(37, Must, "6.2.1", "TARGETDURATION never changes"),
    rule(38, Must, "6.2.1", "a playlist is only appended to, and shortened at its head"),
    rule(39, Must, "6.2.2", "MEDIA-SEQUENCE grows by what was removed, and never falls"),
    rule(40, Must, "6.2.2", "the same number is the same segment for ever"),
    rule(41, Must, "6.2.2", "discontinuity sequence numbers of segments never change"),
    rule(42, Must, "6.2.2", "three target durations are left after removal"),
    rule(43, Must, "6.2.1", "a new segment every 1.5 target durations"),
    rule(44, Must, "6.2.1", "a new part every part target"),
    rule(45, Should, "6.2.2", "parts leave the list after three target durations, in order"),
    rule(46, Must, "6.2.2", "what left the list can be fetched as long as promised"),
    rule(47, Must, "6.2.1", "what is listed can be fetched at once"),
    rule(48, Must, "6.2.1", "nothing changes after ENDLIST; EVENT only grows, VOD not even that"),
    rule(49, Must, "6.2.1", "PROGRAM-DATE-TIME is unambiguous"),
    rule(50, Should, "6.2.1", "absent media is a gap in segment and parts alike"),
    rule(51, Must, "6.2.1", "changes are atomic: no half playlist"),
    rule(52, Must, "4.4.5.3", "a hinted URI is the one listed later"),
    rule(53, Must, "6.2.1", "a date range stays as long as its segments"),
    rule(54, Must, "6.2.5.2", "a blocking reload is held until it has what it asks for"),
    rule(55, Must, "6.2.5.2", "_HLS_part without _HLS_msn is a bad request"),
    rule(56, Should, "6.2.5.2", "a request too far ahead is refused at once"),
    rule(57, Must, "6.2.5.2", "a part past the end of its segment is part 0 of the next"),
    rule(58, Must, "6.2.5.2", "an old number gets the whole playlist at once"),
    rule(59, Should, "6.2.5.2", "a reload held for three target durations is answered 503"),
    rule(60, Must, "6.2.5.1", "a delta update is the playlist without what it skips"),
    rule(61, Must, "6.2.6", "a hinted part is held until all of it is there"),
    rule(62, Should, "6.2.6", "what is unknown is not found"),
    rule(63, Should, "6.2.1", "playlists are sent with gzip"),
    rule(64, Profile, "B.1", "HTTP/2 with priorities"),
    rule(65, Profile, "B.1", "byte ranges are served where they are used"),
    rule(66, Should, "B.1, 6.2.2", "Cache-Control as long as an answer stays right"),
    rule(67, Profile, "6.2.5", "other query parameters change nothing"),
    rule(68, Must, "3", "timestamps go on from segment to segment"),
    rule(69, Must, "3.1.2", "initialisation sections and fragments are fragmented MP4 as HLS has it"),
    rule(70, Must, "3.2", "the parts of a segment are the segment"),
    rule(71, Profile, "B.1", "each segment begins with an independent frame"),
    rule(72, Must, "4.4.4.1", "durations in the playlist are those of the media"),
    rule(73, Must, "5.2, 6.2.3", "keys can be fetched and fit"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_stands_in_its_place() {
        for (index, facts) in RULES.iter().enumerate() {
            assert_eq!(usize::from(facts.number), index + 1);
            assert_eq!(Rule(facts.number).facts().title, facts.title);
        }
    }
}
