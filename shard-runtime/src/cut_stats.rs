//! How long cuts stop shards.

use crate::sync::Mutex;
use std::time::Duration;

/// What [`ShardSet::cut`](crate::ShardSet::cut) and transactions have cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CutStats {
    /// Cuts that happened.
    pub cuts: u64,
    /// The longest that any shard was stopped by the last cut: from its arrival, over its wait for
    /// the others, to the end of the closure.
    pub last_pause: Duration,
    /// The longest that any shard was ever stopped by a cut.
    pub longest_pause: Duration,
    /// Transactions and exchanges that happened.
    pub transactions: u64,
}

/// Where the figures of a set are kept.
#[derive(Debug)]
pub(crate) struct Pauses(Mutex<CutStats>);

impl Pauses {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(CutStats::default()))
    }

    /// Counts a cut that stopped its shards for so long each.
    pub(crate) fn count_cut(&self, pauses: &[Duration]) {
        let longest = pauses.iter().max().copied().unwrap_or_default();
        let mut stats = self.0.lock();
        stats.cuts += 1;
        stats.last_pause = longest;
        stats.longest_pause = stats.longest_pause.max(longest);
    }

    pub(crate) fn count_transaction(&self) {
        self.0.lock().transactions += 1;
    }

    pub(crate) fn stats(&self) -> CutStats {
        *self.0.lock()
    }
}
