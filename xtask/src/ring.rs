//! Whether this machine lets programs use `io_uring`, which some tests are skipped without.

use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// Set for tests that must fail, instead of skipping themselves, where `io_uring` is refused.
pub(crate) const REQUIRED: (&str, &str) = ("FORKLESS_IO_URING", "required");

/// What came of asking.
#[derive(Debug)]
pub(crate) enum Answer {
    Granted,
    /// The kernel refused, as the failure says.
    Refused(Failure),
    /// The program that asks does not build. The compiler has told the user why.
    Unasked(Failure),
}

/// Asks by writing a file in the target folder as the tests do. The program that does so may have
/// to be built first, which the user sees.
pub(crate) fn ask(workspace: &Workspace) -> Answer {
    eprintln!("asking for io_uring");
    if let Err(failure) = program::show(&mut example(workspace, "build")) {
        return Answer::Unasked(failure);
    }
    let mut cargo = example(workspace, "run");
    cargo.args(["--quiet", "--"]).arg(workspace.target());
    match program::output(&mut cargo) {
        Ok(_) => Answer::Granted,
        Err(failure) => Answer::Refused(failure),
    }
}

fn example(workspace: &Workspace, command: &str) -> Command {
    workspace.cargo(&[command, "--package", "aligned-io", "--example", "modes"])
}
