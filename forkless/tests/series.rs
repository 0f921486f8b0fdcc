//! `save` into a series of snapshots: names with the time, and the removal of old ones.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rdb_format::{Compression, Crc64, Encoder, Target};
use serde_json::Value as Json;

fn save<const N: usize>(folder: &Path, arguments: [&str; N]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command.arg("save").args(arguments).arg("--json");
    command.current_dir(folder).output().unwrap()
}

fn saved<const N: usize>(folder: &Path, arguments: [&str; N]) -> Json {
    let output = save(folder, arguments);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// A folder with a small dump in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut encoder = Encoder::new(Target::default(), Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    encoder.select_db(&mut file, 0);
    let mut crc = Crc64::new();
    crc.update(&file);
    encoder.end(&mut file, Some(crc));
    fs::write(folder.path().join("in.rdb"), file).unwrap();
    folder
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn name_holds_the_time_and_old_ones_go() {
    let folder = folder();
    for day in ["2001-01-01", "2002-02-02", "2003-03-03"] {
        fs::write(folder.path().join(format!("{day}.rdb")), "old").unwrap();
    }
    fs::write(folder.path().join("2001-01-01.txt"), "not ours").unwrap();
    let said = saved(folder.path(), ["in.rdb", "%Y-%m-%d.rdb", "--keep", "2"]);
    let written = said["path"].as_str().unwrap();
    assert_eq!(
        said["removed"],
        serde_json::json!(["./2001-01-01.rdb", "./2002-02-02.rdb"])
    );
    let expected = ["2001-01-01.txt", "2003-03-03.rdb", written, "in.rdb"];
    assert_eq!(names(folder.path()), expected);
    let said = saved(
        folder.path(),
        ["in.rdb", "%Y-%m-%d.rdb", "--keep-days", "7"],
    );
    assert_eq!(said["removed"], serde_json::json!(["./2003-03-03.rdb"]));
}

#[test]
fn old_directories_of_shard_files_go_whole() {
    let folder = folder();
    let old = ["in.rdb", "dump-2001-01-01", "--files", "per-shard"];
    saved(folder.path(), old);
    let said = saved(
        folder.path(),
        [
            "in.rdb",
            "dump-%Y-%m-%d",
            "--files",
            "per-shard",
            "--keep",
            "1",
        ],
    );
    assert_eq!(said["removed"], serde_json::json!(["./dump-2001-01-01"]));
    assert_eq!(names(folder.path()).len(), 2);
}

#[test]
fn wrong_patterns_are_wrong_usage() {
    let folder = folder();
    for wrong in [
        &["in.rdb", "50%.rdb"][..],
        &["in.rdb", "dump.rdb", "--keep", "2"],
        &["in.rdb", "dump-%H.rdb", "--keep-days", "2"],
        &["in.rdb", "dump-{timestamp}", "--keep", "0"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
        let output = command
            .arg("save")
            .args(wrong)
            .current_dir(&folder)
            .output();
        assert_eq!(output.unwrap().status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(names(folder.path()), ["in.rdb"]);
}
