//! What is read and then written for a target reads back equal.

use rdb_format::{
    Checksum, Compression, Encoder, Encodings, ReadOptions, Reader, Target, Tombstones, Value,
};

/// Debug text of a value with what has no order put into one, and what servers fill in.
fn normal(value: &Value) -> String {
    let mut value = value.clone();
    match &mut value {
        Value::Set(members) => members.sort(),
        Value::Hash(fields) => fields.sort(),
        Value::ExpiringHash(fields) => {
            fields.sort();
            if fields.iter().all(|(_, _, at)| at.is_none()) {
                let fields = fields.iter().map(|(f, v, _)| (f.clone(), v.clone()));
                return normal(&Value::Hash(fields.collect()));
            }
        }
        Value::SortedSet(members) => {
            members.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        }
        Value::Stream(stream) => {
            let live = stream.len() as u64;
            stream.first_id = None;
            let added = stream.entries_added.unwrap_or(live).max(live);
            stream.entries_added = Some(added);
            stream.deleted_id_max.get_or_insert_default();
            stream.producers.get_or_insert_default();
            for group in &mut stream.groups {
                group.entries_read = group.entries_read.map(|read| read.min(added));
                for consumer in &mut group.consumers {
                    consumer.active_at_ms.get_or_insert(consumer.seen_at_ms);
                }
            }
        }
        _ => {}
    }
    format!("{value:?}")
}

pub(crate) fn check(bytes: &[u8]) {
    let options = ReadOptions {
        checksum: Checksum::Ignore,
        tombstones: Tombstones::Keep,
        ..ReadOptions::default()
    };
    let mut reader = Reader::from_slice(bytes).with_options(options);
    while let Ok(Some(entry)) = reader.next_entry() {
        for target in Target::ALL {
            for encodings in [Encodings::PLAIN, Encodings::SERVERS] {
                let mut encoder = Encoder::new(target, Compression::Lzf).with_encodings(encodings);
                let mut out = Vec::new();
                encoder.header(&mut out);
                if encoder.record(&mut out, &entry).is_err() {
                    continue;
                }
                encoder.end(&mut out, None);
                let mut again = Reader::from_slice(&out).with_options(options);
                let Ok(Some(read)) = again.next_entry() else {
                    panic!("what is written for {target} is not one sound entry");
                };
                assert_eq!(read.key, entry.key);
                assert_eq!(
                    (read.expire_at_ms, read.idle_s, read.freq, &read.meta),
                    (entry.expire_at_ms, entry.idle_s, entry.freq, &entry.meta)
                );
                assert_eq!(normal(&read.value), normal(&entry.value), "{target}");
            }
        }
    }
}
