//! What is told to the world after each input: windows, the multivariant playlist, warnings.

use std::sync::Arc;

use events::HealthWarning;
use hls::{
    multivariant::{Audio, Multivariant, Variant},
    window::Report,
};

use super::{Epoch, Leader, Output, Phase};
use crate::{books::Books, journal::Record};

/// What is declared above what was measured, in percent: lectures have quiet beginnings.
const HEADROOM: u64 = 125;
/// Measured may exceed declared by this much before it is declared anew, in percent.
const TOLERANCE: u64 = 105;
/// A rung's peak above its average, in percent, before it was measured.
const RUNG_PEAK: u64 = 140;
/// Sound, before it was measured.
const AUDIO_BITS: u64 = 160_000;

impl Epoch {
    /// Announces what has changed since the last call.
    pub(super) fn announce(&mut self) {
        self.announce_health();
        if !self.books().any(|books| books.is_dirty()) || (self.announced.is_none() && !self.is_playable()) {
            return;
        }
        self.announce_multivariant();
        let reports: Vec<Report> = self.books().filter_map(Books::report).collect();
        let mut windows = Vec::new();
        for books in self.books_mut().filter(|books| books.is_dirty()) {
            let others = reports.iter().filter(|report| *report.rendition != *books.name).cloned().collect();
            windows.push(Output::Window(Arc::new(books.window(others))));
        }
        self.outputs.extend(windows);
    }

    /// Every listed rendition has a finished segment.
    fn is_playable(&self) -> bool {
        !matches!(self.phase, Phase::Starting(_))
            && self.books().next().is_some()
            && self.books().all(Books::is_playable)
    }

    fn books(&self) -> impl Iterator<Item = &Books> {
        let source = self.source.iter().map(|track| &track.books);
        let rungs = self.rungs.iter().map(|rung| &rung.track.books);
        source.chain(rungs).chain(self.audio.iter().map(|track| &track.books))
    }

    fn books_mut(&mut self) -> impl Iterator<Item = &mut Books> {
        let source = self.source.iter_mut().map(|track| &mut track.books);
        let rungs = self.rungs.iter_mut().map(|rung| &mut rung.track.books);
        source.chain(rungs).chain(self.audio.iter_mut().map(|track| &mut track.books))
    }

    /// Announces the multivariant playlist if it is the first or something in it is no longer true.
    fn announce_multivariant(&mut self) {
        let now = self.multivariant();
        if self.announced.as_ref().is_some_and(|before| **before == now) {
            return;
        }
        let now = Arc::new(now);
        self.announced = Some(Arc::clone(&now));
        self.outputs.push_back(Output::Journal(Record::Multivariant((*now).clone())));
        self.outputs.push_back(Output::Multivariant(now));
    }

    fn multivariant(&self) -> Multivariant {
        let before = self.announced.as_deref();
        let audio = self.audio.as_ref().map(|track| {
            let declared = before.and_then(|before| before.audio.as_ref());
            let rate = declare(
                &track.books,
                declared.map(|audio| (audio.bandwidth, audio.average_bandwidth)),
                (AUDIO_BITS, AUDIO_BITS),
            );
            Audio {
                rendition: track.name.to_string(),
                bandwidth: rate.0,
                average_bandwidth: rate.1,
                codec: track.media.config.codec.clone(),
                channels: track.media.config.channels,
            }
        });
        let sound = audio.as_ref().map_or((0, 0), |audio| (audio.bandwidth, audio.average_bandwidth));
        let declared = |rendition: &str| {
            let variant = before?.variants.iter().find(|variant| variant.rendition == rendition)?;
            let before_sound = before?.audio.as_ref().map_or((0, 0), |a| (a.bandwidth, a.average_bandwidth));
            Some((
                variant.bandwidth.saturating_sub(before_sound.0),
                variant.average_bandwidth.saturating_sub(before_sound.1),
            ))
        };
        let mut variants = Vec::new();
        if let (Some(track), Some(video)) = (&self.source, &self.video) {
            let guess = u64::from(video.config.height).max(240) * 3_000;
            let rate = declare(&track.books, declared(&track.name), (guess, guess));
            variants.push(Variant {
                rendition: track.name.to_string(),
                bandwidth: rate.0 + sound.0,
                average_bandwidth: rate.1 + sound.1,
                codec: video.config.codec.clone(),
                width: video.config.width,
                height: video.config.height,
                frame_rate: video.frame_rate.unwrap_or(30.0),
            });
        }
        for rung in &self.rungs {
            let average = u64::from(rung.rung.bitrate_kbps) * 1_000;
            let peak = average * RUNG_PEAK / 100;
            let known = declared(&rung.track.name).or(Some((peak, average)));
            let rate = declare(&rung.track.books, known, (peak, average));
            variants.push(Variant {
                rendition: rung.track.name.to_string(),
                bandwidth: rate.0 + sound.0,
                average_bandwidth: rate.1 + sound.1,
                codec: rung.codec(),
                width: rung.rung.width,
                height: rung.rung.height,
                frame_rate: self.video.as_ref().and_then(|video| video.frame_rate).unwrap_or(30.0),
            });
        }
        Multivariant { figures: self.config.figures, variants, audio }
    }

    fn announce_health(&mut self) {
        if matches!(self.phase, Phase::Starting(_)) {
            return;
        }
        let mut warnings = Vec::new();
        if let Some(video) = &self.video {
            warnings.extend(video.withheld);
            if self.publishing && self.leader == Leader::Audio {
                warnings.push(HealthWarning::VideoMissing);
            }
        } else if self.publishing {
            let late = self.pictures_too_late;
            warnings.push(if late { HealthWarning::VideoTooLate } else { HealthWarning::VideoMissing });
        }
        if self.publishing && self.audio.as_ref().is_some_and(|audio| audio.media.is_silent()) {
            warnings.push(HealthWarning::AudioMissing);
        }
        if self.rung_was_dropped() {
            warnings.push(HealthWarning::TranscoderBehind);
        }
        warnings.sort_unstable();
        warnings.dedup();
        if warnings != self.health {
            self.health.clone_from(&warnings);
            self.outputs.push_back(Output::Health(warnings));
        }
    }
}

/// (BANDWIDTH, AVERAGE-BANDWIDTH) of a rendition alone: what was declared as long as it holds, else from what
/// was measured; `guess` before anything was.
fn declare(books: &Books, declared: Option<(u64, u64)>, guess: (u64, u64)) -> (u64, u64) {
    let (Some(peak), Some(average)) = (books.rate.peak(), books.rate.average()) else {
        return declared.unwrap_or(guess);
    };
    match declared {
        Some((bandwidth, average_declared)) if peak * 100 <= bandwidth * TOLERANCE => {
            // The average is drawn along only when it is far off.
            let far = average * 100 > average_declared * 130;
            (bandwidth, if far { average.min(bandwidth) } else { average_declared })
        }
        Some(_) | None => {
            let bandwidth = peak * HEADROOM / 100;
            (bandwidth, average.min(bandwidth))
        }
    }
}
