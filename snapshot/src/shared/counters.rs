//! What has been written so far, counted.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Shared;
use crate::blob::Tally;
use crate::cut::CutSizes;
use crate::events;
use crate::progress::Progress;
use crate::sync::now;

/// Statistics: all accesses to them are Relaxed, and no model of them is needed.
#[derive(Debug, Default)]
pub(super) struct Counters {
    keys_total: AtomicU64,
    buckets_total: AtomicU64,
    keys: AtomicU64,
    bytes: AtomicU64,
    buckets_by_traversal: AtomicU64,
    buckets_by_writes: AtomicU64,
    riders: AtomicU64,
    rider_bytes: AtomicU64,
    changes: AtomicU64,
}

impl Shared {
    /// A snapshot of all this begins. Streams never do.
    pub(crate) fn begin(&self, sizes: &CutSizes) {
        let (keys, counters) = (sizes.total(), &self.counters);
        counters.keys_total.store(keys, Ordering::Relaxed);
        counters
            .buckets_total
            .store(sizes.buckets, Ordering::Relaxed);
        self.state.lock().has_begun = true;
        events::begun(keys);
    }

    /// Counts what was written.
    pub(crate) fn count(&self, tally: &Tally) {
        let add = |counter: &AtomicU64, more: u64| {
            counter.fetch_add(more, Ordering::Relaxed);
        };
        let counters = &self.counters;
        add(&counters.keys, tally.types.total());
        add(&counters.buckets_by_traversal, tally.buckets_by_traversal);
        add(&counters.buckets_by_writes, tally.buckets_by_writes);
        add(&counters.riders, tally.riders);
        add(&counters.rider_bytes, tally.rider_bytes);
        add(&counters.changes, tally.changes);
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Changes written, of those that streams tell.
    pub(crate) fn changes(&self) -> u64 {
        self.counters.changes.load(Ordering::Relaxed)
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        let (used, high_water) = self.budget_bytes();
        let (phase, ended) = {
            let state = self.state.lock();
            (state.phase, state.ended)
        };
        let copied = self.ledger.copied();
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        Progress {
            phase,
            keys_done: get(&counters.keys),
            keys_total: get(&counters.keys_total),
            buckets_total: get(&counters.buckets_total),
            bytes: get(&counters.bytes),
            buckets_by_traversal: get(&counters.buckets_by_traversal),
            buckets_by_writes: get(&counters.buckets_by_writes),
            riders: get(&counters.riders),
            rider_bytes: get(&counters.rider_bytes),
            budget_bytes_used: used,
            budget_bytes_high_water: high_water,
            copied_bytes: copied.bytes,
            copied_bytes_high_water: copied.high_water_bytes,
            elapsed: ended
                .unwrap_or_else(now)
                .saturating_duration_since(self.started),
        }
    }
}
