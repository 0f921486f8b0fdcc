//! The pace of a snapshot: how many bytes a second it may write, and which part of that is the
//! traversal's.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// The longest pause at one time: after it somebody may want the sink to hurry.
const PAUSE_MAX: Duration = Duration::from_millis(2);

/// What may be written at once after a time of little writing, in seconds' worth.
const BURST: Duration = Duration::from_millis(100);

/// One part in so many of the pace is the traversal's, however much writes deliver.
const TRAVERSAL_PART: u64 = 10;

/// Says when enough has been written for the moment.
///
/// What writes deliver goes out at once and counts against the pace. So that they cannot starve
/// the traversal, a part of the pace is for its bytes alone.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    meters: Option<Meters>,
}

#[derive(Debug, Clone)]
struct Meters {
    /// Of everything.
    all: Meter,
    /// Of what the traversal has delivered, at the part that is its own.
    swept: Meter,
}

impl Pace {
    /// A pace that begins at `from`; none waits for nothing.
    pub(crate) fn new(bytes_per_s: Option<NonZeroU64>, from: Instant) -> Self {
        let meters = bytes_per_s.map(|bytes_per_s| {
            let of_traversal = NonZeroU64::new(bytes_per_s.get() / TRAVERSAL_PART);
            Meters {
                all: Meter::new(bytes_per_s, from),
                swept: Meter::new(of_traversal.unwrap_or(NonZeroU64::MIN), from),
            }
        });
        Self { meters }
    }

    /// How long to wait before another look, now that `bytes` are written, `swept` of them
    /// delivered by the traversal; `None` to go on.
    pub(crate) fn pause(&mut self, bytes: u64, swept: u64, now: Instant) -> Option<Duration> {
        let Meters { all, swept: own } = self.meters.as_mut()?;
        // Both are asked, so that neither makes up for a time in which the other let all pass.
        let (all, own) = (all.ahead(bytes, now), own.ahead(swept, now));
        Some(all?.min(own?).min(PAUSE_MAX))
    }
}

/// How far something is ahead of a rate.
#[derive(Debug, Clone)]
struct Meter {
    bytes_per_s: NonZeroU64,
    // At `from`, `bytes` were as many as the rate allows.
    from: Instant,
    bytes: u64,
}

impl Meter {
    fn new(bytes_per_s: NonZeroU64, from: Instant) -> Self {
        Self {
            bytes_per_s,
            from,
            bytes: 0,
        }
    }

    /// After which time `bytes` are no more than the rate allows; `None` if they are not now.
    fn ahead(&mut self, bytes: u64, now: Instant) -> Option<Duration> {
        let elapsed = now.saturating_duration_since(self.from);
        let more = u128::from(bytes.saturating_sub(self.bytes));
        let due = more * 1_000_000_000 / u128::from(self.bytes_per_s.get());
        let due = Duration::from_nanos(u64::try_from(due).unwrap_or(u64::MAX));
        if due > elapsed {
            return Some(due.saturating_sub(elapsed));
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
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(from: Instant) -> Pace {
        Pace::new(NonZeroU64::new(1000), from)
    }

    #[test]
    fn nothing_waits_without_a_pace() {
        let now = Instant::now();
        assert_eq!(Pace::new(None, now).pause(u64::MAX, u64::MAX, now), None);
    }

    #[test]
    fn too_much_waits_until_it_is_due() {
        let start = Instant::now();
        let mut pace = pace(start);
        assert_eq!(pace.pause(1000, 1000, start), Some(PAUSE_MAX));
        let almost = start + Duration::from_millis(999);
        assert_eq!(
            pace.pause(1000, 1000, almost),
            Some(Duration::from_millis(1))
        );
        assert_eq!(pace.pause(1000, 1000, start + SECOND), None);
        assert!(pace.pause(1001, 1001, start + SECOND).is_some());
    }

    #[test]
    fn idle_time_is_not_made_up_for() {
        let start = Instant::now();
        let mut pace = pace(start);
        let later = start + 100 * SECOND;
        assert_eq!(pace.pause(10, 10, later), None);
        // A tenth of a second's worth, and no more.
        assert_eq!(pace.pause(10 + 100, 10 + 100, later), None);
        assert!(pace.pause(10 + 102, 10 + 102, later).is_some());
    }

    #[test]
    fn traversal_has_its_part_while_writes_are_far_ahead() {
        let start = Instant::now();
        let mut pace = pace(start);
        // An hour ahead; a hundred bytes a second are left to the traversal.
        let of_writes = 3_600_000;
        let later = start + SECOND;
        assert_eq!(pace.pause(of_writes + 100, 100, later), None);
        assert!(pace.pause(of_writes + 101, 101, later).is_some());
    }

    /// What happens next: so many milliseconds pass, and writes have delivered so many bytes.
    type Happening = (u64, u64);

    proptest! {
        /// A traversal that takes every leave it gets, beside writes of any kind.
        #[test]
        fn traversal_is_never_starved_and_never_hurries(
            bytes_per_s in 10_u64..100_000,
            happenings in prop::collection::vec((0_u64..50, 0_u64..100_000), 1..200),
        ) {
            let start = Instant::now();
            let mut pace = Pace::new(NonZeroU64::new(bytes_per_s), start);
            let blob = 1 + bytes_per_s / 100;
            let (mut now, mut of_writes, mut swept) = (start, 0, 0);
            for (ms, bytes) in happenings as Vec<Happening> {
                of_writes += bytes;
                for _ in 0..ms {
                    now += Duration::from_millis(1);
                    while pace.pause(of_writes + swept, swept, now).is_none() {
                        swept += blob;
                    }
                }
            }
            let elapsed_ms = u64::try_from((now - start).as_millis()).unwrap();
            let allowed = bytes_per_s * elapsed_ms / 1000;
            let least = (bytes_per_s / TRAVERSAL_PART) * elapsed_ms / 1000;
            prop_assert!(swept >= least, "{swept} of {least} bytes");
            prop_assert!(swept <= allowed + blob, "{swept} of {allowed} bytes");
        }
    }
}
