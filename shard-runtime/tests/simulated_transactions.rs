//! Transactions on thousands of seeds: whole or absent, in one order, and nobody waits for ever.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod simulated;

use shard_runtime::{Shard, ShardError, ShardSet, Simulation, SimulationFailure, SimulationHandle};
use simulated::{PATIENCE, client, seeds, start};
use std::time::Duration;

/// How money is moved from one shard to another.
#[derive(Clone, Copy)]
enum Way {
    Transaction,
    Exchange,
    /// The bug: a message to each.
    TwoMessages,
}

fn transfer(shards: &ShardSet<i64>, way: Way, from: usize, to: usize) {
    let parts = [(from, -1), (to, 1)];
    let add = |shard: &mut Shard<i64>, amount| *shard.state() += amount;
    match way {
        Way::Transaction => {
            shards.transact(PATIENCE, parts, add).unwrap();
        }
        Way::Exchange => {
            let take = |_: &mut Shard<i64>, amount| amount;
            shards
                .exchange(PATIENCE, parts, take, |amounts| amounts, add)
                .unwrap();
        }
        Way::TwoMessages => {
            for (shard, amount) in parts {
                shards.send(shard, move |shard| add(shard, amount)).unwrap();
            }
        }
    }
}

/// Three clients move money between three shards while cuts and another transaction count it.
fn money_is_constant(seed: u64, way: Way) -> Result<(), SimulationFailure> {
    let run = move |sim: SimulationHandle| {
        let shards = start(3, || 10_i64);
        let movers = [0, 1, 2].map(|mover| {
            client(&shards, move |shards| {
                for _ in 0..2 {
                    let to = (mover + 1 + usize::from(sim.below(2) == 0)) % 3;
                    transfer(shards, way, mover, to);
                }
            })
        });
        let other = client(&shards, |shards| {
            let all = (0..3).map(|shard| (shard, ()));
            shards
                .transact(PATIENCE, all, |shard, ()| *shard.state())
                .unwrap()
        });
        let counted = shards.cut(PATIENCE, |shard| *shard.state()).unwrap();
        assert_eq!(
            counted.iter().sum::<i64>(),
            30,
            "torn by a cut: {counted:?}"
        );
        let counted = other.join().unwrap();
        assert_eq!(counted.iter().sum::<i64>(), 30, "torn: {counted:?}");
        for mover in movers {
            mover.join().unwrap();
        }
    };
    Simulation::new(seed).run(run).map(drop)
}

#[test]
fn nothing_comes_between_the_parts_of_a_transaction() {
    for seed in seeds() {
        money_is_constant(seed, Way::Transaction).unwrap();
    }
}

#[test]
fn nothing_comes_between_the_halves_of_an_exchange() {
    for seed in seeds() {
        money_is_constant(seed, Way::Exchange).unwrap();
    }
}

#[test]
fn two_messages_are_found_to_be_no_transaction() {
    let found = (0..200).find_map(|seed| money_is_constant(seed, Way::TwoMessages).err());
    let failure = found.expect("a bug that no seed shows");
    assert!(failure.to_string().contains("torn"));
}

#[test]
fn all_shards_see_cuts_and_transactions_in_one_order() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|sim| {
            let shards = start(3, Vec::<u64>::new);
            let clients = [1, 2, 3].map(|number| {
                client(&shards, move |shards| {
                    let note = move |shard: &mut Shard<Vec<u64>>| shard.state().push(number);
                    if sim.below(2) == 0 {
                        shards.cut(PATIENCE, note).unwrap();
                    } else {
                        // Named in any order, the parts come together all the same.
                        let first = usize::try_from(sim.below(3)).unwrap();
                        let parts = (0..3).map(|shard| ((first + shard) % 3, ()));
                        shards
                            .transact(PATIENCE, parts, move |shard, ()| note(shard))
                            .unwrap();
                    }
                })
            });
            for client in clients {
                client.join().unwrap();
            }
            let orders = shards.cut(PATIENCE, |shard| shard.state().clone()).unwrap();
            assert_eq!(orders[0].len(), 3);
            assert!(orders.iter().all(|order| *order == orders[0]), "{orders:?}");
        });
        done.unwrap();
    }
}

