//! What is refused: on one line, with its place, and leaving nothing.

use std::fs;
use std::path::Path;

use rdb_format::{Compression, Encoder, Target};

use crate::file::sample;
use crate::program::{convert, folder_with, text};

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
