//! Two servers, a master and its replica, each a process: whatever becomes of either, the other
//! goes on, and in the end both hold the same.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod admission;
mod interruptions;
mod load;
mod pair;
#[path = "../serving/mod.rs"]
mod serving;

use rustix::process::Signal;

use crate::load::Load;
use crate::pair::{Place, assert_equal, info, signal, wait_following, wait_until};
use crate::serving::{Client, Served};

/// Waits until so many more commands are done.
fn wait_for_load(load: &Load, commands: u64) {
    let goal = load.done() + commands;
    wait_until("the load is done", || load.done() >= goal);
}

#[test]
fn replica_of_fewer_equal_or_more_shards_holds_what_the_master_holds() {
    for (number, shards) in [["3", "1"], ["2", "2"], ["1", "4"]].iter().enumerate() {
        let place = Place::new();
        let master = place.master(&["--shards", shards[0]]);
        let client = &mut master.connect();
        client.ask("DEBUG POPULATE 20000 key 100");
        let load = Load::start(&master.socket(), 1 + number as u64);
        wait_for_load(&load, 500);
        let replica = place.replica(&["--shards", shards[1]]);
        let other = &mut replica.connect();
        wait_following(other);
        wait_for_load(&load, 1000);
        load.stop();
        assert_equal(client, other);
        // Keys whose time has come are the last to go.
        wait_until("both count the same", || {
            info(other, "db0") == info(client, "db0")
        });
        assert_eq!(info(other, "role"), "slave");
        assert_eq!(info(client, "connected_slaves"), "1");
    }
}

#[test]
fn replica_shows_nothing_before_it_has_all_and_is_written_to_by_its_master_alone() {
    let place = Place::new();
    let replica = place.replica(&[]);
    let other = &mut replica.connect();
    for read in ["GET key", "DBSIZE", "SCAN 0", "EXISTS key", "DEBUG DIGEST"] {
        assert!(other.ask(read).starts_with("-LOADING "), "{read}");
    }
    let written = |client: &mut Client| {
        for write in ["SET key 1", "MSET a 1 b 2", "FLUSHALL"] {
            assert!(client.ask(write).starts_with("-READONLY "), "{write}");
        }
    };
    written(other);
    assert_eq!(other.ask("PING"), "+PONG\r\n");
    let told = other.ask("ROLE");
    assert!(told.starts_with("*5\r\n$5\r\nslave\r\n"), "{told}");

    let master = place.master(&["--shards", "2"]);
    let client = &mut master.connect();
    client.ask("SET key value");
    assert_equal(client, other);
    assert_eq!(other.ask("GET key"), "$5\r\nvalue\r\n");
    written(other);
    for write in ["DEBUG RELOAD", "DEBUG POPULATE 1"] {
        assert!(other.ask(write).starts_with("-READONLY "), "{write}");
    }
    assert!(other.ask("HELLO 3").contains("replica"));
    // It is no replica any more: clients change its keys, the master does not.
    assert_eq!(other.ask("REPLICAOF NO ONE"), "+OK\r\n");
    assert_eq!(other.ask("SET key own"), "+OK\r\n");
    assert!(other.ask("ROLE").contains("master"));
    client.ask("SET key other");
    wait_until("the master misses its replica", || {
        info(client, "connected_slaves") == "0" || client.ask("INFO").contains("detached")
    });
    assert_eq!(other.ask("GET key"), "$3\r\nown\r\n");
    // And it is one again.
    let again = format!("REPLICAOF unix:{} 0", place.meeting());
    assert_eq!(other.ask(&again), "+OK\r\n");
    assert_equal(client, other);
    assert!(other.ask(&again).starts_with("+OK Already"));
    assert!(other.ask("REPLICAOF host port").starts_with("-ERR "));
}

#[test]
fn keys_whose_time_has_come_are_removed_by_the_master_alone() {
    let place = Place::new();
    let (master, replica) = (place.master(&[]), place.replica(&["--shards", "2"]));
    let (client, other) = (&mut master.connect(), &mut replica.connect());
    client.ask("SET stays 1 EX 100000");
    client.ask("SET goes 1 PX 3000");
    wait_until("all is there", || other.ask("DBSIZE") == ":2\r\n");
    signal(&master, Signal::STOP);
    wait_until("its time has come", || other.ask("EXISTS goes") == ":0\r\n");
    assert_eq!(other.ask("GET goes"), "$-1\r\n");
    assert_eq!(other.ask("DBSIZE"), ":2\r\n", "nobody has removed it");
    assert_eq!(info(other, "expired_keys"), "0");
    signal(&master, Signal::CONT);
    wait_until("it is removed", || other.ask("DBSIZE") == ":1\r\n");
    assert_eq!(info(other, "db0"), "keys=1,expires=1,avg_ttl=0");
    // A server that is promoted removes them itself.
    client.ask("SET soon 1 PX 3000");
    wait_until("it is there", || other.ask("EXISTS soon") == ":1\r\n");
    assert_eq!(other.ask("REPLICAOF NO ONE"), "+OK\r\n");
    wait_until("it is removed here", || other.ask("DBSIZE") == ":1\r\n");
    assert_eq!(info(other, "expired_keys"), "1");
}

