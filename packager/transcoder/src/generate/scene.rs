//! The lecture's picture: a slide on which circles draw a square wave, with clocks below and bar codes above. Pure.

use std::f32::consts::TAU;

use super::{
    barcode,
    canvas::{Area, Canvas, Ink},
    font::{Align, Font, Style},
};

const BOARD: Ink = Ink::rgb(0x12_17_1f);
const PANEL: Ink = Ink::rgb(0x1b_23_2f);
const RULE: Ink = Ink::rgb(0x33_40_52);
const CHALK: Ink = Ink::rgb(0xe8_ed_f4);
const DIM: Ink = Ink::rgb(0x8c_9c_b0);
const BLUE: Ink = Ink::rgb(0x6c_b2_ff);
const TEAL: Ink = Ink::rgb(0x63_d4_bd);
const AMBER: Ink = Ink::rgb(0xf4_bb_6a);

/// The slide is laid out for this size and scaled to any other.
const DESIGN: (f32, f32) = (1280.0, 720.0);
const CENTRE: (f32, f32) = (236.0, 384.0);
const RADIUS: f32 = 104.0;
const CURVE_LEFT: f32 = 452.0;
const CURVE_RIGHT: f32 = 1208.0;
/// How fast the curve moves to the right, in units of the layout a second.
const CURVE_SPEED: f32 = 94.5;
/// One turn of the largest circle.
const TURN_SECONDS: f32 = 4.0;
/// From one circle to all of them and back.
const BREATH_SECONDS: f32 = 48.0;
const CIRCLES: usize = 5;

/// What a picture shows besides the slide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The picture's number.
    pub(crate) frame: u64,
    /// Media time.
    pub(crate) media_ms: u64,
    /// Wall clock.
    pub(crate) unix_ms: u64,
}

/// The slide and its letters.
pub(crate) struct Scene {
    background: Canvas,
    canvas: Canvas,
    font: Font,
    scale: f32,
    origin: (f32, f32),
}

impl Scene {
    /// A slide of `width` × `height` pixels, both even.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let (w, h) = (to_f32(width), to_f32(height));
        let scale = (w / DESIGN.0).min(h / DESIGN.1);
        let origin = ((w - DESIGN.0 * scale) / 2.0, (h - DESIGN.1 * scale) / 2.0);
        let background = Canvas::new(width, height, BOARD);
        let mut scene = Self { canvas: background.clone(), background, font: Font::default(), scale, origin };
        scene.draw_background();
        scene
    }

    /// The picture of a moment.
    pub(crate) fn draw(&mut self, moment: Moment) -> &Canvas {
        let moving = [self.area(44.0, 232.0, 1236.0, 536.0), self.area(44.0, 612.0, 1260.0, 690.0)];
        for area in &moving {
            self.canvas.restore(&self.background, area);
        }
        self.draw_figure(moment.media_ms);
        self.draw_clocks(moment);
        barcode::draw(&mut self.canvas, moment.frame, moment.unix_ms);
        &self.canvas
    }

    fn draw_background(&mut self) {
        let panel = self.area(36.0, 184.0, 1244.0, 560.0);
        let radius = self.length(14.0);
        self.canvas.panel(&panel, radius, PANEL);
        self.write("Lectern — generated lecture", (48.0, 122.0), Align::Left, 34.0, 0.95, CHALK);
        self.write("Circles that add up to a square wave", (48.0, 160.0), Align::Left, 17.0, 0.85, DIM);
        self.write("Fourier series", (1232.0, 160.0), Align::Right, 17.0, 0.85, DIM);
        let formula = "f(t) = sin t + sin 3t / 3 + sin 5t / 5 + sin 7t / 7 + sin 9t / 9";
        self.write(formula, (CURVE_LEFT, 220.0), Align::Left, 15.0, 0.85, DIM);
        let hair = self.length(1.6).max(1.0);
        let (left, right) = (self.at(CURVE_LEFT, CENTRE.1), self.at(CURVE_RIGHT, CENTRE.1));
        self.canvas.line(left, right, hair, RULE);
        for (text, x) in
            [("wall clock (UTC)", 48.0), ("media time", 560.0), ("frame", 888.0), ("second", 1160.0)]
        {
            self.write(text, (x, 602.0), Align::Left, 13.0, 0.85, DIM);
        }
        let (centre, radius) = (self.at(CENTRE.0, CENTRE.1), self.length(RADIUS));
        self.canvas.ring(centre, radius, hair, RULE);
        self.background = self.canvas.clone();
    }

    fn draw_figure(&mut self, media_ms: u64) {
        // Both periods divide the cycle, so the angles stay small and exact for any length.
        let cycle_ms = (BREATH_SECONDS * 1000.0) as u64;
        let t = to_f32((media_ms % cycle_ms) as usize) / 1000.0;
        let strengths = strengths(t);
        let hair = self.length(1.6).max(1.0);
        let stroke = self.length(3.2).max(1.5);

        let mut tip = CENTRE;
        for (index, strength) in strengths.iter().enumerate().filter(|(_, strength)| **strength > 0.0) {
            let (order, radius) = harmonic(index, *strength);
            let angle = order * TAU * t / TURN_SECONDS;
            let next = (tip.0 + radius * angle.cos(), tip.1 - radius * angle.sin());
            let (from, to, on_screen) = (self.at(tip.0, tip.1), self.at(next.0, next.1), self.length(radius));
            if index > 0 {
                self.canvas.ring(from, on_screen, hair, RULE);
            }
            self.canvas.line(from, to, hair * 1.4, BLUE);
            tip = next;
        }

        let (left, right) = (self.column(CURVE_LEFT), self.column(CURVE_RIGHT));
        let heights: Vec<f32> = (left..=right)
            .map(|column| {
                let behind = (to_f32(column - left) / self.scale) / CURVE_SPEED;
                let height: f32 = strengths
                    .iter()
                    .enumerate()
                    .map(|(index, strength)| {
                        let (order, radius) = harmonic(index, *strength);
                        radius * (order * TAU * (t - behind) / TURN_SECONDS).sin()
                    })
                    .sum();
                self.at(0.0, CENTRE.1 - height).1
            })
            .collect();
        self.canvas.curve(left, &heights, stroke, TEAL);

        let (tip, start) = (self.at(tip.0, tip.1), self.at(CURVE_LEFT, tip.1));
        self.canvas.line(tip, start, hair, RULE);
        let dot = self.length(6.0);
        self.canvas.disc(tip, dot, AMBER, 1.0);
        self.canvas.disc(start, dot, AMBER, 1.0);
    }

    fn draw_clocks(&mut self, moment: Moment) {
        let wall = clock(moment.unix_ms % 86_400_000);
        self.write(&wall, (48.0, 662.0), Align::Left, 44.0, 0.9, CHALK);
        self.write(&clock(moment.media_ms), (560.0, 656.0), Align::Left, 28.0, 0.85, CHALK);
        self.write(&format!("{:07}", moment.frame), (888.0, 656.0), Align::Left, 28.0, 0.85, CHALK);
        let into_second = to_f32((moment.media_ms % 1000) as usize);
        let ink = if moment.media_ms % 10_000 < 1000 { AMBER } else { TEAL };
        let (lamp, radius, hair) = (self.at(1184.0, 644.0), self.length(15.0), self.length(2.0).max(1.0));
        self.canvas.ring(lamp, radius, hair, RULE);
        self.canvas.disc(lamp, radius, ink, (1.0 - into_second / 400.0).max(0.0));
    }

    fn write(&mut self, text: &str, at: (f32, f32), align: Align, size: f32, pen: f32, ink: Ink) {
        let (point, size) = (self.at(at.0, at.1), self.length(size));
        self.font.write(&mut self.canvas, text, point, align, Style { size, pen, ink });
    }

    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.origin.0 + x * self.scale, self.origin.1 + y * self.scale)
    }

    fn length(&self, length: f32) -> f32 {
        length * self.scale
    }

    fn area(&self, left: f32, top: f32, right: f32, bottom: f32) -> Area {
        let ((left, top), (right, bottom)) = (self.at(left, top), self.at(right, bottom));
        Area::new(left, top, right, bottom)
    }

    /// The even column nearest to a place of the layout.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside the picture")]
    fn column(&self, x: f32) -> usize {
        (self.at(x, 0.0).0 / 2.0).round() as usize * 2
    }
}

