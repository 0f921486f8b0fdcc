//! Two servers, a master and its replica, each a process: whatever becomes of either, the other
//! goes on, and in the end both hold the same.
//!
//! `FORKLESS_REPLICATION_ROUNDS` says how often each is killed, `FORKLESS_REPLICATION_SECONDS` for
//! how long each is stopped. Where that is said, it is compared how long clients wait at the other
//! meanwhile, and at a server that has no replica.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "tells what was compared")]

mod load;
mod pair;
#[path = "../serving/mod.rs"]
mod serving;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::load::Load;
use crate::pair::{Place, assert_equal, info, signal, wait_following, wait_until};
use crate::serving::{Client, Served, pack};

fn number(variable: &str, default: u64) -> u64 {
    let set = std::env::var(variable).ok();
    set.map_or(default, |text| text.parse().unwrap())
}

/// How often each process is killed.
fn rounds() -> u64 {
    number("FORKLESS_REPLICATION_ROUNDS", 1)
}

/// For how long each process is stopped.
fn pause() -> Duration {
    Duration::from_secs(number("FORKLESS_REPLICATION_SECONDS", 2))
}

/// Whether clients waited about as long as those of a server that has nobody to wait for. What
/// stops the whole machine stops both; who waits for a stopped server waits until that is given up.
fn assert_alike(longest: Duration, of_the_control: Duration) {
    if std::env::var_os("FORKLESS_REPLICATION_SECONDS").is_some() {
        eprintln!("{longest:?} at the longest, {of_the_control:?} at the control");
        assert!(longest < 4 * of_the_control + Duration::from_secs(1));
    }
}

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
fn killed_servers_come_back_and_the_other_goes_on() {
    let place = Place::new();
    let shards = &["--shards", "2", "--snapshot-budget", "1MiB"][..];
    let mut master = place.master(shards);
    let mut replica = place.replica(&["--shards", "3"]);
    master.connect().ask("DEBUG POPULATE 20000 key 100");
    for round in 0..rounds() {
        // The replica is killed, in the middle of whatever it does, and the load goes on.
        let load = Load::start(&master.socket(), 100 + round);
        wait_for_load(&load, 500 * (1 + round % 3));
        replica.kill();
        wait_for_load(&load, 500);
        replica = place.replica(&["--shards", "3"]);
        wait_following(&mut replica.connect());
        wait_for_load(&load, 500);
        // The master is killed, and comes back with what it has saved.
        let client = &mut master.connect();
        assert_eq!(client.ask("SAVE"), "+OK\r\n");
        wait_for_load(&load, 500);
        master.kill();
        load.stop();
        let other = &mut replica.connect();
        let shown = other.ask("DBSIZE");
        assert!(shown.starts_with(':'), "it serves on: {shown}");
        wait_until("the replica knows", || {
            info(other, "replica_state") == "connecting"
        });
        assert!(other.ask("GET s:1").starts_with('$'));
        master = place.master(shards);
        let client = &mut master.connect();
        assert_equal(client, other);
        assert_eq!(info(other, "master_link_status"), "up");
    }
}

#[test]
fn stopped_servers_do_not_hold_up_the_other() {
    let place = Place::new();
    let (master, replica) = (place.master(&["--shards", "2"]), place.replica(&[]));
    let (client, other) = (&mut master.connect(), &mut replica.connect());
    client.ask("DEBUG POPULATE 20000 key 100");
    wait_following(other);
    let apart = Place::new();
    let alone = apart.master(&["--shards", "2"]);
    let control = &mut alone.connect();
    control.ask("DEBUG POPULATE 20000 key 100");
    let load = Load::start(&master.socket(), 77);
    let control_load = Load::start(&alone.socket(), 77);
    wait_for_load(&load, 500);
    load.take_longest();
    control_load.take_longest();
    signal(&replica, Signal::STOP);
    let since = Instant::now();
    while since.elapsed() < pause() {
        wait_for_load(&load, 100);
    }
    assert_alike(load.take_longest(), control_load.take_longest());
    control_load.stop();
    signal(&replica, Signal::CONT);
    wait_for_load(&load, 500);
    load.stop();
    assert_equal(client, other);

    signal(&master, Signal::STOP);
    let since = Instant::now();
    let mut longest = [Duration::ZERO; 2];
    while since.elapsed() < pause() {
        for (client, longest) in [&mut *other, &mut *control].into_iter().zip(&mut longest) {
            let sent = Instant::now();
            assert!(client.ask("GET s:1").starts_with('$'));
            *longest = sent.elapsed().max(*longest);
        }
    }
    assert_alike(longest[0], longest[1]);
    signal(&master, Signal::CONT);
    client.ask("SET after 1");
    assert_equal(client, other);
}

