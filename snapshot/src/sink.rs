//! A sink's thread: pulls blobs into one stream, at its pace; the last to end publishes.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aligned_io::FileSetWriter;
use rdb_format::Encoder;
use shard_runtime::Receiver;

use crate::blob::{Blob, BlobPool, Tally};
use crate::error::SnapshotError;
use crate::outlet::{self, Ended, Outlet};
use crate::pace::Pace;
use crate::planted::Bug;
use crate::progress::Phase;
use crate::report::{Part, Report};
use crate::save::{Body, Head, SaveBody};
use crate::shared::{Share, Shared};
use crate::sync::{Mutex, now, sleep};

/// Everything one sink's thread owns, but for the outlet.
#[derive(Debug)]
pub(crate) struct Sink {
    /// Its place among the sinks of the snapshot.
    pub(crate) index: usize,
    pub(crate) encoder: Encoder,
    pub(crate) head: Head,
    pub(crate) receiver: Receiver<Blob>,
    pub(crate) pool: BlobPool,
    pub(crate) pace: Pace,
    /// What the traversal may have on its way; more than this is there because of writes.
    pub(crate) traversal_bytes_max: usize,
    pub(crate) shared: Arc<Shared>,
    pub(crate) closing: Arc<Closing>,
}

impl Sink {
    /// Writes its stream, and publishes all if it is the last to end.
    pub(crate) fn run(self, mut outlet: Outlet, share: Share) {
        let written = self.write(&mut outlet);
        let written = written.and_then(|body| Ok((body, self.closing.written(&self.shared)?)));
        let ended = match written {
            Ok((body, written)) => self.end(outlet, body, written),
            Err(error) => {
                self.fail(error);
                // Waits for writes in flight, so it may hang as any write may.
                self.shared.in_output(self.index, || drop(outlet));
                Ok(None)
            }
        };
        match ended {
            Ok(Some(report)) => self.shared.succeed(report),
            Ok(None) => {}
            Err(error) => self.fail(error),
        }
        share.done();
    }

    /// Makes the stream durable; the last sink to come here publishes all.
    fn end(
        &self,
        outlet: Outlet,
        body: Body,
        written: Instant,
    ) -> Result<Option<Report>, SnapshotError> {
        let ended = self.shared.in_output(self.index, || outlet.finish())?;
        let ending = Ending { ended, body };
        self.closing.end(self.index, ending, written, &self.shared)
    }

    fn fail(&self, error: SnapshotError) {
        // Who ended the channels has told why.
        if !matches!(error, SnapshotError::Cancelled) {
            self.shared.fail_in_sink(error);
        }
        // Whatever the shards still want to send, to whichever sink, is in vain.
        self.shared.cancel("a sink failed");
    }

    fn write(&self, outlet: &mut Outlet) -> Result<Body, SnapshotError> {
        let mut pace = self.pace.clone();
        let write = |bytes: &[u8]| {
            // A rider may take long to write, and the snapshot may be over by now.
            if self.receiver.is_cancelled() && !self.shared.has(Bug::WriteAfterCancel) {
                return Err(SnapshotError::Cancelled);
            }
            let written = self
                .shared
                .in_output(self.index, || outlet.write_all(bytes));
            self.shared.add_bytes(bytes.len() as u64);
            written.map_err(SnapshotError::output)
        };
        let mut body =
            SaveBody::begin(self.encoder.clone(), write, &self.head, self.shared.plant())?;
        let mut swept = 0;
        loop {
            let next = self.receiver.recv();
            let Some(blob) = next.map_err(|_| SnapshotError::Cancelled)? else {
                return body.end(self.head.sizes.total());
            };
            let tally = blob.tally.clone();
            let (before, swept_part) = (body.bytes(), blob.swept_part());
            let empty = body.add(blob)?;
            self.shared.count(&tally);
            self.pool.recycle(empty);
            self.receiver.release();
            swept += swept_part.of(body.bytes() - before);
            self.keep_pace(&mut pace, body.bytes(), swept);
        }
    }

