//! Fuzzes what `tests/fuzzed/round_trip.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/round_trip.rs"]
mod round_trip;

fuzz_target!(|bytes: &[u8]| round_trip::check(bytes));
