//! What the simulation promises: seeds that repeat, bugs that are found, stalls that are told.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod simulated;

use shard_runtime::{
    Budget, ChannelConfig, Shard, ShardError, Simulation, SimulationCause, SimulationFailure, Step,
    Task, TrySendError, channel, spawn_named,
};
use simulated::{PATIENCE, seeds, start};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How a cut is taken.
#[derive(Clone, Copy)]
enum Way {
    /// At one moment.
    AtOnce,
    /// The bug: one shard after the other.
    ShardByShard,
}

/// One client writes 1, 2, 3, … to two shards in turn, each acknowledged; another takes a cut.
fn cut_amid_writes(seed: u64, way: Way) -> Result<u64, SimulationFailure> {
    let done = Simulation::new(seed).run(move |_| {
        let shards = start(2, || 0_usize);
        let writer = {
            let shards = Arc::clone(&shards);
            spawn_named("writer", move || {
                for number in 1..6 {
                    shards
                        .call(number % 2, move |shard| *shard.state() = number)
                        .unwrap();
                }
            })
        };
        let states = match way {
            Way::AtOnce => shards.cut(PATIENCE, |shard| *shard.state()).unwrap(),
            Way::ShardByShard => [0, 1]
                .map(|shard| shards.call(shard, |shard| *shard.state()).unwrap())
                .to_vec(),
        };
        writer.join().unwrap();
        // The two have the last two writes.
        assert!(states.iter().all(|&n| n == 0) || states[0].abs_diff(states[1]) == 1);
    })?;
    Ok(done.trace.digest())
}

#[test]
fn cut_is_one_moment_in_every_order() {
    for seed in seeds() {
        cut_amid_writes(seed, Way::AtOnce).unwrap();
    }
}

#[test]
fn cut_shard_by_shard_is_found_torn() {
    let found = (0..200).find_map(|seed| cut_amid_writes(seed, Way::ShardByShard).err());
    let failure = found.expect("a bug that no seed shows");
    assert!(matches!(failure.cause, SimulationCause::Panicked { .. }));
    let again = cut_amid_writes(failure.seed, Way::ShardByShard).unwrap_err();
    assert_eq!(again.trace.to_string(), failure.trace.to_string());
}

#[test]
fn same_seed_is_the_same_run() {
    let digest = |seed| cut_amid_writes(seed, Way::AtOnce).unwrap();
    for seed in 0..50 {
        assert_eq!(digest(seed), digest(seed));
    }
    assert_ne!(digest(1), digest(2));
}

#[test]
fn messages_of_one_sender_run_in_order() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|_| {
            let shards = start(1, Vec::<(u32, u32)>::new);
            let senders = [0, 1].map(|sender| {
                let shards = Arc::clone(&shards);
                spawn_named("sender", move || {
                    for number in 0..6 {
                        let push = move |log: &mut Vec<(u32, u32)>| log.push((sender, number));
                        shards.send(0, move |shard| push(shard.state())).unwrap();
                    }
                })
            });
            for sender in senders {
                sender.join().unwrap();
            }
            let log = shards.call(0, |shard| shard.state().clone()).unwrap();
            for sender in [0, 1] {
                let own = log.iter().filter(|(from, _)| *from == sender);
                assert!(own.map(|(_, number)| *number).eq(0..6));
            }
        });
        done.unwrap();
    }
}

/// Sends numbered blobs, waiting for room as a task does.
struct Producer {
    sender: shard_runtime::Sender<Vec<u8>>,
    next: u8,
}

