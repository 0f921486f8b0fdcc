//! Values, beside what servers and other decoders say that they are.

use std::collections::BTreeMap;

use rdb_format::{Array, Compression, Dialect, Dump, Encoder, Entry, Event, Reader, Target, Value};
use serde_json::Value as Json;

use crate::expected::{json, latin1, normal, utf8};
use crate::files::{corpus, files, read};
use crate::targets::same;

#[test]
fn payloads_of_dump_are_read() {
    let Some(corpus) = corpus() else { return };
    let mut read = 0;
    for folder in ["upstash-rdb", "local-redis-7.0.15"] {
        for path in files(&corpus.join(folder), &["bin", "dump"]) {
            let bytes = std::fs::read(&path).unwrap();
            let dump = Dump::parse(&bytes).unwrap();
            let value = dump.value().unwrap();
            // Every value goes on to the newest target, whose payload gives it back.
            let mut encoder = Encoder::new(Target::Redis88, Compression::None);
            let mut again = Vec::new();
            encoder.dump(&mut again, b"k", &value).unwrap();
            let again = Dump::parse(&again).unwrap().value().unwrap();
            assert!(same(&again, &value), "{}", path.display());
            read += 1;
        }
    }
    assert!(read >= 23, "only {read} payloads read");
}

#[test]
fn types_without_a_public_sample_are_read() {
    let Some(corpus) = corpus() else { return };
    let file = |name: &str| std::fs::read(corpus.join("synthetic").join(name)).unwrap();
    let array = |elements: &[(u64, &str)], insert_index| {
        let elements = elements
            .iter()
            .map(|(at, text)| (*at, text.as_bytes().to_vec()));
        Value::Array(Box::new(Array {
            elements: elements.collect(),
            insert_index,
        }))
    };
    let values: Vec<_> = read(&file("array_v14.rdb"))
        .unwrap()
        .into_iter()
        .map(|e| e.value)
        .collect();
    let elements = [
        (0, "42"),
        (3, "-0.5"),
        (63, "abcdefg"),
        (4095, "a long enough string"),
        (1 << 40, "-2305843009213693952"),
    ];
    assert_eq!(values, [array(&elements, Some(7)), array(&[(9, "")], None)]);

    let (early, late) = (Some(4_102_444_800_000), Some(4_102_444_801_000));
    let hash = |fields: &[(&str, &str, Option<i64>)]| {
        let fields = fields
            .iter()
            .map(|(f, v, at)| (f.as_bytes().to_vec(), v.as_bytes().to_vec(), *at));
        Value::ExpiringHash(fields.collect())
    };
    let values: Vec<_> = read(&file("hash_metadata_types_22_25.rdb"))
        .unwrap()
        .into_iter()
        .map(|e| e.value)
        .collect();
    let expected = [
        hash(&[("a", "1", None), ("b", "2", early)]),
        hash(&[("a", "1", None), ("b", "2", early), ("c", "3", late)]),
        hash(&[("b", "2", early), ("a", "1", None)]),
        hash(&[("b", "2", early), ("c", "3", late), ("a", "1", None)]),
    ];
    assert_eq!(values, expected);

    let meta = &read(&file("key_meta_v13.rdb")).unwrap()[0];
    assert_eq!((meta.idle_s, meta.expire_at_ms), (Some(9), early));
    assert!(meta.meta.as_ref().unwrap().starts_with(&[2]), "two classes");

    let bytes = file("valkey80_hash2_slotimport.rdb");
    let mut reader = Reader::from_slice(&bytes);
    let mut around = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::SlotImport { job, ranges } => around.push((job.len() as u64, ranges)),
            Event::SlotRange { first, last } => around.push((first, last)),
            _ => {}
        }
    }
    assert_eq!(around, [(40, 2), (0, 99), (5000, 5000)]);
    assert_eq!(reader.dialect(), Dialect::Valkey);
    let value = hash(&[("f", "1", None), ("g", "2", Some(4_102_444_800_123))]);
    assert_eq!(read(&bytes).unwrap()[0].value, value);
}

/// A payload of `DUMP` as a stream with the key `k`.
pub(crate) fn as_stream(payload: &[u8]) -> Vec<u8> {
    let (value_type, body) = payload[..payload.len() - 10].split_first().unwrap();
    [
        b"REDIS0012",
        &[*value_type][..],
        b"\x01k",
        body,
        &[0xff],
        &[0; 8],
    ]
    .concat()
}

#[test]
fn values_are_those_the_server_gave() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for path in files(&corpus.join("local-redis-7.0.15"), &["json"]) {
        let expected: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let entries = read(&std::fs::read(path.with_extension("rdb")).unwrap()).unwrap();
        let keys = expected["keys"].as_array().unwrap();
        assert_eq!(entries.len(), keys.len(), "{}", path.display());
        for key in keys {
            let is = |entry: &&Entry| latin1(&entry.key) == key["key"] && key["db"] == entry.db;
            let entry = entries.iter().find(is).unwrap();
            assert_eq!(
                json(&entry.value, latin1),
                normal(&key["value"], &entry.value),
                "{key}"
            );
            assert_eq!(key["expire_at_ms"], entry.expire_at_ms.unwrap_or(-1));
            compared += 1;
        }
    }
    assert!(compared >= 23, "only {compared} keys compared");
}

#[test]
fn values_are_those_another_decoder_gave() {
    let Some(corpus) = corpus() else { return };
    for path in files(&corpus.join("rdb-rs"), &["json"]) {
        let expected: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let entries = read(&std::fs::read(path.with_extension("rdb")).unwrap()).unwrap();
        let mut databases: BTreeMap<u32, Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            databases.entry(entry.db).or_default().push(entry);
        }
        let expected = expected.as_array().unwrap();
        let filled: Vec<_> = expected
            .iter()
            .filter(|db| db.as_object().is_some_and(|o| !o.is_empty()))
            .collect();
        assert_eq!(filled.len(), databases.len(), "{}", path.display());
        for (expected, entries) in filled.into_iter().zip(databases.values()) {
            assert_eq!(expected.as_object().unwrap().len(), entries.len());
            for entry in entries {
                let key = utf8(&entry.key);
                let expected = &expected[key.as_str().unwrap()];
                assert_eq!(
                    json(&entry.value, utf8),
                    normal(expected, &entry.value),
                    "{key}"
                );
            }
        }
    }
}
