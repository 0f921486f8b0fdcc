//! What a writer has done so far.

use std::time::Duration;

/// Counters of one writer, since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterStats {
    /// Bytes accepted by `write`, padding left out.
    pub bytes: u64,
    /// Write operations handed to the kernel, the probe and resubmissions included.
    pub writes: u64,
    /// Most writes that were in flight at once.
    pub max_in_flight: usize,
    /// Time the calling thread spent in the backend, starting writes and waiting for them.
    pub wait: Duration,
    /// Time spent in the final fsync of the file.
    pub fsync: Duration,
}
