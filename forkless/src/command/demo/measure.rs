//! Measuring: how long each write took, how much memory there was when.

use std::ops::Range;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::command::demo::picture::{LatencyStep, MemorySample};
use crate::resident::resident_bytes;

/// How long one write took, by three clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) round_trip: Duration,
    pub(crate) on_shard: Duration,
    pub(crate) of_processor: Duration,
}

/// One write: when it was sent, and how long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    at_us: u32,
    round_trip_ns: u32,
    on_shard_ns: u32,
    of_processor_ns: u32,
}

impl Sample {
    pub(crate) fn new(at: Duration, took: Took) -> Self {
        // Saturates at 71 minutes and at 4 s: far beyond what a demo shows.
        let ns = |took: Duration| u32::try_from(took.as_nanos()).unwrap_or(u32::MAX);
        Self {
            at_us: u32::try_from(at.as_micros()).unwrap_or(u32::MAX),
            round_trip_ns: ns(took.round_trip),
            on_shard_ns: ns(took.on_shard),
            of_processor_ns: ns(took.of_processor),
        }
    }

    fn at_ms(&self) -> f64 {
        f64::from(self.at_us) / 1e3
    }
}

/// Latencies of the writes in one stretch of time, in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    pub(crate) writes: u64,
    pub(crate) writes_per_s: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    pub(crate) max_us: f64,
}

impl Latency {
    fn new(nanoseconds: impl Iterator<Item = u32>, seconds: f64) -> Self {
        let largest_ns = u64::from(u32::MAX);
        let Ok(mut histogram) = Histogram::<u64>::new_with_bounds(1, largest_ns, 3) else {
            unreachable!("the bounds and three digits are within what the crate allows");
        };
        nanoseconds.for_each(|ns| histogram.saturating_record(u64::from(ns)));
        let us = |quantile| to_f64(histogram.value_at_quantile(quantile)) / 1e3;
        Self {
            writes: histogram.len(),
            writes_per_s: to_f64(histogram.len()) / seconds.max(f64::EPSILON),
            p50_us: us(0.5),
            p99_us: us(0.99),
            p999_us: us(0.999),
            max_us: to_f64(histogram.max()) / 1e3,
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "writes": self.writes,
            "writes_per_s": self.writes_per_s,
            "p50": self.p50_us,
            "p99": self.p99_us,
            "p999": self.p999_us,
            "max": self.max_us,
        })
    }
}

/// Where a write's time is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// At the writer: from sending the write to knowing that it is applied.
    RoundTrip,
    /// On the shard: the write itself, hook and all.
    OnShard,
    /// The same, while the shard's thread had a core: what the write costs, however many others
    /// want the cores.
    Processor,
}

/// All writes of a run, in no order.
#[derive(Debug)]
pub(crate) struct Samples(pub(crate) Vec<Sample>);

impl Samples {
    /// Latencies of the writes sent within `range_ms`.
    pub(crate) fn latency(&self, clock: Clock, range_ms: &Range<f64>) -> Latency {
        let within = self
            .0
            .iter()
            .filter(|sample| range_ms.contains(&sample.at_ms()));
        let ns = within.map(|sample| match clock {
            Clock::RoundTrip => sample.round_trip_ns,
            Clock::OnShard => sample.on_shard_ns,
            Clock::Processor => sample.of_processor_ns,
        });
        Latency::new(ns, (range_ms.end - range_ms.start) / 1e3)
    }

    /// Round-trip latencies in `steps` equal steps up to `end_ms`; empty steps are left out.
    pub(crate) fn timeline(&self, end_ms: f64, steps: u32) -> Vec<LatencyStep> {
        let step_ms = end_ms / f64::from(steps);
        let mut by_step = vec![Vec::new(); steps as usize];
        for sample in &self.0 {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "times are not negative; the index is checked"
            )]
            let step = (sample.at_ms() / step_ms) as usize;
            if let Some(step) = by_step.get_mut(step) {
                step.push(sample.round_trip_ns);
            }
        }
        let steps = (0_u32..).zip(by_step).filter(|(_, step)| !step.is_empty());
        steps
            .map(|(index, step)| {
                let latency = Latency::new(step.into_iter(), step_ms / 1e3);
                LatencyStep {
                    at_ms: (f64::from(index) + 0.5) * step_ms,
                    writes_per_s: latency.writes_per_s,
                    p50_us: latency.p50_us,
                    p99_us: latency.p99_us,
                    p999_us: latency.p999_us,
                    max_us: latency.max_us,
                }
            })
            .collect()
    }
}

