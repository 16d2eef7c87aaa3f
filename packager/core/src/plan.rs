//! The cut plan: where segments begin, one answer for all renditions. Holds no media.

use std::collections::VecDeque;

use hls::window::Figures;

use crate::journal::Slates;

/// Lengths that follow from the playlists' figures, in session ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    /// Parts begin on or after multiples of this from their segment's start.
    pub(crate) grid: i64,
    /// No part is longer.
    pub(crate) part_max: i64,
    /// No inner part is shorter (4.4.4.9: 85 % of the part target), with a margin for rounding.
    pub(crate) part_min: i64,
    /// A keyframe this long after a cut is the next cut.
    pub(crate) segment_min: i64,
    /// Cuts of a source that gives no keyframes, and of sound alone.
    pub(crate) segment_even: i64,
    /// No segment of the plan is longer: it must round to the target duration in every rendition.
    pub(crate) segment_max: i64,
    /// No segment of a rendition is longer, wherever its samples lie.
    pub(crate) segment_limit: i64,
    /// Length of a segment without media.
    pub(crate) segment_gap: i64,
}

impl Lengths {
    pub(crate) fn of(figures: &Figures) -> Self {
        let ms = |value: u32| i64::from(value) * 90;
        let part_max = ms(figures.part_target_ms);
        let target = ms(figures.target_duration_s * 1000);
        Self {
            grid: part_max - ms(40).min(part_max / 8),
            part_max,
            part_min: part_max * 85 / 100 + 90,
            // Publishers' clocks count in milliseconds and their encoders in frames: a keyframe due at two
            // seconds may stand a little earlier.
            segment_min: target / 2 - ms(50),
            segment_even: target / 2,
            segment_max: target + ms(450),
            segment_limit: target + ms(490),
            segment_gap: target,
        }
    }
}

/// What comes from the publisher from a cut on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Everything he sends.
    Media,
    /// His sound; pictures do not come, or there never were any.
    SoundAlone,
    /// Nothing: the clock cuts.
    Hole,
}

/// Where a segment of every rendition begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Its media sequence number.
    pub(crate) msn: u64,
    /// Session time; each rendition begins with its first sample on or after it.
    pub(crate) at: i64,
    /// EXT-X-DISCONTINUITY stands before it.
    pub(crate) discontinuity: bool,
    /// Discontinuities so far, its own included.
    pub(crate) discontinuity_sequence: u64,
    /// PROGRAM-DATE-TIME minus media time minus the epoch's start, in session ticks.
    pub(crate) lag: i64,
    /// What begins there.
    pub(crate) scene: Scene,
    /// Renditions whose own media does not come show their slate, if they have one, instead of gaps.
    pub(crate) slate: bool,
}

impl Cut {
    /// Media of pictures (`video`) or of sound begins there.
    pub(crate) fn brings(&self, video: bool) -> bool {
        match self.scene {
            Scene::Media => true,
            Scene::SoundAlone => !video,
            Scene::Hole => false,
        }
    }

    /// Nothing but slates is shown: to be marked, so that players and exports may leave it out.
    pub(crate) fn is_away(&self) -> bool {
        self.slates() == Slates::All
    }

    /// Who shows the slate.
    pub(crate) fn slates(&self) -> Slates {
        match self.scene {
            _ if !self.slate => Slates::None,
            Scene::Hole => Slates::All,
            Scene::Media | Scene::SoundAlone => Slates::Pictures,
        }
    }
}

/// The cuts that some rendition has not reached yet, and the last one.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    cuts: VecDeque<Cut>,
    /// Up to here no further cut can come.
    pub(crate) position: i64,
}

impl Plan {
    /// The newest cut; none before the first.
    pub(crate) fn last(&self) -> Option<&Cut> {
        self.cuts.back()
    }

    pub(crate) fn by_msn(&self, msn: u64) -> Option<&Cut> {
        let first = self.cuts.front()?.msn;
        self.cuts.get(usize::try_from(msn.checked_sub(first)?).ok()?)
    }

    /// The newest cut at or before `at`; one that brings media may come up to `reach` later.
    pub(crate) fn newest_at(&self, at: i64, reach: i64) -> Option<&Cut> {
        let reach = |cut: &Cut| if cut.slate { 0 } else { reach };
        self.cuts.iter().rev().find(|cut| cut.at <= at + reach(cut))
    }

    /// The first cut of a recovered plan, as a new one's predecessor.
    pub(crate) fn push(&mut self, cut: Cut) {
        self.position = self.position.max(cut.at);
        self.cuts.push_back(cut);
    }

    /// Forgets cuts before `msn`, which every rendition has passed.
    pub(crate) fn forget_before(&mut self, msn: u64) {
        while self.cuts.len() > 1 && self.cuts.front().is_some_and(|cut| cut.msn < msn) {
            self.cuts.pop_front();
        }
    }
}
