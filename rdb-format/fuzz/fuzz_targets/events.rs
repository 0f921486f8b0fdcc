//! Fuzzes what `tests/fuzzed/events.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/events.rs"]
mod events;

fuzz_target!(|bytes: &[u8]| events::check(bytes));