impl Task<()> for Producer {
    fn step(&mut self, _: &mut Shard<()>, budget: &Budget, waker: &std::task::Waker) -> Step {
        while self.next < 8 {
            match self.sender.try_send(vec![self.next], waker) {
                Ok(()) => self.next += 1,
                Err(TrySendError::Full(_)) => return Step::Wait,
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
fn tasks_that_wait_for_a_slow_consumer_lose_no_wake_up() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|sim| {
            let shards = start(2, || ());
            let (sender, receiver) = channel(ChannelConfig {
                capacity_bytes: 3,
                reserved_bytes: 1,
            });
            for shard in 0..2 {
                let task = Producer {
                    sender: sender.clone(),
                    next: 0,
                };
                let spawn = move |shard: &mut Shard<()>| {
                    shard.spawn(task);
                };
                shards.send(shard, spawn).unwrap();
            }
            drop(sender);
            let mut blobs = 0;
            while receiver.recv().unwrap().is_some() {
                blobs += 1;
                if sim.below(4) == 0 {
                    sim.sleep(Duration::from_millis(1));
                }
            }
            assert_eq!(blobs, 16);
            assert!(receiver.stats().high_water_bytes <= 2);
        });
        done.unwrap();
    }
}

#[test]
fn writes_that_block_on_a_hung_consumer_go_on_once_it_is_cancelled() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|sim| {
            let shards = start(2, || 0);
            let (sender, receiver) = channel(ChannelConfig {
                capacity_bytes: 1,
                reserved_bytes: 0,
            });
            for _ in 0..2 {
                for shard in 0..2 {
                    let sender = sender.clone();
                    let write = move |shard: &mut Shard<i32>| {
                        sender.send(vec![7]).ok();
                        *shard.state() += 1;
                    };
                    shards.send(shard, write).unwrap();
                }
            }
            // One blob is in, and each shard blocks in the middle of a closure.
            sim.sleep(Duration::from_millis(5));
            let stuck = shards.cut(Duration::from_millis(1), |_| ()).unwrap_err();
            assert!(matches!(stuck, ShardError::CutTimedOut { .. }));
            receiver.cancel("hangs");
            let writes = shards.cut(PATIENCE, |shard| *shard.state()).unwrap();
            assert_eq!(writes, [2, 2]);
        });
        done.unwrap();
    }
}

#[test]
fn stall_says_who_waits_and_where() {
    let failure = Simulation::new(3)
        .run(|sim| {
            sim.note("nobody will send");
            let (sender, receiver) = channel::<Vec<u8>>(ChannelConfig::default());
            let keeps_it_open = sender.clone();
            receiver.recv().ok();
            drop((sender, keeps_it_open));
        })
        .unwrap_err();
    let SimulationCause::Stalled { waiting } = &failure.cause else {
        panic!("wrong cause: {failure}");
    };
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].0, "main");
    assert!(waiting[0].1.contains("weighted_queue.rs"), "{waiting:?}");
    let text = failure.to_string();
    assert!(text.starts_with("seed 3: nobody can go on; main waits at "));
    assert!(text.contains("main: nobody will send"));
}

#[test]
fn run_without_end_is_given_up() {
    let failure = Simulation::new(1).steps_max(1000).run(|sim| {
        let other = spawn_named("other", move || {
            loop {
                sim.pause();
            }
        });
        other.join().ok();
    });
    let cause = failure.unwrap_err().cause;
    assert_eq!(cause, SimulationCause::Endless { steps: 1001 });
}

#[test]
fn virtual_deadlines_cost_no_real_time() {
    let done = Simulation::new(1).run(|sim| {
        let shards = start(2, || ());
        // This shard hangs for longer than anyone would wait for a test.
        let day = Duration::from_hours(24);
        shards.send(1, move |_| sim.sleep(day)).unwrap();
        let error = shards.cut(day / 2, |_| ()).unwrap_err();
        assert!(matches!(error, ShardError::CutTimedOut { shard: 1, .. }));
        let error = Arc::into_inner(shards).unwrap().shutdown(day / 4);
        assert!(matches!(
            error,
            Err(ShardError::ShutdownTimedOut { shard: 1, .. })
        ));
    });
    assert!(done.unwrap().elapsed >= Duration::from_hours(24));
}

#[test]
fn panics_of_shards_and_threads_are_errors_here_too() {
    for seed in 0..50 {
        let done = Simulation::new(seed).run(|_| {
            let shards = start(2, || ());
            shards.send(0, |_| panic!("boom")).unwrap();
            let error = shards.cut(PATIENCE, |_| ()).unwrap_err();
            assert!(matches!(error, ShardError::Poisoned { shard: 0, .. }));
            shards.call(1, |_| ()).unwrap();
            let worker = spawn_named("worker", || panic!("bang"));
            let error = worker.join().unwrap_err();
            assert!(matches!(error, ShardError::Panicked { .. }));
        });
        done.unwrap();
    }
}

#[test]
fn shards_refuse_to_wait_for_their_own_set_here_too() {
    let done = Simulation::new(1).run(|_| {
        let shards = start(2, || ());
        let inner = Arc::clone(&shards);
        let (answer, answered) = mpsc::channel();
        shards
            .call(1, move |_| answer.send(inner.call(0, |_| ())).unwrap())
            .unwrap();
        let error = answered.recv().unwrap().unwrap_err();
        assert!(matches!(error, ShardError::OnShardThread { shard: 1 }));
        shards.call(0, |_| ()).unwrap();
    });
    done.unwrap();
}
