//! Instances and records in their order, both ways.

use epaxos_store::{Order, ReplicaId, StoreError};

use crate::{ME, OTHER, fresh, id, instance, quick};

#[test]
fn records_are_scanned_both_ways_with_own_writes_and_within_bounds() {
    let (_folder, store) = fresh();
    for key in [b"a", b"b", b"c", b"d"] {
        store.engine().set_kv(key, key).unwrap();
    }
    let mut txn = store.begin(quick());
    txn.delete_kv(b"b").unwrap();
    txn.set_kv(b"bb", b"").unwrap();
    txn.set_kv(b"A", b"").unwrap();
    txn.set_kv(b"z", b"").unwrap();
    let keys = |start: &[u8], end: Option<&[u8]>, order| {
        let records = txn.records(start, end, order).unwrap();
        records.map(|record| record.unwrap().0).collect::<Vec<_>>()
    };
    assert_eq!(
        keys(b"a", Some(b"d"), Order::Ascending),
        [b"a".as_slice(), b"bb", b"c"]
    );
    assert_eq!(
        keys(b"a", Some(b"d"), Order::Descending),
        [b"c".as_slice(), b"bb", b"a"]
    );
    assert_eq!(keys(b"d", None, Order::Descending), [b"z".as_slice(), b"d"]);
    assert_eq!(
        txn.get_kvs(&[b"c", b"b", b"bb"]).unwrap(),
        [Some(b"c".to_vec()), None, Some(Vec::new())]
    );
}

#[test]
fn an_iterator_in_a_transaction_sees_its_writes_and_no_other_replica() {
    let (_folder, store) = fresh();
    for replica in [
        ReplicaId(i64::MIN),
        ReplicaId(0),
        ME,
        OTHER,
        ReplicaId(i64::MAX),
    ] {
        store
            .engine()
            .set_instance(&instance(id(replica, 1)))
            .unwrap();
    }
    let mut txn = store.begin(quick());
    for replica in [ReplicaId(0), ME, OTHER, ReplicaId(i64::MAX)] {
        for index in [0, u64::MAX] {
            txn.set_instance(&instance(id(replica, index))).unwrap();
        }
    }
    for replica in [ReplicaId(0), ME, OTHER, ReplicaId(i64::MAX)] {
        let mut iter = txn.get_instance_iter(replica).unwrap();
        let mut seen = Vec::new();
        while let Some(instance) = iter.next().unwrap() {
            seen.push(instance.id);
        }
        let all = [0, 1, u64::MAX].map(|index| id(replica, index));
        assert_eq!(seen, all);
        iter.seek_to_last();
        let mut back = Vec::new();
        while let Some(instance) = iter.prev().unwrap() {
            back.push(instance.id);
        }
        back.reverse();
        assert_eq!(back, all);
    }
    txn.commit().unwrap();
    assert!(matches!(
        store.reserve_instance_id(ME),
        Err(StoreError::IndicesExhausted { .. })
    ));
}
