//! Time that this thread has spent computing.

use std::fs;
use std::time::Instant;

/// A moment, in time of this thread's own.
pub(crate) struct Moment {
    /// Nanoseconds on a processor, if the kernel tells.
    computing: Option<u64>,
    wall: Instant,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            computing: computing(),
            wall: Instant::now(),
        }
    }

    /// Nanoseconds since then. Time in which other programs had the processor does not count, where
    /// the kernel tells.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    pub(crate) fn nanoseconds(&self) -> f64 {
        match (self.computing, computing()) {
            (Some(before), Some(after)) => (after - before) as f64,
            _ => self.wall.elapsed().as_secs_f64() * 1e9,
        }
    }
}

/// The first number of `schedstat`: nanoseconds on a processor.
fn computing() -> Option<u64> {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    told.split_whitespace().next()?.parse().ok()
}

/// How often another program took the processor away from this thread.
pub(crate) fn preemptions() -> u64 {
    let told = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let count = told
        .lines()
        .find_map(|line| line.strip_prefix("nonvoluntary_ctxt_switches:"));
    count.map_or(0, |count| count.trim().parse().unwrap_or(0))
}
