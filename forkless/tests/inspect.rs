//! `forkless inspect`, as a user runs it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rdb_format::{Compression, Crc64, Encoder, Target, Value};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

fn inspect(path: &Path, options: &[&str]) -> Output {
    command(path).args(options).output().unwrap()
}

fn command(path: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command.arg("inspect").arg(path);
    command
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// What a run that must succeed prints; asserts that nothing goes to stderr.
fn lines(path: &Path, options: &[&str]) -> Vec<String> {
    let output = inspect(path, options);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
    text(&output.stdout)
        .lines()
        .map(ToOwned::to_owned)
        .collect()
}

/// The keys that a run shows line by line, by name.
fn names(path: &Path, options: &[&str]) -> Vec<Json> {
    let lines = lines(path, &[&["--format", "jsonl"], options].concat());
    lines
        .iter()
        .map(|line| serde_json::from_str::<Json>(line).unwrap()["key"].take())
        .collect()
}

/// The keys of [`sample`], each as its line.
const LINES: [&str; 6] = [
    r#"{"db":0,"key":"counter","type":"string","encoding":"int","value":"42"}"#,
    concat!(
        r#"{"db":0,"key":"user:1","type":"string","encoding":"raw","#,
        r#""expire_at_ms":1700000000000,"value":{"base64":"AP8="}}"#,
    ),
    r#"{"db":0,"key":"queue","type":"list","encoding":"linkedlist","value":["b","","a"]}"#,
    r#"{"db":2,"key":"user:2","type":"set","encoding":"hashtable","value":["a","b","é"]}"#,
    concat!(
        r#"{"db":2,"key":{"base64":"/w=="},"type":"hash","encoding":"hashtable","#,
        r#""value":[["f\"1","v"],["f2","w"]]}"#,
    ),
    concat!(
        r#"{"db":3,"key":"rank","type":"zset","encoding":"skiplist","#,
        r#""value":[["low","-inf"],["a","1.5"],["b","1.5"],["high","inf"]]}"#,
    ),
];

/// A file with keys of every family that it can hold, and where the last one begins.
fn sample() -> (Vec<u8>, usize) {
    let owned = |items: &[&[u8]]| items.iter().map(|item| item.to_vec()).collect::<Vec<_>>();
    let fields = vec![
        (b"f2".to_vec(), b"w".to_vec()),
        (b"f\"1".to_vec(), b"v".to_vec()),
    ];
    let members: [(&[u8], f64); 4] = [
        (b"b", 1.5),
        (b"high", f64::INFINITY),
        (b"a", 1.5),
        (b"low", f64::NEG_INFINITY),
    ];
    let members = members
        .map(|(member, score)| (member.to_vec(), score))
        .to_vec();
    let entries: [(u32, &[u8], Option<i64>, Value); 6] = [
        (0, b"counter", None, Value::String(b"42".to_vec())),
        (
            0,
            b"user:1",
            Some(1_700_000_000_000),
            Value::String(b"\0\xff".to_vec()),
        ),
        (0, b"queue", None, Value::List(owned(&[b"b", b"", b"a"]))),
        (
            2,
            b"user:2",
            None,
            Value::Set(owned(&["é".as_bytes(), b"b", b"a"])),
        ),
        (2, b"\xff", None, Value::Hash(fields)),
        (3, b"rank", None, Value::SortedSet(members)),
    ];
    let mut encoder = Encoder::new(Target::Redis5, Compression::None);
    let mut file = Vec::new();
    let mut last = 0;
    encoder.header(&mut file);
    for (database, key, expire_at_ms, value) in &entries {
        encoder.select_db(&mut file, *database);
        last = file.len();
        encoder.entry(&mut file, key, *expire_at_ms, value).unwrap();
    }
    let mut crc = Crc64::new();
    crc.update(&file);
    encoder.end(&mut file, Some(crc));
    (file, last)
}

/// The table of [`sample`], below its first line, with the two biggest keys.
const TABLE: &str = "

db   type    keys  expiring  bytes   p50   p90   p99   max  encodings
0    list       1         0   13 B  13 B  13 B  13 B  13 B  1 linkedlist
0    string     2         1   22 B  11 B  11 B  11 B  11 B  1 int, 1 raw
2    hash       1         0   15 B  15 B  15 B  15 B  15 B  1 hashtable
2    set        1         0   16 B  16 B  16 B  16 B  16 B  1 hashtable
3    zset       1         0   52 B  52 B  52 B  52 B  52 B  1 skiplist
all             6         1  118 B  13 B  52 B  52 B  52 B  1 int, 1 raw, \
1 linkedlist, 2 hashtable, 1 skiplist

the biggest keys
bytes  elements  type  encoding   db  key
 52 B         4  zset  skiplist    3  rank
 16 B         3  set   hashtable   2  user:2";

fn write(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("a.rdb");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn jsonl_shows_each_key_on_a_line() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, &sample().0);
    assert_eq!(lines(&path, &["--format", "jsonl"]), LINES);
}

