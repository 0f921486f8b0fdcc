//! `cargo xtask sim`: the whole snapshot under one seeded scheduler, by the million.

use crate::failure::Failure;
use crate::step::{self, Needs, Step, Work};
use crate::workspace::Workspace;

/// Run the simulation of `snapshot`: many seeds, or one again.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many seeds to try; the test's own default otherwise.
    #[arg(long, conflicts_with = "seed")]
    seeds: Option<u64>,
    /// Run this one seed, as a failure printed it.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the command.
///
/// # Errors
///
/// [`Failure::Counted`] when a seed fails; the test prints which.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    let mut cargo = workspace.cargo(&["test", "--release", "--package", "snapshot"]);
    cargo.args(["--test", "simulation", "--", "--nocapture"]);
    if let Some(seeds) = options.seeds {
        cargo.env("FORKLESS_SIM_SEEDS", seeds.to_string());
    }
    if let Some(seed) = options.seed {
        cargo.env("FORKLESS_SIM_SEED", seed.to_string());
    }
    let work = Work::Command(cargo);
    step::run_all(vec![Step {
        name: "simulation",
        needs: Needs::Nothing,
        work,
    }])
}
