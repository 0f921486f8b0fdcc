//! `cargo xtask sim`: short seeded runs of whole snapshots, and of masters and replicas, as many as
//! you like.

use crate::failure::Failure;
use crate::step::{self, Needs, Step, Work};
use crate::workspace::Workspace;

/// The most seeds that are tried on real threads, where one takes some milliseconds.
const THREADED_SEEDS_MAX: u64 = 3000;

/// Compare snapshots and replicas with the state at their cuts in seeded runs: many seeds, or one
/// again.
///
/// First in a simulation, where the seed decides all and a failure comes again; then on real
/// threads, where it fixes what is written, not how threads take turns.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many seeds to try in the simulation [default: the test's own number, or 1 with --seed].
    /// On real threads it is that many, too, up to 3000.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed [default: a new one for the simulation, 1 on real threads].
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the command.
///
/// # Errors
///
/// [`Failure::Counted`] when a seed fails; the test prints which.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), Failure> {
    let threaded = options.seeds.map(|seeds| seeds.min(THREADED_SEEDS_MAX));
    step::run_all(vec![
        step(
            workspace,
            "simulation",
            &["--features", "sim,replication", "--test", "simulation"],
            (options.seeds, options.seed),
        ),
        step(
            workspace,
            "on real threads",
            &["--test", "consistency"],
            (threaded, options.seed),
        ),
    ])
}

fn step(
    workspace: &Workspace,
    name: &'static str,
    test: &[&str],
    (seeds, first): (Option<u64>, Option<u64>),
) -> Step<'static> {
    let mut cargo = workspace.cargo(&["test", "--release", "--package", "snapshot"]);
    cargo.args(test).args(["--", "--nocapture"]);
    if let Some(seeds) = seeds {
        cargo.env("FORKLESS_SIM_SEEDS", seeds.to_string());
    }
    if let Some(first) = first {
        cargo.env("FORKLESS_SIM_SEED", first.to_string());
    }
    Step {
        name,
        needs: Needs::Nothing,
        work: Work::Command(cargo),
    }
}
