//! `forkless convert`, as a user runs it: the same keys in another version, or no file at all.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod corpus;
mod file;
mod filled;
mod filters;
mod keys;
mod omissions;
mod program;
mod refusals;
#[path = "../server/mod.rs"]
mod server;
mod shards;
mod versions;
