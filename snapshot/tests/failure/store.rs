//! What is saved while something fails.

use shard_runtime::{ShardSet, ShardSetConfig};

use crate::tiny_store::{Memory, TinyStore, decode, difference, patient, shard_of, state_at_cut};

/// Two shards with `keys` keys of `value_bytes` each.
pub(crate) fn filled(keys: usize, value_bytes: usize) -> ShardSet<TinyStore> {
    let config = ShardSetConfig {
        shards: 2,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| TinyStore::default()).unwrap();
    for number in 0..keys {
        set(&shards, number, value_bytes);
    }
    shards
}

pub(crate) fn set(shards: &ShardSet<TinyStore>, number: usize, value_bytes: usize) {
    let key = format!("key {number}").into_bytes();
    let shard = shard_of(shards, &key);
    let value = vec![b'v'; value_bytes];
    shards
        .send(shard, move |shard| shard.state().set(0, &key, &value))
        .unwrap();
}

/// A snapshot taken now is exact: nothing of an earlier one is in its way.
pub(crate) fn next_snapshot_is_exact(shards: &ShardSet<TinyStore>, cut: usize) {
    let memory = Memory::default();
    let handle = patient().to_writer(shards, memory.clone()).unwrap();
    handle.wait().unwrap();
    let found = decode(&memory.take()).unwrap();
    assert_eq!(difference(&found, &state_at_cut(shards, cut)), None);
}
