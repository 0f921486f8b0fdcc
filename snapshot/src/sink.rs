//! The sink's thread: pulls blobs into one stream, at its pace, and publishes it.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdb_format::Encoder;
use shard_runtime::Receiver;

use crate::blob::{Blob, BlobPool};
use crate::error::SnapshotError;
use crate::outlet::Outlet;
use crate::pace::Pace;
use crate::progress::Phase;
use crate::report::Report;
use crate::save::{Body, Head, SaveBody};
use crate::shared::Shared;

/// Everything the sink's thread owns, but for the outlet.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) encoder: Encoder,
    pub(crate) head: Head,
    pub(crate) receiver: Receiver<Blob>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: BlobPool,
    pub(crate) pace_bytes_per_s: Option<NonZeroU64>,
    /// What the traversal may have on its way; more than this is there because of writes.
    pub(crate) sweep_bytes: usize,
    pub(crate) fixed_bytes: usize,
    pub(crate) started: Instant,
    pub(crate) cut_pause: Duration,
}

impl Sink {
    /// Writes and publishes the snapshot, and tells its outcome.
    pub(crate) fn run(self, outlet: Outlet) {
        let shared = Arc::clone(&self.shared);
        // If this thread panics, whoever waits learns of it from the thread.
        let over = OverOnDrop(&shared);
        let outcome = self.write_and_publish(outlet);
        over.0.end(Some(outcome));
    }

    fn write_and_publish(self, mut outlet: Outlet) -> Result<Report, SnapshotError> {
        let written = self.write(&mut outlet);
        if written.is_err() {
            // Whatever the shards still want to send is in vain.
            self.receiver.cancel("the sink failed");
        }
        match written.and_then(|body| self.publish(outlet, body)) {
            // What failed first is the cause.
            Err(error) => Err(self.shared.take_failure().unwrap_or(error)),
            done => done,
        }
    }

    fn write(&self, outlet: &mut Outlet) -> Result<Body, SnapshotError> {
        let encoder = self.encoder.clone();
        let mut pace = Pace::new(self.pace_bytes_per_s, self.started);
        let mut body = SaveBody::begin(encoder, outlet, &self.shared, &self.head)?;
        while let Some(blob) = self.receiver.recv().map_err(|_| SnapshotError::Cancelled)? {
            let recycled = body.add(blob)?;
            self.pool.recycle(recycled);
            self.receiver.release();
            self.keep_pace(&mut pace, body.bytes());
        }
        body.end(self.head.sizes.total())
    }

    /// Waits while more has been written than the pace allows, and nothing but the traversal
    /// would have to wait for it.
    fn keep_pace(&self, pace: &mut Pace, bytes: u64) {
        while let Some(pause) = pace.pause(bytes, Instant::now()) {
            let queued_bytes = self.receiver.stats().queued_bytes;
            if queued_bytes > self.sweep_bytes || self.receiver.is_cancelled() {
                return;
            }
            std::thread::sleep(pause);
        }
    }

    fn publish(&self, outlet: Outlet, body: Body) -> Result<Report, SnapshotError> {
        self.shared.advance(Phase::Syncing)?;
        let written = Instant::now();
        let ended = self.shared.in_output(|| outlet.finish())?;
        self.shared.advance(Phase::Publishing)?;
        let file = ended.publish()?;
        Ok(Report {
            keys: body.tally.types.total(),
            types: body.tally.types,
            riders: body.tally.riders,
            bytes: body.bytes,
            crc64: body.crc64,
            duration: self.started.elapsed(),
            cut_pause: self.cut_pause,
            publish: written.elapsed(),
            buckets_by_traversal: body.tally.buckets_by_traversal,
            buckets_by_writes: body.tally.buckets_by_writes,
            budget_bytes_used: self.receiver.stats().high_water_bytes,
            fixed_bytes: self.fixed_bytes,
            file,
        })
    }
}

/// Says that the snapshot is over, however the sink's thread ends.
struct OverOnDrop<'a>(&'a Shared);

impl Drop for OverOnDrop<'_> {
    fn drop(&mut self) {
        self.0.end(None);
    }
}
