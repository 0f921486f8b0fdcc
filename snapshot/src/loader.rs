//! What one reader feeds to the shards: entries in batches, each to the shard of its key.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use shard_runtime::{Shard, ShardSet};

use crate::error::LoadError;
use crate::key::{Key, shard_hash};
use crate::keyspace::{Owner, Store};
use crate::load::{LoadReport, Rules};
use crate::sync::Mutex;
use crate::value::Value;

/// Entries that travel to a shard together.
const BATCH_ENTRIES: usize = 256;

/// A batch also travels when its values weigh this many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// An entry, and where in its file it stood.
pub(crate) struct Loaded<V> {
    pub(crate) key: Key,
    pub(crate) value: V,
    pub(crate) offset: u64,
}

/// Entries of one database on their way to one shard.
struct Batch<V> {
    entries: Vec<Loaded<V>>,
    weight_bytes: usize,
}

impl<V> Batch<V> {
    fn new() -> Self {
        Self {
            entries: Vec::new(),
            weight_bytes: 0,
        }
    }
}

/// Batches of entries for every shard, which keep them apart until the load is over.
pub(crate) struct Loader<'a, S: Store> {
    shards: &'a ShardSet<S>,
    owner: Weak<Owner>,
    rules: Rules,
    pub(crate) database: u32,
    // The database that the batches are for; they are sent before it changes.
    batches_database: u32,
    batches: Vec<Batch<S::Value>>,
    // The first key that a shard found staged already.
    duplicate: Arc<Mutex<Option<LoadError>>>,
    // Set when another reader has failed, so that this one need not go on.
    stop: &'a AtomicBool,
    pub(crate) report: LoadReport,
}

impl<'a, S: Store> Loader<'a, S> {
    /// Of what `owner` loads.
    pub(crate) fn new(
        shards: &'a ShardSet<S>,
        owner: &Arc<Owner>,
        rules: Rules,
        stop: &'a AtomicBool,
    ) -> Self {
        Self {
            shards,
            owner: Arc::downgrade(owner),
            rules,
            database: 0,
            batches_database: 0,
            batches: (0..shards.len()).map(|_| Batch::new()).collect(),
            duplicate: Arc::new(Mutex::new(None)),
            stop,
            report: LoadReport::default(),
        }
    }

    pub(crate) fn push(&mut self, loaded: Loaded<S::Value>) -> Result<(), LoadError> {
        if self.rules.expired.drops(loaded.value.expire_at_ms()) {
            self.report.expired += 1;
            return Ok(());
        }
        if self.batches_database != self.database {
            self.send_all()?;
            self.batches_database = self.database;
            self.count_database(loaded.offset)?;
        }
        self.report.keys += 1;
        let shard = self.shards.shard_of(shard_hash(loaded.key.as_bytes()));
        let batch = &mut self.batches[shard];
        batch.weight_bytes += loaded.value.weight_bytes();
        batch.entries.push(loaded);
        if batch.entries.len() >= BATCH_ENTRIES || batch.weight_bytes >= BATCH_BYTES {
            self.send(shard)?;
        }
        Ok(())
    }

    /// Refuses a database beyond those that a store may have: each takes a table of its own.
    fn count_database(&mut self, offset: u64) -> Result<(), LoadError> {
        let number = self.database;
        let max = self.rules.databases_max;
        if number >= max {
            return Err(LoadError::Database {
                number,
                max,
                offset,
            });
        }
        Ok(())
    }

    /// Sends what is left, and waits until every shard has taken all of its entries, but not
    /// longer than `deadline`.
    pub(crate) fn finish(mut self, deadline: Duration) -> Result<LoadReport, LoadError> {
        self.send_all()?;
        self.shards.cut(deadline, |_| ())?;
        match self.duplicate.lock().take() {
            Some(error) => Err(error),
            None => Ok(self.report),
        }
    }

    fn send_all(&mut self) -> Result<(), LoadError> {
        (0..self.batches.len()).try_for_each(|shard| self.send(shard))
    }

    fn send(&mut self, shard: usize) -> Result<(), LoadError> {
        if self.batches[shard].entries.is_empty() {
            return Ok(());
        }
        let batch = std::mem::replace(&mut self.batches[shard], Batch::new());
        let number = self.batches_database;
        let duplicate = Arc::clone(&self.duplicate);
        let owner = Weak::clone(&self.owner);
        let take = move |shard: &mut Shard<S>| {
            let Some(staged) = shard.state().keyspace().staged(&owner) else {
                return;
            };
            let table = staged.database(number);
            for Loaded { key, value, offset } in batch.entries {
                // A copy of a short key is cheaper than a second look into the table.
                if table.insert(key.clone(), value).is_some() {
                    let error = LoadError::DuplicateKey {
                        database: number,
                        key,
                        offset,
                    };
                    duplicate.lock().get_or_insert(error);
                    return;
                }
            }
        };
        // Waits for room also where others are refused: a load has nowhere else to go.
        let sent = self.shards.send_within(shard, Duration::MAX, take);
        sent.map_err(|not_sent| not_sent.error)?;
        if let Some(error) = self.duplicate.lock().take() {
            return Err(error);
        }
        // Relaxed: a hint, which may come late.
        if self.stop.load(Ordering::Relaxed) {
            return Err(LoadError::Stopped);
        }
        Ok(())
    }
}
