//! The panel of memory: by how much the process grew, and what the snapshot held of its budget.

use super::axis::{Axis, number};
use super::panel::{EndLabel, Panel};
use super::sheet::{DARK_AMBER, DARK_BLUE, Frame, LIGHT_AMBER, PictureError, Sheet};
use super::timeline::{MemorySample, Timeline, seconds};

/// A budget this many times larger than all else would leave too little to see of the rest.
const BUDGET_SHARE_MAX: f64 = 6.0;

/// Draws the growth of the process since its first sample, and what the snapshot held, in MiB.
pub(crate) fn draw_memory(
    sheet: &Sheet<'_>,
    frame: Frame,
    time: &Axis,
    timeline: &Timeline,
) -> Result<(), PictureError> {
    let samples = timeline.samples();
    let base = samples
        .first()
        .map_or(0.0, |sample| mib(sample.resident_bytes));
    let grown = curve(&samples, |sample| mib(sample.resident_bytes) - base);
    let in_flight = curve(&samples, |sample| mib(sample.in_flight_bytes));
    let budget = mib(timeline.budget_bytes);

    let least = grown.iter().map(|point| point.1).fold(0.0, f64::min);
    let most = grown
        .iter()
        .chain(&in_flight)
        .map(|point| point.1)
        .fold(1.0, f64::max);
    let budget_fits = budget > 0.0 && budget <= most.max(-least) * BUDGET_SHARE_MAX;
    let shown_budget = budget_fits.then_some(budget);
    let high = most.max(shown_budget.unwrap_or(0.0));
    let panel = Panel::new(sheet, frame, time, Axis::rounded(least..high, 4.0, number))?;

    panel.head(
        "Memory growth, MiB",
        &held_at_most(timeline, &in_flight, shown_budget),
    )?;
    let (Some(last_grown), Some(last_held)) = (grown.last(), in_flight.last()) else {
        return panel.empty("memory was not measured");
    };
    panel.fill(&in_flight, LIGHT_AMBER)?;
    panel.line(&in_flight, DARK_AMBER, 5)?;
    panel.line(&grown, DARK_BLUE, 7)?;
    let mut labels = vec![
        EndLabel::new(last_grown.1, "process", DARK_BLUE),
        EndLabel::new(last_held.1, "snapshot", DARK_AMBER),
    ];
    if let Some(budget) = shown_budget {
        panel.limit(time, budget)?;
        labels.push(EndLabel::new(budget, "budget", DARK_AMBER));
    }
    panel.name(labels)
}

/// How much the snapshot held at most, of which budget, and whether the panel shows that budget.
fn held_at_most(
    timeline: &Timeline,
    in_flight: &[(f64, f64)],
    shown_budget: Option<f64>,
) -> String {
    let held = in_flight.iter().map(|point| point.1).reduce(f64::max);
    let (Some(held), Some(_)) = (held, timeline.snapshot()) else {
        return String::new();
    };
    let budget = number(mib(timeline.budget_bytes));
    let limit = match (timeline.budget_bytes, shown_budget) {
        (0, _) => String::new(),
        (_, Some(_)) => format!(" of its budget of {budget} MiB"),
        (_, None) => format!(" of its budget of {budget} MiB, far above this scale"),
    };
    format!("the snapshot held at most {} MiB{limit}", number(held))
}

fn curve(samples: &[MemorySample], value: impl Fn(&MemorySample) -> f64) -> Vec<(f64, f64)> {
    samples
        .iter()
        .map(|sample| (seconds(sample.at_ms), value(sample)))
        .collect()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no picture shows the sixteenth digit"
)]
fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
