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
use crate::output::{Json, Output};

/// Values are made by one thread and dropped by another all the time, which this one is good at.
/// Its second version: the third has no use for what is freed here and there in pages that were
/// full, so that copies of chunks would take up memory anew while their originals are freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => return refuse(&error),
        Err(help) => {
            // Whoever does not read it has not waited for it.
            drop(help.print());
            return ExitCode::SUCCESS;
        }
    };
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
    let mut output = Output::stdout(json(arguments.json));
    match command::run(&arguments.command, &mut output).and_then(|()| output.finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_wrong_usage() => output.refuse(&format!("forkless: {error}")),
        Err(error) => output.fail(&error),
    }
}

/// Ends a process whose arguments are not understood.
fn refuse(error: &clap::Error) -> ExitCode {
    let is_json_wanted = arguments::is_json_wanted(std::env::args_os());
    let output = Output::stdout(json(is_json_wanted));
    output.refuse(&arguments::complaint(error))
}

fn json(is_wanted: bool) -> Json {
    if is_wanted {
        Json::Wanted
    } else {
        Json::NotWanted
    }
}
