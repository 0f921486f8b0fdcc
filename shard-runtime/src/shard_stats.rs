//! What a shard has done, for whoever watches it.

use crate::durations::Durations;
use crate::runtime::ShardSet;
use std::time::Duration;

/// What one shard has done so far, and what waits for it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ShardStats {
    /// Closures that ran, those of cuts included.
    pub messages: u64,
    /// Closures that wait in the mailbox now. As many as one mailbox holds may have been taken
    /// out, and wait on the shard.
    pub waiting: usize,
    /// The most that have waited in the mailbox when the shard came to take them out.
    pub waiting_high_water: usize,
    /// Time since the set was started, or until the shard ended.
    pub lifetime: Duration,
    /// The part of it in which the shard had nothing to do.
    pub idle: Duration,
    /// How long tasks worked before messages had their turn.
    pub task_slices: Durations,
    /// How long the shard was stopped by each cut: as long as its part of it took.
    pub cut_pauses: Durations,
    /// How long the shard was stopped by each transaction or exchange that took place on several
    /// shards: from its arrival, over its wait for the others, to the end of its part.
    pub transaction_pauses: Durations,
}

impl ShardStats {
    /// The share of its lifetime that the shard was at work, from 0 to 1.
    ///
    /// Take two looks, and the differences of `lifetime` and `idle`, for the share between them.
    pub fn busy_share(&self) -> f64 {
        let lifetime = self.lifetime.as_secs_f64();
        if lifetime == 0.0 {
            return 0.0;
        }
        (lifetime - self.idle.as_secs_f64()).max(0.0) / lifetime
    }
}

impl<S: 'static> ShardSet<S> {
    /// What each shard has done, in shard order. For any thread, at any time, also after a panic.
    ///
    /// Each shard's mailbox is locked for a moment; counting costs a shard some plain stores.
    ///
    /// ```
    /// use shard_runtime::{ShardSet, ShardSetConfig};
    ///
    /// let shards = ShardSet::start(ShardSetConfig::default(), |_| 0)?;
    /// for _ in 0..10 {
    ///     shards.call(0, |shard| *shard.state() += 1)?;
    /// }
    /// let stats = &shards.stats()[0];
    /// assert!(stats.messages >= 9, "the last may be counted a moment later");
    /// assert!(stats.busy_share() <= 1.0);
    /// # Ok::<(), shard_runtime::ShardError>(())
    /// ```
    pub fn stats(&self) -> Vec<ShardStats> {
        self.mailboxes()
            .iter()
            .map(|mailbox| {
                let (traffic, counters) = (mailbox.traffic(), mailbox.counters());
                ShardStats {
                    messages: counters.messages(),
                    waiting: traffic.waiting,
                    waiting_high_water: traffic.waiting_high_water,
                    lifetime: traffic.lifetime,
                    idle: traffic.idle,
                    task_slices: counters.task_slices(),
                    cut_pauses: counters.cut_pauses(),
                    transaction_pauses: counters.transaction_pauses(),
                }
            })
            .collect()
    }
}
