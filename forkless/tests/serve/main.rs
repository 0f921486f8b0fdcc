//! `forkless serve` as a process: what it keeps, what it refuses, and who can talk to it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "says why a test did nothing")]

mod clients;
mod dump;
mod ending;
mod replies;
#[path = "../server/mod.rs"]
mod server;
#[path = "../serving/mod.rs"]
mod serving;
mod snapshots;
