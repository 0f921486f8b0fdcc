//! The cut of a shard set: one producer on every shard, opened at one logical moment.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use shard_runtime::{Shard, ShardSet};

use crate::error::SnapshotError;
use crate::keyspace::Store;
use crate::producer::{Producer, ProducerParts};
#[cfg(planted)]
use crate::sync;
use crate::sync::now;
use crate::traversal::Traversal;

/// How many keys every database had at the cut, and how many buckets there were, on one shard or
/// on several.
#[derive(Debug, Default)]
pub(crate) struct CutSizes {
    pub(crate) keys: BTreeMap<u32, u64>,
    /// Of all databases together, empty ones too.
    pub(crate) buckets: u64,
}

impl CutSizes {
    /// Keys of all databases.
    pub(crate) fn total(&self) -> u64 {
        self.keys.values().sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (&number, keys) in &other.keys {
            *self.keys.entry(number).or_default() += keys;
        }
        self.buckets += other.buckets;
    }
}

/// What became of one shard at the cut.
#[derive(Debug)]
pub(crate) struct OpenedShard {
    pub(crate) sizes: CutSizes,
    /// How long the shard was stopped.
    pub(crate) pause: Duration,
}

/// Opens a producer on every shard in one atomic cut, and starts the traversals; what each shard
/// held, and how long it stood still.
pub(crate) fn open<S: Store>(
    shards: &ShardSet<S>,
    parts: ProducerParts,
    deadline: Duration,
) -> Result<Vec<OpenedShard>, SnapshotError> {
    let opened = shards.cut(deadline, move |shard| open_shard(shard, &parts));
    opened.map_err(|source| SnapshotError::Cut { source })
}

/// As [`open`], but each shard is cut at a moment of its own.
#[cfg(planted)]
pub(crate) fn open_shard_by_shard<S: Store>(
    shards: &ShardSet<S>,
    parts: &ProducerParts,
) -> Result<Vec<OpenedShard>, SnapshotError> {
    let mut all = Vec::new();
    for index in 0..shards.len() {
        let parts = parts.clone();
        let opened = shards.call(index, move |shard| open_shard(shard, &parts));
        all.push(opened.map_err(|source| SnapshotError::Cut { source })?);
        sync::sleep(Duration::from_micros(200));
    }
    Ok(all)
}

/// The part of the cut that each shard runs.
fn open_shard<S: Store>(shard: &mut Shard<S>, parts: &ProducerParts) -> OpenedShard {
    let since = now();
    let producer = Rc::new(RefCell::new(Producer::new(parts, shard.index())));
    shard.state().on_cut();
    let keyspace = shard.state().keyspace();
    let cuts = keyspace.open(&producer);
    let mut sizes = CutSizes::default();
    for (number, table) in keyspace.databases() {
        sizes.keys.insert(number, table.len() as u64);
        sizes.buckets += table.segment_bucket_count() as u64;
    }
    shard.spawn(Traversal::new(producer, cuts));
    OpenedShard {
        sizes,
        pause: now().saturating_duration_since(since),
    }
}
