//! Every byte arrives, and not one more, in each mode and at each boundary; with `io_uring`
//! forbidden by a seccomp filter and with 64 KiB of locked memory too.
//!
//! Modes that this machine refuses are skipped, unless `FORKLESS_IO_URING` says that it refuses
//! none.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

mod file;
mod mode;
mod restriction;
mod sizes;
#[path = "../skipped/mod.rs"]
mod skipped;
mod writers;