#[test]
fn flushed_databases_are_flushed_on_the_replica() {
    let place = Place::new();
    let (master, replica) = (place.master(&["--shards", "2"]), place.replica(&[]));
    let (client, other) = (&mut master.connect(), &mut replica.connect());
    client.ask("SELECT 3");
    client.ask("DEBUG POPULATE 100 few");
    client.ask("SELECT 0");
    client.ask("DEBUG POPULATE 30000 many");
    assert_equal(client, other);
    // A few keys are told one by one.
    client.ask("SELECT 3");
    assert_eq!(client.ask("FLUSHDB"), "+OK\r\n");
    client.ask("SET after 1");
    assert_equal(client, other);
    assert_eq!(info(other, "replica_full_syncs"), "1");
    // Many are not.
    assert_eq!(client.ask("FLUSHALL"), "+OK\r\n");
    client.ask("SET after 2");
    assert_equal(client, other);
    assert_eq!(info(other, "replica_full_syncs"), "2");
    assert_eq!(other.ask("INFO keyspace"), client.ask("INFO keyspace"));
}

#[test]
fn change_of_a_large_collection_costs_no_more_than_the_change() {
    let place = Place::new();
    let (master, replica) = (place.master(&[]), place.replica(&["--shards", "2"]));
    let (client, other) = (&mut master.connect(), &mut replica.connect());
    for first in (0..20_000).step_by(1000) {
        let numbers = first..first + 1000;
        let of = |item: fn(u32) -> String| numbers.clone().map(item).collect::<String>();
        client.ask(&format!("HSET hash{}", of(|n| format!(" f{n} value"))));
        client.ask(&format!("SADD set{}", of(|n| format!(" m{n}"))));
        client.ask(&format!("ZADD zset{}", of(|n| format!(" {n} m{n}"))));
        client.ask(&format!("RPUSH list{}", of(|n| format!(" i{n}"))));
    }
    assert_equal(client, other);
    let told = |other: &mut Client| info(other, "replica_bytes").parse::<u64>().unwrap();
    let before = told(other);
    for change in [
        "HSET hash f7 other new value",
        "HDEL hash f8",
        "SADD set new",
        "SREM set m9",
        "ZADD zset 3.5 m10",
        "ZREM zset m11",
        "LPUSH list first",
        "RPOP list 3",
        "PEXPIREAT hash 4000000000000",
    ] {
        assert!(client.ask(change).starts_with([':', '*']), "{change}");
        assert_equal(client, other);
    }
    let cost = told(other) - before;
    assert!((1..2000).contains(&cost), "{cost} bytes");
    assert_eq!(info(other, "replica_full_syncs"), "1");
}

#[test]
fn snapshots_and_reloads_go_on_beside_replication() {
    let place = Place::new();
    let (master, replica) = (place.master(&["--shards", "2"]), place.replica(&[]));
    let (client, other) = (&mut master.connect(), &mut replica.connect());
    client.ask("DEBUG POPULATE 50000 key 100");
    assert_equal(client, other);
    let load = Load::start(&master.socket(), 9);
    assert_eq!(client.ask("BGSAVE"), "+Background saving started\r\n");
    assert_eq!(other.ask("BGSAVE"), "+Background saving started\r\n");
    // What is flushed while a snapshot reads it is told to nobody who comes later.
    client.ask("FLUSHALL");
    wait_for_load(&load, 2000);
    for client in [&mut *client, &mut *other] {
        wait_until("it is saved", || {
            info(client, "rdb_bgsave_in_progress") == "0"
        });
        assert_eq!(info(client, "rdb_last_bgsave_status"), "ok");
    }
    load.stop();
    assert_equal(client, other);
    assert_eq!(client.ask("DEBUG RELOAD"), "+OK\r\n");
    client.ask("SET after reload");
    assert_equal(client, other);
    // The replica's own snapshot is as good as the master's.
    assert_eq!(other.ask("SAVE"), "+OK\r\n");
    let expected = other.ask("DEBUG DIGEST");
    replica.kill();
    let saved = Served::forkless(&place.path("replica"), &["--shards", "3"]);
    assert_eq!(saved.connect().ask("DEBUG DIGEST"), expected);
}

#[test]
fn large_string_that_is_appended_to_is_not_sent_again_and_again() {
    const APPENDS: u64 = 50;
    const BYTES: usize = 1 << 20;
    let place = Place::new();
    let master = place.master(&["--shards", "1"]);
    let client = &mut master.connect();
    client.ask_words(&[b"SET", b"key", &vec![b'a'; BYTES]]);
    let replica = place.replica(&[]);
    let other = &mut replica.connect();
    wait_following(other);
    for number in 1..=APPENDS {
        assert_eq!(
            client.ask("APPEND key more"),
            format!(":{}\r\n", BYTES as u64 + 4 * number)
        );
        // Each of them is told, and not only what the last has come to.
        let length = format!(":{}\r\n", BYTES as u64 + 4 * number);
        wait_until("it is told", || other.ask("STRLEN key") == length);
    }
    assert_equal(client, other);
    let told: usize = info(other, "replica_bytes").parse().unwrap();
    // Whole at first, and once more when it is appended to for the first time.
    assert!((BYTES..3 * BYTES).contains(&told), "{told}");
}
