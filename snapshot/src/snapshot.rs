//! The public face: describe a snapshot, start it, wait for it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aligned_io::{Published, WriterOptions};
use rdb_format::{Compression, Encoder, Target};
use shard_runtime::{ChannelConfig, Monitor, Receiver, ShardSet, Worker, channel, spawn_named};

use crate::blob::{BUFFER_BYTES, Blob, BlobPool};
use crate::cut::{self, ProducerParts};
use crate::destination::{Destination, Stream};
use crate::error::SnapshotError;
use crate::keyspace::Store;
use crate::progress::{Phase, Progress, Shared};
use crate::rider::PIECE_BYTES;
use crate::save::{Body, Head, SaveBody};

/// What snapshot to take: its format, its bounds.
///
/// ```
/// # fn save<S: snapshot::Store>(
/// #     shards: &shard_runtime::ShardSet<S>,
/// # ) -> Result<(), snapshot::SnapshotError> {
/// let handle = snapshot::Snapshot::new().budget_bytes(16 << 20).to_file(shards, "dump.rdb")?;
/// // The store goes on serving; this thread may wait or do something else.
/// let report = handle.wait()?;
/// println!("{} keys, {} bytes, durable", report.keys, report.bytes);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    target: Target,
    compression: Compression,
    budget_bytes: usize,
    cut_deadline: Duration,
    functions: Vec<Vec<u8>>,
    file: WriterOptions,
    #[cfg(planted)]
    bug: Option<Bug>,
}

/// A bug to take a snapshot with, for the tests that must find it.
#[cfg(planted)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// Each shard is cut when it comes to it, and not all at one moment.
    CutShardByShard,
}

impl Snapshot {
    /// A conservative snapshot in RDB version 9, which every server since Redis 5 loads,
    /// uncompressed, with 64 MiB for what is on its way to the disk.
    pub fn new() -> Self {
        Self {
            target: Target::default(),
            compression: Compression::None,
            budget_bytes: 64 << 20,
            cut_deadline: Duration::from_secs(5),
            functions: Vec::new(),
            file: WriterOptions::default(),
            #[cfg(planted)]
            bug: None,
        }
    }

    /// Takes the snapshot with `bug`.
    #[cfg(planted)]
    #[must_use]
    pub fn plant(mut self, bug: Bug) -> Self {
        self.bug = Some(bug);
        self
    }

    /// Which servers are to read the file.
    #[must_use]
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Whether strings are compressed.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// How many bytes may be on their way from the shards to the sink, in all.
    ///
    /// The traversal uses up to a quarter of it; the rest is kept for writes, so that they
    /// need not wait. A single value larger than the budget still passes, alone.
    #[must_use]
    pub fn budget_bytes(mut self, bytes: usize) -> Self {
        self.budget_bytes = bytes;
        self
    }

    /// How long a shard may take to come to the cut before the snapshot fails; 5 s at first.
    #[must_use]
    pub fn cut_deadline(mut self, deadline: Duration) -> Self {
        self.cut_deadline = deadline;
        self
    }

    /// Source texts of function libraries, to be written before the keys.
    #[must_use]
    pub fn functions(mut self, functions: Vec<Vec<u8>>) -> Self {
        self.functions = functions;
        self
    }

    /// How a file is written: block size, depth, backend, preallocation.
    #[must_use]
    pub fn file_options(mut self, options: WriterOptions) -> Self {
        self.file = options;
        self
    }

    /// Starts a snapshot into a file, which appears under `path` when it is whole and durable.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, or the cut not be taken.
    pub fn to_file<S: Store>(
        self,
        shards: &ShardSet<S>,
        path: impl AsRef<Path>,
    ) -> Result<Handle, SnapshotError> {
        let path = path.as_ref();
        // What a killed process left of an earlier attempt only takes room.
        if let Err(error) = aligned_io::remove_leftovers(path) {
            tracing::debug!(path = %path.display(), %error, "leftovers stay");
        }
        let writer = self.file.create(path)?;
        self.start(shards, Box::new(writer))
    }

    /// Starts a snapshot into any stream.
    ///
    /// # Errors
    ///
    /// When the cut cannot be taken.
    pub fn to_writer<S: Store>(
        self,
        shards: &ShardSet<S>,
        writer: impl std::io::Write + Send + 'static,
    ) -> Result<Handle, SnapshotError> {
        self.start(shards, Box::new(Stream(writer)))
    }

    fn start<S: Store>(
        self,
        shards: &ShardSet<S>,
        destination: Box<dyn Destination>,
    ) -> Result<Handle, SnapshotError> {
        let (sender, receiver) = channel(ChannelConfig {
            capacity_bytes: self.budget_bytes,
            reserved_bytes: self.budget_bytes / 4 * 3,
        });
        let monitor = receiver.monitor();
        let shared = Arc::new(Shared::new());
        // Enough for the shards' own blobs and the ones between writes.
        let pool = BlobPool::new(2 * shards.len() + 4);
        let parts = ProducerParts {
            target: self.target,
            compression: self.compression,
            sender,
            pool: pool.clone(),
            shared: Arc::clone(&shared),
        };
        let started = Instant::now();
        #[cfg(planted)]
        let sizes = match self.bug {
            Some(Bug::CutShardByShard) => cut::open_shard_by_shard(shards, &parts)?,
            None => cut::open(shards, parts, self.cut_deadline)?,
        };
        #[cfg(not(planted))]
        let sizes = cut::open(shards, parts, self.cut_deadline)?;
        let cut_pause = started.elapsed();
        shared.set_keys_total(sizes.total());
        let sink = Sink {
            encoder: Encoder::new(self.target, self.compression),
            head: Head {
                sizes,
                functions: self.functions,
            },
            destination,
            receiver,
            shared: Arc::clone(&shared),
            fixed_bytes: fixed_bytes(shards.len(), &pool, &self.file),
            pool,
            started,
            cut_pause,
        };
        let over = OverOnDrop(Arc::clone(&shared));
        let worker = spawn_named("snapshot-sink", move || {
            let _over = over;
            sink.run()
        });
        Ok(Handle {
            worker,
            monitor,
            shared,
        })
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self::new()
    }
}

