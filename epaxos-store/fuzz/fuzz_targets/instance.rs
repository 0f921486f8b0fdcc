//! Fuzzes what `tests/fuzzed/instance.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/checksum.rs"]
mod checksum;
#[path = "../../tests/fuzzed/instance.rs"]
mod instance;

fuzz_target!(|bytes: &[u8]| instance::check(bytes));
