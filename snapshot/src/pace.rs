//! The pace of a snapshot: how many bytes a second it may write.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// The longest pause at one time: after it somebody may want the sink to hurry.
const PAUSE_MAX: Duration = Duration::from_millis(2);

/// What may be written at once after a time of little writing, in seconds' worth.
const BURST: Duration = Duration::from_millis(100);

/// Says when enough has been written for the moment.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    bytes_per_s: Option<NonZeroU64>,
    // At `from`, `bytes` were as many as the pace allows.
    from: Instant,
    bytes: u64,
}

impl Pace {
    /// A pace that begins at `from`; none waits for nothing.
    pub(crate) fn new(bytes_per_s: Option<NonZeroU64>, from: Instant) -> Self {
        Self {
            bytes_per_s,
            from,
            bytes: 0,
        }
    }

    /// How long to wait before another look, now that `bytes` are written; `None` to go on.
    pub(crate) fn pause(&mut self, bytes: u64, now: Instant) -> Option<Duration> {
        let bytes_per_s = self.bytes_per_s?.get();
        let elapsed = now.saturating_duration_since(self.from);
        let more = u128::from(bytes.saturating_sub(self.bytes));
        let due = more * 1_000_000_000 / u128::from(bytes_per_s);
        let due = Duration::from_nanos(u64::try_from(due).unwrap_or(u64::MAX));
        if due > elapsed {
            return Some(due.saturating_sub(elapsed).min(PAUSE_MAX));
        }
        if elapsed > due + BURST {
            // What was not written in time is not made up for.
            (self.from, self.bytes) = (now.checked_sub(BURST).unwrap_or(now), bytes);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(from: Instant) -> Pace {
        Pace::new(NonZeroU64::new(1000), from)
    }

    #[test]
    fn nothing_waits_without_a_pace() {
        let now = Instant::now();
        assert_eq!(Pace::new(None, now).pause(u64::MAX, now), None);
    }

    #[test]
    fn too_much_waits_until_it_is_due() {
        let start = Instant::now();
        let mut pace = pace(start);
        assert_eq!(pace.pause(1000, start), Some(PAUSE_MAX));
        let almost = start + Duration::from_millis(999);
        assert_eq!(pace.pause(1000, almost), Some(Duration::from_millis(1)));
        assert_eq!(pace.pause(1000, start + SECOND), None);
        assert!(pace.pause(1001, start + SECOND).is_some());
    }

    #[test]
    fn idle_time_is_not_made_up_for() {
        let start = Instant::now();
        let mut pace = pace(start);
        let later = start + 100 * SECOND;
        assert_eq!(pace.pause(10, later), None);
        // A tenth of a second's worth, and no more.
        assert_eq!(pace.pause(10 + 100, later), None);
        assert!(pace.pause(10 + 102, later).is_some());
    }
}
