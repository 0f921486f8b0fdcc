//! The public face: describe a snapshot, start it, wait for it.

mod division;
#[cfg(feature = "epaxos")]
mod records;
mod start;

use std::num::NonZeroU64;
use std::path::Path;
use std::time::Duration;

use aligned_io::{FileSetWriter, WriterOptions};
use rdb_format::{Compression, Target};
use shard_runtime::ShardSet;

use crate::error::SnapshotError;
use crate::events;
use crate::handle::Handle;
use crate::keyspace::Store;
use crate::outlet::Outlet;
#[cfg(planted)]
use crate::planted::Bug;
use crate::planted::Plant;
use crate::producer::WhenSpent;
use crate::watch::Limits;

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
    when_spent: WhenSpent,
    pace_bytes_per_s: Option<NonZeroU64>,
    cut_deadline: Duration,
    limits: Limits,
    functions: Vec<Vec<u8>>,
    file: WriterOptions,
    plant: Plant,
}

impl Snapshot {
    /// A conservative snapshot in RDB version 9, which every server since Redis 5 loads,
    /// uncompressed, with 64 MiB for what is on its way to the disk.
    pub fn new() -> Self {
        Self {
            target: Target::default(),
            compression: Compression::None,
            budget_bytes: 64 << 20,
            when_spent: WhenSpent::Wait,
            pace_bytes_per_s: None,
            cut_deadline: Duration::from_mins(1),
            limits: Limits {
                deadline: None,
                stall: Duration::from_secs(30),
            },
            functions: Vec::new(),
            file: WriterOptions::default(),
            plant: Plant::default(),
        }
    }

    /// Takes the snapshot with `bug`.
    #[cfg(planted)]
    #[must_use]
    pub fn plant(mut self, bug: Bug) -> Self {
        self.plant.set(bug);
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

    /// How much memory the snapshot may take beside the data, in bytes; 64 MiB at first.
    ///
    /// Of what its buffers leave, which is half at the least, one half is for what is on its way
    /// from the shards to the sinks, the other for copies: for what is copied of big values,
    /// because they are written to before they are encoded.
    /// Of the first half, the traversal uses up to a quarter; the rest is kept for writes, so that
    /// they need not wait. A big value counts with its whole weight while it is on its way; one
    /// that alone is more than there is room for still passes, alone.
    #[must_use]
    pub fn budget_bytes(mut self, bytes: usize) -> Self {
        self.budget_bytes = bytes;
        self
    }

    /// What a write does that must deliver a bucket when the whole budget is spent: wait, at
    /// first.
    #[must_use]
    pub fn when_spent(mut self, when_spent: WhenSpent) -> Self {
        self.when_spent = when_spent;
        self
    }

    /// How many bytes the snapshot may write in a second; 0, as at first, for as many as it can.
    ///
    /// Only the traversal is slowed down: what writes had to deliver is written at once, since
    /// they might have to wait for it, and counts afterwards against the pace. A tenth of the pace
    /// is the traversal's, however much they deliver, so that it always comes on.
    ///
    /// How much of a shard's time the traversal may take, and for how long at a time, is said
    /// when the shards are started: by
    /// [`task_share_percent`](shard_runtime::ShardSetConfig::task_share_percent) and
    /// [`task_slice`](shard_runtime::ShardSetConfig::task_slice).
    #[must_use]
    pub fn pace_bytes_per_s(mut self, bytes_per_s: u64) -> Self {
        self.pace_bytes_per_s = NonZeroU64::new(bytes_per_s);
        self
    }

    /// How long the whole snapshot may take, from the cut until it is published, before it fails
    /// with [`DeadlineExceeded`](SnapshotError::DeadlineExceeded); for ever at first.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.limits.deadline = Some(deadline);
        self
    }

    /// How long one write or sync of the output may take before the snapshot fails with
    /// [`SinkStalled`](SnapshotError::SinkStalled) and lets the shards go; 30 s at first.
    #[must_use]
    pub fn stall_deadline(mut self, deadline: Duration) -> Self {
        self.limits.stall = deadline;
        self
    }

