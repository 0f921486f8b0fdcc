//! How a store is opened, and a transaction begun.

use std::time::Duration;

use crate::error::StoreError;
use crate::instance::ReplicaId;

/// How a [`Store`](crate::Store) is opened.
///
/// # Example
///
/// ```
/// use epaxos_store::{Options, ReplicaId};
///
/// let options = Options { value_bytes_max: 1 << 20, ..Options::new(ReplicaId(1)) };
/// assert_eq!(options.retention.as_secs(), 2 * 60 * 60);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Options {
    /// The replica that the store belongs to, which it remembers.
    pub replica: ReplicaId,
    /// What to do when there is no store at the path.
    pub missing: Missing,
    /// What to do with a write-ahead log that is damaged before its end.
    pub recovery: Recovery,
    /// The longest key of a record, in bytes: 8 MB unless told otherwise.
    pub key_bytes_max: u64,
    /// The longest value of a record, and the longest instance as it is stored, in bytes: 3 GB
    /// unless told otherwise. RocksDB itself takes less than 4 GiB.
    pub value_bytes_max: u64,
    /// How long an executed instance of this replica is kept for others: 2 h.
    pub retention: Duration,
    /// The most that the store's own clock advances in one [tick](crate::Store::gc_tick), so that
    /// a leap of the system's does not age what is young: 10 min.
    pub clock_step_max: Duration,
    /// The most instances that one tick deletes: 1 M.
    pub purge_instances_max: u64,
    /// Memory of a column family before it is written to a file, in bytes: 64 MiB.
    pub write_buffer_bytes: usize,
    /// Memory for blocks that were read, in bytes: 128 MiB.
    pub cache_bytes: usize,
}

impl Options {
    /// The defaults, for `replica`.
    pub fn new(replica: ReplicaId) -> Self {
        Self {
            replica,
            missing: Missing::Create,
            recovery: Recovery::Exact,
            key_bytes_max: 8 << 20,
            value_bytes_max: 3 << 30,
            retention: Duration::from_hours(2),
            clock_step_max: Duration::from_mins(10),
            purge_instances_max: 1_000_000,
            write_buffer_bytes: 64 << 20,
            cache_bytes: 128 << 20,
        }
    }

    pub(crate) fn check_key(&self, key: &[u8]) -> Result<(), StoreError> {
        let bytes_max = self.key_bytes_max;
        match key.len() as u64 {
            bytes if bytes > bytes_max => Err(StoreError::KeyTooLarge { bytes, bytes_max }),
            _ => Ok(()),
        }
    }

    pub(crate) fn check_value(&self, bytes: usize) -> Result<(), StoreError> {
        let bytes_max = self.value_bytes_max;
        match bytes as u64 {
            bytes if bytes > bytes_max => Err(StoreError::ValueTooLarge { bytes, bytes_max }),
            _ => Ok(()),
        }
    }
}

/// What to do when there is no store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Missing {
    /// Make an empty one.
    Create,
    /// Refuse with [`StoreError::NoStore`](crate::StoreError::NoStore).
    Refuse,
}

/// What to do with a write-ahead log that is damaged before its end.
///
/// A torn end is normal after a crash, and cut off either way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Recovery {
    /// Refuse to open: acknowledged transactions would be lost.
    Exact,
    /// Keep what stands before the damage, and mark the store as a
    /// [learner](crate::Store::is_learner), since it may have forgotten promises.
    Salvage,
}

/// When a commit is acknowledged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Durability {
    /// Once it is on disk. Commits of several threads share their syncs.
    #[default]
    Sync,
    /// Once the system has it: it survives the process, not a power cut. Commits are durable in
    /// their order: none is lost before a later one. For what the log can replay.
    Buffered,
}

/// What a transaction sees of the commits of others.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Isolation {
    /// Each read sees the latest commit.
    #[default]
    Latest,
    /// Reads see the state at its begin, and locking a key that changed since is a
    /// [conflict](crate::StoreError::Conflict).
    Snapshot,
}

/// How a transaction is begun.
///
/// # Example
///
/// ```
/// use epaxos_store::{Durability, TxnOptions};
///
/// let replayable = TxnOptions { durability: Durability::Buffered, ..TxnOptions::default() };
/// assert_eq!(replayable.lock_timeout.as_secs(), 1);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TxnOptions {
    /// When its commit is acknowledged. RocksDB wants to know at the begin.
    pub durability: Durability,
    /// What it sees of others.
    pub isolation: Isolation,
    /// How long it waits for a lock before [`StoreError::LockTimeout`]: 1 s; in milliseconds, at
    /// most 24 days. A circle of waiting transactions is found out at once.
    ///
    /// [`StoreError::LockTimeout`]: crate::StoreError::LockTimeout
    pub lock_timeout: Duration,
    /// How long it may be open before others may take its locks and it can no longer commit.
    pub expiration: Option<Duration>,
    /// How often [`Store::transact`](crate::Store::transact) begins anew after a conflict, a
    /// deadlock or a timeout: 10.
    pub retries_max: u32,
}

impl Default for TxnOptions {
    fn default() -> Self {
        Self {
            durability: Durability::Sync,
            isolation: Isolation::Latest,
            lock_timeout: Duration::from_secs(1),
            expiration: None,
            retries_max: 10,
        }
    }
}

impl TxnOptions {
    /// The defaults, with commits acknowledged before they are on disk.
    pub fn buffered() -> Self {
        Self {
            durability: Durability::Buffered,
            ..Self::default()
        }
    }
}
