//! How far a snapshot is.

use std::time::Duration;

/// What a snapshot is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Shards deliver, the sink writes.
    Writing,
    /// Everything is written, and is being made durable.
    Syncing,
    /// Everything is durable; the final name is being given. Too late to cancel.
    Publishing,
    /// Over, for better or worse: [`Handle::wait`](crate::Handle::wait) knows.
    Over,
}

/// How far a snapshot is, at one moment.
///
/// ```
/// # fn show(handle: &snapshot::Handle) {
/// use std::time::Duration;
///
/// while !handle.wait_timeout(Duration::from_millis(100)) {
///     let now = handle.progress();
///     println!(
///         "{:?}: {} of {} keys, {} B/s, {:?} left",
///         now.phase, now.keys_done, now.keys_total, now.bytes_per_s(), now.remaining()
///     );
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Keys written.
    pub keys_done: u64,
    /// Keys there were at the cut.
    pub keys_total: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Buckets that the traversal came to first.
    pub buckets_by_traversal: u64,
    /// Buckets that a write came to first, and had to deliver.
    pub buckets_by_writes: u64,
    /// Buckets there were at the cut, chains not counted. Nobody delivers those that are empty, so
    /// as a rule fewer come in the end; but a segment that splits before it is delivered divides
    /// them. 0 where keys do not come from tables.
    pub buckets_total: u64,
    /// Values that were frozen, to be encoded by the sink.
    pub riders: u64,
    /// What those weigh, in bytes.
    pub rider_bytes: u64,
    /// Bytes on their way from the shards to the sink, out of the budget.
    pub budget_bytes_used: usize,
    /// The most there were of them at one time.
    pub budget_bytes_high_water: usize,
    /// What live values have copied, to be written to, because their frozen views are on their
    /// way.
    pub copied_bytes: usize,
    /// The most of that there was at one time.
    pub copied_bytes_high_water: usize,
    /// From the cut until now, or until it was over.
    pub elapsed: Duration,
}

impl Progress {
    /// Bytes written in a second, on average since the cut; 0 at the very start.
    pub fn bytes_per_s(&self) -> u64 {
        let nanoseconds = self.elapsed.as_nanos().max(1);
        let rate = u128::from(self.bytes) * 1_000_000_000 / nanoseconds;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// How long the rest will take if it goes on as until now, without syncing and publishing;
    /// `None` before the first key.
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.keys_total.saturating_sub(self.keys_done);
        let nanoseconds = self.elapsed.as_nanos() * u128::from(left);
        let nanoseconds = nanoseconds.checked_div(u128::from(self.keys_done))?;
        Some(Duration::from_nanos(
            u64::try_from(nanoseconds).unwrap_or(u64::MAX),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(keys_done: u64) -> Progress {
        Progress {
            phase: Phase::Writing,
            keys_done,
            keys_total: 400,
            bytes: 3_000_000,
            buckets_by_traversal: 0,
            buckets_by_writes: 0,
            buckets_total: 0,
            riders: 0,
            rider_bytes: 0,
            budget_bytes_used: 0,
            budget_bytes_high_water: 0,
            copied_bytes: 0,
            copied_bytes_high_water: 0,
            elapsed: Duration::from_secs(2),
        }
    }

    #[test]
    fn rate_and_rest_follow_from_what_is_done() {
        assert_eq!(progress(100).bytes_per_s(), 1_500_000);
        assert_eq!(progress(100).remaining(), Some(Duration::from_secs(6)));
        assert_eq!(progress(400).remaining(), Some(Duration::ZERO));
    }

    #[test]
    fn nothing_is_known_of_the_rest_before_the_first_key() {
        assert_eq!(progress(0).remaining(), None);
    }
}
