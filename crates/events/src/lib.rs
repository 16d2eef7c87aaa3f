//! Facts the rooms tell each other. Data alone: who sends and who listens is joined in `lectern/wiring`.

use std::time::SystemTime;

use ids::{CourseId, EpochId, PublicationId, SessionId};
use serde::{Deserialize, Serialize};

/// What a publisher with a right key may do, and where his media goes (answered by the sessions'
/// rules to ingest's question).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// This publication.
    pub publication: PublicationId,
    /// The course the key belongs to.
    pub course: CourseId,
    /// Its title, for people.
    pub course_title: String,
    /// Where the media goes now; `start-live` may move it later ([`WentLive`]).
    pub programme: Programme,
    /// A second publisher with the right key: takes over, or is refused.
    pub takeover: Takeover,
}

/// A timeline that media can be published into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Programme {
    /// The course it belongs to.
    pub course: CourseId,
    /// The id in `/s/{session}/…`. For an off-air preview it is an id of the preview's own.
    pub session: SessionId,
    /// The timeline.
    pub epoch: EpochId,
    /// Students may watch (a preview: its owner alone).
    pub on_air: bool,
}

/// What happens when a second publisher brings the same key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Takeover {
    /// The newest wins: a teacher's dead connection must not lock him out.
    #[default]
    NewestWins,
    /// The first stays; the second is told why.
    Refuse,
}

/// A session's public timeline was opened: publications of the course move there at the next keyframe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WentLive {
    /// The public timeline.
    pub programme: Programme,
}

/// A timeline was closed for good: its playlists get ENDLIST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which timeline.
    pub programme: Programme,
}

/// Why and when a publication came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationChange {
    /// First media accepted.
    Started,
    /// The encoder said goodbye (FCUnpublish, deleteStream, close).
    Stopped,
    /// The connection broke or fell silent.
    Dropped,
    /// Another publisher with the same key took its place.
    TakenOver,
}

/// A publication came or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicationChanged {
    /// Which.
    pub publication: PublicationId,
    /// Of which course.
    pub course: CourseId,
    /// What happened.
    pub change: PublicationChange,
    /// When, by the wall clock.
    pub at: SystemTime,
}

/// How a publication does, once a second, for the studio page and the metrics.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PublicationHealth {
    /// Received media, kbit/s over the last seconds.
    pub bitrate_kbps: u32,
    /// Frames a second, measured.
    pub frame_rate: f64,
    /// Seconds between the last two keyframes.
    pub keyframe_interval_s: f64,
    /// Picture size; zero without video.
    pub width: u32,
    /// Picture size; zero without video.
    pub height: u32,
    /// RFC 6381 codec string of the video; empty without.
    pub video_codec: String,
    /// RFC 6381 codec string of the audio; empty without.
    pub audio_codec: String,
    /// What is wrong and can be cured; ordered, no duplicates.
    pub warnings: Vec<HealthWarning>,
    /// Names of the rungs that the transcoder makes now.
    pub rungs: Vec<String>,
    /// Frames of sound or picture that were dropped or moved because their time could not be right.
    pub timestamps_corrected: u64,
}

/// A status code with a cure; the words stand in the studio page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthWarning {
    /// Keyframes too far apart for the source to be cut: set the keyframe interval to 2 s.
    GopTooLong,
    /// Frame rate too low or too irregular for parts: set a constant frame rate.
    FrameRateIrregular,
    /// No sound arrives.
    AudioMissing,
    /// No picture arrives.
    VideoMissing,
    /// Pictures came after the session had begun with sound alone. Players read but once what renditions there are:
    /// end the session and begin it anew to have pictures.
    VideoTooLate,
    /// The transcoder cannot keep up; the top rung it makes was dropped.
    TranscoderBehind,
    /// The recording on disk is behind or failing; live goes on.
    RecordingDegraded,
}

/// A viewer session (a `sid` in playback tokens) or all of a person's are refused from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessRevoked {
    /// One viewer session.
    ViewerSession {
        /// The `sid` of its tokens.
        sid: u64,
        /// When its last token ends by itself, seconds since 1970; the deny-set may forget it then.
        until_unix_s: u64,
    },
    /// All tokens of a session's epoch: the kill switch.
    Epoch(EpochId),
}
