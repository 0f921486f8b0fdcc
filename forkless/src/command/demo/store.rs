//! The demo's store: a keyspace that knows how far each writer has come.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use forkless::Object;
use rustix::time::{ClockId, clock_gettime};
use shard_runtime::{ShardError, ShardSet};
use snapshot::{FromRdb, Keyspace, Store, shard_hash};

use crate::command::demo::measure::{Sample, Took};
use crate::command::demo::workload::{self, FILLED, Operation, Plan};

/// The state of a demo shard.
#[derive(Debug)]
pub(crate) struct DemoShard {
    keyspace: Keyspace<Object>,
    // For each writer the number of its last operation applied here.
    applied: Vec<u64>,
    at_cut: Vec<u64>,
}

impl DemoShard {
    pub(crate) fn new(writers: u32) -> Self {
        let applied = vec![0; writers as usize];
        Self {
            keyspace: Keyspace::new(),
            at_cut: applied.clone(),
            applied,
        }
    }

    /// For each writer the number of its last operation that the cut saw here.
    pub(crate) fn at_cut(&self) -> &[u64] {
        &self.at_cut
    }
}

impl Store for DemoShard {
    type Value = Object;

    fn keyspace(&mut self) -> &mut Keyspace<Object> {
        &mut self.keyspace
    }

    fn on_cut(&mut self) {
        self.at_cut.clone_from(&self.applied);
    }
}

/// Fills the store: every id below the plan's number of keys, as version [`FILLED`].
pub(crate) fn fill(
    shards: &ShardSet<DemoShard>,
    plan: Plan,
    mut each_thousand: impl FnMut(),
) -> Result<(), ShardError> {
    let mut batches: Vec<Vec<(snapshot::Key, Object)>> = Vec::new();
    batches.resize_with(shards.len(), Vec::new);
    let insert = |shard: usize, batch: Vec<(snapshot::Key, Object)>| {
        shards.send(shard, move |shard| {
            let table = shard.state().keyspace().database(0);
            for (key, value) in batch {
                table.insert(key, value);
            }
        })
    };
    let mut value = Vec::new();
    for id in 0..plan.keys {
        let key = workload::key(id);
        plan.value(id, FILLED, &mut value);
        let shard = shards.shard_of(shard_hash(key.as_bytes()));
        batches[shard].push((key, Object::from_string(&value, None)));
        if batches[shard].len() == 256 {
            insert(shard, std::mem::take(&mut batches[shard]))?;
        }
        if id % 1000 == 999 {
            each_thousand();
        }
    }
    for (shard, batch) in batches.into_iter().enumerate() {
        insert(shard, batch)?;
        // The answer says that everything before it has been applied too.
        shards.call(shard, |_| ())?;
    }
    Ok(())
}

/// What a writer did.
#[derive(Debug, Default)]
pub(crate) struct WriterLog {
    pub(crate) samples: Vec<Sample>,
    /// Reads, each compared with what was written last.
    pub(crate) reads: u64,
    /// Reads that found something else; there must be none.
    pub(crate) wrong_reads: u64,
}

/// For how long the calling thread has had a core.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime)
        .try_into()
        .unwrap_or_default()
}

/// A writer: sends one operation, waits until it is applied, sends the next.
#[derive(Debug)]
pub(crate) struct Writer {
    shards: Arc<ShardSet<DemoShard>>,
    plan: Plan,
    index: u32,
    // Time from one operation to the next; none at all if there is no rate to keep.
    interval: Duration,
    stop: Arc<AtomicBool>,
    // What each of this writer's ids holds now; None: nothing.
    versions: Vec<Option<u64>>,
}

