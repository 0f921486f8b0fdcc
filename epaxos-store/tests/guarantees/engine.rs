//! The store as a thread uses it: its transactions, its limits, its refusals.

use epaxos_store::{Command, Missing, Options, Store, StoreError, TxnOptions};

use crate::{ME, OTHER, ballot, executed, fresh, id, instance, options, quick};

#[test]
fn the_engine_works_as_the_seed_says() {
    let (_folder, store) = fresh();
    let mut engine = store.engine();
    assert_eq!(engine.commit(), Err(StoreError::NoTransaction));
    engine.begin().unwrap();
    assert_eq!(engine.begin(), Err(StoreError::TransactionOpen));
    assert_eq!(engine.get_kv_for_update(b"k").unwrap(), None);
    engine.set_kv(b"k", b"v").unwrap();
    engine.set_instance(&instance(id(ME, 0))).unwrap();
    assert_eq!(engine.get_max_instance_id(ME), Some(id(ME, 0)));
    assert_eq!(store.get_max_instance_id(ME), None);
    engine.rollback().unwrap();
    assert_eq!(engine.get_max_instance_id(ME), None);
    assert_eq!(engine.get_kv(b"k").unwrap(), None);

    let missing = instance(id(ME, 0));
    assert_eq!(
        engine.update_instance(&missing),
        Err(StoreError::NotFound { id: missing.id })
    );
    for index in [0, 1, 5] {
        engine.set_instance(&instance(id(ME, index))).unwrap();
    }
    engine.set_instance(&instance(id(OTHER, 9))).unwrap();
    let mut iter = engine.get_instance_iter(ME).unwrap();
    iter.seek(1);
    assert_eq!(iter.next().unwrap().unwrap().id, id(ME, 1));
    assert_eq!(iter.next().unwrap().unwrap().id, id(ME, 5));
    assert_eq!(iter.next().unwrap(), None);
    assert_eq!(iter.prev().unwrap().unwrap().id, id(ME, 5));
    iter.seek_to_last();
    assert_eq!(iter.prev().unwrap().unwrap().id, id(ME, 5));
    iter.seek_for_prev(4);
    assert_eq!(iter.prev().unwrap().unwrap().id, id(ME, 1));
    assert_eq!(iter.prev().unwrap().unwrap().id, id(ME, 0));
    assert_eq!(iter.prev().unwrap(), None);
    assert_eq!(iter.next().unwrap().unwrap().id, id(ME, 0));
    drop(iter);
    engine.set_kv(b"k", b"v").unwrap();
    engine.delete_kv(b"k").unwrap();
    assert_eq!(engine.get_kv(b"k").unwrap(), None);
    assert_eq!(engine.get_max_instance_id(ME), Some(id(ME, 5)));
    assert_eq!(engine.get_max_executed_instance_id(ME), None);
}

#[test]
fn savepoints_undo_writes_ids_and_nothing_else() {
    let (_folder, store) = fresh();
    let mut txn = store.begin(quick());
    txn.set_kv(b"a", b"1").unwrap();
    txn.set_savepoint();
    txn.set_kv(b"a", b"2").unwrap();
    txn.set_instance(&instance(id(ME, 3))).unwrap();
    txn.rollback_to_savepoint().unwrap();
    assert_eq!(txn.get_kv(b"a").unwrap().unwrap(), b"1");
    assert_eq!(txn.get_max_instance_id(ME), None);
    assert_eq!(txn.rollback_to_savepoint(), Err(StoreError::NoSavepoint));
    txn.commit().unwrap();
    assert_eq!(store.get_max_instance_id(ME), None);
    assert_eq!(store.engine().get_kv(b"a").unwrap().unwrap(), b"1");
}

#[test]
fn values_instance_and_status_commit_together_or_not_at_all() {
    let (folder, store) = fresh();
    for (index, is_committed) in [(0, false), (1, true)] {
        let mut txn = store.begin(TxnOptions::default());
        txn.set_kv(b"k", index.to_string().as_bytes()).unwrap();
        txn.set_instance(&executed(id(ME, index))).unwrap();
        if is_committed {
            txn.commit().unwrap();
        }
    }
    drop(store);
    let store = Store::open(folder.path(), &options()).unwrap();
    let engine = store.engine();
    assert_eq!(engine.get_kv(b"k").unwrap().unwrap(), b"1");
    assert_eq!(engine.get_instance(id(ME, 0)).unwrap(), None);
    assert_eq!(
        engine.get_instance(id(ME, 1)).unwrap(),
        Some(executed(id(ME, 1)))
    );
    assert_eq!(store.get_max_executed_instance_id(ME), Some(id(ME, 1)));
    assert_eq!(store.watermarks(ME).executed_upto, None);
    assert_eq!(store.incarnation(), 2);
}

