//! Fuzzes what `tests/fuzzed/requests.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/requests.rs"]
mod requests;

fuzz_target!(|bytes: &[u8]| requests::check(bytes));
