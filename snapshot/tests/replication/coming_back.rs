//! Connections break, freeze and damage bytes, and the replica comes back.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use snapshot::{Keyspace, Master, Owned, Replica, ReplicationError};

use crate::proxy::Proxy;
use crate::shards::{PATIENCE, assert_equal, fill, set, shards};
use crate::writer::Writer;
use crate::{options, replica_options, tcp};

/// Waits until the replica has gone on so many times where it was.
fn wait_resumed(replica: &Replica<Keyspace<Owned>>, times: u64) {
    let until = Instant::now() + PATIENCE;
    while replica.statistics().resumptions < times {
        assert!(
            Instant::now() < until,
            "{times}: {:?}",
            replica.statistics()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn replica_goes_on_where_it_was_when_connections_break_or_bytes_are_damaged() {
    let store = shards(2);
    fill(&store, 30_000);
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let proxy = Proxy::start(master.address());
    let writer = Writer::start(&store, 40_000);
    let copy = shards(3);
    let replica = Replica::start(&copy, &proxy.address, replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    for round in 1..=6 {
        if round % 2 == 0 {
            proxy.damage_in.store(20_000, Ordering::Relaxed);
        } else {
            proxy.cut_off();
        }
        wait_resumed(&replica, round);
    }
    writer.stop();
    assert_equal(&store, &copy, &replica);
    assert_eq!(
        replica.statistics().full_syncs,
        1,
        "{:?}",
        replica.statistics()
    );
}

#[test]
fn frozen_replica_costs_the_master_no_more_than_its_budget_and_is_filled_anew() {
    let store = shards(2);
    fill(&store, 20_000);
    let master = options().budget_bytes(2 << 20);
    let master = Master::start(&store, &tcp(), master).unwrap();
    let proxy = Proxy::start(master.address());
    let copy = shards(1);
    let replica = Replica::start(&copy, &proxy.address, replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    proxy.frozen.store(true, Ordering::Relaxed);
    let until = Instant::now() + PATIENCE;
    let mut key = 0_u64;
    while !master.statistics().is_empty() {
        assert!(Instant::now() < until, "{:?}", master.statistics());
        // New keys, so that they cannot be told as one.
        for _ in 0..1000 {
            key += 1;
            set(&store, 0, format!("new:{key}").as_bytes(), vec![b'n'; 50]);
        }
    }
    proxy.frozen.store(false, Ordering::Relaxed);
    assert_equal(&store, &copy, &replica);
    assert_eq!(
        replica.statistics().full_syncs,
        2,
        "{:?}",
        replica.statistics()
    );
}

#[test]
fn backlog_on_the_disk_is_as_good_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let store = shards(2);
    fill(&store, 20_000);
    let options = options().backlog_bytes(256 << 10);
    let options = options.backlog_on_disk(folder.path(), 1 << 30);
    let master = Master::start(&store, &tcp(), options.clone()).unwrap();
    let refused = Master::start(&store, &tcp(), options).unwrap_err();
    assert!(
        matches!(refused, ReplicationError::Spill { .. }),
        "{refused}"
    );
    let proxy = Proxy::start(master.address());
    let writer = Writer::start(&store, 30_000);
    let copy = shards(2);
    let replica = Replica::start(&copy, &proxy.address, replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    for round in 1..=3 {
        proxy.cut_off();
        wait_resumed(&replica, round);
    }
    writer.stop();
    assert_equal(&store, &copy, &replica);
    assert_eq!(replica.statistics().full_syncs, 1);
    replica.stop();
    drop(master);
    let until = Instant::now() + PATIENCE;
    // The lock stays.
    while files() > 1 {
        assert!(Instant::now() < until, "{} files are left", files());
        std::thread::sleep(Duration::from_millis(10));
    }
}
