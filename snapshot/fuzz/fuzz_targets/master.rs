//! Fuzzes what `tests/fuzzed/master.rs` checks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/fuzzed/master.rs"]
mod master;
#[path = "../../tests/fuzzed/peer.rs"]
mod peer;
#[path = "../../tests/fuzzed/world.rs"]
mod world;

fuzz_target!(|bytes: &[u8]| {
    master::check(bytes);
});
