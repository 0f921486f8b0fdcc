//! A master and a replica over real sockets, on real threads: whatever happens to connections, to
//! the master or to the replica, the replica is in the end what the master is.
#![cfg(feature = "replication")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admission;
mod coming_back;
mod deltas;
mod proxy;
mod shards;
mod values;
mod writer;

use std::time::{Duration, Instant};

use snapshot::{Address, Master, MasterOptions, Replica, ReplicaOptions, ReplicaState};

use crate::shards::{PATIENCE, assert_equal, contents, fill, set, shards};
use crate::writer::Writer;

fn tcp() -> Address {
    "127.0.0.1:0".parse().unwrap()
}

fn options() -> MasterOptions {
    MasterOptions::new()
        .secret(b"secret")
        .cut_every(Duration::from_millis(20))
        .silence(Duration::from_secs(2))
}

fn replica_options() -> ReplicaOptions {
    ReplicaOptions::new()
        .secret(b"secret")
        .retry(Duration::from_millis(50))
}

#[test]
fn replica_of_fewer_equal_or_more_shards_becomes_what_the_master_is() {
    for (master_shards, replica_shards) in [(3, 1), (2, 2), (1, 3)] {
        let store = shards(master_shards);
        fill(&store, 20_000);
        // Patient: on a machine that is busy elsewhere nothing may come for seconds.
        let options = options().silence(PATIENCE);
        let master = Master::start(&store, &tcp(), options).unwrap();
        let writer = Writer::start(&store, 30_000);
        let copy = shards(replica_shards);
        set(&copy, 0, b"from before", vec![1]);
        let replica = Replica::start(&copy, master.address(), replica_options());
        assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
        std::thread::sleep(Duration::from_millis(300));
        writer.stop();
        assert_equal(&store, &copy, &replica);
        let statistics = replica.statistics();
        assert_eq!(statistics.state, ReplicaState::Following);
        assert_eq!(
            (statistics.full_syncs, statistics.resumptions),
            (1, 0),
            "{statistics:?}"
        );
        let sessions = master.statistics();
        assert_eq!(sessions.len(), 1);
        assert_eq!(sessions[0].streams.len(), master_shards);
        assert!(sessions[0].cut_acknowledged() > 0, "{sessions:?}");
        replica.stop();
    }
}

#[test]
fn nothing_is_shown_before_all_streams_have_come_to_the_cut() {
    let store = shards(2);
    fill(&store, 50_000);
    let expected = contents(&store);
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("socket"));
    let master = Master::start(&store, &address, options()).unwrap();
    let copy = shards(2);
    set(&copy, 0, b"from before", vec![1]);
    let before = contents(&copy);
    let replica = Replica::start(&copy, master.address(), replica_options());
    loop {
        let found = contents(&copy);
        if found == expected {
            break;
        }
        assert_eq!(found, before, "neither what was there nor what comes");
    }
    assert!(replica.wait_synced(PATIENCE));
}

#[test]
fn replica_follows_the_master_that_takes_the_place_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let address = Address::Unix(path.clone());
    let store = shards(3);
    fill(&store, 5000);
    let master = Master::start(&store, &address, options()).unwrap();
    let copy = shards(2);
    let replica = Replica::start(&copy, &address, replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    drop(master);
    std::fs::remove_file(&path).unwrap();
    let other = shards(2);
    fill(&other, 700);
    let _master = Master::start(&other, &address, options()).unwrap();
    assert_equal(&other, &copy, &replica);
    assert_eq!(replica.statistics().full_syncs, 2);
}

#[test]
fn replica_is_told_when_its_master_ends() {
    let store = shards(2);
    fill(&store, 100);
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let copy = shards(2);
    // What it tries next would be told in the place of this.
    let patient = replica_options().retry(PATIENCE);
    let replica = Replica::start(&copy, master.address(), patient);
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    drop(master);
    let until = Instant::now() + PATIENCE;
    let error = loop {
        if let Some(error) = replica.statistics().last_error {
            break error;
        }
        assert!(Instant::now() < until, "{:?}", replica.statistics());
        std::thread::yield_now();
    };
    assert!(
        error.contains("the master has ended the streams"),
        "{error}"
    );
}

#[test]
fn databases_that_are_swapped_or_taken_fill_the_replica_anew() {
    let store = shards(2);
    fill(&store, 2000);
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let copy = shards(1);
    let replica = Replica::start(&copy, master.address(), replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    store
        .cut(PATIENCE, |shard| shard.state().swap(0, 1))
        .unwrap();
    assert_equal(&store, &copy, &replica);
    assert_eq!(replica.statistics().full_syncs, 2);
    let taken = store.cut(PATIENCE, |shard| shard.state().take(0).is_some());
    assert_eq!(taken.unwrap(), [true, true]);
    set(&store, 0, b"after", vec![1]);
    assert_equal(&store, &copy, &replica);
    assert_eq!(replica.statistics().full_syncs, 3);
}
