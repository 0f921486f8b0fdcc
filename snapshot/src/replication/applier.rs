//! Records of one stream, to the shards of the replica.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use shard_runtime::{Shard, ShardSet};

use super::error::ReplicationError;
use crate::key::{Key, shard_hash};
use crate::keyspace::{Applied, Keyspace, Owner, Store};
use crate::stream::Record;
use crate::sync::Mutex;
use crate::value::FromRdb;

/// A batch with so many records travels.
const BATCH_RECORDS: usize = 512;

/// After so many bytes the shards are waited for, so that no more than this is on its way.
const UNCONFIRMED_BYTES_MAX: usize = 4 << 20;

/// What the appliers of all streams share.
#[derive(Debug)]
pub(super) struct Filling {
    /// Whose the keys are that are not shown yet.
    pub(super) owner: Arc<Owner>,
    /// Whether they are shown.
    pub(super) committed: AtomicBool,
    /// Whether a shard could not apply a record: what it has is no base to go on from.
    pub(super) failed: AtomicBool,
    /// The first record that a shard could not apply.
    failure: Arc<Mutex<Option<ReplicationError>>>,
    pub(super) records: Arc<AtomicU64>,
    pub(super) bytes: Arc<AtomicU64>,
}

impl Filling {
    pub(super) fn new(records: &Arc<AtomicU64>, bytes: &Arc<AtomicU64>) -> Self {
        Self {
            owner: Arc::new(Owner),
            committed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            failure: Arc::default(),
            records: Arc::clone(records),
            bytes: Arc::clone(bytes),
        }
    }

    pub(super) fn take_failure(&self) -> Option<ReplicationError> {
        let failure = self.failure.lock().take();
        // Relaxed: read when all who write it are gone.
        self.failed.fetch_or(failure.is_some(), Ordering::Relaxed);
        failure
    }
}

/// Takes the records of one stream to the shards that they belong to, in order.
pub(super) struct Applier<'a, S: Store> {
    shards: &'a ShardSet<S>,
    filling: &'a Filling,
    batches: Vec<Vec<Record>>,
    // Sent since the shards were waited for last.
    unconfirmed_bytes: usize,
}

impl<'a, S> Applier<'a, S>
where
    S: Store<Value: FromRdb>,
{
    pub(super) fn new(shards: &'a ShardSet<S>, filling: &'a Filling) -> Self {
        let mut batches = Vec::new();
        batches.resize_with(shards.len(), Vec::new);
        Self {
            shards,
            filling,
            batches,
            unconfirmed_bytes: 0,
        }
    }

    /// Adds a record; it is sent with others.
    pub(super) fn add(&mut self, record: Record) -> Result<(), ReplicationError> {
        let shard = self.shards.shard_of(shard_hash(record.key()));
        self.batches[shard].push(record);
        if self.batches[shard].len() >= BATCH_RECORDS {
            self.send(shard)?;
        }
        Ok(())
    }

    /// A frame of so many bytes has been added: sends what is left of it.
    pub(super) fn end_frame(&mut self, bytes: usize) -> Result<(), ReplicationError> {
        for shard in 0..self.batches.len() {
            self.send(shard)?;
        }
        // Relaxed: statistics.
        self.filling
            .bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
        self.unconfirmed_bytes += bytes;
        if self.unconfirmed_bytes > UNCONFIRMED_BYTES_MAX {
            self.confirm()?;
        }
        Ok(())
    }

    /// Waits until the shards have taken all that was sent.
    pub(super) fn confirm(&mut self) -> Result<(), ReplicationError> {
        self.unconfirmed_bytes = 0;
        for shard in 0..self.shards.len() {
            self.shards.call(shard, |_| ())?;
        }
        match self.filling.take_failure() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn send(&mut self, shard: usize) -> Result<(), ReplicationError> {
        if self.batches[shard].is_empty() {
            return Ok(());
        }
        let records = std::mem::take(&mut self.batches[shard]);
        let count = records.len() as u64;
        self.filling.records.fetch_add(count, Ordering::Relaxed);
        let delivery = Delivery {
            records,
            // Acquire: pairs with the Release of who committed, who this reader has met.
            owner: (!self.filling.committed.load(Ordering::Acquire))
                .then(|| Arc::downgrade(&self.filling.owner)),
            failure: Arc::clone(&self.filling.failure),
        };
        let take = move |shard: &mut Shard<S>| delivery.take(shard);
        // Waits for room also where others are refused: a replica has nowhere else to go.
        let sent = self.shards.send_within(shard, Duration::MAX, take);
        sent.map_err(|not_sent| ReplicationError::Shard(not_sent.error))
    }
}

/// Records for one shard.
struct Delivery {
    records: Vec<Record>,
    /// Whose what is not shown yet is; `None` to change what is shown.
    owner: Option<Weak<Owner>>,
    failure: Arc<Mutex<Option<ReplicationError>>>,
}

impl Delivery {
    fn take<S>(self, shard: &mut Shard<S>)
    where
        S: Store<Value: FromRdb>,
    {
        let state = shard.state();
        let keyspace = match &self.owner {
            None => state.keyspace(),
            // Another filling has begun since.
            Some(owner) => match state.keyspace().staged(owner) {
                Some(staged) => staged,
                None => return,
            },
        };
        let mut applied = Applied::default();
        let mut records = self.records.into_iter();
        let failed = records.try_for_each(|record| apply(keyspace, record, &mut applied));
        match &self.owner {
            None => state.on_applied(&applied),
            Some(owner) => state.keyspace().count_staged(owner, &applied),
        }
        if let Err(error) = failed {
            self.failure.lock().get_or_insert(error);
        }
    }
}

/// Changes a key as a record says.
fn apply<V: FromRdb>(
    keyspace: &mut Keyspace<V>,
    record: Record,
    applied: &mut Applied,
) -> Result<(), ReplicationError> {
    let table = keyspace.database(record.database());
    match record {
        Record::Set {
            database,
            key,
            value,
            expire_at_ms,
        } => {
            let key = Key::from(key.as_slice());
            let Ok(value) = V::from_rdb(value, expire_at_ms) else {
                return Err(ReplicationError::UnsupportedType { database, key });
            };
            let old = table.insert(key, value);
            applied.count(database, expires(old.as_ref()), expire_at_ms.is_some());
        }
        Record::Delete { database, key } => {
            let old = table.remove(key.as_slice());
            applied.count(database, expires(old.as_ref()), false);
        }
        Record::Delta {
            database,
            key,
            delta,
        } => {
            let mut value = table.get_mut(key.as_slice());
            let did_expire = expires(value.as_deref());
            if !value
                .as_mut()
                .is_some_and(|value| value.apply_delta(&delta))
            {
                let key = Key::from(key.as_slice());
                return Err(ReplicationError::Diverged { database, key });
            }
            applied.count(database, did_expire, expires(value.as_deref()));
        }
    }
    Ok(())
}

fn expires<V: FromRdb>(value: Option<&V>) -> bool {
    value.is_some_and(|value| value.expire_at_ms().is_some())
}
