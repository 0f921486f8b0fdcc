//! The key-values of a replica's store at one moment, read by several producers at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use epaxos_store::{Order, RecordRange, StoreError};
use rdb_format::Value as Codec;
use shard_runtime::spawn_named;

use crate::cut::CutSizes;
use crate::error::SnapshotError;
use crate::key::Key;
use crate::owned::Owned;
use crate::producer::{Producer, ProducerParts};
use crate::sync::Mutex;

/// The database of a file that records stand in.
const DATABASE: u32 = 0;

/// Ranges of keys for each producer: who is through with one early takes another.
const RANGES_PER_PRODUCER: usize = 8;

/// How long a producer sleeps at most that waits for room, should nobody wake it.
const NAP: Duration = Duration::from_millis(100);

/// The key-values of an `epaxos-store` at one moment, as strings of database 0.
///
/// Nobody waits for them: they are read from a snapshot of the engine while writers go on, by
/// several producers over ranges of keys, each range as blobs of its own.
///
/// ```
/// use epaxos_store::{Options, ReplicaId, Store};
/// use snapshot::{Records, Snapshot};
///
/// # let folder = tempfile::tempdir()?;
/// # let (path, file) = (folder.path().join("store"), folder.path().join("dump.rdb"));
/// let store = Store::open(&path, &Options::new(ReplicaId(1)))?;
/// store.engine().set_kv(b"key", b"value")?;
/// let records = Records::new(store.snapshot());
/// store.engine().set_kv(b"later", b"value")?;
/// let report = Snapshot::new().records_to_file(&records, &file)?.wait()?;
/// assert_eq!(report.keys, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Records {
    moment: Arc<epaxos_store::Snapshot>,
    producers: usize,
}

impl Records {
    /// The records at this moment, to be read by as many threads as there are cores.
    pub fn new(moment: epaxos_store::Snapshot) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            moment: Arc::new(moment),
            producers: cores,
        }
    }

    /// How many threads read them, each in a range of keys of its own; at least one.
    #[must_use]
    pub fn producers(mut self, producers: usize) -> Self {
        self.producers = producers.max(1);
        self
    }

    /// How many threads read them.
    pub(crate) fn threads(&self) -> usize {
        self.producers
    }

    /// Ranges of keys for so many sinks, and how many records each has; counted by all producers.
    pub(crate) fn ranges(&self, sinks: usize) -> Result<Vec<Range>, SnapshotError> {
        let ranges_max = self
            .producers
            .max(sinks)
            .saturating_mul(RANGES_PER_PRODUCER);
        let ranges = self.moment.record_ranges(ranges_max);
        let ranges = ranges.map_err(|source| SnapshotError::Records { source })?;
        let share = ranges.len().div_ceil(self.producers).max(1);
        let counting = ranges.chunks(share).map(|share| {
            let (moment, share) = (Arc::clone(&self.moment), share.to_vec());
            spawn_named("snapshot-count", move || counted(&moment, share))
        });
        let counting = counting.collect::<Vec<_>>();
        let mut all = Vec::new();
        for worker in counting {
            let counted = worker.join();
            let counted = counted.map_err(|source| SnapshotError::Sink { source })?;
            all.extend(counted.map_err(|source| SnapshotError::Records { source })?);
        }
        Ok(all)
    }

    /// Starts the producers. Range `n` goes to sink `n`, modulo how many there are.
    pub(crate) fn produce(&self, ranges: Vec<Range>, parts: &ProducerParts) {
        let work = ranges.into_iter().enumerate();
        // A producer that is never taken from here, or is dropped on its way, fails the snapshot.
        let work = work.map(|(number, range)| (range.keys, Producer::new(parts, number)));
        let work = Arc::new(Mutex::new(work.collect::<VecDeque<_>>()));
        for _ in 0..self.producers {
            let reader = Reader {
                moment: Arc::clone(&self.moment),
                work: Arc::clone(&work),
            };
            drop(spawn_named("snapshot-records", move || reader.run()));
        }
    }
}

/// Records of which one producer takes care.
#[derive(Debug)]
pub(crate) struct Range {
    keys: RecordRange,
    count: u64,
}

impl Range {
    pub(crate) fn sizes(&self) -> CutSizes {
        CutSizes {
            keys: BTreeMap::from([(DATABASE, self.count)]),
            buckets: 0,
        }
    }
}

fn counted(
    moment: &epaxos_store::Snapshot,
    ranges: Vec<RecordRange>,
) -> Result<Vec<Range>, StoreError> {
    let counted = ranges.into_iter().map(|keys| {
        let count = moment.count_records(&keys)?;
        Ok(Range { keys, count })
    });
    counted.collect()
}

/// A thread that reads ranges, as long as there are any.
struct Reader {
    moment: Arc<epaxos_store::Snapshot>,
    work: Arc<Mutex<VecDeque<(RecordRange, Producer)>>>,
}

impl Reader {
    fn run(self) {
        let waker = Waker::from(Arc::new(Sleeper(thread::current())));
        loop {
            // Not held while the range is read.
            let next = self.work.lock().pop_front();
            let Some((keys, mut producer)) = next else {
                return;
            };
            match self.read(&keys, &mut producer, &waker) {
                Ok(()) if producer.is_over() => {}
                Ok(()) => producer.finish(),
                Err(error) => producer.fail(error),
            }
        }
    }

    /// Delivers all records of a range, or up to where nothing is wanted any more.
    fn read(
        &self,
        keys: &RecordRange,
        producer: &mut Producer,
        waker: &Waker,
    ) -> Result<(), SnapshotError> {
        let unreadable = |source| SnapshotError::Records { source };
        let records = self
            .moment
            .records(&keys.start, keys.end.as_deref(), Order::Ascending)
            .map_err(unreadable)?;
        for record in records {
            let (key, value) = record.map_err(unreadable)?;
            let key = Key::from(key.as_slice());
            let value = Owned::new(Codec::String(value), None);
            let appended = producer.append(DATABASE, &key, &value);
            appended.map_err(|source| SnapshotError::encode(DATABASE, &key, source))?;
            while !producer.make_room(waker) {
                thread::park_timeout(NAP);
            }
            if producer.is_over() {
                return Ok(());
            }
        }
        while !producer.flush(waker) {
            thread::park_timeout(NAP);
        }
        Ok(())
    }
}

/// A thread that sleeps until there is room.
struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
