//! Small sets of shards for the simulation, and who asks things of them.

#![allow(dead_code, reason = "each test file uses a part of it")]

use shard_runtime::{ShardSet, ShardSetConfig, Worker, spawn_named};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Longer than anything that works takes, in virtual time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

pub(crate) type Set<S> = Arc<ShardSet<S>>;

/// How many seeds each property is tried on; `FORKLESS_TEST_SEEDS` says another number.
pub(crate) fn seeds() -> Range<u64> {
    let set = std::env::var("FORKLESS_TEST_SEEDS").ok();
    0..set.map_or(3000, |seeds| seeds.parse().unwrap())
}

/// Shards with mailboxes that are soon full.
pub(crate) fn small_set<S: 'static>(
    shards: usize,
    state: impl Fn() -> S + Send + Sync + 'static,
) -> ShardSet<S> {
    let config = ShardSetConfig {
        shards,
        mailbox_messages: 2,
        ..ShardSetConfig::default()
    };
    ShardSet::start(config, move |_| state()).unwrap()
}

/// A small set that clients share.
pub(crate) fn start<S: 'static>(shards: usize, state: fn() -> S) -> Set<S> {
    Arc::new(small_set(shards, state))
}

/// A thread that does `run` with the set.
pub(crate) fn client<S: 'static, R: Send + 'static>(
    shards: &Set<S>,
    run: impl FnOnce(&ShardSet<S>) -> R + Send + 'static,
) -> Worker<R> {
    let shards = Arc::clone(shards);
    spawn_named("client", move || run(&shards))
}
