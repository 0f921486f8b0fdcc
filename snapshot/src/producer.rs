//! The producer: turns the buckets of one shard into blobs for one snapshot.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use dash_table::Bucket;
use rdb_format::{Compression, EncodeError, Encoder, Target};
use shard_runtime::{Sender, TrySendError};

use crate::blob::{BLOB_BYTES, BUFFER_BYTES, Blob, BlobPool};
use crate::copies::Account;
use crate::error::SnapshotError;
use crate::key::Key;
use crate::planted::Bug;
use crate::rider::{RIDER_BYTES, Rider};
use crate::shared::Shared;
use crate::sync::SHRINK;
use crate::value::Value;

/// A write that leaves more than this in a blob which finds no room waits for the sink: encoded
/// bytes and what riders keep alive, together.
const OVERFULL_BYTES: usize = BLOB_BYTES + (256 << 10) / SHRINK;

/// On whose behalf a bucket is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A write is about to change it. It cannot be put off, so it may have to wait.
    Write,
    /// The traversal has come to it. It made room before, and never waits.
    Traversal,
}

/// What a producer is made from, of one snapshot.
#[derive(Debug, Clone)]
pub(crate) struct ProducerParts {
    pub(crate) target: Target,
    pub(crate) compression: Compression,
    /// One for all shards, or one for each.
    pub(crate) senders: Vec<Sender<Blob>>,
    pub(crate) pool: BlobPool,
    pub(crate) when_spent: WhenSpent,
    pub(crate) shared: Arc<Shared>,
}

/// What a write does that must deliver a bucket when the whole budget is spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenSpent {
    /// It waits for the sink.
    #[default]
    Wait,
    /// It goes on at once, and the snapshot fails with
    /// [`BudgetSpent`](SnapshotError::BudgetSpent).
    Fail,
}

/// What one shard feeds to one snapshot: its own encoder, its own memory sink.
///
/// Both the traversal and the hook come through [`deliver`](Self::deliver), so an entry is
/// encoded by the same code whoever meets it first.
pub(crate) struct Producer {
    encoder: Encoder,
    // None once the shard has delivered everything, or the snapshot has failed.
    sender: Option<Sender<Blob>>,
    pool: BlobPool,
    blob: Blob,
    // Frozen values that have no place in the blob yet, in the order of their buckets.
    riders: VecDeque<Rider>,
    riders_load_bytes: usize,
    // What writes have delivered since the last blob was sealed, or what is left of it in riders.
    hurried_bytes: usize,
    // The database that an entry appended to `blob.bytes` would fall into.
    selected: Option<u32>,
    when_spent: WhenSpent,
    work_bytes: u64,
    shared: Arc<Shared>,
}

impl Producer {
    /// The producer of shard number `shard`.
    pub(crate) fn new(parts: &ProducerParts, shard: usize) -> Self {
        let senders = &parts.senders;
        Self {
            encoder: Encoder::new(parts.target, parts.compression),
            sender: Some(senders[shard % senders.len()].clone()),
            blob: parts.pool.blob(),
            pool: parts.pool.clone(),
            riders: VecDeque::new(),
            riders_load_bytes: 0,
            hurried_bytes: 0,
            selected: None,
            when_spent: parts.when_spent,
            work_bytes: 0,
            shared: Arc::clone(&parts.shared),
        }
    }

    /// Encodes the entries of `bucket`, and sends the blob when it is large enough; for a write,
    /// when it could take no more.
    ///
    /// A write waits for the sink when the byte budget of the channel is spent *and* the blob
    /// is overfull.
    pub(crate) fn deliver<V: Value>(
        &mut self,
        caller: Caller,
        database: u32,
        bucket: Bucket<'_, Key, V>,
    ) {
        if self.sender.is_none() {
            return;
        }
        let tally = &mut self.blob.tally;
        match caller {
            Caller::Write => tally.buckets_by_writes += 1,
            Caller::Traversal => tally.buckets_by_traversal += 1,
        }
        if caller == Caller::Write {
            // The traversal has asked for them already.
            ask_for_values(bucket);
        }
        let before = self.load_bytes();
        for (key, value) in bucket.iter() {
            if let Err(source) = self.append(database, key, value) {
                self.fail(SnapshotError::encode(database, key, source));
                return;
            }
        }
        if caller == Caller::Write {
            self.hurried_bytes += self.load_bytes() - before;
        }
        // What a write has filled the traversal sends, which takes longer than the write: sealing
        // the blob, waking the sink. Unless the buffer has no room for more.
        if caller == Caller::Write && self.load_bytes() <= BUFFER_BYTES {
            return;
        }
        if self.make_room(Waker::noop()) || caller == Caller::Traversal {
            return;
        }
        if self.load_bytes() > OVERFULL_BYTES {
            match self.when_spent {
                WhenSpent::Wait => self.send_and_wait(),
                WhenSpent::Fail => self.fail(SnapshotError::BudgetSpent),
            }
        }
    }

