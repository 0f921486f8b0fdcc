//! `forkless serve` as a process: what it keeps, what it refuses, and who can talk to it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod server;
mod serving;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::server::Server;
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

fn digest(client: &mut Client) -> String {
    let digest = client.ask("DEBUG DIGEST");
    assert_eq!(digest.len(), 1 + 32 + 2, "{digest}");
    digest
}

/// Waits until no snapshot is being taken, and tells how the last one went.
fn saved(client: &mut Client) -> bool {
    loop {
        let info = client.ask("INFO persistence");
        if info.contains("rdb_bgsave_in_progress:0") {
            return info.contains("rdb_last_bgsave_status:ok");
        }
        std::thread::yield_now();
    }
}

fn succeeds(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
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

#[test]
fn replies_come_in_the_order_of_requests_whatever_does_them() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--shards", "4"]);
    let client = &mut server.connect();
    let mut requests = Vec::new();
    for round in 0..300_u32 {
        let round = round.to_string();
        let round = round.as_bytes();
        requests.extend(pack(&[b"SET", b"a", round]));
        requests.extend(pack(&[b"PING", round]));
        requests.extend(pack(&[b"MGET", b"a", b"b", b"c", b"d"]));
        requests.extend(pack(&[b"MSET", b"b", round, b"c", round, b"d", round]));
        requests.extend(pack(&[b"GET", b"c"]));
        requests.extend(pack(&[b"ECHO", round]));
        requests.extend(pack(&[b"DEL", b"c", b"d"]));
        requests.extend(pack(&[b"EXISTS", b"a", b"b", b"c", b"d"]));
    }
    client.send(&requests);
    let mut before = None::<Vec<u8>>;
    for round in 0..300_u32 {
        let round = round.to_string().into_bytes();
        assert_eq!(client.receive().bytes(), b"+OK\r\n");
        assert_eq!(client.receive().text(), round);
        let values = client.receive().elements;
        assert_eq!(values[0].text(), round);
        assert_eq!(values[1].text(), before.as_deref().unwrap_or_default());
        assert!(values[2].is_null() && values[3].is_null());
        assert_eq!(client.receive().bytes(), b"+OK\r\n");
        assert_eq!(client.receive().text(), round);
        assert_eq!(client.receive().text(), round);
        assert_eq!(client.receive().number(), Some(2));
        assert_eq!(client.receive().number(), Some(2));
        before = Some(round);
    }
}

#[test]
fn large_values_pass_and_larger_requests_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--query-max", "9MiB"]);
    let client = &mut server.connect();
    let value = vec![b'x'; 8 << 20];
    assert_eq!(
        client.ask_words(&[b"SET", b"key", &value]).bytes(),
        b"+OK\r\n"
    );
    assert!(client.ask_words(&[b"GET", b"key"]).text() == value);
    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000000\r\n");
    assert_eq!(
        client.rest(),
        b"-ERR Protocol error: invalid bulk length\r\n"
    );
    let client = &mut server.connect();
    let mut request = b"*3\r\n$3\r\nSET\r\n$8388608\r\n".to_vec();
    request.extend_from_slice(&value);
    request.extend_from_slice(b"\r\n$8388608\r\n");
    client.send_in_vain(&request);
    assert_eq!(
        client.rest(),
        b"-ERR Protocol error: request of more than 9437184 bytes\r\n"
    );
    assert_eq!(server.connect().ask("STRLEN key"), ":8388608\r\n");
}

/// Whether the server answers, and does not say that it has too many clients. Then it may close
/// the connection before it is asked anything.
fn is_let_in(client: &mut Client) -> bool {
    client.send_in_vain(b"PING\r\n");
    client.receive().bytes() == b"+PONG\r\n"
}

#[test]
fn clients_beyond_the_most_are_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--maxclients", "3"]);
    let mut clients: Vec<Client> = Vec::new();
    // The one that waited for the start may not have been noticed to be gone.
    while clients.len() < 3 {
        let mut client = server.connect();
        if is_let_in(&mut client) {
            clients.push(client);
        }
    }
    let refused = server.connect().rest();
    assert_eq!(refused, b"-ERR max number of clients reached\r\n");
    drop(clients.pop());
    while !is_let_in(&mut server.connect()) {}
    assert!(
        clients[0]
            .ask("INFO stats")
            .contains("rejected_connections:")
    );
}

