//! A load shows all of a file or nothing of it, and leaves what is served alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod reading_ahead;
mod sets;
mod strings;
#[path = "../tiny_store/mod.rs"]
mod tiny_store;

use std::io::Read;

use shard_runtime::{ShardSet, ShardSetConfig, WhenFull};
use snapshot::LoadError;

use crate::tiny_store::{Memory, Model, TinyStore, decode, patient, patient_load, shard_of};

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
    let handle = patient().to_writer(shards, memory.clone()).unwrap();
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
    let handle = patient().to_writer(&shards, memory.clone()).unwrap();
    handle.wait().unwrap();
    (memory.take(), served(&shards))
}

#[test]
fn whole_file_is_served_after_its_last_byte() {
    let (bytes, model) = file();
    let shards = start(3);
    let report = patient_load().from_reader(&bytes[..], &shards).unwrap();
    assert_eq!((report.keys, report.bytes), (2000, bytes.len() as u64));
    assert_eq!(served(&shards), model);
}

#[test]
fn nothing_of_a_damaged_file_is_served() {
    let (mut bytes, model) = file();
    let shards = start(2);
    for end in (0..bytes.len()).step_by(997) {
        patient_load()
            .from_reader(&bytes[..end], &shards)
            .unwrap_err();
        assert_eq!(served(&shards), Model::new(), "cut at byte {end}");
    }
    // Everything but the checksum is well-formed.
    *bytes.last_mut().unwrap() ^= 1;
    let error = patient_load().from_reader(&bytes[..], &shards).unwrap_err();
    assert!(matches!(error, LoadError::Decode(_)), "{error:?}");
    assert_eq!(served(&shards), Model::new());
    // Nothing of the failed attempts is in the way of the next.
    *bytes.last_mut().unwrap() ^= 1;
    patient_load().from_reader(&bytes[..], &shards).unwrap();
    assert_eq!(served(&shards), model);
}

#[test]
fn shards_that_hold_keys_are_left_alone() {
    let (bytes, _) = file();
    let shards = start(2);
    set(&shards, 0, "here first", "value");
    let before = served(&shards);
    let error = patient_load().from_reader(&bytes[..], &shards).unwrap_err();
    assert!(matches!(error, LoadError::NotEmpty { .. }), "{error:?}");
    assert_eq!(served(&shards), before);
}

/// Gives the file, and acts when no more than `half` of it is left.
struct Meanwhile<'a, F> {
    bytes: &'a [u8],
    half: usize,
    act: Option<F>,
}

impl<F: FnOnce()> Read for Meanwhile<'_, F> {
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
            let slow = patient().pace_bytes_per_s(20_000);
            snapshot = Some(slow.to_writer(&shards, memory.clone()).unwrap());
        }),
    };
    patient_load().from_reader(source, &shards).unwrap();
    snapshot.unwrap().wait().unwrap();
    let during = decode(&memory.take()).unwrap();
    assert_eq!(during.len(), 50);
    for (place, value) in during {
        assert_eq!(value[..], b"newer"[..]);
        model.insert(place, value);
    }
    assert_eq!(served(&shards), model);
}

#[test]
fn second_load_does_not_disturb_the_first() {
    let (bytes, model) = file();
    let shards = start(2);
    let mut second = None;
    let source = Meanwhile {
        bytes: &bytes,
        half: bytes.len() / 2,
        act: Some(|| second = Some(patient_load().from_reader(&bytes[..], &shards))),
    };
    patient_load().from_reader(source, &shards).unwrap();
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
    patient_load()
        .from_reader(&bytes[..bytes.len() - 1], &shards)
        .unwrap_err();
    patient_load().from_reader(&bytes[..], &shards).unwrap();
    assert_eq!(served(&shards), model);
}

#[test]
fn databases_are_bounded() {
    let (bytes, _) = file();
    let shards = start(2);
    let error = patient_load()
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
