//! The producer: turns the buckets of one shard into blobs for one snapshot.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;
use std::task::Waker;

use dash_table::Bucket;
use rdb_format::{EncodeError, Encoder};
use shard_runtime::{Sender, TrySendError};

use crate::blob::{BLOB_BYTES, Blob, BlobPool};
use crate::error::SnapshotError;
use crate::key::Key;
use crate::progress::Shared;
use crate::rider::{RIDER_BYTES, Rider};
use crate::value::Value;

/// How far a write may fill the blob beyond [`BLOB_BYTES`] before it waits for the sink.
///
/// More than the largest bucket (14 entries of at most [`RIDER_BYTES`] and their keys, as
/// long as keys are short), so that the traversal, which never starts a bucket on a full blob,
/// never waits here either.
pub(crate) const OVERFILL_BYTES: usize = 256 << 10;

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
    // The database that an entry appended to `blob.bytes` would fall into.
    selected: Option<u32>,
    // Wakes the traversal; a write that finds the channel full asks on its behalf.
    traversal: Waker,
    shared: Arc<Shared>,
}

impl Producer {
    pub(crate) fn new(
        encoder: Encoder,
        sender: Sender<Blob>,
        pool: BlobPool,
        shared: Arc<Shared>,
    ) -> Self {
        let blob = pool.blob();
        Self {
            encoder,
            sender: Some(sender),
            pool,
            blob,
            selected: None,
            traversal: Waker::noop().clone(),
            shared,
        }
    }

    /// Encodes the entries of `bucket`, and sends the blob when it is large enough.
    ///
    /// Waits for the sink only when the byte budget of the channel is spent *and* the blob is
    /// overfull; the traversal never gets there, see [`flush`](Self::flush).
    pub(crate) fn deliver<V: Value>(&mut self, database: u32, bucket: Bucket<'_, Key, V>) {
        if self.sender.is_none() {
            return;
        }
        // The black box keeps the reads, whose sum nobody wants.
        black_box(bucket.iter().fold(0, |sum, (_, value)| sum ^ value.touch()));
        for (key, value) in bucket.iter() {
            if let Err(source) = self.append(database, key, value) {
                self.fail(SnapshotError::encode(database, key, source));
                return;
            }
        }
        if self.is_full() && !self.flush() && self.blob.bytes.len() >= BLOB_BYTES + OVERFILL_BYTES {
            self.send_and_wait();
        }
    }

    fn append<V: Value>(&mut self, database: u32, key: &Key, value: &V) -> Result<(), EncodeError> {
        self.blob.keys += 1;
        let weight_bytes = value.weight_bytes();
        if weight_bytes > RIDER_BYTES {
            self.blob.add_rider(Rider {
                database,
                key: key.clone(),
                value_type: value.value_type(),
                expire_at_ms: value.expire_at_ms(),
                weight_bytes,
                frozen: value.freeze(),
            });
            return Ok(());
        }
        let out = &mut self.blob.bytes;
        if self.selected != Some(database) {
            self.encoder.select_db(out, database);
            self.selected = Some(database);
        }
        self.encoder.key(
            out,
            key.as_bytes(),
            value.value_type(),
            value.expire_at_ms(),
        );
        value.encode(&mut self.encoder, out)
    }

    /// Whether the blob is large enough to be sent; no bucket should be added before.
    pub(crate) fn is_full(&self) -> bool {
        self.blob.bytes.len() >= BLOB_BYTES || !self.blob.riders.is_empty()
    }

    /// Whether the snapshot has failed, so that nothing need be delivered any more.
    pub(crate) fn is_over(&self) -> bool {
        self.sender.as_ref().is_none_or(Sender::is_cancelled)
    }

    /// Has `waker` woken when a full channel has room again.
    pub(crate) fn set_traversal(&mut self, waker: &Waker) {
        self.traversal.clone_from(waker);
    }

    /// Sends the blob if the channel has room for it, without waiting.
    ///
    /// Returns whether the blob is out of the way; if not, the traversal will be woken.
    pub(crate) fn flush(&mut self) -> bool {
        let Some(sender) = &self.sender else {
            return true;
        };
        if self.blob.keys == 0 {
            return true;
        }
        self.blob.seal();
        let blob = std::mem::replace(&mut self.blob, self.pool.blob());
        let keys = blob.keys;
        match sender.try_send(blob, &self.traversal) {
            Ok(()) => {
                self.selected = None;
                self.shared.count_keys(keys);
                true
            }
            Err(TrySendError::Full(blob)) => {
                self.pool.recycle(std::mem::replace(&mut self.blob, blob));
                false
            }
            Err(_) => {
                self.sender = None;
                true
            }
        }
    }

    fn send_and_wait(&mut self) {
        let Some(sender) = &self.sender else { return };
        self.blob.seal();
        let blob = std::mem::replace(&mut self.blob, self.pool.blob());
        self.selected = None;
        let keys = blob.keys;
        if sender.send(blob).is_ok() {
            self.shared.count_keys(keys);
        } else {
            self.sender = None;
        }
    }

    /// Closes this shard's end of the channel: everything has been delivered and sent.
    pub(crate) fn finish(&mut self) {
        assert_eq!(self.blob.keys, 0, "a producer finishes with an empty blob");
        self.sender = None;
    }

    /// Gives up, and the whole snapshot with it.
    pub(crate) fn fail(&mut self, error: SnapshotError) {
        if let Some(sender) = self.sender.take() {
            self.shared.fail(error);
            sender.cancel("a producer failed");
        }
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