impl Writer {
    /// One that has what it needs, and has done nothing.
    pub(crate) fn new(
        shards: &Arc<ShardSet<DemoShard>>,
        plan: Plan,
        index: u32,
        interval: Duration,
        stop: &Arc<AtomicBool>,
    ) -> Self {
        let filled = |owned| (owned * plan.writers + index < plan.keys).then_some(FILLED);
        Self {
            shards: Arc::clone(shards),
            plan,
            index,
            interval,
            stop: Arc::clone(stop),
            versions: (0..plan.owned(index)).map(filled).collect(),
        }
    }

    /// Writes and reads until told to stop; times count from `start`.
    pub(crate) fn run(mut self, start: Instant) -> Result<WriterLog, ShardError> {
        let plan = self.plan;
        let mut log = WriterLog {
            samples: Vec::with_capacity(1 << 20),
            ..WriterLog::default()
        };
        let mut versions = std::mem::take(&mut self.versions);
        let mut value = Vec::new();
        let mut due = Instant::now();
        for (number, operation) in plan.operations(self.index) {
            due += self.interval;
            // Relaxed: a flag that orders nothing; the thread is joined afterwards.
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let id = operation.id();
            let version = &mut versions[(id / plan.writers) as usize];
            match operation {
                Operation::Get(_) => {
                    self.await_turn(due);
                    log.reads += 1;
                    log.wrong_reads += u64::from(!self.reads_back(id, *version, &mut value)?);
                }
                Operation::Set(_) | Operation::Delete(_) => {
                    let is_set = matches!(operation, Operation::Set(_));
                    let object = is_set.then(|| {
                        plan.value(id, number, &mut value);
                        Object::from_string(&value, None)
                    });
                    let sent = self.await_turn(due);
                    let took = self.write(sent, id, number, object)?;
                    let at = sent.duration_since(start);
                    log.samples.push(Sample::new(at, took));
                    *version = is_set.then_some(number);
                }
            }
        }
        Ok(log)
    }

    /// Waits until an operation is due, and says from when on its time counts: from when it was
    /// due, if the writer is late because the one before it took so long; else from now on, so
    /// that what a sleep takes too long is nobody's latency.
    fn await_turn(&self, due: Instant) -> Instant {
        if self.interval.is_zero() {
            return Instant::now();
        }
        let wait = due.saturating_duration_since(Instant::now());
        if wait.is_zero() {
            return due;
        }
        thread::sleep(wait);
        Instant::now()
    }

    fn write(
        &self,
        sent: Instant,
        id: u32,
        number: u64,
        object: Option<Object>,
    ) -> Result<Took, ShardError> {
        let key = workload::key(id);
        let shard = self.shards.shard_of(shard_hash(key.as_bytes()));
        let writer = self.index as usize;
        let (on_shard, of_processor) = self.shards.call(shard, move |shard| {
            let (of_processor, began) = (processor_time(), Instant::now());
            let state = shard.state();
            state.applied[writer] = number;
            let table = state.keyspace.database(0);
            let old = match object {
                Some(object) => table.insert(key, object),
                None => table.remove(key.as_bytes()),
            };
            let on_shard = began.elapsed();
            let of_processor = processor_time().saturating_sub(of_processor);
            drop(old);
            // That clock is slow to read, which is no part of the write.
            (on_shard, of_processor.min(on_shard))
        })?;
        Ok(Took {
            round_trip: sent.elapsed(),
            on_shard,
            of_processor,
        })
    }

    fn reads_back(
        &self,
        id: u32,
        version: Option<u64>,
        expected: &mut Vec<u8>,
    ) -> Result<bool, ShardError> {
        let key = workload::key(id);
        let shard = self.shards.shard_of(shard_hash(key.as_bytes()));
        let found = self.shards.call(shard, move |shard| {
            let table = shard.state().keyspace.database(0);
            table
                .get(key.as_bytes())
                .and_then(Object::as_string)
                .map(<[u8]>::to_vec)
        })?;
        let Some(version) = version else {
            return Ok(found.is_none());
        };
        self.plan.value(id, version, expected);
        Ok(found.as_deref() == Some(expected))
    }
}
