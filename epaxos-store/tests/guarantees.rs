//! Each guarantee of the store, one by one.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use epaxos_store::{
    Ballot, Collector, CollectorOptions, Command, Instance, InstanceId, Isolation, Missing,
    Options, Order, ReplicaId, Store, StoreError, TxnOptions,
};
use tempfile::TempDir;

const ME: ReplicaId = ReplicaId(1);
const OTHER: ReplicaId = ReplicaId(2);

fn options() -> Options {
    Options {
        write_buffer_bytes: 1 << 20,
        cache_bytes: 1 << 20,
        ..Options::new(ME)
    }
}

fn fresh() -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    (folder, store)
}

fn id(replica: ReplicaId, index: u64) -> InstanceId {
    InstanceId { replica, index }
}

fn ballot(number: i32) -> Ballot {
    Ballot {
        number,
        replica: ME,
    }
}

fn instance(of: InstanceId) -> Instance {
    Instance {
        commands: vec![Command::Set {
            key: b"k".to_vec(),
            value: of.index.to_string().into_bytes(),
        }],
        dependencies: Some(Vec::new()),
        ..Instance::promised(of, ballot(1))
    }
}

fn executed(of: InstanceId) -> Instance {
    Instance {
        committed: true,
        executed: true,
        ..instance(of)
    }
}

fn at(minutes: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_mins(1_000_000 + minutes)
}

fn quick() -> TxnOptions {
    TxnOptions {
        lock_timeout: Duration::from_millis(20),
        ..TxnOptions::buffered()
    }
}

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
fn a_locked_key_is_exclusive_even_if_absent_and_readable() {
    let (_folder, store) = fresh();
    let mut holder = store.begin(quick());
    assert_eq!(holder.get_kv_for_update(b"absent").unwrap(), None);
    let mut second = store.begin(quick());
    for refused in [
        second.get_kv_for_update(b"absent").map(drop),
        second.set_kv(b"absent", b"1"),
        second.delete_kv(b"absent"),
    ] {
        assert!(matches!(refused, Err(StoreError::LockTimeout { .. })));
    }
    let mut engine = store.engine();
    engine.options = TxnOptions {
        retries_max: 0,
        ..quick()
    };
    let refused = engine.set_kv(b"absent", b"1").unwrap_err();
    assert!(
        matches!(refused, StoreError::LockTimeout { .. }),
        "{refused}"
    );
    assert_eq!(second.get_kv(b"absent").unwrap(), None);
    drop(holder);
    second.set_kv(b"absent", b"1").unwrap();
    second.commit().unwrap();
    assert!(store.statistics().lock_failures >= 4);
}

#[test]
fn a_panic_lets_go_of_its_locks() {
    let (_folder, store) = fresh();
    let elsewhere = store.clone();
    let outcome = thread::Builder::new()
        .spawn(move || {
            let mut txn = elsewhere.begin(quick());
            txn.set_kv(b"k", b"v").unwrap();
            panic!("on purpose");
        })
        .unwrap()
        .join();
    assert!(outcome.is_err());
    let mut txn = store.begin(quick());
    assert_eq!(txn.get_kv_for_update(b"k").unwrap(), None);
}

#[test]
fn a_circle_of_waiting_transactions_is_a_deadlock() {
    let (_folder, store) = fresh();
    let slow = TxnOptions {
        lock_timeout: Duration::from_mins(1),
        ..quick()
    };
    let mut one = store.begin(slow);
    one.set_kv(b"a", b"").unwrap();
    let (ready, wait) = mpsc::channel();
    let elsewhere = store.clone();
    let thread = thread::Builder::new()
        .spawn(move || {
            let mut other = elsewhere.begin(slow);
            other.set_kv(b"b", b"").unwrap();
            ready.send(()).unwrap();
            other.set_kv(b"a", b"")
        })
        .unwrap();
    wait.recv().unwrap();
    let mine = one.set_kv(b"b", b"");
    drop(one);
    let its = thread.join().unwrap();
    let deadlocks = [mine, its]
        .into_iter()
        .filter(|outcome| matches!(outcome, Err(StoreError::Deadlock { .. })));
    assert_eq!(deadlocks.count(), 1);
}

