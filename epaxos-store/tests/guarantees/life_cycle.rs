//! Instances from their execution to their deletion, and the ids that they leave.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use epaxos_store::{Collector, CollectorOptions, Options, ReplicaId, Store, StoreError};

use crate::{ME, OTHER, at, executed, fresh, id, options, quick};

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
fn announcements_of_several_threads_at_once_leave_the_highest() {
    const REPLICAS: i64 = 2000;
    let (folder, store) = fresh();
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for upto in 0..4 {
            let (store, barrier) = (&store, &barrier);
            let announce = move || {
                for replica in 10..10 + REPLICAS {
                    barrier.wait();
                    store.note_purged(ReplicaId(replica), upto).unwrap();
                }
            };
            thread::Builder::new()
                .spawn_scoped(scope, announce)
                .unwrap();
        }
    });
    drop(store);
    let store = Store::open(folder.path(), &options()).unwrap();
    for replica in 10..10 + REPLICAS {
        let stored = store.watermarks(ReplicaId(replica)).purged_upto;
        assert_eq!(stored, Some(3), "{replica}");
    }
}
