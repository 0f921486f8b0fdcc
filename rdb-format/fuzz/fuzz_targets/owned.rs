//! Fuzzes what `tests/fuzzed/owned.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/owned.rs"]
mod owned;

fuzz_target!(|bytes: &[u8]| owned::check(bytes));
