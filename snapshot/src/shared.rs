//! What shards, sink, watch and handle of one snapshot share: its phase, its first failure, its
//! outcome, and its counters.

mod counters;
mod course;
mod share;

use std::task::Waker;
use std::time::{Duration, Instant};

use shard_runtime::Monitor;

use self::counters::Counters;
use self::course::Course;
pub(crate) use self::share::Share;
use crate::blob::Blob;
use crate::copies::Ledger;
use crate::error::SnapshotError;
use crate::events::Ending;
use crate::planted::{Bug, Plant};
use crate::progress::Phase;
use crate::report::Report;
use crate::sync::{Condvar, Mutex, MutexGuard, now};

type Outcome = Result<Report, SnapshotError>;

/// What shards, sink, watch and handle of one snapshot share.
///
/// Everything that decides anything stands in the state, under its lock.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    started: Instant,
    counters: Counters,
    monitors: Vec<Monitor<Blob>>,
    ledger: Ledger,
    plant: Plant,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    // Whether it is a snapshot that has begun; streams have no begin.
    has_begun: bool,
    // The first thing that went wrong, until it becomes the outcome.
    failure: Option<SnapshotError>,
    report: Option<Report>,
    outcome: Option<Outcome>,
    // When it was over.
    ended: Option<Instant>,
    // Since when each sink has been inside the output.
    output_since: Vec<Option<Instant>>,
    // How many sinks have not left.
    sinks: usize,
    waker: Option<Waker>,
    course: Course,
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
    /// Of a snapshot with one sink at the end of each of these channels.
    pub(crate) fn new(monitors: Vec<Monitor<Blob>>, ledger: Ledger, plant: Plant) -> Self {
        let sinks = monitors.len();
        Self {
            state: Mutex::new(State {
                phase: Phase::Writing,
                has_begun: false,
                failure: None,
                report: None,
                outcome: None,
                ended: None,
                output_since: vec![None; sinks],
                sinks,
                waker: None,
                course: Course::default(),
            }),
            changed: Condvar::new(),
            started: now(),
            counters: Counters::default(),
            monitors,
            ledger,
            plant,
        }
    }

    pub(crate) fn plant(&self) -> Plant {
        self.plant
    }

    /// What values have copied because of views that are on their way.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether this bug is planted in the snapshot.
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.plant.has(bug)
    }

    /// Ends all channels: shards deliver nothing more, sinks receive nothing more.
    pub(crate) fn cancel(&self, cause: &'static str) {
        self.ledger.end();
        for monitor in &self.monitors {
            monitor.cancel(cause);
            if self.has(Bug::CancelFirstSinkOnly) {
                return;
            }
        }
        let wakers = self.state.lock().course.take_wakers();
        wakers.iter().for_each(Waker::wake_by_ref);
    }

    /// Bytes on their way from the shards to the sinks: now, and at most.
    ///
    /// With several sinks the most is that of each added up, whenever it was.
    pub(crate) fn budget_bytes(&self) -> (usize, usize) {
        let stats = self.monitors.iter().map(Monitor::stats);
        stats.fold((0, 0), |(used, most), channel| {
            let now = channel.queued_bytes + channel.in_hand_bytes;
            (used + now, most + channel.high_water_bytes)
        })
    }

    /// Runs `work` of one sink, which may hang in the output, so that a watch can see it.
    pub(crate) fn in_output<R>(&self, sink: usize, work: impl FnOnce() -> R) -> R {
        let since = now();
        if !self.has(Bug::OverlookHungSink) {
            self.state.lock().output_since[sink] = Some(since);
        }
        let result = work();
        self.state.lock().output_since[sink] = None;
        result
    }

    /// Goes on to `phase`, unless the snapshot has failed.
    ///
    /// Whoever fails it afterwards finds out that it is too late, if `phase` is
    /// [`Phase::Publishing`].
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Cancelled`], which comes after what went wrong first.
    pub(crate) fn advance(&self, phase: Phase) -> Result<(), SnapshotError> {
        let mut state = self.state.lock();
        // Over: a watch has given up on the sink, and told the failure already.
        let failed = state.failure.is_some() && !self.has(Bug::PublishAfterFailure);
        if failed || state.phase == Phase::Over {
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
            self.keep_in(&mut state, error);
        }
    }

    fn keep_in(&self, state: &mut State, error: SnapshotError) {
        if self.has(Bug::TellLastFailure) {
            state.failure = None;
        }
        state.failure.get_or_insert(error);
        self.changed.notify_all();
    }

    /// Keeps the `error` of a sink, which knows whether anything is published.
    pub(crate) fn fail_in_sink(&self, error: SnapshotError) {
        self.keep_in(&mut self.state.lock(), error);
    }

    /// Everything is published.
    pub(crate) fn succeed(&self, report: Report) {
        self.state.lock().report = Some(report);
    }

    /// One sink's thread leaves, or never came. With the last of them the snapshot is over.
    fn leave(&self) {
        let mut state = self.state.lock();
        state.sinks -= 1;
        if state.sinks > 0 {
            return;
        }
        let outcome = match state.report.take() {
            Some(report) => Ok(report),
            None => Err(state.failure.take().unwrap_or(SnapshotError::Cancelled)),
        };
        self.end_in(state, outcome);
    }

    /// Ends the snapshot with its first failure, though the sinks have not come back; unless
    /// they are publishing.
    pub(crate) fn give_up(&self) {
        let mut state = self.state.lock();
        if state.phase < Phase::Publishing {
            let failure = state.failure.take().unwrap_or(SnapshotError::Cancelled);
            self.end_in(state, Err(failure));
        }
    }

    /// `outcome` is kept if it is the first.
    fn end_in(&self, mut state: MutexGuard<'_, State>, outcome: Outcome) {
        if state.phase == Phase::Over {
            return;
        }
        state.phase = Phase::Over;
        state.ended = Some(now());
        let ending = Ending::of(&outcome);
        state.outcome = Some(outcome);
        self.changed.notify_all();
        let waker = state.waker.take();
        let has_begun = state.has_begun;
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        if has_begun {
            ending.tell();
        } else {
            ending.tell_of_streams();
        }
    }

    /// Waits until the snapshot is over, but not longer than `timeout`; whether it is.
    pub(crate) fn wait_timeout(&self, timeout: Duration) -> bool {
        // A time too far to be told never comes.
        let deadline = now().checked_add(timeout);
        let mut state = self.state.lock();
        while state.phase != Phase::Over && deadline.is_none_or(|deadline| now() < deadline) {
            state = self.changed.wait_until(state, deadline);
        }
        state.phase == Phase::Over
    }

    /// Waits until the snapshot is over; its outcome, unless it was taken before.
    pub(crate) fn wait(&self) -> Option<Outcome> {
        let mut state = self.state.lock();
        while state.phase != Phase::Over {
            state = self.changed.wait_until(state, None);
        }
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
                state = self.changed.wait_until(state, None);
                continue;
            }
            if state.failure.is_some() {
                return Event::Failed;
            }
            let now = now();
            // The sink goes in and out of the output without a word; so look again in time. A
            // time too far to be told never comes.
            let since = state.output_since.iter().flatten().min();
            let stalled = since.unwrap_or(&now).checked_add(stall);
            if stalled.is_some_and(|stalled| now >= stalled) {
                return Event::Stalled;
            }
            if time.is_some_and(|time| now >= time) {
                return Event::Time;
            }
            let next = [time, stalled].into_iter().flatten().min();
            state = self.changed.wait_until(state, next);
        }
    }
}

#[cfg(test)]
mod tests {
    use shard_runtime::{ChannelConfig, channel};

    use super::*;
    use crate::producer::WhenSpent;

    /// Of a snapshot with one sink.
    fn shared() -> Shared {
        let monitors = vec![channel(ChannelConfig::default()).1.monitor()];
        Shared::new(monitors, Ledger::new(0, WhenSpent::Wait), Plant::default())
    }

    #[test]
    fn first_failure_is_the_cause() {
        let shared = shared();
        shared.fail(SnapshotError::ShardLost);
        shared.fail(SnapshotError::Cancelled);
        shared.advance(Phase::Syncing).unwrap_err();
        shared.fail_in_sink(SnapshotError::Cancelled);
        shared.leave();
        assert!(matches!(shared.wait(), Some(Err(SnapshotError::ShardLost))));
    }

    #[test]
    fn what_is_being_published_cannot_fail_from_outside() {
        let shared = shared();
        shared.advance(Phase::Publishing).unwrap();
        shared.fail(SnapshotError::Cancelled);
        shared.fail_in_sink(SnapshotError::SinkLost);
        shared.leave();
        assert!(matches!(shared.wait(), Some(Err(SnapshotError::SinkLost))));
    }

    #[test]
    fn given_up_snapshot_publishes_nothing() {
        let shared = shared();
        shared.fail(SnapshotError::Cancelled);
        shared.give_up();
        assert!(shared.advance(Phase::Publishing).is_err());
        assert!(matches!(shared.wait(), Some(Err(SnapshotError::Cancelled))));
    }

    #[test]
    fn time_stands_still_when_it_is_over() {
        let shared = shared();
        shared.leave();
        let ended = shared.progress();
        assert_eq!(ended.phase, Phase::Over);
        assert_eq!(shared.progress().elapsed, ended.elapsed);
    }

    #[test]
    fn watch_sees_a_sink_that_stays_in_the_output() {
        let shared = shared();
        shared.in_output(0, || {
            assert_eq!(shared.watch(None, Duration::from_millis(1)), Event::Stalled);
        });
        let soon = now() + Duration::from_millis(1);
        assert_eq!(shared.watch(Some(soon), Duration::MAX), Event::Time);
    }
}