#[test]
fn refusals_leave_the_transaction_usable() {
    let (_folder, store) = fresh();
    let mut txn = store.begin(quick());
    txn.set_instance(&instance(id(ME, 0))).unwrap();
    let mut lower = instance(id(ME, 0));
    lower.ballot = ballot(0);
    let refused = txn.set_instance(&lower).unwrap_err();
    assert!(refused.is_refusal());
    assert_eq!(
        txn.mark_executed(id(ME, 0)).unwrap_err().to_string(),
        "instance 1/0 is pre-accepted, not committed"
    );
    assert_eq!(
        txn.mark_executed(id(ME, 1)),
        Err(StoreError::NotFound { id: id(ME, 1) })
    );
    txn.commit().unwrap();
    assert_eq!(
        store.engine().get_instance(id(ME, 0)).unwrap(),
        Some(instance(id(ME, 0)))
    );
}

#[test]
fn limits_are_enforced_with_both_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let small = Options {
        key_bytes_max: 4,
        value_bytes_max: 64,
        ..options()
    };
    let store = Store::open(folder.path(), &small).unwrap();
    let mut engine = store.engine();
    engine.set_kv(b"four", &[0; 64]).unwrap();
    assert_eq!(
        engine.set_kv(b"fiver", b""),
        Err(StoreError::KeyTooLarge {
            bytes: 5,
            bytes_max: 4
        })
    );
    let too_large = StoreError::ValueTooLarge {
        bytes: 65,
        bytes_max: 64,
    };
    assert_eq!(engine.set_kv(b"four", &[0; 65]), Err(too_large));
    let mut large = instance(id(ME, 0));
    large.commands = vec![Command::Get { key: vec![0; 64] }];
    assert!(matches!(
        engine.set_instance(&large),
        Err(StoreError::ValueTooLarge { bytes_max: 64, .. })
    ));
    assert_eq!(store.get_max_instance_id(ME), None);
}

#[test]
fn the_default_limits_are_eight_megabytes_and_three_gigabytes() {
    let (_folder, store) = fresh();
    let mut engine = store.engine();
    engine.options = quick();
    engine.set_kv(&vec![b'k'; 8 << 20], b"v").unwrap();
    let over = engine.set_kv(&vec![b'k'; (8 << 20) + 1], b"v").unwrap_err();
    assert_eq!(
        over.to_string(),
        "key has 8388609 bytes, at most 8388608 are allowed"
    );
    assert_eq!(options().value_bytes_max, 3 << 30);
}

#[test]
fn namespaces_share_an_engine_and_nothing_else() {
    let (folder, store) = fresh();
    let second = store.namespace(7, OTHER).unwrap();
    store.engine().set_kv(b"k", b"one").unwrap();
    second.engine().set_kv(b"k", b"two").unwrap();
    second
        .engine()
        .set_instance(&instance(id(OTHER, 4)))
        .unwrap();
    assert_eq!(store.get_max_instance_id(OTHER), None);
    drop((store, second));
    let store = Store::open(folder.path(), &options()).unwrap();
    assert_eq!(
        store.namespace(7, ME).unwrap_err(),
        StoreError::WrongReplica {
            have: OTHER,
            got: ME
        }
    );
    let second = store.namespace(7, OTHER).unwrap();
    assert_eq!(store.engine().get_kv(b"k").unwrap().unwrap(), b"one");
    assert_eq!(second.engine().get_kv(b"k").unwrap().unwrap(), b"two");
    assert_eq!(second.get_max_instance_id(OTHER), Some(id(OTHER, 4)));
}

#[test]
fn a_store_is_one_replicas_and_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = Options {
        missing: Missing::Refuse,
        ..options()
    };
    let path = folder.path().join("store");
    assert!(matches!(
        Store::open(&path, &refuse),
        Err(StoreError::NoStore { .. })
    ));
    assert!(!path.exists());
    let store = Store::open(&path, &options()).unwrap();
    assert!(matches!(
        Store::open(&path, &refuse),
        Err(StoreError::InUse { .. })
    ));
    drop(store);
    let other = Options {
        replica: OTHER,
        ..options()
    };
    assert_eq!(
        Store::open(&path, &other).unwrap_err(),
        StoreError::WrongReplica {
            have: ME,
            got: OTHER
        }
    );
    Store::open(&path, &refuse).unwrap();
}

#[test]
fn a_store_verifies_and_says_whose_it_is() {
    let (folder, store) = fresh();
    for index in [0, 1, 3] {
        store
            .engine()
            .set_instance(&executed(id(ME, index)))
            .unwrap();
    }
    store.engine().set_kv(b"k", b"v").unwrap();
    let report = store.snapshot().verify(|_| {}).unwrap();
    assert_eq!((report.records, report.instances), (1, 3));
    assert!(matches!(
        Store::owner(folder.path()),
        Err(StoreError::InUse { .. })
    ));
    drop(store);
    assert_eq!(Store::owner(folder.path()), Ok(ME));
}
