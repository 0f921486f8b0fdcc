//! How far the streams of all shards are: what they have covered, which cut they have passed.

use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use super::Shared;
use crate::progress::Phase;
use crate::sync::now;

/// How far the streams of all shards are.
#[derive(Debug, Default)]
pub(super) struct Course {
    // Shards that have delivered all they had.
    covered: usize,
    // Shards whose streams have passed the last cut.
    passed: usize,
    // The number of the last cut.
    cut: u64,
    // Woken when the channels are cancelled.
    wakers: Vec<Waker>,
}

impl Course {
    pub(super) fn take_wakers(&mut self) -> Vec<Waker> {
        std::mem::take(&mut self.wakers)
    }
}

impl Shared {
    /// `waker` is woken when the channels are cancelled, or at once if they have been.
    pub(crate) fn wake_at_end(self: &Arc<Self>, waker: Waker) {
        self.state.lock().course.wakers.push(waker);
    }

    /// One shard has delivered all it had.
    pub(crate) fn cover(&self) {
        self.state.lock().course.covered += 1;
        self.changed.notify_all();
    }

    /// One shard's stream has passed the last cut.
    pub(crate) fn pass_cut(&self) {
        self.state.lock().course.passed += 1;
        self.changed.notify_all();
    }

    /// The number of the next cut across so many shards, which is about to be taken; `None` while
    /// they have not delivered all, or not passed the last one.
    pub(crate) fn begin_cut(&self, shards: usize) -> Option<u64> {
        let course = &mut self.state.lock().course;
        let ready = course.covered == shards && (course.cut == 0 || course.passed == shards);
        ready.then(|| {
            course.passed = 0;
            course.cut += 1;
            course.cut
        })
    }

    /// The cut that [`begin_cut`](Self::begin_cut) began was not taken anywhere.
    pub(crate) fn undo_cut(&self, shards: usize) {
        let course = &mut self.state.lock().course;
        course.passed = shards;
        course.cut -= 1;
    }

    /// How many shards have delivered all, how many have passed the last cut, and its number.
    pub(crate) fn course(&self) -> (usize, usize, u64) {
        let course = &self.state.lock().course;
        (course.covered, course.passed, course.cut)
    }

    /// Waits until so many shards are ready for the next cut, or the streams have failed, or
    /// `deadline`; whether they are ready.
    pub(crate) fn wait_ready(&self, shards: usize, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        loop {
            let course = &state.course;
            if course.covered == shards && (course.cut == 0 || course.passed == shards) {
                return true;
            }
            let ended = state.failure.is_some() || state.phase == Phase::Over;
            if ended || deadline.is_some_and(|deadline| now() >= deadline) {
                return false;
            }
            state = self.changed.wait_until(state, deadline);
        }
    }

    /// Waits until the snapshot is over, or so many shards are ready for the first cut, or
    /// `deadline`; whether it is over.
    #[cfg(feature = "replication")]
    pub(crate) fn wait_first(&self, shards: usize, deadline: Option<Instant>) -> bool {
        let mut state = self.state.lock();
        loop {
            let is_over = state.phase == Phase::Over;
            // What has failed takes no cut any more; it is only waited for then.
            let is_first =
                state.course.cut == 0 && state.course.covered == shards && state.failure.is_none();
            if is_over || is_first || deadline.is_some_and(|deadline| now() >= deadline) {
                return is_over;
            }
            state = self.changed.wait_until(state, deadline);
        }
    }
}
