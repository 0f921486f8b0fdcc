//! Public files of many servers, found through `FORKLESS_RDB_CORPUS`; skipped when it is unset.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod expected;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rdb_format::{
    Array, Checksum, Compression, DecodeError, Dialect, Dump, Encoder, Encodings, Entry, Event,
    Losses, ReadOptions, Reader, Source, Strictness, Target, Value, Values,
};
use serde_json::Value as Json;

use crate::expected::{json, latin1, normal, utf8};

#[expect(
    clippy::print_stderr,
    reason = "a skipped test must say that it is skipped"
)]
fn corpus() -> Option<PathBuf> {
    let path = std::env::var_os("FORKLESS_RDB_CORPUS").map(PathBuf::from);
    if path.is_none() {
        eprintln!("skipped: FORKLESS_RDB_CORPUS names no folder of RDB files");
    }
    path
}

fn files(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|e| extensions.iter().any(|x| e == *x))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no files in {}", folder.display());
    found
}

fn read(bytes: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    let mut reader = Reader::from_slice(bytes);
    let entries: Result<Vec<_>, _> =
        std::iter::from_fn(|| reader.next_entry().transpose()).collect();
    let mut streamed = Reader::new(bytes);
    let again: Result<Vec<_>, _> =
        std::iter::from_fn(|| streamed.next_entry().transpose()).collect();
    assert_eq!(
        format!("{entries:?}"),
        format!("{again:?}"),
        "slice and stream differ"
    );
    assert_eq!(reader.position(), streamed.position());
    entries
}

/// Files that are broken on purpose, and what must be found.
const BROKEN: &[(&str, &str)] = &[
    ("librdb/invalid_chksum_v8.rdb", "byte 201: checksum"),
    ("upstash-rdb/bad-crc.rdb", "byte 10: checksum"),
    ("upstash-rdb/bad-header.rdb", "input starts with neither"),
    (
        "valkey-9.1-assets/corrupt_ziplist.rdb",
        "byte 488: ziplist is damaged",
    ),
];

