//! Fuzzes what `tests/fuzzed/frames.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/frames.rs"]
mod frames;

fuzz_target!(|bytes: &[u8]| {
    frames::check(bytes);
});
