//! `forkless inspect`, as a user runs it.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod corpus;
mod output;
mod program;
mod sample;
