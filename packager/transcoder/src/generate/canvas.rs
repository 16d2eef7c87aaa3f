//! A picture in planar 4:2:0 and what can be drawn into it, with smooth edges. Pure.

use std::ops::Range;

/// A curve steeper than this, in pixels a column, is drawn thinner.
const STEEPNESS_MAX: f32 = 12.0;

/// A colour as video has it: BT.709, limited range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ink {
    luma: f32,
    blue: f32,
    red: f32,
}

impl Ink {
    /// From `0xRRGGBB`.
    pub(crate) const fn rgb(hex: u32) -> Self {
        let [_, r, g, b] = hex.to_be_bytes();
        let (r, g, b) = (r as f32 / 255.0, g as f32 / 255.0, b as f32 / 255.0);
        let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        Self {
            luma: 16.0 + 219.0 * luma,
            blue: 128.0 + 224.0 * (b - luma) / 1.8556,
            red: 128.0 + 224.0 * (r - luma) / 1.5748,
        }
    }
}

/// A rectangle in pixels: columns, rows.
#[derive(Clone, Debug)]
pub(crate) struct Area {
    /// Columns.
    pub(crate) x: Range<f32>,
    /// Rows.
    pub(crate) y: Range<f32>,
}

impl Area {
    /// The rectangle between two corners.
    pub(crate) fn new(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { x: left..right, y: top..bottom }
    }
}

/// The picture.
#[derive(Clone)]
pub(crate) struct Canvas {
    width: usize,
    height: usize,
    planes: [Vec<u8>; 3],
}

impl Canvas {
    /// A picture of one colour; `width` and `height` are even.
    pub(crate) fn new(width: usize, height: usize, ink: Ink) -> Self {
        let chroma = width / 2 * (height / 2);
        let plane = |size, value: f32| vec![to_byte(value); size];
        Self {
            width,
            height,
            planes: [plane(width * height, ink.luma), plane(chroma, ink.blue), plane(chroma, ink.red)],
        }
    }

    /// Width in pixels.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub(crate) fn height(&self) -> usize {
        self.height
    }

    /// The rows of a plane: 0 luma, 1 and 2 chroma.
    pub(crate) fn rows(&self, plane: usize) -> std::slice::ChunksExact<'_, u8> {
        self.planes[plane].chunks_exact(if plane == 0 { self.width } else { self.width / 2 })
    }

    /// Takes an area over from another picture of the same size.
    pub(crate) fn restore(&mut self, from: &Self, area: &Area) {
        let (columns, rows) = self.blocks(area);
        for (plane, scale) in [(0, 2), (1, 1), (2, 1)] {
            let stride = self.width * scale / 2;
            for row in rows.start * scale..rows.end * scale {
                let span = row * stride + columns.start * scale..row * stride + columns.end * scale;
                self.planes[plane][span.clone()].copy_from_slice(&from.planes[plane][span]);
            }
        }
    }

    /// Lays `ink` over an area as far as `coverage` of a pixel's centre says (0 nothing, 1 all).
    pub(crate) fn paint(&mut self, area: &Area, ink: Ink, coverage: impl Fn(f32, f32) -> f32) {
        let (columns, rows) = self.blocks(area);
        for row in rows {
            for column in columns.clone() {
                let mut sum = 0.0;
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    let (x, y) = (2 * column + dx, 2 * row + dy);
                    let covered = coverage(centre(x), centre(y)).clamp(0.0, 1.0);
                    if covered > 0.0 {
                        blend(&mut self.planes[0][y * self.width + x], ink.luma, covered);
                        sum += covered;
                    }
                }
                if sum > 0.0 {
                    let at = row * (self.width / 2) + column;
                    blend(&mut self.planes[1][at], ink.blue, sum / 4.0);
                    blend(&mut self.planes[2][at], ink.red, sum / 4.0);
                }
            }
        }
    }

    /// A rectangle of a grey, whole pixels only.
    pub(crate) fn fill(&mut self, columns: Range<usize>, rows: Range<usize>, grey: Ink) {
        let (luma, neutral) = (to_byte(grey.luma), to_byte(grey.blue));
        for row in rows.clone() {
            self.planes[0][row * self.width..][columns.clone()].fill(luma);
        }
        let stride = self.width / 2;
        for row in rows.start / 2..rows.end / 2 {
            for plane in &mut self.planes[1..] {
                plane[row * stride..][columns.start / 2..columns.end.div_ceil(2)].fill(neutral);
            }
        }
    }

    /// A rectangle with round corners.
    pub(crate) fn panel(&mut self, area: &Area, radius: f32, ink: Ink) {
        let inner =
            Area::new(area.x.start + radius, area.y.start + radius, area.x.end - radius, area.y.end - radius);
        self.paint(area, ink, |x, y| {
            let dx = (inner.x.start - x).max(x - inner.x.end).max(0.0);
            let dy = (inner.y.start - y).max(y - inner.y.end).max(0.0);
            radius - norm(dx, dy) + 0.5
        });
    }

    /// A filled circle.
    pub(crate) fn disc(&mut self, (cx, cy): (f32, f32), radius: f32, ink: Ink, opacity: f32) {
        let reach = radius + 1.0;
        self.paint(&Area::new(cx - reach, cy - reach, cx + reach, cy + reach), ink, |x, y| {
            (radius - norm(x - cx, y - cy) + 0.5).clamp(0.0, 1.0) * opacity
        });
    }

    /// The outline of a circle.
    pub(crate) fn ring(&mut self, (cx, cy): (f32, f32), radius: f32, stroke: f32, ink: Ink) {
        let reach = radius + stroke;
        self.paint(&Area::new(cx - reach, cy - reach, cx + reach, cy + reach), ink, |x, y| {
            stroke / 2.0 - (norm(x - cx, y - cy) - radius).abs() + 0.5
        });
    }

    /// A straight line with round ends.
    pub(crate) fn line(&mut self, from: (f32, f32), to: (f32, f32), stroke: f32, ink: Ink) {
        let area = Area::new(
            from.0.min(to.0) - stroke,
            from.1.min(to.1) - stroke,
            from.0.max(to.0) + stroke,
            from.1.max(to.1) + stroke,
        );
        self.paint(&area, ink, |x, y| stroke / 2.0 - distance_to_segment((x, y), from, to) + 0.5);
    }

    /// A curve, given by its height at each pixel's left edge from column `left` on and after the last one.
    pub(crate) fn curve(&mut self, left: usize, heights: &[f32], stroke: f32, ink: Ink) {
        for at in (0..heights.len().saturating_sub(2)).step_by(2) {
            let pair = &heights[at..at + 3];
            let low = pair.iter().copied().fold(f32::MAX, f32::min);
            let high = pair.iter().copied().fold(f32::MIN, f32::max);
            let start = centre(left + at) - 0.5;
            let reach = (stroke / 2.0 + 1.0) * norm((high - low) / 2.0, 1.0).min(STEEPNESS_MAX);
            let area = Area::new(start, low - reach, start + 2.0, high + reach);
            self.paint(&area, ink, |x, y| {
                let column = usize::from(x > start + 1.0);
                let (from, to) = (pair[column], pair[column + 1]);
                // Thickness is measured across the line, so it grows along the column where the line is steep.
                stroke / 2.0 - (y - from.midpoint(to)).abs() / norm(to - from, 1.0) + 0.5
            });
        }
    }

    /// The 2 × 2 blocks that an area touches.
    fn blocks(&self, area: &Area) -> (Range<usize>, Range<usize>) {
        let clip = |range: &Range<f32>, size: usize| {
            let (start, end) = (to_index(range.start / 2.0), to_index((range.end / 2.0).ceil()));
            start.min(size / 2)..end.min(size / 2)
        };
        (clip(&area.x, self.width), clip(&area.y, self.height))
    }
}

