//! Tasks and messages share a shard; neither starves, and no wake-up is lost.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use shard_runtime::{
    Budget, ChannelConfig, Sender, Shard, ShardSet, ShardSetConfig, Step, Task, TaskId,
    TrySendError, channel, spawn_named,
};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Waker;

fn start<S: 'static>(shards: usize, state: fn() -> S) -> Arc<ShardSet<S>> {
    let config = ShardSetConfig {
        shards,
        ..ShardSetConfig::default()
    };
    Arc::new(ShardSet::start(config, move |_| state()).unwrap())
}

/// A task made of a closure.
struct Steps<F>(F);

impl<S, F: FnMut(&mut Shard<S>, &Budget, &Waker) -> Step> Task<S> for Steps<F> {
    fn step(&mut self, shard: &mut Shard<S>, budget: &Budget, waker: &Waker) -> Step {
        (self.0)(shard, budget, waker)
    }
}

#[test]
fn messages_are_served_beside_a_task_that_never_ends() {
    let shards = start(1, || 0_usize);
    let spawn = |shard: &mut Shard<usize>| {
        shard.spawn(Steps(
            |shard: &mut Shard<usize>, budget: &Budget, _: &Waker| {
                while !budget.is_spent() {
                    *shard.state() += 1;
                }
                Step::Again
            },
        ))
    };
    shards.call(0, spawn).unwrap();
    for _ in 0..100 {
        shards.call(0, |_| ()).unwrap();
    }
    // And the task was at work between them.
    let before = shards.call(0, |shard| *shard.state()).unwrap();
    while shards.call(0, |shard| *shard.state()).unwrap() == before {}
}

