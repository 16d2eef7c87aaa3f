//! The ladder: which smaller pictures (rungs) are made of a source. Decides sizes and rates; encodes nothing.

use std::sync::Arc;

use media::VideoConfig;

/// A rendition that the transcoder makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rung {
    /// The rendition's name, by its height: `720p`.
    pub name: Arc<str>,
    /// Pixels; even.
    pub width: u32,
    /// Pixels; even.
    pub height: u32,
    /// Bits a second on average, in thousands.
    pub bitrate_kbps: u32,
}

/// What the operator wants made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Off: the source alone (previews).
    pub enabled: bool,
    /// Heights and bitrates, best first.
    pub rungs: Vec<(u32, u32)>,
    /// Highest replacement of a withheld source, in pixels.
    pub replacement_height_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            rungs: vec![(720, 2_500), (480, 1_200), (240, 400)],
            replacement_height_max: 1_080,
        }
    }
}

/// The rungs made of one source, best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ladder {
    /// Best first; no two of one height.
    pub rungs: Vec<Rung>,
}

impl Ladder {
    /// Rungs below the source's height, and where the source itself is withheld, one of its own size in its
    /// place (up to the configured height).
    #[must_use]
    pub fn for_source(source: &VideoConfig, withheld: bool, config: &Config) -> Self {
        if !config.enabled || source.width == 0 || source.height == 0 {
            return Self::default();
        }
        let height = source.height;
        let mut wanted: Vec<(u32, u32)> = Vec::new();
        if withheld {
            let own = even(height.min(config.replacement_height_max));
            wanted.push((own, bitrate_for_height(own)));
        }
        wanted.extend(config.rungs.iter().copied().filter(|(rung, _)| *rung < height));
        wanted.sort_by_key(|(height, _)| std::cmp::Reverse(*height));
        wanted.dedup_by_key(|(height, _)| *height);
        Self { rungs: wanted.into_iter().map(|(height, rate)| rung(source, height, rate)).collect() }
    }
}

fn rung(source: &VideoConfig, height: u32, bitrate_kbps: u32) -> Rung {
    // The rung has square pixels, so the source's pixel shape goes into the width.
    let (sar_width, sar_height) = source.sample_aspect;
    let shown_width = u64::from(source.width) * u64::from(sar_width.max(1)) / u64::from(sar_height.max(1));
    let width = shown_width * u64::from(height) / u64::from(source.height);
    let width = u32::try_from(width).unwrap_or(u32::MAX).clamp(2, 16_384);
    Rung { name: format!("{height}p").into(), width: even(width), height, bitrate_kbps }
}

fn even(pixels: u32) -> u32 {
    pixels.max(2) & !1
}

/// Bitrate of a replacement, in proportion between the figures we know to look good.
pub(crate) fn bitrate_for_height(height: u32) -> u32 {
    const KNOWN: [(u32, u32); 6] =
        [(120, 150), (240, 400), (360, 800), (480, 1_200), (720, 2_500), (1_080, 4_500)];
    let Some(above) = KNOWN.iter().position(|(known, _)| *known >= height) else { return KNOWN[5].1 };
    let (high, high_rate) = KNOWN[above];
    let Some((low, low_rate)) = above.checked_sub(1).map(|below| KNOWN[below]) else { return high_rate };
    low_rate + (high_rate - low_rate) * (height - low) / (high - low)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn check(width: u32, height: u32, withheld: bool, expected: &str) {
        let source = VideoConfig {
            avcc: Bytes::new(),
            width,
            height,
            sample_aspect: (1, 1),
            frame_rate: None,
            codec: String::new(),
            nal_length_size: 4,
        };
        let ladder = Ladder::for_source(&source, withheld, &Config::default());
        let text: Vec<_> = ladder
            .rungs
            .iter()
            .map(|r| format!("{} {}x{} {}k", r.name, r.width, r.height, r.bitrate_kbps))
            .collect();
        assert_eq!(text.join(", "), expected);
    }

    #[test]
    fn rungs_at_or_above_the_source_are_left_out() {
        check(1920, 1080, false, "720p 1280x720 2500k, 480p 852x480 1200k, 240p 426x240 400k");
        check(1280, 720, false, "480p 852x480 1200k, 240p 426x240 400k");
        check(426, 240, false, "");
    }

    #[test]
    fn a_withheld_source_is_replaced_by_a_rung_of_its_size() {
        check(1280, 720, true, "720p 1280x720 2500k, 480p 852x480 1200k, 240p 426x240 400k");
        check(640, 360, true, "360p 640x360 800k, 240p 426x240 400k");
        check(
            3840,
            2160,
            true,
            "1080p 1920x1080 4500k, 720p 1280x720 2500k, 480p 852x480 1200k, 240p 426x240 400k",
        );
    }

    #[test]
    fn a_portrait_source_keeps_its_shape() {
        check(720, 1280, false, "720p 404x720 2500k, 480p 270x480 1200k, 240p 134x240 400k");
    }
}