#[test]
fn every_file_reads_to_its_end_or_says_why_not() {
    let Some(corpus) = corpus() else { return };
    let mut whole = 0;
    for path in files(&corpus, &["rdb", "aof"]) {
        let bytes = std::fs::read(&path).unwrap();
        if !bytes.starts_with(b"REDIS") && !bytes.starts_with(b"VALKEY") {
            continue;
        }
        let name = path
            .strip_prefix(&corpus)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let broken = BROKEN.iter().find(|(file, _)| *file == name);
        match (read(&bytes), broken) {
            (Ok(_), None) => whole += 1,
            (Ok(_), Some(_)) => panic!("{name} reads although it is broken"),
            (Err(error), Some((_, what))) => {
                assert!(error.to_string().starts_with(what), "{name}: {error}");
            }
            (Err(DecodeError::UnsupportedType { value_type, .. }), None) => {
                assert_eq!(value_type.number(), 6, "{name}");
            }
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
    assert!(whole >= 80, "only {whole} files read to their end");
}

/// Keys of a stream, and whether it has a checksum that fits, passing what cannot be taken apart.
fn skim<S: Source>(reader: Reader<S>) -> Result<(usize, u64), DecodeError> {
    let options = ReadOptions {
        values: Values::Raw,
        ..ReadOptions::default()
    };
    let mut reader = reader.with_options(options);
    let mut keys = 0;
    while let Some(event) = reader.next_event()? {
        keys += usize::from(matches!(event, Event::KeyEnd { .. }));
    }
    Ok((keys, reader.position()))
}

/// Keys in files with values that are skipped, as other decoders counted them.
const SKIMMED: &[(&str, usize)] = &[
    ("HDT3213-rdb/hash_with_hfe.rdb", 1),
    ("HDT3213-rdb/stream_listpacks_1.rdb", 5),
    ("librdb/module_aux_v12.rdb", 1),
    ("local-redis-7.0.15/streams_v2_groups_pel_deleted.rdb", 6),
    ("rdb-crate-0.4.0/redis_7_4_all_types.rdb", 11),
    ("rdb-crate-0.4.0/redis_8_6_all_types.rdb", 12),
    ("redis-rdb-cli/12.rdb", 95),
    ("redis-rdb-cli/all.rdb", 270),
    ("redis-rdb-cli/filter.rdb", 184),
    ("redis-rdb-tools/redis_50_with_streams.rdb", 14),
    ("rediscope/module.rdb", 3),
    ("rediscope/native-types.rdb", 11),
    ("synthetic/array_v14.rdb", 2),
    ("synthetic/hash_metadata_types_22_25.rdb", 4),
    ("synthetic/key_meta_v13.rdb", 2),
    ("synthetic/valkey80_hash2_slotimport.rdb", 1),
    ("upstash-rdb/all-types.rdb", 20),
    ("upstash-rdb/stream-with-pel.rdb", 1),
];

#[test]
fn what_cannot_be_taken_apart_can_be_skipped() {
    let Some(corpus) = corpus() else { return };
    for (name, keys) in SKIMMED {
        let bytes = std::fs::read(corpus.join(name)).unwrap();
        let expected = (*keys, bytes.len() as u64);
        assert_eq!(
            skim(Reader::from_slice(&bytes)).unwrap(),
            expected,
            "{name}"
        );
        assert_eq!(
            skim(Reader::new(bytes.as_slice())).unwrap(),
            expected,
            "{name}"
        );
    }
}

/// Payloads broken on purpose that read all the same, and why that is right.
const HARMLESS: &[(&str, &str)] = &[
    (
        "corrupt_009_type14.dump",
        "a list without elements, which gives a warning",
    ),
    ("corrupt_010_type18.dump", "a list of one empty element"),
    (
        "corrupt_045_type5.dump",
        "members repeat in a plain sorted set, left to the caller",
    ),
];

#[test]
fn payloads_broken_on_purpose_are_refused() {
    let Some(corpus) = corpus() else { return };
    for path in files(&corpus.join("valkey-corrupt-dump"), &["dump"]) {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let refused = read(&as_stream(&bytes)).is_err();
        let harmless = HARMLESS.iter().any(|(file, _)| *file == name);
        assert_eq!(refused, !harmless, "{name}");
    }
}

/// Payloads that strict reading refuses where reading otherwise does not.
const ODD: &[&str] = &["corrupt_009_type14.dump", "corrupt_045_type5.dump"];

#[test]
fn strict_reading_refuses_what_is_odd() {
    let Some(corpus) = corpus() else { return };
    let options = ReadOptions {
        strictness: Strictness::Strict,
        checksum: Checksum::Ignore,
        ..ReadOptions::default()
    };
    for name in ODD {
        let bytes = std::fs::read(corpus.join("valkey-corrupt-dump").join(name)).unwrap();
        let dump = Dump::parse_with(&bytes, options).unwrap();
        assert!(dump.value().is_err(), "{name}");
    }
}

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

/// Whether two values are equal, the order of what has none put aside, and defaults of streams.
fn same(left: &Value, right: &Value) -> bool {
    fn sorted(mut value: Value) -> Value {
        match &mut value {
            Value::Set(members) => members.sort(),
            Value::Hash(fields) => fields.sort(),
            Value::ExpiringHash(fields) => {
                fields.sort();
                if fields.iter().all(|(_, _, at)| at.is_none()) {
                    let fields = std::mem::take(fields);
                    return Value::Hash(fields.into_iter().map(|(f, v, _)| (f, v)).collect());
                }
            }
            Value::SortedSet(members) => members.sort_by(|a, b| a.0.cmp(&b.0)),
            Value::Stream(stream) => {
                let live = stream.len() as u64;
                stream.first_id = None;
                stream.entries_added.get_or_insert(live);
                stream.deleted_id_max.get_or_insert_default();
                stream.producers.get_or_insert_default();
                for consumer in stream.groups.iter_mut().flat_map(|g| &mut g.consumers) {
                    consumer.active_at_ms.get_or_insert(consumer.seen_at_ms);
                }
            }
            _ => {}
        }
        value
    }
    sorted(left.clone()) == sorted(right.clone())
}

/// A stream with these entries for a target, and what had to be left out.
fn rewritten(entries: &[Entry], target: Target, encodings: Encodings) -> (Vec<u8>, u64) {
    let mut encoder = Encoder::new(target, Compression::Lzf)
        .with_encodings(encodings)
        .allow(Losses::Any);
    let mut out = Vec::new();
    encoder.header(&mut out);
    for entry in entries {
        encoder.select_db(&mut out, entry.db);
        // What no form of the target holds is left out.
        let before = out.len();
        if encoder.record(&mut out, entry).is_err() {
            assert_eq!(out.len(), before);
        }
    }
    encoder.end(&mut out, None);
    (out, encoder.losses_count())
}

#[test]
fn every_file_goes_to_every_target_and_back() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for path in files(&corpus, &["rdb"]) {
        let Ok(entries) = read(&std::fs::read(&path).unwrap()) else {
            continue;
        };
        for target in Target::ALL {
            for encodings in [Encodings::PLAIN, Encodings::SERVERS] {
                let (bytes, losses) = rewritten(&entries, target, encodings);
                let again = read(&bytes).unwrap();
                if target == Target::Redis88 {
                    assert_eq!((losses, again.len()), (0, entries.len()));
                }
                if losses > 0 || again.len() != entries.len() {
                    continue;
                }
                for (left, right) in again.iter().zip(&entries) {
                    assert_eq!((left.db, &left.key), (right.db, &right.key));
                    assert_eq!(left.expire_at_ms, right.expire_at_ms);
                    assert_eq!((left.idle_s, left.freq), (right.idle_s, right.freq));
                    assert!(
                        same(&left.value, &right.value),
                        "{target} {}",
                        path.display()
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 5000, "only {compared} values compared");
}

#[test]
fn raw_entries_decode_to_the_same_values() {
    let Some(corpus) = corpus() else { return };
    let mut compared = 0;
    for path in files(&corpus, &["rdb"]) {
        let bytes = std::fs::read(&path).unwrap();
        let Ok(entries) = read(&bytes) else { continue };
        let mut raw = Reader::new(bytes.as_slice());
        for entry in entries {
            let raw = raw.next_raw_entry().unwrap().unwrap();
            assert_eq!((&raw.key, &raw.meta), (&entry.key, &entry.meta));
            assert_eq!(raw.decode().unwrap(), entry.value, "{}", path.display());
            let mut copy = b"REDIS0014".to_vec();
            let mut encoder = Encoder::new(Target::Redis88, Compression::None);
            if encoder.raw_entry(&mut copy, &raw).is_ok() {
                encoder.end(&mut copy, None);
                let copied = Reader::from_slice(&copy).next_raw_entry().unwrap().unwrap();
                assert_eq!((copied.body, copied.meta), (raw.body, raw.meta));
                compared += 1;
            }
        }
        assert_eq!(raw.next_raw_entry().unwrap(), None);
    }
    assert!(compared > 800, "only {compared} entries copied");
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
fn as_stream(payload: &[u8]) -> Vec<u8> {
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
