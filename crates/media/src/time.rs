//! Media time: a count of ticks together with the scale it is counted in.

use std::{cmp::Ordering, fmt, num::NonZeroU32, time::Duration};

/// Ticks per second. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timescale(NonZeroU32);

/// The scale of the session timeline: 90 000 ticks a second, the customary scale of video.
pub const SESSION_SCALE: Timescale = Timescale::new(90_000);

impl Timescale {
    /// A scale of `ticks_per_second`.
    ///
    /// # Panics
    /// When it is zero; meant for constants. For numbers from the outside use [`Timescale::checked`].
    #[must_use]
    pub const fn new(ticks_per_second: u32) -> Self {
        match NonZeroU32::new(ticks_per_second) {
            Some(ticks) => Self(ticks),
            None => panic!("a timescale of zero"),
        }
    }

    /// A scale from a number that may be zero.
    #[must_use]
    pub const fn checked(ticks_per_second: u32) -> Option<Self> {
        match NonZeroU32::new(ticks_per_second) {
            Some(ticks) => Some(Self(ticks)),
            None => None,
        }
    }

    /// Ticks per second as a number.
    #[must_use]
    pub const fn ticks_per_second(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Debug for Timescale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1/{}", self.0)
    }
}

/// A point or a length on a media timeline. Signed: composition offsets and clock corrections go back.
#[derive(Clone, Copy)]
pub struct MediaTime {
    ticks: i64,
    scale: Timescale,
}

impl MediaTime {
    /// `ticks` in `scale`.
    #[must_use]
    pub const fn new(ticks: i64, scale: Timescale) -> Self {
        Self { ticks, scale }
    }

    /// `ticks` on the session timeline (90 kHz).
    #[must_use]
    pub const fn session(ticks: i64) -> Self {
        Self::new(ticks, SESSION_SCALE)
    }

    /// Whole milliseconds on the session timeline; exact.
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self::session(ms.saturating_mul(90))
    }

    /// A length of real time on the session timeline, rounded down to a tick.
    #[must_use]
    pub fn from_duration(duration: Duration) -> Self {
        let ticks = duration.as_nanos() * 9 / 100_000;
        Self::session(i64::try_from(ticks).unwrap_or(i64::MAX))
    }

    /// The bare number of ticks, for a wire.
    #[must_use]
    pub const fn ticks(self) -> i64 {
        self.ticks
    }

    /// The scale the ticks are counted in.
    #[must_use]
    pub const fn scale(self) -> Timescale {
        self.scale
    }

    /// The same moment in another scale, rounded to the nearest tick (halves away from zero);
    /// saturates at the ends of `i64`.
    #[must_use]
    pub fn rescale(self, scale: Timescale) -> Self {
        if self.scale == scale {
            return self;
        }
        let from = i128::from(self.scale.ticks_per_second());
        let product = i128::from(self.ticks) * i128::from(scale.ticks_per_second());
        let half = if product >= 0 { from / 2 } else { -(from / 2) };
        let ticks = (product + half) / from;
        let clamped = ticks.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Self { ticks: i64::try_from(clamped).expect("clamped to i64 just above"), scale }
    }

    /// Seconds, for playlists and people; not for arithmetic.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "2^53 ticks of 90 kHz are 3 000 years")]
    pub fn seconds(self) -> f64 {
        self.ticks as f64 / f64::from(self.scale.ticks_per_second())
    }

    /// Milliseconds, rounded to the nearest.
    #[must_use]
    pub fn as_ms(self) -> i64 {
        self.rescale(Timescale::new(1000)).ticks
    }

    /// Real time for this length; zero when negative.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        let ticks = u64::try_from(self.ticks).unwrap_or(0);
        let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(self.scale.ticks_per_second());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// This moment moved by `other`, in this moment's scale; saturating.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { ticks: self.ticks.saturating_add(other.rescale(self.scale).ticks), scale: self.scale }
    }

    /// The length from `other` to this moment, in this moment's scale; saturating.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self { ticks: self.ticks.saturating_sub(other.rescale(self.scale).ticks), scale: self.scale }
    }

    /// Less than zero?
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.ticks < 0
    }
}

impl PartialEq for MediaTime {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for MediaTime {}
impl PartialOrd for MediaTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for MediaTime {
    /// Exact comparison of the moments, whatever their scales.
    fn cmp(&self, other: &Self) -> Ordering {
        if self.scale == other.scale {
            return self.ticks.cmp(&other.ticks);
        }
        let left = i128::from(self.ticks) * i128::from(other.scale.ticks_per_second());
        let right = i128::from(other.ticks) * i128::from(self.scale.ticks_per_second());
        left.cmp(&right)
    }
}

impl fmt::Debug for MediaTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.4}s({}/{})", self.seconds(), self.ticks, self.scale.ticks_per_second())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rescaling_rounds_to_the_nearest_tick() {
        let frame = MediaTime::new(1024, Timescale::new(44_100));
        assert_eq!(frame.rescale(SESSION_SCALE).ticks(), 2090);
        assert_eq!(MediaTime::new(-1, Timescale::new(2)).rescale(Timescale::new(1)).ticks(), -1);
        assert_eq!(MediaTime::new(i64::MAX, Timescale::new(1)).rescale(SESSION_SCALE).ticks(), i64::MAX);
    }

    #[test]
    fn moments_in_different_scales_compare_exactly() {
        assert_eq!(MediaTime::new(48_000, Timescale::new(48_000)), MediaTime::from_ms(1000));
        assert!(MediaTime::new(1, Timescale::new(44_100)) > MediaTime::session(2));
    }

    #[test]
    fn real_time_converts_both_ways() {
        assert_eq!(MediaTime::from_duration(Duration::from_millis(500)).ticks(), 45_000);
        assert_eq!(MediaTime::from_ms(1500).as_duration(), Duration::from_millis(1500));
        assert_eq!(MediaTime::from_ms(-5).as_duration(), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn a_finer_scale_and_back_loses_nothing(ticks in -1_000_000_000_000i64..1_000_000_000_000) {
            let there = MediaTime::session(ticks).rescale(Timescale::new(900_000));
            prop_assert_eq!(there.rescale(SESSION_SCALE).ticks(), ticks);
        }
    }
}
