//! A store whose values tell deltas, and replicas whose values take some, or take none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rdb_format::{EncodeError, Encoder, Value as Codec, ValueType};
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{
    Copies, FromRdb, Frozen, Key, Keyspace, Master, Owned, Piece, Replica, Telling, Value,
    shard_hash,
};

use crate::shards::PATIENCE;
use crate::{options, replica_options, tcp};

/// Counters on each shard.
const COUNTERS: u64 = 20;

/// A number, told by what was added to it. Its states are named by what they are: it only grows.
#[derive(Debug, Clone, PartialEq)]
struct Counter(u64);

impl Value for Counter {
    fn value_type(&self) -> ValueType {
        ValueType::String
    }

    fn expire_at_ms(&self) -> Option<i64> {
        None
    }

    fn weight_bytes(&self) -> usize {
        8
    }

    fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encoder.string(out, self.0.to_string().as_bytes());
        Ok(())
    }

    fn mark(&self) -> Option<u64> {
        Some(self.0)
    }

    fn delta_since(&self, mark: u64, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(&(self.0 - mark).to_le_bytes());
        true
    }

    fn freeze(&self, _copies: &Copies) -> Box<dyn Frozen> {
        Box::new(FrozenCounter(self.clone()))
    }
}

struct FrozenCounter(Counter);

impl Frozen for FrozenCounter {
    fn encode_piece(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        _piece_bytes: usize,
    ) -> Result<Piece, EncodeError> {
        self.0.encode(encoder, out)?;
        Ok(Piece::Last)
    }
}

impl FromRdb for Counter {
    const TAKES: Telling = Telling::Deltas;

    fn from_rdb(value: Codec, expire_at_ms: Option<i64>) -> Result<Self, Codec> {
        match value {
            Codec::String(bytes) => Ok(Self::from_string(&bytes, expire_at_ms)),
            other => Err(other),
        }
    }

    fn from_string(bytes: &[u8], _expire_at_ms: Option<i64>) -> Self {
        Self(std::str::from_utf8(bytes).unwrap().parse().unwrap())
    }

    fn apply_delta(&mut self, delta: &[u8]) -> bool {
        self.0 += u64::from_le_bytes(delta.try_into().unwrap());
        true
    }
}

type Shards<V> = Arc<ShardSet<Keyspace<V>>>;

fn shards<V: Value>(count: usize) -> Shards<V> {
    let config = ShardSetConfig {
        shards: count,
        ..ShardSetConfig::default()
    };
    Arc::new(ShardSet::start(config, |_| Keyspace::new()).unwrap())
}

/// Adds one to every counter, in place; what they come to.
fn count(shards: &Shards<Counter>) -> BTreeMap<Vec<u8>, u64> {
    let mut all = BTreeMap::new();
    for number in 0..COUNTERS {
        let key = name(number);
        let shard = shards.shard_of(shard_hash(&key));
        let counted = key.clone();
        let count = move |shard: &mut shard_runtime::Shard<Keyspace<Counter>>| {
            let table = shard.state().database(0);
            if let Some(counter) = table.get_mut(counted.as_slice()) {
                counter.0 += 1;
                return counter.0;
            }
            table.insert(Key::from(counted.as_slice()), Counter(1));
            1
        };
        all.insert(key, shards.call(shard, count).unwrap());
    }
    all
}

/// What each value that a replica has says it is.
fn shown<V: Value>(shards: &Shards<V>, number: fn(&V) -> u64) -> BTreeMap<Vec<u8>, u64> {
    let parts = shards.cut(PATIENCE, move |shard| {
        let mut all = Vec::new();
        for (_, table) in shard.state_ref().databases() {
            all.extend(
                table
                    .iter()
                    .map(|(key, value)| (key.as_bytes().to_vec(), number(value))),
            );
        }
        all
    });
    parts.unwrap().into_iter().flatten().collect()
}

/// The name of a counter. That of the first is so long that no frame holds it and a delta.
fn name(number: u64) -> Vec<u8> {
    let mut name = format!("counter {number}").into_bytes();
    if number == 0 {
        name.resize(983_025, b'.');
    }
    name
}

/// Follows counters with values of another type, one full sync long.
fn follow<V: FromRdb>(number: fn(&V) -> u64) {
    let store = shards(2);
    count(&store);
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let copy = shards::<V>(3);
    let replica = Replica::start(&copy, master.address(), replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    for _ in 0..20 {
        let expected = count(&store);
        let until = Instant::now() + PATIENCE;
        while shown(&copy, number) != expected {
            assert!(Instant::now() < until, "{:?}", replica.statistics());
            std::thread::yield_now();
        }
    }
    let statistics = replica.statistics();
    assert_eq!(
        (statistics.full_syncs, statistics.resumptions),
        (1, 0),
        "{statistics:?}"
    );
}

#[test]
fn replica_that_takes_deltas_follows_by_them() {
    follow::<Counter>(|counter| counter.0);
}

#[test]
fn replica_that_takes_no_deltas_follows_a_store_that_tells_them() {
    follow::<Owned>(|value| match value.get() {
        Codec::String(bytes) => std::str::from_utf8(bytes).unwrap().parse().unwrap(),
        other => panic!("{other:?} is no counter"),
    });
}
