//! Collections arrive as they stand in a file, however they travel to their shards.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tiny_store;

use std::collections::BTreeMap;

use rdb_format::{Compression, Crc64, Encoder, Target, Value};
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Expired, Key, Keyspace, LoadError, Owned, shard_hash};

use crate::tiny_store::{TinyStore, patient_load};

/// Of the bytes that a collection may take to travel as bytes, its key included.
const BOUND: usize = 16 << 10;

struct Entry {
    key: Vec<u8>,
    value: Value,
    expire_at_ms: Option<i64>,
}

impl Entry {
    fn new(key: &str, value: Value) -> Self {
        Self {
            key: key.as_bytes().to_vec(),
            value,
            expire_at_ms: None,
        }
    }

    fn expiring(self, at_ms: i64) -> Self {
        Self {
            expire_at_ms: Some(at_ms),
            ..self
        }
    }
}

/// A file of these entries.
fn file(entries: &[Entry]) -> Vec<u8> {
    let mut encoder = Encoder::new(Target::Redis70, Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    encoder.select_db(&mut file, 0);
    for Entry {
        key,
        value,
        expire_at_ms,
    } in entries
    {
        encoder.entry(&mut file, key, *expire_at_ms, value).unwrap();
    }
    let mut checksum = Crc64::new();
    checksum.update(&file);
    encoder.end(&mut file, Some(checksum));
    file
}

fn start(shards: usize) -> ShardSet<Keyspace<Owned>> {
    let config = ShardSetConfig {
        shards,
        ..ShardSetConfig::default()
    };
    ShardSet::start(config, |_| Keyspace::new()).unwrap()
}

/// What the shards have of this key.
fn get(shards: &ShardSet<Keyspace<Owned>>, key: &[u8]) -> Option<Owned> {
    let shard = shards.shard_of(shard_hash(key));
    let key = Key::from(key);
    shards
        .call(shard, move |shard| {
            let table = shard.state().database(0);
            table.get(key.as_bytes()).cloned()
        })
        .unwrap()
}

fn len(shards: &ShardSet<Keyspace<Owned>>) -> usize {
    let count = |shard| shards.call(shard, |shard| shard.state().len()).unwrap();
    (0..shards.len()).map(count).sum()
}

fn text(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|n| n.to_le_bytes()[0] ^ 7).collect()
}

/// A value of each type, of so many elements, with texts a little longer than so many bytes.
fn values(elements: usize, bytes: usize) -> [Value; 4] {
    let texts = || {
        let text = |number: usize| [&text(bytes)[..], number.to_string().as_bytes()].concat();
        (0..elements).map(text)
    };
    let scores = (0..).map(|number: u32| f64::from(number) / 8.0 - 1.0);
    [
        Value::List(texts().collect()),
        Value::Set(texts().collect()),
        Value::Hash(texts().zip(texts().rev()).collect()),
        Value::SortedSet(texts().zip(scores).collect()),
    ]
}

fn holds(shards: &ShardSet<Keyspace<Owned>>, entry: &Entry) -> bool {
    let expected = Owned::new(entry.value.clone(), entry.expire_at_ms);
    get(shards, &entry.key) == Some(expected)
}

#[test]
fn collections_of_every_size_keep_their_elements_and_their_order() {
    let sizes = [
        (1, 0),
        (3, 10),
        (40, 127),
        (40, 128),
        (200, 60),
        (500, 60),
        (1, BOUND - 20),
        (1, BOUND),
        (2, BOUND),
        (3, 40_000),
        (5000, 3),
    ];
    let mut entries = Vec::new();
    for (elements, bytes) in sizes {
        for (kind, value) in values(elements, bytes).into_iter().enumerate() {
            let key = format!("{kind}: {elements} of {bytes}");
            entries.push(Entry::new(&key, value));
        }
    }
    for (entry, at_ms) in entries.iter_mut().zip((4_000_000_000_000..).step_by(3)) {
        entry.expire_at_ms = (at_ms % 2 == 0).then_some(at_ms);
    }
    let file = file(&entries);
    for count in [1, 3] {
        let shards = start(count);
        let report = patient_load().from_reader(&file[..], &shards).unwrap();
        assert_eq!(report.keys, entries.len() as u64);
        for entry in &entries {
            assert!(holds(&shards, entry), "{}", entry.key.escape_ascii());
        }
    }
}

#[test]
fn collections_that_are_empty_or_have_expired_are_left_out_and_counted() {
    let entries = [
        Entry::new("stays", Value::Set(vec![b"a".to_vec()])).expiring(1001),
        Entry::new("gone", Value::Set(vec![b"a".to_vec()])).expiring(1000),
        Entry::new("gone too", Value::List(vec![text(BOUND)])).expiring(999),
        Entry::new("empty", Value::Hash(Vec::new())),
        Entry::new("empty too", Value::List(Vec::new())).expiring(1),
        Entry::new("also stays", Value::List(vec![text(BOUND)])),
        Entry::new(
            "stays as well",
            Value::SortedSet(vec![(b"m".to_vec(), 1.0)]),
        ),
    ];
    let shards = start(2);
    let load = patient_load().expired(Expired::DropAt(1000));
    let report = load.from_reader(&file(&entries)[..], &shards).unwrap();
    assert_eq!((report.keys, report.expired, report.empty), (3, 2, 2));
    assert_eq!(len(&shards), 3);
    for index in [0, 5, 6] {
        assert!(holds(&shards, &entries[index]));
    }
}

#[test]
fn key_that_stands_twice_is_an_error_with_the_place_of_the_second() {
    let kinds = || {
        BTreeMap::from([
            ("text", Value::String(b"v".to_vec())),
            ("collection", Value::Set(vec![b"a".to_vec()])),
            ("long", Value::List(vec![text(2 * BOUND)])),
        ])
    };
    for (first_name, first) in kinds() {
        for (second_name, second) in kinds() {
            let mut entries = vec![
                Entry::new("other", Value::Set(vec![b"a".to_vec()])),
                Entry::new("twice", first.clone()),
            ];
            let offset = file(&entries).len() - 9;
            entries.push(Entry::new("twice", second));
            let shards = start(2);
            let load = patient_load();
            let error = load.from_reader(&file(&entries)[..], &shards).unwrap_err();
            let LoadError::DuplicateKey {
                key, offset: at, ..
            } = error
            else {
                panic!("{error:?}")
            };
            let place = (key.as_bytes(), at);
            let expected = (&b"twice"[..], offset as u64);
            assert_eq!(place, expected, "{first_name}, then {second_name}");
            assert_eq!(len(&shards), 0);
        }
    }
}

#[test]
fn collection_that_the_store_has_no_type_for_is_named_with_its_place() {
    for long in [false, true] {
        let item = if long { text(2 * BOUND) } else { text(5) };
        let mut entries = vec![Entry::new("text", Value::String(b"v".to_vec()))];
        let offset = file(&entries).len() as u64 - 9;
        entries.push(Entry::new("list", Value::List(vec![item])));
        entries.push(Entry::new("another", Value::List(vec![text(1)])));
        let config = ShardSetConfig {
            shards: 1,
            ..ShardSetConfig::default()
        };
        let shards = ShardSet::start(config, |_| TinyStore::default()).unwrap();
        let load = patient_load();
        let error = load.from_reader(&file(&entries)[..], &shards).unwrap_err();
        let LoadError::UnsupportedType {
            database: 0,
            key,
            type_name: "list",
            offset: at,
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!((key.as_bytes(), at), (&b"list"[..], offset));
    }
}
