//! How long shards stand still for a cut, and how long its caller waits, with clients at work.

use crate::Extent;
use crate::row::{Goal, print, quantile};
use shard_runtime::{ShardSet, ShardSetConfig};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Cuts in one round.
const CUTS: usize = 100;

/// How many clients are at work meanwhile: none, one, and many more than there are cores.
const CLIENTS: [usize; 3] = [0, 1, 4];

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
    let mut loads = CLIENTS.map(|clients| (clients, Rounds::default()));
    for _ in 0..extent.rounds {
        for (clients, rounds) in &mut loads {
            let stop = AtomicBool::new(false);
            thread::scope(|scope| {
                for first in 0..*clients {
                    let (shards, stop) = (&shards, &stop);
                    scope.spawn(move || call_in_turn(shards, first, stop));
                }
                rounds.add(&shards, cuts);
                stop.store(true, Ordering::Relaxed);
            });
        }
    }
    let goal = if count == 2 {
        Goal::AtMost(100.0)
    } else {
        Goal::None
    };
    for (clients, rounds) in loads {
        let name = |figure| format!("cut of {count} shards, clients: {clients}, {figure}");
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

/// Calls one shard after the other, until it is told to stop.
fn call_in_turn(shards: &ShardSet<u64>, first: usize, stop: &AtomicBool) {
    let mut shard = first;
    while !stop.load(Ordering::Relaxed) {
        shard = (shard + 1) % shards.len();
        shards.call(shard, |shard| *shard.state() += 1).unwrap();
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
