//! Fuzzes what `tests/fuzzed/payloads.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/payloads.rs"]
mod payloads;

fuzz_target!(|bytes: &[u8]| payloads::check(bytes));
