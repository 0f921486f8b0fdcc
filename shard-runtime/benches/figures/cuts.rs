//! How long shards stand still for a cut, and how long its caller waits, with clients at work.

use crate::Extent;
use crate::row::{Goal, print, quantile};
use shard_runtime::{ShardSet, ShardSetConfig};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Cuts in one round.
const CUTS: usize = 200;

/// Longer than any cut.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn measure(extent: Extent) {
    for shards in [2, 8, 64] {
        measure_with(shards, extent);
    }
}

fn measure_with(count: usize, extent: Extent) {
    let cuts = (CUTS / extent.divisor).max(10);
    let config = ShardSetConfig {
        shards: count,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| 0_u64).unwrap();
    let (mut idle, mut busy) = (Vec::new(), Vec::new());
    for _ in 0..extent.rounds {
        idle.push(round(&shards, cuts));
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut shard = 0;
                while !stop.load(Ordering::Relaxed) {
                    shard = (shard + 1) % count;
                    shards.call(shard, |shard| *shard.state() += 1).unwrap();
                }
            });
            busy.push(round(&shards, cuts));
            stop.store(true, Ordering::Relaxed);
        });
    }
    let name = format!("cut, start to end, {count} shards idle, p50");
    print(&name, "us", &idle, None, Goal::None);
    let name = format!("cut, start to end, {count} shards, 1 client, p50");
    print(&name, "us", &busy, None, Goal::None);
}

/// Microseconds that the caller of a cut waits.
fn round(shards: &ShardSet<u64>, cuts: usize) -> f64 {
    let mut micros: Vec<_> = (0..cuts)
        .map(|_| {
            let since = Instant::now();
            let counts = shards.cut(PATIENCE, |shard| *shard.state_ref()).unwrap();
            assert_eq!(counts.len(), shards.len());
            since.elapsed().as_nanos() as f64 / 1e3
        })
        .collect();
    quantile(&mut micros, 0.5)
}