#[test]
fn money_is_neither_made_nor_lost() {
    const ACCOUNTS: u8 = 4;
    let (_folder, store) = fresh();
    for account in 0..ACCOUNTS {
        store.engine().set_kv(&[account], &[100]).unwrap();
    }
    let threads = (0..4_u8).map(|seed| {
        let store = store.clone();
        thread::Builder::new()
            .spawn(move || {
                for step in 0..50_u8 {
                    let from = seed.wrapping_mul(7).wrapping_add(step) % ACCOUNTS;
                    let to = (from + 1 + step % (ACCOUNTS - 1)) % ACCOUNTS;
                    let options = TxnOptions {
                        retries_max: 1000,
                        ..quick()
                    };
                    store
                        .transact(options, |txn| {
                            let have = txn.get_kv_for_update(&[from])?.unwrap()[0];
                            let other = txn.get_kv_for_update(&[to])?.unwrap()[0];
                            if have > 0 && other < u8::MAX {
                                txn.set_kv(&[from], &[have - 1])?;
                                txn.set_kv(&[to], &[other + 1])?;
                            }
                            Ok(())
                        })
                        .unwrap();
                }
            })
            .unwrap()
    });
    let threads = threads.collect::<Vec<_>>();
    for thread in threads {
        thread.join().unwrap();
    }
    let snapshot = store.snapshot();
    let records = snapshot.records(b"", None, Order::Ascending).unwrap();
    let sum = records
        .map(|record| u32::from(record.unwrap().1[0]))
        .sum::<u32>();
    assert_eq!(sum, 100 * u32::from(ACCOUNTS));
}

#[test]
fn a_snapshot_transaction_sees_its_begin_and_conflicts_with_what_came_after() {
    let (_folder, store) = fresh();
    store.engine().set_kv(b"k", b"old").unwrap();
    let isolated = TxnOptions {
        isolation: Isolation::Snapshot,
        ..quick()
    };
    let mut txn = store.begin(isolated);
    store.engine().set_kv(b"k", b"new").unwrap();
    assert_eq!(txn.get_kv(b"k").unwrap().unwrap(), b"old");
    let found = txn.records(b"", None, Order::Ascending).unwrap().next();
    assert_eq!(found.unwrap().unwrap().1, b"old");
    let refused = txn.get_kv_for_update(b"k").unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    // Begun anew, it succeeds.
    let mut attempts = 0;
    let value = store.transact(isolated, |txn| {
        attempts += 1;
        if attempts == 1 {
            store.engine().set_kv(b"k", b"newer")?;
        }
        txn.get_kv_for_update(b"k")
    });
    assert_eq!((value.unwrap().unwrap(), attempts), (b"newer".to_vec(), 2));
}

#[test]
fn an_expired_transaction_cannot_commit_and_others_take_its_locks() {
    let (_folder, store) = fresh();
    let short = TxnOptions {
        expiration: Some(Duration::from_millis(1)),
        ..quick()
    };
    let mut txn = store.begin(short);
    txn.set_kv(b"k", b"late").unwrap();
    thread::sleep(Duration::from_millis(5));
    let mut second = store.begin(quick());
    second.set_kv(b"k", b"taken").unwrap();
    assert_eq!(txn.commit(), Err(StoreError::Expired));
    second.commit().unwrap();
    assert_eq!(store.engine().get_kv(b"k").unwrap().unwrap(), b"taken");
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
fn an_id_is_never_used_twice_even_after_everything_is_purged() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        retention: Duration::ZERO,
        ..options()
    };
    let store = Store::open(folder.path(), &options).unwrap();
    assert_eq!(store.reserve_instance_id(ME).unwrap(), id(ME, 0));
    for index in 0..3 {
        store
            .engine()
            .set_instance(&executed(id(ME, index)))
            .unwrap();
    }
    store.gc_tick(at(0)).unwrap();
    let report = store.gc_tick(at(2)).unwrap();
    assert_eq!((report.deleted, report.has_more), (3, false));
    assert_eq!(store.watermarks(ME).deleted_upto, Some(2));
    drop(store);
    let store = Store::open(folder.path(), &options).unwrap();
    assert_eq!(store.get_max_instance_id(ME), Some(id(ME, 2)));
    assert_eq!(store.get_max_executed_instance_id(ME), Some(id(ME, 2)));
    assert_eq!(store.reserve_instance_id(ME).unwrap(), id(ME, 3));
    let gone = StoreError::Purged {
        id: id(ME, 1),
        floor: 2,
    };
    let mut engine = store.engine();
    assert_eq!(engine.get_instance(id(ME, 1)), Err(gone.clone()));
    assert_eq!(engine.set_instance(&executed(id(ME, 1))), Err(gone));
    assert_eq!(engine.get_instance_iter(ME).unwrap().next().unwrap(), None);
}

#[test]
fn an_instance_is_kept_for_the_retention_time_whatever_the_clock_does() {
    let (_folder, store) = fresh();
    store.engine().set_instance(&executed(id(ME, 0))).unwrap();
    store.gc_tick(at(0)).unwrap();
    // A leap of a year ages nothing by more than the step, and going back ages nothing.
    for minute in [1, 525_600, 0, 525_600, 0] {
        assert_eq!(store.gc_tick(at(minute)).unwrap().deleted, 0, "{minute}");
    }
    assert!(store.engine().get_instance(id(ME, 0)).unwrap().is_some());
    let purged = (0..40).find(|step| {
        let report = store.gc_tick(at(10 * step)).unwrap();
        report.deleted == 1
    });
    // Two hours in steps of ten minutes, less the 21 minutes that have passed, and one to go on.
    let steps = purged.unwrap();
    assert!((10..=13).contains(&steps), "{steps}");
}

