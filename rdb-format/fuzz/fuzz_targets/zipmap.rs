//! Fuzzes what `tests/fuzzed/zipmap.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/zipmap.rs"]
mod zipmap;

fuzz_target!(|bytes: &[u8]| zipmap::check(bytes));
