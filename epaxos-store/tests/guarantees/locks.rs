//! Transactions that are in each other's way.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use epaxos_store::{Isolation, Order, StoreError, TxnOptions};

use crate::{fresh, quick};

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
                    // Long, so that only deadlocks end attempts, however busy the machine is.
                    let options = TxnOptions {
                        retries_max: 1000,
                        lock_timeout: Duration::from_mins(10),
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
    let expiration = Duration::from_millis(50);
    let short = TxnOptions {
        expiration: Some(expiration),
        ..quick()
    };
    // On a busy machine its time may be over before it has the lock: then another one.
    let txn = loop {
        let mut txn = store.begin(short);
        match txn.set_kv(b"k", b"late") {
            Ok(()) => break txn,
            Err(error) => assert_eq!(error, StoreError::Expired),
        }
    };
    thread::sleep(2 * expiration);
    let mut second = store.begin(quick());
    second.set_kv(b"k", b"taken").unwrap();
    assert_eq!(txn.commit(), Err(StoreError::Expired));
    second.commit().unwrap();
    assert_eq!(store.engine().get_kv(b"k").unwrap().unwrap(), b"taken");
}
