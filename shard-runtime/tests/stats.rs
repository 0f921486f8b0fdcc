//! What shards say of themselves, while they run and afterwards.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use shard_runtime::{Budget, Shard, ShardSet, ShardSetConfig, ShardStats, Step, Task, spawn_named};
use std::sync::mpsc;
use std::task::Waker;
use std::thread::yield_now;

fn start(shards: usize) -> ShardSet<u32> {
    let config = ShardSetConfig {
        shards,
        mailbox_messages: 8,
        ..ShardSetConfig::default()
    };
    ShardSet::start(config, |_| 0).unwrap()
}

/// Waits until the first shard's figures are as wanted; counting may lag behind the answers.
fn until(shards: &ShardSet<u32>, wanted: impl Fn(&ShardStats) -> bool) -> ShardStats {
    loop {
        let stats = shards.stats().remove(0);
        if wanted(&stats) {
            return stats;
        }
        yield_now();
    }
}

#[test]
fn messages_are_counted_on_their_shard() {
    let shards = start(2);
    for _ in 0..100 {
        shards.send(0, |shard| *shard.state() += 1).unwrap();
    }
    shards.call(0, |_| ()).unwrap();
    until(&shards, |stats| stats.messages == 101);
    let second = &shards.stats()[1];
    assert_eq!((second.messages, second.waiting_high_water), (0, 0));
}

#[test]
fn waiting_messages_and_their_high_water_mark_are_seen() {
    let shards = start(1);
    let (release, released) = mpsc::channel::<()>();
    let (arrive, arrived) = mpsc::channel();
    shards
        .send(0, move |_| {
            arrive.send(()).unwrap();
            released.recv().ok();
        })
        .unwrap();
    arrived.recv().unwrap();
    for _ in 0..5 {
        shards.send(0, |_| ()).unwrap();
    }
    let held = &shards.stats()[0];
    assert_eq!((held.waiting, held.waiting_high_water), (5, 1));
    drop(release);
    shards.call(0, |_| ()).unwrap();
    let after = until(&shards, |stats| stats.messages == 7);
    assert_eq!(after.waiting, 0);
    assert!((5..=6).contains(&after.waiting_high_water));
}

#[test]
fn idle_and_busy_time_are_told_apart_while_they_pass() {
    let shards = start(2);
    // Shard 1 has nothing to do: its idle time grows with its lifetime.
    let before = shards.stats().remove(1);
    let (release, released) = mpsc::channel::<()>();
    shards
        .send(0, move |_| {
            released.recv().ok();
        })
        .unwrap();
    let working = until(&shards, |stats| {
        stats.waiting == 0 && stats.waiting_high_water == 1
    });
    let later = until(&shards, |stats| stats.lifetime > working.lifetime);
    assert_eq!(later.idle, working.idle, "a closure runs");
    loop {
        let after = shards.stats().remove(1);
        assert!((0.0..=1.0).contains(&after.busy_share()));
        if after.idle > before.idle {
            break;
        }
        yield_now();
    }
    drop(release);
}

#[test]
fn task_slices_are_measured() {
    struct Steps(u32);
    impl Task<u32> for Steps {
        fn step(&mut self, shard: &mut Shard<u32>, _: &Budget, _: &Waker) -> Step {
            *shard.state() += 1;
            self.0 -= 1;
            if self.0 == 0 { Step::Done } else { Step::Again }
        }
    }
    let shards = start(1);
    shards
        .send(0, |shard| {
            shard.spawn(Steps(10_000));
        })
        .unwrap();
    while shards.call(0, |shard| *shard.state()).unwrap() < 10_000 {}
    let slices = until(&shards, |stats| stats.task_slices.count() > 0).task_slices;
    assert!(slices.longest() >= slices.quantile(0.5).unwrap());
    assert!(slices.total() >= slices.longest());
}

#[test]
fn figures_stand_still_once_the_shard_has_ended() {
    let shards = start(1);
    shards.call(0, |_| panic!("boom")).unwrap_err();
    let ended = shards.stats();
    assert_eq!(shards.stats(), ended);
}

#[test]
fn figures_are_read_under_load_by_many() {
    let shards = std::sync::Arc::new(start(1));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let shards = std::sync::Arc::clone(&shards);
            spawn_named("reader", move || {
                let mut last = 0;
                while last < 2000 {
                    let messages = shards.stats()[0].messages;
                    assert!(messages >= last, "counts run backwards");
                    last = messages;
                }
            })
        })
        .collect();
    for _ in 0..2000 {
        shards.send(0, |shard| *shard.state() += 1).unwrap();
    }
    for reader in readers {
        reader.join().unwrap();
    }
}
