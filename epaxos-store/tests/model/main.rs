//! The store against a plain map, step by step: transactions, reopening, purging, iterators both
//! ways, and two transactions that are in each other's way.
//!
//! `FORKLESS_TEST_SEEDS` says how many histories are tried.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

mod bench;
mod history;
mod rules;

use epaxos_store::ReplicaId;
use proptest::prelude::*;

use crate::bench::Bench;
use crate::history::events;

const ME: ReplicaId = ReplicaId(1);
const REPLICAS: [ReplicaId; 3] = [ReplicaId(-1), ME, ReplicaId(2)];

fn histories() -> u32 {
    let chosen = std::env::var("FORKLESS_TEST_SEEDS").ok();
    chosen.map_or(24, |chosen| chosen.parse().unwrap())
}
proptest! {
    #![proptest_config(ProptestConfig {
        cases: histories(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_store_agrees_with_a_map(
        history in proptest::collection::vec(events(), 1..120),
    ) {
        let mut bench = Bench::new();
        for event in history {
            bench.event(event);
        }
    }
}
