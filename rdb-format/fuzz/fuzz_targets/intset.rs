//! Fuzzes what `tests/fuzzed/intset.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/intset.rs"]
mod intset;

fuzz_target!(|bytes: &[u8]| intset::check(bytes));
