//! How the caller learns of the end, and what the report says.

use std::fs;
use std::io;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Duration;

use rdb_format::Family;
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Handle, Report, SnapshotError};

use crate::output::{Failing, Gate, Panicking};
use crate::store::{filled, set};
use crate::tiny_store::{
    Memory, TinyStore, decode, difference, patient, patient_load, state_at_cut,
};

#[test]
fn file_appears_whole_and_loads_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    let shards = filled(5000, 300);
    // Heavy enough to be frozen, and to be encoded in several pieces.
    set(&shards, 5000, 1_000_000);
    let report = patient().to_file(&shards, &path).unwrap().wait().unwrap();
    assert_eq!(report.riders, 1);
    assert_eq!(report.bytes, fs::metadata(&path).unwrap().len());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    let config = ShardSetConfig {
        shards: 3,
        ..ShardSetConfig::default()
    };
    let others = ShardSet::start(config, |_| TinyStore::default()).unwrap();
    let loaded = patient_load()
        .from_reader(fs::File::open(&path).unwrap(), &others)
        .unwrap();
    assert_eq!(loaded.keys, 5001);
    let memory = Memory::default();
    patient()
        .to_writer(&others, memory.clone())
        .unwrap()
        .wait()
        .unwrap();
    let found = decode(&memory.take()).unwrap();
    assert_eq!(difference(&found, &state_at_cut(&shards, 0)), None);
}

/// Waits until `handle` is over, in async code that has no runtime.
fn block_on(handle: Handle) -> Result<Report, SnapshotError> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(thread::current())).into();
    let mut handle = pin!(handle);
    loop {
        match handle.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => return outcome,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn handle_can_be_awaited() {
    let shards = filled(3000, 1000);
    let handle = patient().to_writer(&shards, io::sink()).unwrap();
    assert_eq!(block_on(handle).unwrap().keys, 3000);
    let handle = patient().to_writer(&shards, Failing(0)).unwrap();
    let error = block_on(handle).unwrap_err();
    assert!(matches!(error, SnapshotError::Output { .. }), "{error:?}");
    let handle = patient().to_writer(&shards, Panicking).unwrap();
    let error = block_on(handle).unwrap_err();
    assert!(matches!(error, SnapshotError::Sink { .. }), "{error:?}");
}

#[test]
fn report_says_what_was_delivered_and_by_whom() {
    let shards = filled(3000, 1000);
    set(&shards, 3000, 100_000);
    let (open, gate) = mpsc::channel();
    // The traversal fills a quarter of the budget and goes no further while the gate is closed.
    let handle = patient()
        .budget_bytes(2 << 20)
        .to_writer(&shards, Gate(gate))
        .unwrap();
    // No more than find room before the shards, should they wait for the budget.
    for number in 0..800 {
        set(&shards, number, 20);
    }
    drop(open);
    while !handle.wait_timeout(Duration::from_secs(1)) {}
    let progress = handle.progress();
    assert_eq!((progress.keys_done, progress.keys_total), (3001, 3001));
    assert_eq!(progress.remaining(), Some(Duration::ZERO));
    let buckets = progress.buckets_by_traversal + progress.buckets_by_writes;
    assert!(3001 <= 14 * buckets && buckets <= progress.buckets_total);
    let report = handle.wait().unwrap();
    assert_eq!(report.types.get(Family::String), 3001);
    assert_eq!(report.types.iter().count(), 1);
    assert_eq!(report.buckets_by_writes, progress.buckets_by_writes);
    assert_eq!(report.buckets_by_traversal, progress.buckets_by_traversal);
    assert_eq!((report.riders, progress.riders), (1, 1));
    assert!(progress.rider_bytes >= 100_000);
    assert!(report.buckets_by_writes > 0, "{report:?}");
}
