//! Fuzzes what `tests/fuzzed/address.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/address.rs"]
mod address;

fuzz_target!(|bytes: &[u8]| address::check(bytes));
