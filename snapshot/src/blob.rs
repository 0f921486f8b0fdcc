//! Blobs: whole buckets as RDB bytes, on their way from a shard to the sink.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use rdb_format::Crc64;
use shard_runtime::Weighted;

use crate::report::TypeCounts;
use crate::rider::Rider;
use crate::sync::SHRINK;

/// A producer sends its blob once it holds this many bytes.
pub(crate) const BLOB_BYTES: usize = (128 << 10) / SHRINK;

/// What a blob's buffer has room for at first: a blob and the bucket that fills it.
pub(crate) const BUFFER_BYTES: usize = BLOB_BYTES + (32 << 10) / SHRINK;

/// A buffer that grew beyond this is given back to the system, not to the pool.
const KEPT_BYTES_MAX: usize = 2 * BUFFER_BYTES;

/// What was delivered, in numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Keys, riders among them.
    pub(crate) types: TypeCounts,
    pub(crate) buckets_by_traversal: u64,
    pub(crate) buckets_by_writes: u64,
    pub(crate) riders: u64,
    pub(crate) rider_bytes: u64,
    /// Changes, where they are told.
    pub(crate) changes: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.types.add_all(&other.types);
        self.buckets_by_traversal += other.buckets_by_traversal;
        self.buckets_by_writes += other.buckets_by_writes;
        self.riders += other.riders;
        self.rider_bytes += other.rider_bytes;
        self.changes += other.changes;
    }
}

/// The encoded entries of some whole buckets of one shard.
///
/// Begins with its own SELECTDB, so blobs may be written in any order.
#[derive(Debug)]
pub(crate) struct Blob {
    pub(crate) bytes: Vec<u8>,
    pub(crate) riders: Vec<Rider>,
    /// Of `bytes` and `riders` together.
    pub(crate) tally: Tally,
    riders_weight_bytes: usize,
    // What writes had to deliver of that which `load_bytes` counts.
    hurried_bytes: usize,
    // Of the first `checksum.bytes()` of `bytes`; `seal` brings it up to date.
    checksum: Crc64,
}

impl Blob {
    fn with_buffer(bytes: Vec<u8>) -> Self {
        Self {
            bytes,
            riders: Vec::new(),
            tally: Tally::default(),
            riders_weight_bytes: 0,
            hurried_bytes: 0,
            checksum: Crc64::new(),
        }
    }

    /// What stands in for a blob that is just being sent; it holds no memory.
    pub(crate) fn hollow() -> Self {
        Self::with_buffer(Vec::new())
    }

    pub(crate) fn add_rider(&mut self, rider: Rider) {
        let weight_bytes = rider.load_bytes();
        self.riders_weight_bytes += weight_bytes;
        self.tally.riders += 1;
        self.tally.rider_bytes += weight_bytes as u64;
        self.riders.push(rider);
    }

    /// Whether there is nothing in it: no entry, though maybe buckets that had none.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.riders.is_empty()
    }

    /// Encoded bytes and what the riders keep alive.
    pub(crate) fn load_bytes(&self) -> usize {
        self.bytes.len() + self.riders_weight_bytes
    }

    /// Writes had to deliver `bytes` of the load, or all of it: how many are left for other blobs.
    pub(crate) fn hurry(&mut self, bytes: usize) -> usize {
        let here = bytes.min(self.load_bytes() - self.hurried_bytes);
        self.hurried_bytes += here;
        bytes - here
    }

    /// How much of what it becomes in the stream the traversal has delivered.
    pub(crate) fn swept_part(&self) -> SweptPart {
        let load_bytes = self.load_bytes();
        SweptPart {
            swept_bytes: load_bytes - self.hurried_bytes,
            load_bytes,
        }
    }

    /// Computes the checksum of `bytes`, on the shard's thread, where there are many.
    pub(crate) fn seal(&mut self) {
        let done = usize::try_from(self.checksum.bytes()).unwrap_or(usize::MAX);
        self.checksum
            .update(self.bytes.get(done..).unwrap_or_default());
    }

    /// The checksum of `bytes`, as of the last [`seal`](Self::seal).
    pub(crate) fn checksum(&self) -> Crc64 {
        self.checksum
    }
}

/// The traversal's part in a blob.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SweptPart {
    swept_bytes: usize,
    load_bytes: usize,
}

impl SweptPart {
    /// So many of the `bytes` that the blob became: values that ride weigh more than they write.
    pub(crate) fn of(self, bytes: u64) -> u64 {
        let swept = u128::from(bytes) * self.swept_bytes as u128;
        let part = swept.checked_div(self.load_bytes as u128).unwrap_or(0);
        u64::try_from(part).unwrap_or(bytes)
    }
}

impl Weighted for Blob {
    /// The buffer, whether full or not, plus what the riders keep alive.
    ///
    /// A rider's memory is shared with the live value until that is overwritten; counting it
    /// from the start keeps the budget true whatever the writers do.
    fn weight_bytes(&self) -> usize {
        self.bytes.capacity() + self.riders_weight_bytes
    }
}

/// Buffers of written blobs, kept for the next ones.
///
/// Without it every blob would be a fresh mapping from the system: at 128 KiB the page faults
/// cost about as much as a quarter of the encoding.
#[derive(Debug, Clone)]
pub(crate) struct BlobPool {
    buffers: Arc<ArrayQueue<Vec<u8>>>,
}

impl BlobPool {
    /// A pool that keeps at most `buffers` idle buffers.
    pub(crate) fn new(buffers: usize) -> Self {
        Self {
            buffers: Arc::new(ArrayQueue::new(buffers.max(1))),
        }
    }

    /// A pool that begins with so many `own` buffers, and keeps in addition those that come back
    /// of `on_their_way_bytes`.
    ///
    /// One thread asks for its own: an allocator that has a heap for each thread would have large
    /// pages for them in each. The others go from shard to shard for the same reason: what one
    /// shard had on its way is of use to the next.
    pub(crate) fn filled(own: usize, on_their_way_bytes: usize) -> Self {
        let pool = Self::new(own + on_their_way_bytes / BUFFER_BYTES);
        for _ in 0..own {
            drop(pool.buffers.push(Vec::with_capacity(BUFFER_BYTES)));
        }
        pool
    }

    /// The most memory that so many buffers of its own can take, in bytes.
    pub(crate) const fn own_bytes(own: usize) -> usize {
        own * KEPT_BYTES_MAX
    }

    pub(crate) fn blob(&self) -> Blob {
        Blob::with_buffer(self.buffer())
    }

    /// A buffer with nothing in it.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        let buffer = self.buffers.pop();
        buffer.unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES))
    }

    /// Takes the buffer of a written blob back, unless one huge value made it large, or it had
    /// riders only.
    pub(crate) fn recycle(&self, blob: Blob) {
        self.recycle_buffer(blob.bytes);
    }

    /// The same for a buffer that was taken out of its blob.
    pub(crate) fn recycle_buffer(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        if (BUFFER_BYTES..=KEPT_BYTES_MAX).contains(&buffer.capacity()) {
            // A full pool drops the buffer: that is the bound on idle memory.
            drop(self.buffers.push(buffer));
        }
    }
}
