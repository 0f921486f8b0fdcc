//! What a store counts.

use std::time::{Duration, Instant};

use crate::sync::{AtomicU64, Ordering};

/// Powers of two of microseconds that are told apart.
const BUCKETS: usize = 32;

/// What happened in a store since it was opened.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// Transactions committed.
    pub commits: u64,
    /// Of them, those that waited for the disk.
    pub commits_synced: u64,
    /// Transactions rolled back by their owner's word; those that are only dropped do not count.
    pub rollbacks: u64,
    /// Locks that could not be had in time, or without a deadlock.
    pub lock_failures: u64,
    /// Times that a transaction was begun anew.
    pub retries: u64,
    /// Instances deleted.
    pub instances_purged: u64,
    /// How long synced commits took.
    pub synced_commit: Latencies,
    /// How long it took to get a lock, waiting included.
    pub lock_wait: Latencies,
}

/// How often something took how long, in powers of two of microseconds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Latencies {
    counts: [u64; BUCKETS],
}

impl Latencies {
    /// How many are counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// A time that `share` (from 0 to 1) of those counted did not exceed; at most twice the time
    /// that they did need. None if there are none.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count need not be exact"
        )]
        let wanted = (total as f64 * share.clamp(0.0, 1.0)).ceil() as u64;
        let mut seen = 0_u64;
        for (bucket, count) in (0_u32..).zip(self.counts) {
            seen = seen.saturating_add(count);
            if seen >= wanted.max(1) {
                return Some(Duration::from_micros(1_u64.wrapping_shl(bucket)));
            }
        }
        None
    }
}

/// The counters behind [`Statistics`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: Counter,
    pub(crate) commits_synced: Counter,
    pub(crate) rollbacks: Counter,
    pub(crate) lock_failures: Counter,
    pub(crate) retries: Counter,
    pub(crate) instances_purged: Counter,
    pub(crate) synced_commit: Histogram,
    pub(crate) lock_wait: Histogram,
}

impl Counters {
    pub(crate) fn read(&self) -> Statistics {
        Statistics {
            commits: self.commits.get(),
            commits_synced: self.commits_synced.get(),
            rollbacks: self.rollbacks.get(),
            lock_failures: self.lock_failures.get(),
            retries: self.retries.get(),
            instances_purged: self.instances_purged.get(),
            synced_commit: self.synced_commit.read(),
            lock_wait: self.lock_wait.read(),
        }
    }
}

/// A number that only grows. Relaxed throughout: it orders nothing, and is only looked at.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts of powers of two of microseconds.
#[derive(Debug, Default)]
pub(crate) struct Histogram([Counter; BUCKETS]);

impl Histogram {
    /// Counts the time since `start`.
    pub(crate) fn since(&self, start: Instant) {
        let micros = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        // The bucket's power of two is not below the time.
        let bucket = u64::BITS.saturating_sub(micros.saturating_sub(1).leading_zeros());
        let bucket = usize::try_from(bucket).unwrap_or(BUCKETS);
        if let Some(counter) = self.0.get(bucket.min(BUCKETS.saturating_sub(1))) {
            counter.add(1);
        }
    }

    fn read(&self) -> Latencies {
        let mut counts = [0; BUCKETS];
        for (count, counter) in counts.iter_mut().zip(&self.0) {
            *count = counter.get();
        }
        Latencies { counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_not_below_what_they_stand_for() {
        let histogram = Histogram::default();
        assert_eq!(histogram.read().quantile(0.5), None);
        let past = Instant::now()
            .checked_sub(Duration::from_millis(1))
            .unwrap();
        histogram.since(past);
        let read = histogram.read();
        assert_eq!(read.count(), 1);
        assert!(read.quantile(0.5).unwrap() >= Duration::from_micros(1024));
    }
}
