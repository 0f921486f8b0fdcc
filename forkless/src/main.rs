//! `forkless`: snapshots of a live sharded store without `fork`, from the command line.
//!
//! Reading order: `arguments` (what can be asked), `command` (what is done), `output` and `error`
//! (what is said); `series` (names with the time), `resident` (how much memory there is). The data
//! types are the library of the same name.
#![forbid(unsafe_code)]

mod arguments;
mod command;
mod error;
mod output;
mod resident;
mod series;

use std::process::ExitCode;

use tracing_subscriber::filter::LevelFilter;

use crate::arguments::Arguments;
use crate::output::Output;

/// Values are made by one thread and dropped by another all the time, which this one is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::of_process();
    // An error is said on one line, by us; what led to it is for those who ask.
    let level = if arguments.verbose {
        LevelFilter::DEBUG
    } else {
        LevelFilter::ERROR
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
    let mut output = Output::stdout();
    match command::run(&arguments.command, &mut output).and_then(|()| output.finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::fail(&error),
    }
}
