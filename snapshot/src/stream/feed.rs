//! A feed: what one shard gives to one stream, keys as they are found and then as they change.

mod frames;
mod waiting;

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use dash_table::Bucket;
use rdb_format::{Compression, Encoder, Target};
use shard_runtime::{Sender, TrySendError};

use self::waiting::Waiting;
use super::changes::{Changes, Mark};
use super::frame::{self, FrameKind};
use super::telling::Telling;
use crate::blob::{BLOB_BYTES, Blob, BlobPool};
use crate::error::SnapshotError;
use crate::key::Key;
use crate::planted::Bug;
use crate::producer::ask_for_values;
use crate::shared::Shared;
use crate::value::Value;

/// What a feed is made from, of one set of streams.
#[derive(Debug, Clone)]
pub(crate) struct FeedParts {
    pub(crate) target: Target,
    pub(crate) compression: Compression,
    pub(crate) telling: Telling,
    /// One for each shard.
    pub(crate) senders: Vec<Sender<Blob>>,
    pub(crate) pool: BlobPool,
    /// What a feed may keep beside its channel, in bytes.
    pub(crate) held_bytes_max: usize,
    pub(crate) shared: Arc<Shared>,
}

/// What one shard feeds to one stream.
///
/// Nothing here ever waits. What the channel has no room for is kept, within a budget; changes are
/// kept as the keys that have changed, and encoded when their turn has come. When the budget is
/// spent the streams end, and the shard goes on.
pub(crate) struct Feed {
    encoder: Encoder,
    telling: Telling,
    // None once the streams have ended.
    sender: Option<Sender<Blob>>,
    pool: BlobPool,
    // Whole blobs for which there was no room.
    waiting: Waiting,
    #[cfg(planted)]
    withheld: Option<Blob>,
    blob: Blob,
    open: Option<Open>,
    // Counts buckets and changes: what is added at once.
    step: u64,
    changes: Changes,
    sealed: Option<Sealed>,
    // How many keys there were of databases none of whose keys were told yet.
    promised: Vec<(u32, u64)>,
    held_bytes_max: usize,
    // Wakes the task that tells changes, if it waits for some.
    waker: Option<Waker>,
    work_bytes: u64,
    scratch: Vec<u8>,
    shared: Arc<Shared>,
}

/// A frame that is being filled.
#[derive(Debug, Clone, Copy)]
struct Open {
    kind: FrameKind,
    // Where it begins in the blob.
    start: usize,
    // The database that a record appended to it would fall into.
    selected: Option<u32>,
}

/// The changes before a cut that have not been told yet.
///
/// Each is told with the state of the cut: by the task, if nothing has happened to the key since,
/// or else by the write that is about to change it again.
#[derive(Debug)]
struct Sealed {
    changes: Changes,
    cut: u64,
}

/// What is to be told next.
#[derive(Debug)]
pub(crate) enum Next {
    /// What a key holds now, and what its value was marked with.
    Key(u32, Key, Mark),
    /// Everything up to the cut that is under way has been told.
    Cut,
    /// Nothing.
    Nothing,
}

impl Feed {
    /// The feed of shard number `shard`.
    pub(crate) fn new(parts: &FeedParts, shard: usize) -> Self {
        Self {
            encoder: Encoder::new(parts.target, parts.compression),
            telling: parts.telling,
            sender: Some(parts.senders[shard].clone()),
            blob: parts.pool.blob(),
            pool: parts.pool.clone(),
            waiting: Waiting::default(),
            #[cfg(planted)]
            withheld: None,
            open: None,
            step: 0,
            changes: Changes::default(),
            sealed: None,
            promised: Vec::new(),
            held_bytes_max: parts.held_bytes_max,
            waker: None,
            work_bytes: 0,
            scratch: Vec::new(),
            shared: Arc::clone(&parts.shared),
        }
    }

    /// Databases have so many keys: whoever reads the stream is told, so that there is room.
    pub(crate) fn promise(&mut self, keys: Vec<(u32, u64)>) {
        self.promised = keys;
    }

