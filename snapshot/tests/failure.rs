//! When something fails, the snapshot fails as a whole and with its cause, nothing appears
//! under a final name, and the store goes on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tiny_store;

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake};
use std::thread::{self, Thread};
use std::time::Duration;

use rdb_format::Family;
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Handle, Phase, Report, SnapshotError, WhenSpent};

use crate::tiny_store::{
    Memory, TinyStore, decode, difference, patient, patient_load, shard_of, state_at_cut,
};

/// Two shards with `keys` keys of `value_bytes` each.
fn filled(keys: usize, value_bytes: usize) -> ShardSet<TinyStore> {
    let config = ShardSetConfig {
        shards: 2,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| TinyStore::default()).unwrap();
    for number in 0..keys {
        set(&shards, number, value_bytes);
    }
    shards
}

fn set(shards: &ShardSet<TinyStore>, number: usize, value_bytes: usize) {
    let key = format!("key {number}").into_bytes();
    let shard = shard_of(shards, &key);
    let value = vec![b'v'; value_bytes];
    shards
        .send(shard, move |shard| shard.state().set(0, &key, &value))
        .unwrap();
}

/// A snapshot taken now is exact: nothing of an earlier one is in its way.
fn next_snapshot_is_exact(shards: &ShardSet<TinyStore>, cut: usize) {
    let memory = Memory::default();
    let handle = patient().to_writer(shards, memory.clone()).unwrap();
    handle.wait().unwrap();
    let found = decode(&memory.take()).unwrap();
    assert_eq!(difference(&found, &state_at_cut(shards, cut)), None);
}

/// Takes some bytes, and then none any more.
struct Failing(usize);

impl Write for Failing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(io::Error::other("out of paper"));
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn failed_output_is_the_cause_wherever_it_fails() {
    let shards = filled(3000, 1000);
    for (cut, bytes) in [0, 100, 300_000, 3_000_000].into_iter().enumerate() {
        let handle = patient().to_writer(&shards, Failing(bytes)).unwrap();
        let error = handle.wait().unwrap_err();
        assert!(matches!(error, SnapshotError::Output { .. }), "{error:?}");
        assert_eq!(error.source().unwrap().to_string(), "out of paper");
        set(&shards, cut, 10);
    }
    next_snapshot_is_exact(&shards, 4);
}

/// Waits with each write until it may go on, or its other end is gone.
struct Gate(mpsc::Receiver<()>);

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.recv().ok();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn cancelled_snapshot_says_so_and_leaves_nothing_behind() {
    let shards = filled(3000, 1000);
    let (open, gate) = mpsc::channel();
    let handle = patient().to_writer(&shards, Gate(gate)).unwrap();
    handle.cancel();
    drop(open);
    assert!(matches!(handle.wait(), Err(SnapshotError::Cancelled)));
    for number in 0..3000 {
        set(&shards, number, 20);
    }
    next_snapshot_is_exact(&shards, 1);
}

/// Takes a snapshot into a sink that hangs, overwrites `writes` of the keys, lets the sink go
/// on, and returns how many bytes of its budget the snapshot used.
fn used_with_hanging_sink(value_bytes: usize, writes: usize, budget_bytes: usize) -> usize {
    let shards = filled(1000, value_bytes);
    let (open, gate) = mpsc::channel();
    let handle = patient()
        .budget_bytes(budget_bytes)
        .to_writer(&shards, Gate(gate))
        .unwrap();
    for number in 0..writes {
        set(&shards, number, 500);
    }
    for shard in 0..2 {
        // Answered while the sink hangs: nothing on the shard waits for it.
        shards.call(shard, |_| ()).unwrap();
    }
    assert_eq!(handle.progress().phase, Phase::Writing);
    drop(open);
    let report = handle.wait().unwrap();
    assert_eq!(report.keys, 1000);
    assert!(report.budget_bytes_used <= budget_bytes, "{report:?}");
    report.budget_bytes_used
}

#[test]
fn writes_go_on_while_the_sink_hangs() {
    // The traversal fills a quarter of the budget; the rest has room for what writes deliver.
    used_with_hanging_sink(1000, 100, 4 << 20);
}

#[test]
fn traversal_never_holds_a_shard_and_leaves_writes_their_share() {
    // The heaviest values that do not ride: few buckets fill the traversal's quarter.
    for budget_bytes in [1 << 20, 4 << 20] {
        let used = used_with_hanging_sink(16_000, 0, budget_bytes);
        // The blob in the sink's hand passes alone when it is the first.
        assert!(
            used <= budget_bytes / 4 + (640 << 10),
            "{used} of {budget_bytes}"
        );
    }
}

#[test]
fn riders_count_against_the_budget() {
    let shards = filled(300, 100_000);
    let (open, gate) = mpsc::channel();
    let budget_bytes = 4 << 20;
    let handle = patient()
        .budget_bytes(budget_bytes)
        .to_writer(&shards, Gate(gate))
        .unwrap();
    // More than the budget holds, so these writes wait until the sink goes on.
    for number in 0..300 {
        set(&shards, number, 10);
    }
    drop(open);
    let report = handle.wait().unwrap();
    assert_eq!((report.keys, report.riders), (300, 300));
    // One bucket of them may pass alone.
    assert!(
        report.budget_bytes_used <= budget_bytes + 14 * 101_000,
        "{report:?}"
    );
}

