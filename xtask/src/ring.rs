//! Whether this machine lets programs use `io_uring`, which some tests are skipped without.

use crate::failure::Failure;
use crate::program;
use crate::workspace::Workspace;

/// Set for tests that must fail, instead of skipping themselves, where `io_uring` is refused.
pub(crate) const REQUIRED: (&str, &str) = ("FORKLESS_IO_URING", "required");

/// Asks by writing a file in the target folder as the tests do.
///
/// # Errors
///
/// [`Failure::Exit`] with what the kernel refused, or with what does not build.
pub(crate) fn granted(workspace: &Workspace) -> Result<(), Failure> {
    let mut cargo = workspace.cargo(&["run", "--quiet", "--package", "aligned-io"]);
    cargo
        .args(["--example", "modes", "--"])
        .arg(workspace.target());
    program::output(&mut cargo).map(drop)
}
