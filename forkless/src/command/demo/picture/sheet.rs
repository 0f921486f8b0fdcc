//! The sheet the picture is drawn on: its size, its inks, its lettering.

use std::io;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle, WHITE,
};

/// A white sheet of [`WIDTH`] by [`HEIGHT`] pixels.
pub(crate) struct Sheet<'svg> {
    surface: DrawingArea<SVGBackend<'svg>, Shift>,
}

/// The picture could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the picture")]
pub(crate) struct PictureError(#[from] DrawingAreaErrorKind<io::Error>);

/// Width of the sheet, in pixels.
pub(crate) const WIDTH: i32 = 1100;
/// Height of the sheet, in pixels.
pub(crate) const HEIGHT: i32 = 760;
/// The backend knows whole numbers alone, so it is given quarters of a pixel.
pub(crate) const QUARTERS: i32 = 4;

/// Titles and what else is read first.
pub(crate) const INK: RGBColor = RGBColor(0x1b, 0x26, 0x33);
/// What is read second: marks, notes.
pub(crate) const MUTED: RGBColor = RGBColor(0x5f, 0x6b, 0x7a);
/// Single slow writes.
pub(crate) const GREY: RGBColor = RGBColor(0x84, 0x8e, 0x9a);
/// Three shades of one blue, told apart by their lightness alone: the slower the darker.
pub(crate) const PALE_BLUE: RGBColor = RGBColor(0xd6, 0xe5, 0xf3);
pub(crate) const LIGHT_BLUE: RGBColor = RGBColor(0x56, 0xa0, 0xdc);
pub(crate) const BLUE: RGBColor = RGBColor(0x22, 0x66, 0xae);
pub(crate) const DARK_BLUE: RGBColor = RGBColor(0x0a, 0x29, 0x50);
/// The snapshot and what belongs to it: as ground, as fill, as line and letter.
pub(crate) const PALE_AMBER: RGBColor = RGBColor(0xff, 0xf4, 0xdb);
pub(crate) const LIGHT_AMBER: RGBColor = RGBColor(0xf5, 0xc8, 0x66);
pub(crate) const AMBER: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
pub(crate) const DARK_AMBER: RGBColor = RGBColor(0x9a, 0x63, 0x00);

/// A box on the sheet, in pixels from its upper left corner.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) left: i32,
    pub(crate) top: i32,
    pub(crate) right: i32,
    pub(crate) bottom: i32,
}

/// How a line of text looks, and which of its ends is anchored.
#[derive(Clone, Copy)]
pub(crate) struct Lettering {
    pub(crate) size: f64,
    pub(crate) style: FontStyle,
    pub(crate) color: RGBColor,
    pub(crate) anchor: HPos,
}

impl Lettering {
    /// Text of `size` pixels that begins at its anchor.
    pub(crate) const fn plain(size: f64, color: RGBColor) -> Self {
        Self {
            size,
            style: FontStyle::Normal,
            color,
            anchor: HPos::Left,
        }
    }

    /// The same, heavier.
    pub(crate) const fn bold(self) -> Self {
        Self {
            style: FontStyle::Bold,
            ..self
        }
    }

    /// The same, centred at (`HPos::Center`) or ending at (`HPos::Right`) its anchor.
    pub(crate) const fn anchored(self, anchor: HPos) -> Self {
        Self { anchor, ..self }
    }
}

impl<'svg> Sheet<'svg> {
    /// An empty sheet that writes itself into `svg`.
    pub(crate) fn new(svg: &'svg mut String) -> Result<Self, PictureError> {
        let size = (
            quarters(WIDTH).unsigned_abs(),
            quarters(HEIGHT).unsigned_abs(),
        );
        let surface = SVGBackend::with_string(svg, size).into_drawing_area();
        surface.fill(&WHITE)?;
        Ok(Self { surface })
    }

    /// Writes one line; `at` is its anchor, half way up its letters.
    pub(crate) fn text(
        &self,
        text: &str,
        at: (i32, i32),
        lettering: Lettering,
    ) -> Result<(), PictureError> {
        // The backend takes sizes of a font's full line and divides them by 1.24.
        let size = lettering.size * f64::from(QUARTERS) * 1.24;
        let font = FontDesc::new(FontFamily::SansSerif, size, lettering.style);
        let style = TextStyle::from(font)
            .color(&lettering.color)
            .pos(Pos::new(lettering.anchor, VPos::Center));
        self.surface
            .draw(&Text::new(text, (quarters(at.0), quarters(at.1)), style))?;
        Ok(())
    }

    /// Fills a box, given in quarters of a pixel.
    pub(crate) fn fill(
        &self,
        corners: [(i32, i32); 2],
        color: RGBColor,
    ) -> Result<(), PictureError> {
        self.surface.draw(&Rectangle::new(
            corners,
            ShapeStyle::from(color.to_rgba()).filled(),
        ))?;
        Ok(())
    }

    /// The part of the sheet in `frame`, to draw curves on; they cannot leave it.
    pub(crate) fn part(&self, frame: Frame) -> DrawingArea<SVGBackend<'svg>, Shift> {
        let size = (
            quarters(frame.right - frame.left),
            quarters(frame.bottom - frame.top),
        );
        self.surface
            .clone()
            .shrink((quarters(frame.left), quarters(frame.top)), size)
    }

    /// Completes the text.
    pub(crate) fn finish(self) -> Result<(), PictureError> {
        Ok(self.surface.present()?)
    }
}

/// Gives a finished sheet its size in pixels, and round joints to all its lines.
pub(crate) fn in_pixels(svg: &str) -> String {
    let drawn = format!(
        r#"width="{}" height="{}" "#,
        quarters(WIDTH),
        quarters(HEIGHT)
    );
    let shown = format!(
        r#"width="{WIDTH}" height="{HEIGHT}" stroke-linejoin="round" stroke-linecap="round" "#
    );
    svg.replacen(&drawn, &shown, 1)
}

/// Pixels in the unit of the backend.
pub(crate) const fn quarters(pixels: i32) -> i32 {
    pixels * QUARTERS
}
