//! A snapshot into a set of files: one for each shard, each an RDB file of its own, and all of
//! them published together or not at all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tiny_store;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use aligned_io::{FileSet, WriteError};
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::SnapshotError;

use crate::tiny_store::{Model, TinyStore, decode, difference, patient, shard_of, state_at_cut};

/// Three shards with 3000 keys of `value_bytes` each in two databases.
fn filled(value_bytes: usize) -> ShardSet<TinyStore> {
    let config = ShardSetConfig {
        shards: 3,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| TinyStore::default()).unwrap();
    overwrite(&shards, value_bytes);
    shards
}

fn overwrite(shards: &ShardSet<TinyStore>, value_bytes: usize) {
    for number in 0..3000_u32 {
        let key = format!("key {number}").into_bytes();
        let shard = shard_of(shards, &key);
        let value = vec![b'v'; value_bytes];
        shards
            .send(shard, move |shard| {
                shard.state().set(number % 2, &key, &value);
            })
            .unwrap();
    }
}

/// What the set at `path` holds, each file on its own.
fn held(path: &Path) -> Vec<Model> {
    let set = FileSet::open(path).unwrap();
    let members = set.members();
    members
        .map(|(_, path)| decode(&fs::read(path).unwrap()).unwrap())
        .collect()
}

fn all(parts: Vec<Model>) -> Model {
    parts.into_iter().flatten().collect()
}

#[test]
fn each_file_holds_its_shard_at_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    let shards = filled(1000);
    let handle = patient().to_files(&shards, &path).unwrap();
    overwrite(&shards, 10);
    let report = handle.wait().unwrap();
    let parts = held(&path);
    assert_eq!((report.parts.len(), parts.len()), (3, 3));
    for (index, part) in parts.iter().enumerate() {
        assert!(part.keys().all(|(_, key)| shard_of(&shards, key) == index));
        assert_eq!(report.parts[index].keys, part.len() as u64);
        let file = report.parts[index].path.as_ref().unwrap();
        assert_eq!(report.parts[index].bytes, fs::metadata(file).unwrap().len());
    }
    assert_eq!(difference(&all(parts), &state_at_cut(&shards, 0)), None);
}

#[test]
fn next_set_replaces_the_one_before_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    let shards = filled(100);
    for cut in 0..2 {
        let handle = patient().to_files(&shards, &path).unwrap();
        handle.wait().unwrap();
        let parts = held(&path);
        assert_eq!(difference(&all(parts), &state_at_cut(&shards, cut)), None);
        overwrite(&shards, 200);
        // Three files, their manifest, and what locks the set.
        assert!(fs::read_dir(folder.path()).unwrap().count() <= 5);
    }
}

#[test]
fn failed_set_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    let shards = filled(1000);
    patient().to_files(&shards, &path).unwrap().wait().unwrap();
    let files = fs::read_dir(folder.path()).unwrap().count();
    overwrite(&shards, 500);
    // Half an hour at this pace: time enough to cancel.
    let slow = patient().pace_bytes_per_s(1000);
    let handle = slow.to_files(&shards, &path).unwrap();
    assert!(!handle.wait_timeout(Duration::from_millis(10)));
    handle.cancel();
    assert!(matches!(handle.wait(), Err(SnapshotError::Cancelled)));
    assert_eq!(
        difference(&all(held(&path)), &state_at_cut(&shards, 0)),
        None
    );
    // A sink that was slow to come back removes its file then.
    let since = Instant::now();
    while fs::read_dir(folder.path()).unwrap().count() != files {
        assert!(since.elapsed() < Duration::from_mins(1), "files are left");
    }

    // Nothing of it is in the way of the next.
    let handle = patient().to_files(&shards, &path).unwrap();
    handle.wait().unwrap();
    assert_eq!(
        difference(&all(held(&path)), &state_at_cut(&shards, 2)),
        None
    );
}

#[test]
fn set_that_somebody_writes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump");
    let shards = filled(1000);
    let slow = patient().pace_bytes_per_s(1000);
    let first = slow.clone().to_files(&shards, &path).unwrap();
    let second = slow.to_files(&shards, &path).unwrap_err();
    assert!(matches!(second, SnapshotError::File(_)), "{second:?}");
    first.cancel();
    first.wait().unwrap_err();
}

#[test]
fn snapshot_without_room_fails_before_its_cut_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let shards = filled(10);
    let huge = patient().expected_bytes(1 << 60);
    let file = huge
        .clone()
        .to_file(&shards, folder.path().join("dump.rdb"));
    let set = huge.to_files(&shards, folder.path().join("dump"));
    for refused in [file.unwrap_err(), set.unwrap_err()] {
        assert!(
            matches!(refused, SnapshotError::File(WriteError::NoSpace { .. })),
            "{refused:?}"
        );
    }
    let cuts = shards.call(0, |shard| shard.state().cuts()).unwrap();
    assert_eq!(cuts, 0);
    let left = fs::read_dir(folder.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    let is_lock = |name: &OsString| name.to_string_lossy().ends_with(".lock");
    assert!(left.iter().all(is_lock), "{left:?}");
}

#[test]
fn room_that_was_taken_and_is_not_used_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    let shards = filled(10);
    let handle = patient().expected_bytes(8 << 20).to_file(&shards, &path);
    let report = handle.unwrap().wait().unwrap();
    let about = fs::metadata(&path).unwrap();
    assert_eq!(about.len(), report.bytes);
    // In blocks of 512 bytes; file systems round up.
    assert!(
        about.blocks() * 512 <= report.bytes + (1 << 20),
        "{about:?}"
    );
}

#[test]
fn what_killed_writers_left_goes_when_the_next_snapshot_begins() {
    let folder = tempfile::tempdir().unwrap();
    // No process has a number as high as this.
    let stale = folder.path().join(".dump.rdb.4194305-0.forkless-tmp");
    fs::write(&stale, b"half a dump").unwrap();
    let shards = filled(10);
    let path = folder.path().join("dump.rdb");
    patient().to_file(&shards, path).unwrap().wait().unwrap();
    assert!(!stale.exists());
}

#[test]
fn shard_of_a_key_needs_no_shard_set() {
    let shards = filled(10);
    for number in 0..1000 {
        let key = format!("key {number}");
        let expected = shard_of(&shards, key.as_bytes());
        assert_eq!(snapshot::shard_of(key.as_bytes(), 3), expected);
    }
}
