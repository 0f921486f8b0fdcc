//! Fuzzes what `tests/fuzzed/lzf.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/lzf.rs"]
mod lzf;

fuzz_target!(|bytes: &[u8]| lzf::check(bytes));
