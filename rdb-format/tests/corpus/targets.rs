//! Every file written again: for every target, and as it is stored.

use rdb_format::{Compression, Encoder, Encodings, Entry, Losses, Reader, Target, Value};

use crate::files::{corpus, files, read};

/// Whether two values are equal, the order of what has none put aside, and defaults of streams.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
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
