//! Drives cargo for this workspace: setup, tests, models, simulation, tidiness, measurements.
//!
//! This file only dispatches; each command is a file of its own, with its options on top.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks through its standard streams"
)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod compat;
mod failure;
mod fuzz;
mod loom;
mod program;
mod ring;
mod rocksdb;
mod sanitize;
mod server;
mod setup;
mod sim;
mod standard_library;
mod step;
mod tally;
mod test;
mod tidy;
mod wheel;
mod workspace;

use crate::failure::Failure;
use crate::workspace::Workspace;

/// Drives cargo: setup, tests, models, simulation, tidiness, measurements.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Setup(setup::Options),
    Test(test::Options),
    Loom(loom::Options),
    Sim(sim::Options),
    Fuzz(fuzz::Options),
    Sanitize(sanitize::Options),
    Compat(compat::Options),
    Tidy(tidy::Options),
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(&cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        // Already told, as the last line of the run.
        Err(Failure::Counted { .. }) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: &Command) -> Result<(), Failure> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup(options) => setup::run(&workspace, options),
        Command::Test(options) => test::run(&workspace, options),
        Command::Loom(options) => loom::run(&workspace, options),
        Command::Sim(options) => sim::run(&workspace, options),
        Command::Fuzz(options) => fuzz::run(&workspace, options),
        Command::Sanitize(options) => sanitize::run(&workspace, options),
        Command::Compat(options) => compat::run(&workspace, options),
        Command::Tidy(options) => tidy::run(&workspace, options),
        Command::Bench(options) => bench::run(&workspace, options),
    }
}
