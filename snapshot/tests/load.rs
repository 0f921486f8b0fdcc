//! A load shows all of a file or nothing of it, and leaves what is served alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tiny_store;

use std::fs;
use std::path::{Path, PathBuf};

use aligned_io::FileSet;
use shard_runtime::{ShardSet, ShardSetConfig, WhenFull};
use snapshot::{Load, LoadError, Snapshot};

use crate::tiny_store::{Memory, Model, TinyStore, decode, shard_of};

fn start(shards: usize) -> ShardSet<TinyStore> {
    let config = ShardSetConfig {
        shards,
        ..ShardSetConfig::default()
    };
    ShardSet::start(config, |_| TinyStore::default()).unwrap()
}

fn set(shards: &ShardSet<TinyStore>, database: u32, key: &str, value: &'static str) {
    let key = key.as_bytes().to_vec();
    let shard = shard_of(shards, &key);
    shards
        .call(shard, move |shard| {
            shard.state().set(database, &key, value.as_bytes());
        })
        .unwrap();
}

/// What the shards serve now, as a snapshot tells it.
fn served(shards: &ShardSet<TinyStore>) -> Model {
    let memory = Memory::default();
    let handle = Snapshot::new().to_writer(shards, memory.clone()).unwrap();
    handle.wait().unwrap();
    decode(&memory.take()).unwrap()
}

/// A file of 2000 keys in two databases.
fn file() -> (Vec<u8>, Model) {
    let shards = start(2);
    for number in 0..2000 {
        set(&shards, number % 2, &format!("key {number}"), "value");
    }
    let memory = Memory::default();
    let handle = Snapshot::new().to_writer(&shards, memory.clone()).unwrap();
    handle.wait().unwrap();
    (memory.take(), served(&shards))
}

#[test]
fn whole_file_is_served_after_its_last_byte() {
    let (bytes, model) = file();
    let shards = start(3);
    let report = Load::new().from_reader(&bytes[..], &shards).unwrap();
    assert_eq!((report.keys, report.bytes), (2000, bytes.len() as u64));
    assert_eq!(served(&shards), model);
}

#[test]
fn nothing_of_a_damaged_file_is_served() {
    let (mut bytes, model) = file();
    let shards = start(2);
    for end in (0..bytes.len()).step_by(997) {
        Load::new().from_reader(&bytes[..end], &shards).unwrap_err();
        assert_eq!(served(&shards), Model::new(), "cut at byte {end}");
    }
    // Everything but the checksum is well-formed.
    *bytes.last_mut().unwrap() ^= 1;
    let error = Load::new().from_reader(&bytes[..], &shards).unwrap_err();
    assert!(matches!(error, LoadError::Decode(_)), "{error:?}");
    assert_eq!(served(&shards), Model::new());
    // Nothing of the failed attempts is in the way of the next.
    *bytes.last_mut().unwrap() ^= 1;
    Load::new().from_reader(&bytes[..], &shards).unwrap();
    assert_eq!(served(&shards), model);
}

#[test]
fn shards_that_hold_keys_are_left_alone() {
    let (bytes, _) = file();
    let shards = start(2);
    set(&shards, 0, "here first", "value");
    let before = served(&shards);
    let error = Load::new().from_reader(&bytes[..], &shards).unwrap_err();
    assert!(matches!(error, LoadError::NotEmpty { .. }), "{error:?}");
    assert_eq!(served(&shards), before);
}

/// Gives the file, and sets a key and opens a snapshot when half of it is read.
struct Meanwhile<'a, F> {
    bytes: &'a [u8],
    half: usize,
    act: Option<F>,
}

impl<F: FnOnce()> std::io::Read for Meanwhile<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(512);
        let read = self.bytes.read(&mut buffer[..length])?;
        if self.bytes.len() < self.half
            && let Some(act) = self.act.take()
        {
            act();
        }
        Ok(read)
    }
}

#[test]
fn keys_written_meanwhile_stay_and_snapshots_meanwhile_do_not_see_the_load() {
    let (bytes, mut model) = file();
    let shards = start(2);
    let memory = Memory::default();
    let mut snapshot = None;
    let source = Meanwhile {
        bytes: &bytes,
        half: bytes.len() / 2,
        act: Some(|| {
            for number in 0..50 {
                set(&shards, 0, &format!("key {number}"), "newer");
            }
            // Slow enough to be still under way when the load ends.
            let slow = Snapshot::new().pace_bytes_per_s(20_000);
            snapshot = Some(slow.to_writer(&shards, memory.clone()).unwrap());
        }),
    };
    Load::new().from_reader(source, &shards).unwrap();
    snapshot.unwrap().wait().unwrap();
    let during = decode(&memory.take()).unwrap();
    assert_eq!(during.len(), 50);
    for (place, value) in during {
        assert_eq!(value[..], b"newer"[..]);
        model.insert(place, value);
    }
    assert_eq!(served(&shards), model);
}

