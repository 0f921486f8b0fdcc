//! Fuzzes what `tests/fuzzed/replica.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/peer.rs"]
mod peer;
#[path = "../../tests/fuzzed/replica.rs"]
mod replica;
#[path = "../../tests/fuzzed/world.rs"]
mod world;

fuzz_target!(|bytes: &[u8]| {
    replica::check(bytes);
});
