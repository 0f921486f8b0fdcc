//! Writes, a budget, and a sink that hangs or is slow.

use std::io;
use std::sync::mpsc;

use snapshot::{Phase, SnapshotError, WhenSpent};

use crate::output::Gate;
use crate::store::{filled, next_snapshot_is_exact, set};
use crate::tiny_store::patient;

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
    // The traversal fills a quarter of what may be on its way; the rest has room for what writes
    // deliver.
    used_with_hanging_sink(1000, 100, 16 << 20);
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
