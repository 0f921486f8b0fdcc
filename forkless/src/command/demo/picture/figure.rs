//! The figure: three panels over one stretch of time, with the snapshot behind them.

use std::ops::Range;

use plotters::style::text_anchor::HPos;

use super::axis::{Axis, duration, number};
use super::memory::draw_memory;
use super::panel::HEADING_LEFT;
use super::sheet::{
    AMBER, DARK_AMBER, Frame, INK, Lettering, MUTED, PALE_AMBER, PictureError, Sheet, in_pixels,
    quarters,
};
use super::timeline::{Timeline, seconds};
use super::writes::{draw_latency, draw_writes};

/// The columns of all panels, in pixels; the right margin has room for words at the curves.
const LEFT: i32 = 84;
const RIGHT: i32 = 1016;
const LATENCY: Frame = rows(129, 368);
const WRITES: Frame = rows(411, 528);
const MEMORY: Frame = rows(571, 702);

/// The line on top of the snapshot, in pixels from the top of the sheet.
const BRACKET: i32 = 94;

/// Draws `timeline` as an SVG document of 1100 by 760 pixels.
///
/// The same timeline always gives the same text. The measurements are copied, to sort them; all
/// else is linear in their number.
///
/// # Errors
///
/// [`PictureError`] when the drawing library refuses; it has no reason to, as no file is touched.
pub(crate) fn draw(timeline: &Timeline) -> Result<String, PictureError> {
    let mut svg = String::new();
    let sheet = Sheet::new(&mut svg)?;
    let time = Axis::exact(0.0..seconds(timeline.horizon_ms()), 8.0, number);

    sheet.text(
        &timeline.title,
        (HEADING_LEFT, 33),
        Lettering::plain(20.0, INK).bold(),
    )?;
    sheet.text(
        &timeline.subtitle,
        (HEADING_LEFT, 60),
        Lettering::plain(14.0, MUTED),
    )?;
    let snapshot = timeline.snapshot();
    if let Some(snapshot_ms) = &snapshot {
        draw_band(&sheet, &columns(&time, snapshot_ms))?;
    }
    draw_latency(&sheet, LATENCY, &time, timeline)?;
    draw_writes(&sheet, WRITES, &time, timeline)?;
    draw_memory(&sheet, MEMORY, &time, timeline)?;
    draw_time(&sheet, &time)?;
    if let Some(snapshot_ms) = &snapshot {
        draw_bracket(&sheet, &columns(&time, snapshot_ms), snapshot_ms)?;
    }

    sheet.finish()?;
    Ok(in_pixels(&svg))
}

/// Shades the time of the snapshot; the panels come on top.
fn draw_band(sheet: &Sheet<'_>, columns: &Range<i32>) -> Result<(), PictureError> {
    let Range { start, end } = *columns;
    sheet.fill(
        [(start, quarters(BRACKET)), (end, quarters(MEMORY.bottom))],
        PALE_AMBER,
    )
}

/// Marks where the snapshot begins and ends, on top of the panels, and says how long it took.
fn draw_bracket(
    sheet: &Sheet<'_>,
    columns: &Range<i32>,
    snapshot_ms: &Range<f64>,
) -> Result<(), PictureError> {
    let Range { start, end } = *columns;
    let top = quarters(BRACKET);
    sheet.fill([(start, top), (end, top + 8)], AMBER)?;
    for panel in [LATENCY, WRITES, MEMORY] {
        let (top, bottom) = (quarters(panel.top), quarters(panel.bottom));
        sheet.fill([(start, top), (start + 3, bottom)], AMBER)?;
        sheet.fill([(end - 3, top), (end, bottom)], AMBER)?;
    }

    let label = format!(
        "snapshot, {}",
        duration((snapshot_ms.end - snapshot_ms.start) * 1e3)
    );
    let middle = (start.midpoint(end) / quarters(1)).clamp(LEFT + 60, RIGHT - 60);
    let style = Lettering::plain(12.0, DARK_AMBER)
        .bold()
        .anchored(HPos::Center);
    sheet.text(&label, (middle, BRACKET - 10), style)
}

/// Writes the seconds below the lowest panel.
fn draw_time(sheet: &Sheet<'_>, time: &Axis) -> Result<(), PictureError> {
    for mark in time.marks() {
        let at = (column(time, mark.place) / quarters(1), MEMORY.bottom + 14);
        sheet.text(
            &mark.label,
            at,
            Lettering::plain(11.0, MUTED).anchored(HPos::Center),
        )?;
    }
    let at = (LEFT.midpoint(RIGHT), MEMORY.bottom + 36);
    sheet.text(
        "time, seconds",
        at,
        Lettering::plain(12.0, MUTED).anchored(HPos::Center),
    )
}

