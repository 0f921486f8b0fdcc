//! A sharded counter service whose reads across shards are consistent, in 40 lines of code.
//!
//! `cargo run -p shard-runtime --example counters`
#![expect(clippy::expect_used, reason = "an example stops where its clients do")]
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use shard_runtime::{ShardError, ShardSet, ShardSetConfig};
use std::collections::HashMap;
use std::{thread, time::Duration};

const PATIENCE: Duration = Duration::from_secs(5);

/// Each shard owns its counters, behind no lock.
struct Counters(ShardSet<HashMap<u64, i64>>);

impl Counters {
    /// Moves one from a counter to another, wherever they are: both change, or none.
    fn transfer(&self, from: u64, to: u64) -> Result<(), ShardError> {
        let place = |key: u64| self.0.shard_of(key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let changes = [(place(from), (from, -1)), (place(to), (to, 1))];
        let done = self.0.transact(PATIENCE, changes, |shard, (key, change)| {
            *shard.state().entry(key).or_default() += change;
        });
        done.map(drop)
    }

    /// The sum of all counters at one moment, while everybody goes on.
    fn sum(&self) -> Result<i64, ShardError> {
        let sum = |counters: &HashMap<u64, i64>| counters.values().sum::<i64>();
        let sums = self.0.cut(PATIENCE, move |shard| sum(shard.state_ref()))?;
        Ok(sums.iter().sum())
    }
}

fn main() -> Result<(), ShardError> {
    let config = ShardSetConfig {
        shards: 4,
        ..ShardSetConfig::default()
    };
    let counters = Counters(ShardSet::start(config, |_| HashMap::new())?);
    thread::scope(|scope| {
        let transfers = || (0..1000).try_for_each(|n| counters.transfer(n % 10, (n + 1) % 10));
        let clients = [(); 3].map(|()| scope.spawn(transfers));
        for _ in 0..100 {
            assert_eq!(counters.sum()?, 0, "a transfer was seen in part");
        }
        println!("{:?}", counters.0.cut_stats());
        clients
            .into_iter()
            .try_for_each(|client| client.join().expect("a client panicked"))
    })
}
