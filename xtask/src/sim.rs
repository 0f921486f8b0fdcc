//! `cargo xtask sim`: short seeded runs of the whole snapshot, as many as you like.

use crate::failure::Failure;
use crate::step::{self, Needs, Step, Work};
use crate::workspace::Workspace;

/// Compare snapshots with the state at their cut in seeded runs: many seeds, or one again.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many seeds to try [default: the test's own number, or 1 with --seed].
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed [default: 1]. A seed fixes what is written, not how threads take turns: a
    /// failure may need several runs to come again.
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
    cargo.args(["--test", "consistency", "--", "--nocapture"]);
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
