//! Stores of whole values, what is done to them, and what they hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdb_format::Value;
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Key, Keyspace, Owned, Replica, shard_hash};

pub(crate) type Shards = Arc<ShardSet<Keyspace<Owned>>>;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn shards(count: usize) -> Shards {
    let config = ShardSetConfig {
        shards: count,
        ..ShardSetConfig::default()
    };
    Arc::new(ShardSet::start(config, |_| Keyspace::new()).unwrap())
}

pub(crate) fn set(shards: &Shards, database: u32, key: &[u8], value: Vec<u8>) {
    let key = Key::from(key);
    let shard = shards.shard_of(shard_hash(key.as_bytes()));
    let set = move |shard: &mut shard_runtime::Shard<Keyspace<Owned>>| {
        let value = Owned::new(Value::String(value), None);
        shard.state().database(database).insert(key, value);
    };
    shards.send(shard, set).unwrap();
}

pub(crate) fn delete(shards: &Shards, database: u32, key: &[u8]) {
    let key = Key::from(key);
    let shard = shards.shard_of(shard_hash(key.as_bytes()));
    shards
        .send(shard, move |shard| {
            shard.state().database(database).remove(key.as_bytes());
        })
        .unwrap();
}

/// Everything there is, at one moment.
pub(crate) fn contents(shards: &Shards) -> BTreeMap<(u32, Vec<u8>), Value> {
    let parts = shards.cut(PATIENCE, |shard| {
        let mut all = Vec::new();
        for (number, table) in shard.state_ref().databases() {
            for (key, value) in table {
                all.push(((number, key.as_bytes().to_vec()), value.get().clone()));
            }
        }
        all
    });
    parts.unwrap().into_iter().flatten().collect()
}

pub(crate) fn fill(shards: &Shards, keys: u64) {
    for key in 0..keys {
        let value = vec![b'v'; usize::try_from(key % 90).unwrap()];
        set(
            shards,
            u32::from(key % 7 == 0),
            format!("key:{key}").as_bytes(),
            value,
        );
    }
    // Heavier than a frame, so that it comes in parts.
    set(
        shards,
        0,
        b"huge",
        (0..=255).cycle().take(3 << 20).collect(),
    );
}

/// Waits until the replica shows what the master has, while nobody writes.
pub(crate) fn assert_equal(master: &Shards, replica: &Shards, of: &Replica<Keyspace<Owned>>) {
    let expected = contents(master);
    let until = Instant::now() + PATIENCE;
    loop {
        let found = contents(replica);
        if found == expected {
            return;
        }
        if Instant::now() > until {
            let missing = expected.iter().filter(|(key, _)| !found.contains_key(*key));
            let extra = found.keys().filter(|key| !expected.contains_key(*key));
            panic!(
                "{} keys and not {}; {} missing, {} too many; {:?}",
                found.len(),
                expected.len(),
                missing.count(),
                extra.count(),
                of.statistics()
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
