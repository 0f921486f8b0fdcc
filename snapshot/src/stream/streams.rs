//! Streams of all shards: begin them, take cuts in them, end them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use dash_table::Cut;
use rdb_format::{Compression, Target};
use shard_runtime::{ChannelConfig, Receiver, Shard, ShardError, ShardSet, channel, spawn_named};

use super::feed::{Feed, FeedParts};
use super::feeding::Feeding;
use super::source::{SourceParts, StreamSource};
use super::telling::Telling;
use crate::blob::{BLOB_BYTES, BlobPool};
use crate::copies::Ledger;
use crate::error::SnapshotError;
use crate::keyspace::Store;
#[cfg(planted)]
use crate::planted::Bug;
use crate::planted::Plant;
use crate::producer::WhenSpent;
use crate::shared::{Share, Shared};
use crate::sync::now;
use crate::watch::{Limits, Watch};

/// What a channel holds at most, in bytes. More would not make the streams faster, and memory that
/// is used again and again stays in the cache.
const CHANNEL_BYTES_MAX: usize = 16 * BLOB_BYTES;

/// Which streams to begin: their format, their bounds.
///
/// A relaxed snapshot of a live store, and then its changes: each shard gives one stream of
/// [`Frame`](crate::Frame)s. First come the keys that were there, each as the traversal finds it;
/// a key that has come and changes again comes again, as it is then. When every shard has told all
/// its keys, [`Streams::cut`] takes a cut across all shards; whoever has read all streams up to it
/// has exactly the state at that moment. From then on the streams carry changes, and any number of
/// cuts, until they are ended.
///
/// No write ever waits for a stream. When what waits for a slow reader is more than the budget,
/// the streams end.
///
/// ```
/// # fn follow<S: snapshot::Store>(
/// #     shards: &shard_runtime::ShardSet<S>,
/// # ) -> Result<(), snapshot::SnapshotError> {
/// use std::time::{Duration, Instant};
///
/// let (streams, sources) = snapshot::Relaxed::new().start(shards)?;
/// for mut source in sources {
///     shard_runtime::spawn_named("stream", move || {
///         let soon = || Some(Instant::now() + Duration::from_secs(1));
///         while let Ok(frames) = source.next(soon()) {
///             // Write them to a socket, or nothing for a second.
/// #           let _ = frames;
///         }
///     });
/// }
/// if streams.wait_ready(Duration::from_secs(60)) {
///     streams.cut(shards)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Relaxed {
    target: Target,
    compression: Compression,
    telling: Telling,
    budget_bytes: usize,
    cut_deadline: Duration,
    plant: Plant,
}

impl Relaxed {
    /// Streams whose records are of RDB version 11, uncompressed, that tell deltas where they can,
    /// with 64 MiB for what waits to be read.
    pub fn new() -> Self {
        Self {
            target: Target::default(),
            compression: Compression::None,
            telling: Telling::Deltas,
            budget_bytes: 64 << 20,
            cut_deadline: Duration::from_secs(5),
            plant: Plant::default(),
        }
    }

    /// Begins the streams with `bug`.
    #[cfg(planted)]
    #[must_use]
    pub fn plant(mut self, bug: Bug) -> Self {
        self.plant.set(bug);
        self
    }

    /// Which servers could read the records.
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

    /// How changes of values are told that know what has changed in them.
    #[must_use]
    pub fn telling(mut self, telling: Telling) -> Self {
        self.telling = telling;
        self
    }

    /// How many bytes may wait to be read, of all streams together: up to half of them in channels,
    /// of 2 MiB at most, the others as blobs that have no room there and as keys that have changed.
    /// As much again may be copied of big values that are written to while their frozen views wait.
    #[must_use]
    pub fn budget_bytes(mut self, bytes: usize) -> Self {
        self.budget_bytes = bytes;
        self
    }

    /// How long a shard may take to come to a cut; 5 s at first.
    #[must_use]
    pub fn cut_deadline(mut self, deadline: Duration) -> Self {
        self.cut_deadline = deadline;
        self
    }

    /// Begins the streams, one for each shard, in the order of their numbers.
    ///
    /// # Errors
    ///
    /// When the shards cannot be cut.
    pub fn start<S: Store>(
        self,
        shards: &ShardSet<S>,
    ) -> Result<(Streams, Vec<StreamSource>), SnapshotError> {
        let count = shards.len();
        let share_bytes = self.budget_bytes / count;
        let channel_bytes = (share_bytes / 2).min(CHANNEL_BYTES_MAX);
        let config = ChannelConfig {
            capacity_bytes: channel_bytes,
            reserved_bytes: 0,
        };
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| channel(config)).unzip();
        let shared = Arc::new(Shared::new(
            receivers.iter().map(Receiver::monitor).collect(),
            Ledger::new(self.budget_bytes, WhenSpent::Fail),
            self.plant,
        ));
        let pool = BlobPool::new((CHANNEL_BYTES_MAX / BLOB_BYTES + 2) * count);
        // Before the cut: if that fails, nobody is left who could read.
        let source = |(index, receiver)| {
            StreamSource::new(SourceParts {
                index,
                receiver,
                target: self.target,
                compression: self.compression,
                pool: pool.clone(),
                share: Share::new(&shared),
                shared: Arc::clone(&shared),
            })
        };
        let sources = receivers.into_iter().enumerate().map(source).collect();
        let parts = FeedParts {
            target: self.target,
            compression: self.compression,
            telling: self.telling,
            senders,
            pool: pool.clone(),
            held_bytes_max: share_bytes - channel_bytes,
            shared: Arc::clone(&shared),
        };
        let watch = Watch {
            shared: Arc::clone(&shared),
            limits: Limits {
                deadline: None,
                stall: Duration::MAX,
            },
        };
        let watching = spawn_named("stream-watch", move || watch.run());
        if watching.is_finished() {
            let ended = watching.join();
            ended.map_err(|source| SnapshotError::Sink { source })?;
        }
        let opened = shards.cut(self.cut_deadline, move |shard| open_shard(shard, &parts));
        opened.map_err(|source| SnapshotError::Cut { source })?;
        let streams = Streams {
            shared,
            shards: count,
            cut_deadline: self.cut_deadline,
        };
        Ok((streams, sources))
    }
}

