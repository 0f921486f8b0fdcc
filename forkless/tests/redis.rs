//! A real redis-server is the oracle: what it saved, we load and save, and it loads again,
//! key by key the same, both ways.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod server;

use std::path::Path;
use std::process::{Command, Output};

use redis::Connection;

use crate::server::{Server, ask};

fn forkless(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn succeeds(arguments: &[&str], folder: &Path) -> String {
    let output = forkless(arguments, folder);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn accepted_by_redis_check_rdb(folder: &Path, file: &str) {
    let output = Command::new("redis-check-rdb")
        .arg(folder.join(file))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("Checksum OK"),
        "{said}"
    );
}

/// Pushes `count` elements made by `element` with `name`, some hundreds at a time.
fn push(
    connection: &mut Connection,
    name: &str,
    key: &str,
    count: usize,
    element: impl Fn(usize) -> Vec<Vec<u8>>,
) {
    for from in (0..count).step_by(500) {
        let mut command = redis::cmd(name);
        command.arg(key);
        (from..count.min(from + 500))
            .flat_map(&element)
            .for_each(|word| {
                command.arg(word);
            });
        command.exec(connection).unwrap();
    }
}

fn text(number: usize) -> Vec<u8> {
    format!("element {number}").into_bytes()
}

fn fill_strings(connection: &mut Connection) {
    let noise: Vec<u8> = (0..100_000_u32)
        .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let values: &[(&[u8], Vec<u8>)] = &[
        (b"", b"the empty key".to_vec()),
        (b"\0\xff\r\n binary", vec![0, 255, 128, 10]),
        (b"empty", Vec::new()),
        (b"12345", b"the key is a number".to_vec()),
        (b"compressible", b"abcabcabc".repeat(1000)),
        (b"noise", noise.clone()),
        (b"big", noise.repeat(30)),
        (b"big and compressible", b"0123456789abcdef".repeat(50_000)),
    ];
    for (key, value) in values {
        ask::<()>(connection, "SET", &[key, value]);
    }
    for number in [
        "0",
        "-1",
        "127",
        "-128",
        "200",
        "-32768",
        "70000",
        "2147483647",
        "-2147483648",
        "2147483648",
        "9223372036854775807",
        "007",
        "-0",
        "+1",
        "1.5",
        " 1",
    ] {
        ask::<()>(connection, "SET", &[number.as_bytes(), number.as_bytes()]);
    }
    for length in [1, 10, 11, 12, 19, 20, 21, 63, 64, 16_383, 16_384, 20_000] {
        let key = format!("length {length}");
        ask::<()>(connection, "SET", &[key.as_bytes(), &noise[..length]]);
    }
}

fn fill_collections(connection: &mut Connection) {
    let pair = |number| vec![text(number), text(number * 7)];
    let scored = |number: usize| vec![format!("{}.5", number % 97).into_bytes(), text(number)];
    for count in [1, 20, 3000] {
        push(connection, "RPUSH", &format!("list {count}"), count, |n| {
            vec![text(n)]
        });
        push(connection, "SADD", &format!("set {count}"), count, |n| {
            vec![text(n)]
        });
        push(
            connection,
            "SADD",
            &format!("small integers {count}"),
            count,
            |n| vec![n.to_string().into_bytes()],
        );
        push(connection, "HSET", &format!("hash {count}"), count, pair);
        push(connection, "ZADD", &format!("zset {count}"), count, scored);
    }
    let (i32s, i64s) = (1_usize << 20, 1_usize << 40);
    for scale in [i32s, i64s] {
        push(
            connection,
            "SADD",
            &format!("integers of {scale}"),
            300,
            |n| vec![(n * scale).to_string().into_bytes()],
        );
    }
    push(connection, "RPUSH", "numbers", 300, |n| {
        vec![(n * n * n * 1_000_003).to_string().into()]
    });
    push(connection, "RPUSH", "long elements", 40, |n| {
        vec![n.to_string().repeat(9000).into_bytes()]
    });
    push(connection, "HSET", "long fields", 40, |n| {
        vec![n.to_string().repeat(300).into_bytes(), vec![b'v'; 70_000]]
    });
    for score in [
        "inf",
        "-inf",
        "0",
        "-0",
        "1.5",
        "-2.25",
        "1e300",
        "3.0000000000000004",
    ] {
        ask::<()>(
            connection,
            "ZADD",
            &[b"scores", score.as_bytes(), score.as_bytes()],
        );
        // The same among so many that the server uses a skip list.
        ask::<()>(
            connection,
            "ZADD",
            &[b"zset 3000", score.as_bytes(), score.as_bytes()],
        );
    }
}

/// Every type in every encoding that redis-server 7.0 has, in several databases.
fn fill(server: &Server) {
    fill_strings(&mut server.connect(0));
    fill_collections(&mut server.connect(0));
    let other = &mut server.connect(3);
    fill_collections(other);
    let soon = b"4102444800123";
    for key in [
        "list 20",
        "hash 20",
        "set 3000",
        "zset 3000",
        "integers of 1048576",
    ] {
        ask::<()>(other, "PEXPIREAT", &[key.as_bytes(), soon]);
    }
    let last = &mut server.connect(15);
    ask::<()>(last, "SET", &[b"alone", b"here"]);
    ask::<()>(last, "SET", &[b"gone in 2100", b"value", b"PXAT", soon]);
    // A string big enough to ride, and to expire.
    ask::<()>(last, "SET", &[b"big", &vec![b'x'; 50_000], b"PXAT", soon]);
}

#[test]
fn what_redis_saved_comes_back_to_redis_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::start(path, "redis.rdb");
    fill(&server);
    let expected = server.contents();
    ask::<()>(&mut server.connect(0), "SAVE", &[]);
    drop(server);

    for (name, options) in [
        ("default.rdb", &[][..]),
        ("one.rdb", &["--shards", "1", "--compress", "lzf"]),
        (
            "three.rdb",
            &[
                "--shards",
                "3",
                "--rdb-version",
                "10",
                "--snapshot-budget",
                "64kB",
            ],
        ),
        (
            "lzf.rdb",
            &["--shards", "2", "--rdb-version", "10", "--compress", "lzf"],
        ),
    ] {
        let save = [&["save", "redis.rdb", name], options].concat();
        succeeds(&save, path);
        let checked = succeeds(&["check", name], path);
        let head = format!("ok: {} keys in 3 databases, ", expected.len());
        assert!(checked.starts_with(&head), "{checked}");
        accepted_by_redis_check_rdb(path, name);

        let found = Server::start(path, name).contents();
        for (key, content) in &expected {
            assert_eq!(found.get(key), Some(content), "{name}: {key:?}");
        }
        assert_eq!(
            found.len(),
            expected.len(),
            "{name} has keys that were not there"
        );
    }
}

