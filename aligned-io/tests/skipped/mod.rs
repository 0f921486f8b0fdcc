//! Modes that this machine refuses, and tests that are skipped for it.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aligned_io::Operation;
use rustix::process::{Resource, getrlimit};

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

/// Whether the limit of locked memory is so low that a few rings or buffers reach it.
pub(crate) fn is_memory_limited() -> bool {
    getrlimit(Resource::Memlock)
        .current
        .is_some_and(|bytes| bytes < 1 << 20)
}

/// How long other tests may take to give back what they have locked.
const PATIENCE: Duration = Duration::from_mins(1);

/// Attempts what may set up a ring, and again while the rings of other tests leave none of a low
/// limit of locked memory: theirs count against it, too, and a while longer than they live.
pub(crate) fn in_turn<T, E>(
    attempt: impl Fn() -> Result<T, E>,
    refusal: impl Fn(&E) -> Option<(Operation, &io::Error)>,
) -> Result<T, E> {
    // Where not even one ring fits, that is found out once.
    static IN_VAIN: AtomicBool = AtomicBool::new(false);
    let until = Instant::now() + PATIENCE;
    loop {
        let attempted = attempt();
        let is_full =
            attempted
                .as_ref()
                .err()
                .and_then(&refusal)
                .is_some_and(|(operation, source)| {
                    operation == Operation::SetUpRing && source.kind() == ErrorKind::OutOfMemory
                });
        // Relaxed: it is no more than a hint.
        if !is_full || !is_memory_limited() || IN_VAIN.load(Ordering::Relaxed) {
            return attempted;
        }
        if Instant::now() > until {
            IN_VAIN.store(true, Ordering::Relaxed);
        }
        thread::sleep(Duration::from_millis(5));
    }
}