/// What a snapshot takes beside its budget, at most, in bytes.
fn fixed_bytes(shards: usize, pool: &BlobPool, file: &WriterOptions) -> usize {
    // A bucket of the largest values that do not ride makes a buffer grow twice.
    let producers = shards * 4 * BUFFER_BYTES;
    producers + pool.capacity_bytes() + 2 * PIECE_BYTES + file.block_bytes * file.depth
}

/// A snapshot under way.
///
/// Dropping the handle does not stop the snapshot.
#[derive(Debug)]
pub struct Handle {
    worker: Worker<Result<Report, SnapshotError>>,
    monitor: Monitor<Blob>,
    shared: Arc<Shared>,
}

impl Handle {
    /// How far it is; cheap, at any time.
    pub fn progress(&self) -> Progress {
        let channel = self.monitor.stats();
        self.shared
            .progress(channel.queued_bytes + channel.in_hand_bytes)
    }

    /// Waits until the snapshot is over, but not longer than `timeout`; whether it is over.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.shared.wait_timeout(timeout)
    }

    /// Gives up: shards stop delivering, the file does not appear.
    ///
    /// [`wait`](Self::wait) then says [`SnapshotError::Cancelled`], unless the snapshot had
    /// failed before, or come to [`Phase::Publishing`]: then it is too late.
    pub fn cancel(&self) {
        self.shared.fail(SnapshotError::Cancelled);
        self.monitor.cancel("the snapshot was cancelled");
    }

    /// Waits until the file is published, or the stream is written to its end.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong. Nothing is then left under the file's name but what
    /// was there before; with one exception: when the file is whole, synced and renamed, and
    /// the sync of its folder fails, it stays.
    pub fn wait(self) -> Result<Report, SnapshotError> {
        self.worker
            .join()
            .map_err(|source| SnapshotError::Sink { source })?
    }
}

/// What a snapshot did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Keys in the snapshot, all databases together.
    pub keys: u64,
    /// Values that were frozen and encoded by the sink.
    pub riders: u64,
    /// Length of the stream, in bytes.
    pub bytes: u64,
    /// The stream's CRC64, as its last eight bytes say.
    pub crc64: u64,
    /// From the cut to the published file.
    pub duration: Duration,
    /// From the asking for the cut to its answer by all shards.
    pub cut_pause: Duration,
    /// From the last byte written to the published file: sync, rename, sync of the directory.
    pub publish: Duration,
    /// The most bytes that were on their way from shards to sink at one time.
    pub budget_bytes_used: usize,
    /// The most that encoders' and writers' own buffers can have taken beside that, in bytes.
    pub fixed_bytes: usize,
    /// What became of the file, if it went to a file.
    pub file: Option<Published>,
}

/// Says that the snapshot is over, however the sink's thread ends, and if it never starts.
struct OverOnDrop(Arc<Shared>);

impl Drop for OverOnDrop {
    fn drop(&mut self) {
        self.0.set_phase(Phase::Over);
    }
}

/// Everything the sink's thread owns.
struct Sink {
    encoder: Encoder,
    head: Head,
    destination: Box<dyn Destination>,
    receiver: Receiver<Blob>,
    shared: Arc<Shared>,
    pool: BlobPool,
    fixed_bytes: usize,
    started: Instant,
    cut_pause: Duration,
}

impl Sink {
    fn run(mut self) -> Result<Report, SnapshotError> {
        let written = self.write();
        if written.is_err() {
            // Whatever the shards still want to send is in vain.
            self.receiver.cancel("the sink failed");
        }
        written.and_then(|body| self.publish(&body))
    }

    fn write(&mut self) -> Result<Body, SnapshotError> {
        let encoder = self.encoder.clone();
        SaveBody::new(encoder, &mut self.destination, &self.shared).run(
            &self.head,
            &self.receiver,
            &self.pool,
        )
    }

    fn publish(self, body: &Body) -> Result<Report, SnapshotError> {
        if let Some(failure) = self.shared.take_failure() {
            return Err(failure);
        }
        self.shared.set_phase(Phase::Publishing);
        let written = Instant::now();
        let file = self.destination.publish()?;
        Ok(Report {
            keys: body.keys,
            riders: body.riders,
            bytes: body.bytes,
            crc64: body.crc64,
            duration: self.started.elapsed(),
            cut_pause: self.cut_pause,
            publish: written.elapsed(),
            budget_bytes_used: self.receiver.stats().high_water_bytes,
            fixed_bytes: self.fixed_bytes,
            file,
        })
    }
}
