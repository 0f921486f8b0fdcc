//! Fuzzes what `tests/fuzzed/dump.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/dump.rs"]
mod dump;

fuzz_target!(|bytes: &[u8]| dump::check(bytes));
