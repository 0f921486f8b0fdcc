//! Fuzzes what `tests/fuzzed/key.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/key.rs"]
mod key;

fuzz_target!(|bytes: &[u8]| key::check(bytes));