impl Default for Relaxed {
    fn default() -> Self {
        Self::new()
    }
}

/// The part of the first cut that each shard runs.
fn open_shard<S: Store>(shard: &mut Shard<S>, parts: &FeedParts) {
    let feed = Rc::new(RefCell::new(Feed::new(parts, shard.index())));
    let keyspace = shard.state().keyspace();
    let keys = keyspace.databases();
    let keys = keys.map(|(number, table)| (number, table.len() as u64));
    feed.borrow_mut().promise(keys.collect());
    let cuts: Vec<(u32, Cut)> = keyspace.follow(&feed);
    shard.spawn(Feeding::new(feed, cuts));
}

/// The part of a later cut that each shard runs.
fn cut_shard<S: Store>(shard: &mut Shard<S>, streams: &Arc<Shared>, cut: u64) {
    let state = shard.state();
    state.on_stream_cut();
    state.keyspace().cut_feed(streams, cut);
}

/// Streams under way. Dropping it ends them.
#[derive(Debug)]
pub struct Streams {
    shared: Arc<Shared>,
    shards: usize,
    cut_deadline: Duration,
}

/// How far streams are, at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamsProgress {
    /// Shards that have told all keys they had.
    pub covered: usize,
    /// The number of the last cut; 0 before the first.
    pub cut: u64,
    /// Shards whose streams have passed it.
    pub passed: usize,
    /// Keys that were told as they were found.
    pub keys: u64,
    /// Changes that were told.
    pub changes: u64,
    /// Bytes of frames that were read.
    pub bytes: u64,
    /// Bytes in the channels, out of the budget.
    pub budget_bytes_used: usize,
    /// The most there were of them at one time.
    pub budget_bytes_high_water: usize,
    /// Since the beginning.
    pub elapsed: Duration,
}

impl Streams {
    /// Takes a cut across all shards: its number, from 1 on; `None` if some shard has not told all
    /// its keys yet, or not passed the last cut.
    ///
    /// Calls [`Store::on_stream_cut`] on every shard. Each stream passes the cut, with a frame of
    /// its own, when it has told everything before it.
    ///
    /// # Errors
    ///
    /// When a shard does not come to the cut. If it was not taken anywhere the streams go on, or
    /// else they end.
    pub fn cut<S: Store>(&self, shards: &ShardSet<S>) -> Result<Option<u64>, SnapshotError> {
        let Some(cut) = self.shared.begin_cut(self.shards) else {
            return Ok(None);
        };
        let taken = self.cut_shards(shards, cut);
        match taken {
            Ok(()) => Ok(Some(cut)),
            Err(source @ ShardError::CutTimedOut { .. }) => {
                self.shared.undo_cut(self.shards);
                Err(SnapshotError::Cut { source })
            }
            Err(source) => {
                // Some shards may have taken it.
                self.shared.fail(SnapshotError::ShardLost);
                Err(SnapshotError::Cut { source })
            }
        }
    }

    fn cut_shards<S: Store>(&self, shards: &ShardSet<S>, cut: u64) -> Result<(), ShardError> {
        #[cfg(planted)]
        if self.shared.has(Bug::CutShardByShard) {
            for index in 0..shards.len() {
                let shared = Arc::clone(&self.shared);
                shards.call(index, move |shard| cut_shard(shard, &shared, cut))?;
                crate::sync::sleep(Duration::from_micros(200));
            }
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let part = move |shard: &mut Shard<S>| cut_shard(shard, &shared, cut);
        shards.cut(self.cut_deadline, part).map(drop)
    }

    /// Waits until a cut can be taken, but not longer than `timeout`, or until the streams have
    /// failed; whether it can.
    pub fn wait_ready(&self, timeout: Duration) -> bool {
        let deadline = now().checked_add(timeout);
        self.shared.wait_ready(self.shards, deadline)
    }

    /// How far they are; cheap, at any time.
    pub fn progress(&self) -> StreamsProgress {
        let progress = self.shared.progress();
        let (covered, passed, cut) = self.shared.course();
        StreamsProgress {
            covered,
            cut,
            passed,
            keys: progress.keys_done,
            changes: self.shared.changes(),
            bytes: progress.bytes,
            budget_bytes_used: progress.budget_bytes_used,
            budget_bytes_high_water: progress.budget_bytes_high_water,
            elapsed: progress.elapsed,
        }
    }

    /// Ends the streams, if they have not ended. Returns at once.
    pub fn stop(&self) {
        // The watch wakes, and lets the shards go.
        self.shared.fail(SnapshotError::Cancelled);
    }

    /// Waits until the streams have ended, but not longer than `timeout`; whether they have.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.shared.wait_timeout(timeout)
    }

    /// As [`wait_timeout`](Self::wait_timeout), but no longer than until the first cut can be
    /// taken.
    #[cfg(feature = "replication")]
    pub(crate) fn wait_first(&self, timeout: Duration) -> bool {
        let deadline = now().checked_add(timeout);
        self.shared.wait_first(self.shards, deadline)
    }

    /// Waits until the streams have ended, and says why.
    pub fn wait(self) -> SnapshotError {
        match self.shared.wait() {
            Some(Err(error)) => error,
            Some(Ok(_)) | None => SnapshotError::Taken,
        }
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.stop();
    }
}
