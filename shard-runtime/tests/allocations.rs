//! Small messages and their answers cost no memory: counted, on all threads together.

use shard_runtime::{ShardSet, ShardSetConfig};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Messages of each kind.
const MESSAGES: u64 = 2000;

/// More than the harness allocates on its own thread once it has started the test, whenever that
/// comes to run.
const HARNESS: u64 = 50;

/// How many allocations `f` makes, on whatever threads.
fn allocations(f: impl FnOnce()) -> u64 {
    let region = Region::new(ALLOCATOR);
    f();
    region.change().allocations as u64
}

// One test, since the counter is one for the whole process.
#[test]
fn small_messages_allocate_nothing_and_large_ones_once() {
    let shards = ShardSet::start(ShardSetConfig::default(), |_| 0_u64).unwrap();
    let send = |words: [u64; 6]| {
        let add = move |shard: &mut shard_runtime::Shard<u64>| {
            *shard.state() += words.iter().sum::<u64>();
        };
        shards.send(0, add).unwrap();
    };
    let call = |number: u64| {
        let answer = shards.call(0, move |shard| {
            *shard.state() += number;
            [*shard.state(); 16]
        });
        answer.unwrap()[0]
    };
    // The thread's first call makes the cell of its answers, and locks are set up on first use.
    (0..MESSAGES).for_each(|_| send([1; 6]));
    assert_eq!(call(0), 6 * MESSAGES);

    let sending = allocations(|| {
        (0..MESSAGES).for_each(|_| send([1; 6]));
        assert_eq!(call(0), 12 * MESSAGES);
    });
    let calling = allocations(|| {
        (0..MESSAGES).for_each(|_| {
            call(1);
        });
    });
    // The shard may still hold an answer's cell when the next call begins: then there is another,
    // kept from then on. It never takes more than the eight that a thread keeps, each in use.
    assert!(
        sending + calling <= 8 + HARNESS,
        "{sending} for sending, {calling} for calling"
    );

    let large = allocations(|| {
        for _ in 0..MESSAGES {
            let words = [1_u64; 8];
            shards
                .send(0, move |shard| *shard.state() += words[0])
                .unwrap();
        }
        call(0);
    });
    assert!(
        (MESSAGES..MESSAGES + 8 + HARNESS).contains(&large),
        "{large} for large ones"
    );
}
