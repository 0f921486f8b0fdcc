//! What a shard counts as it works.

use crate::durations::{DurationCounts, Durations};
use crate::sync::Gauge;
use std::time::Duration;

/// Counted by the shard's own thread only; read by any.
#[derive(Debug)]
pub(crate) struct Counters {
    messages: Gauge,
    task_slices: DurationCounts,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            messages: Gauge::new(),
            task_slices: DurationCounts::new(),
        }
    }

    pub(crate) fn count_messages(&self, served: u64) {
        self.messages.add(served);
    }

    pub(crate) fn count_task_slice(&self, duration: Duration) {
        self.task_slices.count(duration);
    }

    pub(crate) fn messages(&self) -> u64 {
        self.messages.get()
    }

    pub(crate) fn task_slices(&self) -> Durations {
        self.task_slices.read()
    }
}
