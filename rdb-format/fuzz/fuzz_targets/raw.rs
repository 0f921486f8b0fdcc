//! Fuzzes what `tests/fuzzed/raw.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/raw.rs"]
mod raw;

fuzz_target!(|bytes: &[u8]| raw::check(bytes));
