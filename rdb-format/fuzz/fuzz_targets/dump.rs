//! Payloads of `DUMP` and `FUNCTION DUMP`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rdb_format::{Checksum, Dump, ReadOptions, parse_function_dump};

fuzz_target!(|bytes: &[u8]| {
    let options = ReadOptions {
        checksum: Checksum::Ignore,
        ..ReadOptions::default()
    };
    // A checksum of zero is not verified, so that the records are reached.
    let unchecked = [bytes, &[10, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
    if let Ok(sources) = parse_function_dump(&unchecked) {
        assert!(sources.len() <= bytes.len());
    }
    for payload in [bytes, unchecked.as_slice()] {
        if let Ok(dump) = Dump::parse_with(payload, options) {
            drop(dump.value());
        }
    }
});
