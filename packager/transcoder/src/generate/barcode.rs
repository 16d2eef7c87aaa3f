//! Numbers in the picture that survive a strong encoder and a small size. Pure.
//!
//! Two rows at the top, each over the whole width, each `max(16, height / 24)` pixels high (made even). A row is a run of
//! blocks of equal width, white for 1 and black for 0:
//!
//! ```text
//! row 1, 32 blocks:  1 0 │ 24 bits of the frame number │ 4 bits of checksum │ 0 1
//! row 2, 40 blocks:  1 0 │ 32 bits of milliseconds     │ 4 bits of checksum │ 0 1
//! ```
//! Numbers are most significant bit first; the checksum is the sum of the number's nibbles modulo 16. The milliseconds
//! are those since 1970, modulo 2^32, at which the picture was drawn: 49.7 days apart, so a page that knows the time
//! reads the delay from glass to glass.

use super::canvas::{Area, Canvas, Ink};

const WHITE: Ink = Ink::rgb(0xff_ff_ff);
const BLACK: Ink = Ink::rgb(0);
/// Bits of the frame number.
const FRAME_BITS: usize = 24;
/// Bits of the milliseconds.
const CLOCK_BITS: usize = 32;
/// The blocks at both ends and the checksum.
const EXTRA_BLOCKS: usize = 2 + 4 + 2;
const ROW_PIXELS_MIN: usize = 16;
/// White and black must differ by this much to be told apart, in luma.
const CONTRAST_MIN: f32 = 60.0;

/// What a picture says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Its number, modulo 2^24.
    pub(crate) frame: u32,
    /// When it was drawn, if that row can be read.
    pub(crate) unix_ms: Option<u32>,
}

/// Height of one row in a picture as it is drawn.
pub(crate) fn row_pixels(height: usize) -> usize {
    (height / 24).max(ROW_PIXELS_MIN) / 2 * 2
}

/// Draws both rows.
#[expect(clippy::cast_possible_truncation, reason = "both numbers are modulo a power of two")]
pub(crate) fn draw(canvas: &mut Canvas, frame: u64, unix_ms: u64) {
    draw_row(canvas, 0, frame as u32 & 0xff_ff_ff, FRAME_BITS);
    draw_row(canvas, 1, unix_ms as u32, CLOCK_BITS);
}

/// Reads both rows of a picture's luma, which may have been made smaller; `None` when the frame number is unreadable.
pub(crate) fn read(luma: &[u8], width: usize, height: usize) -> Option<Stamp> {
    // Rows of the least height are found in a picture that was drawn small, but not in one that was made small; its
    // size does not tell which it is.
    let scaled = to_f32(height) / 24.0;
    let heights = [scaled.max(to_f32(ROW_PIXELS_MIN)), scaled];
    let stamps = heights.map(|row_height| {
        let row = |index, bits| read_row(luma, width, height, index, row_height, bits);
        Some(Stamp { frame: row(0.0, FRAME_BITS)?, unix_ms: row(1.0, CLOCK_BITS) })
    });
    let whole = stamps.into_iter().flatten().find(|stamp| stamp.unix_ms.is_some());
    whole.or_else(|| stamps.into_iter().flatten().next())
}

fn draw_row(canvas: &mut Canvas, row: usize, number: u32, bits: usize) {
    let blocks = blocks(number, bits);
    let height = row_pixels(canvas.height());
    let (top, width) = (row * height, canvas.width());
    for (at, white) in blocks.iter().enumerate() {
        let edge = |at: usize| at * width / blocks.len();
        canvas.fill(edge(at)..edge(at + 1), top..top + height, if *white { WHITE } else { BLACK });
    }
}

fn blocks(number: u32, bits: usize) -> Vec<bool> {
    let code = u64::from(number) << 4 | u64::from(checksum(number));
    let data = (0..bits + 4).rev().map(|bit| code >> bit & 1 == 1);
    [true, false].into_iter().chain(data).chain([false, true]).collect()
}

fn checksum(number: u32) -> u32 {
    (0..8).map(|nibble| number >> (4 * nibble) & 0xf).sum::<u32>() % 16
}

fn read_row(luma: &[u8], width: usize, height: usize, row: f32, row_height: f32, bits: usize) -> Option<u32> {
    let count = bits + EXTRA_BLOCKS;
    let block_width = to_f32(width) / to_f32(count);
    // The middle half of each block both ways: its edges are blurred.
    let middle = |from: f32, size: f32| from + size * 0.25..from + size * 0.75;
    let rows = middle(row * row_height, row_height);
    let level = |at: usize| {
        let columns = middle(to_f32(at) * block_width, block_width);
        mean(luma, width, height, &Area { x: columns, y: rows.clone() })
    };
    let levels: Option<Vec<f32>> = (0..count).map(level).collect();
    let levels = levels?;
    let (white, black) = (levels[0].min(levels[count - 1]), levels[1].max(levels[count - 2]));
    if white - black < CONTRAST_MIN {
        return None;
    }
    let threshold = white.midpoint(black);
    let code = levels[2..count - 2].iter().fold(0, |code, &level| code << 1 | u64::from(level > threshold));
    let number = u32::try_from(code >> 4).expect("32 bits and the checksum");
    (u64::from(checksum(number)) == code & 0xf).then_some(number)
}

/// The mean luma of the pixels whose centres lie in an area, at least one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive and inside the picture"
)]
fn mean(luma: &[u8], width: usize, height: usize, area: &Area) -> Option<f32> {
    let span = |range: &std::ops::Range<f32>| {
        let first = range.start.round() as usize;
        first..(range.end.round() as usize).max(first + 1)
    };
    let (columns, rows) = (span(&area.x), span(&area.y));
    if columns.end > width || rows.end > height {
        return None;
    }
    let pixels = rows.len() * columns.len();
    let sum: u32 =
        rows.flat_map(|y| &luma[y * width..][columns.clone()]).map(|&pixel| u32::from(pixel)).sum();
    Some(sum as f32 / to_f32(pixels))
}

#[expect(clippy::cast_precision_loss, reason = "a picture has a few thousand columns")]
fn to_f32(number: usize) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_drawn_is_read(
            frame: u64, unix_ms: u64,
            size in prop_oneof![Just((1280, 720)), Just((1920, 1080)), Just((854, 480)), Just((426, 240)), Just((640, 360))],
        ) {
            let mut canvas = Canvas::new(size.0, size.1, Ink::rgb(0x20_28_34));
            draw(&mut canvas, frame, unix_ms);
            let luma = canvas.rows(0).flatten().copied().collect::<Vec<_>>();
            let stamp = Stamp { frame: (frame & 0xff_ff_ff) as u32, unix_ms: Some(unix_ms as u32) };
            prop_assert_eq!(read(&luma, size.0, size.1), Some(stamp));
        }

        #[test]
        fn a_picture_without_a_code_is_unreadable(luma in proptest::collection::vec(any::<u8>(), 64 * 48)) {
            let _ = read(&luma, 64, 48);
            prop_assert_eq!(read(&[90; 64 * 48], 64, 48), None);
        }
    }
}
