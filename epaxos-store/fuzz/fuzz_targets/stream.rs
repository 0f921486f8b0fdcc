//! Fuzzes what `tests/fuzzed/stream.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/stream.rs"]
mod stream;

fuzz_target!(|bytes: &[u8]| stream::check(bytes));
