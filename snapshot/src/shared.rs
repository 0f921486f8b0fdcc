//! What shards, sink, watch and handle of one snapshot share: its phase, its first failure, its
//! outcome, and its counters.

use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::blob::Tally;
use crate::error::SnapshotError;
use crate::progress::{Phase, Progress};
use crate::report::Report;

type Outcome = Result<Report, SnapshotError>;

/// What shards, sink, watch and handle of one snapshot share.
///
/// Everything that decides anything stands in the state, under its lock. The counters are
/// statistics: all accesses to them are Relaxed, and no model of them is needed.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    started: Instant,
    counters: Counters,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    // The first thing that went wrong, until it becomes the outcome.
    failure: Option<SnapshotError>,
    outcome: Option<Outcome>,
    // Since when the sink has been inside the output.
    output_since: Option<Instant>,
    waker: Option<Waker>,
}

#[derive(Debug, Default)]
struct Counters {
    keys_total: AtomicU64,
    keys: AtomicU64,
    bytes: AtomicU64,
    buckets_by_traversal: AtomicU64,
    buckets_by_writes: AtomicU64,
    riders: AtomicU64,
    rider_bytes: AtomicU64,
}

/// Why a watch should look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The snapshot is over.
    Over,
    /// It has failed, or was cancelled, and is not over yet.
    Failed,
    /// The sink has been inside the output for so long.
    Stalled,
    /// The time has come that was waited for.
    Time,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                phase: Phase::Writing,
                failure: None,
                outcome: None,
                output_since: None,
                waker: None,
            }),
            changed: Condvar::new(),
            started: Instant::now(),
            counters: Counters::default(),
        }
    }

    pub(crate) fn set_keys_total(&self, keys: u64) {
        self.counters.keys_total.store(keys, Ordering::Relaxed);
    }

    /// Counts what was written.
    pub(crate) fn count(&self, tally: &Tally) {
        let add = |counter: &AtomicU64, more: u64| {
            counter.fetch_add(more, Ordering::Relaxed);
        };
        let counters = &self.counters;
        add(&counters.keys, tally.types.total());
        add(&counters.buckets_by_traversal, tally.buckets_by_traversal);
        add(&counters.buckets_by_writes, tally.buckets_by_writes);
        add(&counters.riders, tally.riders);
        add(&counters.rider_bytes, tally.rider_bytes);
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.counters.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Runs `work`, which may hang in the output, so that a watch can see it.
    pub(crate) fn in_output<R>(&self, work: impl FnOnce() -> R) -> R {
        self.state.lock().output_since = Some(Instant::now());
        let result = work();
        self.state.lock().output_since = None;
        result
    }

    /// Goes on to `phase`, unless the snapshot has failed.
    ///
    /// Whoever fails it afterwards finds out that it is too late, if `phase` is
    /// [`Phase::Publishing`].
    ///
    /// # Errors
    ///
    /// The first thing that went wrong.
    pub(crate) fn advance(&self, phase: Phase) -> Result<(), SnapshotError> {
        let mut state = self.state.lock();
        if let Some(failure) = state.failure.take() {
            return Err(failure);
        }
        if state.phase == Phase::Over {
            // A watch has given up on the sink, and told the failure already.
            return Err(SnapshotError::Cancelled);
        }
        state.phase = phase;
        Ok(())
    }

    /// Keeps `error` if it is the first and nothing is published: it is the cause, the others
    /// are its consequences.
    pub(crate) fn fail(&self, error: SnapshotError) {
        let mut state = self.state.lock();
        if state.phase < Phase::Publishing {
            state.failure.get_or_insert(error);
            self.changed.notify_all();
        }
    }

    /// The first error, if there was one.
    pub(crate) fn take_failure(&self) -> Option<SnapshotError> {
        self.state.lock().failure.take()
    }

    /// The snapshot is over; `outcome` is kept if it is the first. Without one the sink's thread
    /// knows it.
    pub(crate) fn end(&self, outcome: Option<Outcome>) {
        self.end_in(self.state.lock(), outcome);
    }

    /// Ends the snapshot with its first failure, though the sink has not come back; unless that
    /// is publishing.
    pub(crate) fn give_up(&self) {
        let mut state = self.state.lock();
        if state.phase < Phase::Publishing {
            let failure = state.failure.take().unwrap_or(SnapshotError::Cancelled);
            self.end_in(state, Some(Err(failure)));
        }
    }

    fn end_in(&self, mut state: MutexGuard<'_, State>, outcome: Option<Outcome>) {
        if state.phase == Phase::Over {
            return;
        }
        state.phase = Phase::Over;
        state.outcome = outcome;
        self.changed.notify_all();
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits until the snapshot is over, but not longer than `timeout`; whether it is.
    pub(crate) fn wait_timeout(&self, timeout: Duration) -> bool {
        let mut state = self.state.lock();
        let pending = |state: &mut State| state.phase != Phase::Over;
        self.changed.wait_while_for(&mut state, pending, timeout);
        state.phase == Phase::Over
    }

    /// Waits until the snapshot is over; its outcome, unless the sink's thread knows it.
    pub(crate) fn wait(&self) -> Option<Outcome> {
        let mut state = self.state.lock();
        self.changed
            .wait_while(&mut state, |state| state.phase != Phase::Over);
        state.outcome.take()
    }

    /// Whether the snapshot is over; if not, `waker` is woken when it is.
    pub(crate) fn poll_over(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        if state.phase == Phase::Over {
            return true;
        }
        match &mut state.waker {
            Some(kept) => kept.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        false
    }

    /// Waits for something that a watch must act on: until `time`, and until the sink has been
    /// in the output for `stall`.
    pub(crate) fn watch(&self, time: Option<Instant>, stall: Duration) -> Event {
        let mut state = self.state.lock();
        loop {
            if state.phase == Phase::Over {
                return Event::Over;
            }
            if state.phase == Phase::Publishing {
                // From here on only the sink can end it.
                self.changed.wait(&mut state);
                continue;
            }
            if state.failure.is_some() {
                return Event::Failed;
            }
            let now = Instant::now();
            // The sink goes in and out of the output without a word; so look again in time. A
            // time too far to be told never comes.
            let stalled = state.output_since.unwrap_or(now).checked_add(stall);
            if stalled.is_some_and(|stalled| now >= stalled) {
                return Event::Stalled;
            }
            if time.is_some_and(|time| now >= time) {
                return Event::Time;
            }
            match [time, stalled].into_iter().flatten().min() {
                Some(next) => drop(self.changed.wait_until(&mut state, next)),
                None => self.changed.wait(&mut state),
            }
        }
    }

    /// How far it is, when so many bytes of the budget are used, and were at most.
    pub(crate) fn progress(&self, used: usize, high_water: usize) -> Progress {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        Progress {
            phase: self.state.lock().phase,
            keys_done: get(&counters.keys),
            keys_total: get(&counters.keys_total),
            bytes: get(&counters.bytes),
            buckets_by_traversal: get(&counters.buckets_by_traversal),
            buckets_by_writes: get(&counters.buckets_by_writes),
            riders: get(&counters.riders),
            rider_bytes: get(&counters.rider_bytes),
            budget_bytes_used: used,
            budget_bytes_high_water: high_water,
            elapsed: self.started.elapsed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_failure_is_the_cause() {
        let shared = Shared::new();
        shared.fail(SnapshotError::ShardLost);
        shared.fail(SnapshotError::Cancelled);
        let failure = shared.advance(Phase::Syncing).unwrap_err();
        assert!(matches!(failure, SnapshotError::ShardLost), "{failure:?}");
    }

    #[test]
    fn what_is_being_published_cannot_fail_from_outside() {
        let shared = Shared::new();
        shared.advance(Phase::Publishing).unwrap();
        shared.fail(SnapshotError::Cancelled);
        assert!(shared.take_failure().is_none());
    }

    #[test]
    fn given_up_snapshot_publishes_nothing() {
        let shared = Shared::new();
        shared.fail(SnapshotError::Cancelled);
        shared.give_up();
        assert!(shared.advance(Phase::Publishing).is_err());
        assert!(matches!(shared.wait(), Some(Err(SnapshotError::Cancelled))));
    }

    #[test]
    fn watch_sees_a_sink_that_stays_in_the_output() {
        let shared = Shared::new();
        shared.in_output(|| {
            assert_eq!(shared.watch(None, Duration::from_millis(1)), Event::Stalled);
        });
        let soon = Instant::now() + Duration::from_millis(1);
        assert_eq!(shared.watch(Some(soon), Duration::MAX), Event::Time);
    }
}
