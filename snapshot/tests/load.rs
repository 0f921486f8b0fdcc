//! A load shows all of a file or nothing of it, and leaves what is served alone.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tiny_store;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use aligned_io::FileSet;
use rdb_format::{Compression, Encoder, Target, Value as Owned};
use shard_runtime::{ShardSet, ShardSetConfig, WhenFull};
use snapshot::{Expired, LoadError};

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

/// A set of the same 2000 keys, written by four shards.
fn set_of_files(folder: &Path) -> (PathBuf, Model) {
    let (bytes, model) = file();
    let shards = start(4);
    patient_load().from_reader(&bytes[..], &shards).unwrap();
    let path = folder.join("dump");
    let handle = patient().to_files(&shards, &path).unwrap();
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
        let report = patient_load().from_files(&path, &shards).unwrap();
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
    let load = || patient_load().from_files(&path, &shards).unwrap_err();

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
    patient_load().from_files(&path, &shards).unwrap();
}

#[test]
fn set_without_a_manifest_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = set_of_files(folder.path());
    fs::remove_file(path.with_extension("manifest")).unwrap();
    let error = patient_load().from_files(&path, &start(2)).unwrap_err();
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

/// A file with these strings in database 0, which claims to hold so many keys.
/// Counts what is read.
struct Counting<R> {
    source: R,
    bytes: Arc<AtomicUsize>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.source.read(buffer)?;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(bytes)
    }
}

#[test]
fn load_reads_no_further_ahead_of_a_slow_shard_than_a_few_batches() {
    const ENTRIES: usize = 100_000;
    let value = [b'v'; 200];
    let key = |number: usize| format!("key {number}").into_bytes();
    let keys: Vec<Vec<u8>> = (0..ENTRIES).map(key).collect();
    let entries: Vec<_> = keys
        .iter()
        .map(|key| (&key[..], None, &value[..]))
        .collect();
    let bytes = strings(0, &entries);
    let shards = start(1);
    let read = Arc::new(AtomicUsize::new(0));
    let (go_on, wait) = mpsc::channel::<()>();
    let source = Counting {
        source: Meanwhile {
            bytes: &bytes,
            half: bytes.len() * 9 / 10,
            act: Some(|| shards.send(0, move |_| wait.recv().unwrap_or(())).unwrap()),
        },
        bytes: Arc::clone(&read),
    };
    std::thread::scope(|scope| {
        let shards = &shards;
        let loading = scope.spawn(move || patient_load().from_reader(source, shards));
        let mut before = 0;
        // Until no more is read for a while.
        while before == 0 || before != read.load(Ordering::Relaxed) {
            before = read.load(Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(300));
        }
        assert!(before < bytes.len() / 2, "{before} of {}", bytes.len());
        drop(go_on);
        assert_eq!(loading.join().unwrap().unwrap().keys, ENTRIES as u64);
    });
}

fn strings(claimed: u64, entries: &[(&[u8], Option<i64>, &[u8])]) -> Vec<u8> {
    let mut encoder = Encoder::new(Target::default(), Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    encoder.select_db(&mut file, 0);
    encoder.resize_db(&mut file, claimed, 0);
    for (key, expire_at_ms, value) in entries {
        let value = Owned::String(value.to_vec());
        encoder
            .entry(&mut file, key, *expire_at_ms, &value)
            .unwrap();
    }
    let mut checksum = rdb_format::Crc64::new();
    checksum.update(&file);
    encoder.end(&mut file, Some(checksum));
    file
}

#[test]
fn keys_and_values_of_every_length_keep_their_bytes() {
    // Around the bound between what travels as bytes and what is made a value before.
    let lengths = [0, 1, 16, 17, 22, 16_383, 16_384, 16_385, 70_000];
    let long: Vec<u8> = (0..80_000_u32).map(|n| n.to_le_bytes()[0] ^ 7).collect();
    let mut model = Model::new();
    for (number, key_bytes) in lengths.into_iter().enumerate() {
        for value_bytes in lengths {
            let key = [&long[number..][..key_bytes], &[number.to_le_bytes()[0]]].concat();
            let key = [key, value_bytes.to_string().into_bytes()].concat();
            model.insert((0, key), long[..value_bytes].into());
        }
    }
    let entries = model.iter();
    let entries = entries.map(|((_, key), value)| (&key[..], None, &value[..]));
    let entries: Vec<_> = entries.collect();
    let file = strings(3, &entries);
    for count in [1, 3] {
        let shards = start(count);
        let report = patient_load().from_reader(&file[..], &shards).unwrap();
        assert_eq!(report.keys, model.len() as u64);
        assert_eq!(served(&shards), model);
    }
}

#[test]
fn key_that_stands_twice_is_an_error_with_the_place_of_the_second() {
    let (short, long) = ([b's'; 10], vec![b'l'; 20_000]);
    for (first, second) in [
        (&short[..], &short[..]),
        (&long[..], &long[..]),
        (&short[..], &long[..]),
        (&long[..], &short[..]),
    ] {
        let file = strings(0, &[(b"other", None, b"v"), (b"twice", None, first)]);
        let offset = file.len() - 9;
        let file = strings(
            0,
            &[
                (b"other", None, b"v"),
                (b"twice", None, first),
                (b"twice", None, second),
            ],
        );
        let shards = start(2);
        let error = patient_load().from_reader(&file[..], &shards).unwrap_err();
        let LoadError::DuplicateKey {
            key, offset: at, ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!((key.as_bytes(), at), (&b"twice"[..], offset as u64));
        assert_eq!(served(&shards), Model::new());
    }
}

#[test]
fn expired_strings_are_left_out_as_asked() {
    let file = strings(
        3,
        &[
            (b"gone", Some(1000), b"1"),
            (b"stays", Some(1001), b"2"),
            (b"forever", None, b"3"),
        ],
    );
    let shards = start(2);
    let load = patient_load().expired(Expired::DropAt(1000));
    let report = load.from_reader(&file[..], &shards).unwrap();
    assert_eq!((report.keys, report.expired), (2, 1));
    let served = served(&shards);
    let keys: Vec<_> = served.keys().map(|(_, key)| &key[..]).collect();
    assert_eq!(keys, [&b"forever"[..], b"stays"]);
}

#[test]
fn number_of_keys_that_a_file_claims_is_not_believed() {
    // Room for so many keys is more than there is memory.
    for claimed in [0, 1 << 40, u64::MAX] {
        let file = strings(claimed, &[(b"a", None, b"1"), (b"b", None, b"2")]);
        let shards = start(2);
        patient_load().from_reader(&file[..], &shards).unwrap();
        assert_eq!(served(&shards).len(), 2);
        for shard in 0..2 {
            let memory = shards.call(shard, |shard| shard.state_ref().memory_bytes());
            assert!(
                memory.unwrap() < 1 << 20,
                "room was made for {claimed} keys"
            );
        }
    }
}
