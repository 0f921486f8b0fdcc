//! A snapshot into a set of files: one for each shard, each an RDB file of its own, and all of
//! them published together or not at all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tiny_store;

use std::fs;
use std::path::Path;
use std::time::Duration;

use aligned_io::FileSet;
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
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), files);

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
fn shard_of_a_key_needs_no_shard_set() {
    let shards = filled(10);
    for number in 0..1000 {
        let key = format!("key {number}");
        let expected = shard_of(&shards, key.as_bytes());
        assert_eq!(snapshot::shard_of(key.as_bytes(), 3), expected);
    }
}
