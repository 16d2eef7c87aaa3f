//! A typeface of strokes, drawn for this lecture: each letter is a few lines and arcs of a pen with a round tip.
//!
//! Units: the baseline is 0, small letters reach 4.8, capitals and figures 7, descenders −2.2. `M x y` lifts the pen to a
//! point, `L x y` draws to one, `A cx cy rx ry from to` draws an arc of degrees (0 right, 90 up), joined to what was
//! drawn before it.

use std::collections::BTreeMap;

use super::canvas::{Area, Canvas, Ink, distance_to_segment};

/// Height of capitals in units.
const CAPITAL: f32 = 7.0;
/// From one letter to the next, in units.
const SPACING: f32 = 1.9;
/// Around a letter's box, in units: room for the pen.
const MARGIN: f32 = 1.0;
/// Below the baseline, in units: room for descenders too.
const DEPTH: f32 = 3.0;
/// Degrees between the points of an arc.
const ARC_STEP: f32 = 12.0;

/// Where a text's left end, or its right one, stands.
#[derive(Clone, Copy)]
pub(crate) enum Align {
    /// The text begins at the point.
    Left,
    /// The text ends at the point.
    Right,
}

/// How text looks.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    /// Height of capitals in pixels.
    pub(crate) size: f32,
    /// Thickness of the pen in units.
    pub(crate) pen: f32,
    /// Its colour.
    pub(crate) ink: Ink,
}

/// Letters that were drawn before, by letter, size and pen.
#[derive(Default)]
pub(crate) struct Font {
    cache: BTreeMap<(char, u32, u32), Letter>,
}

struct Letter {
    advance: f32,
    width: usize,
    height: usize,
    coverage: Vec<f32>,
}

impl Font {
    /// How wide a text is, in pixels.
    pub(crate) fn width(text: &str, size: f32) -> f32 {
        text.chars().map(|letter| (glyph(letter).0 + SPACING) * size / CAPITAL).sum()
    }

    /// Writes `text` with its baseline at `y`.
    pub(crate) fn write(
        &mut self,
        canvas: &mut Canvas,
        text: &str,
        (x, y): (f32, f32),
        align: Align,
        style: Style,
    ) {
        let mut pen = match align {
            Align::Left => x,
            Align::Right => x - Self::width(text, style.size),
        };
        let scale = style.size / CAPITAL;
        for letter in text.chars() {
            // Letters stand on whole pixels, so that each is drawn once only.
            let (left, top) = ((pen - MARGIN * scale).round(), (y - (CAPITAL + MARGIN) * scale).round());
            let drawn = self.letter(letter, style);
            pen += drawn.advance;
            drawn.paint(canvas, left, top, style.ink);
        }
    }

    fn letter(&mut self, letter: char, style: Style) -> &Letter {
        let key = (letter, style.size.to_bits(), style.pen.to_bits());
        self.cache.entry(key).or_insert_with(|| Letter::draw(letter, style))
    }
}

impl Letter {
    fn draw(letter: char, style: Style) -> Self {
        let (units, path) = glyph(letter);
        let scale = style.size / CAPITAL;
        let strokes = strokes(path);
        let width = pixels((units + 2.0 * MARGIN) * scale);
        let height = pixels((MARGIN + CAPITAL + DEPTH) * scale);
        let half = style.pen * scale / 2.0;
        let coverage = (0..width * height)
            .map(|at| {
                let (x, y) = (to_f32(at % width) + 0.5, to_f32(at / width) + 0.5);
                let point = (x / scale - MARGIN, CAPITAL + MARGIN - y / scale);
                let distance = |&(from, to): &(_, _)| distance_to_segment(point, from, to) * scale;
                let nearest = strokes.iter().map(distance).fold(f32::MAX, f32::min);
                (half - nearest + 0.5).clamp(0.0, 1.0)
            })
            .collect();
        Self { advance: (units + SPACING) * scale, width, height, coverage }
    }

    fn paint(&self, canvas: &mut Canvas, left: f32, top: f32, ink: Ink) {
        let (width, height) = (to_f32(self.width), to_f32(self.height));
        canvas.paint(&Area::new(left, top, left + width, top + height), ink, |x, y| {
            let (column, row) = (x - left, y - top);
            if !(0.0..width).contains(&column) || !(0.0..height).contains(&row) {
                return 0.0;
            }
            self.coverage[whole(row) * self.width + whole(column)]
        });
    }
}

type Segment = ((f32, f32), (f32, f32));