#[test]
fn who_does_not_know_the_secret_replicates_nothing() {
    let place = Place::new();
    for (name, secret) in [("right", "open sesame\n"), ("wrong", "open barley\n")] {
        fs::write(place.path(name), secret).unwrap();
    }
    let [right, wrong] = ["right", "wrong"].map(|name| place.path(name).display().to_string());
    let master = place.master(&["--replication-secret-file", &right]);
    let client = &mut master.connect();
    client.ask("SET key value");
    for options in [&["--replication-secret-file", &*wrong][..], &[]] {
        let replica = place.replica(options);
        let other = &mut replica.connect();
        wait_until("it is refused", || {
            info(other, "replica_last_error").contains("secret")
        });
        assert!(other.ask("GET key").starts_with("-LOADING "));
        assert_eq!(info(client, "connected_slaves"), "0");
    }
    let replica = place.replica(&["--replication-secret-file", &right]);
    assert_equal(client, &mut replica.connect());
}

#[test]
fn port_for_replicas_is_open_to_this_machine_alone_unless_there_is_a_secret() {
    let place = Place::new();
    let secret = place.path("secret");
    fs::write(&secret, "open sesame").unwrap();
    let socket = place.path("socket");
    let serve = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
        command.args(["serve", "--port", "0", "--unixsocket"]);
        command.arg(&socket).arg("--dir").arg(place.path("master"));
        command.args(["--replication-port", "0"]).args(options);
        command
    };
    let open = ["--replication-bind", "0.0.0.0"];
    let refused = serve(&open).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("no secret"), "{said}");
    let secret = secret.display().to_string();
    for more in [
        &["--replication-open"][..],
        &["--replication-secret-file", &secret],
    ] {
        let options = [&open[..], more].concat();
        let server = Served::forkless(
            &place.path("master"),
            &[&["--replication-port", "0"], &options[..]].concat(),
        );
        let client = &mut server.connect();
        let address = info(client, "replication_addresses");
        assert!(
            address.starts_with("0.0.0.0:") && !address.ends_with(":0"),
            "{address}"
        );
        client.send(&pack(&[b"SHUTDOWN"]));
        assert_eq!(client.rest(), b"");
        assert!(server.ends_well());
    }
}

#[test]
fn folder_of_the_backlog_is_one_servers_and_cleared_of_what_a_killed_one_left() {
    let place = Place::new();
    let folder = place.path("backlog");
    let name = folder.display().to_string();
    let options = [
        "--replication-backlog-dir",
        &name,
        "--replication-backlog",
        "1kB",
    ];
    let first = place.master(&options);
    // It answers once it has begun.
    first.connect().ask("PING");
    first.kill();
    let stale = folder.join("0123-0-7.forkless-backlog");
    let foreign = folder.join("notes");
    for path in [&stale, &foreign] {
        fs::write(path, "frames").unwrap();
    }
    let master = place.master(&options);
    let client = &mut master.connect();
    client.ask("PING");
    assert!(!stale.exists() && foreign.exists());

    let mut second = Command::new(env!("CARGO_BIN_EXE_forkless"));
    second.args(["serve", "--port", "0", "--unixsocket"]);
    second
        .arg(place.path("second"))
        .arg("--dir")
        .arg(place.path("replica"));
    let second = second.args(["--replication-port", "0"]).args(options);
    let refused = second.output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(
        (refused.status.code(), said.lines().count()),
        (Some(1), 1),
        "{said}"
    );
    assert!(said.contains(&name), "{said}");

    client.ask("DEBUG POPULATE 20000 key 100");
    let load = Load::start(&master.socket(), 5);
    let replica = place.replica(&[]);
    let other = &mut replica.connect();
    wait_following(other);
    wait_for_load(&load, 500);
    load.stop();
    assert_equal(client, other);
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
