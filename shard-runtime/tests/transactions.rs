//! Transactions are whole or absent, in one order with each other and with cuts.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

use shard_runtime::{ShardError, ShardSet, ShardSetConfig, spawn_named};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Long enough for anything that works.
const PATIENCE: Duration = Duration::from_mins(1);
/// Short, for what cannot work.
const IN_VAIN: Duration = Duration::from_millis(20);

fn start<S: 'static>(shards: usize, state: fn(usize) -> S) -> Arc<ShardSet<S>> {
    let config = ShardSetConfig {
        shards,
        ..ShardSetConfig::default()
    };
    Arc::new(ShardSet::start(config, state).unwrap())
}

/// Holds a shard until the returned end is dropped.
fn hold<S: 'static>(shards: &ShardSet<S>, shard: usize) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (arrive, arrived) = mpsc::channel();
    shards
        .send(shard, move |_| {
            arrive.send(()).unwrap();
            released.recv().ok();
        })
        .unwrap();
    arrived.recv().unwrap();
    release
}

fn states<S: Clone + Send + 'static>(shards: &ShardSet<S>) -> Vec<S> {
    shards.cut(PATIENCE, |shard| shard.state().clone()).unwrap()
}

#[test]
fn money_moves_and_none_is_made_or_lost() {
    const SHARDS: usize = 4;
    let shards = start(SHARDS, |_| 1000_i64);
    let movers: Vec<_> = (0..3)
        .map(|mover| {
            let shards = Arc::clone(&shards);
            spawn_named("mover", move || {
                for round in 0..200 {
                    let from = (mover + round) % SHARDS;
                    let to = (from + 1 + round % (SHARDS - 1)) % SHARDS;
                    let parts = [(from, -7), (to, 7)];
                    shards
                        .transact(PATIENCE, parts, |shard, amount| *shard.state() += amount)
                        .unwrap();
                }
            })
        })
        .collect();
    while !movers.iter().all(shard_runtime::Worker::is_finished) {
        assert_eq!(states(&shards).iter().sum::<i64>(), 4000);
    }
    for mover in movers {
        mover.join().unwrap();
    }
    assert_eq!(shards.cut_stats().transactions, 600);
    assert!(shards.cut_stats().longest_pause >= shards.cut_stats().last_pause);
}