#[test]
fn acknowledged_writes_are_before_what_is_asked_for_later() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|_| {
            let shards = start(3, || 0);
            // Writes shard 0, then tells somebody who acts on the others.
            let write = client(&shards, |shards| {
                shards.call(0, |shard| *shard.state() = 1).unwrap();
                let parts = [(1, ()), (2, ())];
                shards
                    .transact(PATIENCE, parts, |shard, ()| *shard.state() = 2)
                    .unwrap();
            });
            let states = shards.cut(PATIENCE, |shard| *shard.state()).unwrap();
            assert!(states[1] == states[2], "half a transaction: {states:?}");
            assert!(
                states[1] == 0 || states[0] == 1,
                "an effect without its cause: {states:?}"
            );
            write.join().unwrap();
        });
        done.unwrap();
    }
}

#[test]
fn transaction_that_meets_a_dying_shard_is_whole_or_absent() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|_| {
            let shards = start(3, || 0);
            let killer = client(&shards, |shards| shards.send(2, |_| panic!("dies")));
            let parts = [(0, ()), (2, ()), (1, ())];
            let result = shards.transact(PATIENCE, parts, |shard, ()| *shard.state() += 1);
            killer.join().unwrap().unwrap();
            let done = match result {
                Ok(_) => 1,
                Err(ShardError::Poisoned { shard: 2, message }) if message == "dies" => 0,
                Err(error) => panic!("wrong error: {error:?}"),
            };
            for shard in 0..2 {
                assert_eq!(shards.call(shard, |shard| *shard.state()).unwrap(), done);
            }
        });
        done.unwrap();
    }
}

#[test]
fn transaction_that_loses_patience_is_whole_or_absent() {
    let mut outcomes = [0, 0];
    for seed in seeds() {
        let done = Simulation::new(seed).run(|sim| {
            let shards = start(2, || 0);
            // A shard that is slow just as long as the patience lasts, more or less.
            let work = Duration::from_micros(80 + sim.below(40));
            let slow = client(&shards, move |shards| {
                shards.send(1, move |_| sim.sleep(work))
            });
            let patience = Duration::from_micros(100);
            let parts = [(0, ()), (1, ())];
            let result = shards.transact(patience, parts, |shard, ()| *shard.state() += 1);
            slow.join().unwrap().unwrap();
            let done = result.is_ok();
            if let Err(error) = result {
                assert!(
                    matches!(error, ShardError::TransactionTimedOut { .. }),
                    "{error:?}"
                );
            }
            let states = shards.cut(PATIENCE, |shard| *shard.state()).unwrap();
            assert_eq!(states, [i32::from(done); 2]);
            done
        });
        outcomes[usize::from(done.unwrap().result)] += 1;
    }
    assert!(
        outcomes.iter().all(|&times| times > 20),
        "one-sided: {outcomes:?}"
    );
}

#[test]
fn first_half_without_end_releases_the_others_at_the_deadline() {
    for seed in seeds() {
        let done = Simulation::new(seed).run(|sim| {
            let shards = start(3, || 0);
            let error = shards
                .exchange(
                    PATIENCE,
                    [(0, false), (1, true)],
                    move |_, hangs| {
                        if hangs {
                            sim.sleep(10 * PATIENCE);
                        }
                    },
                    |found| found,
                    |shard, ()| *shard.state() += 1,
                )
                .unwrap_err();
            assert!(
                matches!(error, ShardError::ExchangeTimedOut { shard: 1, .. }),
                "{error:?}"
            );
            // The others are free long before the shard that hangs.
            assert_eq!(shards.call(0, |shard| *shard.state()).unwrap(), 0);
            assert!(sim.elapsed() < 2 * PATIENCE);
            let states = shards.cut(100 * PATIENCE, |shard| *shard.state()).unwrap();
            assert_eq!(states, [0; 3]);
        });
        done.unwrap();
    }
}
