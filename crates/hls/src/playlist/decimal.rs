//! Decimals in playlists, from whole numbers: no float stands between a duration and its text.

use std::fmt;

use media::{MediaTime, Timescale};

const HUNDRED_THOUSANDTHS: Timescale = Timescale::new(100_000);

/// A length in seconds with five decimals, rounded to the nearest. Rounding keeps order, so a part that is
/// not over a target of whole hundred-thousandths is not over it in the text.
pub(super) struct Seconds(pub(super) MediaTime);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ticks = self.0.rescale(HUNDRED_THOUSANDTHS).ticks().max(0);
        write!(f, "{}.{:05}", ticks / 100_000, ticks % 100_000)
    }
}

/// Milliseconds as seconds, with as few decimals as say it, at least one.
pub(super) struct Milliseconds(pub(super) u32);

impl fmt::Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        match rest {
            _ if rest % 100 == 0 => write!(f, "{whole}.{}", rest / 100),
            _ if rest % 10 == 0 => write!(f, "{whole}.{:02}", rest / 10),
            _ => write!(f, "{whole}.{rest:03}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_rounded_to_five_decimals() {
        let cases = [
            (MediaTime::from_ms(2_000), "2.00000"),
            (MediaTime::session(45_045), "0.50050"),
            (MediaTime::session(1), "0.00001"),
            (MediaTime::session(48_600), "0.54000"),
            (MediaTime::new(25_600, Timescale::new(48_000)), "0.53333"),
            (MediaTime::session(-1), "0.00000"),
            (MediaTime::from_ms(10_800_000), "10800.00000"),
        ];
        for (time, text) in cases {
            assert_eq!(Seconds(time).to_string(), text);
        }
    }

    #[test]
    fn figures_say_no_more_than_they_must() {
        for (ms, text) in
            [(540, "0.54"), (1_620, "1.62"), (12_000, "12.0"), (24_500, "24.5"), (1_001, "1.001")]
        {
            assert_eq!(Milliseconds(ms).to_string(), text);
        }
    }
}
