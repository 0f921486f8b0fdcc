//! Cuts on thousands of seeds: no shard waits for another, and whatever comes between, a cut has
//! happened on all shards that live, or on none.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod simulated;

use shard_runtime::{ShardError, Simulation};
use simulated::{PATIENCE, client, seeds, start};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// How long the closures of some tests take.
const WORK: Duration = Duration::from_millis(1);

#[test]
fn no_shard_waits_for_another() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|sim| {
            let shards = start(3, || ());
            // Shards 1 and 2 are busy when they are asked to come; shard 0 comes at once, long
            // before the moment.
            let clients = [1, 2].map(|shard| {
                client(&shards, move |shards| {
                    for _ in 0..4 {
                        shards.send(shard, move |_| sim.sleep(WORK)).unwrap();
                    }
                })
            });
            let cutter = client(&shards, |shards| {
                for _ in 0..2 {
                    shards.cut(PATIENCE, |_| ()).unwrap();
                }
            });
            let calls = (0..50).map(|_| {
                // So that the calls are spread over the cuts.
                sim.sleep(WORK / 10);
                let asked = sim.now();
                shards.call(0, |_| ()).unwrap();
                sim.now() - asked
            });
            let longest = calls.max().unwrap();
            for client in clients {
                client.join().unwrap();
            }
            cutter.join().unwrap();
            longest
        });
        // A shard that waited for the others would wait for the rest of a closure.
        let longest = done.unwrap().result;
        assert!(longest < WORK / 2, "seed {seed}: {longest:?}");
    }
}

#[test]
fn cut_that_is_overdue_has_happened_and_one_that_timed_out_never_does() {
    let mut outcomes = [0; 3];
    for seed in seeds() {
        let done = Simulation::new(seed).run(|sim| {
            let shards = start(3, || 0);
            let stuck = client(&shards, move |shards| {
                shards.send(1, move |_| sim.sleep(10 * PATIENCE))
            });
            let result = shards.cut(PATIENCE, |shard| *shard.state() += 1);
            stuck.join().unwrap().unwrap();
            let (times, outcome) = match result {
                Ok(_) => (1, 0),
                Err(ShardError::CutTimedOut { shard: 1, .. }) => (0, 1),
                Err(ShardError::CutOverdue { shard: 1, .. }) => (1, 2),
                Err(error) => panic!("wrong error: {error:?}"),
            };
            let states = shards.cut(100 * PATIENCE, |shard| *shard.state());
            assert_eq!(states.unwrap(), [times; 3]);
            outcome
        });
        outcomes[done.unwrap().result] += 1;
    }
    assert!(outcomes.iter().all(|&times| times > 0), "{outcomes:?}");
}

#[test]
fn cut_that_meets_a_dying_shard_is_whole_or_absent_on_the_others() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|_| {
            let shards = start(3, || 0);
            let killer = client(&shards, |shards| shards.send(2, |_| panic!("dies")));
            let result = shards.cut(PATIENCE, |shard| *shard.state() += 1);
            killer.join().unwrap().unwrap();
            let states = [0, 1].map(|shard| shards.call(shard, |shard| *shard.state()).unwrap());
            assert_eq!(states[0], states[1], "half a cut");
            match result {
                Ok(_) => assert_eq!(states, [1; 2]),
                Err(ShardError::Poisoned { shard: 2, message }) => assert_eq!(message, "dies"),
                Err(error) => panic!("wrong error: {error:?}"),
            }
        });
        done.unwrap();
    }
}

#[test]
fn set_that_closes_or_aborts_amid_a_cut_leaves_one_verdict() {
    let mut cuts = [0; 2];
    for seed in seeds() {
        let done = Simulation::new(seed).run(move |_| {
            let shards = start(3, || 0);
            let parts: Arc<[_; 3]> = Arc::new(std::array::from_fn(|_| AtomicUsize::new(0)));
            let closer = client(&shards, move |shards| {
                if seed % 2 == 0 {
                    shards.close();
                } else {
                    shards.abort();
                }
            });
            let ran = Arc::clone(&parts);
            let result = shards.cut(PATIENCE, move |shard| {
                ran[shard.index()].fetch_add(1, Relaxed)
            });
            closer.join().unwrap();
            drop(shards);
            let ran = [0, 1, 2].map(|shard| parts[shard].load(Relaxed));
            match (&result, ran) {
                (Ok(_), [1, 1, 1]) => true,
                // Closed: whole or absent. Aborted: shards end where they are.
                (Err(ShardError::Stopped { .. }), [0, 0, 0]) => false,
                (Err(ShardError::Stopped { .. }), _) if seed % 2 == 1 => false,
                _ => panic!("{result:?}, parts run: {ran:?}"),
            }
        });
        cuts[usize::from(done.unwrap().result)] += 1;
    }
    assert!(cuts.iter().all(|&times| times > 0), "one-sided: {cuts:?}");
}
