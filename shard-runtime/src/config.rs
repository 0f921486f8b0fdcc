//! What a shard set is started with.

use crate::dispatch::WhenFull;
use crate::error::ShardError;
use crate::topology::Pinning;
use std::time::Duration;

/// How to start a [`ShardSet`](crate::ShardSet).
///
/// ```
/// use shard_runtime::ShardSetConfig;
///
/// let config = ShardSetConfig { shards: 4, ..ShardSetConfig::default() };
/// assert_eq!(config.mailbox_messages, 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSetConfig {
    /// How many shards, each with a thread. Default 1.
    pub shards: usize,
    /// Messages that may wait in one mailbox before senders wait too. As many again may have been
    /// taken out by the shard and wait to be served. Default 1024.
    pub mailbox_messages: usize,
    /// What senders do if a mailbox is full. Default [`WhenFull::Wait`].
    pub when_full: WhenFull,
    /// Whether threads are bound to cores. Default [`Pinning::Never`].
    pub pin: Pinning,
    /// How long tasks work, at most, before messages have their turn. Default 50 µs.
    pub task_slice: Duration,
    /// Of each hundred parts of a shard's time, how many are for tasks while both messages and
    /// tasks wait, 1 to 99; what one side leaves, the other gets. Default 20.
    ///
    /// Kept over turns: a closure or a step that takes longer than its turn is made up for, as
    /// far as 16 slices.
    pub task_share_percent: u8,
    /// Threads are named after it: `name-0`, `name-1`, … Default `shard`.
    ///
    /// Linux shows the first 15 bytes.
    pub name: String,
    /// Stack of each thread in bytes; `None` for the default of the standard library.
    pub stack_bytes: Option<usize>,
}

impl Default for ShardSetConfig {
    fn default() -> Self {
        Self {
            shards: 1,
            mailbox_messages: 1024,
            when_full: WhenFull::default(),
            pin: Pinning::default(),
            task_slice: Duration::from_micros(50),
            task_share_percent: 20,
            name: "shard".to_owned(),
            stack_bytes: None,
        }
    }
}

impl ShardSetConfig {
    pub(crate) fn check(&self) -> Result<(), ShardError> {
        for (field, value) in [
            ("shards", self.shards),
            ("mailbox_messages", self.mailbox_messages),
        ] {
            if value == 0 {
                return Err(ShardError::ZeroConfig { field });
            }
        }
        let percent = self.task_share_percent;
        if !(1..=99).contains(&percent) {
            return Err(ShardError::TaskShare { percent });
        }
        Ok(())
    }
}
