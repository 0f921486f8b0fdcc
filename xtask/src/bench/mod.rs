//! `cargo xtask bench`: the budgets of the design, side by side with their peers in one run.
//!
//! A bench is one entry of `bench::options::BENCHES`; it gives rows, and the rest follows.

mod figures;
mod forkless;
mod machine;
mod options;
mod page;
mod peer;
mod picture;
mod report;
mod row;
mod sample;
mod snapshot;

pub(crate) use crate::bench::options::{Options, run};
