//! When something fails, the snapshot fails as a whole and with its cause, nothing appears
//! under a final name, and the store goes on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod budget;
mod end;
mod output;
mod report;
mod store;
#[path = "../tiny_store/mod.rs"]
mod tiny_store;
