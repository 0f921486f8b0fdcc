//! Jobs in, results out: how a pool's owner and its workers meet.

use std::collections::VecDeque;

#[cfg(planted)]
use crate::planted::{Plant, is_active};
use crate::sync::{Condvar, Mutex};

/// A queue of jobs for any number of workers, and a queue of their results for one owner.
///
/// Jobs are begun in the order they were posted; results come in the order of completion.
#[derive(Debug)]
pub(crate) struct Exchange<J, R> {
    state: Mutex<State<J, R>>,
    /// Notified when there is a job for one more worker, or no more jobs will come.
    posted: Condvar,
    /// Notified when there is a result, or a worker was lost.
    delivered: Condvar,
}

#[derive(Debug)]
struct State<J, R> {
    jobs: VecDeque<J>,
    results: VecDeque<R>,
    /// Workers that wait for a job.
    idle: usize,
    is_closed: bool,
    is_worker_lost: bool,
}

/// Whether those who are there can begin everything that is posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hands {
    /// An idle worker can be had for each job.
    Enough,
    /// One more worker would have something to do.
    Short,
}

impl<J, R> Exchange<J, R> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                results: VecDeque::new(),
                idle: 0,
                is_closed: false,
                is_worker_lost: false,
            }),
            posted: Condvar::new(),
            delivered: Condvar::new(),
        }
    }

    /// Adds a job.
    pub(crate) fn post(&self, job: J) -> Hands {
        let mut state = self.state.lock();
        state.jobs.push_back(job);
        let hands = if state.idle < state.jobs.len() {
            Hands::Short
        } else {
            Hands::Enough
        };
        drop(state);
        self.posted.notify_one();
        hands
    }

    /// The next job, waiting for it; `None` once no more will come.
    pub(crate) fn next_job(&self) -> Option<J> {
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            #[cfg(planted)]
            if is_active(Plant::CheckThenWait) {
                drop(state);
                state = self.state.lock();
            }
            state.idle += 1;
            state = self.posted.wait(state);
            state.idle -= 1;
        }
    }

    /// Adds a result.
    pub(crate) fn deliver(&self, result: R) {
        self.state.lock().results.push_back(result);
        self.delivered.notify_one();
    }

    /// A result that is there already, the oldest first.
    pub(crate) fn try_result(&self) -> Option<R> {
        self.state.lock().results.pop_front()
    }

    /// The next result, waiting for it; `None` if a worker was lost, and with it perhaps the
    /// result waited for.
    pub(crate) fn wait_result(&self) -> Option<R> {
        let mut state = self.state.lock();
        loop {
            if let Some(result) = state.results.pop_front() {
                return Some(result);
            }
            if state.is_worker_lost {
                return None;
            }
            state = self.delivered.wait(state);
        }
    }

    /// Says that no more jobs will come, and takes back those that nobody began.
    pub(crate) fn close(&self) -> VecDeque<J> {
        let mut state = self.state.lock();
        state.is_closed = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        #[cfg(planted)]
        if is_active(Plant::CloseWakesOne) {
            self.posted.notify_one();
            return jobs;
        }
        self.posted.notify_all();
        jobs
    }

    /// Says that a worker ended without delivering a result.
    pub(crate) fn lose_worker(&self) {
        self.state.lock().is_worker_lost = true;
        #[cfg(planted)]
        if is_active(Plant::LossWithoutWake) {
            return;
        }
        self.delivered.notify_one();
    }
}
