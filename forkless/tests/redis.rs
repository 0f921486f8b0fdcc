//! A real redis-server is the oracle: what it saved, we load and save, and it loads again,
//! key by key the same, both ways.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod server;

use std::path::Path;
use std::process::{Command, Output};

use crate::server::fill::fill;
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

#[test]
fn what_redis_saved_comes_back_to_redis_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::of_system(path, "redis.rdb");
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

        let found = Server::of_system(path, name).contents();
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
    let server = Server::of_system(path, "redis.rdb");
    let code = b"#!lua name=mylib\nredis.register_function('seven', function() return 7 end)";
    ask::<()>(&mut server.connect(0), "FUNCTION", &[b"LOAD", code]);
    ask::<()>(&mut server.connect(0), "SAVE", &[]);
    drop(server);

    succeeds(
        &["save", "redis.rdb", "ten.rdb", "--rdb-version", "10"],
        path,
    );
    let server = Server::of_system(path, "ten.rdb");
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
    let server = Server::of_system(&path.join("demo"), "dump.rdb");
    let keys: u64 = ask(&mut server.connect(0), "DBSIZE", &[]);
    assert_eq!(Some(keys), json["keys"].as_u64());
    assert_eq!(json["keys"], json["verified_keys"]);
    drop(server);
    accepted_by_redis_check_rdb(&path.join("demo"), "dump.rdb");
    assert!(path.join("demo/report.svg").exists());
}