#[test]
fn strangers_say_the_password_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "open sesame\nignored\n").unwrap();
    let options = ["--requirepass-file", file.to_str().unwrap()];
    let server = Served::forkless(folder.path(), &options);
    let client = &mut server.connect();
    let refused = "-NOAUTH Authentication required.\r\n";
    for command in [
        "GET key",
        "PING",
        "DEBUG POPULATE 1",
        "SHUTDOWN",
        "MGET a b",
    ] {
        assert_eq!(client.ask(command), refused, "{command}");
    }
    assert!(client.ask("HELLO 3").starts_with("-NOAUTH "));
    let wrong = client.ask_words(&[b"AUTH", b"open sesamE"]);
    assert!(wrong.bytes().starts_with(b"-WRONGPASS "));
    assert_eq!(
        client.ask_words(&[b"AUTH", b"open sesame"]).bytes(),
        b"+OK\r\n"
    );
    assert_eq!(client.ask("SET key 1"), "+OK\r\n");
    let client = &mut server.connect();
    let hello: &[&[u8]] = &[b"HELLO", b"3", b"AUTH", b"default", b"open sesame"];
    assert_eq!(client.ask_words(hello).line, b"%7\r\n");
    assert_eq!(client.ask("GET key"), "$1\r\n1\r\n");
    let client = &mut server.connect();
    client.send(b"*11\r\n");
    let said = client.rest();
    assert_eq!(
        said,
        b"-ERR Protocol error: unauthenticated multibulk length\r\n"
    );
}

#[test]
fn bytes_that_are_no_requests_harm_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &[]);
    let client = &mut server.connect();
    let mut state = 1_u64;
    for _ in 0..200 {
        let bytes: Vec<u8> = (0..200)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                b"*$\r\n0123456789-\"'\\ xGET\0\xff"[usize::try_from(state >> 40).unwrap() % 25]
            })
            .collect();
        let mut noisy = server.connect();
        noisy.send_in_vain(&bytes);
        drop(noisy);
        assert_eq!(client.ask("PING"), "+PONG\r\n");
    }
}

#[test]
fn client_that_does_not_read_holds_up_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &[]);
    let client = &mut server.connect();
    client.ask_words(&[b"SET", b"large", &vec![b'x'; 1 << 20]]);
    let lazy = &mut server.connect();
    let requests = pack(&[b"GET", b"large"]).repeat(64);
    lazy.send(&requests);
    for _ in 0..100 {
        assert_eq!(client.ask("PING"), "+PONG\r\n");
        assert_eq!(client.ask("SET a b"), "+OK\r\n");
    }
    for _ in 0..64 {
        assert_eq!(lazy.receive().text().len(), 1 << 20);
    }
}

#[test]
fn keys_whose_time_has_come_go_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--shards", "2"]);
    let client = &mut server.connect();
    for key in 0..2000 {
        client.ask(&format!("SET key:{key} 1 PX 1"));
    }
    client.ask("SET stays 1 EX 100000");
    while !client.ask("DBSIZE").starts_with(":1\r") {
        std::thread::yield_now();
    }
    let info = client.ask("INFO");
    assert!(
        info.contains("expired_keys:2000") && info.contains("db0:keys=1,expires=1"),
        "{info}"
    );
}

#[test]
fn redis_cli_and_redis_benchmark_work() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--shards", "2"]);
    let socket = server.socket();
    let cli =
        |words: &[&str]| succeeds(Command::new("redis-cli").arg("-s").arg(&socket).args(words));
    assert_eq!(cli(&["SET", "key", "value"]), "OK\n");
    assert_eq!(cli(&["-3", "GET", "key"]), "value\n");
    assert!(cli(&["--bigkeys"]).contains("string"));
    assert_eq!(cli(&["--scan"]), "key\n");
    let mut benchmark = Command::new("redis-benchmark");
    benchmark
        .arg("-s")
        .arg(&socket)
        .args(["-q", "-n", "2000", "-P", "4", "-r", "100", "-t"]);
    let tests =
        "ping_inline,ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,zadd,lrange_100,mset";
    let said = succeeds(benchmark.arg(tests));
    assert!(said.matches("requests per second").count() >= 14, "{said}");
    assert!(!said.contains("ERR"), "{said}");
}
