//! The snapshot equals the state at the cut, entry by entry, while writers run on all shards:
//! thousands of short seeded runs on real threads. With `--cfg planted` the same runs must
//! find each planted bug.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tiny_store;

use std::sync::Arc;
use std::time::Duration;

use shard_runtime::{Shard, ShardSet, ShardSetConfig, Worker, spawn_named};
use snapshot::Snapshot;

use crate::tiny_store::{Memory, TinyStore, decode, difference, patient, shard_of, state_at_cut};

/// A seeded generator (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 32).unwrap() % bound
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    keys: usize,
    databases: u32,
    value_bytes: usize,
    writes: usize,
}

impl Shape {
    fn key(&self, random: &mut Random) -> (u32, Vec<u8>) {
        let id = u32::try_from(random.below(self.keys)).unwrap();
        // A key stays in one database, and all writers share all keys.
        (id % self.databases, format!("k{id}").into_bytes())
    }

    fn value(&self, random: &mut Random) -> Vec<u8> {
        let mut value = vec![b'.'; random.below(self.value_bytes)];
        for (byte, random) in value.iter_mut().zip(random.next().to_le_bytes()) {
            *byte = random;
        }
        value
    }

    /// Sends `writes` random writes without waiting for them.
    fn write(&self, shards: &ShardSet<TinyStore>, random: &mut Random, writes: usize) {
        for _ in 0..writes {
            let (database, key) = self.key(random);
            let value = self.value(random);
            let kind = random.below(10);
            let shard = shard_of(shards, &key);
            let sent = shards.send(shard, move |shard| {
                let store = shard.state();
                match kind {
                    0..6 => store.set(database, &key, &value),
                    6..8 => store.update(database, &key, &value),
                    _ => store.delete(database, &key),
                }
            });
            sent.unwrap();
        }
    }
}

fn start(random: &mut Random) -> Arc<ShardSet<TinyStore>> {
    let config = ShardSetConfig {
        shards: random.pick(&[1, 2, 3]),
        // Slices so short that writes come between any two buckets.
        task_slice: Duration::from_nanos(random.pick(&[0, 1000, 20_000])),
        ..ShardSetConfig::default()
    };
    Arc::new(ShardSet::start(config, |_| TinyStore::default()).unwrap())
}

fn writers(
    shards: &Arc<ShardSet<TinyStore>>,
    shape: Shape,
    random: &mut Random,
) -> Vec<Worker<()>> {
    let start = |seed| {
        let shards = Arc::clone(shards);
        spawn_named("writer", move || {
            shape.write(&shards, &mut Random(seed), shape.writes);
        })
    };
    (0..2).map(|_| start(random.next())).collect()
}

/// One short run: fill, write, snapshot once or twice in the middle, compare.
fn run(seed: u64, prepare: impl Fn(&mut TinyStore) + Copy + Send + 'static) -> Result<(), String> {
    let random = &mut Random(seed);
    let shards = start(random);
    let shape = Shape {
        keys: random.pick(&[50, 2000, 4000]),
        databases: random.pick(&[1, 3]),
        value_bytes: random.pick(&[8, 200, 20_000]),
        writes: random.pick(&[200, 1000]),
    };
    for shard in 0..shards.len() {
        shards
            .call(shard, move |shard| prepare(shard.state()))
            .unwrap();
    }
    let filled = random.below(shape.keys);
    shape.write(&shards, random, filled);
    let writing = writers(&shards, shape, random);
    let mut taken = Vec::new();
    for _ in 0..random.pick(&[1, 1, 2]) {
        let memory = Memory::default();
        let snapshot = patient().budget_bytes(random.pick(&[1 << 12, 1 << 20, 64 << 20]));
        taken.push((memory.clone(), snapshot.to_writer(&shards, memory).unwrap()));
    }
    for writer in writing {
        writer.join().unwrap();
    }
    for (cut, (memory, handle)) in taken.into_iter().enumerate() {
        let report = handle.wait().map_err(|error| error.to_string())?;
        let found = decode(&memory.take())?;
        let expected = state_at_cut(&shards, cut);
        if let Some(difference) = difference(&found, &expected) {
            return Err(difference);
        }
        assert_eq!(report.keys, expected.len() as u64);
    }
    Ok(())
}

