//! The start of a snapshot: its cut, its sinks, and the share of each.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aligned_io::{FileSetWriter, WriterOptions};
use rdb_format::Encoder;
use shard_runtime::{Receiver, ShardSet, channel, spawn_named};

use super::Snapshot;
use super::division::{self, Division};
use crate::blob::{BUFFER_BYTES, Blob, BlobPool};
use crate::copies::Ledger;
use crate::cut::{self, CutSizes, OpenedShard};
use crate::error::SnapshotError;
use crate::handle::Handle;
use crate::keyspace::Store;
use crate::outlet::Outlet;
use crate::pace::Pace;
#[cfg(planted)]
use crate::planted::Bug;
use crate::producer::ProducerParts;
use crate::rider::PIECE_BYTES;
use crate::save::Head;
use crate::shared::{Share, Shared};
use crate::sink::{Closing, Origin, Sink};
use crate::sync::now;
use crate::watch::Watch;

/// What there is to save, and how it was found out.
pub(super) struct Opened {
    pub(super) started: Instant,
    /// Until the cut was taken everywhere.
    pub(super) wait: Duration,
    /// The longest that a shard stood still.
    pub(super) pause: Option<Duration>,
    pub(super) producers: usize,
    /// Of each producer, in their order: it feeds the sink of its number, modulo how many.
    pub(super) sizes: Vec<CutSizes>,
}

impl Snapshot {
    /// Takes the cut and starts one sink for each outlet: one for all shards, or one for each.
    pub(super) fn start<S: Store>(
        self,
        shards: &ShardSet<S>,
        outlets: Vec<Outlet>,
        set: Option<FileSetWriter>,
    ) -> Result<Handle, SnapshotError> {
        let (parts, receivers) = self.channels(outlets.len(), shards.len());
        let (shared, pool) = (Arc::clone(&parts.shared), parts.pool.clone());
        let started = now();
        let opened = self.cut(shards, parts)?;
        let cut = Opened {
            started,
            wait: now().saturating_duration_since(started),
            pause: opened.iter().map(|shard| shard.pause).max(),
            producers: shards.len(),
            sizes: opened.into_iter().map(|shard| shard.sizes).collect(),
        };
        let outlets = outlets.into_iter().zip(receivers).collect();
        self.sinks(cut, outlets, set, &shared, &pool)
    }

    /// A channel to each of so many sinks, and what so many producers are made from.
    pub(super) fn channels(
        &self,
        sinks: usize,
        producers: usize,
    ) -> (ProducerParts, Vec<Receiver<Blob>>) {
        let division = self.division(producers, sinks);
        let channels = (0..sinks).map(|_| channel(division.channel));
        let (senders, receivers): (Vec<_>, Vec<_>) = channels.unzip();
        let shared = Arc::new(Shared::new(
            receivers.iter().map(Receiver::monitor).collect(),
            Ledger::new(division.copied_bytes, self.when_spent),
            self.plant,
        ));
        let parts = ProducerParts {
            target: self.target,
            compression: self.compression,
            senders,
            pool: BlobPool::filled(
                own_blobs(producers),
                sinks * division.channel.capacity_bytes,
            ),
            when_spent: self.when_spent,
            shared,
        };
        (parts, receivers)
    }

    /// Starts a sink for each outlet, and the watch over them.
    pub(super) fn sinks(
        self,
        opened: Opened,
        outlets: Vec<(Outlet, Receiver<Blob>)>,
        set: Option<FileSetWriter>,
        shared: &Arc<Shared>,
        pool: &BlobPool,
    ) -> Result<Handle, SnapshotError> {
        let sinks = outlets.len();
        let channel = self.division(opened.producers, sinks).channel;
        let started = opened.started;
        let closing = Arc::new(Closing::new(Origin {
            sinks,
            set,
            started,
            cut_wait: opened.wait,
            cut_pause: opened.pause.unwrap_or_default(),
            fixed_bytes: self.fixed_bytes(opened.producers, sinks),
        }));
        let heads = self.heads(opened.sizes, sinks);
        let mut sizes = CutSizes::default();
        for head in &heads {
            sizes.add(&head.sizes);
        }
        shared.begin(&sizes);
        let watch = Watch {
            shared: Arc::clone(shared),
            limits: self.limits,
        };
        let watching = spawn_named("snapshot-watch", move || watch.run());
        if watching.is_finished() {
            // Without a sink it had nothing to end for: it never started.
            let ended = watching.join();
            ended.map_err(|source| SnapshotError::Sink { source })?;
        }
        let parts = outlets.into_iter().zip(heads).enumerate();
        let spawn = |(index, ((outlet, receiver), head))| {
            let sink = Sink {
                index,
                encoder: Encoder::new(self.target, self.compression),
                head,
                receiver,
                pool: pool.clone(),
                pace: self.pace_of_each(sinks, started),
                traversal_bytes_max: channel.capacity_bytes - channel.reserved_bytes,
                shared: Arc::clone(shared),
                closing: Arc::clone(&closing),
            };
            let share = Share::new(shared);
            spawn_named("snapshot-sink", move || sink.run(outlet, share))
        };
        let workers = parts.map(spawn).collect();
        Ok(Handle::new(workers, Arc::clone(shared)))
    }

    fn cut<S: Store>(
        &self,
        shards: &ShardSet<S>,
        parts: ProducerParts,
    ) -> Result<Vec<OpenedShard>, SnapshotError> {
        #[cfg(planted)]
        if self.plant.has(Bug::CutShardByShard) {
            return cut::open_shard_by_shard(shards, &parts);
        }
        cut::open(shards, parts, self.cut_deadline)
    }

    /// What stands at the head of each stream, if the shards had these sizes at the cut.
    fn heads(&self, sizes: Vec<CutSizes>, sinks: usize) -> Vec<Head> {
        let mut heads = Vec::new();
        heads.resize_with(sinks, Head::default);
        for (shard, sizes) in sizes.into_iter().enumerate() {
            heads[shard % sinks].sizes.add(&sizes);
        }
        if let Some(first) = heads.first_mut() {
            first.functions.clone_from(&self.functions);
        }
        heads
    }

    /// How each of so many files is written.
    pub(super) fn file_for_each(&self, files: usize) -> WriterOptions {
        division::for_each(self.budget_bytes, &self.file, files)
    }

    fn division(&self, producers: usize, sinks: usize) -> Division {
        Division::new(self.budget_bytes, &self.file, (producers, sinks))
    }

    fn pace_of_each(&self, sinks: usize, from: Instant) -> Pace {
        let bytes_per_s = self.pace_bytes_per_s.map(|bytes_per_s| {
            let each = bytes_per_s.get() / (sinks.max(1) as u64);
            NonZeroU64::new(each).unwrap_or(NonZeroU64::MIN)
        });
        Pace::new(bytes_per_s, from)
    }

    /// What encoders and writers take for themselves, at most, in bytes.
    fn fixed_bytes(&self, shards: usize, sinks: usize) -> usize {
        // A bucket of the largest values that do not ride makes a buffer grow twice.
        let producers = shards * 4 * BUFFER_BYTES;
        let sink = 2 * PIECE_BYTES + division::buffers_bytes(&self.file_for_each(sinks));
        producers + BlobPool::own_bytes(own_blobs(shards)) + sinks * sink
    }
}

/// Blobs that are there from the beginning: those that so many producers fill, and some between
/// writes.
const fn own_blobs(producers: usize) -> usize {
    2 * producers + 4
}
