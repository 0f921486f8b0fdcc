//! Fuzzes what `tests/fuzzed/ziplist.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/ziplist.rs"]
mod ziplist;

fuzz_target!(|bytes: &[u8]| ziplist::check(bytes));
