//! `forkless check`, as a user runs it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rdb_format::{Compression, Crc64, Encoder, Target, Value};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

fn check(arguments: &[&Path]) -> Output {
    command().args(arguments).output().unwrap()
}

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command.arg("check");
    command
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// A file with three keys in two databases.
fn sound() -> Vec<u8> {
    let mut encoder = Encoder::new(Target::Redis5, Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    encoder.aux(&mut file, b"redis-ver", b"7.0.15");
    for (database, key) in [(0, b"first"), (7, b"other"), (0, b"third")] {
        encoder.select_db(&mut file, database);
        let value = Value::List(vec![b"one".to_vec(), b"two".to_vec()]);
        encoder
            .entry(&mut file, key, Some(1_700_000_000_000), &value)
            .unwrap();
    }
    end(&mut encoder, &mut file);
    file
}

fn end(encoder: &mut Encoder, file: &mut Vec<u8>) {
    let mut crc = Crc64::new();
    crc.update(file);
    encoder.end(file, Some(crc));
}

/// A folder, and the files written into it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// What is said about one damaged file; asserts that it is one line, and nothing else is said.
fn only_complaint(path: &Path) -> String {
    let output = check(&[path]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "");
    let complaint = text(&output.stderr).strip_suffix('\n').unwrap();
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    complaint
        .strip_prefix(&format!("{}: ", path.display()))
        .unwrap()
        .to_owned()
}

#[test]
fn sound_file_is_ok_in_one_line() {
    let folder = Folder::new();
    let bytes = sound();
    let output = check(&[&folder.write("a.rdb", &bytes)]);
    let length = bytes.len();
    let expected = format!("ok: 3 keys in 2 databases, {length} bytes, RDB version 9\n");
    assert_eq!(text(&output.stdout), expected);
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn all_of_several_files_are_checked() {
    let folder = Folder::new();
    let bytes = sound();
    let first = folder.write("a.rdb", &bytes);
    let cut = folder.write("b.rdb", &bytes[..40]);
    let missing = folder.0.path().join("c.rdb");
    let last = folder.write("d.rdb", &bytes);
    let output = check(&[&first, &cut, &missing, &last]);

    let ok = format!(
        "ok: 3 keys in 2 databases, {} bytes, RDB version 9",
        bytes.len()
    );
    let (first, last) = (first.display(), last.display());
    assert_eq!(
        text(&output.stdout),
        format!("{first}: {ok}\n{last}: {ok}\n")
    );
    let complaints: Vec<&str> = text(&output.stderr).lines().collect();
    assert!(complaints[0].starts_with(&format!("{}: byte 40: ", cut.display())));
    assert!(complaints[1].starts_with(&format!("{}: ", missing.display())));
    assert_eq!(complaints[2..], ["2 of 4 files are damaged or unreadable"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn every_truncation_is_found() {
    let folder = Folder::new();
    let bytes = sound();
    let name = |length: usize| format!("{length}.rdb");
    let cuts: Vec<PathBuf> = (0..bytes.len())
        .map(|length| folder.write(&name(length), &bytes[..length]))
        .collect();
    let output = check(&cuts.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    assert_eq!(text(&output.stdout), "");
    let complaints: Vec<&str> = text(&output.stderr).lines().collect();
    assert_eq!(complaints.len(), bytes.len() + 1);
    for (length, (path, complaint)) in cuts.iter().zip(complaints).enumerate() {
        let expected = format!("{}: byte {length}: input ends", path.display());
        assert!(complaint.starts_with(&expected), "{complaint}");
    }
}

#[test]
fn every_flipped_byte_is_found() {
    let folder = Folder::new();
    let bytes = sound();
    let paths: Vec<PathBuf> = (0..bytes.len())
        .map(|place| {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x41;
            folder.write(&format!("{place}.rdb"), &damaged)
        })
        .collect();
    let output = check(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    assert_eq!(text(&output.stdout), "");
    for path in &paths {
        let start = format!("{}: byte ", path.display());
        assert!(
            text(&output.stderr)
                .lines()
                .any(|line| line.starts_with(&start)),
            "{start}"
        );
    }
}

#[test]
fn wrong_checksum_is_told_with_both_sums() {
    let folder = Folder::new();
    let mut bytes = sound();
    let place = bytes.len() - 8;
    let stored = u64::from_le_bytes(bytes[place..].try_into().unwrap());
    // The last letter of "third"'s last element: sound but for its checksum.
    let letter = place - 2;
    assert_eq!(bytes[letter], b'o');
    bytes[letter] = b'x';
    let complaint = only_complaint(&folder.write("a.rdb", &bytes));
    assert!(
        complaint.starts_with(&format!("byte {place}: ")),
        "{complaint}"
    );
    assert!(complaint.contains(&format!("{stored:016x}")), "{complaint}");
}

#[test]
fn what_is_no_rdb_file_is_told_at_byte_0() {
    let folder = Folder::new();
    let png = folder.write("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    assert!(only_complaint(&png).starts_with("byte 0: input starts with neither REDIS nor"));
    let empty = folder.write("empty", b"");
    assert!(only_complaint(&empty).starts_with("byte 0: input ends"));
}

#[test]
fn what_cannot_be_read_is_told_with_its_path() {
    let folder = Folder::new();
    let missing = folder.0.path().join("missing.rdb");
    assert!(only_complaint(&missing).starts_with("No such file or directory"));
    assert_eq!(
        only_complaint(folder.0.path()),
        "holds 0 manifests; a directory of shard files has one"
    );
}

#[test]
fn bytes_after_the_end_are_a_warning() {
    let folder = Folder::new();
    // More than the reader buffers, and fewer.
    for extra in [1, 1_000_000] {
        let bytes = sound();
        let length = bytes.len();
        let path = folder.write("a.rdb", &[bytes, vec![b'*'; extra]].concat());
        let output = check(&[&path]);
        let warning = format!(
            "{}: warning: {extra} bytes follow the end at byte {length}\n",
            path.display()
        );
        assert_eq!(text(&output.stderr), warning);
        let ok = format!("ok: 3 keys in 2 databases, {length} bytes, RDB version 9\n");
        assert_eq!(text(&output.stdout), ok);
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn oddities_are_warnings() {
    let folder = Folder::new();
    let mut file = b"REDIS0099\xfe\0".to_vec();
    let mut encoder = Encoder::new(Target::Redis5, Compression::None);
    let place = file.len();
    encoder
        .entry(&mut file, b"empty", None, &Value::Set(Vec::new()))
        .unwrap();
    encoder.end(&mut file, None);
    let path = folder.write("a.rdb", &file);
    let output = check(&[&path]);
    let name = path.display();
    let expected = format!(
        "{name}: warning: RDB version 99 is newer than any known here\n\
         {name}: warning: byte {place}: a collection is empty; servers drop its key\n\
         {name}: warning: written without a checksum; only the structure is verified\n"
    );
    assert_eq!(text(&output.stderr), expected);
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn versions_without_checksum_are_a_warning() {
    let folder = Folder::new();
    let path = folder.write("a.rdb", b"REDIS0003\xfe\0\0\x03key\x05value\xff");
    let output = check(&[&path]);
    assert_eq!(
        text(&output.stdout),
        "ok: 1 keys in 1 databases, 23 bytes, RDB version 3\n"
    );
    let name = path.display();
    let expected =
        format!("{name}: warning: RDB version 3 has no checksum; only the structure is verified\n");
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn json_is_the_last_line_and_tells_all_files() {
    let folder = Folder::new();
    let bytes = sound();
    let first = folder.write("a.rdb", &bytes);
    let foreign = folder.write("b.rdb", b"not an RDB file");
    let missing = folder.0.path().join("c.rdb");
    let output = check(&[Path::new("--json"), &first, &foreign, &missing]);
    let last = text(&output.stdout).lines().last().unwrap();
    let mut files = serde_json::from_str::<Json>(last).unwrap()["files"].take();
    let errors = [files[1]["error"].take(), files[2]["error"].take()];
    assert_eq!(
        files,
        json!([
            {
                "path": first.to_str(), "ok": true, "keys": 3, "databases": 2,
                "bytes": bytes.len(), "rdb_version": 9, "warnings": [],
            },
            { "path": foreign.to_str(), "ok": false, "error": null, "offset": 0 },
            { "path": missing.to_str(), "ok": false, "error": null, "offset": null },
        ])
    );
    for (error, complaint) in errors.iter().zip(text(&output.stderr).lines()) {
        assert_eq!(error, complaint);
    }
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_pipe_is_read_like_a_file() {
    let folder = Folder::new();
    let path = folder.write("a.rdb", &[sound(), b"rest".to_vec()].concat());
    let child = command()
        .arg("/dev/stdin")
        .stdin(Stdio::from(File::open(path).unwrap()))
        .output()
        .unwrap();
    assert!(text(&child.stdout).starts_with("ok: 3 keys"), "{child:?}");
    assert!(
        text(&child.stderr).contains("warning: 4 bytes follow"),
        "{child:?}"
    );
}

#[test]
fn no_path_is_wrong_usage() {
    assert_eq!(check(&[]).status.code(), Some(2));
}

/// Files that real servers refuse, each with its damage at a known place.
#[test]
fn corpus_files_broken_on_purpose_are_damaged() {
    let Some(corpus) = std::env::var_os("FORKLESS_RDB_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: FORKLESS_RDB_CORPUS is not set");
        return;
    };
    for (name, place) in [
        ("librdb/invalid_chksum_v8.rdb", 201),
        ("upstash-rdb/bad-crc.rdb", 10),
        ("upstash-rdb/bad-header.rdb", 0),
        ("valkey-9.1-assets/corrupt_ziplist.rdb", 488),
    ] {
        let complaint = only_complaint(&corpus.join(name));
        assert!(
            complaint.starts_with(&format!("byte {place}: ")),
            "{name}: {complaint}"
        );
    }
}
