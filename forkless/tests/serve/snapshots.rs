//! Snapshots that are taken while the server serves.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::dump::{digest, saved};
use crate::server::{self, Server};
use crate::serving::{Client, Served, pack};

/// Writes until it is told to stop: counters, and pairs of keys on different shards.
fn write_until(client: &mut Client, stop: &AtomicBool) {
    let mut round = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        round += 1;
        let mut requests = Vec::new();
        for key in 0..50_u32 {
            let value = format!("{round}-{key}");
            let key = format!("key:{}", (round * 50 + key) % 20_000);
            requests.extend(pack(&[b"SET", key.as_bytes(), value.as_bytes()]));
        }
        let text = round.to_string();
        let text = text.as_bytes();
        requests.extend(pack(&[
            b"MSET", b"one", text, b"two", text, b"three", text, b"four", text,
        ]));
        client.send(&requests);
        for _ in 0..51 {
            assert_eq!(client.receive().bytes(), b"+OK\r\n");
        }
    }
}

#[test]
fn snapshot_under_writes_is_of_one_moment_and_redis_loads_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(
        folder.path(),
        &["--shards", "4", "--snapshot-budget", "1MiB"],
    );
    let client = &mut server.connect();
    client.ask("DEBUG POPULATE 20000 key 100");
    let stop = AtomicBool::new(false);
    let (mut one, mut other) = (server.connect(), server.connect());
    std::thread::scope(|scope| {
        // Only one writes several keys at once: which of two was last may differ from key to key.
        scope.spawn(|| write_until(&mut one, &stop));
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                other.ask("INCR counter");
            }
        });
        for _ in 0..5 {
            assert_eq!(client.ask("BGSAVE"), "+Background saving started\r\n");
            assert!(saved(client));
            let copy = tempfile::tempdir().unwrap();
            fs::copy(folder.path().join("dump.rdb"), copy.path().join("dump.rdb")).unwrap();
            let redis = Server::of_system(copy.path(), "dump.rdb");
            let get = |key: &str| -> Option<String> {
                server::ask(&mut redis.connect(0), "GET", &[key.as_bytes()])
            };
            let expected = get("one");
            for key in ["two", "three", "four"] {
                assert_eq!(get(key), expected);
            }
            let keys: u64 = server::ask(&mut redis.connect(0), "DBSIZE", &[]);
            assert!((20_000..=20_005).contains(&keys), "{keys}");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn flush_during_a_snapshot_leaves_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(
        folder.path(),
        &["--shards", "2", "--snapshot-budget", "64kB"],
    );
    let client = &mut server.connect();
    client.ask("DEBUG POPULATE 200000 key 100");
    let expected = digest(client);
    client.send(
        &[
            pack(&[b"BGSAVE"]),
            pack(&[b"FLUSHALL"]),
            pack(&[b"SET", b"after", b"1"]),
        ]
        .concat(),
    );
    assert_eq!(client.receive().bytes(), b"+Background saving started\r\n");
    for _ in 0..2 {
        assert_eq!(client.receive().bytes(), b"+OK\r\n");
    }
    assert_eq!(client.ask("DBSIZE"), ":1\r\n");
    assert!(saved(client));
    server.kill();
    let server = Served::forkless(folder.path(), &[]);
    assert_eq!(digest(&mut server.connect()), expected);
}

#[test]
fn snapshot_of_the_other_kind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = [
        &["--files", "single"][..],
        &["--files", "per-shard", "--shards", "3"],
        &["--files", "single"],
    ];
    for (round, options) in kinds.into_iter().enumerate() {
        let server = Served::forkless(folder.path(), options);
        let client = &mut server.connect();
        assert_eq!(client.ask("DBSIZE"), format!(":{round}\r\n"));
        client.ask(&format!("SET key:{round} 1"));
        assert_eq!(client.ask("SAVE"), "+OK\r\n");
        let expected = digest(client);
        assert_eq!(client.ask("DEBUG RELOAD"), "+OK\r\n");
        assert_eq!(digest(client), expected);
    }
    let left = fs::read_dir(folder.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["dump.rdb"], "the set is gone, manifest and all");
}

#[test]
fn snapshot_that_has_nowhere_to_go_is_refused_on_one_line_that_names_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Served::forkless(&data, &[]);
    let client = &mut server.connect();
    assert_eq!(client.ask("PING"), "+PONG\r\n");
    fs::remove_dir_all(&data).unwrap();
    let path = data.join("dump.rdb").display().to_string();
    let refused = client.ask("SAVE");
    assert!(refused.starts_with(&format!("-ERR {path}: ")), "{refused}");
    assert_eq!(refused.matches(&path).count(), 1, "{refused}");
    assert_eq!(client.ask("PING"), "+PONG\r\n");
}

#[test]
fn server_that_stops_leaves_nothing_of_a_snapshot_behind() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--snapshot-budget", "64kB"]);
    let client = &mut server.connect();
    client.ask("DEBUG POPULATE 300000 key 100");
    client.send(&[pack(&[b"BGSAVE"]), pack(&[b"SHUTDOWN", b"NOSAVE"])].concat());
    assert_eq!(client.receive().bytes(), b"+Background saving started\r\n");
    assert!(server.ends_well());
    // Whole, should it have been quicker, or not at all.
    let left = fs::read_dir(folder.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == "dump.rdb"), "{left:?}");
}

#[test]
fn snapshot_that_one_client_waits_for_is_cancelled_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--snapshot-budget", "64kB"]);
    let (client, other) = (&mut server.connect(), &mut server.connect());
    client.ask("DEBUG POPULATE 300000 key 100");
    // It may be over before the other one comes: once more.
    let mut saves = 0;
    let is_cancelled = (0..100).any(|_| {
        client.send(&pack(&[b"SAVE"]));
        let next = format!("rdb_saves:{}\r\n", saves + 1);
        loop {
            let info = other.ask("INFO persistence");
            if info.contains("rdb_bgsave_in_progress:1") || info.contains(&next) {
                break;
            }
        }
        let cancelled = other.ask("BGSAVE CANCEL");
        let is_saved = client.receive().bytes() == b"+OK\r\n";
        saves += u32::from(is_saved);
        cancelled == "+Background saving cancelled\r\n" && !is_saved
    });
    assert!(is_cancelled);
}

#[test]
fn snapshot_is_cancelled_and_the_next_one_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--snapshot-budget", "64kB"]);
    let client = &mut server.connect();
    let none = "-ERR Background saving is currently not in progress or scheduled\r\n";
    assert_eq!(client.ask("BGSAVE CANCEL"), none);
    client.ask("DEBUG POPULATE 300000 key 100");
    let requests = [
        pack(&[b"BGSAVE"]),
        pack(&[b"BGSAVE"]),
        pack(&[b"BGSAVE", b"CANCEL"]),
    ];
    // The first is over before the others come if the server has not run in between: once more.
    let dump = folder.path().join("dump.rdb");
    let is_cancelled = (0..100).any(|_| {
        client.send(&requests.concat());
        assert_eq!(client.receive().bytes(), b"+Background saving started\r\n");
        let (second, cancel) = (client.receive().bytes(), client.receive().bytes());
        if saved(client) || second == b"+Background saving started\r\n" {
            fs::remove_file(&dump).unwrap();
            return false;
        }
        assert_eq!(second, b"-ERR Background save already in progress\r\n");
        assert_eq!(cancel, b"+Background saving cancelled\r\n");
        assert!(!dump.exists());
        true
    });
    assert!(is_cancelled);
    assert_eq!(client.ask("BGSAVE"), "+Background saving started\r\n");
    assert!(saved(client));
    assert!(dump.exists());
}
