//! What a writer has done so far.

use std::time::Duration;

use crate::pipeline::Counters;

/// Counters of one writer, since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriterStats {
    /// Bytes accepted, padding left out.
    pub bytes: u64,
    /// Write operations handed to the kernel, the probe and resubmissions included.
    pub writes: u64,
    /// Those of the writes that carried on where one before came back short, interrupted or put
    /// off.
    pub resubmitted: u64,
    /// Most writes that were in flight at once.
    pub max_in_flight: usize,
    /// The number of writes in flight right after each write was started, added up.
    pub in_flight_sum: u64,
    /// Time the calling thread spent in the backend, starting writes and waiting for them. What
    /// is left of the time between two calls is the caller's own.
    pub wait: Duration,
    /// Time spent ending the file: its last write if that was padded, the cut to its exact
    /// length, and the fsync. The kernel does the three in one go where it can.
    pub fsync: Duration,
}

impl WriterStats {
    /// How many writes were in flight on average, right after one was started; 0 before the
    /// first. Close to the depth, the disk is what limits; close to 1, the caller is.
    ///
    /// # Example
    ///
    /// ```
    /// use std::io::Write;
    /// use aligned_io::WriterOptions;
    ///
    /// let directory = tempfile::tempdir()?;
    /// let options = WriterOptions { depth: 2, block_bytes: 4096, ..WriterOptions::default() };
    /// let mut writer = options.create(directory.path().join("dump"))?;
    /// writer.write_all(&[7; 100_000])?;
    /// let stats = writer.publish()?.stats;
    /// assert!((1.0..=2.0).contains(&stats.mean_in_flight()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(
        clippy::cast_precision_loss,
        reason = "an average needs no more than 52 bits"
    )]
    pub fn mean_in_flight(&self) -> f64 {
        if self.writes == 0 {
            return 0.0;
        }
        self.in_flight_sum as f64 / self.writes as f64
    }

    pub(crate) fn new(bytes: u64, counters: Counters) -> Self {
        Self {
            bytes,
            writes: counters.writes,
            resubmitted: counters.resubmitted,
            max_in_flight: counters.max_in_flight,
            in_flight_sum: counters.in_flight_sum,
            wait: counters.wait,
            fsync: counters.fsync,
        }
    }
}
