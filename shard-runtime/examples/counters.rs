//! A sharded counter service whose reads across shards are consistent.
//!
//! `cargo run -p shard-runtime --example counters`
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use shard_runtime::{ShardError, ShardSet, ShardSetConfig, spawn_named};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Each shard owns its counters, behind no lock.
type Counters = ShardSet<HashMap<u64, i64>>;

const PATIENCE: Duration = Duration::from_secs(5);

/// Moves one from a counter to another, wherever they are: both change, or none.
fn transfer(shards: &Counters, from: u64, to: u64) -> Result<(), ShardError> {
    let mut parts = BTreeMap::<usize, Vec<(u64, i64)>>::new();
    for (key, change) in [(from, -1), (to, 1)] {
        let shard = shards.shard_of(key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        parts.entry(shard).or_default().push((key, change));
    }
    shards.transact(PATIENCE, parts, |shard, changes| {
        for (key, change) in changes {
            *shard.state().entry(key).or_default() += change;
        }
    })?;
    Ok(())
}

fn main() -> Result<(), ShardError> {
    let config = ShardSetConfig {
        shards: 4,
        ..ShardSetConfig::default()
    };
    let shards = Arc::new(Counters::start(config, |_| HashMap::new())?);
    let clients = [1, 2, 3].map(|client| {
        let shards = Arc::clone(&shards);
        spawn_named("client", move || {
            (0..1000).try_for_each(|n| transfer(&shards, n % 10, (n + client) % 10))
        })
    });
    for _ in 0..100 {
        // One moment on all shards, while the clients go on: nothing is ever on its way.
        let sums = shards.cut(PATIENCE, |shard| shard.state_ref().values().sum::<i64>())?;
        assert_eq!(sums.iter().sum::<i64>(), 0, "a transfer was seen in part");
    }
    clients.into_iter().try_for_each(|client| client.join()?)?;
    let counters = shards.broadcast(|shard| shard.state_ref().len());
    println!(
        "{counters:?}, longest pause {:?}",
        shards.cut_stats().longest_pause
    );
    Ok(())
}
