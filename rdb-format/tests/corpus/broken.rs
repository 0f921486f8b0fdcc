//! Files and payloads that are broken on purpose, and those that only look so.

use rdb_format::{Checksum, DecodeError, Dump, ReadOptions, Strictness};

use crate::files::{corpus, files, read};
use crate::values::as_stream;

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