/// The memory of this process over a run.
#[derive(Debug)]
pub(crate) struct Memory {
    start: Instant,
    pub(crate) samples: Vec<MemorySample>,
}

impl Memory {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            samples: Vec::new(),
        }
    }

    /// Takes one sample; `in_flight_bytes` is what a snapshot has used of its budget.
    pub(crate) fn sample(&mut self, in_flight_bytes: usize) {
        let Some(resident_bytes) = resident_bytes() else {
            return;
        };
        self.samples.push(MemorySample {
            at_ms: self.start.elapsed().as_secs_f64() * 1e3,
            resident_bytes,
            in_flight_bytes: in_flight_bytes as u64,
        });
    }

    /// The most that the process grew within `range_ms`, in bytes, since the last sample
    /// before it.
    pub(crate) fn growth_bytes(&self, range_ms: &Range<f64>) -> u64 {
        let before = self
            .samples
            .iter()
            .rev()
            .find(|sample| sample.at_ms < range_ms.start);
        let within = self
            .samples
            .iter()
            .filter(|sample| range_ms.contains(&sample.at_ms));
        let peak = within.map(|sample| sample.resident_bytes).max();
        let base = before.map_or(0, |sample| sample.resident_bytes);
        peak.map_or(0, |peak| peak.saturating_sub(base))
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
pub(crate) fn to_f64(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at_ms: u64, round_trip_us: u64) -> Sample {
        let took = Took {
            round_trip: Duration::from_micros(round_trip_us),
            on_shard: Duration::from_micros(2),
            of_processor: Duration::from_micros(1),
        };
        Sample::new(Duration::from_millis(at_ms), took)
    }

    #[test]
    fn each_clock_has_its_own_time() {
        let samples = Samples(vec![sample(1, 3)]);
        let clocks = [Clock::RoundTrip, Clock::OnShard, Clock::Processor];
        for (clock, us) in clocks.into_iter().zip([3.0, 2.0, 1.0]) {
            let latency = samples.latency(clock, &(0.0..2.0));
            assert!((latency.max_us - us).abs() < 0.1, "{clock:?}: {latency:?}");
        }
    }

    #[test]
    fn latency_counts_what_was_sent_within_the_range() {
        let samples = Samples(vec![sample(1, 10), sample(5, 20), sample(9, 30)]);
        let latency = samples.latency(Clock::RoundTrip, &(2.0..9.0));
        assert_eq!(latency.writes, 1);
        assert!((latency.max_us - 20.0).abs() < 0.1, "{latency:?}");
        assert!(
            (latency.writes_per_s - 1000.0 / 7.0).abs() < 0.1,
            "{latency:?}"
        );
    }

    #[test]
    fn timeline_leaves_empty_steps_out() {
        let samples = Samples(vec![sample(1, 10), sample(9, 30)]);
        let steps = samples.timeline(10.0, 5);
        assert_eq!(steps.len(), 2);
        assert!((steps[0].at_ms - 1.0).abs() < 1e-9);
        assert!((steps[1].at_ms - 9.0).abs() < 1e-9);
    }

    #[test]
    fn growth_is_measured_from_before_the_range() {
        let at = |at_ms, resident_bytes| MemorySample {
            at_ms,
            resident_bytes,
            in_flight_bytes: 0,
        };
        let mut memory = Memory::new(Instant::now());
        memory.samples = vec![at(1.0, 100), at(2.0, 150), at(3.0, 130), at(4.0, 500)];
        assert_eq!(memory.growth_bytes(&(1.5..3.5)), 50);
    }
}