/// A panel of the common width, in pixels from the top of the sheet.
const fn rows(top: i32, bottom: i32) -> Frame {
    Frame {
        left: LEFT,
        top,
        right: RIGHT,
        bottom,
    }
}

/// From where to where the snapshot reaches across the sheet, in quarters of a pixel.
///
/// However short the snapshot was, it can be seen.
fn columns(time: &Axis, snapshot_ms: &Range<f64>) -> Range<i32> {
    let start = column(time, seconds(snapshot_ms.start));
    let end = column(time, seconds(snapshot_ms.end));
    let narrow = (quarters(2) - (end - start)).max(0);
    start - narrow..end
}

/// The column of a time in seconds, in quarters of a pixel of the sheet.
fn column(time: &Axis, seconds: f64) -> i32 {
    let Range { start, end } = time.range();
    let share = (seconds - start) / (end - start);
    let width = f64::from(quarters(RIGHT - LEFT));
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most the width of the sheet"
    )]
    let column = (share.clamp(0.0, 1.0) * width).round() as i32;
    quarters(LEFT) + column
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::demo::picture::{LatencyStep, MemorySample};

    fn step(at_ms: f64) -> LatencyStep {
        LatencyStep {
            at_ms,
            writes_per_s: 800e3,
            p50_us: 4.0,
            p99_us: 15.0,
            p999_us: 60.0,
            max_us: 90.0,
        }
    }

    fn sample(at_ms: f64) -> MemorySample {
        let in_flight_bytes = if (1500.0..1800.0).contains(&at_ms) {
            16 << 20
        } else {
            0
        };
        MemorySample {
            at_ms,
            resident_bytes: (300 << 20) + in_flight_bytes,
            in_flight_bytes,
        }
    }

    /// Four seconds with a snapshot of 300 ms that holds 16 of 64 MiB.
    fn timeline() -> Timeline {
        let moments = || (0..200).map(|step| f64::from(step) * 20.0 + 10.0);
        Timeline {
            title: "1,000,000 keys".to_owned(),
            subtitle: "writes never stopped".to_owned(),
            snapshot_ms: 1500.0..1800.0,
            end_ms: 4000.0,
            latency: moments().map(step).collect(),
            memory: moments().map(sample).collect(),
            budget_bytes: 64 << 20,
        }
    }

    #[track_caller]
    fn assert_shows(timeline: &Timeline, labels: &[&str]) {
        let svg = draw(timeline).unwrap();
        assert!(
            !svg.contains("NaN") && !svg.contains("inf"),
            "a number is none"
        );
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        for label in labels {
            assert!(svg.contains(&format!("\n{label}\n</text>")), "no {label:?}");
        }
    }

    #[test]
    fn every_part_has_its_label() {
        let words = [
            "1,000,000 keys",
            "writes never stopped",
            "snapshot, 300 ms",
            "time, seconds",
        ];
        assert_shows(&timeline(), &words);
        assert_shows(
            &timeline(),
            &["Write latency, log scale", "slowest", "p99.9", "p99", "p50"],
        );
        assert_shows(
            &timeline(),
            &["Writes per second", "800 k", "Memory growth, MiB"],
        );
        assert_shows(&timeline(), &["process", "snapshot", "budget"]);
    }

    #[test]
    fn sheet_has_its_size_in_pixels() {
        let svg = draw(&timeline()).unwrap();
        assert!(svg.starts_with(r#"<svg width="1100" height="760" "#));
        assert!(svg.contains(r#"viewBox="0 0 4400 3040""#));
    }

    #[test]
    fn one_timeline_is_one_picture() {
        assert_eq!(draw(&timeline()).unwrap(), draw(&timeline()).unwrap());
    }

    #[test]
    fn order_of_measurements_does_not_matter() {
        let mut reversed = timeline();
        reversed.latency.reverse();
        reversed.memory.reverse();
        assert_eq!(draw(&timeline()).unwrap(), draw(&reversed).unwrap());
    }

    #[test]
    fn shortest_snapshot_is_visible() {
        let mut short = timeline();
        short.snapshot_ms = 2000.0..2000.001;
        assert_shows(&short, &["snapshot, 1 \u{b5}s"]);
        let time = Axis::exact(0.0..4.0, 8.0, number);
        assert_eq!(columns(&time, &short.snapshot_ms).len(), 8);
    }

    #[test]
    fn nothing_measured_is_said() {
        let mut empty = timeline();
        empty.latency.clear();
        empty.memory.clear();
        empty.end_ms = 0.0;
        empty.snapshot_ms = 0.0..0.0;
        assert_shows(
            &empty,
            &["no writes were measured", "memory was not measured"],
        );
        assert!(!draw(&empty).unwrap().contains("snapshot"));
    }

    #[test]
    fn single_measurements_are_dots() {
        let mut single = timeline();
        single.latency.truncate(1);
        single.memory.truncate(1);
        assert_shows(&single, &["p50", "process", "slowest write: 90 \u{b5}s"]);
        assert_eq!(draw(&single).unwrap().matches("<circle ").count(), 7);
    }

    #[test]
    fn numbers_that_are_none_are_left_out() {
        let mut odd = timeline();
        for (at, value) in [(3, f64::NAN), (50, f64::INFINITY), (199, f64::NEG_INFINITY)] {
            odd.latency[at].p99_us = value;
            odd.memory[at].at_ms = value;
        }
        odd.latency[7].at_ms = -1.0;
        odd.end_ms = f64::NAN;
        assert_shows(&odd, &["p99", "process"]);
        assert_eq!((odd.steps().len(), odd.samples().len()), (196, 197));
        odd.snapshot_ms = f64::NAN..f64::INFINITY;
        assert_shows(&odd, &["p99", "process"]);
    }

    #[test]
    fn latency_of_zero_stands_at_the_bottom() {
        let mut zero = timeline();
        for step in &mut zero.latency {
            *step = LatencyStep {
                writes_per_s: 0.0,
                p50_us: 0.0,
                ..*step
            };
            step.p99_us = 0.0;
            step.p999_us = 0.0;
            step.max_us = 0.0;
        }
        assert_shows(
            &zero,
            &[
                "p50",
                "slowest write: 0 ns during the snapshot, 0 ns otherwise",
            ],
        );
    }

    #[test]
    fn single_latency_of_zero_does_not_stretch_the_scale() {
        let mut zero = timeline();
        zero.latency[9].p50_us = 0.0;
        assert_shows(&zero, &["p50", "10 \u{b5}s"]);
        assert!(!draw(&zero).unwrap().contains(" ns\n"));
    }

    #[test]
    fn one_slow_write_is_named_on_its_side_of_the_snapshot() {
        let mut spike = timeline();
        spike.latency[150].max_us = 20_000.0;
        let remark = "slowest write: 90 \u{b5}s during the snapshot, 20 ms otherwise";
        assert_shows(&spike, &[remark, "10 ms"]);
        spike.latency[80].max_us = 30_000.0;
        assert_shows(
            &spike,
            &["slowest write: 30 ms during the snapshot, 20 ms otherwise"],
        );
    }

    #[test]
    fn budget_is_a_line_only_where_it_fits() {
        let mut timeline = timeline();
        assert_shows(
            &timeline,
            &["the snapshot held at most 16 MiB of its budget of 64 MiB"],
        );
        timeline.budget_bytes = 112 << 20;
        let far = "16 MiB of its budget of 112 MiB, far above this scale";
        assert_shows(&timeline, &[&format!("the snapshot held at most {far}")]);
        assert!(!draw(&timeline).unwrap().contains("\nbudget\n"));
        timeline.budget_bytes = 0;
        assert_shows(&timeline, &["the snapshot held at most 16 MiB"]);
    }

    #[test]
    fn memory_that_does_not_grow_is_drawn_on_zero() {
        let mut flat = timeline();
        for sample in &mut flat.memory {
            *sample = MemorySample {
                resident_bytes: 1 << 30,
                in_flight_bytes: 0,
                ..*sample
            };
        }
        assert_shows(&flat, &["process", "0.5", "1"]);
    }

    #[test]
    fn memory_that_shrinks_is_drawn_below_zero() {
        let mut shrunk = timeline();
        shrunk.memory[199].resident_bytes = 280 << 20;
        assert_shows(&shrunk, &["process", "\u{2212}50"]);
    }

    #[test]
    fn markup_in_the_title_stays_text() {
        let mut timeline = timeline();
        timeline.title = "<b> & \"c\"".to_owned();
        assert_shows(&timeline, &["&lt;b&gt; &amp; &quot;c&quot;"]);
    }
}
