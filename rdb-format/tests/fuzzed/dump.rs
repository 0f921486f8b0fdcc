//! Payloads of `DUMP` and `FUNCTION DUMP`.

use rdb_format::{Checksum, Dump, ReadOptions, parse_function_dump};

pub(crate) fn check(bytes: &[u8]) {
    let options = ReadOptions {
        checksum: Checksum::Ignore,
        ..ReadOptions::default()
    };
    // A checksum of zero is not verified, so that the records are reached; each of the two lines
    // of servers takes the number of a type in its own way.
    for version in [10, 14, 80] {
        let unchecked = [bytes, &[version, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        if let Ok(sources) = parse_function_dump(&unchecked) {
            assert!(sources.len() <= bytes.len());
        }
        if let Ok(dump) = Dump::parse_with(&unchecked, options) {
            drop(dump.value());
        }
    }
    if let Ok(dump) = Dump::parse_with(bytes, options) {
        drop(dump.value());
    }
}