/// A set of the same 2000 keys, written by four shards.
fn set_of_files(folder: &Path) -> (PathBuf, Model) {
    let (bytes, model) = file();
    let shards = start(4);
    Load::new().from_reader(&bytes[..], &shards).unwrap();
    let path = folder.join("dump");
    let handle = Snapshot::new().to_files(&shards, &path).unwrap();
    handle.wait().unwrap();
    (path, model)
}

fn member_paths(path: &Path) -> Vec<PathBuf> {
    let set = FileSet::open(path).unwrap();
    set.members().map(|(_, path)| path).collect()
}

#[test]
fn set_is_loaded_by_another_number_of_shards() {
    let folder = tempfile::tempdir().unwrap();
    let (path, model) = set_of_files(folder.path());
    for count in [1, 3, 7] {
        let shards = start(count);
        let report = Load::new().from_files(&path, &shards).unwrap();
        assert_eq!(report.keys, 2000);
        assert_eq!(served(&shards), model);
    }
}

#[test]
fn nothing_is_served_of_a_set_with_a_file_that_is_missing_damaged_or_another() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = set_of_files(folder.path());
    let members = member_paths(&path);
    let whole = fs::read(&members[2]).unwrap();
    let other = fs::read(&members[1]).unwrap();
    let shards = start(2);
    let load = || Load::new().from_files(&path, &shards).unwrap_err();

    fs::remove_file(&members[2]).unwrap();
    let error = load();
    assert!(
        matches!(&error, LoadError::Open { path, .. } if *path == members[2]),
        "{error:?}"
    );
    // Another whole RDB file, one cut short, one that goes on after its end, a damaged one.
    let mut longer = whole.clone();
    longer.push(0);
    let mut flipped = whole.clone();
    flipped[100] ^= 4;
    for bytes in [
        &other,
        &whole[..whole.len() - 1].to_vec(),
        &longer,
        &flipped,
    ] {
        fs::write(&members[2], bytes).unwrap();
        let error = load();
        assert!(
            matches!(&error, LoadError::Stale { path, .. } if *path == members[2]),
            "{error:?}"
        );
        assert_eq!(served(&shards), Model::new());
    }
    fs::write(&members[2], &whole).unwrap();
    Load::new().from_files(&path, &shards).unwrap();
}

#[test]
fn set_without_a_manifest_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = set_of_files(folder.path());
    fs::remove_file(path.with_extension("manifest")).unwrap();
    let error = Load::new().from_files(&path, &start(2)).unwrap_err();
    assert!(matches!(error, LoadError::Set(_)), "{error:?}");
}

#[test]
fn second_load_does_not_disturb_the_first() {
    let (bytes, model) = file();
    let shards = start(2);
    let mut second = None;
    let source = Meanwhile {
        bytes: &bytes,
        half: bytes.len() / 2,
        act: Some(|| second = Some(Load::new().from_reader(&bytes[..], &shards))),
    };
    Load::new().from_reader(source, &shards).unwrap();
    let error = second.unwrap().unwrap_err();
    assert!(matches!(error, LoadError::Busy), "{error:?}");
    assert_eq!(served(&shards), model);
}

#[test]
fn load_waits_where_others_are_refused() {
    let (bytes, model) = file();
    let config = ShardSetConfig {
        shards: 2,
        mailbox_messages: 1,
        when_full: WhenFull::Refuse,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| TinyStore::default()).unwrap();
    Load::new()
        .from_reader(&bytes[..bytes.len() - 1], &shards)
        .unwrap_err();
    Load::new().from_reader(&bytes[..], &shards).unwrap();
    assert_eq!(served(&shards), model);
}

#[test]
fn databases_are_bounded() {
    let (bytes, _) = file();
    let shards = start(2);
    let error = Load::new()
        .databases_max(1)
        .from_reader(&bytes[..], &shards)
        .unwrap_err();
    assert!(
        matches!(
            error,
            LoadError::Database {
                number: 1,
                max: 1,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(served(&shards), Model::new());
}
