//! What a shard counts as it works.

use crate::durations::{DurationCounts, Durations};
use crate::sync::Gauge;
use std::time::Duration;

/// Counted by the shard's own thread only; read by any.
#[derive(Debug)]
pub(crate) struct Counters {
    messages: Gauge,
    task_slices: DurationCounts,
    cut_pauses: DurationCounts,
    transaction_pauses: DurationCounts,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self {
            messages: Gauge::new(),
            task_slices: DurationCounts::new(),
            cut_pauses: DurationCounts::new(),
            transaction_pauses: DurationCounts::new(),
        }
    }

    pub(crate) fn count_messages(&self, served: u64) {
        self.messages.add(served);
    }

    pub(crate) fn count_task_slice(&self, duration: Duration) {
        self.task_slices.count(duration);
    }

    pub(crate) fn count_cut(&self, pause: Duration) {
        self.cut_pauses.count(pause);
    }

    pub(crate) fn count_transaction(&self, pause: Duration) {
        self.transaction_pauses.count(pause);
    }

    pub(crate) fn messages(&self) -> u64 {
        self.messages.get()
    }

    pub(crate) fn task_slices(&self) -> Durations {
        self.task_slices.read()
    }

    pub(crate) fn cut_pauses(&self) -> Durations {
        self.cut_pauses.read()
    }

    pub(crate) fn transaction_pauses(&self) -> Durations {
        self.transaction_pauses.read()
    }
}
