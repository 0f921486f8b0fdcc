//! One panel: a grid over a stretch of time, and the curves on it.

use plotters::backend::SVGBackend;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::DrawingArea;
use plotters::element::{Circle, DashedPathElement, PathElement, Polygon};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor, ShapeStyle};

use super::axis::Axis;
use super::sheet::{AMBER, Frame, INK, Lettering, MUTED, PictureError, QUARTERS, Sheet, quarters};

/// A box on the sheet in which time runs to the right and values grow upwards.
pub(crate) struct Panel<'sheet, 'svg> {
    sheet: &'sheet Sheet<'svg>,
    frame: Frame,
    area: DrawingArea<SVGBackend<'svg>, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    values: Axis,
}

/// A word at the right end of a curve.
pub(crate) struct EndLabel {
    value: f64,
    text: &'static str,
    color: RGBColor,
}

impl EndLabel {
    /// The word `text` for a curve that ends at `value`.
    pub(crate) const fn new(value: f64, text: &'static str, color: RGBColor) -> Self {
        Self { value, text, color }
    }
}

const MARK: Lettering = Lettering::plain(11.0, MUTED);
/// Height of a line of end labels, in pixels.
const LABEL_LINE: i32 = 15;

impl<'sheet, 'svg> Panel<'sheet, 'svg> {
    /// An empty panel with its grid. `time` is in seconds.
    pub(crate) fn new(
        sheet: &'sheet Sheet<'svg>,
        frame: Frame,
        time: &Axis,
        values: Axis,
    ) -> Result<Self, PictureError> {
        let part = sheet.part(frame);
        let (across, down) = part.get_pixel_range();
        let space = Cartesian2d::new(time.range(), values.range(), (across, down.end..down.start));
        let panel = Self {
            sheet,
            frame,
            area: part.apply_coord_spec(space),
            values,
        };
        panel.grid(time)?;
        Ok(panel)
    }

    fn grid(&self, time: &Axis) -> Result<(), PictureError> {
        let (seconds, values) = (time.range(), self.values.range());
        let style = ShapeStyle::from(INK.mix(0.1)).stroke_width(3);
        for mark in time.marks() {
            let ends = [(mark.place, values.start), (mark.place, values.end)];
            self.area.draw(&PathElement::new(ends, style))?;
        }
        for mark in self.values.marks() {
            let ends = [(seconds.start, mark.place), (seconds.end, mark.place)];
            self.area.draw(&PathElement::new(ends, style))?;
            let at = (self.frame.left - 8, self.row(mark.place));
            self.sheet
                .text(&mark.label, at, MARK.anchored(HPos::Right))?;
        }
        // Curves stand on zero; where an axis has none, on its lower end.
        let zero = self.values.place(0.0);
        let ends = [(seconds.start, zero), (seconds.end, zero)];
        let base = ShapeStyle::from(INK.mix(0.45)).stroke_width(3);
        self.area.draw(&PathElement::new(ends, base))?;
        Ok(())
    }

    /// Writes what the panel shows above it, and a remark at the other end of that line.
    pub(crate) fn head(&self, heading: &str, remark: &str) -> Result<(), PictureError> {
        let line = self.frame.top - 20;
        self.sheet.text(
            heading,
            (HEADING_LEFT, line),
            Lettering::plain(13.5, INK).bold(),
        )?;
        if remark.is_empty() {
            return Ok(());
        }
        let remark_style = Lettering::plain(12.0, MUTED).anchored(HPos::Right);
        self.sheet
            .text(remark, (self.frame.right, line), remark_style)
    }

    /// Says that there is nothing to show.
    pub(crate) fn empty(&self, why: &str) -> Result<(), PictureError> {
        let Frame {
            left,
            top,
            right,
            bottom,
        } = self.frame;
        let middle = (left.midpoint(right), top.midpoint(bottom));
        self.sheet.text(
            why,
            middle,
            Lettering::plain(13.0, MUTED).anchored(HPos::Center),
        )
    }

