//! Figures with their spread.

use std::fmt;

/// Repeats of one measurement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    values: Vec<f64>,
}

impl Spread {
    /// One more.
    pub(crate) fn add(&mut self, value: f64) {
        self.values.push(value);
    }

    /// Their mean; not a number when there are none.
    #[must_use]
    pub(crate) fn mean(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few repeats")]
        let count = self.values.len() as f64;
        self.values.iter().sum::<f64>() / count
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        write!(f, "{:.3} ({least:.3} to {most:.3})", self.mean())
    }
}

/// How many times what the other needs.
#[must_use]
pub(crate) fn ratio(ours: &Spread, theirs: &Spread) -> String {
    format!("{:.2} times", ours.mean() / theirs.mean())
}

/// The value below which a share of all lies; zero when there are none.
#[must_use]
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into few values"
    )]
    let at = (values.len() as f64 * share) as usize;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or_default()
}
