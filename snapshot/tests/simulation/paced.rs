//! A pace: it is kept where nobody writes, and where writes deliver far more than it allows the
//! traversal has its part all the same.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use shard_runtime::{
    Shard, ShardSet, ShardSetConfig, Simulation, SimulationFailure, SimulationHandle,
};
use snapshot::{Handle, Snapshot, SnapshotError, shard_hash};

use crate::clients::{PATIENCE, Shards};
use crate::store::SimStore;
use crate::value::Val;

const KEYS: u64 = 3000;
const PADDING_BYTES: usize = 100;
const PACE_BYTES_PER_S: u64 = 10_000;

/// How long the writes go on.
const TIME: Duration = Duration::from_secs(5);

/// Time between two writes: each delivers a bucket, and all together about what the pace allows.
const REST: Duration = Duration::from_millis(20);

/// Runs the seed's program with this snapshot, beside writes that outrun the pace.
pub(crate) fn run(seed: u64, snapshot: Snapshot) -> Result<(), SimulationFailure> {
    Simulation::new(seed).run(move |sim| outrun(sim, &snapshot))?;
    Ok(())
}

/// Runs the seed's program, where nobody writes.
#[cfg(not(planted))]
pub(crate) fn run_quiet(seed: u64) -> Result<(), SimulationFailure> {
    Simulation::new(seed).run(quiet)?;
    Ok(())
}

/// A snapshot with a pace, of shards that are filled.
fn start(snapshot: &Snapshot) -> (Shards, Handle) {
    let ledger = Arc::default();
    let config = ShardSetConfig {
        shards: 2,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, move |shard| {
        SimStore::new(shard, 0, Arc::clone(&ledger))
    });
    let shards = Arc::new(shards.unwrap());
    for number in 0..KEYS {
        set(&shards, number);
    }
    let handle = snapshot
        .clone()
        .budget_bytes(32 << 10)
        .cut_deadline(PATIENCE)
        .pace_bytes_per_s(PACE_BYTES_PER_S)
        .to_writer(&shards, io::sink())
        .unwrap();
    (shards, handle)
}

fn end(handle: Handle) {
    let progress = handle.progress();
    assert!(progress.keys_done < progress.keys_total, "over too soon");
    handle.cancel();
    assert!(matches!(handle.wait(), Err(SnapshotError::Cancelled)));
}

#[cfg(not(planted))]
fn quiet(sim: SimulationHandle) {
    let (_shards, handle) = start(&Snapshot::new());
    // What may be written at once at the start is over.
    sim.sleep(TIME);
    let before = handle.progress().bytes;
    sim.sleep(TIME);
    let bytes = handle.progress().bytes - before;
    let allowed = PACE_BYTES_PER_S * TIME.as_secs();
    // The last blob may be the one too many, or be missing.
    assert!(bytes.abs_diff(allowed) <= allowed / 10, "{bytes}");
    end(handle);
}

fn outrun(sim: SimulationHandle, snapshot: &Snapshot) {
    let (shards, handle) = start(snapshot);
    // Ahead of the pace by more than the whole time.
    let mut numbers = (0..KEYS).map(|number| number * 7 % KEYS);
    while handle.progress().bytes < 6 * PACE_BYTES_PER_S {
        set(&shards, numbers.next().expect("enough to write"));
    }
    let before = handle.progress();
    let started = sim.elapsed();
    while sim.elapsed() < started + TIME {
        set(&shards, numbers.next().expect("enough to write"));
        sim.sleep(REST);
    }
    let after = handle.progress();
    let swept = after.buckets_by_traversal - before.buckets_by_traversal;
    assert!(
        swept > 0,
        "the traversal was starved: {before:?}, {after:?}"
    );
    end(handle);
}

fn set(shards: &Shards, number: u64) {
    let key = format!("k{number}").into_bytes();
    let shard = shards.shard_of(shard_hash(&key));
    let val = Val {
        padding_bytes: PADDING_BYTES,
        ..Val::number(number)
    };
    let set = move |shard: &mut Shard<SimStore>| shard.state().set(0, &key, val);
    shards.call(shard, set).unwrap();
}