fn strokes(path: &str) -> Vec<Segment> {
    let mut words = path.split_whitespace();
    let mut segments = Vec::new();
    let mut pen: Option<(f32, f32)> = None;
    while let Some(command) = words.next() {
        let mut number = || {
            words.next().and_then(|word| word.parse::<f32>().ok()).expect("the paths below are well formed")
        };
        let mut draw = |to: (f32, f32)| {
            if let Some(from) = pen {
                segments.push((from, to));
            }
            pen = Some(to);
        };
        match command {
            "M" => pen = Some((number(), number())),
            "L" => draw((number(), number())),
            "A" => {
                let (cx, cy, rx, ry) = (number(), number(), number(), number());
                let (from, to) = (number(), number());
                let steps = ((to - from).abs() / ARC_STEP).ceil();
                let mut step = 0.0;
                while step <= steps {
                    let angle = (from + (to - from) * step / steps).to_radians();
                    draw((cx + rx * angle.cos(), cy + ry * angle.sin()));
                    step += 1.0;
                }
            }
            command => unreachable!("the paths below know no {command}"),
        }
    }
    segments
}

/// A letter that would be drawn as what it is.
pub(crate) fn has(letter: char) -> bool {
    path(letter).is_some()
}

/// A letter's width in units and its path. What is not drawn yet is a box.
fn glyph(letter: char) -> (f32, &'static str) {
    path(letter).unwrap_or((3.6, "M 0 0 L 3.6 0 L 3.6 7 L 0 7 L 0 0"))
}

