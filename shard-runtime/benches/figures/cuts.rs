//! How long clients, shards and the caller wait in cuts, with clients at work.

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
                let at_work: Vec<_> = (0..*clients)
                    .map(|first| {
                        let (shards, stop) = (&shards, &stop);
                        scope.spawn(move || call_in_turn(shards, first, stop))
                    })
                    .collect();
                rounds.add(&shards, cuts);
                stop.store(true, Ordering::Relaxed);
                let longest = at_work.into_iter().map(|client| client.join().unwrap());
                rounds.client_longest.extend(longest.max().map(micros));
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
        let rows = [
            ("pause, p50", &rounds.pause_median, Goal::None),
            ("pause, p99", &rounds.pause_p99, Goal::None),
            ("longest call of a client", &rounds.client_longest, goal),
            ("whole call, p50", &rounds.call_median, Goal::None),
        ];
        for (figure, samples, goal) in rows {
            if !samples.is_empty() {
                print(&name(figure), "us", samples, None, goal);
            }
        }
    }
}

/// Calls one shard after the other, until it is told to stop. Returns the longest call.
fn call_in_turn(shards: &ShardSet<u64>, first: usize, stop: &AtomicBool) -> Duration {
    let mut shard = first;
    let mut longest = Duration::ZERO;
    while !stop.load(Ordering::Relaxed) {
        shard = (shard + 1) % shards.len();
        let since = Instant::now();
        shards.call(shard, |shard| *shard.state() += 1).unwrap();
        longest = longest.max(since.elapsed());
    }
    longest
}

/// Microseconds, a sample per round.
#[derive(Default)]
struct Rounds {
    /// The longest that any shard took for its part of a cut.
    pause_median: Vec<f64>,
    pause_p99: Vec<f64>,
    /// The longest that a client waited for its answer while there were cuts; nothing without
    /// clients.
    client_longest: Vec<f64>,
    /// How long the caller of a cut waited.
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
