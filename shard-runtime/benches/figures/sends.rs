//! What a message costs when nobody waits for an answer: the time of many, by their number.

use crate::Extent;
use crate::peer::{MAILBOX, Peer};
use crate::row::{Goal, print};
use shard_runtime::{ShardSet, ShardSetConfig};
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

/// Messages in one round, of all producers together.
const MESSAGES: usize = 400_000;

pub(crate) fn measure(extent: Extent) {
    for producers in [1, 2, 4] {
        measure_with(producers, extent);
    }
}

fn measure_with(producers: usize, extent: Extent) {
    let messages = MESSAGES / extent.divisor / producers;
    let config = ShardSetConfig {
        mailbox_messages: MAILBOX,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| 0_u64).unwrap();
    let peer = Peer::start();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..extent.rounds {
        ours.push(round(
            producers,
            messages,
            |number| {
                let add = move |shard: &mut shard_runtime::Shard<u64>| {
                    *shard.state() += black_box(number);
                };
                shards.send(0, add).unwrap();
            },
            || shards.call(0, |shard| *shard.state()).unwrap(),
        ));
        theirs.push(round(
            producers,
            messages,
            |number| {
                peer.jobs
                    .send(Box::new(move |state| *state += black_box(number)))
                    .unwrap();
            },
            || peer.call(|state| *state),
        ));
    }
    peer.stop();
    let plural = if producers == 1 { "" } else { "s" };
    let name = format!("send, {producers} producer{plural}");
    let goal = Goal::TimesTheBestPeer(1.0);
    print(&name, "ns/message", &ours, Some(&theirs), goal);
}

/// Nanoseconds per message, until all have run.
fn round(
    producers: usize,
    messages: usize,
    send: impl Fn(u64) + Sync,
    sum: impl Fn() -> u64,
) -> f64 {
    let before = sum();
    let start = Barrier::new(producers + 1);
    let since = thread::scope(|scope| {
        for _ in 0..producers {
            scope.spawn(|| {
                start.wait();
                (0..messages as u64).for_each(|number| send(number & 1));
            });
        }
        start.wait();
        Instant::now()
    });
    let after = sum();
    let nanos = since.elapsed().as_nanos() as f64;
    assert_eq!(after - before, (messages / 2 * producers) as u64);
    nanos / (messages * producers) as f64
}
