//! The latency of a call and its answer, one after the other, between two threads.

use crate::Extent;
use crate::peer::Peer;
use crate::row::{Goal, print, quantile};
use shard_runtime::{ShardSet, ShardSetConfig};
use std::time::Instant;

/// Calls in one round.
const CALLS: usize = 5000;

/// Nanoseconds of each call, as quantiles.
struct Latency {
    median: Vec<f64>,
    p99: Vec<f64>,
}

impl Latency {
    fn new() -> Self {
        Self {
            median: Vec::new(),
            p99: Vec::new(),
        }
    }

    fn add_round(&mut self, calls: usize, mut call: impl FnMut() -> u64) {
        let mut nanos = Vec::with_capacity(calls);
        let first = call();
        for number in 1..=calls as u64 {
            let since = Instant::now();
            let answer = call();
            nanos.push(since.elapsed().as_nanos() as f64);
            assert_eq!(answer, first + number, "each call runs once, in its turn");
        }
        self.median.push(quantile(&mut nanos, 0.5));
        self.p99.push(quantile(&mut nanos, 0.99));
    }
}

pub(crate) fn measure(extent: Extent) {
    let calls = CALLS / extent.divisor;
    let shards = ShardSet::start(ShardSetConfig::default(), |_| 0_u64).unwrap();
    let peer = Peer::start();
    let (mut ours, mut theirs) = (Latency::new(), Latency::new());
    for _ in 0..extent.rounds {
        ours.add_round(calls, || {
            let answer = shards.call(0, |shard| {
                *shard.state() += 1;
                *shard.state()
            });
            answer.unwrap()
        });
        theirs.add_round(calls, || {
            peer.call(|state| {
                *state += 1;
                *state
            })
        });
    }
    assert_eq!(shards.call(0, |shard| *shard.state()).unwrap(), peer.stop());
    let goal = Goal::TimesTheBestPeer(1.0);
    print(
        "call and answer, p50",
        "ns",
        &ours.median,
        Some(&theirs.median),
        goal,
    );
    print(
        "call and answer, p99",
        "ns",
        &ours.p99,
        Some(&theirs.p99),
        goal,
    );
}
