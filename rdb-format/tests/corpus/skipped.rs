//! Values that cannot be taken apart, and are skipped.

use rdb_format::{DecodeError, Event, ReadOptions, Reader, Source, Values};

use crate::files::corpus;

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
