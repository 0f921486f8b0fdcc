//! The panels of the writes: how long they took, and how many there were.

use super::axis::{Axis, duration, rate};
use super::panel::{EndLabel, Panel};
use super::sheet::{BLUE, DARK_BLUE, Frame, GREY, LIGHT_BLUE, PALE_BLUE, PictureError, Sheet};
use super::timeline::{LatencyStep, Timeline, seconds};

/// One of the latencies of a step, in microseconds.
type Quantile = fn(&LatencyStep) -> f64;

const NO_WRITES: &str = "no writes were measured";

/// Draws the latencies that writers felt, on a logarithmic scale; a missing step is a gap.
pub(crate) fn draw_latency(
    sheet: &Sheet<'_>,
    frame: Frame,
    time: &Axis,
    timeline: &Timeline,
) -> Result<(), PictureError> {
    let steps = timeline.steps();
    let fastest = steps
        .iter()
        .map(|step| step.p50_us)
        .filter(|us| *us > 0.0)
        .reduce(f64::min);
    let slowest = steps.iter().map(|step| step.max_us).reduce(f64::max);
    let range = fastest.unwrap_or(1.0)..slowest.unwrap_or(1000.0) * 1.15;
    let panel = Panel::new(sheet, frame, time, Axis::of_latencies(range))?;
    let step_ms = timeline.step_ms(&steps);
    panel.head(
        "Write latency, log scale",
        &slowest_writes(timeline, &steps, step_ms),
    )?;
    let Some(last) = steps.last() else {
        return panel.empty(NO_WRITES);
    };

    for step in &steps {
        panel.dot((seconds(step.at_ms), step.max_us), GREY, 7)?;
    }
    let p50: Quantile = |step| step.p50_us;
    let p99: Quantile = |step| step.p99_us;
    let p999: Quantile = |step| step.p999_us;
    for (value, color) in [(p50, LIGHT_BLUE), (p99, BLUE), (p999, DARK_BLUE)] {
        for run in runs(&steps, step_ms) {
            let points: Vec<_> = run
                .iter()
                .map(|step| (seconds(step.at_ms), value(step)))
                .collect();
            panel.line(&points, color, 7)?;
        }
    }
    panel.name(vec![
        EndLabel::new(last.max_us, "slowest", GREY),
        EndLabel::new(last.p999_us, "p99.9", DARK_BLUE),
        EndLabel::new(last.p99_us, "p99", BLUE),
        EndLabel::new(last.p50_us, "p50", LIGHT_BLUE),
    ])
}

/// Draws how many writes ended per second; none did in a missing step.
pub(crate) fn draw_writes(
    sheet: &Sheet<'_>,
    frame: Frame,
    time: &Axis,
    timeline: &Timeline,
) -> Result<(), PictureError> {
    let steps = timeline.steps();
    let most = steps
        .iter()
        .map(|step| step.writes_per_s)
        .fold(1.0, f64::max);
    let panel = Panel::new(sheet, frame, time, Axis::rounded(0.0..most, 4.0, rate))?;
    panel.head("Writes per second", "")?;
    if steps.is_empty() {
        return panel.empty(NO_WRITES);
    }
    let points = rates(&steps, timeline.step_ms(&steps));
    panel.fill(&points, PALE_BLUE)?;
    panel.line(&points, BLUE, 6)
}

/// The slowest write while the snapshot ran, and the slowest of all others.
fn slowest_writes(timeline: &Timeline, steps: &[LatencyStep], step_ms: f64) -> String {
    let (during, otherwise): (Vec<_>, Vec<_>) = steps.iter().partition(|step| {
        timeline.snapshot().is_some_and(|snapshot| {
            step.at_ms + step_ms / 2.0 > snapshot.start && step.at_ms - step_ms / 2.0 < snapshot.end
        })
    });
    let slowest = |steps: Vec<&LatencyStep>| {
        steps
            .iter()
            .map(|step| step.max_us)
            .reduce(f64::max)
            .map(duration)
    };
    match (slowest(during), slowest(otherwise)) {
        (Some(during), Some(otherwise)) => {
            format!("slowest write: {during} during the snapshot, {otherwise} otherwise")
        }
        (Some(during), None) => format!("slowest write: {during} during the snapshot"),
        (None, Some(otherwise)) => format!("slowest write: {otherwise}"),
        (None, None) => String::new(),
    }
}

/// Stretches of steps without a missing step between them.
fn runs(steps: &[LatencyStep], step_ms: f64) -> impl Iterator<Item = &[LatencyStep]> {
    steps.chunk_by(move |a, b| adjoin(a, b, step_ms))
}

fn adjoin(a: &LatencyStep, b: &LatencyStep, step_ms: f64) -> bool {
    b.at_ms - a.at_ms < step_ms * 1.5
}

/// The curve of writes per second; it is zero where steps are missing.
fn rates(steps: &[LatencyStep], step_ms: f64) -> Vec<(f64, f64)> {
    let point = |ms: f64, per_s: f64| (seconds(ms), per_s);
    let mut points: Vec<_> = steps
        .first()
        .map(|step| point(step.at_ms, step.writes_per_s))
        .into_iter()
        .collect();
    for [a, b] in steps.array_windows() {
        if !adjoin(a, b, step_ms) {
            let (end, start) = (a.at_ms + step_ms / 2.0, b.at_ms - step_ms / 2.0);
            points.extend([point(end, a.writes_per_s), point(end, 0.0)]);
            points.extend([point(start, 0.0), point(start, b.writes_per_s)]);
        }
        points.push(point(b.at_ms, b.writes_per_s));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_MS: f64 = 20.0;

    fn step(at_ms: f64) -> LatencyStep {
        LatencyStep {
            at_ms,
            writes_per_s: 5.0,
            p50_us: 1.0,
            p99_us: 2.0,
            p999_us: 3.0,
            max_us: 4.0,
        }
    }

    #[test]
    fn missing_steps_break_curves_and_count_as_no_writes() {
        let steps: Vec<_> = [10.0, 30.0, 50.0, 110.0, 130.0].map(step).into();
        let lengths: Vec<usize> = runs(&steps, STEP_MS).map(<[_]>::len).collect();
        assert_eq!(lengths, [3, 2]);
        let idle: Vec<f64> = rates(&steps, STEP_MS)
            .into_iter()
            .filter_map(|(seconds, per_s)| (per_s < 1.0).then_some(seconds))
            .collect();
        assert_eq!(idle, [0.06, 0.1]);
    }
}
