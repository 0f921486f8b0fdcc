//! `forkless convert`, as a user runs it: the same keys in another version, or no file at all.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rdb_format::{Compression, Crc64, Encoder, Target, Value};
use redis::Connection;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::server::content::{Content, Info};
use crate::server::{Server, ask};

fn forkless(arguments: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn convert(folder: &Path, output: &str, options: &[&str]) -> Output {
    forkless(&[&["convert", "in.rdb", output], options].concat(), folder)
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// What a conversion that must succeed says of itself.
fn converted(folder: &Path, output: &str, options: &[&str]) -> Json {
    let done = convert(folder, output, &[options, &["--json"]].concat());
    let error = text(&done.stderr);
    assert!(done.status.success(), "{output}: {error}");
    let checked = forkless(&["check", output], folder);
    assert!(checked.status.success(), "{output}: {checked:?}");
    serde_json::from_str(text(&done.stdout).lines().last().unwrap()).unwrap()
}

/// The keys of a file, without how they are stored.
fn keys(folder: &Path, file: &str) -> Vec<Json> {
    let shown = forkless(&["inspect", file, "--format", "jsonl"], folder);
    assert!(shown.status.success(), "{file}: {shown:?}");
    let lines = text(&shown.stdout).lines();
    let key = |line| {
        let mut key: Json = serde_json::from_str(line).unwrap();
        key.as_object_mut().unwrap().remove("encoding");
        key
    };
    lines.map(key).collect()
}

/// Removes what only streams of some versions know of themselves.
fn without_statistics(mut keys: Vec<Json>) -> Vec<Json> {
    fn strip(json: &mut Json) {
        match json {
            Json::Object(map) => {
                for name in [
                    "entries_added",
                    "max_deleted_id",
                    "entries_read",
                    "active_at_ms",
                ] {
                    map.remove(name);
                }
                // A stream without producers remembers as much as one of a server without them.
                if map.get("producers").is_some_and(|all| all["added"] == 0) {
                    map.remove("producers");
                }
                map.values_mut().for_each(strip);
            }
            Json::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    keys.iter_mut().for_each(strip);
    keys
}

/// Asserts that two files say the same, and names the first key that differs.
fn assert_same(found: &[Json], expected: &[Json], what: &str) {
    for (found, expected) in found.iter().zip(expected) {
        assert!(found == expected, "{what}: {} differs", expected["key"]);
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}

/// Asserts that a conversion failed and left nothing, and returns its one line.
fn refused(folder: &Path, options: &[&str]) -> String {
    let output = convert(folder, "out.rdb", options);
    let line = text(&output.stderr).to_owned();
    assert_eq!(output.status.code(), Some(1), "{line}");
    assert_eq!(line.lines().count(), 1, "one line, not: {line}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let left: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["in.rdb"]);
    line
}

fn folder_with(input: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.rdb"), input).unwrap();
    folder
}

fn field(field: &str, value: &str, at_ms: Option<i64>) -> (Vec<u8>, Vec<u8>, Option<i64>) {
    (field.into(), value.into(), at_ms)
}

/// A small file for `target`, with a hash whose fields expire if the target has such.
fn sample(target: Target) -> Vec<u8> {
    let mut encoder = Encoder::new(target, Compression::None);
    let mut out = Vec::new();
    encoder.header(&mut out);
    encoder.aux(&mut out, b"ctime", b"1700000000");
    encoder.select_db(&mut out, 0);
    encoder.resize_db(&mut out, 2, 0);
    let fields = vec![
        field("stays", "1", None),
        field("goes", "2", Some(4_102_444_800_000)),
    ];
    let mut entries = vec![(b"plain".as_slice(), None, Value::String(b"abc".repeat(20)))];
    if target.holds(rdb_format::ValueType::HashExpiry) || target == Target::Valkey9 {
        entries.push((
            b"expiring",
            Some(4_102_444_800_123),
            Value::ExpiringHash(fields),
        ));
    }
    entries.push((
        b"list",
        None,
        Value::List(vec![b"a".to_vec(), b"b".to_vec()]),
    ));
    for (index, (key, expire_at_ms, value)) in entries.iter().enumerate() {
        if index > 0 {
            encoder.attributes(&mut out, Some(60), None);
        }
        encoder.entry(&mut out, key, *expire_at_ms, value).unwrap();
    }
    encoder.select_db(&mut out, 5);
    let other = Value::Set(vec![b"m".to_vec()]);
    encoder.entry(&mut out, b"other", None, &other).unwrap();
    let mut crc = Crc64::new();
    crc.update(&out);
    encoder.end(&mut out, Some(crc));
    out
}

fn fill(server: &Server) {
    let connection = &mut server.connect(0);
    let run = |connection: &mut Connection, line: &str| {
        let (name, words) = line.split_once(' ').unwrap();
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        ask::<redis::Value>(connection, name, &words)
    };
    for line in [
        "SET string value",
        "SET number 12345 PXAT 4102444800123",
        "RPUSH list a b c",
        "SADD integers 1 2 3",
        "SADD set a b c",
        "HSET hash f v g w",
        "ZADD zset 1.5 a -inf b 3 c",
        "XADD empty 1-1 f v",
        "XDEL empty 1-1",
        "XGROUP CREATE s g 0 MKSTREAM",
        "XGROUP CREATE s idle 0",
    ] {
        run(connection, line);
    }
    for number in 1..=300 {
        run(
            connection,
            &format!("XADD s {number}-7 field {number} other text{number}"),
        );
    }
    for line in [
        "XREADGROUP GROUP g alice COUNT 40 STREAMS s >",
        "XREADGROUP GROUP g bob COUNT 5 STREAMS s >",
        "XACK s g 3-7 5-7",
        "XDEL s 2-7 100-7 300-7",
    ] {
        run(connection, line);
    }
    for number in 0..2000 {
        run(connection, &format!("RPUSH long element{number}"));
        run(
            connection,
            &format!("HSET wide field{number} {}", "v".repeat(number % 90 + 1)),
        );
    }
    let code = b"#!lua name=mylib\nredis.register_function('seven', function() return 7 end)";
    ask::<()>(connection, "FUNCTION", &[b"LOAD", code]);
    ask::<()>(&mut server.connect(9), "SET", &[b"alone", b"here"]);
    ask::<()>(connection, "SAVE", &[]);
}

/// The entries of a stream, without how they are stored.
fn entries(info: &Info) -> &Info {
    let Info::Map(facts) = info else {
        panic!("{info:?}")
    };
    &facts["entries"]
}

#[test]
fn files_of_redis_say_the_same_in_every_version_and_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::of_system(path, "in.rdb");
    fill(&server);
    let expected = server.contents();
    drop(server);
    let before = keys(path, "in.rdb");

    for version in ["10", "11", "12", "13", "14", "80"] {
        let name = format!("{version}.rdb");
        let json = converted(path, &name, &["--rdb-version", version]);
        if version == "14" {
            // Its listpacks have another form.
            let after = without_statistics(keys(path, &name));
            assert_same(&after, &without_statistics(before.clone()), version);
            continue;
        }
        assert_eq!(json["rewritten"], 0, "all types of Redis 7.0 pass");
        assert_same(&keys(path, &name), &before, version);
        let anew = format!("{version}-anew.rdb");
        let options = ["--rdb-version", version, "--compress", "lzf"];
        let json = converted(path, &anew, &options);
        assert_eq!(json["rewritten"], json["keys"]);
        // Newer forms of streams say what older ones leave to be understood.
        let (anew, before) = (keys(path, &anew), before.clone());
        let (anew, before) = (without_statistics(anew), without_statistics(before));
        assert_same(&anew, &before, version);
    }
    let nine = [
        "--rdb-version",
        "9",
        "--allow-loss",
        "statistics",
        "--skip-unsupported",
    ];
    let json = converted(path, "9.rdb", &nine);
    assert_eq!(json["skipped"], 1, "functions");
    let nine = without_statistics(keys(path, "9.rdb"));
    assert_same(&nine, &without_statistics(before), "9");

    for (name, same_nodes) in [("10.rdb", true), ("10-anew.rdb", false), ("9.rdb", false)] {
        let server = Server::of_system(path, name);
        let found = server.contents();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (key, (content, expire_at_ms)) in &expected {
            let (other, other_expire_at_ms) = &found[key];
            assert_eq!(expire_at_ms, other_expire_at_ms, "{name}: {key:?}");
            match (content, other) {
                (Content::Stream(info), Content::Stream(other)) if !same_nodes => {
                    assert_eq!(entries(info), entries(other), "{name}: {key:?}");
                }
                _ => assert_eq!(content, other, "{name}: {key:?}"),
            }
        }
        let held = ask::<redis::Value>(&mut server.connect(0), "XPENDING", &[b"s", b"g"]);
        let redis::Value::Array(held) = held else {
            panic!("{held:?}")
        };
        assert_eq!(held[0], redis::Value::Int(43), "{name}");
    }
}

/// The same keys through `save`: into shards and out again.
#[test]
fn values_that_the_store_does_not_know_pass_through_shards() {
    fn sorted(keys: Vec<Json>) -> Vec<Json> {
        let mut keys = without_statistics(keys);
        keys.sort_by_key(|key| (key["db"].as_u64(), key["key"].to_string()));
        keys
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::of_system(path, "in.rdb");
    fill(&server);
    let expected = server.contents();
    drop(server);
    let before = sorted(keys(path, "in.rdb"));
    for version in ["10", "11", "12", "13", "14", "80"] {
        let options = ["--rdb-version", version, "--shards", "3"];
        let save = [&["save", "in.rdb", "out.rdb"][..], &options].concat();
        let saved = forkless(&save, path);
        assert!(saved.status.success(), "{saved:?}");
        assert_same(&sorted(keys(path, "out.rdb")), &before, version);
        if version == "10" {
            let server = Server::of_system(path, "out.rdb");
            for (key, (content, _)) in server.contents() {
                match (content, &expected[&key].0) {
                    (Content::Stream(info), Content::Stream(other)) => {
                        assert_eq!(entries(&info), entries(other));
                    }
                    (content, expected) => assert_eq!(&content, expected),
                }
            }
        }
    }

    let saved = forkless(&["save", "in.rdb", "old.rdb"], path);
    assert_eq!(saved.status.code(), Some(1));
    assert!(!path.join("old.rdb").exists());
}

#[test]
fn expiring_fields_and_big_values_pass_through_shards() {
    let mut encoder = Encoder::new(Target::Valkey9, Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    let fields = |count: u32| {
        let at_ms = |n: u32| {
            n.is_multiple_of(3)
                .then_some(4_102_444_800_000 + i64::from(n))
        };
        let fields = (0..count).map(|n| field(&n.to_string(), "value", at_ms(n)));
        Value::ExpiringHash(fields.collect())
    };
    let entries = [
        ("small", fields(3)),
        ("big", fields(10_000)),
        ("plain", Value::ExpiringHash(vec![field("f", "v", None)])),
        ("module", Value::Module(vec![0x3f, 2, 1, 0])),
    ];
    for (key, value) in &entries {
        encoder
            .entry(&mut file, key.as_bytes(), None, value)
            .unwrap();
    }
    encoder.end(&mut file, None);
    let folder = folder_with(&file);
    let path = folder.path();
    let sorted = |file: &str| {
        let mut keys = keys(path, file);
        keys.sort_by_key(|key| key["key"].to_string());
        keys
    };
    for version in ["80", "12", "14"] {
        let save = ["save", "in.rdb", "out.rdb", "--rdb-version", version];
        let saved = forkless(&save, path);
        assert!(saved.status.success(), "{saved:?}");
        assert_same(&sorted("out.rdb"), &sorted("in.rdb"), version);
    }
    let refused = forkless(&["save", "in.rdb", "old.rdb", "--shards", "1"], path);
    let line = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{line}");
    let named = ["key \"small\": ", "key \"big\": "];
    assert!(named.iter().any(|name| line.contains(name)), "{line}");
    assert!(
        line.contains("Redis 5 cannot hold fields that expire"),
        "{line}"
    );
    assert_eq!(fs::read_dir(path).unwrap().count(), 2);
}

/// Entries of 16383 bytes, about whose form servers disagree.
#[test]
fn listpacks_take_the_form_that_the_target_reads() {
    let record = rdb_format::StreamRecord {
        id: rdb_format::StreamId { ms: 1, seq: 1 },
        deleted: false,
        fields: vec![(b"f".to_vec(), vec![b'v'; 16_378])],
    };
    let stream = rdb_format::Stream {
        last_id: record.id,
        records: vec![record],
        ..rdb_format::Stream::default()
    };
    for (from, to, padded) in [
        (Target::Redis70, "14", [true, false]),
        (Target::Redis70, "12", [true, true]),
        (Target::Redis88, "14", [false, false]),
    ] {
        let mut encoder = Encoder::new(from, Compression::None);
        let mut file = Vec::new();
        encoder.header(&mut file);
        let value = Value::Stream(Box::new(stream.clone()));
        encoder.entry(&mut file, b"s", None, &value).unwrap();
        let mut crc = Crc64::new();
        crc.update(&file);
        encoder.end(&mut file, Some(crc));
        let folder = folder_with(&file);
        let path = folder.path();
        let is_padded = |file: &str| {
            let checked = forkless(&["check", file], path);
            assert!(checked.status.success(), "{checked:?}");
            text(&checked.stderr).contains("too wide")
        };
        converted(path, "out.rdb", &["--rdb-version", to]);
        assert_eq!(
            [is_padded("in.rdb"), is_padded("out.rdb")],
            padded,
            "{from} to {to}"
        );
        let save = ["save", "in.rdb", "saved.rdb", "--rdb-version", to];
        assert!(forkless(&save, path).status.success());
        assert_eq!(is_padded("saved.rdb"), padded[1], "{from} to {to}");
        let (saved, before) = (keys(path, "saved.rdb"), keys(path, "in.rdb"));
        assert_same(&without_statistics(saved), &without_statistics(before), to);
    }
}

#[test]
fn records_that_belong_to_no_key_are_copied_or_told() {
    let mut encoder = Encoder::new(Target::Redis70, Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    encoder.aux(&mut file, b"ctime", b"1700000000");
    encoder.aux(&mut file, b"repl-id", b"of another server");
    encoder.aux(&mut file, b"strange", b"value");
    encoder.module_aux(&mut file, 0x3f, 2, &[2, 7, 0]);
    let value = Value::String(b"v".to_vec());
    encoder.entry(&mut file, b"k", None, &value).unwrap();
    let mut crc = Crc64::new();
    crc.update(&file);
    encoder.end(&mut file, Some(crc));
    let folder = folder_with(&file);
    let path = folder.path();

    let done = convert(path, "out.rdb", &["--rdb-version", "12"]);
    assert!(done.status.success(), "{done:?}");
    let said = "in.rdb: warning: unknown aux fields are left out: strange\n";
    assert_eq!(text(&done.stderr), said);
    let out = fs::read(path.join("out.rdb")).unwrap();
    let holds = |bytes: &[u8]| out.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(b"ctime") && holds(b"\xf7\x3f\x02\x02\x02\x07\0"));
    assert!(!holds(b"repl-id") && !holds(b"strange"));

    let saved = forkless(&["save", "in.rdb", "out.rdb"], path);
    assert!(saved.status.success(), "{saved:?}");
    let said = "in.rdb: warning: 1 records of modules or of slot imports are left out\n";
    assert_eq!(text(&saved.stderr), said);
}

#[test]
fn what_the_target_cannot_hold_is_named_and_leaves_nothing() {
    for (from, key) in [(Target::Redis74, "expiring"), (Target::Valkey9, "expiring")] {
        let folder = folder_with(&sample(from));
        let line = refused(folder.path(), &["--rdb-version", "10"]);
        assert!(line.starts_with("in.rdb: byte "), "{line}");
        assert!(line.contains(key) && line.contains("Redis 7.0"), "{line}");
    }
}

#[test]
fn functions_need_a_target_that_knows_them() {
    let mut encoder = Encoder::new(Target::Redis70, Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    encoder.function(&mut file, b"#!lua name=a\n").unwrap();
    encoder.end(&mut file, None);
    let folder = folder_with(&file);
    let output = convert(folder.path(), "out.rdb", &["--rdb-version", "9"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("function libraries"));
    assert!(!folder.path().join("out.rdb").exists());
}

#[test]
fn what_is_skipped_is_told_and_the_rest_is_there() {
    let folder = folder_with(&sample(Target::Redis74));
    let path = folder.path();
    let options = ["--rdb-version", "10", "--skip-unsupported"];
    let output = convert(path, "out.rdb", &options);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stderr);
    assert!(
        said.starts_with("in.rdb: skipped: key \"expiring\": "),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1);
    let mut expected = keys(path, "in.rdb");
    expected.retain(|key| key["key"] != "expiring");
    assert_eq!(keys(path, "out.rdb"), expected);
}

#[test]
fn many_skipped_keys_are_told_in_bounded_lines() {
    let mut encoder = Encoder::new(Target::Redis74, Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    for number in 0..150 {
        let value = Value::ExpiringHash(vec![field("f", "v", Some(4_102_444_800_000))]);
        let key = format!("key {number}");
        encoder
            .entry(&mut file, key.as_bytes(), None, &value)
            .unwrap();
    }
    encoder.end(&mut file, None);
    let folder = folder_with(&file);
    for (option, last) in [
        (&["--skip-unsupported"][..], "in.rdb: skipped: 50 more"),
        (
            &["--allow-loss", "any"],
            "in.rdb: 50 more times something is left out",
        ),
    ] {
        let options = [&["--rdb-version", "10"], option].concat();
        let output = convert(folder.path(), "out.rdb", &options);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said: Vec<&str> = text(&output.stderr).lines().collect();
        let said: Vec<&str> = said
            .into_iter()
            .filter(|line| !line.contains("checksum"))
            .collect();
        assert_eq!(said.len(), 101);
        assert_eq!(said.last(), Some(&last));
    }
}

#[test]
fn expiring_fields_cross_between_redis_and_valkey() {
    for (from, to) in [
        (Target::Redis74, "80"),
        (Target::Valkey9, "12"),
        (Target::Valkey9, "14"),
        (Target::Valkey9, "80"),
    ] {
        let folder = folder_with(&sample(from));
        let path = folder.path();
        let json = converted(path, "out.rdb", &["--rdb-version", to]);
        assert_eq!(json["keys"], 4);
        assert_eq!(
            json["rewritten"],
            u64::from(to != "80" || from != Target::Valkey9)
        );
        assert_eq!(
            keys(path, "out.rdb"),
            keys(path, "in.rdb"),
            "{from} to {to}"
        );
    }
}

#[test]
fn what_may_be_lost_is_told() {
    let folder = folder_with(&sample(Target::Redis74));
    let path = folder.path();
    let options = ["--rdb-version", "10", "--allow-loss", "any"];
    let output = convert(path, "out.rdb", &options);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stderr),
        "in.rdb: key \"expiring\" is written without fields that expire\n"
    );
    let shown = keys(path, "out.rdb");
    let hash = shown.iter().find(|key| key["key"] == "expiring").unwrap();
    assert_eq!(hash["value"].to_string(), r#"[["goes","2"],["stays","1"]]"#);
    assert_eq!(hash["idle_s"], 60);
    // Statistics are all that this allows to lose.
    refused_beside(path, &["--rdb-version", "10", "--allow-loss", "statistics"]);
}

fn refused_beside(folder: &Path, options: &[&str]) {
    let output = convert(folder, "refused.rdb", options);
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.join("refused.rdb").exists());
}

#[test]
fn filters_choose_keys() {
    let folder = folder_with(&sample(Target::Redis5));
    let path = folder.path();
    for (options, expected) in [
        (&["--key", "l*"][..], &["list"][..]),
        (&["--db", "5"], &["other"]),
        (&["--type", "string"], &["plain"]),
        (&["--db", "0"], &["plain", "list"]),
        (&["--db", "0", "--type", "set"], &[]),
    ] {
        let options = [&["--rdb-version", "11"], options].concat();
        converted(path, "out.rdb", &options);
        let names: Vec<Json> = keys(path, "out.rdb")
            .into_iter()
            .map(|mut key| key["key"].take())
            .collect();
        assert_eq!(names, expected, "{options:?}");
    }
}

#[test]
fn file_can_be_converted_in_place() {
    let folder = folder_with(&sample(Target::Redis5));
    let path = folder.path();
    let before = keys(path, "in.rdb");
    converted(
        path,
        "in.rdb",
        &["--rdb-version", "12", "--compress", "lzf"],
    );
    assert_eq!(keys(path, "in.rdb"), before);
    assert!(
        fs::read(path.join("in.rdb"))
            .unwrap()
            .starts_with(b"REDIS0012")
    );
    assert_eq!(fs::read_dir(path).unwrap().count(), 1);
}

#[test]
fn every_truncation_is_refused_and_leaves_nothing() {
    let sound = sample(Target::Redis74);
    for length in 0..sound.len() {
        let folder = folder_with(&sound[..length]);
        refused(folder.path(), &["--rdb-version", "12"]);
    }
}

#[test]
fn damage_inside_a_value_is_found() {
    let mut file = sample(Target::Redis74);
    let place = file.windows(3).position(|bytes| bytes == b"abc").unwrap();
    file[place] ^= 1;
    let folder = folder_with(&file);
    let line = refused(folder.path(), &["--rdb-version", "12"]);
    assert!(line.starts_with("in.rdb: byte "), "{line}");

    // A listpack whose inside lies, in a file without a checksum, that must be taken apart.
    let folder = folder_with(b"REDIS0010\x10\x01h\x07\x09\0\0\0\x02\0\xff\xff\0\0\0\0\0\0\0\0");
    let line = refused(folder.path(), &["--rdb-version", "9"]);
    assert!(
        line.starts_with("in.rdb: byte 9: key \"h\": value is damaged: "),
        "{line}"
    );
}

#[test]
fn version_is_asked_for() {
    let folder = folder_with(&sample(Target::Redis5));
    for options in [&[][..], &["--rdb-version", "8"], &["--rdb-version", "ten"]] {
        let output = convert(folder.path(), "out.rdb", options);
        assert_eq!(output.status.code(), Some(2), "{options:?}");
    }
}

/// Files of real servers, and of other dialects: whatever a target takes says the same there.
#[test]
fn corpus_files_say_the_same_after_conversion() {
    let Some(corpus) = std::env::var_os("FORKLESS_RDB_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: FORKLESS_RDB_CORPUS is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (mut compared, mut refused) = (0, Vec::new());
    for source in fs::read_dir(corpus).unwrap() {
        let source = source.unwrap().path();
        for file in fs::read_dir(&source).into_iter().flatten() {
            let file = file.unwrap().path();
            if file.extension().is_none_or(|extension| extension != "rdb")
                || !forkless(&["check", file.to_str().unwrap()], path)
                    .status
                    .success()
            {
                continue;
            }
            fs::copy(&file, path.join("in.rdb")).unwrap();
            let before = keys(path, "in.rdb");
            for version in ["14", "80", "12"] {
                for options in [
                    &["--rdb-version", version][..],
                    &["--rdb-version", version, "--compress", "none"],
                ] {
                    let done = convert(path, "out.rdb", options);
                    if done.status.success() {
                        let after = without_statistics(keys(path, "out.rdb"));
                        let before = without_statistics(before.clone());
                        let what = format!("{} to {options:?}", file.display());
                        assert_same(&after, &before, &what);
                        compared += 1;
                    } else {
                        refused.push(format!("{}: {}", file.display(), text(&done.stderr)));
                    }
                }
            }
        }
    }
    eprintln!("{compared} conversions compared, refused: {refused:#?}");
    assert!(compared > 300, "{compared}");
}