#[test]
fn a_gap_is_never_purged_over() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        retention: Duration::ZERO,
        ..options()
    };
    let store = Store::open(folder.path(), &options).unwrap();
    let mut engine = store.engine();
    for index in [0, 2, 3] {
        engine.set_instance(&executed(id(ME, index))).unwrap();
    }
    for minute in 0..4 {
        store.gc_tick(at(minute)).unwrap();
    }
    assert_eq!(store.watermarks(ME).deleted_upto, Some(0));
    engine.set_instance(&executed(id(ME, 1))).unwrap();
    for minute in 4..8 {
        store.gc_tick(at(minute)).unwrap();
    }
    assert_eq!(store.watermarks(ME).deleted_upto, Some(3));
}

#[test]
fn a_follower_deletes_what_its_leader_purged_and_it_has_executed() {
    let (_folder, store) = fresh();
    let mut engine = store.engine();
    for index in 0..5 {
        let mut instance = executed(id(OTHER, index));
        instance.executed = index < 3;
        engine.set_instance(&instance).unwrap();
    }
    store.gc_tick(at(0)).unwrap();
    assert_eq!(store.watermarks(OTHER).deleted_upto, None);
    assert_eq!(
        store.note_purged(ME, 0),
        Err(StoreError::OwnReplica { replica: ME })
    );
    store.note_purged(OTHER, 1).unwrap();
    store.note_purged(OTHER, 0).unwrap();
    assert_eq!(store.gc_tick(at(1)).unwrap().deleted, 2);
    store.note_purged(OTHER, 4).unwrap();
    assert_eq!(store.gc_tick(at(2)).unwrap().deleted, 1);
    assert!(engine.get_instance(id(OTHER, 3)).unwrap().is_some());
    engine.mark_executed(id(OTHER, 3)).unwrap();
    engine.mark_executed(id(OTHER, 4)).unwrap();
    assert_eq!(store.gc_tick(at(3)).unwrap().deleted, 2);
    assert_eq!(store.statistics().instances_purged, 5);
}

#[test]
fn iterators_and_snapshots_keep_what_is_deleted_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        retention: Duration::ZERO,
        purge_instances_max: 2,
        ..options()
    };
    let store = Store::open(folder.path(), &options).unwrap();
    for index in 0..5 {
        store
            .engine()
            .set_instance(&executed(id(ME, index)))
            .unwrap();
    }
    let snapshot = store.snapshot();
    let txn = store.begin(quick());
    let mut iter = txn.get_instance_iter(ME).unwrap();
    assert_eq!(iter.next().unwrap().unwrap().id, id(ME, 0));
    store.gc_tick(at(0)).unwrap();
    let mut deleted = Vec::new();
    for minute in 2..6 {
        let report = store.gc_tick(at(minute)).unwrap();
        deleted.push((report.deleted, report.has_more));
    }
    assert_eq!(deleted, [(2, true), (2, true), (1, false), (0, false)]);
    for index in 1..5 {
        assert_eq!(iter.next().unwrap().unwrap().id, id(ME, index));
        let kept = snapshot.get_instance(id(ME, index)).unwrap();
        assert_eq!(kept, Some(executed(id(ME, index))));
    }
    assert_eq!(snapshot.watermarks().unwrap()[&ME].deleted_upto, None);
    let mut now = txn.get_instance_iter(ME).unwrap();
    assert_eq!(now.next().unwrap(), None);
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

#[test]
fn the_collector_deletes_in_small_steps_and_lets_go_of_the_store() {
    let (folder, store) = fresh();
    store
        .transact(quick(), |txn| {
            for index in 0..20 {
                txn.set_instance(&executed(id(OTHER, index)))?;
            }
            Ok(())
        })
        .unwrap();
    store.note_purged(OTHER, 18).unwrap();
    let small = CollectorOptions {
        instances_per_sec_max: 100,
        ..CollectorOptions::default()
    };
    let collector = Collector::start(&store, small).unwrap();
    while store.watermarks(OTHER).deleted_upto < Some(18) {
        thread::yield_now();
    }
    drop(collector);
    let mut engine = store.engine();
    let mut iter = engine.get_instance_iter(OTHER).unwrap();
    assert_eq!(iter.next().unwrap().unwrap().id, id(OTHER, 19));
    drop(iter);
    drop((engine, store));
    Store::open(folder.path(), &options()).unwrap();
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
