//! The epoch's slate: what is to be made of it, and what becomes of what was made.

use std::time::Instant;

use super::{Epoch, Leader, Name, Output, Phase};
use crate::{
    segmenter::{Pictures, Segmenter, TRAIL},
    slate::{Still, Wanted},
};

/// A hole's segments are at least this long when the slate comes while it lasts (0.25 s).
const SEGMENT_WORTH: i64 = 22_500;

impl Epoch {
    /// Stills were made, as [`Output::Slate`] wanted them. In a hole that could not be filled before, the slate begins
    /// at once. Unknown renditions are ignored.
    pub fn slate_made(&mut self, stills: impl IntoIterator<Item = (Name, Still)>, now: Instant) {
        let mut ends_gaps = false;
        for (rendition, still) in stills {
            let Some(track) = self.pictures_of(&rendition) else { continue };
            ends_gaps |= !track.media.has_still() && track.is_gap() && !track.shows_slate();
            track.media.still_is(still);
        }
        if ends_gaps && matches!(self.phase, Phase::Running) && self.leader != Leader::Video {
            self.begin_slate_late(now);
        }
        self.settle(now);
    }

    /// The gaps end and the slate begins, where nothing is listed yet.
    fn begin_slate_late(&mut self, now: Instant) {
        self.slate_due = true;
        let Some(last) = self.plan.last() else { return };
        let head = self.timeline.head(now);
        // A crash may have cost one rendition more than another: all of them begin it together.
        let rungs = self.rungs.iter().map(|rung| rung.track.occupied_to());
        let listed = rungs.fold(self.occupied_to(), i64::max);
        let at = listed.max(last.at + SEGMENT_WORTH).max(head - TRAIL);
        self.cut_hole_before(at);
        self.cut(at, self.leader == Leader::Audio);
    }

    /// Asks for a still for every rendition of pictures.
    pub(super) fn want_slate(&mut self) {
        let mut wanted: Vec<Wanted> = Vec::new();
        if let (Some(source), Some(video)) = (&self.source, &self.video) {
            let (width, height) = (video.config.width, video.config.height);
            wanted.push(Wanted { rendition: source.name.clone(), width, height });
        }
        wanted.extend(self.rungs.iter().map(|rung| Wanted {
            rendition: rung.rung.name.clone(),
            width: rung.rung.width,
            height: rung.rung.height,
        }));
        wanted.retain(|still| still.width > 0 && still.height > 0);
        if !wanted.is_empty() {
            self.outputs.push_back(Output::Slate(wanted));
        }
    }

    /// Some rendition of pictures that is not withheld can show a slate.
    pub(super) fn has_still(&self) -> bool {
        let listed = |_: &&Segmenter<Pictures>| self.video.as_ref().is_some_and(|v| v.withheld.is_none());
        let source = self.source.as_ref().filter(listed);
        let rungs = self.rungs.iter().filter(|rung| rung.is_alive()).map(|rung| &rung.track);
        source.into_iter().chain(rungs).any(|track| track.media.has_still())
    }

    fn pictures_of(&mut self, rendition: &str) -> Option<&mut Segmenter<Pictures>> {
        let rungs = self.rungs.iter_mut().map(|rung| &mut rung.track);
        self.source.iter_mut().chain(rungs).find(|track| *track.name == *rendition)
    }
}