    /// How long a shard may take to come to the cut before the snapshot fails; a minute at first.
    ///
    /// Only the caller waits meanwhile: shards that have come serve on.
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

    /// About how many bytes it will have: of the last snapshot, say, or of the file that was
    /// loaded. 0, as at first, for not known.
    ///
    /// So much room is looked for, and taken, before the cut; where there is less, the snapshot
    /// fails with [`NoSpace`](aligned_io::WriteError::NoSpace) before it has cost anything. What
    /// is not used in the end is given back. Streams know of no room.
    #[must_use]
    pub fn expected_bytes(mut self, bytes: u64) -> Self {
        self.file.preallocate_bytes = bytes;
        self
    }

    /// Starts a snapshot into a file, which appears under `path` when it is whole and durable.
    ///
    /// The cut is taken before this returns: microseconds, if no shard is stuck, and never longer
    /// than the [`cut_deadline`](Self::cut_deadline). Half a second more may pass where a writer of
    /// the same file was killed just now.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, or the cut not be taken.
    pub fn to_file<S: Store>(
        self,
        shards: &ShardSet<S>,
        path: impl AsRef<Path>,
    ) -> Result<Handle, SnapshotError> {
        events::started(self.start_file(shards, path.as_ref()))
    }

    fn start_file<S: Store>(
        self,
        shards: &ShardSet<S>,
        path: &Path,
    ) -> Result<Handle, SnapshotError> {
        // What a killed process left of an earlier attempt only takes room; it may stay.
        drop(aligned_io::remove_leftovers(path));
        let writer = self.file_for_each(1).create(path)?;
        self.start(shards, vec![Outlet::File(Box::new(writer))], None)
    }

    /// Starts a snapshot into a [set of files](aligned_io::FileSet) at `path`, one for each
    /// shard and each of them an RDB file of its own, which appear together: when the last one
    /// is whole and durable, the set's manifest is replaced.
    ///
    /// There is no sink that all shards share: each shard has a thread that writes, an equal
    /// part of the budget, and an equal part of the pace. File `N.rdb` holds what shard N held;
    /// functions stand in the first.
    ///
    /// # Errors
    ///
    /// As of [`to_file`](Self::to_file), and when somebody else is writing this set.
    pub fn to_files<S: Store>(
        self,
        shards: &ShardSet<S>,
        path: impl AsRef<Path>,
    ) -> Result<Handle, SnapshotError> {
        events::started(self.start_files(shards, path.as_ref()))
    }

    fn start_files<S: Store>(
        self,
        shards: &ShardSet<S>,
        path: &Path,
    ) -> Result<Handle, SnapshotError> {
        let set = FileSetWriter::begin(path)?;
        let file = self.file_for_each(shards.len());
        let create = |shard| {
            let writer = set.create(&format!("{shard}.rdb"), &file)?;
            Ok(Outlet::Member(Box::new(writer)))
        };
        let outlets = (0..shards.len()).map(create);
        let outlets = outlets.collect::<Result<_, SnapshotError>>()?;
        self.start(shards, outlets, Some(set))
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
        let outlets = vec![Outlet::Stream(Box::new(writer))];
        events::started(self.start(shards, outlets, None))
    }

    /// Starts a snapshot into one stream for each shard, each of them an RDB stream of its own:
    /// `writer` makes the one for the shard with this number.
    ///
    /// As with [`to_files`](Self::to_files) each shard has a thread that writes, an equal part of
    /// the budget, and an equal part of the pace. It succeeds when all of them do.
    ///
    /// # Errors
    ///
    /// When the cut cannot be taken.
    pub fn to_writers<S: Store, W: std::io::Write + Send + 'static>(
        self,
        shards: &ShardSet<S>,
        writer: impl FnMut(usize) -> W,
    ) -> Result<Handle, SnapshotError> {
        let outlet = |writer| Outlet::Stream(Box::new(writer));
        let outlets = (0..shards.len()).map(writer).map(outlet).collect();
        events::started(self.start(shards, outlets, None))
    }
}

impl Default for Snapshot {
    fn default() -> Self {
        Self::new()
    }
}
