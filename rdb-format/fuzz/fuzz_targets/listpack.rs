//! Fuzzes what `tests/fuzzed/listpack.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/listpack.rs"]
mod listpack;

fuzz_target!(|bytes: &[u8]| listpack::check(bytes));