#[test]
fn functions_pass_to_targets_that_have_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::start(path, "redis.rdb");
    let code = b"#!lua name=mylib\nredis.register_function('seven', function() return 7 end)";
    ask::<()>(&mut server.connect(0), "FUNCTION", &[b"LOAD", code]);
    ask::<()>(&mut server.connect(0), "SAVE", &[]);
    drop(server);

    succeeds(
        &["save", "redis.rdb", "ten.rdb", "--rdb-version", "10"],
        path,
    );
    let server = Server::start(path, "ten.rdb");
    assert_eq!(
        ask::<i64>(&mut server.connect(0), "FCALL", &[b"seven", b"0"]),
        7
    );

    let refused = forkless(&["save", "redis.rdb", "nine.rdb"], path);
    assert_eq!(refused.status.code(), Some(1));
    assert!(!path.join("nine.rdb").exists());
}

#[test]
fn redis_serves_what_the_demo_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let said = succeeds(
        &["demo", "--keys", "20000", "--json", "--out", "demo"],
        path,
    );
    let json: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let server = Server::start(&path.join("demo"), "dump.rdb");
    let keys: u64 = ask(&mut server.connect(0), "DBSIZE", &[]);
    assert_eq!(Some(keys), json["keys"].as_u64());
    assert_eq!(json["keys"], json["verified_keys"]);
    drop(server);
    accepted_by_redis_check_rdb(&path.join("demo"), "dump.rdb");
    assert!(path.join("demo/report.svg").exists());
}
