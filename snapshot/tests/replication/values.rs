//! Values of every type that any server has reach a replica.

use rdb_format::{Array, ConsumerGroup, Producers, Stream, StreamId, StreamRecord, Value};
use snapshot::{Key, Master, Owned, Replica, shard_hash};

use crate::shards::{PATIENCE, assert_equal, set, shards};
use crate::{options, replica_options, tcp};

fn id(ms: u64) -> StreamId {
    StreamId { ms, seq: 0 }
}

/// A stream of which entries were deleted, and read by a group: no server before Redis 7.0 could
/// hold what is known of it.
fn stream() -> Stream {
    Stream {
        records: vec![StreamRecord {
            id: id(3),
            deleted: false,
            fields: vec![(b"field".to_vec(), b"value".to_vec())],
        }],
        last_id: id(4),
        first_id: Some(id(3)),
        deleted_id_max: Some(id(2)),
        entries_added: Some(4),
        groups: vec![ConsumerGroup {
            name: b"group".to_vec(),
            last_id: id(3),
            entries_read: Some(3),
            ..ConsumerGroup::default()
        }],
        // As every newer server has it.
        producers: Some(Producers::default()),
    }
}

/// A bucket is delivered at once, and always the same ones: what could not pass at the first
/// attempt never could.
#[test]
fn values_heavier_than_the_budget_reach_a_replica_though_they_share_a_bucket() {
    let store = shards(1);
    // More than a segment has buckets, so that some share one.
    for number in 0..150_u32 {
        let key = number.to_be_bytes();
        set(&store, 0, &key, vec![b'v'; 300 << 10]);
    }
    let master = Master::start(&store, &tcp(), options().budget_bytes(512 << 10)).unwrap();
    let copy = shards(1);
    let replica = Replica::start(&copy, master.address(), replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    assert_equal(&store, &copy, &replica);
    let statistics = replica.statistics();
    assert_eq!(statistics.full_syncs, 1, "{statistics:?}");
}

#[test]
fn values_of_the_newest_servers_reach_a_replica() {
    let text = |text: &str| text.as_bytes().to_vec();
    let values = [
        Value::String(text("string")),
        Value::List(vec![text("a"), text("b")]),
        Value::Set(vec![text("a"), text("b")]),
        Value::Hash(vec![(text("field"), text("value"))]),
        Value::SortedSet(vec![(text("member"), 1.5)]),
        Value::ExpiringHash(vec![
            (text("field"), text("value"), Some(4_000_000_000_000)),
            (text("other"), text("value"), None),
        ]),
        Value::Stream(Box::new(stream())),
        Value::Array(Box::new(Array {
            elements: vec![(7, text("element"))],
            insert_index: None,
        })),
    ];
    let store = shards(2);
    for (value, number) in values.into_iter().zip(0..) {
        let key = format!("key {number}").into_bytes();
        let shard = store.shard_of(shard_hash(&key));
        let expire_at_ms = (number % 2 == 0).then_some(4_000_000_000_000);
        store
            .send(shard, move |shard| {
                let value = Owned::new(value, expire_at_ms);
                shard.state().database(0).insert(Key::from(&key[..]), value);
            })
            .unwrap();
    }
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let copy = shards(2);
    let replica = Replica::start(&copy, master.address(), replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    assert_equal(&store, &copy, &replica);
}