/// Panics when it is written to.
struct Panicking;

impl Write for Panicking {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("on purpose")
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn sink_that_panics_is_over_and_says_so() {
    let shards = filled(100, 10);
    let handle = patient().to_writer(&shards, Panicking).unwrap();
    while !handle.wait_timeout(Duration::from_secs(1)) {}
    let error = handle.wait().unwrap_err();
    assert!(matches!(error, SnapshotError::Sink { .. }), "{error:?}");
    next_snapshot_is_exact(&shards, 1);
}

#[test]
fn shard_that_panics_fails_the_snapshot_and_not_the_other_shards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    fs::write(&path, b"of before").unwrap();
    let shards = filled(3000, 1000);
    let (open, gate) = mpsc::channel();
    let hanging = patient()
        .budget_bytes(1 << 18)
        .to_writer(&shards, Gate(gate))
        .unwrap();
    shards.send(1, |_| panic!("on purpose")).unwrap();
    // Served after the panic, by the other shard.
    shards.call(0, |_| ()).unwrap();
    while shards.call(1, |_| ()).is_ok() {}
    drop(open);
    let error = hanging.wait().unwrap_err();
    assert!(matches!(error, SnapshotError::ShardLost), "{error:?}");

    let error = patient()
        .cut_deadline(Duration::from_millis(200))
        .to_file(&shards, &path)
        .unwrap_err();
    assert!(matches!(error, SnapshotError::Cut { .. }), "{error:?}");
    assert_eq!(fs::read(&path).unwrap(), b"of before");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

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
fn hung_sink_is_cut_off_and_publishes_nothing_when_it_comes_back() {
    let shards = filled(3000, 1000);
    let (open, gate) = mpsc::channel();
    let stall = Duration::from_millis(100);
    let handle = patient()
        .budget_bytes(1 << 18)
        .stall_deadline(stall)
        .to_writer(&shards, Gate(gate))
        .unwrap();
    // Some of these wait for the sink, until it is given up.
    for number in 0..3000 {
        set(&shards, number, 20);
    }
    let error = handle.wait().unwrap_err();
    assert!(
        matches!(error, SnapshotError::SinkStalled { stall: told } if told == stall),
        "{error:?}"
    );
    drop(open);
    next_snapshot_is_exact(&shards, 1);
}

#[test]
fn snapshot_that_takes_too_long_fails() {
    let shards = filled(3000, 1000);
    let deadline = Duration::from_millis(50);
    // Needs an hour at this pace.
    let handle = patient()
        .pace_bytes_per_s(1000)
        .deadline(deadline)
        .to_writer(&shards, io::sink())
        .unwrap();
    let error = handle.wait().unwrap_err();
    assert!(
        matches!(error, SnapshotError::DeadlineExceeded { deadline: told } if told == deadline),
        "{error:?}"
    );
    next_snapshot_is_exact(&shards, 1);
}

#[test]
fn cancel_does_not_wait_for_a_sink_that_hangs() {
    let shards = filled(3000, 1000);
    let (open, gate) = mpsc::channel();
    // Nothing but the cancellation ends it before the test is given up.
    let handle = patient()
        .stall_deadline(Duration::from_hours(1))
        .to_writer(&shards, Gate(gate))
        .unwrap();
    handle.cancel();
    // The gate is still closed.
    assert!(matches!(handle.wait(), Err(SnapshotError::Cancelled)));
    drop(open);
    next_snapshot_is_exact(&shards, 1);
}

#[test]
fn pace_does_not_hold_back_what_writes_deliver() {
    let shards = filled(3000, 1000);
    let handle = patient()
        .budget_bytes(1 << 20)
        .pace_bytes_per_s(1000)
        .to_writer(&shards, io::sink())
        .unwrap();
    // Three times the budget: at a thousand bytes a second these writes would wait an hour.
    for number in 0..3000 {
        set(&shards, number, 20);
    }
    for shard in 0..2 {
        shards.call(shard, |_| ()).unwrap();
    }
    assert!(handle.progress().buckets_by_writes > 0);
    handle.cancel();
    assert!(handle.wait().is_err());
}

#[test]
fn spent_budget_fails_the_snapshot_rather_than_a_write_waits_if_asked() {
    let shards = filled(3000, 1000);
    let (open, gate) = mpsc::channel();
    let handle = patient()
        .budget_bytes(1 << 18)
        .when_spent(WhenSpent::Fail)
        .to_writer(&shards, Gate(gate))
        .unwrap();
    for number in 0..3000 {
        set(&shards, number, 20);
    }
    for shard in 0..2 {
        // Answered while the sink hangs: no write waits for it.
        shards.call(shard, |_| ()).unwrap();
    }
    drop(open);
    let error = handle.wait().unwrap_err();
    assert!(matches!(error, SnapshotError::BudgetSpent), "{error:?}");
    next_snapshot_is_exact(&shards, 1);
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
    let report = handle.wait().unwrap();
    assert_eq!(report.types.get(Family::String), 3001);
    assert_eq!(report.types.iter().count(), 1);
    assert_eq!(report.buckets_by_writes, progress.buckets_by_writes);
    assert_eq!(report.buckets_by_traversal, progress.buckets_by_traversal);
    assert_eq!((report.riders, progress.riders), (1, 1));
    assert!(progress.rider_bytes >= 100_000);
    assert!(report.buckets_by_writes > 0, "{report:?}");
}