#[test]
fn exchange_moves_a_value_that_cannot_be_cloned() {
    struct Owned(&'static str);
    let shards = start(3, |index| vec![Owned(["a", "b", "c"][index])]);
    // What RENAME does: the source gives, the target takes, or nothing happens.
    let lengths = shards
        .exchange(
            PATIENCE,
            [(2, true), (0, false)],
            |shard, is_source| is_source.then(|| shard.state().pop()).flatten(),
            |found| found.into_iter().rev().collect(),
            |shard, moved: Option<Owned>| {
                shard.state().extend(moved);
                shard.state().len()
            },
        )
        .unwrap();
    assert_eq!(lengths, [0, 2]);
    let words = shards
        .call(0, |shard| {
            shard
                .state()
                .iter()
                .map(|owned| owned.0)
                .collect::<String>()
        })
        .unwrap();
    assert_eq!(words, "ac");
}

#[test]
fn what_the_first_half_finds_still_holds_in_the_second() {
    // What MSETNX does: set all keys if none is set.
    let shards = start(3, |_| None::<usize>);
    let setters: Vec<_> = (0..4)
        .map(|setter| {
            let shards = Arc::clone(&shards);
            spawn_named("setter", move || {
                let parts = [(setter % 3, ()), ((setter + 1) % 3, ())];
                shards
                    .exchange(
                        PATIENCE,
                        parts,
                        |shard, ()| shard.state().is_none(),
                        |free| vec![free.iter().all(|free| *free); 2],
                        move |shard, set| {
                            if set {
                                assert_eq!(shard.state().replace(setter), None);
                            }
                            set
                        },
                    )
                    .unwrap()
            })
        })
        .collect();
    let winners = setters
        .into_iter()
        .map(|setter| setter.join().unwrap())
        .filter(|set| *set == [true, true])
        .count();
    let set = states(&shards);
    assert_eq!(winners, 1, "any two of them share a shard");
    assert_eq!(set.iter().flatten().count(), 2);
}

#[test]
fn own_sends_are_before_the_transaction() {
    let shards = start(2, |_| 0);
    for round in 1..=100 {
        for shard in 0..2 {
            shards.send(shard, |shard| *shard.state() += 1).unwrap();
        }
        let seen = shards.transact(PATIENCE, [(1, ()), (0, ())], |shard, ()| *shard.state());
        assert_eq!(seen.unwrap(), [round; 2]);
    }
}

#[test]
fn several_parts_of_one_shard_run_in_their_order() {
    let shards = start(3, |_| Vec::new());
    let parts = [(2, 'a'), (0, 'b'), (2, 'c'), (0, 'd'), (2, 'e')];
    let results = shards.transact(PATIENCE, parts, |shard, letter| {
        shard.state().push(letter);
        (letter, shard.state().len())
    });
    let expected = [('a', 1), ('b', 1), ('c', 2), ('d', 2), ('e', 3)];
    assert_eq!(results.unwrap(), expected);
    assert_eq!(
        states(&shards),
        [vec!['b', 'd'], vec![], vec!['a', 'c', 'e']]
    );
    // Both for one shard, which is then a message.
    let results = shards.transact(PATIENCE, [(1, 'x'), (1, 'y')], |shard, letter| {
        shard.state().push(letter);
    });
    assert_eq!(results.unwrap(), [(), ()]);
    assert_eq!(states(&shards)[1], ['x', 'y']);
}

#[test]
fn impossible_parts_are_refused() {
    let shards = start(2, |_| ());
    let run = |parts: &[usize]| {
        let parts = parts.iter().map(|&shard| (shard, ()));
        shards.transact(PATIENCE, parts, |shard, ()| shard.index())
    };
    assert!(matches!(
        run(&[0, 2]),
        Err(ShardError::NoSuchShard {
            shard: 2,
            shards: 2
        })
    ));
    let exchanged = shards.exchange(
        PATIENCE,
        [(1, ()), (0, ()), (1, ())],
        |_, ()| (),
        |found| found,
        |_, ()| (),
    );
    assert!(matches!(exchanged, Err(ShardError::TwoParts { shard: 1 })));
    assert_eq!(run(&[]).unwrap(), []);
    assert_eq!(run(&[1]).unwrap(), [1]);
    let inner = Arc::clone(&shards);
    let refused = shards
        .call(0, move |_| {
            inner.transact(PATIENCE, [(0, ()), (1, ())], |_, ()| ())
        })
        .unwrap();
    assert!(matches!(
        refused,
        Err(ShardError::OnShardThread { shard: 0 })
    ));
}

#[test]
fn stuck_shard_fails_the_transaction_and_others_serve_on() {
    let shards = start(3, |_| 0);
    for parts in [vec![(1, ()), (0, ())], vec![(0, ())]] {
        // The first, so that it is the one that is named, should others be late as well.
        let release = hold(&shards, 0);
        let error = shards
            .transact(IN_VAIN, parts, |shard, ()| *shard.state() += 1)
            .unwrap_err();
        assert!(matches!(
            error,
            ShardError::TransactionTimedOut {
                shard: 0,
                deadline: IN_VAIN
            }
        ));
        shards.call(1, |_| ()).unwrap();
        // Those that do not need the stuck shard are not held up.
        let others = shards.transact(PATIENCE, [(1, ()), (2, ())], |shard, ()| *shard.state());
        assert_eq!(others.unwrap(), [0, 0]);
        drop(release);
        assert_eq!(states(&shards), [0; 3]);
    }
}

#[test]
fn panic_in_a_part_poisons_its_shard_and_the_rest_is_done() {
    let shards = start(3, |_| 0);
    let error = shards.transact(PATIENCE, [(0, 1), (1, 0), (2, 1)], |shard, amount| {
        assert_ne!(amount, 0, "nothing to add");
        *shard.state() += amount;
    });
    let Err(ShardError::Poisoned { shard: 1, message }) = error else {
        panic!("wrong outcome: {error:?}");
    };
    assert!(message.contains("nothing to add"));
    for shard in [0, 2] {
        assert_eq!(shards.call(shard, |shard| *shard.state()).unwrap(), 1);
    }
}

/// Where an exchange panics.
#[derive(Clone, Copy, PartialEq)]
enum Panics {
    First,
    Between,
    Second,
}

#[test]
fn panic_before_the_second_half_changes_no_other_shard() {
    for at in [Panics::First, Panics::Between, Panics::Second] {
        let shards = start(3, |_| 0);
        let error = shards
            .exchange(
                PATIENCE,
                (0..3).map(|shard| (shard, ())),
                move |shard, ()| assert!(at != Panics::First || shard.index() != 1, "boom"),
                move |found| {
                    assert!(at != Panics::Between, "boom");
                    found
                },
                move |shard, ()| {
                    *shard.state() += 1;
                    assert!(at != Panics::Second || shard.index() != 1, "boom");
                },
            )
            .unwrap_err();
        let ShardError::Poisoned {
            shard: dead,
            message,
        } = error
        else {
            panic!("wrong error: {error:?}");
        };
        assert_eq!(message, "boom");
        let expected = i32::from(at == Panics::Second);
        for shard in (0..3).filter(|shard| *shard != dead) {
            assert_eq!(
                shards.call(shard, |shard| *shard.state()).unwrap(),
                expected
            );
        }
    }
}

#[test]
fn exchange_with_a_wrong_number_of_plans_does_nothing() {
    let shards = start(2, |_| 0);
    let error = shards
        .exchange(
            PATIENCE,
            [(0, ()), (1, ())],
            |_, ()| (),
            |_| vec![()],
            |shard, ()| *shard.state() += 1,
        )
        .unwrap_err();
    assert!(matches!(
        error,
        ShardError::PlanCount { plans: 1, parts: 2 }
    ));
    assert_eq!(states(&shards), [0, 0]);
}