    /// Waits while more has been written than the pace allows, `swept` of it for the traversal,
    /// and nothing but that would have to wait for it.
    fn keep_pace(&self, pace: &mut Pace, bytes: u64, swept: u64) {
        let swept = if self.shared.has(Bug::StarveTraversal) {
            bytes
        } else {
            swept
        };
        while let Some(pause) = pace.pause(bytes, swept, now()) {
            let channel = self.receiver.stats();
            let hurried =
                channel.queued_bytes > self.traversal_bytes_max || channel.waiting_producers > 0;
            if hurried || self.receiver.is_cancelled() {
                return;
            }
            sleep(pause);
        }
    }
}

/// What all sinks of a snapshot have written, until the last of them has ended.
#[derive(Debug)]
pub(crate) struct Closing {
    state: Mutex<Streams>,
    started: Instant,
    cut_wait: Duration,
    cut_pause: Duration,
    fixed_bytes: usize,
}

/// How a snapshot began.
#[derive(Debug)]
pub(crate) struct Origin {
    /// How many sinks there are.
    pub(crate) sinks: usize,
    /// The set of files they write, if it is a set.
    pub(crate) set: Option<FileSetWriter>,
    pub(crate) started: Instant,
    pub(crate) cut_wait: Duration,
    pub(crate) cut_pause: Duration,
    pub(crate) fixed_bytes: usize,
}

#[derive(Debug)]
struct Streams {
    set: Option<FileSetWriter>,
    /// How many sinks are still writing.
    writing: usize,
    ended: Vec<Option<Ending>>,
}

/// What one sink has written to its end.
#[derive(Debug)]
struct Ending {
    ended: Ended,
    body: Body,
}

impl Closing {
    pub(crate) fn new(origin: Origin) -> Self {
        let Origin { sinks, set, .. } = origin;
        Self {
            state: Mutex::new(Streams {
                set,
                writing: sinks,
                ended: std::iter::repeat_with(|| None).take(sinks).collect(),
            }),
            started: origin.started,
            cut_wait: origin.cut_wait,
            cut_pause: origin.cut_pause,
            fixed_bytes: origin.fixed_bytes,
        }
    }

    /// One sink has written everything; when it was.
    fn written(&self, shared: &Shared) -> Result<Instant, SnapshotError> {
        let mut state = self.state.lock();
        state.writing -= 1;
        if state.writing == 0 {
            shared.advance(Phase::Syncing)?;
        }
        Ok(now())
    }

    /// One sink has ended; publishes and reports if all have.
    fn end(
        &self,
        index: usize,
        ending: Ending,
        written: Instant,
        shared: &Shared,
    ) -> Result<Option<Report>, SnapshotError> {
        let mut state = self.state.lock();
        state.ended[index] = Some(ending);
        if state.ended.iter().any(Option::is_none) {
            return Ok(None);
        }
        let endings = std::mem::take(&mut state.ended);
        let set = state.set.take();
        drop(state);
        shared.advance(Phase::Publishing)?;
        let mut tally = Tally::default();
        let (mut ended, mut parts) = (Vec::new(), Vec::new());
        for ending in endings.into_iter().flatten() {
            let Ending { ended: part, body } = ending;
            tally.add(&body.tally);
            let (path, mode) = part.place().unzip();
            parts.push(Part {
                keys: body.tally.types.total(),
                bytes: body.bytes,
                crc64: body.crc64,
                path,
                mode,
            });
            ended.push(part);
        }
        let note = format!("keys {}", tally.types.total());
        outlet::publish(set, &note, ended)?;
        let copied = shared.ledger().copied();
        let ended_at = now();
        Ok(Some(Report {
            keys: tally.types.total(),
            types: tally.types,
            riders: tally.riders,
            bytes: parts.iter().map(|part| part.bytes).sum(),
            parts,
            duration: ended_at.saturating_duration_since(self.started),
            cut_wait: self.cut_wait,
            cut_pause: self.cut_pause,
            publish: ended_at.saturating_duration_since(written),
            buckets_by_traversal: tally.buckets_by_traversal,
            buckets_by_writes: tally.buckets_by_writes,
            budget_bytes_used: shared.budget_bytes().1,
            copied_bytes: copied.total_bytes,
            copied_bytes_high_water: copied.high_water_bytes,
            fixed_bytes: self.fixed_bytes,
        }))
    }
}
