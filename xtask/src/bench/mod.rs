//! `cargo xtask bench`: the budgets of the design, side by side with their peers in one run.
//!
//! A bench is one entry of `bench::options::BENCHES`; it gives rows, and the rest follows.

mod client;
mod figures;
mod forkless;
mod machine;
mod memory;
mod options;
mod page;
mod part;
mod peer;
mod picture;
mod replication;
mod report;
mod row;
mod sample;
mod server;
mod snapshot;

pub(crate) use crate::bench::options::{Options, run};
