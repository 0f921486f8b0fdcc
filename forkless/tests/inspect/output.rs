//! What is shown of a file, whole or damaged.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use rdb_format::{Compression, Encoder, Target, Value};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::program::{command, inspect, lines, names, text};
use crate::sample::{LINES, TABLE, sample, write};

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