/// How far a point is from a straight line between two others.
pub(crate) fn distance_to_segment(point: (f32, f32), from: (f32, f32), to: (f32, f32)) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = ((point.0 - from.0) * dx + (point.1 - from.1) * dy) / length.max(f32::MIN_POSITIVE);
    let along = along.clamp(0.0, 1.0);
    norm(point.0 - from.0 - along * dx, point.1 - from.1 - along * dy)
}

/// As `f32::hypot`, without its care for numbers that no picture holds.
fn norm(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

fn blend(pixel: &mut u8, ink: f32, covered: f32) {
    let old = f32::from(*pixel);
    *pixel = to_byte(old + (ink - old) * covered);
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, which is what is meant"
)]
fn to_byte(value: f32) -> u8 {
    (value + 0.5) as u8
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, which is what is meant"
)]
fn to_index(value: f32) -> usize {
    value as usize
}

#[expect(clippy::cast_precision_loss, reason = "a picture has a few thousand columns")]
fn centre(index: usize) -> f32 {
    index as f32 + 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_have_the_values_of_video() {
        let white = Canvas::new(2, 2, Ink::rgb(0xff_ff_ff));
        assert_eq!(white.planes, [vec![235; 4], vec![128], vec![128]]);
        assert_eq!(Canvas::new(2, 2, Ink::rgb(0)).planes[0], [16; 4]);
    }

    #[test]
    fn what_lies_outside_the_picture_is_left_out() {
        let mut canvas = Canvas::new(16, 16, Ink::rgb(0));
        canvas.disc((-3.0, 20.0), 6.0, Ink::rgb(0xff_ff_ff), 1.0);
        canvas.line((-50.0, -50.0), (50.0, 50.0), 2.0, Ink::rgb(0xff_ff_ff));
        assert_eq!(canvas.planes[0][0], 235);
        assert_eq!(canvas.planes[0][12], 16);
    }

    #[test]
    fn a_restored_area_is_as_it_was() {
        let background = Canvas::new(32, 32, Ink::rgb(0x10_20_30));
        let mut canvas = background.clone();
        canvas.disc((16.0, 16.0), 8.0, Ink::rgb(0xff_00_00), 1.0);
        assert_ne!(canvas.planes, background.planes);
        canvas.restore(&background, &Area::new(4.0, 4.0, 28.0, 28.0));
        assert_eq!(canvas.planes, background.planes);
    }
}