#[rustfmt::skip]
fn path(letter: char) -> Option<(f32, &'static str)> {
    Some(match letter {
        ' ' => (1.6, ""),
        '0' => (4.0, "A 2 3.5 2 3.5 0 360"),
        '1' => (4.0, "M 0.7 5.6 L 2.3 7 L 2.3 0"),
        '2' => (4.0, "A 2 5 2 2 165 -35 L 0 0 L 4 0"),
        '3' => (4.0, "A 2 5.25 1.75 1.75 150 -90 A 2 1.75 2 1.75 90 -150"),
        '4' => (4.0, "M 3 0 L 3 7 L 0 2.2 L 4.2 2.2"),
        '5' => (4.0, "M 3.6 7 L 0.7 7 L 0.4 3.8 A 1.9 2.25 2.1 2.25 130 -145"),
        '6' => (4.0, "A 2 2.1 2 2.1 0 360 M 0 2.1 A 4 2.1 4 4.9 180 102"),
        '7' => (4.0, "M 0 7 L 4 7 L 1.4 0"),
        '8' => (4.0, "A 2 5.3 1.7 1.7 0 360 M 4 1.8 A 2 1.8 2 1.8 0 360"),
        '9' => (4.0, "A 2 4.9 2 2.1 0 360 M 4 4.9 A 0 4.9 4 4.9 0 -78"),
        'A' => (4.6, "M 0 0 L 2.3 7 L 4.6 0 M 0.85 2.4 L 3.75 2.4"),
        'B' => (4.0, "M 0 0 L 0 7 L 2.2 7 A 2.2 5.25 1.75 1.75 90 -90 L 0 3.5 M 2.2 3.5 A 2.2 1.75 1.8 1.75 90 -90 L 0 0"),
        'C' => (4.6, "A 2.6 3.5 2.6 3.5 45 315"),
        'D' => (4.4, "M 0 0 L 0 7 L 1.6 7 A 1.6 3.5 2.8 3.5 90 -90 L 0 0"),
        'E' => (3.6, "M 3.6 7 L 0 7 L 0 0 L 3.6 0 M 0 3.6 L 3.1 3.6"),
        'F' => (3.4, "M 3.6 7 L 0 7 L 0 0 M 0 3.6 L 3.1 3.6"),
        'G' => (5.2, "A 2.6 3.5 2.6 3.5 45 360 L 3 3.5"),
        'H' => (4.2, "M 0 0 L 0 7 M 4.2 0 L 4.2 7 M 0 3.6 L 4.2 3.6"),
        'I' => (0.0, "M 0 0 L 0 7"),
        'J' => (2.6, "M 2.6 7 L 2.6 1.5 A 1.1 1.5 1.5 1.5 0 -150"),
        'K' => (4.0, "M 0 0 L 0 7 M 4 7 L 0 2.8 M 1.4 4.2 L 4 0"),
        'L' => (3.4, "M 0 7 L 0 0 L 3.4 0"),
        'M' => (5.0, "M 0 0 L 0 7 L 2.5 2.4 L 5 7 L 5 0"),
        'N' => (4.2, "M 0 0 L 0 7 L 4.2 0 L 4.2 7"),
        'O' => (5.2, "A 2.6 3.5 2.6 3.5 0 360"),
        'P' => (3.9, "M 0 0 L 0 7 L 2 7 A 2 5.1 1.9 1.9 90 -90 L 0 3.2"),
        'Q' => (5.2, "A 2.6 3.5 2.6 3.5 0 360 M 3.3 1.5 L 5 -0.4"),
        'R' => (4.0, "M 0 0 L 0 7 L 2 7 A 2 5.1 1.9 1.9 90 -90 L 0 3.2 M 2 3.2 L 4 0"),
        'S' => (3.8, "A 1.9 5.2 1.8 1.8 40 270 A 1.9 1.7 1.9 1.7 90 -140"),
        'T' => (4.2, "M 0 7 L 4.2 7 M 2.1 7 L 2.1 0"),
        'U' => (4.2, "M 0 7 L 0 2.1 A 2.1 2.1 2.1 2.1 180 360 L 4.2 7"),
        'V' => (4.4, "M 0 7 L 2.2 0 L 4.4 7"),
        'W' => (6.0, "M 0 7 L 1.5 0 L 3 6 L 4.5 0 L 6 7"),
        'X' => (4.0, "M 0 0 L 4 7 M 0 7 L 4 0"),
        'Y' => (4.2, "M 0 7 L 2.1 3.4 L 4.2 7 M 2.1 3.4 L 2.1 0"),
        'Z' => (4.0, "M 0 7 L 4 7 L 0 0 L 4 0"),
        'a' => (3.8, "A 1.9 2.4 1.9 2.4 0 360 M 3.8 4.8 L 3.8 0"),
        'b' => (3.8, "A 1.9 2.4 1.9 2.4 0 360 M 0 7.2 L 0 0"),
        'c' => (3.3, "A 1.9 2.4 1.9 2.4 48 312"),
        'd' => (3.8, "A 1.9 2.4 1.9 2.4 0 360 M 3.8 7.2 L 3.8 0"),
        'e' => (3.8, "M 0.05 2.6 L 3.75 2.6 A 1.9 2.4 1.9 2.4 5 318"),
        'f' => (2.0, "A 2.3 5.6 1.3 1.6 80 180 L 1 0 M 0 4.6 L 2.2 4.6"),
        'g' => (3.8, "A 1.9 2.4 1.9 2.4 0 360 M 3.8 4.8 L 3.8 -0.4 A 2 -0.4 1.8 1.7 0 -150"),
        'h' => (3.6, "M 0 0 L 0 7.2 M 0 3 A 1.8 3 1.8 1.8 180 0 L 3.6 0"),
        'i' => (0.0, "M 0 0 L 0 4.8 M 0 6.8 L 0 6.9"),
        'j' => (1.0, "M 1 4.8 L 1 -0.8 A 0 -0.8 1 1.2 0 -100 M 1 6.8 L 1 6.9"),
        'k' => (3.3, "M 0 0 L 0 7.2 M 3.1 4.8 L 0 1.8 M 1.1 2.9 L 3.3 0"),
        'l' => (0.0, "M 0 0 L 0 7.2"),
        'm' => (6.0, "M 0 0 L 0 4.8 M 0 3.3 A 1.5 3.3 1.5 1.5 180 0 L 3 0 M 3 3.3 A 4.5 3.3 1.5 1.5 180 0 L 6 0"),
        'n' => (3.6, "M 0 0 L 0 4.8 M 0 3 A 1.8 3 1.8 1.8 180 0 L 3.6 0"),
        'o' => (3.8, "A 1.9 2.4 1.9 2.4 0 360"),
        'p' => (3.8, "A 1.9 2.4 1.9 2.4 0 360 M 0 4.8 L 0 -2.2"),
        'q' => (3.8, "A 1.9 2.4 1.9 2.4 0 360 M 3.8 4.8 L 3.8 -2.2"),
        'r' => (2.2, "M 0 0 L 0 4.8 M 0 2.9 A 1.9 2.9 1.9 1.9 180 75"),
        's' => (3.0, "A 1.5 3.6 1.4 1.2 35 270 A 1.5 1.2 1.55 1.2 90 -145"),
        't' => (2.2, "M 0.9 6.4 L 0.9 1.2 A 2.1 1.2 1.2 1.2 180 280 M 0 4.8 L 2.2 4.8"),
        'u' => (3.6, "M 0 4.8 L 0 1.8 A 1.8 1.8 1.8 1.8 180 360 L 3.6 4.8 M 3.6 1.8 L 3.6 0"),
        'v' => (3.4, "M 0 4.8 L 1.7 0 L 3.4 4.8"),
        'w' => (5.2, "M 0 4.8 L 1.3 0 L 2.6 4.2 L 3.9 0 L 5.2 4.8"),
        'x' => (3.2, "M 0 0 L 3.2 4.8 M 0 4.8 L 3.2 0"),
        'y' => (3.5, "M 0 4.8 L 1.8 0 M 3.5 4.8 L 1.1 -1.6 L 0.1 -2.1"),
        'z' => (3.2, "M 0 4.8 L 3.2 4.8 L 0 0 L 3.2 0"),
        '.' => (0.0, "M 0 0.1 L 0 0.2"),
        ',' => (0.4, "M 0.3 0.3 L -0.1 -1.2"),
        ':' => (0.0, "M 0 1.3 L 0 1.4 M 0 4.6 L 0 4.7"),
        '-' => (2.4, "M 0 2.6 L 2.4 2.6"),
        '—' => (5.6, "M 0 2.7 L 5.6 2.7"),
        '+' => (3.6, "M 0 2.8 L 3.6 2.8 M 1.8 1 L 1.8 4.6"),
        '=' => (3.6, "M 0 2 L 3.6 2 M 0 3.8 L 3.6 3.8"),
        '/' => (2.6, "M 0 -0.8 L 2.6 7.6"),
        '(' => (1.3, "A 3 2.8 2.8 5 128 232"),
        ')' => (1.3, "A -1.7 2.8 2.8 5 52 -52"),
        '·' => (0.0, "M 0 2.7 L 0 2.8"),
        '\'' => (0.0, "M 0 7 L 0 5.4"),
        '"' => (1.2, "M 0 7 L 0 5.4 M 1.2 7 L 1.2 5.4"),
        '!' => (0.0, "M 0 7 L 0 2 M 0 0.1 L 0 0.2"),
        '?' => (3.2, "A 1.6 5.2 1.6 1.8 170 -60 L 1.6 2 M 1.6 0.1 L 1.6 0.2"),
        ';' => (0.4, "M 0.3 0.3 L -0.1 -1.2 M 0.3 4.6 L 0.3 4.7"),
        '&' => (4.6, "M 4.6 0 L 1.2 4.8 A 2 5.7 1.2 1.3 220 -40 L 0.6 2.8 A 1.9 1.6 1.9 1.6 140 340 L 4.4 3"),
        '#' => (4.0, "M 1.2 0.6 L 1.6 6.4 M 2.6 0.6 L 3 6.4 M 0.2 2.4 L 3.8 2.4 M 0.4 4.6 L 4 4.6"),
        '%' => (5.0, "A 1 5.6 1 1.3 0 360 M 5 1.4 A 4 1.4 1 1.3 0 360 M 0.6 0 L 4.4 7"),
        '*' => (2.4, "M 0 4.2 L 2.4 6.2 M 0 6.2 L 2.4 4.2 M 1.2 3.8 L 1.2 6.6"),
        '_' => (3.6, "M 0 -0.6 L 3.6 -0.6"),
        '@' => (6.0, "A 3 3 1.4 1.6 0 360 M 4.4 4.6 L 4.6 2 A 5.2 2.2 0.8 0.8 190 360 A 3 2.8 3 3.6 0 300"),
        '[' => (1.3, "M 1.3 7.4 L 0 7.4 L 0 -1 L 1.3 -1"),
        ']' => (1.3, "M 0 7.4 L 1.3 7.4 L 1.3 -1 L 0 -1"),
        '<' => (3.4, "M 3.4 5 L 0 2.9 L 3.4 0.8"),
        '>' => (3.4, "M 0 5 L 3.4 2.9 L 0 0.8"),
        '|' => (0.0, "M 0 7.4 L 0 -1.4"),
        _ => return None,
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes of letters on a screen")]
fn pixels(length: f32) -> usize {
    length.ceil() as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside a letter")]
fn whole(at: f32) -> usize {
    at as usize
}

#[expect(clippy::cast_precision_loss, reason = "sizes of letters on a screen")]
fn to_f32(number: usize) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_has_a_path_that_can_be_drawn() {
        for letter in (' '..='~').chain("—·".chars()) {
            let _ = strokes(glyph(letter).1);
        }
    }

    #[test]
    fn a_clock_keeps_its_width() {
        let width = |text| Font::width(text, 40.0);
        assert!((width("11:11:11.111") - width("20:48:56.379")).abs() < 0.001);
    }
}