    /// Whether this bug is planted in the streams.
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.shared.has(bug)
    }

    /// What the streams of all shards share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether the streams have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.sender.as_ref().is_none_or(Sender::is_cancelled)
    }

    /// What the values encoded so far weigh, in bytes: how much work they were.
    pub(crate) fn work_bytes(&self) -> u64 {
        self.work_bytes
    }

    /// Appends the entries of `bucket`, as they are now.
    pub(crate) fn deliver<V: Value>(&mut self, database: u32, bucket: Bucket<'_, Key, V>) {
        if self.is_over() {
            return;
        }
        ask_for_values(bucket);
        self.step += 1;
        #[cfg(planted)]
        if self.has(Bug::ChangeBeforeBase) {
            self.close_frame();
            self.put_by();
        }
        for (key, value) in bucket.iter() {
            // It had left, and has come back to a bucket that is delivered only now.
            self.changes.forget(database, key);
            self.blob.tally.types.add(value.value_type().family(), 1);
            self.upsert(FrameKind::Base, database, key, value);
        }
        #[cfg(planted)]
        if self.has(Bug::ChangeBeforeBase) {
            self.withhold();
        }
        self.hold();
    }

    /// Keeps what was just delivered until something else is.
    #[cfg(planted)]
    fn withhold(&mut self) {
        self.close_frame();
        let blob = std::mem::replace(&mut self.blob, self.pool.blob());
        if let Some(blob) = self.withheld.replace(blob) {
            self.waiting.push(self.step, blob);
        }
    }

    /// The key is about to change, from `value`, in a bucket that has been delivered.
    pub(crate) fn note<V: Value>(&mut self, database: u32, key: &Key, value: Option<&V>) {
        if self.sender.is_none() {
            return;
        }
        if let Some(sealed) = &mut self.sealed
            && let Some(mark) = sealed.changes.forget(database, key)
            && !self.shared.has(Bug::ForgetSealedChange)
        {
            self.tell(database, key, value, mark);
        }
        if self.has(Bug::MarkLastChange) {
            self.changes.forget(database, key);
        }
        // A value without a named state keeps nothing for this stream.
        let telling = if self.has(Bug::TellDeltasToAll) {
            Telling::Deltas
        } else {
            self.telling
        };
        self.changes.note(database, key, || {
            Mark(value.and_then(|value| match telling {
                Telling::Whole => None,
                Telling::Deltas => value.mark(),
            }))
        });
        self.hold();
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// What is to be told next.
    pub(crate) fn next(&mut self) -> Next {
        if let Some(sealed) = &mut self.sealed {
            return match sealed.changes.next() {
                Some((database, key, mark)) => Next::Key(database, key, mark),
                None => Next::Cut,
            };
        }
        match self.changes.next() {
            Some((database, key, mark)) => Next::Key(database, key, mark),
            None => Next::Nothing,
        }
    }

    /// Appends what a key has changed to: what came after `mark`, if the value can tell that, or
    /// all of it; or that it is gone.
    pub(crate) fn tell<V: Value>(
        &mut self,
        database: u32,
        key: &Key,
        value: Option<&V>,
        mark: Mark,
    ) {
        self.blob.tally.changes += 1;
        self.step += 1;
        let Some(value) = value else {
            if !self.has(Bug::MissDelete) {
                self.append(FrameKind::Delete, database, key, &[]);
            }
            return;
        };
        if let Mark(Some(mark)) = mark {
            let mut delta = std::mem::take(&mut self.scratch);
            delta.clear();
            let told = value.delta_since(mark, &mut delta) && Self::fits(key, &delta);
            if told {
                self.work_bytes += delta.len() as u64;
                self.append(FrameKind::Delta, database, key, &delta);
            }
            self.scratch = delta;
            if told {
                return;
            }
        }
        self.upsert(FrameKind::Set, database, key, value);
    }

    /// A cut is taken at this moment: what has changed until now is told before what comes.
    pub(crate) fn cut(&mut self, cut: u64) {
        assert!(self.sealed.is_none(), "one cut comes after the other");
        let changes = if self.has(Bug::CutBeforeChanges) {
            Changes::default()
        } else {
            std::mem::take(&mut self.changes)
        };
        self.sealed = Some(Sealed { changes, cut });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Appends that everything up to the cut has been told.
    pub(crate) fn pass_cut(&mut self) {
        if let Some(sealed) = self.sealed.take() {
            self.close_frame();
            self.make_place();
            let start = frame::begin(&mut self.blob.bytes, FrameKind::Cut);
            self.blob.bytes.extend_from_slice(&sealed.cut.to_le_bytes());
            frame::end(&mut self.blob.bytes, start);
        }
    }

    /// Sends what is whole, without waiting. Returns whether all of it is out of the way; if not,
    /// `waker` is woken when another try is worth it.
    pub(crate) fn make_room(&mut self, waker: &Waker) -> bool {
        if self.blob.bytes.len() >= BLOB_BYTES {
            self.close_frame();
            self.put_by();
        }
        while let Some((step, blob)) = self.waiting.pop() {
            let Some(sender) = &self.sender else {
                return true;
            };
            let waker = if self.shared.has(Bug::LoseWaker) {
                Waker::noop()
            } else {
                waker
            };
            blob.riders.iter().for_each(|rider| rider.account.sent());
            #[cfg(planted)]
            if self.shared.has(Bug::WriteWaitsForStream) {
                drop(sender.send(blob));
                continue;
            }
            match sender.try_send(blob, waker) {
                Ok(()) => {}
                Err(TrySendError::Full(blob)) => {
                    blob.riders.iter().for_each(|rider| rider.account.back());
                    self.waiting.put_back(step, blob);
                    return false;
                }
                Err(_) => self.stop(),
            }
        }
        true
    }

    /// As [`make_room`](Self::make_room), with what is not a whole blob yet, too.
    pub(crate) fn flush(&mut self, waker: &Waker) -> bool {
        #[cfg(planted)]
        if let Some(blob) = self.withheld.take() {
            self.waiting.push(self.step, blob);
        }
        if !self.make_room(waker) {
            return false;
        }
        self.close_frame();
        self.put_by();
        self.make_room(waker)
    }

    /// `waker` is to be woken at the next change.
    pub(crate) fn wait_for_changes(&mut self, waker: &Waker) {
        self.waker = Some(waker.clone());
    }

    /// Ends the streams if more is kept than the budget allows. Riders may be heavier, those of one
    /// step: a bucket is delivered at once, and if it were too heavy once it would be for ever.
    fn hold(&mut self) {
        let sealed = self.sealed.as_ref();
        let changes = self.changes.bytes() + sealed.map_or(0, |sealed| sealed.changes.bytes());
        let held = self.waiting.bytes() + self.blob.load_bytes() + changes;
        let max = self.held_bytes_max;
        if held > max && held - self.waiting.next_riders_bytes() > max {
            self.fail(SnapshotError::BudgetSpent);
        }
    }

    /// Nothing more is wanted of this shard.
    fn stop(&mut self) {
        self.sender = None;
        self.waiting = Waiting::default();
        self.blob = Blob::hollow();
        self.open = None;
        self.changes = Changes::default();
        self.sealed = None;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Ends all streams; unless they have ended before, whose cause is told by whoever did it.
    pub(crate) fn fail(&mut self, error: SnapshotError) {
        let sender = self.sender.take().filter(|sender| !sender.is_cancelled());
        self.stop();
        if let Some(sender) = sender {
            self.shared.fail(error);
            sender.cancel("a shard's feed failed");
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.fail(SnapshotError::ShardLost);
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("waiting_bytes", &self.waiting.bytes())
            .field("changes_bytes", &self.changes.bytes())
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}
