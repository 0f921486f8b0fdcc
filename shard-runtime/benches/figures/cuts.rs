//! How long shards stand still for a cut, and how long its caller waits, with clients at work.

use crate::Extent;
use crate::row::{Goal, print, quantile};
use shard_runtime::{ShardSet, ShardSetConfig};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Cuts in one round.
const CUTS: usize = 100;

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
    let (mut idle, mut busy) = (Rounds::default(), Rounds::default());
    for _ in 0..extent.rounds {
        idle.add(&shards, cuts);
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut shard = 0;
                while !stop.load(Ordering::Relaxed) {
                    shard = (shard + 1) % count;
                    shards.call(shard, |shard| *shard.state() += 1).unwrap();
                }
            });
            busy.add(&shards, cuts);
            stop.store(true, Ordering::Relaxed);
        });
    }
    let goal = if count == 2 {
        Goal::AtMost(100.0)
    } else {
        Goal::None
    };
    for (rounds, load) in [(idle, "idle"), (busy, "1 client")] {
        let name = |figure| format!("cut of {count} shards, {load}, {figure}");
        print(&name("pause, p50"), "us", &rounds.pause_median, None, goal);
        print(
            &name("pause, p99"),
            "us",
            &rounds.pause_p99,
            None,
            Goal::None,
        );
        print(
            &name("whole call, p50"),
            "us",
            &rounds.call_median,
            None,
            Goal::None,
        );
    }
}

/// Microseconds, a sample per round.
#[derive(Default)]
struct Rounds {
    /// The longest that any shard was stopped by a cut.
    pause_median: Vec<f64>,
    pause_p99: Vec<f64>,
    /// How long the caller waited.
    call_median: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, shards: &ShardSet<u64>, cuts: usize) {
        let (mut pauses, mut calls) = (Vec::new(), Vec::new());
        for _ in 0..cuts {
            let since = Instant::now();
            let counts = shards.cut(PATIENCE, |shard| *shard.state_ref()).unwrap();
            calls.push(micros(since.elapsed()));
            assert_eq!(counts.len(), shards.len());
            pauses.push(micros(shards.cut_stats().last_pause));
        }
        self.pause_median.push(quantile(&mut pauses, 0.5));
        self.pause_p99.push(quantile(&mut pauses, 0.99));
        self.call_median.push(quantile(&mut calls, 0.5));
    }
}

fn micros(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}