#[test]
fn filters_choose_by_database_name_and_type() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, &sample().0);
    assert_eq!(
        names(&path, &["--db", "2"]),
        [json!("user:2"), json!({"base64": "/w=="})]
    );
    assert_eq!(names(&path, &["--key", "user:*"]), ["user:1", "user:2"]);
    assert_eq!(names(&path, &["--key", "?"]), [json!({"base64": "/w=="})]);
    assert_eq!(names(&path, &["--type", "string"]), ["counter", "user:1"]);
    assert_eq!(names(&path, &["--type", "zset"]), ["rank"]);
    assert_eq!(
        names(&path, &["--db", "0", "--key", "*[12]", "--type", "string"]),
        ["user:1"]
    );
    assert_eq!(names(&path, &["--db", "1"]), [Json::Null; 0]);
}

#[test]
fn table_counts_by_database_and_type() {
    let folder = TempDir::new().unwrap();
    let (bytes, _) = sample();
    let path = write(&folder, &bytes);
    let lines = lines(&path, &["--top", "2"]);
    let mut expected = format!("{}: RDB version 9, 157 B; 6 keys", path.display());
    expected.push_str(TABLE);
    assert_eq!(bytes.len(), 157);
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn json_is_the_last_line_of_both_formats() {
    let folder = TempDir::new().unwrap();
    let (bytes, last) = sample();
    let path = write(&folder, &bytes);
    for format in ["table", "jsonl"] {
        let lines = lines(
            &path,
            &["--json", "--format", format, "--db", "3", "--top", "1"],
        );
        let json: Json = serde_json::from_str(lines.last().unwrap()).unwrap();
        let size = bytes.len() - 9 - last;
        let group = json!({
            "db": 3, "type": "zset", "keys": 1, "expiring": 0, "encoded_bytes": size,
            "encodings": { "skiplist": 1 },
            "p50_bytes": size, "p90_bytes": size, "p99_bytes": size, "max_bytes": size,
        });
        let biggest = json!({
            "db": 3, "key": "rank", "type": "zset", "encoding": "skiplist", "elements": 4,
            "encoded_bytes": size, "offset": last,
        });
        let expected = json!({
            "path": path.to_str(), "rdb_version": 9, "bytes": bytes.len(),
            "keys": 1, "expiring": 0, "encoded_bytes": size, "encodings": { "skiplist": 1 },
            "p50_bytes": size, "p90_bytes": size, "p99_bytes": size, "max_bytes": size,
            "groups": [group], "biggest": [biggest],
        });
        assert_eq!(json, expected);
    }
}

#[test]
fn file_without_keys_has_no_table() {
    let folder = TempDir::new().unwrap();
    let path = write(&folder, b"REDIS0003\xff");
    let output = inspect(&path, &[]);
    let expected = format!("{}: RDB version 3, 10 B; 0 keys\n", path.display());
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&inspect(&path, &["--format", "jsonl"]).stdout), "");
}

