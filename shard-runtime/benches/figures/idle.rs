//! The processor time of sets that have nothing to do.

use crate::Extent;
use crate::row::{Goal, print};
use rustix::time::{ClockId, clock_gettime};
use shard_runtime::{ShardSet, ShardSetConfig};
use std::thread;
use std::time::{Duration, Instant};

/// How long the sets are watched in one round.
const WATCH: Duration = Duration::from_secs(1);

pub(crate) fn measure(extent: Extent) {
    let rounds = extent.rounds.min(5);
    for count in [2, 64] {
        let config = ShardSetConfig {
            shards: count,
            ..ShardSetConfig::default()
        };
        let shards = ShardSet::start(config, |_| 0_u64).unwrap();
        let percent: Vec<_> = (0..rounds)
            .map(|_| {
                // The last work before the silence, which begins with a look around or two.
                for shard in 0..count {
                    shards.call(shard, |shard| *shard.state() += 1).unwrap();
                }
                let (before, since) = (processor_seconds(), Instant::now());
                thread::sleep(WATCH);
                let elapsed = since.elapsed().as_secs_f64();
                (processor_seconds() - before) / elapsed * 100.0
            })
            .collect();
        let name = format!("idle set of {count} shards, share of one core");
        print(&name, "%", &percent, None, Goal::AtMost(0.5));
    }
}

/// Processor time of this process so far, in user and kernel mode.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