#[test]
fn tasks_work_under_a_flood_of_messages() {
    let shards = start(1, || ());
    let steps = Arc::new(AtomicUsize::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::clone(&steps);
    shards
        .send(0, move |shard| {
            shard.spawn(Steps(move |_: &mut Shard<()>, _: &Budget, _: &Waker| {
                count.fetch_add(1, Ordering::Relaxed);
                Step::Again
            }));
        })
        .unwrap();
    let floods: Vec<_> = (0..2)
        .map(|_| {
            let (shards, stop) = (Arc::clone(&shards), Arc::clone(&stop));
            spawn_named("flood", move || {
                while !stop.load(Ordering::Relaxed) {
                    shards.send(0, |_| ()).unwrap();
                }
            })
        })
        .collect();
    while steps.load(Ordering::Relaxed) < 1000 {
        std::thread::yield_now();
    }
    stop.store(true, Ordering::Relaxed);
    for flood in floods {
        flood.join().unwrap();
    }
}

#[test]
fn tasks_take_turns() {
    let shards = start(1, || [0_usize; 3]);
    let (done, all_done) = mpsc::channel();
    shards
        .send(0, move |shard| {
            for own in 0..3 {
                let done = done.clone();
                shard.spawn(Steps(
                    move |shard: &mut Shard<[usize; 3]>, _: &Budget, _: &Waker| {
                        let steps = shard.state();
                        steps[own] += 1;
                        let (fewest, most) =
                            (steps.iter().min().unwrap(), steps.iter().max().unwrap());
                        assert!(most - fewest <= 1, "one is ahead: {steps:?}");
                        if steps[own] < 1000 {
                            return Step::Again;
                        }
                        done.send(()).unwrap();
                        Step::Done
                    },
                ));
            }
        })
        .unwrap();
    assert_eq!(all_done.iter().count(), 3);
}

#[test]
fn waiting_task_is_stepped_once_per_wake_up() {
    let shards = start(1, || 0_usize);
    let (wakers, woken) = mpsc::channel();
    shards
        .send(0, move |shard| {
            shard.spawn(Steps(
                move |shard: &mut Shard<usize>, _: &Budget, waker: &Waker| {
                    *shard.state() += 1;
                    wakers.send(waker.clone()).unwrap();
                    Step::Wait
                },
            ));
        })
        .unwrap();
    for round in 1..=1000 {
        let waker = woken.recv().unwrap();
        assert_eq!(shards.call(0, |shard| *shard.state()).unwrap(), round);
        waker.wake();
    }
}

#[test]
fn wake_up_during_the_step_counts() {
    let shards = start(1, || ());
    let (done, is_done) = mpsc::channel();
    shards
        .send(0, move |shard| {
            let mut steps = 0;
            shard.spawn(Steps(
                move |_: &mut Shard<()>, _: &Budget, waker: &Waker| {
                    steps += 1;
                    if steps == 100 {
                        done.send(()).unwrap();
                        return Step::Done;
                    }
                    waker.wake_by_ref();
                    Step::Wait
                },
            ));
        })
        .unwrap();
    is_done.recv().unwrap();
}

#[test]
fn cancelled_task_is_dropped_at_once() {
    let shards = start(1, || ());
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let task = shards
        .call(0, move |shard| {
            shard.spawn(Steps(move |_: &mut Shard<()>, _: &Budget, _: &Waker| {
                assert!(Arc::strong_count(&held) > 1);
                Step::Again
            }))
        })
        .unwrap();
    assert_eq!(Arc::strong_count(&alive), 2);
    assert!(shards.call(0, move |shard| shard.cancel(task)).unwrap());
    assert_eq!(Arc::strong_count(&alive), 1);
    assert!(!shards.call(0, move |shard| shard.cancel(task)).unwrap());
}

#[test]
fn task_may_cancel_itself_and_spawn_another() {
    let shards = start(1, || None::<TaskId>);
    let (done, is_done) = mpsc::channel();
    shards
        .send(0, move |shard| {
            let task = shard.spawn(Steps(
                move |shard: &mut Shard<Option<TaskId>>, _: &_, _: &_| {
                    let own = shard.state().take().unwrap();
                    assert!(shard.cancel(own));
                    let done = done.clone();
                    shard.spawn(Steps(move |_: &mut _, _: &_, _: &_| {
                        done.send(()).unwrap();
                        Step::Done
                    }));
                    Step::Again
                },
            ));
            *shard.state() = Some(task);
        })
        .unwrap();
    // Both ends are gone after one message: neither task was stepped again.
    assert_eq!(is_done.iter().count(), 1);
}

#[test]
fn task_need_not_be_send() {
    let shards = start(1, || ());
    let (done, is_done) = mpsc::channel();
    shards
        .send(0, move |shard| {
            let own = Rc::new(7);
            shard.spawn(Steps(move |_: &mut Shard<()>, _: &Budget, _: &Waker| {
                done.send(*own).unwrap();
                Step::Done
            }));
        })
        .unwrap();
    assert_eq!(is_done.recv().unwrap(), 7);
}

#[test]
fn full_mailbox_blocks_the_sender_and_lets_it_go_on() {
    let config = ShardSetConfig {
        mailbox_messages: 4,
        ..ShardSetConfig::default()
    };
    let shards = Arc::new(ShardSet::start(config, |_| Vec::new()).unwrap());
    let (release, released) = mpsc::channel::<()>();
    shards
        .send(0, move |_| {
            released.recv().ok();
        })
        .unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let sender = {
        let (shards, sent) = (Arc::clone(&shards), Arc::clone(&sent));
        spawn_named("sender", move || {
            for number in 0..100 {
                shards
                    .send(0, move |shard| shard.state().push(number))
                    .unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    while sent.load(Ordering::Relaxed) < 4 {
        std::thread::yield_now();
    }
    // A batch in the shard's hands and a full mailbox: no more can have got in.
    assert!(sent.load(Ordering::Relaxed) <= 8);
    drop(release);
    sender.join().unwrap();
    assert_eq!(
        shards.call(0, |shard| shard.state().clone()).unwrap(),
        (0..100).collect::<Vec<_>>()
    );
}

/// Sends numbered blobs, waiting for room as a task does.
struct Producer {
    sender: Sender<Vec<u8>>,
    next: u32,
    held: Option<Vec<u8>>,
}

impl Task<()> for Producer {
    fn step(&mut self, shard: &mut Shard<()>, budget: &Budget, waker: &Waker) -> Step {
        while self.next < 2000 || self.held.is_some() {
            let blob = self.held.take().unwrap_or_else(|| {
                let mut blob = vec![u8::try_from(shard.index()).unwrap()];
                blob.extend(self.next.to_le_bytes());
                self.next += 1;
                blob
            });
            match self.sender.try_send(blob, waker) {
                Ok(()) => {}
                Err(TrySendError::Full(blob)) => {
                    self.held = Some(blob);
                    return Step::Wait;
                }
                Err(TrySendError::Cancelled(_)) => return Step::Done,
            }
            if budget.is_spent() {
                return Step::Again;
            }
        }
        Step::Done
    }
}

#[test]
fn producers_on_shards_feed_a_slow_sink() {
    let shards = start(4, || ());
    let (sender, receiver) = channel(ChannelConfig {
        capacity_bytes: 100,
        reserved_bytes: 50,
    });
    for shard in 0..4 {
        let task = Producer {
            sender: sender.clone(),
            next: 0,
            held: None,
        };
        shards
            .send(shard, move |shard| {
                shard.spawn(task);
            })
            .unwrap();
    }
    drop(sender);
    let mut next = [0_u32; 4];
    while let Some(blob) = receiver.recv().unwrap() {
        let expected = &mut next[usize::from(blob[0])];
        assert_eq!(blob[1..], expected.to_le_bytes());
        *expected += 1;
    }
    assert_eq!(next, [2000; 4]);
    assert!(receiver.stats().high_water_bytes <= 50);
}