#[test]
fn damage_ends_the_lines_and_fails() {
    let folder = TempDir::new().unwrap();
    let (bytes, last) = sample();
    let path = write(&folder, &bytes[..last + 10]);
    let output = inspect(&path, &["--format", "jsonl"]);
    assert_eq!(text(&output.stdout).lines().collect::<Vec<_>>(), LINES[..5]);
    let complaint = format!("{}: byte {}: input ends", path.display(), last + 10);
    assert!(text(&output.stderr).starts_with(&complaint), "{output:?}");
    assert_eq!(text(&output.stderr).lines().count(), 1);
    assert_eq!(output.status.code(), Some(1));
    // A table of half a file would pass for one of the whole.
    let output = inspect(&path, &[]);
    assert_eq!(text(&output.stdout), "");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn wrong_checksum_fails_after_the_last_line() {
    let folder = TempDir::new().unwrap();
    let (mut bytes, _) = sample();
    *bytes.last_mut().unwrap() ^= 1;
    let output = inspect(&write(&folder, &bytes), &["--format", "jsonl"]);
    assert_eq!(text(&output.stdout).lines().collect::<Vec<_>>(), LINES);
    assert!(text(&output.stderr).contains("checksum"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn warnings_go_to_stderr() {
    let folder = TempDir::new().unwrap();
    let (bytes, _) = sample();
    let path = write(&folder, &[bytes, b"123".to_vec()].concat());
    let output = inspect(&path, &["--format", "jsonl"]);
    assert_eq!(text(&output.stdout).lines().collect::<Vec<_>>(), LINES);
    assert!(
        text(&output.stderr).contains(": warning: 3 bytes follow"),
        "{output:?}"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_cannot_be_read_is_told_with_its_path() {
    let folder = TempDir::new().unwrap();
    for (path, what) in [
        (
            folder.path().join("missing.rdb"),
            "No such file or directory",
        ),
        (
            folder.path().to_path_buf(),
            "is a directory, not an RDB file",
        ),
        (
            write(&folder, b"GIF89a___"),
            "byte 0: input starts with neither",
        ),
    ] {
        let output = inspect(&path, &[]);
        let expected = format!("{}: {what}", path.display());
        assert!(text(&output.stderr).starts_with(&expected), "{output:?}");
        assert_eq!(text(&output.stderr).lines().count(), 1);
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn unknown_type_or_format_is_wrong_usage() {
    for options in [["--type", "tree"], ["--format", "xml"], ["--db", "-1"]] {
        assert_eq!(inspect(Path::new("a.rdb"), &options).status.code(), Some(2));
    }
}

#[test]
fn reader_that_goes_away_is_no_complaint() {
    let folder = TempDir::new().unwrap();
    let mut encoder = Encoder::new(Target::Redis5, Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    for number in 0..20_000 {
        let value = Value::String(vec![b'v'; 100]);
        encoder
            .entry(&mut file, format!("key:{number}").as_bytes(), None, &value)
            .unwrap();
    }
    encoder.end(&mut file, None);
    let path = write(&folder, &file);
    let mut child = command(&path)
        .args(["--format", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 7];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"{\"db\":0");
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
}

/// Files of a real server, with what it answered itself about every key.
#[test]
fn corpus_files_show_what_the_server_said() {
    let Some(corpus) = std::env::var_os("FORKLESS_RDB_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: FORKLESS_RDB_CORPUS is not set");
        return;
    };
    let mut compared = 0;
    for name in [
        "checksum_off",
        "empty_no_keys",
        "nocompress",
        "sets_hashes_zsets",
        "streams_v2_groups_pel_deleted",
    ] {
        let folder = corpus.join("local-redis-7.0.15");
        let expected = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let expected: Json = serde_json::from_str(&expected).unwrap();
        let output = inspect(&folder.join(format!("{name}.rdb")), &["--format", "jsonl"]);
        assert_eq!(output.status.code(), Some(0));
        let mut shown: Vec<Json> = text(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        shown.sort_by_key(|key| (key["db"].as_u64(), bytes(&key["key"])));
        let mut keys = expected["keys"].as_array().unwrap().clone();
        keys.sort_by_key(|key| (key["db"].as_u64(), latin1(&key["key"])));
        assert_eq!(shown.len(), keys.len(), "{name}");
        for (shown, expected) in shown.iter().zip(&keys) {
            assert_same_key(shown, expected);
            compared += 1;
        }
    }
    assert_eq!(compared, 23);
}

/// Compares a line of ours with what the server said, which has bytes as Latin-1.
fn assert_same_key(shown: &Json, expected: &Json) {
    assert_eq!(shown["db"], expected["db"]);
    assert_eq!(bytes(&shown["key"]), latin1(&expected["key"]));
    assert_eq!(shown["type"], expected["type"]);
    let expire_at_ms = shown.get("expire_at_ms").and_then(Json::as_i64);
    assert_eq!(
        expire_at_ms.unwrap_or(-1),
        expected["expire_at_ms"].as_i64().unwrap()
    );
    let (shown, value) = (&shown["value"], &expected["value"]);
    let array = |json: &Json| json.as_array().unwrap().clone();
    match expected["type"].as_str().unwrap() {
        "string" => assert_eq!(bytes(shown), latin1(value)),
        "list" => {
            let shown: Vec<_> = array(shown).iter().map(bytes).collect();
            assert_eq!(shown, array(value).iter().map(latin1).collect::<Vec<_>>());
        }
        "set" => {
            let shown: Vec<_> = array(shown).iter().map(bytes).collect();
            let mut value: Vec<_> = array(value).iter().map(latin1).collect();
            value.sort();
            assert_eq!(shown, value);
        }
        "hash" => {
            let shown: Vec<_> = array(shown)
                .iter()
                .map(|pair| (bytes(&pair[0]), bytes(&pair[1])))
                .collect();
            let fields = value.as_object().unwrap();
            let mut value: Vec<_> = fields
                .iter()
                .map(|(field, value)| (latin1(&Json::from(field.as_str())), latin1(value)))
                .collect();
            value.sort();
            assert_eq!(shown, value);
        }
        "zset" => {
            let number = |text: &Json| text.as_str().unwrap().parse::<f64>().unwrap().to_bits();
            let shown: Vec<_> = array(shown)
                .iter()
                .map(|pair| (bytes(&pair[0]), number(&pair[1])))
                .collect();
            let value: Vec<_> = array(value)
                .iter()
                .map(|pair| (latin1(&pair[0]), number(&pair[1])))
                .collect();
            assert_eq!(shown, value);
        }
        "stream" => assert_same_stream(shown, value),
        other => panic!("type {other} is not compared"),
    }
}

/// Compares a stream of ours with what `XRANGE` and `XINFO STREAM FULL` said.
fn assert_same_stream(shown: &Json, value: &Json) {
    let array = |json: &Json| json.as_array().unwrap().clone();
    let flat = |entry: &Json| -> Vec<Vec<u8>> {
        let pairs = array(&entry[1]);
        pairs
            .iter()
            .flat_map(array)
            .map(|text| bytes(&text))
            .collect()
    };
    let (entries, expected) = (array(&shown["entries"]), array(&value["entries"]));
    assert_eq!(entries.len(), expected.len());
    for (entry, expected) in entries.iter().zip(&expected) {
        assert_eq!(entry[0], expected[0]);
        let texts: Vec<_> = array(&expected[1]).iter().map(latin1).collect();
        assert_eq!(flat(entry), texts);
    }
    let info = &value["info_full"];
    assert_eq!(&shown["last_id"], named(info, "last-generated-id"));
    assert_eq!(&shown["entries_added"], named(info, "entries-added"));
    assert_eq!(
        &shown["max_deleted_id"],
        named(info, "max-deleted-entry-id")
    );
    let (groups, expected) = (array(&shown["groups"]), array(named(info, "groups")));
    assert_eq!(groups.len(), expected.len());
    for (group, expected) in groups.iter().zip(&expected) {
        assert_eq!(&group["name"], named(expected, "name"));
        assert_eq!(&group["last_id"], named(expected, "last-delivered-id"));
        let read = group.get("entries_read").unwrap_or(&Json::Null);
        assert_eq!(read, named(expected, "entries-read"));
        let pending: Vec<Json> = array(named(expected, "pending"))
            .iter()
            .map(|entry| json!([entry[0], entry[2], entry[3]]))
            .collect();
        assert_eq!(array(&group["pending"]), pending);
        let consumers: Vec<Json> = array(named(expected, "consumers"))
            .iter()
            .map(|consumer| {
                let held = array(named(consumer, "pending"));
                let held: Vec<&Json> = held.iter().map(|entry| &entry[0]).collect();
                json!({
                    "name": named(consumer, "name"),
                    "seen_at_ms": named(consumer, "seen-time"),
                    "held": held,
                })
            })
            .collect();
        assert_eq!(array(&group["consumers"]), consumers);
    }
}

/// The value that follows a name in what a server says.
fn named<'a>(info: &'a Json, name: &str) -> &'a Json {
    let items = info.as_array().unwrap();
    let place = items.iter().step_by(2).position(|item| item == name);
    &items[2 * place.unwrap() + 1]
}

/// Bytes in our form: text, or base64.
fn bytes(json: &Json) -> Vec<u8> {
    match json.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => STANDARD.decode(json["base64"].as_str().unwrap()).unwrap(),
    }
}

/// Bytes as characters 0 to 255.
fn latin1(json: &Json) -> Vec<u8> {
    let text = json.as_str().unwrap();
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}
