//! Which command is meant.

use crate::arguments::Command;
#[cfg(feature = "epaxos")]
use crate::command::store;
use crate::command::{check, convert, demo, inspect, replicate, save, serve};
use crate::error::CommandError;
use crate::output::Output;

/// Runs one command to its end.
pub(crate) fn run(command: &Command, output: &mut Output) -> Result<(), CommandError> {
    match command {
        Command::Demo(arguments) => demo::run(arguments, output),
        Command::Save(arguments) => save::run(arguments, output),
        Command::Convert(arguments) => convert::run(arguments, output),
        Command::Check(arguments) => check::run(arguments, output),
        Command::Split(arguments) => convert::split(arguments, output),
        Command::Merge(arguments) => convert::merge(arguments, output),
        Command::Replicate(arguments) => replicate::run(arguments, output),
        Command::Serve(arguments) => serve::run(arguments, output),
        Command::Inspect(arguments) => inspect::run(arguments, output),
        #[cfg(feature = "epaxos")]
        Command::Store(command) => store::run(command, output),
    }
}
