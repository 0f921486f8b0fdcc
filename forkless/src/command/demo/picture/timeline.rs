//! What a demo run measured, in the order of time.

use std::ops::Range;

/// What one picture shows. All times are milliseconds since the start of the picture.
///
/// Measurements need not be sorted. One with a time or a value that is not a finite number, or
/// from before the start, is left out of the picture.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// The line that names the run: how much data, how many shards, how many writers.
    pub(crate) title: String,
    /// The line that says what came of it.
    pub(crate) subtitle: String,
    /// From the cut of the snapshot to its end on disk; empty when none was taken.
    pub(crate) snapshot_ms: Range<f64>,
    /// The end of the run; later measurements move it.
    pub(crate) end_ms: f64,
    /// What writers felt, in steps of one length. A step without a write is missing.
    pub(crate) latency: Vec<LatencyStep>,
    /// What memory did.
    pub(crate) memory: Vec<MemorySample>,
    /// The most that the snapshot may hold, in bytes; 0 when it has no such limit.
    pub(crate) budget_bytes: u64,
}

/// The writes of one short step of time, of all writers together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LatencyStep {
    /// The middle of the step.
    pub(crate) at_ms: f64,
    /// How many writes ended in the step, over its length in seconds.
    pub(crate) writes_per_s: f64,
    /// The median latency, in microseconds.
    pub(crate) p50_us: f64,
    /// The latency that 1 % of the writes exceeded, in microseconds.
    pub(crate) p99_us: f64,
    /// The latency that 0.1 % of the writes exceeded, in microseconds.
    pub(crate) p999_us: f64,
    /// The latency of the slowest write, in microseconds.
    pub(crate) max_us: f64,
}

/// Memory at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemorySample {
    /// The moment.
    pub(crate) at_ms: f64,
    /// Resident memory of the whole process, in bytes.
    pub(crate) resident_bytes: u64,
    /// What the snapshot holds of its byte budget.
    pub(crate) in_flight_bytes: u64,
}

impl Timeline {
    /// The end of the picture: no measurement lies behind it, and it lies a
    /// microsecond or more behind the start.
    pub(crate) fn horizon_ms(&self) -> f64 {
        let steps = self.latency.iter().map(|step| step.at_ms);
        let samples = self.memory.iter().map(|sample| sample.at_ms);
        let end = [self.end_ms, self.snapshot_ms.end]
            .into_iter()
            .chain(steps)
            .chain(samples)
            .filter(|at_ms| at_ms.is_finite())
            .fold(0.0, f64::max);
        // Nothing shorter than a microsecond is worth a picture; an empty one shows a second.
        if end >= 1e-3 { end } else { 1e3 }
    }

    /// The snapshot, if it lasted at all.
    pub(crate) fn snapshot(&self) -> Option<Range<f64>> {
        let Range { start, end } = self.snapshot_ms;
        (start.is_finite() && end.is_finite() && end > start.max(0.0)).then(|| start.max(0.0)..end)
    }

    /// The steps that can be drawn, in order.
    pub(crate) fn steps(&self) -> Vec<LatencyStep> {
        let mut steps = self.latency.clone();
        steps.retain(LatencyStep::is_finite);
        steps.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
        steps
    }

    /// The samples that can be drawn, in order.
    pub(crate) fn samples(&self) -> Vec<MemorySample> {
        let mut samples = self.memory.clone();
        samples.retain(|sample| sample.at_ms.is_finite() && sample.at_ms >= 0.0);
        samples.sort_by(|a, b| a.at_ms.total_cmp(&b.at_ms));
        samples
    }

    /// The length of a step, in milliseconds: the median distance between neighbours of `steps`.
    pub(crate) fn step_ms(&self, steps: &[LatencyStep]) -> f64 {
        let mut distances: Vec<f64> = steps
            .array_windows()
            .map(|[a, b]| b.at_ms - a.at_ms)
            .filter(|ms| *ms > 0.0)
            .collect();
        distances.sort_by(f64::total_cmp);
        let median = distances.get(distances.len() / 2).copied();
        median.unwrap_or(self.horizon_ms() / 100.0)
    }
}

impl LatencyStep {
    fn is_finite(&self) -> bool {
        let values = [
            self.writes_per_s,
            self.p50_us,
            self.p99_us,
            self.p999_us,
            self.max_us,
        ];
        self.at_ms >= 0.0 && self.at_ms.is_finite() && values.into_iter().all(f64::is_finite)
    }
}

/// Milliseconds as the seconds that the picture shows.
pub(crate) fn seconds(ms: f64) -> f64 {
    ms / 1e3
}
