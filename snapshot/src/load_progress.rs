//! How far a load is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::sync::{Mutex, now};

/// Tells from any thread how far a [`Load`](crate::Load) is that was
/// [given](crate::Load::progress) it.
///
/// ```
/// use shard_runtime::{ShardSet, ShardSetConfig};
/// # fn load<S>(shards: &ShardSet<S>, file: &std::fs::File) -> Result<(), snapshot::LoadError>
/// # where S: snapshot::Store<Value: snapshot::FromRdb> {
/// let progress = snapshot::LoadProgress::new();
/// let load = snapshot::Load::new().progress(&progress);
/// std::thread::scope(|scope| {
///     let loading = scope.spawn(|| load.from_file(file, shards));
///     while !loading.is_finished() {
///         let so_far = progress.look();
///         println!("{} keys, {} B/s", so_far.keys, so_far.bytes_per_s());
///         std::thread::sleep(std::time::Duration::from_millis(100));
///     }
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct LoadProgress(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    bytes: AtomicU64,
    // 0 while it is not known.
    bytes_total: AtomicU64,
    keys: AtomicU64,
    started: Mutex<Option<Instant>>,
}

// Not derived: the lock of a simulation has no default.
impl Default for Counters {
    fn default() -> Self {
        Self {
            bytes: AtomicU64::new(0),
            bytes_total: AtomicU64::new(0),
            keys: AtomicU64::new(0),
            started: Mutex::new(None),
        }
    }
}

/// How far a load is, at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loading {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes there are, if that is known: of a pipe it is not.
    pub bytes_total: Option<u64>,
    /// Keys sent to their shards.
    pub keys: u64,
    /// Since the load began.
    pub elapsed: Duration,
}

impl LoadProgress {
    /// Of a load that has not begun.
    pub fn new() -> Self {
        Self::default()
    }

    /// How far it is; cheap, at any time.
    pub fn look(&self) -> Loading {
        // Relaxed: figures to be shown, each true for itself.
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let started = *self.0.started.lock();
        Loading {
            bytes: get(&self.0.bytes),
            bytes_total: Some(get(&self.0.bytes_total)).filter(|total| *total > 0),
            keys: get(&self.0.keys),
            elapsed: started.map_or(Duration::ZERO, |started| {
                now().saturating_duration_since(started)
            }),
        }
    }

    /// A load of so many bytes begins.
    pub(crate) fn begin(&self, bytes_total: Option<u64>) {
        *self.0.started.lock() = Some(now());
        self.begin_again(bytes_total);
    }

    /// The same load begins again, in another way: its time goes on.
    pub(crate) fn begin_again(&self, bytes_total: Option<u64>) {
        // Relaxed: as above.
        let set = |counter: &AtomicU64, value| counter.store(value, Ordering::Relaxed);
        set(&self.0.bytes, 0);
        set(&self.0.bytes_total, bytes_total.unwrap_or(0));
        set(&self.0.keys, 0);
    }

    pub(crate) fn add_bytes(&self, bytes: usize) {
        // Relaxed: as above.
        self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn add_keys(&self, keys: usize) {
        // Relaxed: as above.
        self.0.keys.fetch_add(keys as u64, Ordering::Relaxed);
    }
}

impl Loading {
    /// Bytes read in a second, on average; 0 at the very start.
    pub fn bytes_per_s(&self) -> u64 {
        let nanoseconds = self.elapsed.as_nanos().max(1);
        let rate = u128::from(self.bytes) * 1_000_000_000 / nanoseconds;
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// How long the rest will take if it goes on as until now; `None` before the first byte, or
    /// where nobody knows how much there is.
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.bytes_total?.saturating_sub(self.bytes);
        let nanoseconds = self.elapsed.as_nanos() * u128::from(left);
        let nanoseconds = nanoseconds.checked_div(u128::from(self.bytes))?;
        Some(Duration::from_nanos(
            u64::try_from(nanoseconds).unwrap_or(u64::MAX),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loading(bytes: u64, bytes_total: Option<u64>) -> Loading {
        Loading {
            bytes,
            bytes_total,
            keys: 1,
            elapsed: Duration::from_secs(2),
        }
    }

    #[test]
    fn rate_and_rest_follow_from_what_is_done() {
        assert_eq!(loading(3000, Some(4000)).bytes_per_s(), 1500);
        let quarter = loading(1000, Some(4000));
        assert_eq!(quarter.remaining(), Some(Duration::from_secs(6)));
    }

    #[test]
    fn nothing_is_known_of_the_rest_before_the_first_byte_or_of_a_pipe() {
        assert_eq!(loading(0, Some(4000)).remaining(), None);
        assert_eq!(loading(1000, None).remaining(), None);
        assert_eq!(LoadProgress::new().look(), Loading::default());
    }
}