/// How far each circle takes part: they join one after the other and leave again.
fn strengths(t: f32) -> [f32; CIRCLES] {
    let all = to_f32(CIRCLES);
    let breath = 0.5 - 0.5 * (TAU * t / BREATH_SECONDS).cos();
    let taking_part = 1.5 + (all - 1.5) * breath;
    std::array::from_fn(|index| (taking_part - to_f32(index)).clamp(0.0, 1.0))
}

/// Order and radius of a circle.
fn harmonic(index: usize, strength: f32) -> (f32, f32) {
    let order = to_f32(2 * index + 1);
    (order, RADIUS * strength / order)
}

/// `HH:MM:SS.mmm`.
fn clock(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1000 % 60, ms / 60_000 % 60, ms / 3_600_000);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{:03}", ms % 1000)
}

#[expect(clippy::cast_precision_loss, reason = "pixels and milliseconds of one cycle")]
fn to_f32(number: usize) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_written_with_milliseconds() {
        assert_eq!(clock(((23 * 60 + 59) * 60 + 58) * 1000 + 7), "23:59:58.007");
    }

    #[test]
    fn any_size_can_be_drawn_and_carries_its_number() {
        for (width, height) in [(1280, 720), (1920, 1080), (640, 480), (320, 568), (128, 96)] {
            let mut scene = Scene::new(width, height);
            let canvas = scene.draw(Moment { frame: 77, media_ms: 10_050, unix_ms: 5 });
            let luma: Vec<u8> = canvas.rows(0).flatten().copied().collect();
            let stamp = barcode::read(&luma, width, height);
            assert_eq!(stamp, Some(barcode::Stamp { frame: 77, unix_ms: Some(5) }), "{width}x{height}");
        }
    }

    #[test]
    fn what_moved_leaves_no_trace() {
        let mut used = Scene::new(640, 360);
        for second in 0..50 {
            used.draw(Moment { frame: second, media_ms: second * 977, unix_ms: second * 31_000_003 });
        }
        let moment = Moment { frame: 9, media_ms: 3333, unix_ms: 44 };
        let mut fresh = Scene::new(640, 360);
        let rows = |canvas: &Canvas| canvas.rows(0).flatten().copied().collect::<Vec<u8>>();
        assert!(rows(used.draw(moment)) == rows(fresh.draw(moment)));
    }
}
