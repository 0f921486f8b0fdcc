//! Modes that this machine refuses, and tests that are skipped for it.

use std::io;
use std::path::Path;

use aligned_io::Operation;

/// Set for a process of tests that is refused something on purpose.
pub(crate) const RESTRICTION: &str = "ALIGNED_IO_RESTRICTION";

/// Says that a mode is skipped, because this machine refuses it, unless `FORKLESS_IO_URING` says
/// that none may be. Only the memory may always refuse `O_DIRECT`.
#[expect(
    clippy::print_stderr,
    reason = "a skipped test must say that it is skipped"
)]
pub(crate) fn skip(path: &Path, operation: Operation, source: &io::Error) {
    let is_set = |name| std::env::var_os(name).is_some();
    let is_required = is_set("FORKLESS_IO_URING") && !is_set(RESTRICTION);
    let may_refuse = operation != Operation::SetUpRing && path.starts_with("/dev/shm");
    let place = path.display();
    assert!(!is_required || may_refuse, "{place}: {operation}: {source}");
    eprintln!("skipped: {place}: {operation}: {source}");
}
