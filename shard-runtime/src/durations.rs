//! How long things took: counted in buckets by one thread, read by any.

use crate::sync::Gauge;
use std::time::Duration;

/// Buckets per doubling; so a bucket's bounds are an eighth apart, or less.
const PER_DOUBLING: u64 = 8;
/// The binary logarithm of [`PER_DOUBLING`].
const PER_DOUBLING_LOG: u32 = PER_DOUBLING.trailing_zeros();
/// The last bucket takes all from 2^37 ns, over two minutes, on.
const BUCKETS: usize = 36 * 8;

/// How long things took, as a distribution: each duration is known to an eighth of itself.
///
/// ```
/// use shard_runtime::{ShardSet, ShardSetConfig};
///
/// let shards = ShardSet::start(ShardSetConfig::default(), |_| ())?;
/// let slices = &shards.stats()[0].task_slices;
/// assert_eq!((slices.count(), slices.quantile(0.99)), (0, None));
/// # Ok::<(), shard_runtime::ShardError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durations {
    counts: Vec<u64>,
    total: Duration,
    longest: Duration,
}

impl Durations {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All together.
    pub fn total(&self) -> Duration {
        self.total
    }

    /// The longest, exactly; zero if there was none.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// The duration that `share` of them, from 0 to 1, do not exceed; up to an eighth too long,
    /// never too short. `None` if there was none. O(1): a walk over some 300 buckets.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count is no more exact than that"
        )]
        let wanted = ((self.count() as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(Duration::from_nanos(longest_of(bucket)).min(self.longest))
    }
}

/// The distribution while it grows. One thread counts; what others read may lag by a duration.
#[derive(Debug)]
pub(crate) struct DurationCounts {
    counts: Box<[Gauge]>,
    total_nanos: Gauge,
    longest_nanos: Gauge,
}

impl DurationCounts {
    pub(crate) fn new() -> Self {
        Self {
            counts: (0..BUCKETS).map(|_| Gauge::new()).collect(),
            total_nanos: Gauge::new(),
            longest_nanos: Gauge::new(),
        }
    }

    /// Counts one. Only ever called by the same thread.
    pub(crate) fn count(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket_of(nanos)].add(1);
        self.total_nanos.add(nanos);
        self.longest_nanos.raise_to(nanos);
    }

    pub(crate) fn read(&self) -> Durations {
        Durations {
            counts: self.counts.iter().map(Gauge::get).collect(),
            total: Duration::from_nanos(self.total_nanos.get()),
            longest: Duration::from_nanos(self.longest_nanos.get()),
        }
    }
}

/// Bucket of a duration: those below 8 ns have one each, and every doubling has 8 from there on.
fn bucket_of(nanos: u64) -> usize {
    if nanos < PER_DOUBLING {
        return usize::try_from(nanos).unwrap_or(0);
    }
    let doublings = nanos.ilog2() - PER_DOUBLING_LOG;
    let within = (nanos >> doublings) - PER_DOUBLING;
    let bucket = (u64::from(doublings) + 1) * PER_DOUBLING + within;
    usize::try_from(bucket).map_or(BUCKETS - 1, |bucket| bucket.min(BUCKETS - 1))
}

/// Nanoseconds of the longest duration in a bucket.
fn longest_of(bucket: usize) -> u64 {
    if bucket + 1 >= BUCKETS {
        return u64::MAX;
    }
    let bucket = bucket as u64;
    if bucket < PER_DOUBLING {
        return bucket;
    }
    let doublings = bucket / PER_DOUBLING - 1;
    let within = bucket % PER_DOUBLING;
    ((PER_DOUBLING + within + 1) << doublings) - 1
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap() {
        let mut shortest = 0;
        for bucket in 0..BUCKETS - 1 {
            let longest = longest_of(bucket);
            assert_eq!((bucket_of(shortest), bucket_of(longest)), (bucket, bucket));
            assert!(
                (longest - shortest) * PER_DOUBLING <= shortest,
                "bucket {bucket} is wide"
            );
            shortest = longest + 1;
        }
        assert_eq!(shortest, (1 << 37) + (7 << 34));
        assert_eq!(bucket_of(shortest), BUCKETS - 1);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_never_too_short_and_at_most_an_eighth_too_long() {
        let counts = DurationCounts::new();
        for micros in 1..=1000 {
            counts.count(Duration::from_micros(micros));
        }
        let durations = counts.read();
        assert_eq!(durations.count(), 1000);
        assert_eq!(durations.total(), Duration::from_micros(500_500));
        assert_eq!(durations.longest(), Duration::from_millis(1));
        for (share, exact_micros) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let found = durations.quantile(share).unwrap();
            let exact = Duration::from_micros(exact_micros);
            assert!(
                (exact..=exact + exact / 8).contains(&found),
                "{share}: {found:?}"
            );
        }
    }

    #[test]
    fn very_long_ones_are_counted_too() {
        let counts = DurationCounts::new();
        counts.count(Duration::MAX);
        assert_eq!(counts.read().count(), 1);
        assert_eq!(
            counts.read().quantile(0.5),
            Some(Duration::from_nanos(u64::MAX))
        );
        assert_eq!(DurationCounts::new().read().quantile(0.5), None);
    }
}
