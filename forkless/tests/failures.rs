//! Whatever is wrong, `save` says so on one line with path and place, exits with 1, and leaves
//! neither an output file nor a temporary one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "says why a test did nothing")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rdb_format::{Compression, Crc64, Encoder, Target, ValueType};
use tempfile::TempDir;

/// A small sound file of `keys` strings.
fn file(keys: u32) -> Vec<u8> {
    let mut encoder = Encoder::new(Target::default(), Compression::None);
    let mut out = Vec::new();
    encoder.header(&mut out);
    encoder.select_db(&mut out, 0);
    for number in 0..keys {
        encoder.key(
            &mut out,
            format!("key {number}").as_bytes(),
            ValueType::String,
            None,
        );
        encoder.string(&mut out, format!("value {number}").repeat(3).as_bytes());
    }
    let mut checksum = Crc64::new();
    checksum.update(&out);
    encoder.end(&mut out, Some(checksum));
    out
}

fn folder_with(input: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("in.rdb"), input).unwrap();
    folder
}

fn save(folder: &Path, output: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
    command
        .args(["save", "in.rdb", output])
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Asserts that `save` failed as it should, and returns its one line.
fn line_of_failure(folder: &Path, output: &Output) -> String {
    let line = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{line}");
    assert_eq!(line.lines().count(), 1, "one line, not: {line}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let left: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter().all(|name| name == "in.rdb"),
        "left behind: {left:?}"
    );
    line
}

#[test]
fn sound_file_is_saved() {
    let folder = folder_with(&file(100));
    let output = save(folder.path(), "out.rdb");
    assert!(output.status.success(), "{output:?}");
    assert!(folder.path().join("out.rdb").exists());
}

#[test]
fn missing_input_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let line = line_of_failure(folder.path(), &save(folder.path(), "out.rdb"));
    assert!(line.starts_with("in.rdb: "), "{line}");
}

#[test]
fn damage_is_named_with_its_byte() {
    let sound = file(50);
    let mut flipped = sound.clone();
    // Inside a value: only the checksum can tell.
    let middle = flipped
        .windows(7)
        .position(|bytes| bytes == b"value 3")
        .unwrap();
    flipped[middle + 2] ^= 1;
    let mut wrong_type = sound.clone();
    let key = wrong_type
        .windows(6)
        .position(|bytes| bytes == b"key 30")
        .unwrap();
    wrong_type[key - 2] = 99;
    for (name, input) in [
        ("empty", Vec::new()),
        ("foreign", b"\x89PNG\r\n\x1a\n and so on".to_vec()),
        ("cut in the head", sound[..7].to_vec()),
        ("cut in the middle", sound[..sound.len() / 2].to_vec()),
        ("cut in the checksum", sound[..sound.len() - 3].to_vec()),
        ("flipped", flipped),
        ("of no type", wrong_type),
    ] {
        let folder = folder_with(&input);
        let line = line_of_failure(folder.path(), &save(folder.path(), "out.rdb"));
        assert!(line.starts_with("in.rdb: byte "), "{name}: {line}");
    }
}

#[test]
fn every_truncation_of_a_file_is_refused() {
    let sound = file(3);
    for length in 0..sound.len() {
        let folder = folder_with(&sound[..length]);
        line_of_failure(folder.path(), &save(folder.path(), "out.rdb"));
    }
}

#[test]
fn key_that_stands_twice_is_named() {
    let mut twice = file(10);
    let key = twice
        .windows(5)
        .position(|bytes| bytes == b"key 7")
        .unwrap();
    twice[key + 4] = b'3';
    // Without a checksum, so that it is the key that is found.
    let end = twice.len() - 8;
    twice[end..].fill(0);
    let folder = folder_with(&twice);
    let line = line_of_failure(folder.path(), &save(folder.path(), "out.rdb"));
    assert!(
        line.starts_with("in.rdb: byte ") && line.contains("key 3"),
        "{line}"
    );
}

#[test]
fn folder_that_is_not_there_is_named() {
    let folder = folder_with(&file(10));
    let line = line_of_failure(folder.path(), &save(folder.path(), "nowhere/out.rdb"));
    assert!(line.starts_with("nowhere/out.rdb: "), "{line}");
}

#[test]
fn folder_that_takes_no_files_is_named() {
    let folder = folder_with(&file(10));
    // Not even root can make a file there.
    let line = line_of_failure(folder.path(), &save(folder.path(), "/proc/out.rdb"));
    assert!(line.starts_with("/proc/out.rdb: "), "{line}");
}

#[test]
fn file_of_before_stays_when_the_save_fails() {
    let folder = folder_with(b"no RDB file");
    fs::write(folder.path().join("out.rdb"), b"of before").unwrap();
    let output = save(folder.path(), "out.rdb");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        fs::read(folder.path().join("out.rdb")).unwrap(),
        b"of before"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// Runs `save` into a file system of 1 MiB, made in a namespace of its own; what it printed,
/// and then what was left there.
fn save_to_full_disk(folder: &Path) -> Output {
    let script = "mkdir small && mount -t tmpfs -o size=1m none small || exit 77
        \"$0\" save in.rdb small/out.rdb; code=$?; ls -A small; exit $code";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script]);
    command
        .arg(env!("CARGO_BIN_EXE_forkless"))
        .current_dir(folder)
        .output()
        .unwrap()
}

#[test]
fn full_disk_is_named_and_left_empty() {
    let folder = folder_with(&file(100_000));
    let output = save_to_full_disk(folder.path());
    let line = String::from_utf8(output.stderr).unwrap();
    if output.status.code() == Some(77) || line.contains("unshare") {
        println!("not run: this system lets nobody mount a small file system: {line}");
        return;
    }
    assert_eq!(output.status.code(), Some(1), "{line}");
    assert!(
        line.starts_with("small/out.rdb: ") && line.lines().count() == 1,
        "{line}"
    );
    assert_eq!(output.stdout, b"", "something was left on the full disk");
}

#[test]
fn wrong_usage_exits_with_two() {
    for arguments in [
        &["save"][..],
        &["save", "in", "out", "--rdb-version", "3"],
        &["sav"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
        let output = command.args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.starts_with("forkless: "), "{line}");
        assert_eq!(line.lines().count(), 1, "one line, not: {line}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn arguments_that_make_no_sense_together_are_wrong_usage() {
    for arguments in [
        &["save", "in", "out", "--keep", "1"][..],
        &["serve", "--port", "0"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
        let command = command.args(arguments).current_dir(folder.path());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let line = String::from_utf8(output.stderr).unwrap();
        assert!(line.starts_with("forkless: "), "{line}");
        assert_eq!(line.lines().count(), 1, "one line, not: {line}");
    }
}

#[test]
fn error_is_told_as_json_if_it_is_asked_for() {
    let folder = folder_with(b"no RDB file");
    for (arguments, code, what) in [
        (
            &["save", "in.rdb", "out.rdb", "--json"][..],
            1,
            "in.rdb: byte 0",
        ),
        (&["convert", "in.rdb", "--json"], 2, "forkless: "),
        (&["inspect", "nowhere", "--json"], 1, "nowhere: "),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
        let command = command.args(arguments).current_dir(folder.path());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let line = String::from_utf8(output.stderr).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(json["error"], line.trim_end(), "{arguments:?}");
        assert!(line.starts_with(what), "{line}");
    }
}
