//! How long cuts stop shards, and how long their callers wait for them.

use crate::sync::Mutex;
use std::time::Duration;

/// What [`ShardSet::cut`](crate::ShardSet::cut) and transactions have cost so far.
///
/// What they have cost each shard is in [`ShardStats`](crate::ShardStats).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CutStats {
    /// Cuts that happened.
    pub cuts: u64,
    /// The longest that any shard was stopped by the last cut: as long as the closure took on it.
    pub last_pause: Duration,
    /// The longest that any shard was ever stopped by a cut.
    pub longest_pause: Duration,
    /// How long the moment of the last cut was waited for, from the call on. Shards served on.
    pub last_wait: Duration,
    /// The longest that the moment of a cut was ever waited for.
    pub longest_wait: Duration,
    /// Transactions and exchanges that happened.
    pub transactions: u64,
}

/// Where the figures of a set are kept.
#[derive(Debug)]
pub(crate) struct CutCounts(Mutex<CutStats>);

impl CutCounts {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(CutStats::default()))
    }

    /// Counts a cut whose moment was waited for so long, and that stopped its shards for so long.
    pub(crate) fn count_cut(&self, wait: Duration, pauses: &[Duration]) {
        let longest = pauses.iter().max().copied().unwrap_or_default();
        let mut stats = self.0.lock();
        stats.cuts += 1;
        stats.last_pause = longest;
        stats.longest_pause = stats.longest_pause.max(longest);
        stats.last_wait = wait;
        stats.longest_wait = stats.longest_wait.max(wait);
    }

    pub(crate) fn count_transaction(&self) {
        self.0.lock().transactions += 1;
    }

    pub(crate) fn stats(&self) -> CutStats {
        *self.0.lock()
    }
}
