//! From pictures at any times to a constant rate: which pictures are repeated and which left out. Pure.
//!
//! The grid of output times starts anew at each cut, so that a cut's picture stands exactly where the plan has it. No
//! output is ever later than the newest input, hence none can stand in the way of the next cut.

use media::{SESSION_SCALE, pipe::FrameRate};

/// A hole longer than this is not filled: something else than a slow source is the cause.
const FILLED_TICKS_MAX: i64 = 10 * 90_000;

/// One picture to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// When it is shown, in session ticks.
    pub pts: i64,
    /// Made as an IDR.
    pub cut: bool,
    /// Of the picture before the one just handed in.
    pub repeat: bool,
}

/// The grid.
pub(crate) struct Resampler {
    rate: FrameRate,
    anchor: Option<i64>,
    next: i64,
}

impl Resampler {
    /// A grid of `rate` that starts at the first picture.
    pub(crate) fn new(rate: FrameRate) -> Self {
        Self { rate, anchor: None, next: 0 }
    }

    /// A picture has come: what is to be made, in order. Times never fall from call to call.
    pub(crate) fn picture(&mut self, pts: i64, cut: bool, slots: &mut Vec<Slot>) {
        if self.anchor.is_none() || pts.saturating_sub(self.due()) > FILLED_TICKS_MAX {
            self.restart(pts, cut, false, slots);
            return;
        }
        let interval = self.interval();
        self.repeat_until(pts.saturating_sub(interval / 2), slots);
        if cut {
            self.restart(pts, true, false, slots);
        } else if self.due() <= pts.saturating_add(interval / 4) {
            slots.push(Slot { pts: self.due().min(pts), cut: false, repeat: false });
            self.next += 1;
        }
    }

    /// Time has come to `pts` without a picture.
    pub(crate) fn advance(&mut self, pts: i64, cut: bool, slots: &mut Vec<Slot>) {
        if self.anchor.is_none() || pts.saturating_sub(self.due()) > FILLED_TICKS_MAX {
            return;
        }
        if cut {
            self.repeat_until(pts.saturating_sub(self.interval() / 2), slots);
            self.restart(pts, true, true, slots);
        } else {
            self.repeat_until(pts, slots);
        }
    }

    fn restart(&mut self, pts: i64, cut: bool, repeat: bool, slots: &mut Vec<Slot>) {
        slots.push(Slot { pts, cut, repeat });
        self.anchor = Some(pts);
        self.next = 1;
    }

    fn repeat_until(&mut self, end: i64, slots: &mut Vec<Slot>) {
        while self.due() <= end {
            slots.push(Slot { pts: self.due(), cut: false, repeat: true });
            self.next += 1;
        }
    }

    /// When the next slot is due.
    fn due(&self) -> i64 {
        let ticks = i128::from(self.next) * self.ticks_times_numerator() / i128::from(self.rate.numerator);
        self.anchor.unwrap_or(0).saturating_add(i64::try_from(ticks).unwrap_or(i64::MAX))
    }

    fn interval(&self) -> i64 {
        i64::try_from(self.ticks_times_numerator() / i128::from(self.rate.numerator)).unwrap_or(i64::MAX)
    }

    fn ticks_times_numerator(&self) -> i128 {
        i128::from(SESSION_SCALE.ticks_per_second()) * i128::from(self.rate.denominator)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const TEN: FrameRate = FrameRate { numerator: 10, denominator: 1 };

    #[test]
    fn a_hole_is_filled_with_the_picture_before_it() {
        check(&[(0, true), (100, false), (400, false)], "0! 100 200r 300r 400");
    }

    #[test]
    fn pictures_between_slots_are_left_out() {
        check(&[(0, true), (30, false), (60, false), (100, false), (130, false), (200, false)], "0! 100 200");
    }

    #[test]
    fn jitter_loses_nothing() {
        check(&[(0, true), (95, false), (210, false), (290, false), (405, false)], "0! 95 200 290 400");
    }

    #[test]
    fn the_grid_starts_anew_at_a_cut() {
        check(&[(0, true), (100, false), (230, true), (330, false)], "0! 100 230! 330");
    }

    #[test]
    fn a_long_hole_is_left_alone() {
        check(&[(0, true), (20_000, false), (20_100, false)], "0! 20000 20100");
    }

    #[test]
    fn time_without_pictures_repeats_the_last_and_may_cut() {
        let mut resampler = Resampler::new(TEN);
        let mut slots = Vec::new();
        resampler.advance(500 * 90, true, &mut slots);
        assert_eq!(slots, []);
        resampler.picture(0, true, &mut slots);
        resampler.advance(200 * 90, false, &mut slots);
        resampler.advance(400 * 90, true, &mut slots);
        resampler.picture(500 * 90, false, &mut slots);
        assert_eq!(written(&slots), "0! 100r 200r 300r 400!r 500");
    }

    proptest! {
        #[test]
        fn times_rise_and_every_cut_is_kept(steps in vec((1i64..40_000, any::<bool>()), 1..80)) {
            let mut resampler = Resampler::new(FrameRate { numerator: 30_000, denominator: 1001 });
            let (mut slots, mut pts, mut cuts) = (Vec::new(), 0, Vec::new());
            for (step, cut) in steps {
                pts += step;
                resampler.picture(pts, cut, &mut slots);
                if cut {
                    cuts.push(pts);
                }
            }
            prop_assert!(slots.is_sorted_by(|a, b| a.pts < b.pts));
            prop_assert!(slots.iter().all(|slot| slot.pts <= pts));
            let made: Vec<_> = slots.iter().filter(|slot| slot.cut).map(|slot| slot.pts).collect();
            prop_assert_eq!(made, cuts);
        }
    }

    /// Pictures at milliseconds with their cuts; output as milliseconds, `!` for a cut and `r` for a repeat.
    fn check(pictures: &[(i64, bool)], expected: &str) {
        let mut resampler = Resampler::new(TEN);
        let mut slots = Vec::new();
        for &(ms, cut) in pictures {
            resampler.picture(ms * 90, cut, &mut slots);
        }
        assert_eq!(written(&slots), expected);
    }

    fn written(slots: &[Slot]) -> String {
        let word = |slot: &Slot| {
            let (cut, repeat) = (if slot.cut { "!" } else { "" }, if slot.repeat { "r" } else { "" });
            format!("{}{cut}{repeat}", slot.pts / 90)
        };
        slots.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}
