//! What a shard counts of what its commands do.

/// Counts of one shard, since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Changes since the cut of the last snapshot that was saved.
    pub(crate) changes: u64,
    /// What `changes` was at the last cut.
    pub(crate) changes_at_cut: u64,
    /// Keys removed because their time had come.
    pub(crate) expired: u64,
    /// Reads that found their key.
    pub(crate) hits: u64,
    /// Reads that did not.
    pub(crate) misses: u64,
}

impl Tally {
    /// Adds the counts of another shard.
    pub(crate) fn add(&mut self, other: &Self) {
        self.changes += other.changes;
        self.changes_at_cut += other.changes_at_cut;
        self.expired += other.expired;
        self.hits += other.hits;
        self.misses += other.misses;
    }
}
