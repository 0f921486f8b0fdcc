//! However a set ends, on thousands of seeds: everybody who waits is told, and nothing is left.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod simulated;

use shard_runtime::{Budget, Shard, ShardError, ShardSet, Simulation, Step, Task, spawn_named};
use simulated::{PATIENCE, seeds, small_set, start};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
use std::time::Duration;

/// Never ends, and waits for nobody.
struct Restless(#[expect(dead_code, reason = "held to be dropped")] Arc<()>);

impl<S> Task<S> for Restless {
    fn step(&mut self, _: &mut Shard<S>, budget: &Budget, _: &Waker) -> Step {
        while !budget.is_spent() {}
        Step::Again
    }
}

/// Held by states, messages and tasks, to see that all are dropped.
fn spawn_restless<S: 'static>(shards: &ShardSet<S>, alive: &Arc<()>) {
    let task = Restless(Arc::clone(alive));
    let spawn = move |shard: &mut Shard<S>| {
        shard.spawn(task);
    };
    shards.send(0, spawn).unwrap();
}

#[test]
fn abort_drops_what_waits_and_tells_who_waits() {
    let mut outcomes = [0, 0];
    for seed in seeds() {
        let done = Simulation::new(seed).run(|sim| {
            let alive = Arc::new(());
            let state = Arc::clone(&alive);
            let shards = Arc::new(small_set(2, move || Arc::clone(&state)));
            spawn_restless(&shards, &alive);
            let served = Arc::new(AtomicUsize::new(0));
            let callers = [0, 1, 0, 1, 0].map(|shard| {
                let (shards, served) = (Arc::clone(&shards), Arc::clone(&served));
                spawn_named("caller", move || {
                    let call = move |_: &mut Shard<_>| {
                        sim.work(Duration::from_micros(30));
                        served.fetch_add(1, Ordering::Relaxed)
                    };
                    match shards.call(shard, call) {
                        Ok(_) => true,
                        Err(ShardError::Stopped { shard: said }) if said == shard => false,
                        Err(error) => panic!("wrong error: {error:?}"),
                    }
                })
            });
            sim.sleep(Duration::from_micros(sim.below(200)));
            shards.abort();
            let answers = callers.map(|caller| caller.join().unwrap());
            let answers = answers.into_iter().filter(|answered| *answered).count();
            assert_eq!(answers, served.load(Ordering::Relaxed));
            Arc::into_inner(shards).unwrap().shutdown(PATIENCE).unwrap();
            assert_eq!(Arc::strong_count(&alive), 1, "something was not dropped");
            answers
        });
        outcomes[usize::from(done.unwrap().result > 2)] += 1;
    }
    assert!(
        outcomes.iter().all(|&times| times > 20),
        "one-sided: {outcomes:?}"
    );
}

#[test]
fn abort_leaves_messages_unserved() {
    let mut left = 0;
    for seed in seeds() {
        let done = Simulation::new(seed).run(|sim| {
            let served = Arc::new(AtomicUsize::new(0));
            let shards = small_set(1, || ());
            for _ in 0..3 {
                let served = Arc::clone(&served);
                let work = move |_: &mut Shard<()>| {
                    sim.work(Duration::from_micros(5));
                    served.fetch_add(1, Ordering::Relaxed);
                };
                shards.send(0, work).unwrap();
            }
            shards.abort();
            shards.shutdown(PATIENCE).unwrap();
            served.load(Ordering::Relaxed)
        });
        left += 3 - done.unwrap().result;
    }
    assert!(left > 20, "every message was served");
}

#[test]
fn shutdown_serves_all_that_was_sent() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|_| {
            let alive = Arc::new(());
            let served = Arc::new(AtomicUsize::new(0));
            let shards = small_set(2, || ());
            spawn_restless(&shards, &alive);
            for number in 0..6 {
                let served = Arc::clone(&served);
                let count = move |_: &mut Shard<()>| {
                    served.fetch_add(1, Ordering::Relaxed);
                };
                shards.send(number % 2, count).unwrap();
            }
            shards.shutdown(PATIENCE).unwrap();
            assert_eq!(served.load(Ordering::Relaxed), 6);
            assert_eq!(Arc::strong_count(&alive), 1, "the task was not dropped");
        });
        done.unwrap();
    }
}

#[test]
fn shutdown_that_is_late_aborts_the_rest() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|sim| {
            let served = Arc::new(AtomicUsize::new(0));
            let shards = small_set(2, || ());
            shards.send(1, move |_| sim.sleep(3 * PATIENCE)).unwrap();
            let count = Arc::clone(&served);
            shards
                .send(1, move |_| {
                    count.fetch_add(1, Ordering::Relaxed);
                })
                .unwrap();
            let late = shards.shutdown(PATIENCE).unwrap_err();
            assert!(matches!(
                late,
                ShardError::ShutdownTimedOut { shard: 1, .. }
            ));
            assert!(sim.elapsed() < 2 * PATIENCE);
            // The thread that was left behind ends by itself, and leaves the message.
            sim.sleep(3 * PATIENCE);
            assert_eq!(Arc::strong_count(&served), 1);
            assert_eq!(served.load(Ordering::Relaxed), 0);
        });
        done.unwrap();
    }
}

#[test]
fn panic_at_any_time_is_told_to_everybody_who_waits() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|_| {
            let shards = start(2, || 0);
            let callers = [0, 1, 2, 3].map(|number| {
                let shards = Arc::clone(&shards);
                spawn_named("caller", move || match number {
                    0 => shards.send(0, |_| panic!("boom")),
                    1 => shards.cut(PATIENCE, |_| ()).map(drop),
                    2 => {
                        let parts = [(1, ()), (0, ())];
                        shards.transact(PATIENCE, parts, |_, ()| ()).map(drop)
                    }
                    _ => (0..4).try_for_each(|_| shards.call(0, |_| ())),
                })
            });
            for caller in callers {
                match caller.join().unwrap() {
                    Ok(()) => {}
                    Err(ShardError::Poisoned { shard: 0, message }) => assert_eq!(message, "boom"),
                    Err(error) => panic!("wrong error: {error:?}"),
                }
            }
            shards.call(1, |_| ()).unwrap();
            let error = Arc::into_inner(shards)
                .unwrap()
                .shutdown(PATIENCE)
                .unwrap_err();
            assert!(matches!(error, ShardError::Poisoned { shard: 0, .. }));
        });
        done.unwrap();
    }
}
