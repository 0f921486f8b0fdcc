//! What tasks get of a shard that has more messages than it can serve, against what they should.

use crate::Extent;
use crate::row::{Goal, print};
use shard_runtime::{Budget, Shard, ShardSet, ShardSetConfig, ShardStats, Step, Task};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::thread;
use std::time::Duration;

/// How long the shard is watched in one round.
const WATCH: Duration = Duration::from_millis(500);

/// Steps of a loop that a message and a step of the task cost: about a microsecond.
const WORK: u64 = 1000;

/// A task that never ends.
struct Endless;

impl Task<u64> for Endless {
    fn step(&mut self, shard: &mut Shard<u64>, budget: &Budget, _: &Waker) -> Step {
        while !budget.is_spent() {
            work(shard);
        }
        Step::Again
    }
}

fn work(shard: &mut Shard<u64>) {
    for number in 0..WORK {
        *shard.state() ^= black_box(number);
    }
}

pub(crate) fn measure(extent: Extent) {
    for percent in [5, 20, 50] {
        measure_with(percent, extent);
    }
}

fn measure_with(percent: u8, extent: Extent) {
    let config = ShardSetConfig {
        task_share_percent: percent,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| 0_u64).unwrap();
    shards.call(0, |shard| shard.spawn(Endless)).unwrap();
    let stop = AtomicBool::new(false);
    let mut distances = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                shards.send(0, work).unwrap();
            }
        });
        for _ in 0..extent.rounds.min(5) {
            let before = shards.stats().remove(0);
            thread::sleep(WATCH);
            let after = shards.stats().remove(0);
            assert!(after.messages > before.messages, "messages starve");
            let passed = |time: fn(&ShardStats) -> Duration| {
                time(&after).as_secs_f64() - time(&before).as_secs_f64()
            };
            let busy = passed(|stats| stats.lifetime) - passed(|stats| stats.idle);
            let share = passed(|stats| stats.task_slices.total()) / busy * 100.0;
            distances.push((share - f64::from(percent)).abs());
        }
        stop.store(true, Ordering::Relaxed);
    });
    let name = format!("tasks under full load, distance from their {percent} %");
    print(&name, "points", &distances, None, Goal::AtMost(3.0));
}