    /// Encodes or freezes one entry, without looking at how full the blob is.
    pub(crate) fn append<V: Value>(
        &mut self,
        database: u32,
        key: &Key,
        value: &V,
    ) -> Result<(), EncodeError> {
        let value_type = value.value_type_for(self.encoder.target());
        self.blob.tally.types.add(value_type.family(), 1);
        let weight_bytes = value.weight_bytes();
        if weight_bytes > RIDER_BYTES {
            let weight_bytes = if self.has(Bug::RiderWeighsNothing) {
                0
            } else {
                weight_bytes
            };
            let account = Account::open(&self.shared);
            let rider = Rider {
                database,
                key: key.clone(),
                value_type,
                expire_at_ms: value.expire_at_ms(),
                weight_bytes,
                frozen: value.freeze(account.copies()),
                account,
            };
            self.riders_load_bytes += rider.load_bytes();
            self.riders.push_back(rider);
            return Ok(());
        }
        self.work_bytes += weight_bytes as u64;
        let out = &mut self.blob.bytes;
        if self.selected != Some(database) {
            self.encoder.select_db(out, database);
            self.selected = Some(database);
        }
        let expire_at_ms = value.expire_at_ms();
        self.encoder
            .key(out, key.as_bytes(), value_type, expire_at_ms);
        value.encode(&mut self.encoder, out)
    }

    /// Whether this bug is planted in the snapshot.
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.shared.has(bug)
    }

    /// What the values encoded so far weigh, in bytes: how much work they were.
    pub(crate) fn work_bytes(&self) -> u64 {
        self.work_bytes
    }

    /// Whether the snapshot has failed, so that nothing need be delivered any more.
    pub(crate) fn is_over(&self) -> bool {
        self.sender.as_ref().is_none_or(Sender::is_cancelled)
    }

    /// What has been delivered and not sent: encoded bytes, and what riders keep alive.
    fn load_bytes(&self) -> usize {
        self.blob.load_bytes() + self.riders_load_bytes
    }

    /// Sends the blob if it is large enough, without waiting. Returns whether another bucket
    /// may be added; if not, `waker` is woken when another try is worth it.
    pub(crate) fn make_room(&mut self, waker: &Waker) -> bool {
        let is_full = self.blob.bytes.len() >= BLOB_BYTES
            || !self.blob.riders.is_empty()
            || !self.riders.is_empty();
        !is_full || self.flush(waker)
    }

    /// Sends the blob and all riders, without waiting. Returns whether they are out of the way;
    /// if not, `waker` is woken when another try is worth it.
    pub(crate) fn flush(&mut self, waker: &Waker) -> bool {
        loop {
            let Some(blob) = self.sealed() else {
                return true;
            };
            let Some(sender) = &self.sender else {
                return true;
            };
            let waker = if self.has(Bug::LoseWaker) {
                Waker::noop()
            } else {
                waker
            };
            blob.riders.iter().for_each(|rider| rider.account.sent());
            match sender.try_send(blob, waker) {
                Ok(()) => self.renew_blob(),
                Err(TrySendError::Full(blob)) => {
                    blob.riders.iter().for_each(|rider| rider.account.back());
                    self.blob = blob;
                    return false;
                }
                Err(_) => self.stop(),
            }
        }
    }

    fn send_and_wait(&mut self) {
        while let Some(blob) = self.sealed() {
            let Some(sender) = &self.sender else { return };
            blob.riders.iter().for_each(|rider| rider.account.sent());
            if sender.send(blob).is_err() {
                self.stop();
                return;
            }
            self.renew_blob();
        }
    }

    /// Takes the blob, ready to be sent, with as many riders as fit into it, but at least one if
    /// there are any. Big ones so travel one by one, however many of them one bucket had.
    fn sealed(&mut self) -> Option<Blob> {
        while let Some(rider) = self.riders.front() {
            let load_bytes = rider.load_bytes();
            if !self.blob.riders.is_empty() && self.blob.load_bytes() + load_bytes > BLOB_BYTES {
                break;
            }
            self.riders_load_bytes -= load_bytes;
            let rider = self.riders.pop_front()?;
            self.blob.add_rider(rider);
        }
        if self.blob.is_empty() {
            return None;
        }
        self.hurried_bytes = self.blob.hurry(self.hurried_bytes);
        self.blob.seal();
        Some(std::mem::replace(&mut self.blob, Blob::hollow()))
    }

    /// Begins another blob: without a buffer if it is for riders only.
    fn renew_blob(&mut self) {
        if self.riders.is_empty() {
            self.blob = self.pool.blob();
        }
        if !self.has(Bug::KeepDatabaseAcrossBlobs) {
            self.selected = None;
        }
    }

    /// Nothing more is wanted of this shard.
    fn stop(&mut self) {
        self.sender = None;
        self.riders.clear();
        self.riders_load_bytes = 0;
    }

    /// Closes this shard's end of the channel: everything has been delivered and sent.
    pub(crate) fn finish(&mut self) {
        if self.has(Bug::CloseWithoutFlush) {
            self.blob = Blob::hollow();
            self.riders.clear();
        }
        assert!(
            self.blob.is_empty() && self.riders.is_empty(),
            "a producer finishes with an empty blob"
        );
        self.sender = None;
    }

    /// Gives up, and the whole snapshot with it; unless that has failed before, whose cause is
    /// told by whoever ended the channel.
    pub(crate) fn fail(&mut self, error: SnapshotError) {
        // What was to be sent is worth nothing any more; and riders take memory.
        self.blob = Blob::hollow();
        let sender = self.sender.take().filter(|sender| !sender.is_cancelled());
        self.stop();
        if let Some(sender) = sender {
            self.shared.fail(error);
            sender.cancel("a producer failed");
        }
    }
}

/// Asks the memory for what the values of `bucket` keep out of line, and waits for nothing.
pub(crate) fn ask_for_values<V: Value>(bucket: Bucket<'_, Key, V>) {
    for (_, value) in bucket.iter() {
        dash_table::prefetch(value.out_of_line());
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // A closed channel means success to the sink; a producer that vanishes is none.
        self.fail(SnapshotError::ShardLost);
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("blob_bytes", &self.blob.bytes.len())
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}
