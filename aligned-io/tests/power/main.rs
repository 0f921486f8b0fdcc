//! The power fails at every step, or the process is killed there: what is found then is the old
//! state or the whole new one, and what was reported as done is there.
//!
//! `FORKLESS_TEST_SEEDS` says how many seeds each step is tried with.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

mod crashes;
mod file;
mod history;
mod scenario;
mod set;
mod sweep;
mod syncs;
