//! The still itself: a dark board, the course's title, and that the lecture goes on. Pure.

use super::letters;
use crate::generate::{
    canvas::{Area, Canvas, Ink},
    font::{Align, Font, Style},
};

const BOARD: Ink = Ink::rgb(0x12_17_1f);
const PANEL: Ink = Ink::rgb(0x1b_23_2f);
const CHALK: Ink = Ink::rgb(0xe8_ed_f4);
const DIM: Ink = Ink::rgb(0x8c_9c_b0);
const DOTS: [Ink; 3] = [Ink::rgb(0x6c_b2_ff), Ink::rgb(0x63_d4_bd), Ink::rgb(0xf4_bb_6a)];

/// The still is laid out for this size and scaled to any other.
const DESIGN: (f32, f32) = (1280.0, 720.0);
const TITLE_WIDTH_MAX: f32 = 1040.0;
const TITLE_SIZE: f32 = 46.0;
const TITLE_SIZE_MIN: f32 = 24.0;
const ELLIPSIS: &str = "...";
const WORDS: [&str; 2] = ["The lecture will continue.", "The teacher's connection is interrupted"];

/// The picture of `width` × `height` pixels, both even.
pub(super) fn draw(title: &str, width: usize, height: usize) -> Canvas {
    let (w, h) = (to_f32(width), to_f32(height));
    let scale = (w / DESIGN.0).min(h / DESIGN.1);
    let origin = ((w - DESIGN.0 * scale) / 2.0, (h - DESIGN.1 * scale) / 2.0);
    let at = |x: f32, y: f32| (origin.0 + x * scale, origin.1 + y * scale);
    let mut canvas = Canvas::new(width, height, BOARD);
    let mut font = Font::default();

    let ((left, top), (right, bottom)) = (at(72.0, 200.0), at(1208.0, 520.0));
    canvas.panel(&Area::new(left, top, right, bottom), 18.0 * scale, PANEL);
    let mut write = |text: &str, y: f32, size: f32, pen: f32, ink: Ink| {
        let (x, y) = at((DESIGN.0 - Font::width(text, size)) / 2.0, y);
        font.write(&mut canvas, text, (x, y), Align::Left, Style { size: size * scale, pen, ink });
    };
    if let Some(title) = letters::drawable(title) {
        let (title, size) = fit(&title);
        write(&title, 310.0, size, 0.95, CHALK);
    }
    write(WORDS[0], 392.0, 30.0, 0.9, CHALK);
    write(WORDS[1], 436.0, 18.0, 0.85, DIM);
    for (index, ink) in DOTS.into_iter().enumerate() {
        canvas.disc(at(610.0 + 30.0 * to_f32(index), 482.0), 7.0 * scale, ink, 1.0);
    }
    canvas
}

/// A title and its size, so that it is no wider than the board.
fn fit(title: &str) -> (String, f32) {
    let wide = Font::width(title, TITLE_SIZE);
    let size = (TITLE_SIZE * TITLE_WIDTH_MAX / wide).clamp(TITLE_SIZE_MIN, TITLE_SIZE);
    let mut text = title.to_owned();
    while Font::width(&text, size) > TITLE_WIDTH_MAX * 1.01 && text.len() > ELLIPSIS.len() {
        let kept = text.trim_end_matches(ELLIPSIS).trim_end();
        let end = kept.char_indices().next_back().map_or(0, |(at, _)| at);
        text = format!("{}{ELLIPSIS}", kept[..end].trim_end());
    }
    (text, size)
}

#[expect(clippy::cast_precision_loss, reason = "sizes of pictures")]
fn to_f32(number: usize) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_title_is_made_smaller_and_then_shorter() {
        assert_eq!(fit("Algebra"), ("Algebra".to_owned(), TITLE_SIZE));
        let (text, size) = fit("Introduction to the theory of computation");
        assert!(size < TITLE_SIZE && text.ends_with("computation"), "{text} {size}");
        let (text, size) = fit(&"Differential equations ".repeat(9));
        assert!((size - TITLE_SIZE_MIN).abs() < 0.01 && text.ends_with(ELLIPSIS), "{text} {size}");
        assert!(Font::width(&text, size) <= TITLE_WIDTH_MAX * 1.01);
    }

    #[test]
    fn two_courses_have_two_pictures() {
        let rows = |title: &str| -> Vec<u8> { draw(title, 320, 180).rows(0).flatten().copied().collect() };
        assert_ne!(rows("Algebra"), rows("Analysis"));
        assert_eq!(rows("Algebra"), rows("Algebra"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_title_and_any_size_can_be_drawn(title in ".{0,80}", width in 8usize..200, height in 8usize..200) {
            let canvas = draw(&title, width * 2, height * 2);
            prop_assert_eq!((canvas.width(), canvas.height()), (width * 2, height * 2));
        }
    }
}