    /// Draws a curve, `width` quarters of a pixel wide. A single point becomes a dot.
    pub(crate) fn line(
        &self,
        points: &[(f64, f64)],
        color: RGBColor,
        width: u32,
    ) -> Result<(), PictureError> {
        if let [point] = points {
            return self.dot(*point, color, width);
        }
        let style = ShapeStyle::from(color.to_rgba()).stroke_width(width);
        self.area
            .draw(&PathElement::new(self.placed(points), style))?;
        Ok(())
    }

    /// Draws a dot of `radius` quarters of a pixel.
    pub(crate) fn dot(
        &self,
        point: (f64, f64),
        color: RGBColor,
        radius: u32,
    ) -> Result<(), PictureError> {
        let at = (point.0, self.values.place(point.1));
        self.area.draw(&Circle::new(
            at,
            radius,
            ShapeStyle::from(color.to_rgba()).filled(),
        ))?;
        Ok(())
    }

    /// Fills what lies between a curve and zero.
    pub(crate) fn fill(&self, points: &[(f64, f64)], color: RGBColor) -> Result<(), PictureError> {
        let [first, .., last] = points else {
            return Ok(());
        };
        let mut outline = self.placed(points);
        let zero = self.values.place(0.0);
        outline.extend([(last.0, zero), (first.0, zero)]);
        self.area.draw(&Polygon::new(outline, color.to_rgba()))?;
        Ok(())
    }

    /// Draws a dashed line through the whole panel.
    pub(crate) fn limit(&self, time: &Axis, value: f64) -> Result<(), PictureError> {
        let place = self.values.place(value);
        let ends = [(time.range().start, place), (time.range().end, place)];
        let style = ShapeStyle::from(AMBER.to_rgba()).stroke_width(5);
        self.area.draw(&DashedPathElement::new(
            ends,
            quarters(6),
            quarters(4),
            style,
        ))?;
        Ok(())
    }

    /// Writes labels to the right of the panel, each at its value or as near as there is room.
    pub(crate) fn name(&self, mut labels: Vec<EndLabel>) -> Result<(), PictureError> {
        labels.sort_by_key(|label| self.row(self.values.place(label.value)));
        let wanted: Vec<i32> = labels
            .iter()
            .map(|label| self.row(self.values.place(label.value)))
            .collect();
        for (label, row) in labels.iter().zip(spread(&wanted, self.frame.bottom)) {
            let style = Lettering::plain(12.0, label.color).bold();
            self.sheet
                .text(label.text, (self.frame.right + 9, row), style)?;
        }
        Ok(())
    }

    fn placed(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        points
            .iter()
            .map(|&(seconds, value)| (seconds, self.values.place(value)))
            .collect()
    }

    /// The row of a placed value, in pixels of the sheet.
    fn row(&self, place: f64) -> i32 {
        self.area.map_coordinate(&(0.0, place)).1 / QUARTERS
    }
}

/// Where headings begin, in pixels from the left edge of the sheet.
pub(crate) const HEADING_LEFT: i32 = 24;

/// Moves sorted rows apart until none overlaps the next, and none lies below `bottom`.
fn spread(wanted: &[i32], bottom: i32) -> Vec<i32> {
    let mut rows: Vec<i32> = wanted.to_vec();
    let mut lowest = i32::MIN;
    for row in &mut rows {
        *row = (*row).max(lowest);
        lowest = *row + LABEL_LINE;
    }
    let mut highest = bottom;
    for row in rows.iter_mut().rev() {
        *row = (*row).min(highest);
        highest = *row - LABEL_LINE;
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_with_room_stay() {
        assert_eq!(spread(&[10, 40, 80], 100), [10, 40, 80]);
    }

    #[test]
    fn labels_at_one_value_move_apart() {
        assert_eq!(spread(&[50, 50, 50], 100), [50, 65, 80]);
    }

    #[test]
    fn labels_at_the_bottom_move_up() {
        assert_eq!(spread(&[20, 100, 100], 100), [20, 85, 100]);
    }
}
