//! Playlist text (rfc8216bis 4): the media playlist of a [`Window`], the multivariant ones of a
//! [`Multivariant`]. The same facts give the same bytes.
//!
//! The text of a media playlist does not depend on where the epoch is served from: every URI is relative.
//!
//! | View | Lies at | Holds | Its segments' URIs |
//! |---|---|---|---|
//! | [`View::Live`] | `{rendition}/index.m3u8` | the last minute | `{msn}.m4s` |
//! | [`View::Dvr`] | `dvr/{rendition}/index.m3u8` | all so far, EVENT | `../../{rendition}/{msn}.m4s` |
//! | [`View::Vod`] | `vod/{rendition}/index.m3u8` | all, VOD | `../../{rendition}/{msn}.m4s` |
//!
//! A delta update (6.2.5.1) is exactly the full playlist with the lines of the skipped segments replaced by
//! EXT-X-SKIP and, behind it, their EXT-X-DATERANGEs. The lines of old segments are kept with them, so neither a delta nor a whole EVENT list
//! formats a long session again.

mod decimal;
mod segment_text;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use chrono::TimeDelta;
use media::MediaTime;

use self::{
    decimal::{Milliseconds, Seconds},
    segment_text::Folder,
};
use crate::{
    multivariant::{Audio, Multivariant, Variant},
    window::{Figures, Window},
};

/// Which part of an epoch a media playlist shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// The live window: segments leave it at its head.
    Live,
    /// Everything since the beginning, growing.
    Dvr,
    /// Everything, after the end. Only for an ended window: it says ENDLIST.
    Vod,
}

/// Was a delta update asked for (`_HLS_skip`)?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Skip {
    /// The whole playlist.
    No,
    /// A delta update where there is something to skip.
    Yes,
}

// EXT-X-SKIP needs 9; the full playlist says the same, so that a delta changes no line but the skipped.
const VERSION_LOW_LATENCY: u32 = 9;
// EXT-X-MAP in a playlist of whole segments needs 6.
const VERSION_PLAIN: u32 = 6;

/// The text of a media playlist.
#[must_use]
pub fn media_playlist(window: &Window, view: View, skip: Skip) -> String {
    let Some(first) = first_listed(window, view) else {
        let mut text = String::new();
        push_header(&mut text, window, view);
        push_sequences(&mut text, window, view);
        push_ending(&mut text, window, view);
        return text;
    };
    let kept = match skip {
        Skip::Yes => first_kept(window, view, first),
        Skip::No => first,
    };
    let mut text = String::with_capacity(capacity(window, kept));
    push_header(&mut text, window, view);
    push_sequences(&mut text, window, view);
    let folder = Folder::of(window, view);
    if kept > first {
        line(&mut text, format_args!("#EXT-X-SKIP:SKIPPED-SEGMENTS={}", kept - first));
        Folder::push_skipped_slates(&mut text, window, first, kept);
        folder.push_init_before(&mut text, window, kept);
    }
    folder.push_segments(&mut text, window, first, kept);
    push_ending(&mut text, window, view);
    text
}

/// The text of a multivariant playlist. It is the same for every [`View`]: each lies beside its renditions.
#[must_use]
pub fn multivariant(multivariant: &Multivariant) -> String {
    if multivariant.variants.is_empty() {
        return audio_only(multivariant).unwrap_or_else(multivariant_header);
    }
    let mut text = multivariant_header();
    let audio = multivariant.audio.as_ref();
    if let Some(Audio { rendition, channels, .. }) = audio {
        line(
            &mut text,
            format_args!(
                "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,\
                 CHANNELS=\"{channels}\",URI=\"{rendition}/index.m3u8\""
            ),
        );
    }
    for variant in &multivariant.variants {
        push_variant(&mut text, variant, audio);
    }
    text
}

/// The text of the multivariant playlist with audio alone; none where there is no audio.
#[must_use]
pub fn audio_only(multivariant: &Multivariant) -> Option<String> {
    let Audio { rendition, bandwidth, average_bandwidth, codec, channels: _ } =
        multivariant.audio.as_ref()?;
    let mut text = multivariant_header();
    line(
        &mut text,
        format_args!(
            "#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},AVERAGE-BANDWIDTH={average_bandwidth},\
             CODECS=\"{codec}\",CLOSED-CAPTIONS=NONE\n{rendition}/index.m3u8"
        ),
    );
    Some(text)
}

fn multivariant_header() -> String {
    format!("#EXTM3U\n#EXT-X-VERSION:{VERSION_PLAIN}\n#EXT-X-INDEPENDENT-SEGMENTS\n")
}

fn push_variant(text: &mut String, variant: &Variant, audio: Option<&Audio>) {
    let Variant { rendition, bandwidth, average_bandwidth, codec, width, height, frame_rate } = variant;
    let (audio_codec, group) = match audio {
        Some(audio) => (format!(",{}", audio.codec), ",AUDIO=\"audio\""),
        None => (String::new(), ""),
    };
    // CLOSED-CAPTIONS=NONE: without it shaka looks for captions in an EVENT list's last segment and fails.
    line(
        text,
        format_args!(
            "#EXT-X-STREAM-INF:BANDWIDTH={bandwidth},AVERAGE-BANDWIDTH={average_bandwidth},\
             CODECS=\"{codec}{audio_codec}\",RESOLUTION={width}x{height},FRAME-RATE={frame_rate:.3}{group},\
             CLOSED-CAPTIONS=NONE\n{rendition}/index.m3u8"
        ),
    );
}

