//! Directories of shard files: `split`, `merge`, `save --files per-shard`, and `check` of them.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rdb_format::{Compression, Crc64, Encoder, Target, Value};
use serde_json::Value as Json;
use tempfile::TempDir;

fn forkless<const N: usize>(arguments: [&dyn AsRef<std::ffi::OsStr>; N]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command.args(arguments.map(AsRef::as_ref)).output().unwrap()
}

/// Runs it, and gives the JSON object in its last line.
fn json<const N: usize>(arguments: [&dyn AsRef<std::ffi::OsStr>; N]) -> Json {
    let output = forkless(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// Runs it, and gives the line in which it says what is wrong.
fn failure<const N: usize>(arguments: [&dyn AsRef<std::ffi::OsStr>; N]) -> String {
    let output = forkless(arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

/// What every command that reads the directory at `parts` finds wrong with it.
fn failures(parts: &Path, out: &Path) -> [String; 3] {
    [
        failure([&"check", &parts]),
        failure([&"merge", &parts, &out]),
        failure([&"save", &parts, &out]),
    ]
}

/// A file with strings, hashes, lists, a function, expiry and idle times, in three databases.
fn write_input(path: &Path, target: Target) {
    let mut encoder = Encoder::new(target, Compression::Lzf);
    let mut file = Vec::new();
    encoder.header(&mut file);
    encoder.aux(&mut file, b"ctime", b"1700000000");
    for number in 0..900_u32 {
        if number % 300 == 0 {
            encoder.select_db(&mut file, number / 300);
            encoder.resize_db(&mut file, 300, 100);
        }
        let text = |what: &str| format!("{what} of {number} ").repeat(5).into_bytes();
        let value = match number % 3 {
            0 => Value::String(text("string")),
            1 => Value::List(vec![text("first"), text("second")]),
            _ => Value::Hash(vec![(text("field"), text("value"))]),
        };
        let expire_at_ms = (number % 3 == 0).then_some(1_900_000_000_000);
        let key = format!("key {number}");
        encoder
            .entry(&mut file, key.as_bytes(), expire_at_ms, &value)
            .unwrap();
    }
    let mut crc = Crc64::new();
    crc.update(&file);
    encoder.end(&mut file, Some(crc));
    fs::write(path, file).unwrap();
}

/// Every key of a file with its value, in order of databases and keys.
fn keys(path: &Path) -> Vec<String> {
    let output = forkless([&"inspect", &path, &"--format", &"jsonl"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().map(str::to_owned).collect::<Vec<_>>();
    lines.sort();
    lines
}

struct Folder {
    folder: TempDir,
    input: PathBuf,
}

impl Folder {
    fn new(target: Target) -> Self {
        let folder = TempDir::new().unwrap();
        let input = folder.path().join("in.rdb");
        write_input(&input, target);
        Self { folder, input }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The shard files in a directory.
    fn members(&self, name: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(name)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut members = paths
            .filter(|path| path.extension().is_some_and(|kind| kind == "rdb"))
            .collect::<Vec<_>>();
        members.sort();
        members
    }
}

#[test]
fn split_and_merge_give_every_key_back_as_it_was_stored() {
    for target in [Target::Redis5, Target::Redis72, Target::Valkey9] {
        let folder = Folder::new(target);
        let (parts, merged) = (folder.path("parts"), folder.path("merged.rdb"));
        let split = json([
            &"split",
            &folder.input,
            &parts,
            &"--shards",
            &"4",
            &"--json",
        ]);
        assert_eq!((&split["keys"], &split["files"]), (&900.into(), &4.into()));
        assert_eq!(split["rdb_version"], target.rdb_version());
        let members = folder.members("parts");
        assert_eq!(members.len(), 4);
        // Each is an RDB file of its own, and holds what its shard would.
        for (shard, member) in members.iter().enumerate() {
            let lines = keys(member);
            assert!(lines.len() > 150, "{} keys in {shard}", lines.len());
            for line in lines {
                let line: Json = serde_json::from_str(&line).unwrap();
                let key = line["key"].as_str().unwrap();
                assert_eq!(snapshot::shard_of(key.as_bytes(), 4), shard);
            }
        }
        let merge = json([&"merge", &parts, &merged, &"--json"]);
        assert_eq!((&merge["keys"], &merge["files"]), (&900.into(), &1.into()));
        assert!(keys(&merged) == keys(&folder.input));
        let bytes = |path: &Path| fs::metadata(path).unwrap().len();
        // Values pass as they are stored: only SELECTDB and sizes differ.
        assert!(bytes(&merged).abs_diff(bytes(&folder.input)) < 200);
    }
}

#[test]
fn save_goes_to_a_directory_and_back_with_another_number_of_shards() {
    let folder = Folder::new(Target::Redis72);
    let (parts, again) = (folder.path("a/b/parts"), folder.path("again.rdb"));
    let saved = json([
        &"save",
        &folder.input,
        &parts,
        &"--files",
        &"per-shard",
        &"--shards",
        &"3",
        &"--rdb-version",
        &"11",
        &"--json",
    ]);
    assert_eq!(saved["keys"], 900);
    assert_eq!(saved["files"].as_array().unwrap().len(), 3);
    assert_eq!(saved["types"]["hash"], 300);
    assert_eq!(saved["crc64"], Json::Null);
    let loaded = json([
        &"save",
        &parts,
        &again,
        &"--shards",
        &"2",
        &"--compress",
        &"lzf",
        &"--json",
    ]);
    assert_eq!(
        (&loaded["keys"], &loaded["shards"]),
        (&900.into(), &2.into())
    );
    assert!(keys(&again) == keys(&folder.input));
}

#[test]
fn directory_is_checked_as_one() {
    let folder = Folder::new(Target::Redis72);
    let parts = folder.path("parts");
    json([
        &"split",
        &folder.input,
        &parts,
        &"--shards",
        &"3",
        &"--json",
    ]);
    let output = forkless([&"check", &parts]);
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.starts_with("ok: 900 keys in 3 databases, "), "{line}");
    assert!(line.ends_with(", RDB version 11\n"), "{line}");
}

#[test]
fn what_the_manifest_does_not_name_as_it_is_does_not_pass() {
    let folder = Folder::new(Target::Redis72);
    let parts = folder.path("parts");
    json([
        &"split",
        &folder.input,
        &parts,
        &"--shards",
        &"3",
        &"--json",
    ]);
    let members = folder.members("parts");
    let whole = fs::read(&members[1]).unwrap();
    let other = fs::read(&members[2]).unwrap();
    let name = members[1].display().to_string();
    let out = folder.path("out.rdb");

    let mut flipped = whole.clone();
    flipped[300] ^= 1;
    fs::write(&members[1], flipped).unwrap();
    for said in failures(&parts, &out) {
        assert!(said.starts_with(&name), "{said}");
    }
    // A whole file, but not the one that belongs here.
    fs::write(&members[1], other).unwrap();
    for said in failures(&parts, &out) {
        assert!(said.starts_with(&name), "{said}");
        assert!(said.contains("the manifest "), "{said}");
    }
    fs::remove_file(&members[1]).unwrap();
    for said in failures(&parts, &out) {
        assert!(said.starts_with(&name), "{said}");
    }
    assert!(!out.exists());
    fs::write(&members[1], whole).unwrap();
    json([&"merge", &parts, &out, &"--json"]);
}

#[test]
fn directory_without_a_manifest_is_refused() {
    let folder = Folder::new(Target::Redis72);
    let empty = folder.path("empty");
    fs::create_dir(&empty).unwrap();
    let out = folder.path("out.rdb");
    for said in failures(&empty, &out) {
        assert!(said.contains("holds 0 manifests"), "{said}");
    }
}

#[test]
fn number_of_files_has_bounds() {
    let folder = Folder::new(Target::Redis5);
    for shards in ["0", "1025", "x"] {
        let parts = folder.path("parts");
        let output = forkless([&"split", &folder.input, &parts, &"--shards", &shards]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(!parts.exists());
    }
}
