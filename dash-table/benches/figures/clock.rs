//! Time that this thread has spent computing.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

/// A moment, in time of this thread's own: what other programs take of the processor does not
/// count.
pub(crate) struct Moment(f64);

impl Moment {
    pub(crate) fn now() -> Self {
        Self(computing())
    }

    /// Nanoseconds since then.
    pub(crate) fn nanoseconds(&self) -> f64 {
        computing() - self.0
    }
}

/// Nanoseconds that this thread has had a processor for.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn computing() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// How often another program took the processor away from this thread.
pub(crate) fn preemptions() -> u64 {
    let told = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let count = told
        .lines()
        .find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    count.map_or(0, |count| count.trim().parse().unwrap_or(0))
}
