//! The snapshot that a server leaves and finds again.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::serving::{Client, Served, pack};

/// Keys `key:0` and up on a server, with values of their own, in every type.
fn fill(client: &mut Client, keys: u32) {
    for key in 0..keys {
        client.ask(&format!("SET key:{key} {key}"));
    }
    client.ask("RPUSH list a b c");
    client.ask("HSET hash f 1 g 2");
    client.ask("SADD set a b");
    client.ask("ZADD zset 1.5 a 2 b");
    client.ask("SET expires 1 PXAT 2000000000000");
    client.ask("SELECT 5");
    client.ask("SET elsewhere 1");
    client.ask("SELECT 0");
}

pub(crate) fn digest(client: &mut Client) -> String {
    let digest = client.ask("DEBUG DIGEST");
    assert_eq!(digest.len(), 1 + 32 + 2, "{digest}");
    digest
}

/// Waits until no snapshot is being taken, and tells how the last one went.
pub(crate) fn saved(client: &mut Client) -> bool {
    loop {
        let info = client.ask("INFO persistence");
        if info.contains("rdb_bgsave_in_progress:0") {
            return info.contains("rdb_last_bgsave_status:ok");
        }
        std::thread::yield_now();
    }
}

#[test]
fn folder_that_is_not_there_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("some/data");
    let server = Served::forkless(&data, &[]);
    assert_eq!(server.connect().ask("SAVE"), "+OK\r\n");
    assert!(data.join("dump.rdb").exists());
}

#[test]
fn served_addresses_are_told_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command.args(["serve", "--port", "0", "--shards", "2", "--json"]);
    command.args(["--replication-port", "0", "--dir"]);
    command.arg(folder.path()).arg("--unixsocket").arg(&socket);
    let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let line = lines.map(Result::unwrap).find(|line| line.starts_with('{'));
    server.kill().unwrap();
    server.wait().unwrap();
    let said: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
    assert_eq!(
        (&said["keys_loaded"], &said["shards"]),
        (&0.into(), &2.into())
    );
    assert_eq!(said["unixsocket"], socket.to_str().unwrap());
    assert_eq!(said["addresses"].as_array().unwrap().len(), 0);
    let for_replicas = said["replication_addresses"][0].as_str().unwrap();
    assert!(for_replicas.starts_with("127.0.0.1:") && !for_replicas.ends_with(":0"));
}

#[test]
fn killed_server_comes_back_with_what_was_saved() {
    for options in [
        &["--shards", "2"][..],
        &["--shards", "3", "--files", "per-shard"],
        &["--compress", "lzf", "--rdb-version", "12"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let server = Served::forkless(folder.path(), options);
        let client = &mut server.connect();
        fill(client, 1000);
        let expected = digest(client);
        assert_eq!(client.ask("SAVE"), "+OK\r\n");
        client.ask("SET key:0 lost");
        server.kill();

        let server = Served::forkless(folder.path(), options);
        let client = &mut server.connect();
        assert_eq!(digest(client), expected, "{options:?}");
        assert_eq!(client.ask("DEBUG RELOAD"), "+OK\r\n");
        assert_eq!(digest(client), expected);
        assert_eq!(client.ask("GET key:0"), "$1\r\n0\r\n");
        assert!(
            client
                .ask("INFO keyspace")
                .contains("db0:keys=1005,expires=1")
        );
    }
}

#[test]
fn server_that_is_stopped_saves_if_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--save-on-shutdown"]);
    server.connect().ask("SET key value");
    let id = rustix::process::Pid::from_raw(i32::try_from(server.child.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(server.ends_well());

    let server = Served::forkless(folder.path(), &[]);
    let client = &mut server.connect();
    assert_eq!(client.ask("GET key"), "$5\r\nvalue\r\n");
    client.ask("SET key lost");
    client.send(&pack(&[b"SHUTDOWN"]));
    assert_eq!(client.rest(), b"");
    assert!(server.ends_well());

    let server = Served::forkless(folder.path(), &[]);
    let client = &mut server.connect();
    assert_eq!(client.ask("GET key"), "$5\r\nvalue\r\n");
    client.ask("SET key new");
    client.send(&pack(&[b"SHUTDOWN", b"SAVE"]));
    assert_eq!(client.rest(), b"");
    assert!(server.ends_well());
    let server = Served::forkless(folder.path(), &[]);
    assert_eq!(server.connect().ask("GET key"), "$3\r\nnew\r\n");
}

#[test]
fn snapshot_that_cannot_be_written_is_an_error_and_the_server_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--save-on-shutdown"]);
    let client = &mut server.connect();
    client.ask("SET key value");
    fs::create_dir(folder.path().join("dump.rdb")).unwrap();
    assert!(client.ask("SAVE").starts_with("-ERR "));
    assert!(client.ask("SHUTDOWN").starts_with("-ERR "));
    assert_eq!(client.ask("GET key"), "$5\r\nvalue\r\n");
    assert!(client.ask("INFO").contains("rdb_last_bgsave_status:err"));
    client.send(&pack(&[b"SHUTDOWN", b"NOSAVE"]));
    assert_eq!(client.rest(), b"");
    assert!(server.ends_well());
}

#[test]
fn damaged_or_doubtful_snapshots_keep_the_server_from_starting() {
    let starts = |folder: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
        let socket = folder.join("s");
        command
            .args(["serve", "--port", "0", "--unixsocket"])
            .arg(socket);
        let output = command.arg("--dir").arg(folder).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("dump.rdb"), b"REDIS0009\xfa").unwrap();
    let said = starts(path);
    assert!(said.contains("dump.rdb: byte "), "{said}");
    fs::write(path.join("dump.rdb.manifest"), b"").unwrap();
    let said = starts(path);
    assert!(
        said.contains("remove the one that is out of date"),
        "{said}"
    );
}
