//! Whatever fails: an error, the old file untouched, nothing left beside it; and what does not
//! fail is exact.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

mod failures;
mod random;
mod refusals;
mod run;
