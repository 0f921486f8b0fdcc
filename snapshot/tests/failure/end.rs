//! How snapshots end that are not published, and what they leave behind.

use std::error::Error;
use std::fs;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use shard_runtime::{Shard, ShardSet};
use snapshot::SnapshotError;

use crate::output::{Failing, Gate, Panicking};
use crate::store::{filled, next_snapshot_is_exact, set};
use crate::tiny_store::{TinyStore, patient};

/// Longer than a busy machine takes for anything.
const LONG: Duration = Duration::from_mins(1);

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

/// How many hold values on all shards, and how many cuts are open.
fn holders(shards: &ShardSet<TinyStore>) -> (usize, usize) {
    let look = |shard: &mut Shard<TinyStore>| {
        let store = shard.state();
        (store.holders(), store.open_cuts())
    };
    let all = (0..shards.len()).map(|shard| shards.call(shard, look).unwrap());
    all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// Looks until it is so.
fn wait_until(is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < LONG, "it never came to be");
        thread::yield_now();
    }
}

#[test]
fn cancelled_snapshot_lets_go_of_all_it_holds_while_its_sink_still_hangs() {
    // All of them ride.
    let shards = filled(300, 100_000);
    let (before, _) = holders(&shards);
    let (open, gate) = mpsc::channel();
    let handle = patient().to_writer(&shards, Gate(gate)).unwrap();
    // The plain maps as they were at the cut hold each value, too.
    let without_views = before + 300;
    wait_until(|| holders(&shards).0 > without_views);
    assert!(holders(&shards).1 > 0);
    assert!(handle.progress().budget_bytes_used > 0);
    handle.cancel();
    while !handle.wait_timeout(LONG) {}
    assert_eq!(handle.progress().budget_bytes_used, 0);
    // Shards give up when they have their turn.
    wait_until(|| holders(&shards) == (without_views, 0));
    assert!(matches!(handle.wait(), Err(SnapshotError::Cancelled)));
    // The sink's thread ends as soon as it can, and lets go of its output.
    wait_until(|| open.send(()).is_err());
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