fn push_header(text: &mut String, window: &Window, view: View) {
    let version = match view {
        View::Live | View::Dvr => VERSION_LOW_LATENCY,
        View::Vod => VERSION_PLAIN,
    };
    let figures = &window.figures;
    line(text, format_args!("#EXTM3U\n#EXT-X-VERSION:{version}"));
    line(text, format_args!("#EXT-X-TARGETDURATION:{}", figures.target_duration_s));
    match view {
        View::Live => {}
        View::Dvr => line(text, format_args!("#EXT-X-PLAYLIST-TYPE:EVENT")),
        View::Vod => line(text, format_args!("#EXT-X-PLAYLIST-TYPE:VOD")),
    }
    line(text, format_args!("#EXT-X-INDEPENDENT-SEGMENTS"));
    match view {
        View::Live | View::Dvr => push_server_control(text, figures),
        View::Vod => {}
    }
}

fn push_server_control(text: &mut String, figures: &Figures) {
    line(
        text,
        format_args!(
            "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={},HOLD-BACK={},CAN-SKIP-UNTIL={}",
            Milliseconds(figures.part_hold_back_ms),
            Milliseconds(figures.hold_back_ms),
            Milliseconds(figures.can_skip_until_ms)
        ),
    );
    line(text, format_args!("#EXT-X-PART-INF:PART-TARGET={}", Milliseconds(figures.part_target_ms)));
}

fn push_sequences(text: &mut String, window: &Window, view: View) {
    let first = match first_listed(window, view) {
        Some(msn) => window.segments.by_msn(msn).map(AsRef::as_ref),
        None => window.open.as_ref(),
    };
    let (msn, discontinuities) = match first {
        // The first segment keeps its own EXT-X-DISCONTINUITY, so the header counts those before it.
        Some(first) => {
            (first.msn, first.discontinuity_sequence.saturating_sub(u64::from(first.discontinuity)))
        }
        None => (window.live_from_msn, 0),
    };
    line(text, format_args!("#EXT-X-MEDIA-SEQUENCE:{msn}"));
    line(text, format_args!("#EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}"));
}

/// The parts of the growing segment, what comes next, and where the others stand; or the end.
fn push_ending(text: &mut String, window: &Window, view: View) {
    let last = window.segments.last().filter(|_| window.ended);
    if let Some((slate, last)) = last.and_then(|last| Some((last.slate?, last))) {
        // The session ended while the publisher was away.
        let length = last.duration.as_duration();
        let end = last.program_date_time + TimeDelta::from_std(length).unwrap_or_default();
        segment_text::push_slate_end(text, slate, end);
    }
    if view == View::Vod {
        return line(text, format_args!("#EXT-X-ENDLIST"));
    }
    let folder = Folder::of(window, view);
    if let Some(open) = window.open.as_ref().filter(|open| !open.parts.is_empty()) {
        let previous = window.segments.last().filter(|_| first_listed(window, view).is_some());
        folder.push_open(text, open, previous.map(AsRef::as_ref));
    }
    if let (Some((msn, part)), false) = (window.hint, window.ended) {
        line(text, format_args!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{folder}{msn}.{part}.m4s\""));
    }
    for report in &window.reports {
        let (rendition, last_msn) = (&report.rendition, report.last_msn);
        let last_part = report.last_part.map_or_else(String::new, |part| format!(",LAST-PART={part}"));
        line(
            text,
            format_args!(
                "#EXT-X-RENDITION-REPORT:URI=\"../{rendition}/index.m3u8\",LAST-MSN={last_msn}{last_part}"
            ),
        );
    }
    if window.ended {
        line(text, format_args!("#EXT-X-ENDLIST"));
    }
}

/// The media sequence number a view begins with; none while no segment is finished.
fn first_listed(window: &Window, view: View) -> Option<u64> {
    let first = window.segments.first()?.msn;
    let wanted = match view {
        View::Live => window.live_from_msn.max(first),
        View::Dvr | View::Vod => first,
    };
    window.segments.by_msn(wanted).map(|segment| segment.msn)
}

/// The first segment a delta update still lists: the oldest that is not wholly beyond the skip boundary.
fn first_kept(window: &Window, view: View, first: u64) -> u64 {
    // 6.2.5.1: directives for delta updates are ignored in a playlist that has ended.
    if window.ended || view == View::Vod {
        return first;
    }
    let boundary = MediaTime::from_ms(i64::from(window.figures.can_skip_until_ms));
    let mut to_end = window.open.as_ref().map_or(MediaTime::from_ms(0), |open| open.duration);
    for segment in window.segments.iter().rev() {
        if segment.msn < first {
            break;
        }
        if to_end > boundary {
            return segment.msn + 1;
        }
        to_end = to_end.plus(segment.duration);
    }
    first
}

fn capacity(window: &Window, kept: u64) -> usize {
    const HEADER_AND_ENDING_BYTES: usize = 2048;
    const SEGMENT_BYTES: usize = 128;
    let last = window.segments.last().map_or(kept, |segment| segment.msn);
    let segments = usize::try_from(last.saturating_sub(kept)).unwrap_or(0);
    HEADER_AND_ENDING_BYTES + segments.saturating_mul(SEGMENT_BYTES)
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(text, "{arguments}").expect("writing to a string cannot fail");
}

fn seconds(time: MediaTime) -> Seconds {
    Seconds(time)
}
