//! What a message to a shard costs, beside a bare thread behind `crossbeam` channels.
//!
//! Two virtual cores shared with other builds (load 4 to 6), November 2026; so read the ratios, and
//! those loosely. A call and its answer: 6.4 µs, crossbeam 23 µs. 10,000 messages: 0.78 ms,
//! crossbeam 1.18 ms. An empty cut: 43 µs on 1 shard, 71 µs on 2, 112 µs on 4.
#![expect(clippy::unwrap_used, reason = "a bench that fails must stop")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossbeam::channel::bounded;
use shard_runtime::{ShardSet, ShardSetConfig, spawn_named};
use std::hint::black_box;
use std::time::Duration;

/// Messages per measured batch.
const BATCH: u64 = 10_000;

type Job = Box<dyn FnOnce(&mut u64) + Send>;

/// One call and its answer: two hops between two threads.
fn call(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call");
    group.throughput(Throughput::Elements(1));

    let shards = ShardSet::start(ShardSetConfig::default(), |_| 0_u64).unwrap();
    group.bench_function("shard-runtime", |bencher| {
        bencher.iter(|| {
            shards
                .call(0, |shard| {
                    *shard.state() += 1;
                    *shard.state()
                })
                .unwrap()
        });
    });
    assert!(shards.call(0, |shard| *shard.state()).unwrap() > 0);

    let (jobs, inbox) = bounded::<Job>(1024);
    let peer = spawn_named("peer", move || {
        let mut state = 0;
        inbox.into_iter().for_each(|job| job(&mut state));
        state
    });
    group.bench_function("crossbeam", |bencher| {
        bencher.iter(|| {
            let (answer, answered) = bounded(1);
            jobs.send(Box::new(move |state| {
                *state += 1;
                answer.send(*state).unwrap();
            }))
            .unwrap();
            answered.recv().unwrap()
        });
    });
    drop(jobs);
    assert!(peer.join().unwrap() > 0);
    group.finish();
}

/// A batch of messages, and one call to know that all have run.
fn send(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("send");
    group.throughput(Throughput::Elements(BATCH));

    let shards = ShardSet::start(ShardSetConfig::default(), |_| 0_u64).unwrap();
    group.bench_function("shard-runtime", |bencher| {
        bencher.iter(|| {
            let before = shards.call(0, |shard| *shard.state()).unwrap();
            for number in 0..BATCH {
                shards
                    .send(0, move |shard| *shard.state() += black_box(number) & 1)
                    .unwrap();
            }
            assert_eq!(
                shards.call(0, |shard| *shard.state()).unwrap() - before,
                BATCH / 2
            );
        });
    });

    let (jobs, inbox) = bounded::<Job>(1024);
    let peer = spawn_named("peer", move || {
        let mut state = 0;
        inbox.into_iter().for_each(|job| job(&mut state));
    });
    group.bench_function("crossbeam", |bencher| {
        bencher.iter(|| {
            for number in 0..BATCH {
                jobs.send(Box::new(move |state| *state += black_box(number) & 1))
                    .unwrap();
            }
            let (answer, answered) = bounded(1);
            jobs.send(Box::new(move |state| {
                answer.send(std::mem::take(state)).unwrap();
            }))
            .unwrap();
            assert_eq!(answered.recv().unwrap(), BATCH / 2);
        });
    });
    drop(jobs);
    peer.join().unwrap();
    group.finish();
}

/// One cut that does nothing, on idle shards.
fn cut(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cut");
    for count in [1, 2, 4] {
        let config = ShardSetConfig {
            shards: count,
            ..ShardSetConfig::default()
        };
        let shards = ShardSet::start(config, |index| index).unwrap();
        group.bench_function(format!("idle/{count}"), |bencher| {
            bencher.iter(|| {
                let indices = shards.cut(Duration::from_secs(5), |shard| *shard.state_ref());
                assert_eq!(indices.unwrap().len(), count);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, call, send, cut);
criterion_main!(benches);