/// One writer sets numbered keys on all shards in turn, each acknowledged before the next; so
/// at any one moment the numbers up to some are there, and none above. Says what is torn.
fn run_in_turns(seed: u64, snapshot: Snapshot) -> Result<(), String> {
    let random = &mut Random(seed);
    let shards = start(random);
    let writer = {
        let shards = Arc::clone(&shards);
        spawn_named("writer", move || {
            for number in 0..300_u32 {
                let key = number.to_string().into_bytes();
                let shard = shard_of(&shards, &key);
                let set = move |shard: &mut Shard<TinyStore>| shard.state().set(0, &key, b"");
                shards.call(shard, set).unwrap();
            }
        })
    };
    let memory = Memory::default();
    std::thread::sleep(Duration::from_micros(random.pick(&[0, 200, 1000])));
    let handle = snapshot.to_writer(&shards, memory.clone()).unwrap();
    writer.join().unwrap();
    handle.wait().map_err(|error| error.to_string())?;
    let found = decode(&memory.take())?;
    for number in 0..found.len() {
        if !found.contains_key(&(0, number.to_string().into_bytes())) {
            return Err(format!("{} keys, and {number} is missing", found.len()));
        }
    }
    Ok(())
}

/// Seeds to run: `FORKLESS_SIM_SEEDS` of them from `FORKLESS_SIM_SEED` on, if these are set.
fn seeds(default: u64) -> std::ops::Range<u64> {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text: String| text.parse::<u64>().unwrap())
    };
    let first = number("FORKLESS_SIM_SEED");
    let count = number("FORKLESS_SIM_SEEDS").unwrap_or(first.map_or(default, |_| 1));
    let first = first.unwrap_or(1);
    first..first + count
}

#[cfg(not(planted))]
#[test]
fn snapshot_equals_the_state_at_the_cut() {
    for seed in seeds(3000) {
        if let Err(error) = run(seed, |_| {}) {
            panic!("seed {seed}: {error}");
        }
    }
}

#[cfg(not(planted))]
#[test]
fn cut_is_one_moment_across_shards() {
    for seed in seeds(500) {
        if let Err(error) = run_in_turns(seed, patient()) {
            panic!("seed {seed}: {error}");
        }
    }
}

#[cfg(planted)]
mod planted {
    use dash_table::Bug;
    use snapshot::Store;

    use super::*;

    fn is_found(bug: Bug) {
        let found = seeds(3000).find(|&seed| {
            let plant = move |store: &mut TinyStore| {
                for database in 0..3 {
                    store.keyspace().plant(database, bug);
                }
            };
            run(seed, plant).is_err()
        });
        let seed = found.unwrap_or_else(|| panic!("no seed finds {bug:?}"));
        println!("{bug:?} is found by seed {seed}");
    }

    #[test]
    fn delivery_skipped_on_overwrite_is_found() {
        is_found(Bug::SkipDeliveryOnOverwrite);
    }

    #[test]
    fn new_segment_at_clock_is_found() {
        is_found(Bug::NewSegmentAtClock);
    }

    #[test]
    fn cut_shard_by_shard_is_found() {
        let torn = || patient().plant(snapshot::Bug::CutShardByShard);
        let found = seeds(500).find(|&seed| run_in_turns(seed, torn()).is_err());
        println!("a torn cut is found by seed {:?}", found.unwrap());
    }

    #[test]
    fn stamp_before_delivery_is_found() {
        is_found(Bug::StampBeforeDelivery);
    }
}
